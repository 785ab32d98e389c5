/* Candidates with llama.cpp's own library: the shared prompt is read once and kept, every candidate is a sequence that starts
 * as its copy, and all of them are one batch, with logits of every token.
 *     cc -O2 -I $LLAMA/include -I $LLAMA/ggml/include bench/peers/llama_candidates.c -L $LLAMA_BIN -lllama -lggml -lggml-base -o llama_candidates
 *     LD_LIBRARY_PATH=$LLAMA_BIN ./llama_candidates MODEL.gguf [PROMPT CANDIDATES TITLE REPEATS THREADS]
 * Prints the median seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "llama.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void add(struct llama_batch *b, int token, int position, int sequence, int logits)
{
    int i = b->n_tokens++;
    b->token[i] = token;
    b->pos[i] = position;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = sequence;
    b->logits[i] = (int8_t)logits;
}

int main(int argc, char **argv)
{
    int prompt = argc > 2 ? atoi(argv[2]) : 256, n = argc > 3 ? atoi(argv[3]) : 100, title = argc > 4 ? atoi(argv[4]) : 8;
    int repeats = argc > 5 ? atoi(argv[5]) : 3, threads = argc > 6 ? atoi(argv[6]) : 2;
    double took[100];
    if (argc < 2 || repeats > 100) return 2;
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return 1;
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = (uint32_t)(prompt + n * title + 64);
    p.n_batch = (uint32_t)(n * title > prompt ? n * title : prompt);
    p.n_ubatch = p.n_batch < 512 ? p.n_batch : 512;
    p.n_seq_max = (uint32_t)n + 1;
    p.n_threads = p.n_threads_batch = threads;
    p.kv_unified = true;
    struct llama_context *c = llama_init_from_model(model, p);
    if (!c) return 1;
    struct llama_batch first = llama_batch_init(prompt, 0, 1), rest = llama_batch_init(n * title, 0, 1);
    int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    srand(1);
    for (int r = -1; r < repeats; r++) {
        first.n_tokens = rest.n_tokens = 0;
        for (int i = 0; i < prompt; i++) add(&first, rand() % vocab, i, 0, i == prompt - 1);
        for (int s = 0; s < n; s++)
            for (int i = 0; i < title; i++) add(&rest, rand() % vocab, prompt + i, s + 1, 1);
        llama_memory_clear(llama_get_memory(c), true);
        double began = now();
        if (llama_decode(c, first)) return 1;
        for (int s = 0; s < n; s++) llama_memory_seq_cp(llama_get_memory(c), 0, s + 1, 0, prompt);
        if (llama_decode(c, rest)) return 1;
        volatile float v = llama_get_logits_ith(c, n * title - 1)[0];
        (void)v;
        if (r >= 0) took[r] = now() - began;
    }
    qsort(took, (size_t)repeats, sizeof *took, ascending);
    printf("%.4f\n", took[repeats / 2]);
    return 0;
}

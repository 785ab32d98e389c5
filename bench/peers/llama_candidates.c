/* The two workloads of bench_candidates.c by llama.cpp's own library, as well as it can: the shared beginning is computed once,
 * its cells are shared by sequences (llama_memory_seq_cp), all continuations are one batch over one unified cache, a
 * continuation's last token is not run, logits only where they are used. Reading the logits (a log-softmax) is not counted.
 *
 *     llama_candidates MODEL.gguf THREADS REPEATS       -> lines "candidates SECONDS", "users SECONDS" */
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHARED = 256, TITLES = 100, TITLE = 8, USERS = 20, PREAMBLE = 200, OWN = 56 };

static double now(void)
{
    struct timespec t;
    clock_gettime(getenv("CPU_TIME") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void put(struct llama_batch *b, llama_token token, int position, int sequence, int logits)
{
    b->token[b->n_tokens] = token;
    b->pos[b->n_tokens] = position;
    b->n_seq_id[b->n_tokens] = 1;
    b->seq_id[b->n_tokens][0] = sequence;
    b->logits[b->n_tokens++] = (int8_t)logits;
}

/* One shared beginning, n sequences of `own` tokens behind it. */
static double run(struct llama_context *c, struct llama_batch *b, int vocab, int shared, int n, int own, int every)
{
    llama_memory_t memory = llama_get_memory(c);
    llama_memory_clear(memory, true);
    double began = now();
    b->n_tokens = 0;
    for (int i = 0; i < shared; i++) put(b, rand() % vocab, i, 0, every && i + 1 == shared);
    if (llama_decode(c, *b)) exit(2);
    for (int s = 1; s < n; s++) llama_memory_seq_cp(memory, 0, s, -1, -1);
    b->n_tokens = 0;
    for (int s = 0; s < n; s++)
        for (int i = 0; i < own; i++) put(b, rand() % vocab, shared + i, s, every || i + 1 == own);
    if (llama_decode(c, *b)) exit(3);
    llama_synchronize(c);
    return now() - began;
}

int main(int argc, char **argv)
{
    if (argc < 4) return 1;
    int threads = atoi(argv[2]), repeats = atoi(argv[3]);
    const char *ubatch = getenv("UBATCH");
    llama_backend_init();
    struct llama_model_params mp = llama_model_default_params();
    if (getenv("PLAIN")) mp.use_extra_bufts = false; /* its AMX kernels end in SIGILL on some virtual machines */
    struct llama_model *m = llama_model_load_from_file(argv[1], mp);
    if (!m) return 1;
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = 4096;
    p.n_batch = 2048;
    p.n_ubatch = ubatch ? (uint32_t)atoi(ubatch) : 512;
    p.n_seq_max = TITLES;
    p.kv_unified = true;
    p.n_threads = p.n_threads_batch = threads;
    struct llama_context *c = llama_init_from_model(m, p);
    if (!c) return 1;
    int vocab = llama_vocab_n_tokens(llama_model_get_vocab(m));
    struct llama_batch b = llama_batch_init(2048, 0, 1);
    for (int i = 0; i <= repeats; i++) {
        double candidates = run(c, &b, vocab, SHARED, TITLES, TITLE - 1, 1),
               users = run(c, &b, vocab, PREAMBLE, USERS, OWN, 0);
        if (i) printf("candidates %.4f\nusers %.4f\n", candidates, users);
    }
    llama_batch_free(b);
    llama_free(c);
    llama_model_free(m);
    return 0;
}

/* Logits of llama.cpp: llama_logits MODEL.gguf THREADS [hidden] < ids > f32. Each line of stdin is one sequence of token ids; every
 * position's logits come out, row after row. An encoder-decoder reads two lines at a time, what its encoder and what its decoder
 * gets. "hidden": last hidden states instead, of an encoder. Built by bench/gguf.sh and export.sh against a llama.cpp tree. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "llama.h"

enum { MOST = 4096 };

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static int ids_of(const char *line, llama_token *id)
{
    int n = 0, used = 0, v;
    for (const char *p = line; n < MOST && sscanf(p, "%d%n", &v, &used) == 1; p += used) id[n++] = v;
    return n;
}

static struct llama_batch batch_of(const llama_token *id, int n)
{
    struct llama_batch b = llama_batch_init(n, 0, 1);
    for (int i = 0; i < n; i++) {
        b.token[i] = id[i];
        b.pos[i] = i;
        b.n_seq_id[i] = 1;
        b.seq_id[i][0] = 0;
        b.logits[i] = 1;
    }
    b.n_tokens = n;
    return b;
}

int main(int argc, char **argv)
{
    if (argc < 3) return fprintf(stderr, "usage: llama_logits MODEL.gguf THREADS [hidden] < ids\n"), 2;
    bool hidden = argc > 3;
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    mp.use_extra_bufts = false; /* plain kernels: values, not speed, are compared */
    struct llama_model *m = llama_model_load_from_file(argv[1], mp);
    if (!m) return 1;
    size_t width = (size_t)(hidden ? llama_model_n_embd(m) : llama_vocab_n_tokens(llama_model_get_vocab(m)));
    static char line[1 << 16];
    while (fgets(line, sizeof line, stdin)) {
        static llama_token id[MOST];
        int n = ids_of(line, id);
        if (!n) continue;
        struct llama_context_params cp = llama_context_default_params();
        cp.n_ctx = cp.n_batch = cp.n_ubatch = (uint32_t)(n < 256 ? 256 : n);
        cp.n_threads = cp.n_threads_batch = atoi(argv[2]);
        cp.type_k = cp.type_v = GGML_TYPE_F32;
        cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
        if (hidden) cp.embeddings = true, cp.pooling_type = LLAMA_POOLING_TYPE_NONE;
        struct llama_context *c = llama_init_from_model(m, cp);
        if (!c) return 1;
        struct llama_batch b = batch_of(id, n);
        if (llama_model_has_encoder(m)) {
            if (llama_encode(c, b)) return fprintf(stderr, "llama_encode failed\n"), 1;
            llama_batch_free(b);
            if (!fgets(line, sizeof line, stdin) || !(n = ids_of(line, id))) return 1;
            b = batch_of(id, n);
        }
        if (llama_decode(c, b)) return fprintf(stderr, "llama_decode failed\n"), 1;
        for (int i = 0; i < n; i++) {
            const float *row = hidden ? llama_get_embeddings_ith(c, i) : llama_get_logits_ith(c, i);
            if (!row || fwrite(row, sizeof(float), width, stdout) != width) return 1;
        }
        llama_batch_free(b);
        llama_free(c);
    }
    llama_model_free(m);
    return 0;
}

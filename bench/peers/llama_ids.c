/* Ids of llama.cpp's tokenizer: llama_ids MODEL.gguf < texts > ids. Texts come on stdin, a NUL after each; a line of ids for each goes
 * out, without special tokens around it or in it. Built by bench/export.sh against a llama.cpp tree. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "llama.h"

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: llama_ids MODEL.gguf < texts\n"), 2;
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params mp = llama_model_default_params();
    mp.vocab_only = true;
    struct llama_model *m = llama_model_load_from_file(argv[1], mp);
    if (!m) return 1;
    const struct llama_vocab *v = llama_model_get_vocab(m);
    char *text = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getdelim(&text, &cap, 0, stdin)) >= 0;) {
        if (n && text[n - 1] == 0) n--;
        int32_t room = (int32_t)n + 16;
        llama_token *id = malloc((size_t)room * sizeof *id);
        int32_t k = llama_tokenize(v, text, (int32_t)n, id, room, false, false);
        if (k < 0 && (id = realloc(id, (size_t)-k * sizeof *id)))
            k = llama_tokenize(v, text, (int32_t)n, id, -k, false, false);
        for (int32_t i = 0; i < k; i++) printf(i ? " %d" : "%d", id[i]);
        puts("");
        free(id);
    }
    free(text);
    llama_model_free(m);
    return 0;
}

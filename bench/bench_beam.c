/* Constrained beams over semantic ids: 32 beams, 4 codes of 256 each, 12,000 items, a 134 M LLaMA (SmolLM-135M's shape, with a
 * vocabulary of the codes), a history of 200 tokens.
 *
 *     bench_beam FOLDER [REPEATS]       draws the model into FOLDER if it is not there, with items.txt and history.txt
 *                                       -> "SECONDS f32|bf16 VALID" a run, then the items of the last run
 * CPU_TIME counts the CPU's seconds of all threads instead of the clock's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "lm/decode/decode.h"
#include "lm/model_folder.h"
#include "tensor/rng.h"

enum { ITEMS = 12000, CODES = 4, EACH = 256, FIRST = 4, HISTORY = 200, BEAMS = 32 };

static int32_t item[ITEMS * CODES], history[HISTORY];
static uint64_t start[ITEMS + 1];

static double seconds(void)
{
    struct timespec t;
    clock_gettime(getenv("CPU_TIME") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void draw(void)
{
    rng r = rng_make(1, RNG_USER);
    for (int i = 0; i < ITEMS; i++) {
        start[i + 1] = (uint64_t)(i + 1) * CODES;
        for (int c = 0; c < CODES; c++) item[i * CODES + c] = FIRST + c * EACH + (int32_t)rng_below(&r, EACH);
    }
    for (int i = 0; i < HISTORY; i++) history[i] = FIRST + i % CODES * EACH + (int32_t)rng_below(&r, EACH);
}

static lorec_err write_ids(const char *folder, const char *name, const int32_t *id, size_t rows, size_t width)
{
    buf path = {0};
    writer w;
    lorec_err e = path_join(&path, folder, name);
    if (!e) e = writer_open(&w, path.p);
    if (!e) {
        for (size_t i = 0; i < rows * width; i++) writer_printf(&w, "%d%c", id[i], (i + 1) % width ? ' ' : '\n');
        e = writer_commit(&w);
    }
    buf_free(&path);
    return e;
}

static lorec_err make(const char *folder)
{
    lm_model *m;
    transformer_config c = {.vocab_size = FIRST + CODES * EACH,
                            .width = 576,
                            .layers = 30,
                            .heads = 9,
                            .kv_heads = 3,
                            .ffn_width = 1536,
                            .max_positions = 2048,
                            .activation = ACT_SILU,
                            .rope = {.base = 10000},
                            .weights = INIT_NORMAL(.04)};
    TRY(folder_make(folder));
    TRY(lm_model_new(&m, "llama", &c, 1));
    lorec_err e = lm_model_save(m, folder);
    lm_model_free(m);
    if (!e) e = write_ids(folder, "items.txt", item, ITEMS, CODES);
    return e ? e : write_ids(folder, "history.txt", history, 1, HISTORY);
}

static lorec_err run(lm_session *s, const trie *items, const char *kind, bool told)
{
    constraint only = constraint_of_trie(items);
    decode_options o = {.count = BEAMS, .max_tokens = CODES, .end = -1, .only = &only};
    decoded d;
    size_t valid = 0;
    double began = seconds();
    lorec_err e = decode_beam(s, history, &(int32_t){HISTORY}, 1, &o, &d);
    double took = seconds() - began;
    for (size_t i = 0; i < d.n && !e; i++) {
        size_t values = 0;
        uint32_t node = trie_find(items, d.found[i].token, (size_t)d.found[i].n);
        if (node != TRIE_NONE) (void)trie_values(items, node, &values);
        valid += values > 0;
    }
    if (!e) printf("%.4f %s %zu/%zu\n", took, kind, valid, d.n);
    for (size_t i = 0; told && i < d.n && !e; i++) {
        for (int64_t j = 0; j < d.found[i].n; j++)
            printf("%d%c", d.found[i].token[j], j + 1 < d.found[i].n ? ' ' : '\n');
    }
    decoded_free(&d);
    return e;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "beam-model";
    int repeats = argc > 2 ? atoi(argv[2]) : 3;
    trie items = {0};
    lm_model *m = NULL;
    draw();
    lorec_err e = folder_exists(folder) ? LOREC_OK : make(folder);
    if (!e) e = trie_build(&items, item, start, ITEMS);
    for (int bf16 = 1; bf16 >= 0 && !e; bf16--) {
        lm_session *s = NULL;
        e = lm_model_open_as(&m, folder, bf16 ? LM_BF16 : LM_F32);
        if (!e) e = lm_session_open(&s, m->net, &(lm_session_options){.bf16 = bf16});
        for (int i = 0; i <= repeats && !e; i++)
            e = run(s, &items, i ? bf16 ? "bf16" : "f32" : "first", !bf16 && i == repeats);
        lm_session_free(s);
        lm_model_free(m);
        m = NULL;
    }
    if (e) fprintf(stderr, "%s\n", lorec_error_message());
    trie_free(&items);
    return (int)e;
}

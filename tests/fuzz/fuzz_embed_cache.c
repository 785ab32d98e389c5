/* Any bytes as one pair of the embedding cache's files: the cache opens, gives right vectors, and keeps them. The first two
 * bytes say how many belong to the keys' file; the rest is the vectors'. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/threads.h"
#include "lm/embed/embed_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIDTH = 8 };

static struct {
    char folder[256], below[600];
    embedder *e;
    float right[WIDTH];
} all;

static void must(lorec_err e)
{
    if (e) {
        fprintf(stderr, "%s\n", lorec_error_message());
        abort();
    }
}

static void put(const char *name, const void *bytes, size_t n)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", all.below[0] ? all.below : all.folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f)) abort();
}

static void finish(void)
{
    embedder_free(all.e);
    (void)folder_remove(all.folder);
}

static void start(void)
{
    log_set_level(LOG_QUIET);
    par_set_workers(1);
    snprintf(all.folder, sizeof all.folder, "%s/lorec-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(all.folder)) abort();
    atexit(finish);
    transformer_config c = {.vocab_size = 7,
                            .width = WIDTH,
                            .layers = 1,
                            .heads = 2,
                            .ffn_width = 8,
                            .max_positions = 4,
                            .token_types = 1,
                            .activation = ACT_GELU,
                            .weights = INIT_NORMAL(.3)};
    lm_model *m;
    must(lm_model_new(&m, "bert", &c, 1));
    must(lm_model_save(m, all.folder));
    lm_model_free(m);
    static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n";
    put("vocab.txt", words, sizeof words - 1);
    must(embedder_open(&all.e, all.folder, NULL));
    slice text = slice_of("a");
    must(embedder_texts(all.e, &text, 1, all.right));
    char cache[300], **names;
    size_t n;
    embed_cache *first;
    snprintf(cache, sizeof cache, "%s/cache", all.folder);
    must(embed_cache_open(&first, all.e, cache));
    embed_cache_close(first);
    must(folder_list(cache, &names, &n));
    snprintf(all.below, sizeof all.below, "%s/%s", cache, names[0]);
    names_free(names, n);
}

/* Whatever else an earlier input left. */
static void clean(void)
{
    char **names, path[1000];
    size_t n;
    must(folder_list(all.below, &names, &n));
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", all.below, names[i]);
        if (strcmp(names[i], "settings.json") != 0) unlink(path);
    }
    names_free(names, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!all.e) start();
    if (size < 2) return 0;
    size_t keys = (size_t)data[0] | (size_t)data[1] << 8;
    if (keys > size - 2) keys = size - 2;
    clean();
    put("x.keys.npy", data + 2, keys);
    put("x.npy", data + 2 + keys, size - 2 - keys);
    char cache[300];
    snprintf(cache, sizeof cache, "%s/cache", all.folder);
    slice text = slice_of("a");
    float x[WIDTH];
    for (int round = 0; round < 2; round++) {
        embed_cache *c;
        must(embed_cache_open(&c, all.e, cache));
        must(embed_cache_texts(c, &text, 1, x));
        if (round && embed_cache_count(c).computed) abort();
        embed_cache_close(c);
    }
    for (int k = 0; k < WIDTH; k++)
        if (!(fabsf(x[k] - all.right[k]) <= 1e-6f)) abort();
    return 0;
}

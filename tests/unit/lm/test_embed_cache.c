/* The embedding cache: each text once, through kills and damage; other settings and weights keep apart. */
#include "support/support.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/threads.h"
#include "lm/embed/embed_cache.h"

enum { N = 40, WIDTH = 16 };

static char text[N][16];
static slice line[N];

static const char *model(const char *name, uint64_t seed)
{
    const char *path = test_path(name);
    assert_ok(folder_make(path));
    transformer_config c = {.vocab_size = 12,
                            .width = WIDTH,
                            .layers = 1,
                            .heads = 4,
                            .ffn_width = 24,
                            .max_positions = 10,
                            .token_types = 2,
                            .activation = ACT_GELU,
                            .weights = INIT_NORMAL(.3)};
    lm_model *m;
    assert_ok(lm_model_new(&m, "bert", &c, seed));
    assert_ok(lm_model_save(m, path));
    lm_model_free(m);
    char file[64];
    snprintf(file, sizeof file, "%s/vocab.txt", name);
    test_file(file, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\n");
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "%c %c %c", 'a' + i % 7, 'a' + i / 7 % 7, i % 2 ? 'g' : 'a');
        line[i] = slice_of(text[i]);
    }
    return path;
}

static embed_cache_counts fill(const embedder *e, const char *folder, size_t n, float *x)
{
    embed_cache *c;
    assert_ok(embed_cache_open(&c, e, folder));
    embed_cache_every(c, 8);
    assert_ok(embed_cache_texts(c, line, n, x));
    embed_cache_counts counts = embed_cache_count(c);
    embed_cache_close(c);
    return counts;
}

static void each_text_once(void **state)
{
    (void)state;
    const char *path = model("m", 1), *folder = test_path("cache");
    embedder *e;
    static float plain[N * WIDTH], x[N * WIDTH], twice[4 * WIDTH];
    assert_ok(embedder_open(&e, path, NULL));
    assert_ok(embedder_texts(e, line, N, plain));
    embed_cache_counts c = fill(e, folder, 20, x);
    assert_int_equal(c.computed, 20);
    c = fill(e, folder, N, x);
    assert_int_equal(c.computed, N - 20);
    assert_int_equal(c.found, 20);
    c = fill(e, folder, N, x);
    assert_int_equal(c.computed, 0);
    assert_int_equal(c.kept, N);
    for (int i = 0; i < N * WIDTH; i++) assert_near(x[i], plain[i], 1e-6);

    embed_cache *cache; /* the same text twice in one call */
    assert_ok(embed_cache_open(&cache, e, test_path("other")));
    assert_ok(embed_cache_texts(cache, (slice[]){line[0], line[1], line[0], slice_of("")}, 4, twice));
    assert_int_equal(embed_cache_count(cache).computed, 3);
    assert_memory_equal(twice, twice + 2 * WIDTH, WIDTH * sizeof *twice);
    embed_cache_close(cache);
    embedder_free(e);

    /* other settings and other weights do not see it */
    assert_ok(embedder_open(&e, path, &(embed_options){.pooling = "cls"}));
    assert_int_equal(fill(e, folder, N, x).computed, N);
    embedder_free(e);
    assert_ok(embedder_open(&e, model("m2", 2), NULL));
    assert_int_equal(fill(e, folder, N, x).computed, N);
    embedder_free(e);
}

/* The n-th regular file below folder that ends in `end`; how many there are. */
static size_t files(const char *folder, const char *end, size_t which, char *path)
{
    char **sub, **names;
    size_t n_sub, n, found = 0;
    assert_ok(folder_list(folder, &sub, &n_sub));
    for (size_t s = 0; s < n_sub; s++) {
        char below[700];
        snprintf(below, sizeof below, "%s/%s", folder, sub[s]);
        assert_ok(folder_list(below, &names, &n));
        for (size_t i = 0; i < n; i++) {
            size_t length = strlen(names[i]);
            if (length < strlen(end) || strcmp(names[i] + length - strlen(end), end) != 0) continue;
            if (found++ == which) snprintf(path, 1400, "%s/%s", below, names[i]);
        }
        names_free(names, n);
    }
    names_free(sub, n_sub);
    return found;
}

static void survives_damage(void **state)
{
    (void)state;
    const char *path = model("m", 1), *folder = test_path("damaged");
    embedder *e;
    static float plain[N * WIDTH], x[N * WIDTH];
    char file[1400];
    assert_ok(embedder_open(&e, path, NULL));
    assert_ok(embedder_texts(e, line, N, plain));
    assert_int_equal(fill(e, folder, N, x).computed, N);
    assert_int_equal(files(folder, ".keys.npy", 0, file), N / 8);
    assert_int_equal(unlink(file), 0); /* a pair that was not finished */
    files(folder, ".keys.npy", 1, file);
    assert_int_equal(truncate(file, 100), 0);
    files(folder, ".keys.npy", 2, file);
    memcpy(file + strlen(file) - 9, ".npy", 5);
    FILE *f = fopen(file, "r+b"); /* a bit of a vector turns */
    assert_non_null(f);
    assert_int_equal(fseek(f, 200, SEEK_SET), 0);
    int byte = fgetc(f);
    assert_int_equal(fseek(f, 200, SEEK_SET), 0);
    fputc(byte ^ 16, f);
    assert_int_equal(fclose(f), 0);
    embed_cache_counts c = fill(e, folder, N, x);
    assert_int_equal(c.computed, 24);
    for (int i = 0; i < N * WIDTH; i++) assert_near(x[i], plain[i], 1e-6);
    embedder_free(e);
}

/* A process that is killed while it fills the cache loses at most what it was at. */
static void survives_kills(void **state)
{
    (void)state;
    const char *path = model("m", 1), *folder = test_path("killed");
    static float plain[N * WIDTH], x[N * WIDTH];
    embedder *e;
    par_set_workers(1); /* no team of threads that a fork would lose */
    assert_ok(embedder_open(&e, path, NULL));
    assert_ok(embedder_texts(e, line, N, plain));
    for (int round = 0; round < 6; round++) {
        pid_t child = fork();
        if (child == 0) {
            embed_cache *c;
            if (embed_cache_open(&c, e, folder)) _exit(1);
            embed_cache_every(c, 1);
            for (;;) (void)embed_cache_texts(c, line, (size_t)(round + 1) * 5, x);
        }
        usleep(2000 + 1500 * (unsigned)round);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    (void)fill(e, folder, N, x);
    for (int i = 0; i < N * WIDTH; i++) assert_near(x[i], plain[i], 1e-6);
    assert_int_equal(fill(e, folder, N, x).computed, 0);
    embedder_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_text_once), cmocka_unit_test(survives_damage),
                                       cmocka_unit_test(survives_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

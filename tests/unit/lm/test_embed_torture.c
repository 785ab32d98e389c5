/* Memory that runs out at any allocation while a model is opened for embedding or a text is embedded: an error each time, and
 * nothing kept (the sanitizer's build tells). */
#include "support/support.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/embed/embed_cache.h"

static lorec_err everything(const char *path, const char *cache, float *x)
{
    embedder *e;
    embed_cache *c = NULL;
    slice text[2] = {slice_of("a b"), slice_of("c")};
    TRY(embedder_open(&e, path, &(embed_options){.prompt = "d "}));
    lorec_err err = embedder_texts(e, text, 2, x);
    if (!err) err = embed_cache_open(&c, e, cache);
    if (!err) err = embed_cache_texts(c, text, 2, x);
    embed_cache_close(c);
    embedder_free(e);
    return err;
}

static void memory_runs_out(void **state)
{
    (void)state;
    const char *path = test_path("m");
    char cache[600];
    assert_ok(folder_make(path));
    snprintf(cache, sizeof cache, "%s", test_path("cache"));
    transformer_config c = {.vocab_size = 9,
                            .width = 8,
                            .layers = 1,
                            .heads = 2,
                            .ffn_width = 8,
                            .max_positions = 8,
                            .token_types = 1,
                            .activation = ACT_GELU,
                            .weights = INIT_NORMAL(.3)};
    lm_model *m;
    assert_ok(lm_model_new(&m, "bert", &c, 1));
    assert_ok(lm_model_save(m, path));
    lm_model_free(m);
    test_file("m/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\n");
    test_file("m/modules.json",
              "[{\"path\": \"\", \"type\": \"x.Transformer\"}, {\"path\": \"1_P\", \"type\": \"x.Pooling\"},"
              " {\"path\": \"2_N\", \"type\": \"x.Normalize\"}]");
    assert_ok(folder_make(test_path("m/1_P")));
    test_file("m/1_P/config.json", "{\"pooling_mode\": [\"mean\", \"cls\"]}");
    float x[32], y[32];
    par_set_workers(1);
    assert_ok(everything(path, cache, x));
    size_t n = 1, failed = 0;
    for (;; n += 1 + n / 40) { /* every one of the first forty, then ever fewer */
        assert_ok(folder_remove(cache));
        mem_fail_at(n, false);
        lorec_err e = everything(path, cache, y);
        size_t counted = mem_fail_at(0, false);
        if (counted < n) break;      /* it needs no n-th allocation */
        if (e == LOREC_OK) continue; /* something that can be done without */
        assert_true(lorec_error_message()[0]);
        failed++;
    }
    assert_true(failed > 20);
    assert_ok(everything(path, cache, y));
    for (int k = 0; k < 32; k++) assert_near(x[k], y[k], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Weights: one face of every model file: folders of Hugging Face's, whole and in shards, and what can be wrong with them. */
#include "support/support.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "lm/weights.h"
#include "tensor/safetensors.h"

static const float values[] = {1, 2, 3, 4, 5, 6};

static void write_two(const char *path, const char *a, const char *b)
{
    const st_item items[] = {{a, ELEM_F32, 2, (int64_t[]){3, 2}, values}, {b, ELEM_F32, 1, (int64_t[]){4}, values + 2}};
    assert_ok(safetensors_write(path, items, b ? 2 : 1, NULL, 0));
}

static const char *folder_of(const char *name, const char *config)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s", test_path(name));
    assert_ok(folder_make(path));
    char file[64];
    snprintf(file, sizeof file, "%s/config.json", name);
    if (config) test_file(file, config);
    return path;
}

static void a_folder(void **state)
{
    (void)state;
    const char *folder = folder_of("whole", "{\"model_type\": \"gpt2\"}");
    write_two(test_path("whole/model.safetensors"), "b", "a");
    weights *w;
    assert_ok(weights_open(&w, folder));
    assert_string_equal(weights_format(w), "safetensors");
    assert_string_equal(weights_folder(w), folder);
    assert_string_equal(json_string_value(json_object_get(weights_config(w), "model_type")), "gpt2");
    assert_int_equal(weights_count(w), 2);
    assert_string_equal(weights_at(w, 0)->name, "a");
    const weight *b = weights_find(w, "b");
    assert_non_null(b);
    assert_null(weights_find(w, "c"));
    assert_int_equal(weight_rows(b), 3);
    assert_int_equal(weight_values(b), 6);
    float got[6] = {0};
    assert_ok(weights_read_f32(w, b, 1, 2, got));
    assert_memory_equal(got, values + 2, 4 * sizeof *got);
    assert_ok(weights_read(w, b, 0, 3, got));
    assert_memory_equal(got, values, sizeof values);
    assert_fails(weights_read_f32(w, b, 2, 2, got), LOREC_USAGE, "3 rows");
    weights_close(w);

    /* the file alone: config.json beside it is its */
    assert_ok(weights_open(&w, test_path("whole/model.safetensors")));
    assert_non_null(weights_config(w));
    weights_close(w);
}

static void cut_off_while_open(void **state)
{
    (void)state;
    folder_of("cut", "{}");
    const char *path = test_path("cut/model.safetensors");
    write_two(path, "a", "b");
    weights *w;
    assert_ok(weights_open(&w, test_path("cut")));
    assert_int_equal(truncate(test_path("cut/model.safetensors"), 150), 0);
    float got[6];
    assert_fails(weights_read_f32(w, weights_find(w, "b"), 0, 1, got), LOREC_INPUT, "cut off");
    weights_close(w);
}

static void shards(void **state)
{
    (void)state;
    const char *folder = folder_of("shards", "{}");
    write_two(test_path("shards/m-1.safetensors"), "a", "b");
    write_two(test_path("shards/m-2.safetensors"), "c", NULL);
    static const char index[] = "shards/model.safetensors.index.json";
    weights *w;
    test_file(index,
              "{\"weight_map\": {\"a\": \"m-1.safetensors\", \"c\": \"m-2.safetensors\", \"b\": \"m-1.safetensors\"}}");
    assert_ok(weights_open(&w, folder));
    assert_int_equal(weights_count(w), 3);
    float got[6];
    assert_ok(weights_read_f32(w, weights_find(w, "c"), 0, 3, got));
    assert_memory_equal(got, values, sizeof values);
    weights_close(w);

    static const struct {
        const char *map, *why;
    } bad[] = {
        {"{}", "weight_map"},
        {"{\"weight_map\": []}", "weight_map"},
        {"{\"weight_map\": {\"d\": \"m-1.safetensors\"}}", "tensor d is not in m-1"},
        {"{\"weight_map\": {\"a\": \"m-3.safetensors\"}}", "m-3.safetensors"},
        {"{\"weight_map\": {\"a\": \"../m-1.safetensors\"}}", "not in a file of this folder"},
        {"{\"weight_map\": {\"a\": \"\"}}", "not in a file of this folder"},
        {"{\"weight_map\": {\"a\": 3}}", "not in a file of this folder"},
        {"{\"weight_map\": {\"a\": \"model.safetensors.index.json\"}}", "no model file"},
        {"{\"weight_map\": {\"a\": \".\"}}", "regular file"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_file(index, bad[i].map);
        assert_fails(weights_open(&w, folder), LOREC_INPUT, bad[i].why);
    }
    write_two(test_path("shards/m-2.safetensors"), "b", NULL);
    test_file(index, "{\"weight_map\": {\"a\": \"m-1.safetensors\", \"b\": \"m-2.safetensors\"}}");
    assert_fails(weights_open(&w, folder), LOREC_INPUT, "two tensors named b");
}

static void what_is_no_model(void **state)
{
    (void)state;
    weights *w;
    assert_fails(weights_open(&w, test_path("nowhere")), LOREC_INPUT, "no such model");
    assert_fails(weights_open(&w, folder_of("empty", NULL)), LOREC_INPUT, "config.json");
    assert_fails(weights_open(&w, test_file("nothing.bin", "")), LOREC_INPUT, "no model file");
    assert_fails(weights_open(&w, test_file("text.gguf", "hello, this is no model at all")), LOREC_INPUT,
                 "no model file");
    assert_int_equal(symlink("loop", test_path("loop")), 0);
    assert_fails(weights_open(&w, test_path("loop")), LOREC_INPUT, "loop");
    /* a config without weights can still be asked for its config */
    assert_ok(weights_open(&w, folder_of("bare", "{\"a\": 1}")));
    assert_int_equal(weights_count(w), 0);
    weights_close(w);
}

/* Every kept file of the fuzz targets, opened while the k-th allocation fails: an error with a message, and no leak (ASan). */
static void memory_runs_out(void **state)
{
    (void)state;
    static const char *const targets[] = {"torch", "llama2c", "gguf_model", "safetensors"};
    size_t opened = 0;
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
        char folder[1024], path[2048], **names;
        size_t n;
        snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", getenv("LOREC_SOURCE_DIR"), targets[t]);
        assert_ok(folder_list(folder, &names, &n));
        for (size_t i = 0; i < n; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, names[i]);
            for (size_t k = 1;; k++) {
                weights *w;
                mem_fail_at(k, k % 2);
                lorec_err e = weights_open(&w, path);
                mem_fail_at(0, false);
                if (e == LOREC_RESOURCE) continue;
                if (!e) opened++, weights_close(w);
                break;
            }
        }
        names_free(names, n);
    }
    assert_true(opened > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_folder), cmocka_unit_test(cut_off_while_open),
                                       cmocka_unit_test(shards), cmocka_unit_test(what_is_no_model),
                                       cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

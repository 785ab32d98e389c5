/* Models in parts, NAME-00001-of-00003.gguf, as llama.cpp's gguf-split writes them. */
#include "support/support.h"

#include "base/file.h"
#include "base/mem.h"
#include "lm/convert/convert.h"
#include "tiny_lm.h"

enum { PARTS = 3 };

static const char *part_path(int i)
{
    static char path[1100];
    snprintf(path, sizeof path, "%s/tiny-%05d-of-%05d.gguf", test_path("parts"), i + 1, PARTS);
    return path;
}

/* Every third tensor into its part; `no` and `count` are what the part says of itself. */
static void write_part(const gguf *g, int i, int no, int count, int tensors)
{
    gguf_writer o = {0};
    for (size_t k = 0; k < g->n_keys && i == 0; k++) gguf_put_key(&o, &g->key[k]);
    gguf_put_array(&o, "test.filler", GGUF_U8, "abc", (size_t)i);
    gguf_put_u32(&o, "split.no", (uint32_t)no);
    gguf_put_u32(&o, "split.count", (uint32_t)count);
    gguf_put_u32(&o, "split.tensors.count", (uint32_t)tensors);
    for (size_t t = (size_t)i; t < g->n_tensors; t += PARTS) {
        char name[GGUF_NAME_MAX + 1];
        const gguf_tensor *x = &g->tensor[t];
        snprintf(name, sizeof name, "%.*s", (int)x->name.n, x->name.p);
        gguf_put_tensor(&o, name, x->type, x->ndim, x->size);
    }
    assert_ok(gguf_begin(&o, part_path(i)));
    for (size_t t = (size_t)i; t < g->n_tensors; t += PARTS) {
        void *bytes = malloc(g->tensor[t].bytes + 1);
        assert_ok(blob_read(&g->file, g->tensor[t].at, bytes, g->tensor[t].bytes));
        assert_ok(gguf_values(&o, bytes, g->tensor[t].bytes));
        free(bytes);
    }
    assert_ok(gguf_commit(&o));
}

static void same_weights(const weights *a, const weights *b)
{
    assert_int_equal(weights_count(a), weights_count(b));
    for (size_t i = 0; i < weights_count(a); i++) {
        const weight *x = weights_at(a, i), *y = weights_at(b, i);
        assert_string_equal(x->name, y->name);
        assert_int_equal(weight_values(x), weight_values(y));
        float *p = malloc((size_t)weight_values(x) * 4 + 4), *q = malloc((size_t)weight_values(x) * 4 + 4);
        assert_ok(weights_read_f32(a, x, 0, weight_rows(x), p));
        assert_ok(weights_read_f32(b, y, 0, weight_rows(y), q));
        assert_memory_equal(p, q, (size_t)weight_values(x) * 4);
        free(p);
        free(q);
    }
}

static void parts_are_one_model(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0); /* GPT-2: q, k and v are one tensor in GGUF */
    weights *w, *whole, *parts;
    convert_report r;
    gguf g;
    char folder[1024], path[1100];
    snprintf(folder, sizeof folder, "%s", test_path("parts"));
    snprintf(path, sizeof path, "%s", test_path("tiny.gguf"));
    assert_ok(folder_make(test_path("tiny-model")));
    assert_ok(lm_model_save(m, test_path("tiny-model")));
    assert_ok(weights_open(&w, test_path("tiny-model")));
    assert_ok(convert_to_gguf(w, path, &(convert_options){0}, &r));
    assert_string_equal(r.vocabulary, "");
    weights_close(w);
    assert_ok(gguf_open(&g, path));
    assert_ok(folder_make(folder));
    for (int i = 0; i < PARTS; i++) write_part(&g, i, i, PARTS, (int)g.n_tensors);
    assert_ok(weights_open(&whole, path));
    assert_ok(weights_open(&parts, part_path(0)));
    assert_string_equal(weights_format(parts), "GGUF v3 in 3 parts");
    same_weights(whole, parts);
    weights_close(parts);
    assert_ok(weights_open(&parts, folder)); /* the folder's one model */
    same_weights(whole, parts);
    weights_close(parts);
    lm_model *again;
    assert_ok(lm_model_open(&again, folder));
    lm_model_free(again);

    assert_fails(weights_open(&parts, part_path(1)), LOREC_INPUT, "name the first");
    write_part(&g, 1, 0, PARTS, (int)g.n_tensors);
    assert_fails(weights_open(&parts, part_path(0)), LOREC_INPUT, "part 1 of 3 where part 2 of 3 is due");
    write_part(&g, 1, 1, PARTS, (int)g.n_tensors);
    write_part(&g, 2, 2, PARTS + 1, (int)g.n_tensors);
    assert_fails(weights_open(&parts, part_path(0)), LOREC_INPUT, "part 3 of 4 where part 3 of 3 is due");
    write_part(&g, 2, 2, PARTS, (int)g.n_tensors);
    write_part(&g, 0, 0, PARTS, (int)g.n_tensors + 1);
    assert_fails(weights_open(&parts, part_path(0)), LOREC_INPUT, "split.tensors.count");
    write_part(&g, 0, 0, PARTS, (int)g.n_tensors);
    assert_int_equal(remove(part_path(2)), 0);
    assert_fails(weights_open(&parts, part_path(0)), LOREC_INPUT, "part 3 of 3");
    assert_int_equal(rename(part_path(0), test_path("alone.gguf")), 0);
    assert_fails(weights_open(&parts, test_path("alone.gguf")), LOREC_INPUT, "found by their names");
    weights_close(whole);
    gguf_close(&g);
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_are_one_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

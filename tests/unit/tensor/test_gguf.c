/* GGUF: what is written is read back, real files open, and each thing that a file can lie about is named. */
#include "support/support.h"

#include <unistd.h>

#include "base/mem.h"
#include "tensor/gguf.h"

/* ---- files made byte by byte --------------------------------------------------------------------------------------------- */

static unsigned char bytes[4096];
static size_t size;

static void put(const void *p, size_t n)
{
    assert_true(size + n <= sizeof bytes);
    memcpy(bytes + size, p, n);
    size += n;
}
static void put32(uint32_t v)
{
    put(&v, sizeof v);
}
static void put64(uint64_t v)
{
    put(&v, sizeof v);
}
static void put_text(const char *s)
{
    put64(strlen(s));
    put(s, strlen(s));
}

/* What a good small file holds: every row of the table of faults changes one thing. */
typedef struct made {
    const char *magic;
    uint32_t version;
    uint64_t n_tensors, n_keys;
    const char *key, *second_key;
    uint64_t key_length; /* 0: the key's own */
    uint32_t key_type, item_type;
    uint64_t items;
    uint32_t alignment_type, alignment;
    const char *name, *second_name;
    uint32_t ndim, type;
    uint64_t sizes[4], offset, second_offset;
    size_t values, cut;
    unsigned char truth;
} made;

static const made good = {.magic = "GGUF",
                          .version = 3,
                          .n_tensors = 2,
                          .n_keys = 4,
                          .key = "a",
                          .second_key = "b",
                          .key_type = GGUF_ARRAY,
                          .item_type = GGUF_U16,
                          .items = 3,
                          .alignment_type = GGUF_U32,
                          .alignment = 32,
                          .name = "t",
                          .second_name = "u",
                          .ndim = 2,
                          .type = 0,
                          .sizes = {4, 2, 1, 1},
                          .offset = 0,
                          .second_offset = 32,
                          .values = 64,
                          .truth = 1};

static void make(const made *m)
{
    static const uint16_t items[3] = {7, 8, 9};
    size = 0;
    put(m->magic, 4);
    put32(m->version);
    put64(m->n_tensors);
    put64(m->n_keys);
    put64(m->key_length ? m->key_length : strlen(m->key));
    put(m->key, strlen(m->key));
    put32(m->key_type);
    put32(m->item_type);
    put64(m->items);
    put(items, sizeof items);
    put_text("general.alignment");
    put32(m->alignment_type);
    put32(m->alignment);
    put_text(m->second_key);
    put32(GGUF_STRING);
    put_text("text");
    put_text("truth");
    put32(GGUF_BOOL);
    put(&m->truth, 1);
    for (int i = 0; i < 2; i++) {
        put_text(i ? m->second_name : m->name);
        put32(i ? 2 : m->ndim);
        for (uint32_t d = 0; d < (i ? 2 : m->ndim < 4 ? m->ndim : 4); d++) put64(i ? good.sizes[d] : m->sizes[d]);
        put32(i ? 0 : m->type);
        put64(i ? m->second_offset : m->offset);
    }
    while (size % 32) put("", 1);
    for (size_t i = 0; i < m->values; i++) put(&(unsigned char){(unsigned char)i}, 1);
    size -= m->cut;
}

static lorec_err open_made(const made *m)
{
    gguf g;
    make(m);
    unsigned char *exact = malloc(size ? size : 1); /* so that ASan sees a step beyond */
    memcpy(exact, bytes, size);
    blob b = blob_of(exact, size);
    lorec_err e = gguf_read(&g, &b);
    if (!e) gguf_close(&g);
    free(exact);
    return e;
}

static void each_fault_has_its_name(void **state)
{
    (void)state;
    assert_ok(open_made(&good));
    static const char long_name[] = "12345678901234567890123456789012345678901234567890123456789012345";
    made m;
#define FAULT(change, why)                                                                                             \
    do {                                                                                                               \
        m = good;                                                                                                      \
        change;                                                                                                        \
        assert_fails(open_made(&m), LOREC_INPUT, why);                                                                 \
    } while (0)
    FAULT(m.magic = "GGUX", "GGUF");
    FAULT(m.version = 1, "version is 1");
    FAULT(m.version = 4, "version is 4");
    FAULT(m.version = 0, "version is 0");
    FAULT(m.version = 3u << 24, "big-endian");
    FAULT(m.n_tensors = UINT64_MAX, "tensors do not fit");
    FAULT(m.n_tensors = 1u << 20, "tensors do not fit");
    FAULT(m.n_tensors = 4, "tensor 3 of 4");
    FAULT(m.n_keys = UINT64_MAX, "keys do not fit");
    FAULT(m.n_keys = 1u << 20, "keys do not fit");
    FAULT(m.n_keys = 5, "tensor 1 of 2");
    FAULT(m.n_keys = 0, "tensor 1 of 2");
    FAULT(m.key_length = UINT64_MAX, "cut off");
    FAULT(m.key_length = 1u << 20, "cut off");
    FAULT(m.key = "", "name has 0 bytes");
    FAULT(m.key_type = GGUF_TYPES, "no type");
    FAULT(m.key_type = UINT32_MAX, "no type");
    FAULT(m.item_type = GGUF_TYPES, "no type");
    FAULT(m.item_type = GGUF_ARRAY, "arrays of arrays");
    FAULT(m.items = UINT64_MAX, "can not be");
    FAULT(m.items = UINT64_MAX / 2, "cut off");
    FAULT(m.items = 1u << 20, "cut off");
    FAULT((m.item_type = GGUF_STRING, m.items = UINT64_MAX), "cut off");
    FAULT(m.second_key = "a", "key a is there twice");
    FAULT(m.truth = 2, "a bool is 2");
    FAULT(m.alignment_type = GGUF_F32, "general.alignment is f32");
    FAULT(m.alignment = 0, "no power of two");
    FAULT(m.alignment = 33, "no power of two");
    FAULT(m.alignment = 64, "no multiple of 64");
    FAULT(m.name = "", "name has 0 bytes");
    FAULT(m.name = long_name, "name has 65 bytes");
    FAULT(m.second_name = "t", "tensor t is there twice");
    FAULT(m.ndim = 5, "5 dimensions");
    FAULT(m.ndim = UINT32_MAX, "dimensions");
    FAULT(m.sizes[0] = UINT64_MAX, "64 bits");
    FAULT((m.sizes[0] = 1ull << 32, m.sizes[1] = 1ull << 32), "64 bits");
    FAULT((m.sizes[0] = 0, m.sizes[1] = INT64_MAX, m.ndim = 3, m.sizes[2] = 16), "64 bits"); /* hidden behind a 0 */
    FAULT(m.sizes[1] = 1ull << 61, "64 bits");
    FAULT(m.sizes[1] = 1ull << 40, "do not fit into");
    FAULT(m.type = 4, "4 is no type");
    FAULT(m.type = UINT32_MAX, "no type");
    FAULT(m.type = 10, "Q2_K");
    FAULT(m.type = 8, "blocks of 32");
    FAULT(m.offset = 16, "no multiple of 32");
    FAULT(m.offset = 1u << 20, "do not fit into");
    FAULT(m.offset = UINT64_MAX - 31, "do not fit into");
    FAULT(m.second_offset = 0, "overlap");
    FAULT(m.values = 63, "do not fit into");
    FAULT(m.values = 0, "do not fit into");
#undef FAULT
    for (size_t cut = 1; cut < 400; cut++) { /* cut off anywhere */
        m = good;
        make(&m);
        m.cut = cut < size ? cut : size;
        assert_fails(open_made(&m), LOREC_INPUT, "");
    }
    m = good;
    m.n_tensors = 0; /* only keys: a vocabulary; what follows is nobody's */
    assert_ok(open_made(&m));
}

static void typed_getters(void **state)
{
    (void)state;
    gguf g;
    make(&good);
    blob b = blob_of(bytes, size);
    assert_ok(gguf_read(&g, &b));
    int64_t v;
    double d;
    bool truth;
    slice s;
    gguf_strings it;
    float *f;
    size_t n;
    assert_ok(gguf_get_i64(&g, "general.alignment", 1, 100, &v));
    assert_int_equal(v, 32);
    assert_fails(gguf_get_i64(&g, "general.alignment", 1, 8, &v), LOREC_INPUT, "from 1 to 8");
    assert_fails(gguf_get_i64(&g, "zebra", 1, 8, &v), LOREC_INPUT, "zebra is missing");
    assert_ok(gguf_get_i64_or(&g, "zebra", 1, 8, 5, &v));
    assert_int_equal(v, 5);
    assert_ok(gguf_get_string(&g, "b", &s));
    assert_true(slice_is(s, "text"));
    assert_ok(gguf_get_bool_or(&g, "truth", false, &truth));
    assert_true(truth);
    /* no value leaves as another type than it has (llama.cpp PR 26690) */
    assert_fails(gguf_get_i64(&g, "a", 0, 9, &v), LOREC_INPUT, "an array of u16");
    assert_fails(gguf_get_string(&g, "a", &s), LOREC_INPUT, "an array of u16");
    assert_fails(gguf_get_strings(&g, "a", &it), LOREC_INPUT, "array of strings is needed");
    assert_fails(gguf_get_f32s(&g, "a", &f, &n), LOREC_INPUT, "array of f32 is needed");
    assert_fails(gguf_get_strings(&g, "b", &it), LOREC_INPUT, "is string");
    assert_fails(gguf_get_bool_or(&g, "b", false, &truth), LOREC_INPUT, "a bool is needed");
    assert_fails(gguf_get_f64_or(&g, "b", 0, &d), LOREC_INPUT, "a real number is needed");
    gguf_close(&g);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

static void what_is_written_is_read(void **state)
{
    (void)state;
    const char *path = test_path("written.gguf");
    float values[64];
    unsigned char blocks[68], got[256];
    int32_t ints[] = {-1, 2, 3};
    slice words[] = {slice_of("one"), {"", 0}, slice_of("dr\xc3\xa9i")};
    for (int i = 0; i < 64; i++) values[i] = (float)(i - 20) / 7;
    assert_ok(elem_from_f32(ELEM_Q8_0, values, blocks, 64));
    gguf_writer o = {0};
    gguf_put_string(&o, "general.architecture", slice_of("test"));
    gguf_put_u32(&o, "n", 7);
    gguf_put_f32(&o, "x", .5f);
    gguf_put_bool(&o, "yes", true);
    gguf_put_array(&o, "ints", GGUF_I32, ints, 3);
    gguf_put_array(&o, "reals", GGUF_F32, values, 2);
    gguf_put_strings(&o, "words", words, 3);
    gguf_put_tensor(&o, "first", ELEM_F32, 1, (int64_t[]){3});
    gguf_put_tensor(&o, "none", ELEM_F32, 2, (int64_t[]){5, 0});
    gguf_put_tensor(&o, "second", ELEM_Q8_0, 2, (int64_t[]){32, 2});
    assert_ok(gguf_begin(&o, path));
    assert_ok(gguf_values(&o, values, 8)); /* in pieces */
    assert_ok(gguf_values(&o, values + 2, 4));
    assert_ok(gguf_values(&o, blocks, sizeof blocks));
    assert_fails(gguf_values(&o, blocks, 1), LOREC_USAGE, "more values");
    assert_ok(gguf_commit(&o));

    gguf g;
    assert_ok(gguf_open(&g, path));
    assert_int_equal(g.version, 3);
    assert_int_equal(g.n_keys, 7);
    assert_int_equal(g.n_tensors, 3);
    int64_t v;
    double d;
    int32_t *i32s;
    float *f32s;
    size_t n;
    gguf_strings it;
    slice s;
    assert_ok(gguf_get_i64(&g, "n", 0, 9, &v));
    assert_int_equal(v, 7);
    assert_ok(gguf_get_f64_or(&g, "x", 0, &d));
    assert_near(d, .5, 0);
    assert_ok(gguf_get_i32s(&g, "ints", &i32s, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(i32s, ints, sizeof ints);
    assert_ok(gguf_get_f32s(&g, "reals", &f32s, &n));
    assert_int_equal(n, 2);
    assert_memory_equal(f32s, values, 8);
    mem_free(i32s);
    mem_free(f32s);
    assert_ok(gguf_get_strings(&g, "words", &it));
    assert_int_equal(it.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(gguf_strings_next(&it, &s));
        assert_int_equal(s.n, words[i].n);
        assert_memory_equal(s.p, words[i].p, s.n);
    }
    assert_false(gguf_strings_next(&it, &s));
    const gguf_tensor *x = &g.tensor[2];
    assert_true(slice_is(x->name, "second"));
    assert_int_equal(x->type, ELEM_Q8_0);
    assert_int_equal(x->bytes, sizeof blocks);
    assert_int_equal(x->at % 32, 0);
    assert_ok(blob_read(&g.file, x->at, got, x->bytes));
    assert_memory_equal(got, blocks, sizeof blocks);
    assert_ok(blob_read(&g.file, g.tensor[0].at, got, 12));
    assert_memory_equal(got, values, 12);

    /* a copy of all keys is the same file */
    gguf_writer copy = {0};
    for (size_t i = 0; i < g.n_keys; i++) gguf_put_key(&copy, &g.key[i]);
    assert_ok(gguf_begin(&copy, test_path("copy.gguf")));
    assert_ok(gguf_commit(&copy));
    gguf h;
    assert_ok(gguf_open(&h, test_path("copy.gguf")));
    assert_int_equal(h.n_keys, g.n_keys);
    for (size_t i = 0; i < g.n_keys; i++) {
        assert_int_equal(h.key[i].size, g.key[i].size);
        assert_memory_equal(h.key[i].bytes, g.key[i].bytes, h.key[i].size);
    }
    gguf_close(&h);
    gguf_close(&g);
}

static void a_failed_write_leaves_nothing(void **state)
{
    (void)state;
    const char *path = test_path("unwritten.gguf");
    gguf_writer o = {0};
    gguf_put_tensor(&o, "x", ELEM_F32, 1, (int64_t[]){3});
    assert_ok(gguf_begin(&o, path));
    assert_fails(gguf_commit(&o), LOREC_USAGE, "fewer values");
    assert_false(file_exists(path));
    static const struct {
        const char *name;
        elem type;
        int64_t width;
    } bad[] = {{"q", ELEM_Q4_0, 33}, {"u", ELEM_U8, 4}, {"n", ELEM_F32, -1}};
    for (size_t i = 0; i < 3; i++) {
        gguf_put_tensor(&o, bad[i].name, bad[i].type, 1, &bad[i].width);
        assert_fails(gguf_begin(&o, path), LOREC_USAGE, "can not be written");
        gguf_abort(&o);
    }
    for (size_t k = 1; k < 30; k++) { /* the disk is full at the k-th write */
        gguf_put_u32(&o, "n", 7);
        gguf_put_tensor(&o, "x", ELEM_F32, 1, (int64_t[]){3});
        file_fail_at(k);
        lorec_err e = gguf_begin(&o, path);
        if (!e) e = gguf_values(&o, bytes, 12);
        if (e)
            gguf_abort(&o);
        else
            e = gguf_commit(&o);
        file_fail_at(0);
        if (!e) return;
        assert_int_equal(e, LOREC_RESOURCE);
        assert_false(file_exists(path));
    }
    fail_msg("it never came through");
}

/* ---- files of llama.cpp -------------------------------------------------------------------------------------------------- */

static void vocabularies_of_llama_cpp(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int64_t tokens;
    } files[] = {
        {"ggml-vocab-gpt-2.gguf", 50257}, {"ggml-vocab-bert-bge.gguf", 30522}, {"ggml-vocab-llama-spm.gguf", 32000}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char below[256];
        snprintf(below, sizeof below, "data/tokenizers/llama.cpp/%s", files[i].file);
        const char *path = shared_path(below);
        if (!path) skip_without_shared("vocabularies of llama.cpp");
        gguf g;
        assert_ok(gguf_open(&g, path));
        gguf_strings it;
        assert_ok(gguf_get_strings(&g, "tokenizer.ggml.tokens", &it));
        int64_t n = 0;
        for (slice s; gguf_strings_next(&it, &s);) n++;
        assert_int_equal(n, files[i].tokens);
        gguf_close(&g);
    }
}

static void memory_runs_out(void **state)
{
    (void)state;
    gguf g;
    make(&good);
    blob b = blob_of(bytes, size);
    for (size_t k = 1;; k++) {
        mem_fail_at(k, false);
        lorec_err e = gguf_read(&g, &b);
        mem_fail_at(0, false);
        if (!e) break;
        assert_int_equal(e, LOREC_RESOURCE);
    }
    gguf_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_has_its_name),   cmocka_unit_test(typed_getters),
        cmocka_unit_test(what_is_written_is_read),   cmocka_unit_test(a_failed_write_leaves_nothing),
        cmocka_unit_test(vocabularies_of_llama_cpp), cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* safetensors: what is written is read back; files of others; and everything a file can lie about. */
#include "tensor/safetensors.h"

#include <math.h>

#include "base/mem.h"
#include "support/support.h"

#include "base/file.h"
#include "tensor/tensor.h"

/* A file in memory: the length prefix (of the header unless given), the header, `values` bytes of values. */
static size_t file_of(unsigned char *out, const char *header, int64_t length, size_t values)
{
    size_t n = strlen(header);
    uint64_t prefix = length < 0 ? n : (uint64_t)length;
    for (int i = 0; i < 8; i++) out[i] = (unsigned char)(prefix >> 8 * i);
    memcpy(out + 8, header, n);
    for (size_t i = 0; i < values; i++) out[8 + n + i] = (unsigned char)i;
    return 8 + n + values;
}

static void reads(void **state)
{
    (void)state;
    /* F32 1.5 -2; BF16 1.5 -2; F16 1.5 -2, smallest subnormal, inf; nothing; one number */
    const char *header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                         "\"b\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[8,12]},"
                         "\"c\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[12,20]},"
                         "\"empty\":{\"dtype\":\"I64\",\"shape\":[3,0],\"data_offsets\":[20,20]},"
                         "\"one\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[20,21]},"
                         "\"__metadata__\":{\"format\":\"pt\"}}   ";
    static const unsigned char values[21] = {0,    0, 0xc0, 0x3f, 0,    0, 0, 0xc0, 0xc0, 0x3f, 0,
                                             0xc0, 0, 0x3e, 0,    0xc0, 1, 0, 0,    0x7c, 9};
    unsigned char bytes[1000];
    size_t size = file_of(bytes, header, -1, 21);
    memcpy(bytes + size - 21, values, 21);
    safetensors f;
    assert_ok(safetensors_parse(&f, bytes, size, "memory"));
    assert_int_equal(f.n, 5);
    assert_string_equal(safetensors_meta(&f, "format"), "pt");
    assert_null(safetensors_meta(&f, "other"));
    assert_null(safetensors_find(&f, "d"));
    const char *names[] = {"a", "b", "c"};
    const float due[4] = {1.5f, -2, 0x1p-24f, INFINITY};
    for (int i = 0; i < 3; i++) {
        const st_entry *e = safetensors_find(&f, names[i]);
        float v[4];
        assert_ok(safetensors_read_f32(&f, e, v, st_entry_count(e)));
        assert_memory_equal(v, due, (size_t)st_entry_count(e) * sizeof *v);
        assert_fails(safetensors_read_f32(&f, e, v, 3), LOREC_USAGE, names[i]);
    }
    float v;
    assert_int_equal(st_entry_count(safetensors_find(&f, "empty")), 0);
    assert_int_equal(st_entry_count(safetensors_find(&f, "one")), 1);
    assert_fails(safetensors_read_f32(&f, safetensors_find(&f, "one"), &v, 1), LOREC_INPUT, "I8");
    safetensors_close(&f);
    assert_ok(safetensors_parse(&f, bytes, file_of(bytes, "{}", -1, 0), "memory"));
    assert_int_equal(f.n, 0);
    safetensors_close(&f);
}

#define ENTRY(dtype, shape, offsets) "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void lies(void **state)
{
    (void)state;
    static const struct {
        const char *header, *says;
        int64_t length; /* -1: the truth */
        size_t values;
    } rows[] = {
        /* the length */
        {"{}", "beyond 100000000", 100000001, 0},
        {"{}", "beyond", INT64_MAX, 0},
        {"{}", "the file's end", 3, 0},
        {"{}", "begin with {", 0, 0},
        {" {}", "begin with {", -1, 0},
        {"[]", "begin with {", -1, 0},
        {"{}x", "not valid JSON", -1, 0},
        {"{\"a\":", "not valid JSON", -1, 0},
        {"{\"\xff\":1}", "not valid JSON", -1, 0},
        /* names */
        {"{\"a\":" ENTRY("\"U8\"", "[0]", "[0,0]") ",\"a\":" ENTRY("\"U8\"", "[0]", "[0,0]") "}", "duplicate", -1, 0},
        {"{\"a\":1}", "tensor a", -1, 0},
        {"{\"a\":{}}", "dtype", -1, 0},
        /* dtype */
        {"{\"a\":" ENTRY("\"F31\"", "[1]", "[0,4]") "}", "F31", -1, 4},
        {"{\"a\":" ENTRY("4", "[1]", "[0,4]") "}", "dtype", -1, 4},
        /* shape */
        {"{\"a\":" ENTRY("\"F32\"", "1", "[0,4]") "}", "shape", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[-1]", "[0,4]") "}", "shape", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[1.0]", "[0,4]") "}", "shape", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", "at most 8", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[4294967296,4294967296]", "[0,4]") "}", "64 bits", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[4611686018427387905,4]", "[0,4]") "}", "64 bits", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[0,4611686018427387905,4]", "[0,0]") "}", "64 bits", -1, 0},
        {"{\"a\":" ENTRY("\"F32\"", "[1000,1000]", "[0,4]") "}", "4000000 bytes", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[9223372036854775808]", "[0,4]") "}", "a size of the shape", -1, 4},
        /* offsets */
        {"{\"a\":" ENTRY("\"F32\"", "[1]", "[4,0]") "}", "data_offsets", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[1]", "[-4,0]") "}", "data_offsets", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[1]", "[0,4,8]") "}", "data_offsets", -1, 8},
        {"{\"a\":" ENTRY("\"F32\"", "[1]", "{\"0\":0}") "}", "data_offsets", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[1]", "[0,4]") "}", "not inside", -1, 3},
        {"{\"a\":" ENTRY("\"F32\"", "[1]", "[9223372036854775804,9223372036854775807]") "}", "not inside", -1, 4},
        {"{\"a\":" ENTRY("\"F32\"", "[1]", "[0,8]") "}", "4 bytes", -1, 8},
        /* holes, overlaps, leftovers */
        {"{\"a\":" ENTRY("\"U8\"", "[2]", "[0,2]") ",\"b\":" ENTRY("\"U8\"", "[1]", "[3,4]") "}", "hole", -1, 4},
        {"{\"a\":" ENTRY("\"U8\"", "[2]", "[0,2]") ",\"b\":" ENTRY("\"U8\"", "[2]", "[1,3]") "}", "overlap", -1, 3},
        {"{\"a\":" ENTRY("\"U8\"", "[2]", "[0,2]") ",\"b\":" ENTRY("\"U8\"", "[2]", "[0,2]") "}", "overlap", -1, 2},
        {"{\"a\":" ENTRY("\"U8\"", "[1]", "[1,2]") "}", "hole", -1, 2},
        {"{\"a\":" ENTRY("\"U8\"", "[2]", "[0,2]") "}", "1 bytes after", -1, 3},
        {"{}", "bytes after", -1, 1},
        /* metadata */
        {"{\"__metadata__\":1}", "__metadata__", -1, 0},
        {"{\"__metadata__\":{\"a\":1}}", "__metadata__.a", -1, 0},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "duplicate", -1, 0},
    };
    unsigned char bytes[1000];
    safetensors f;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = file_of(bytes, rows[i].header, rows[i].length, rows[i].values);
        assert_fails(safetensors_parse(&f, bytes, size, "lie.safetensors"), LOREC_INPUT, rows[i].says);
        assert_non_null(strstr(lorec_error_message(), "lie.safetensors"));
    }
}

static void every_cut_fails(void **state)
{
    (void)state;
    unsigned char bytes[1000];
    size_t size = file_of(bytes, "{\"a\":" ENTRY("\"F32\"", "[2]", "[0,8]") "}", -1, 8);
    safetensors f;
    for (size_t n = 0; n < size; n++) assert_fails(safetensors_parse(&f, bytes, n, "cut"), LOREC_INPUT, "cut");
    assert_ok(safetensors_parse(&f, bytes, size, "whole"));
    safetensors_close(&f);
}

static void deep_and_wide(void **state)
{
    (void)state;
    enum { DEEP = 1000000, BLANK = 3000000 };
    unsigned char *bytes = malloc(DEEP + BLANK);
    char *header = malloc(DEEP + 8);
    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', DEEP);
    header[5 + DEEP] = 0;
    safetensors f;
    assert_fails(safetensors_parse(&f, bytes, file_of(bytes, header, -1, 0), "deep"), LOREC_INPUT, "JSON");
    memcpy(bytes + 8, "{}", 2);
    memset(bytes + 10, ' ', BLANK);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)(BLANK + 2) >> 8 * i);
    assert_ok(safetensors_parse(&f, bytes, 8 + 2 + BLANK, "blank"));
    safetensors_close(&f);
    free(bytes);
    free(header);
}

static void writes(void **state)
{
    (void)state;
    const float a[6] = {1, 2, 3, 4, 5, 6};
    const int64_t b[1] = {-7}, shape[2] = {2, 3}, none[2] = {4, 0};
    const st_item items[] = {{"b.i64", ELEM_I64, 0, NULL, b},
                             {"a \"quoted\" \xc3\xa9", ELEM_F32, 2, shape, a},
                             {"none", ELEM_F16, 2, none, NULL}};
    const char *path = test_path("out.safetensors"), *meta[] = {"k", "v", "unicode", "\xe2\x82\xac"};
    assert_ok(safetensors_write(path, items, 3, meta, 2));
    safetensors f;
    assert_ok(safetensors_open(&f, path));
    assert_int_equal(f.n, 3);
    assert_int_equal(f.buffer % 8, 0);
    const st_entry *e = safetensors_find(&f, "a \"quoted\" \xc3\xa9");
    float v[6];
    assert_true(e && e->ndim == 2 && e->shape[1] == 3);
    assert_ok(safetensors_read_f32(&f, e, v, 6));
    assert_memory_equal(v, a, sizeof v);
    e = safetensors_find(&f, "b.i64");
    assert_memory_equal(blob_bytes(&f.file, f.buffer + e->begin, sizeof b), b, sizeof b);
    assert_string_equal(safetensors_meta(&f, "unicode"), "\xe2\x82\xac");
    safetensors_close(&f);
    const st_item twice[] = {items[0], items[0]}, huge[] = {{"h", ELEM_F32, 2, (int64_t[]){INT64_MAX, 4}, a}};
    assert_fails(safetensors_write(path, twice, 2, NULL, 0), LOREC_USAGE, "b.i64");
    assert_fails(safetensors_write(path, huge, 1, NULL, 0), LOREC_USAGE, "h");
    assert_ok(safetensors_open(&f, path)); /* the old file is still there */
    assert_int_equal(f.n, 3);
    safetensors_close(&f);
    assert_fails(safetensors_open(&f, test_path("absent")), LOREC_INPUT, "absent");
    assert_fails(safetensors_open(&f, test_file("empty", "")), LOREC_INPUT, "empty");
}

static void full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    const char *path = test_path("kept.safetensors");
    const float a = 1, b = 2;
    const int64_t one = 1;
    assert_ok(safetensors_write(path, &(st_item){"x", ELEM_F32, 1, &one, &a}, 1, NULL, 0));
    bool ended = false;
    for (size_t at = 1; !ended && at < 50; at++) {
        file_fail_at(at);
        lorec_err e = safetensors_write(path, &(st_item){"x", ELEM_F32, 1, &one, &b}, 1, NULL, 0);
        file_fail_at(0);
        ended = e == LOREC_OK;
        safetensors f;
        float v;
        assert_ok(safetensors_open(&f, path));
        assert_ok(safetensors_read_f32(&f, safetensors_find(&f, "x"), &v, 1));
        assert_true(v == (ended ? b : a) || v == b); /* after the rename the new file is in place */
        safetensors_close(&f);
    }
    assert_true(ended);
}

static params *small_model(void)
{
    params *ps = params_new(1);
    params_add(ps, "w", INIT_CONST(1), 2, (int64_t[]){2, 3});
    params_add(ps, "b", INIT_CONST(2), 1, (int64_t[]){2});
    assert_ok(params_error(ps));
    return ps;
}

/* Half the file fits the model and half does not: nothing of it is taken. */
static void loading_is_all_or_nothing(void **state)
{
    (void)state;
    const float v[6] = {9, 9, 9, 9, 9, 9}, bad[2] = {1, NAN};
    const int64_t w[2] = {2, 3}, wrong[2] = {3, 2}, two = 2;
    const uint16_t half[6] = {0x4880, 0x4880, 0x4880, 0x4880, 0x4880, 0x4880}; /* 9 */
    const char *path = test_path("model.safetensors");
    const st_item whole[] = {{"w", ELEM_F16, 2, w, half}, {"b", ELEM_F32, 1, &two, v}};
    const struct {
        st_item b;
        const char *says;
    } rows[] = {{{"c", ELEM_F32, 1, &two, v}, "b is missing"},
                {{"b", ELEM_F32, 2, wrong, v}, "[3, 2]"},
                {{"b", ELEM_I32, 1, &two, v}, "F32, F16 or BF16"},
                {{"b", ELEM_F32, 1, &two, bad}, "1 of 2"}};
    params *ps = small_model();
    float got[6];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const st_item items[] = {whole[0], rows[i].b};
        uint64_t version = params_version(ps);
        assert_ok(safetensors_write(path, items, 2, NULL, 0));
        assert_fails(params_load(ps, path), LOREC_INPUT, rows[i].says);
        assert_int_equal(params_version(ps), version);
        assert_ok(tensor_read(params_find(ps, "w"), got, 6));
        for (int j = 0; j < 6; j++) assert_true(got[j] == 1);
    }
    assert_ok(safetensors_write(path, whole, 2, NULL, 0));
    assert_ok(params_load(ps, path));
    assert_ok(tensor_read(params_find(ps, "w"), got, 6));
    assert_memory_equal(got, v, sizeof got);
    params_free(ps);
}

/* Every allocation fails once, in turn: no crash, no leak (under ASan), nothing half loaded. */
static void memory_runs_out(void **state)
{
    (void)state;
    const char *path = test_path("torture.safetensors");
    params *ps = small_model();
    bool saved = false, loaded = false;
    for (size_t at = 1; !saved && at < 200; at++) {
        mem_fail_at(at, false);
        saved = params_save(ps, path) == LOREC_OK;
        mem_fail_at(0, false);
    }
    assert_true(saved);
    for (size_t at = 1; !loaded && at < 200; at++) {
        uint64_t version = params_version(ps);
        mem_fail_at(at, false);
        lorec_err e = params_load(ps, path);
        mem_fail_at(0, false);
        loaded = e == LOREC_OK;
        if (!loaded) assert_int_equal(e, LOREC_RESOURCE);
        if (!loaded) assert_int_equal(params_version(ps), version);
    }
    assert_true(loaded);
    params_free(ps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(lies),
        cmocka_unit_test(every_cut_fails),
        cmocka_unit_test(deep_and_wide),
        cmocka_unit_test(writes),
        cmocka_unit_test(full_disk_keeps_the_old_file),
        cmocka_unit_test(loading_is_all_or_nothing),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "base/npy.h"
#include "support/support.h"

static size_t count_lines(const char *path, char *last, size_t n)
{
    lines l;
    slice s;
    size_t seen = 0;
    assert_ok(lines_open(&l, path));
    while (lines_next(&l, &s)) {
        snprintf(last, n, "%.*s", (int)s.n, s.p);
        assert_int_equal(l.number, ++seen);
    }
    assert_ok(lines_close(&l));
    return seen;
}

static void plain_lines(void **state)
{
    (void)state;
    char last[64] = "";
    assert_int_equal(count_lines(test_file("a.txt", "one\r\ntwo\n\nthree"), last, sizeof last), 4);
    assert_string_equal(last, "three");
    assert_int_equal(count_lines(test_file("empty.txt", ""), last, sizeof last), 0);
    lines l;
    assert_fails(lines_open(&l, test_path("no-such")), LOREC_INPUT, "No such file");
    assert_fails(lines_open(&l, test_folder()), LOREC_INPUT, "folder");
}

static void compressed_lines(void **state)
{
    (void)state;
    char *text = malloc(4 << 20), last[64] = "";
    size_t n = 0;
    for (int i = 0; i < 100000; i++) n += (size_t)sprintf(text + n, "line number %d\n", i);
    const char *path = test_path("t.gz");
    gzFile gz = gzopen(path, "wb");
    assert_int_equal(gzwrite(gz, text, (unsigned)n), n);
    gzclose(gz);
    gz = gzopen(path, "ab"); /* a second member */
    gzwrite(gz, "the end", 7);
    gzclose(gz);
    assert_int_equal(count_lines(path, last, sizeof last), 100001);
    assert_string_equal(last, "the end");

    size_t bound = ZSTD_compressBound(n);
    char *z = malloc(bound);
    size_t got = ZSTD_compress(z, bound, text, n, 3);
    writer w;
    assert_ok(writer_open(&w, test_path("t.zst")));
    writer_put(&w, z, got);
    assert_ok(writer_commit(&w));
    assert_int_equal(count_lines(test_path("t.zst"), last, sizeof last), 100000);
    assert_string_equal(last, "line number 99999");

    /* Broken off anywhere: told, never a shorter file silently. */
    for (size_t cut = got / 2; cut < got; cut += got / 7) {
        assert_ok(writer_open(&w, test_path("cut.zst")));
        writer_put(&w, z, cut);
        assert_ok(writer_commit(&w));
        lines l;
        slice s;
        assert_ok(lines_open(&l, test_path("cut.zst")));
        while (lines_next(&l, &s)) {
        }
        assert_fails(lines_close(&l), LOREC_INPUT, "breaks off");
    }
    free(z);
    free(text);
}

static void all_or_nothing(void **state)
{
    (void)state;
    const char *path = test_file("kept.txt", "old");
    writer w;
    bool done = false;
    for (size_t n = 1; !done; n++) {
        file_fail_at(n);
        lorec_err e = writer_open(&w, path);
        if (e == LOREC_OK) {
            writer_put(&w, "new ", 4);
            writer_printf(&w, "%d", 1);
            e = writer_commit(&w);
        }
        file_fail_at(0);
        buf text = {0};
        assert_ok(file_read(&text, path, 100));
        done = e == LOREC_OK;
        assert_string_equal(text.p, done ? "new 1" : "old");
        if (!done) assert_int_equal(e, LOREC_RESOURCE);
        buf_free(&text);
        assert_true(n < 20);
    }
    char **names;
    size_t n_names;
    assert_ok(folder_list(test_folder(), &names, &n_names));
    for (size_t i = 0; i < n_names; i++) assert_null(strstr(names[i], ".tmp-"));
    names_free(names, n_names);
}

static void arrays(void **state)
{
    (void)state;
    float x[6] = {1, 2, 3, 4, 5, 6};
    const char *path = test_path("x.npy");
    assert_ok(npy_write(path, NPY_F32, 2, (int64_t[]){2, 3}, x));
    npy a;
    assert_ok(npy_open(&a, path, NPY_F32, 2));
    assert_int_equal(a.shape[0], 2);
    assert_int_equal(a.shape[1], 3);
    assert_memory_equal(a.data, x, sizeof x);
    npy_close(&a);
    assert_fails(npy_open(&a, path, NPY_U32, 2), LOREC_INPUT, "expected");
    assert_int_equal(truncate(path, 140), 0);
    assert_fails(npy_open(&a, path, NPY_F32, 2), LOREC_INPUT, "bytes of data");
    assert_fails(npy_open_any(&a, test_file("y.npy", "\x93NUMPY")), LOREC_INPUT, "not a .npy");
    assert_ok(npy_write(path, NPY_I64, 1, (int64_t[]){0}, NULL));
    assert_ok(npy_open(&a, path, NPY_I64, 1));
    assert_int_equal(a.count, 0);
    npy_close(&a);
}

static void folders(void **state)
{
    (void)state;
    assert_ok(folder_make(test_path("deep/er/still")));
    assert_true(folder_exists(test_path("deep/er/still")));
    assert_ok(folder_make(test_path("deep/er/still")));
    test_file("deep/er/f", "x");
    assert_ok(folder_remove(test_path("deep")));
    assert_false(folder_exists(test_path("deep")));
    test_file("plain", "x");
    assert_int_not_equal(folder_make(test_path("plain/below")), LOREC_OK);
    char hex[65];
    assert_ok(file_sha256(test_file("abc", "abc"), hex)); /* FIPS 180-2's example */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void memory(void **state)
{
    (void)state;
    double *x;
    assert_fails(mem_new(&x, SIZE_MAX / 4), LOREC_RESOURCE, "out of memory");
    assert_null(x);
    mem_fail_at(1, false);
    assert_fails(mem_new(&x, 10), LOREC_RESOURCE, "out of memory");
    mem_fail_at(0, false);
    arena a = {.limit = 1 << 20};
    char *p = arena_alloc(&a, 1000), *q = arena_alloc(&a, 1000);
    assert_true((uintptr_t)p % 64 == 0 && (uintptr_t)q % 64 == 0 && q != p);
    assert_null(arena_alloc(&a, 2 << 20));
    size_t used = a.used;
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 1000), p); /* the memory is used again */
    assert_true(a.peak == used);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines), cmocka_unit_test(compressed_lines), cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(arrays),      cmocka_unit_test(folders),          cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

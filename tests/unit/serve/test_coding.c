/* What is packed, for whom, and how a reply is known again. */
#include <zlib.h>

#include "base/mem.h"
#include "serve/http/coding.h"
#include "support/support.h"

static void who_reads_gzip(void **state)
{
    (void)state;
    static const char *const yes[] = {"gzip",   "GZIP",    "deflate, gzip;q=0.5", "br, *",
                                      "x-gzip", "*;q=0.1", "gzip ; q=1.0",        "identity;q=0, gzip;foo=1;q=0.2"},
                             *const no[] = {NULL,          "",      "br",       "gzip;q=0", "gzip; Q=0.000", "*;q=0",
                                            "gzip;q=0, *", "gzipp", ",,;,;q=1", "identity"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!coding_accepts_gzip(yes[i])) fail_msg("not for \"%s\"", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (coding_accepts_gzip(no[i])) fail_msg("for \"%s\"", no[i] ? no[i] : "no header");
}

static void what_pays(void **state)
{
    (void)state;
    assert_true(coding_pays("application/json; charset=utf-8", 5000));
    assert_true(coding_pays("text/css", 5000));
    assert_false(coding_pays("text/css", 500));
    assert_false(coding_pays("application/octet-stream", 5000));
    assert_false(coding_pays("image/png", 5000));
}

/* What zlib itself makes of it again is what went in. */
static void goes_in_and_comes_out(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1400, 200000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        unsigned char *in, *again;
        buf small = {0};
        assert_ok(mem_new(&in, n + 1));
        assert_ok(mem_new(&again, n + 1));
        for (size_t i = 0; i < n; i++) in[i] = (unsigned char)(i * i >> 3 & 63);
        assert_ok(coding_gzip(in, n, &small));
        z_stream z = {
            .next_in = (Bytef *)small.p, .avail_in = (uInt)small.n, .next_out = again, .avail_out = (uInt)n + 1};
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.total_out, n);
        assert_memory_equal(in, again, n);
        inflateEnd(&z);
        if (n > 1000) assert_true(small.n < n);
        buf_free(&small);
        mem_free(in);
        mem_free(again);
    }
}

static void tags(void **state)
{
    (void)state;
    char a[CODING_TAG], b[CODING_TAG], packed[CODING_TAG], list[128];
    coding_tag("text", 4, false, a);
    coding_tag("texT", 4, false, b);
    coding_tag("text", 4, true, packed);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, packed);
    snprintf(list, sizeof list, "%s , W/%s", b, a);
    assert_true(coding_matches(a, a) && coding_matches(list, a) && coding_matches("*", a));
    assert_false(coding_matches(NULL, a) || coding_matches("", a) || coding_matches(b, a) ||
                 coding_matches(packed, a) || coding_matches("W/", a) || coding_matches("\"\"", a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_reads_gzip), cmocka_unit_test(what_pays),
                                       cmocka_unit_test(goes_in_and_comes_out), cmocka_unit_test(tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

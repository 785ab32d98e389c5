#include "base/ids.h"
#include "support/support.h"

static void cuts(void **state)
{
    (void)state;
    slice s = slice_of("12\t3.5\tx");
    assert_true(slice_is(slice_cut(&s, '\t'), "12"));
    assert_true(slice_is(slice_cut(&s, '\t'), "3.5"));
    assert_true(slice_is(slice_cut(&s, '\t'), "x"));
    assert_int_equal(s.n, 0);
    slice d = slice_of("1::1193::5");
    assert_true(slice_is(slice_cut_text(&d, "::"), "1"));
    assert_true(slice_is(slice_cut_text(&d, "::"), "1193"));
    assert_true(slice_is(d, "5"));
    assert_true(slice_is(slice_trim(slice_of(" a b\r\n")), "a b"));
}

static void numbers(void **state)
{
    (void)state;
    int64_t i;
    uint64_t u;
    double f;
    assert_true(slice_to_i64(slice_of("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(slice_to_i64(slice_of("9223372036854775808"), &i));
    assert_false(slice_to_i64(slice_of("12a"), &i));
    assert_false(slice_to_i64(slice_of(""), &i));
    assert_true(slice_to_u64(slice_of("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(slice_to_u64(slice_of("18446744073709551616"), &u));
    assert_true(slice_to_f64(slice_of("-0.1"), &f) && f == -0.1);
    assert_true(slice_to_f64(slice_of("1.7976931348623157e308"), &f) && f == 1.7976931348623157e308);
    static const char *const bad[] = {"nan", "inf", "1e999", "0x10", " 1", "1 ", ".", "-", "1.2.3", ""};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) assert_false(slice_to_f64(slice_of(bad[k]), &f));
    char text[32]; /* the short way and strtod give the same bits */
    for (int k = -1000; k < 1000; k++) {
        snprintf(text, sizeof text, "%d.%03d", k / 7, abs(k));
        assert_true(slice_to_f64(slice_of(text), &f));
        assert_true(f == strtod(text, NULL));
    }
}

static void utf8(void **state)
{
    (void)state;
    assert_true(utf8_valid(slice_of("plain, caf\xC3\xA9, \xE4\xB8\xAD, \xF0\x9F\x98\x80")));
    static const char *const bad[] = {"\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\xC3", "\xFF"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) assert_false(utf8_valid(slice_of(bad[k])));
    buf b = {0};
    assert_ok(buf_add_latin1(&b, slice_of("Mis\xE9rables")));
    assert_string_equal(b.p, "Mis\xC3\xA9rables");
    buf_free(&b);
}

static void vocabulary(void **state)
{
    (void)state;
    ids v = {0};
    char name[32];
    uint32_t k;
    assert_false(ids_find(&v, slice_of("x"), &k));
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "item-%u", i);
        assert_ok(ids_add(&v, slice_of(name), &k));
        assert_int_equal(k, i);
    }
    assert_ok(ids_add(&v, slice_of("item-77"), &k));
    assert_int_equal(k, 77);
    assert_int_equal(v.n, 5000);
    assert_true(slice_is(ids_name(&v, 4999), "item-4999"));
    assert_ok(ids_add(&v, slice_of(""), &k)); /* the empty word is a word */
    assert_int_equal(k, 5000);
    assert_true(ids_find(&v, slice_of(""), &k));
    ids_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts),
        cmocka_unit_test(numbers),
        cmocka_unit_test(utf8),
        cmocka_unit_test(vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

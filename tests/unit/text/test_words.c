/* Words of texts: the short way for ASCII says what Unicode's says. */
#include "support/support.h"

#include "text/words.h"

static void folds(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"Amélie (2001)", "amelie 2001"},
                                          {"", ""},
                                          {"?!", ""},
                                          {"A-b  C", "a b c"},
                                          {"ﬁn Straße", "fin strasse"},
                                          {"千と", "千 と"},
                                          {"Ocean's_11", "ocean s 11"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf b = {0};
        assert_ok(words_fold(slice_of(rows[i][0]), &b));
        assert_string_equal(b.p, rows[i][1]);
        buf_free(&b);
    }
}

/* Any two ASCII characters alone, and the same beside a character that is none. */
static void ascii_as_unicode(void **state)
{
    (void)state;
    for (int a = 0; a < 128; a++)
        for (int c = 0; c < 128; c++) {
            const char text[] = {'x', (char)a, (char)c, ' ', '\xc3', '\xa9'}; /* ... é */
            buf alone = {0}, beside = {0};
            assert_ok(words_fold((slice){text, 3}, &alone));
            assert_ok(words_fold((slice){text, 6}, &beside));
            assert_ok(buf_puts(&alone, " e"));
            if (a && c) assert_string_equal(alone.p, beside.p);
            buf_free(&alone);
            buf_free(&beside);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(folds), cmocka_unit_test(ascii_as_unicode)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

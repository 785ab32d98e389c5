/* Spaces and draws, on a made-up method. */
#include "support/support.h"

#include <math.h>

#include "eval/tune.h"

typedef struct toy {
    int64_t hidden_size, n_heads, epochs;
    double learning_rate, dropout, weight_decay;
} toy;
static const option toy_options[] = {
    OPTION_INT(toy, hidden_size, 64, 1, 1024, "width"), OPTION_INT(toy, n_heads, 2, 1, 64, "heads"),
    OPTION_INT(toy, epochs, 100, 1, 1000, "passes"),    OPTION_REAL(toy, learning_rate, 1e-3, 1e-9, 10, "step"),
    OPTION_REAL(toy, dropout, 0.5, 0, 0.99, "dropped"), OPTION_REAL(toy, weight_decay, 0, 0, 100, "penalty"),
};
static const char *toy_check(const void *self)
{
    const toy *t = self;
    return t->hidden_size % t->n_heads ? "n_heads has to divide hidden_size" : NULL;
}
static const recommender toy_row = {
    .key = "toy", .title = "toy", .size = sizeof(toy), .options = toy_options, .n_options = 6, .check = toy_check};

static double value_of(char **set, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(set[i], name, strlen(name)) == 0 && set[i][strlen(name)] == '=')
            return atof(set[i] + strlen(name) + 1);
    return NAN;
}

static void test_default_space(void **state)
{
    (void)state;
    tune_space s = {0};
    assert_ok(tune_space_default(&s, &toy_row));
    assert_int_equal(tune_space_count(&s, &toy_row), 5); /* epochs are cost, not a setting to search */
    double least = 1, most = 0;
    for (uint64_t trial = 1; trial < 200; trial++) {
        char **set;
        size_t n;
        assert_ok(tune_draw(&s, &toy_row, trial, 7, &set, &n));
        assert_int_equal(n, 5);
        double lr = value_of(set, n, "learning_rate"), width = value_of(set, n, "hidden_size"),
               heads = value_of(set, n, "n_heads");
        double drop = value_of(set, n, "dropout");
        assert_true(lr >= 1e-4 * 0.999 && lr <= 1e-2 * 1.001);
        assert_true(width == 32 || width == 64 || width == 128);
        assert_true(heads == 1 || heads == 2); /* 3 never divides */
        assert_true(drop >= 0 && drop <= 0.7);
        if (lr < least) least = lr;
        if (lr > most) most = lr;
        tune_set_free(set, n);
    }
    assert_true(least < 2e-4 && most > 5e-3); /* the whole range is used */
    tune_space_free(&s);
}

static void test_first_trial_is_the_default_and_draws_repeat(void **state)
{
    (void)state;
    tune_space s = {0};
    char **a, **b, **c;
    size_t n, m, k;
    assert_ok(tune_space_default(&s, &toy_row));
    assert_ok(tune_draw(&s, &toy_row, 0, 7, &a, &n));
    assert_int_equal(n, 0);
    assert_ok(tune_draw(&s, &toy_row, 3, 7, &a, &n));
    assert_ok(tune_draw(&s, &toy_row, 3, 7, &b, &m));
    assert_ok(tune_draw(&s, &toy_row, 4, 7, &c, &k));
    assert_int_equal(n, m);
    size_t differ = 0;
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(a[i], b[i]);
        differ += strcmp(a[i], c[i]) != 0;
    }
    assert_true(differ > 0);
    tune_set_free(a, n);
    tune_set_free(b, m);
    tune_set_free(c, k);
    tune_space_free(&s);
}

static void test_file_in_recboles_words(void **state)
{
    (void)state;
    const char *path = test_file("space.txt", "# a comment\n"
                                              "learning_rate loguniform -8,-4\n"
                                              "toy.hidden_size choice [48,'96']  # both\n"
                                              "dropout quniform 0.1,0.5,0.2\n");
    tune_space s = {0};
    assert_ok(tune_space_read(&s, path));
    const recommender *methods[] = {&toy_row};
    assert_ok(tune_space_check(&s, methods, 1));
    assert_ok(tune_space_default(&s, &toy_row)); /* the file is about it: nothing is added */
    assert_int_equal(tune_space_count(&s, &toy_row), 3);
    for (uint64_t trial = 1; trial < 50; trial++) {
        char **set;
        size_t n;
        assert_ok(tune_draw(&s, &toy_row, trial, 1, &set, &n));
        double lr = value_of(set, n, "learning_rate"), width = value_of(set, n, "hidden_size"),
               drop = value_of(set, n, "dropout");
        assert_true(lr >= exp(-8) * 0.999 && lr <= exp(-4) * 1.001);
        assert_true(width == 48 || width == 96);
        assert_near(drop / 0.2, round(drop / 0.2), 0.51); /* clipped to the ends or a multiple of 0.2 */
        assert_true(drop >= 0.1 && drop <= 0.5);
        tune_set_free(set, n);
    }
    tune_space_free(&s);
}

static void test_bad_spaces(void **state)
{
    (void)state;
    const struct {
        const char *text, *says;
    } bad[] = {{"learning_rate loguniform\n", "low,high"},
               {"learning_rate uniform 3,1\n", "the smaller first"},
               {"learning_rate sometimes 1,2\n", "\"sometimes\" is none of"},
               {"hidden_size choice []\n", "choice needs values"},
               {"dropout quniform 0,1\n", "low,high,step"},
               {"\n\nlearning_rate loguniform 1,9999\n", "line 3"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tune_space s = {0};
        assert_fails(tune_space_read(&s, test_file("bad.txt", bad[i].text)), LOREC_INPUT, bad[i].says);
        tune_space_free(&s);
    }
    tune_space s = {0};
    const recommender *methods[] = {&toy_row};
    assert_ok(tune_space_read(&s, test_file("other.txt", "learning_rat uniform 0,1\n")));
    assert_fails(tune_space_check(&s, methods, 1), LOREC_USAGE, "did you mean \"learning_rate\"");
    tune_space_free(&s);
    assert_ok(tune_space_read(&s, test_file("never.txt", "hidden_size choice [7]\nn_heads choice [2]\n")));
    char **set;
    size_t n;
    assert_fails(tune_draw(&s, &toy_row, 1, 1, &set, &n), LOREC_USAGE, "nothing in the space fits");
    tune_space_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_space), cmocka_unit_test(test_first_trial_is_the_default_and_draws_repeat),
        cmocka_unit_test(test_file_in_recboles_words), cmocka_unit_test(test_bad_spaces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

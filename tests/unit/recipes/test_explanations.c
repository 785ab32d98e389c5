/* Features and explanations out of reviews by the stated rule, by hand. */
#include "recipes/explanations.h"
#include "support/support.h"

#include "base/mem.h"

static const char *const reviews[] = {
    "The scent is lovely. I use it daily!",
    "My hair loves the scent and the price.",
    "I really love the scent. The price is fair.",
    "The price was fine; the scent is not.",
    "Fine.",
    "A nice scent, and the price is low.",
};
enum { REVIEWS = sizeof reviews / sizeof *reviews };

static dataset d;

static int begin(void **state)
{
    (void)state;
    dataset_builder *b = dataset_builder_new("reviews");
    char user[8];
    for (int i = 0; i < REVIEWS; i++) {
        snprintf(user, sizeof user, "u%d", i);
        assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of("soap"), 5, 1}));
        assert_ok(dataset_builder_cell(b, SIDE_ROW, "review", COLUMN_TEXT, (slice){0}, slice_of(reviews[i]), 0));
    }
    assert_ok(dataset_builder_finish(b, true, &d));
    return 0;
}

static int end(void **state)
{
    (void)state;
    dataset_close(&d);
    return 0;
}

/* "scent" and "price" head noun phrases in five and four reviews; "love", "fine", "use" head none. */
static void features_by_the_rule(void **state)
{
    (void)state;
    feature_words f, again;
    assert_ok(feature_words_learn(&f, &d, &d.rows, &(feature_words_options){.least = 3}));
    assert_int_equal(f.words.n, 2);
    assert_true(slice_is(ids_name(&f.words, 0), "scent"));
    assert_true(slice_is(ids_name(&f.words, 1), "price"));
    assert_ok(feature_words_save(&f, test_folder()));
    assert_ok(feature_words_load(&again, test_folder()));
    assert_int_equal(again.words.n, 2);
    assert_true(slice_is(ids_name(&again.words, 1), "price"));
    feature_words_free(&again);
    feature_words_free(&f);
    assert_fails(feature_words_learn(&f, &d, &d.rows, &(feature_words_options){.least = 7}), LOREC_INPUT, "no word");
    assert_ok(feature_words_learn(&f, &d, &d.rows, &(feature_words_options){.least = 3, .most = 1}));
    assert_int_equal(f.words.n, 1);
    feature_words_free(&f);
}

static void sentences_with_a_feature(void **state)
{
    (void)state;
    feature_words f;
    explanations x;
    buf text = {0};
    assert_ok(feature_words_learn(&f, &d, &d.rows, &(feature_words_options){.least = 3}));
    assert_ok(explanations_make(&x, &f, &d, &d.rows, 1));
    assert_int_equal(x.n, REVIEWS - 1); /* "Fine." has none */
    assert_ok(explanations_text(&x, 0, &text));
    assert_string_equal(text.p, "the scent is lovely");
    assert_true(slice_is(ids_name(&x.words, x.feature[0]), "scent"));
    assert_ok(explanations_text(&x, 4, &text)); /* of the last review, whose row is the sixth */
    assert_string_equal(text.p, "a nice scent and the price is low");
    assert_int_equal(x.user[4], 5);
    assert_int_equal(x.row[4], 5);
    /* two sentences would do: which one is drawn depends on the seed */
    bool seen[2] = {false, false};
    for (uint64_t seed = 0; seed < 20; seed++) {
        explanations y;
        assert_ok(explanations_make(&y, &f, &d, &d.rows, seed));
        seen[slice_is(ids_name(&y.words, y.feature[2]), "price")] = true;
        explanations_free(&y);
    }
    assert_true(seen[0] && seen[1]);
    buf_free(&text);
    explanations_free(&x);
    feature_words_free(&f);
}

static void no_reviews(void **state)
{
    (void)state;
    feature_words f;
    dataset plain = d;
    plain.n_columns = 0;
    assert_fails(feature_words_learn(&f, &plain, &d.rows, NULL), LOREC_INPUT, "--review-text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(features_by_the_rule),
                                       cmocka_unit_test(sentences_with_a_feature), cmocka_unit_test(no_reviews)};
    return cmocka_run_group_tests(tests, begin, end);
}

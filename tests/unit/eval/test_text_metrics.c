/* Measures of generated text beside what sacrebleu 2, rouge-score and arithmetic give. */
#include "eval/text/text_metrics.h"
#include "support/support.h"

#include "base/mem.h"

enum { PAIRS = 5 };
static const char *const said_text[PAIRS] = {
    "the room was clean and the staff were very friendly", "Great value for $3.50, and well-made; it doesn't smell.",
    "the the the the", "nice", "the room was clean and the staff were very friendly"};
static const char *const meant_text[PAIRS] = {"the room was very clean and staff friendly",
                                              "Good value (only $3.50), it doesn't smell & it is well-made.",
                                              "the cat is on the mat", "a nice soap with a fresh scent",
                                              "breakfast was great and the staff were very friendly too"};

typedef struct both {
    ids words;
    texts said, meant;
} both;

static void cut(both *b, text_cut how)
{
    *b = (both){0};
    for (size_t i = 0; i < PAIRS; i++) {
        assert_ok(texts_add(&b->said, &b->words, slice_of(said_text[i]), how));
        assert_ok(texts_add(&b->meant, &b->words, slice_of(meant_text[i]), how));
    }
}

static void both_free(both *b)
{
    texts_free(&b->said);
    texts_free(&b->meant);
    ids_free(&b->words);
}

/* sacrebleu.BLEU(tokenize="none" | "13a", smooth_method="none", max_ngram_order=n).corpus_score */
static void bleu_as_sacrebleu(void **state)
{
    (void)state;
    static const double spaces[BLEU_ORDERS] = {0.48815016537092526, 0.34602343070434033, 0.26649231613496893,
                                               0.21500188834239498},
                        own[BLEU_ORDERS] = {0.560687595696704, 0.3840344962448634, 0.28876518792757794,
                                            0.21851896429507453};
    for (int k = 0; k < 2; k++) {
        const double *want = k ? own : spaces;
        both b;
        bleu sum = {0};
        cut(&b, k ? TEXT_13A : TEXT_SPACES);
        for (size_t i = 0; i < PAIRS; i++) assert_ok(bleu_add(&sum, texts_at(&b.said, i), texts_at(&b.meant, i)));
        for (size_t n = 1; n <= BLEU_ORDERS; n++) assert_near(bleu_value(&sum, n), want[n - 1], 1e-12);
        both_free(&b);
    }
    assert_near(bleu_value(&(bleu){0}, 4), 0, 0); /* nothing said */
}

/* sacrebleu.tokenizers.tokenizer_13a.Tokenizer13a */
static void words_as_mteval(void **state)
{
    (void)state;
    static const char *const row[][2] = {
        {"a..b,,c 1.5-2 &quot;x&amp;y&lt; end-\nline \u00e9.\u00e9, [z]",
         "a . . b , , c 1.5 - 2 \" x & y < endline \u00e9 . \u00e9 , [ z ]"},
        {"U.S. 10,000.-", "U . S . 10,000 . -"},
        {"Great value for $3.50, and well-made; it doesn't smell.",
         "Great value for $ 3.50 , and well-made ; it doesn't smell ."},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ids words = {0};
        texts a = {0};
        assert_ok(texts_add(&a, &words, slice_of(row[i][0]), TEXT_13A));
        assert_ok(texts_add(&a, &words, slice_of(row[i][1]), TEXT_SPACES));
        text_run got = texts_at(&a, 0), due = texts_at(&a, 1);
        assert_int_equal(got.n, due.n);
        for (size_t k = 0; k < got.n; k++) assert_int_equal(got.word[k], due.word[k]);
        texts_free(&a);
        ids_free(&words);
    }
}

/* rouge_score.rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False) */
static void rouge_as_rouge_score(void **state)
{
    (void)state;
    static const double due[PAIRS][3][3] = {
        {{0.8, 1, 0.888888888888889}, {0.333333333333333, 0.428571428571429, 0.375}, {0.7, 0.875, 0.777777777777778}},
        {{0.75, 0.692307692307692, 0.72},
         {0.454545454545455, 0.416666666666667, 0.434782608695652},
         {0.583333333333333, 0.538461538461538, 0.56}},
        {{0.5, 0.333333333333333, 0.4}, {0, 0, 0}, {0.5, 0.333333333333333, 0.4}},
        {{1, 0.142857142857143, 0.25}, {0, 0, 0}, {1, 0.142857142857143, 0.25}},
        {{0.7, 0.7, 0.7}, {0.555555555555556, 0.555555555555556, 0.555555555555556}, {0.7, 0.7, 0.7}},
    };
    both b;
    cut(&b, TEXT_ALNUM);
    for (size_t i = 0; i < PAIRS; i++)
        for (int k = 0; k < 3; k++) {
            rouge r;
            text_run said = texts_at(&b.said, i), meant = texts_at(&b.meant, i);
            assert_ok(k < 2 ? rouge_n(said, meant, (size_t)k + 1, &r) : rouge_l(said, meant, &r));
            assert_near(r.precision, due[i][k][0], 1e-12);
            assert_near(r.recall, due[i][k][1], 1e-12);
            assert_near(r.f1, due[i][k][2], 1e-12);
        }
    both_free(&b);
}

/* By hand: 10 + 9 + 4 + 1 + 10 words, 9 + 8 + 0 + 1 + 0 of them new; 9 + 8 + 3 + 0 + 9 bigrams, 9 + 8 + 1 new; 4 of 5 texts
 * differ. */
static void variety_by_hand(void **state)
{
    (void)state;
    both b;
    double x;
    cut(&b, TEXT_SPACES);
    assert_ok(text_distinct(&b.said, 1, &x));
    assert_near(x, 18 / 34.0, 1e-12);
    assert_ok(text_distinct(&b.said, 2, &x));
    assert_near(x, 18 / 29.0, 1e-12);
    assert_ok(text_unique(&b.said, &x));
    assert_near(x, 4 / 5.0, 1e-12);
    both_free(&b);
    assert_ok(text_unique(&(texts){0}, &x));
    assert_near(x, 0, 0);
}

/* Features room, staff, smell, price. Texts 0 and 4 name room and staff both, no other does: two features of four are named;
 * one of ten pairs shares two. Texts 0, 1, 2 should name room, staff, price; text 3 has no feature, text 4 staff. */
static void features_by_hand(void **state)
{
    (void)state;
    static const char *const feature[] = {"room", "staff", "smell", "price"};
    both b;
    uint32_t number[4], own[PAIRS];
    cut(&b, TEXT_SPACES);
    for (int i = 0; i < 4; i++) assert_ok(ids_add(&b.words, slice_of(feature[i]), &number[i]));
    bool *is = calloc(b.words.n, sizeof *is);
    for (int i = 0; i < 4; i++) is[number[i]] = true;
    own[0] = number[0], own[1] = number[1], own[2] = number[3], own[3] = UINT32_MAX, own[4] = number[1];
    text_features f;
    assert_ok(text_features_measure(&b.said, own, is, b.words.n, &f));
    assert_near(f.fmr, 2 / 4.0, 1e-12);
    assert_near(f.fcr, 2 / 4.0, 1e-12);
    assert_near(f.div, 2 / 10.0, 1e-12);
    memset(is, 0, b.words.n);
    assert_fails(text_features_measure(&b.said, own, is, b.words.n, &f), LOREC_USAGE, "no feature");
    free(is);
    both_free(&b);
}

/* Out of memory at every allocation leaves an error and nothing else. */
static void memory_fails(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        both b = {0};
        bleu sum = {0};
        rouge r;
        double x;
        mem_fail_at(n, false);
        lorec_err e = texts_add(&b.said, &b.words, slice_of(said_text[1]), TEXT_13A);
        if (!e) e = texts_add(&b.meant, &b.words, slice_of(meant_text[1]), TEXT_13A);
        if (!e) e = bleu_add(&sum, texts_at(&b.said, 0), texts_at(&b.meant, 0));
        if (!e) e = rouge_l(texts_at(&b.said, 0), texts_at(&b.meant, 0), &r);
        if (!e) e = text_distinct(&b.said, 2, &x);
        mem_fail_at(0, false);
        both_free(&b);
        if (!e) break;
        assert_int_equal(e, LOREC_RESOURCE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bleu_as_sacrebleu), cmocka_unit_test(words_as_mteval),  cmocka_unit_test(rouge_as_rouge_score),
        cmocka_unit_test(variety_by_hand),   cmocka_unit_test(features_by_hand), cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

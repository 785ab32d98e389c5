/* BM25 against its formula, and as a recommender. */
#include <math.h>

#include "methods/registry.h"
#include "retrieve/bm25.h"
#include "support/support.h"
#include "text/words.h"

static void by_the_formula(void **state)
{
    (void)state;
    /* documents: 0 = a b b, 1 = b, 2 = c */
    const uint32_t word[] = {0, 1, 1, 1, 2};
    const uint64_t start[] = {0, 3, 4, 5};
    bm25 x;
    float score[3];
    assert_ok(bm25_make(&x, word, start, 3, &(bm25_options){0}));
    bm25_score(&x, (const uint32_t[]){1, 1, 7}, 3, score);
    double idf = log(1 + (3 - 2 + .5) / (2 + .5)), mean = 5.0 / 3;
    double d0 = idf * 2 * 2.2 / (2 + 1.2 * (.25 + .75 * 3 / mean)), d1 = idf * 2.2 / (1 + 1.2 * (.25 + .75 * 1 / mean));
    assert_near(score[0], 2 * d0, 1e-6);
    assert_near(score[1], 2 * d1, 1e-6);
    assert_true(score[2] == 0);
    bm25_free(&x);
    /* published: no "1 +", and b, which two of three hold, counts a quarter of the mean */
    assert_ok(bm25_make(&x, word, start, 3, &(bm25_options){.floored = true}));
    bm25_score(&x, (const uint32_t[]){1}, 1, score);
    idf = (2 * log(2.5 / 1.5) + log(1.5 / 2.5)) / 3 / 4;
    assert_near(score[1], idf * 2.2 / (1 + 1.2 * (.25 + .75 * 1 / mean)), 1e-6);
    bm25_free(&x);
    assert_ok(bm25_make(&x, NULL, (const uint64_t[]){0}, 0, &(bm25_options){0}));
    bm25_free(&x);
}

static size_t count_by(lorec_err (*read)(slice, ids *, bool, word_list *), const char *text, const char *const *want)
{
    ids v = {0};
    word_list w = {0};
    assert_ok(read(slice_of(text), &v, true, &w));
    size_t n = 0;
    for (; want[n]; n++) {
        assert_true(n < w.n);
        slice s = ids_name(&v, w.word[n]);
        assert_int_equal(s.n, strlen(want[n]));
        assert_memory_equal(s.p, want[n], s.n);
    }
    assert_int_equal(w.n, n);
    word_list_free(&w);
    ids_free(&v);
    return n;
}

static size_t count(const char *text, const char *const *want)
{
    return count_by(words_read, text, want);
}

static void tokens_and_characters(void **state)
{
    (void)state;
    count_by(words_read_tokens, "Zelda: A Link (10,000 P.t.s.)!",
             (const char *const[]){"Zelda", ":", "A", "Link", "(", "10,000", "P.t.s.", ")", "!", NULL});
    count_by(words_read_tokens, " Pokémon\tX. ", (const char *const[]){"Pokémon", "X.", NULL});
    count_by(words_read_tokens, "", (const char *const[]){NULL});
    count_by(words_read_characters, "Né\xff 2", (const char *const[]){"N", "é", "\xff", "2", NULL});
}

static void words_of_texts(void **state)
{
    (void)state;
    count("Amélie (2001)", (const char *const[]){"amelie", "2001", NULL});
    count("  ", (const char *const[]){NULL});
    count("", (const char *const[]){NULL});
    count("Star Wars: Episode IV", (const char *const[]){"star", "wars", "episode", "iv", NULL});
    count("卧虎 Tiger", (const char *const[]){"卧", "虎", "tiger", NULL});
    count("a\xff"
          "b",
          (const char *const[]){"a", "b", NULL});
    count("Straße ΣΟΦΊΑ", (const char *const[]){"strasse", "σοφια", NULL});
}

static void titles_that_share_words_come_first(void **state)
{
    (void)state;
    dataset d;
    split s;
    void *self;
    const recommender *r = registry_find("bm25");
    assert_ok(dataset_sample_named(&d, "sample"));
    assert_ok(split_make(&s, &d, &(split_options){0}));
    assert_ok(recommender_new(r, &self));
    assert_ok(r->fit(self, &(fit_context){.split = &s, .train = &s.train, .seed = 1}));
    rec_session *session = rec_session_new(1);
    float *score = calloc(d.rows.n_items, sizeof *score);
    uint32_t item = 0;
    while (!memmem(dataset_title(&d, item).p, dataset_title(&d, item).n, " II", 3)) item++; /* a sequel */
    assert_ok(r->score(self, session, &(query){.items = &item, .n = 1}, 1, score));
    slice name = dataset_title(&d, item);
    size_t stem = (size_t)((const char *)memmem(name.p, name.n, " II", 3) - name.p), alike = 0;
    float best = 0;
    for (uint32_t i = 0; i < d.rows.n_items; i++) {
        slice t = dataset_title(&d, i);
        if (i != item && t.n >= stem && !memcmp(t.p, name.p, stem)) alike++;
        if (i != item && score[i] > best) best = score[i];
    }
    assert_true(alike > 0);
    for (uint32_t i = 0; i < d.rows.n_items; i++) {
        slice t = dataset_title(&d, i);
        if (i != item && score[i] == best) assert_memory_equal(t.p, name.p, stem);
    }
    free(score);
    rec_session_free(session);
    recommender_free(r, self);
    split_close(&s);
    dataset_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_the_formula), cmocka_unit_test(words_of_texts),
                                       cmocka_unit_test(tokens_and_characters),
                                       cmocka_unit_test(titles_that_share_words_come_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

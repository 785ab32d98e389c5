/* GPTRec on sequences made so that the right answers are known: what follows an item is a function of it. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "lm/model_folder.h"
#include "methods/gptrec/codes.h"
#include "methods/registry.h"
#include "support/model.h"
#include "tensor/rng.h"

enum { ITEMS = 30, USERS = 120, LONGEST = 24 };

/* A permutation of the items in one cycle. */
static uint32_t after(uint32_t item)
{
    return (item * 11 + 7) % ITEMS; /* 11 - 1 has all primes of 30, 7 has none: period 30 */
}

typedef struct walk {
    uint64_t start[USERS + 1];
    uint32_t item[USERS * LONGEST];
    interactions x;
} walk;

static void make_walk(walk *w)
{
    rng r = rng_make(1, RNG_USER);
    w->start[0] = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        uint64_t n = 2 + rng_below(&r, LONGEST - 2);
        uint32_t item = u % ITEMS;
        for (uint64_t i = 0; i < n; i++, item = after(item)) w->item[w->start[u] + i] = item;
        w->start[u + 1] = w->start[u] + n;
    }
    w->x = (interactions){.n_users = USERS, .n_items = ITEMS, .n = w->start[USERS], .start = w->start, .item = w->item};
}

static const recommender *method(void)
{
    const recommender *r = registry_find("gptrec");
    assert_non_null(r);
    return r;
}

/* Over small defaults. */
static void *fresh(const char *const *settings)
{
    return model_new(method(),
                     OPTIONS("max_items", "12", "hidden_size", "32", "n_layers", "2", "n_heads", "2", "epochs", "25",
                             "train_batch_size", "16", "learning_rate", "0.003", "codebook", "8"),
                     settings);
}

static void set(void *self, const char *name, const char *value)
{
    model_set(method(), self, name, value);
}

static void *fitted(const walk *w, const char *const *settings)
{
    void *self = fresh(settings);
    assert_ok(method()->fit(self, &(fit_context){.train = &w->x, .seed = 3}));
    return self;
}

/* Queries of every length from nothing to longer than the window, along the cycle. */
enum { QUERIES = 20 };
typedef struct questions {
    uint32_t item[QUERIES * QUERIES];
    query q[QUERIES];
} questions;

static void ask(questions *a)
{
    size_t at = 0;
    for (size_t n = 0; n < QUERIES; n++) {
        uint32_t item = (uint32_t)(n * 13) % ITEMS;
        a->q[n] = (query){.user = NO_USER, .items = a->item + at, .n = n, .now = INT64_MIN};
        for (size_t i = 0; i < n; i++, item = after(item)) a->item[at++] = item;
    }
}

static uint32_t best_of(const float *row)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < ITEMS; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

static void knows_what_follows(const void *self)
{
    questions a;
    float scores[QUERIES * ITEMS];
    ask(&a);
    rec_session *s = rec_session_new(1);
    assert_ok(method()->score(self, s, a.q, QUERIES, scores));
    for (size_t i = 1; i < QUERIES; i++) assert_int_equal(best_of(scores + i * ITEMS), after(a.q[i].items[i - 1]));
    rec_session_free(s);
}

static double count_of(const void *self, const char *name)
{
    json_t *counts = method()->counts(self);
    const json_t *value = json_object_get(counts, name);
    double x = value ? json_number_value(value) : -1;
    json_decref(counts);
    return x;
}

static walk w;

/* ---- one token an item -------------------------------------------------------------------------------------------------- */

static void learns_a_chain(void **state)
{
    (void)state;
    void *self = fitted(&w, NULL);
    knows_what_follows(self);
    assert_int_equal(count_of(self, "embedding_rows"), ITEMS + 2);
    recommender_free(method(), self);
}

/* Next-K as the card says it, read from the start each time: Top-K scores of the history and the list so far. */
static void naive_next_k(const void *self, rec_session *s, const query *q, size_t k, uint32_t *list, size_t *found)
{
    uint32_t seen[QUERIES + ITEMS];
    float row[ITEMS];
    memcpy(seen, q->items, q->n * sizeof *seen);
    for (*found = 0; *found < k; (*found)++) {
        query more = {.user = NO_USER, .items = seen, .n = q->n + *found, .now = INT64_MIN};
        assert_ok(method()->score(self, s, &more, 1, row));
        for (size_t i = 0; i < more.n; i++) row[seen[i]] = -INFINITY;
        uint32_t best = best_of(row);
        if (row[best] == -INFINITY) return;
        list[*found] = seen[more.n] = best;
    }
}

static void check_next_k(void *self, size_t k)
{
    questions a;
    float scores[QUERIES * ITEMS], along[QUERIES * ITEMS];
    uint32_t items[QUERIES * ITEMS], expected[ITEMS];
    size_t found[QUERIES], n;
    ask(&a);
    rec_session *s = rec_session_new(1);
    assert_ok(method()->score(self, s, a.q, QUERIES, scores));
    assert_ok(method()->recommend(self, s, a.q, QUERIES, k, items, along, found));
    for (size_t i = 0; i < QUERIES; i++) {
        float *row = scores + i * ITEMS;
        for (size_t j = 0; j < i; j++) row[a.q[i].items[j]] = -INFINITY;
        if (row[best_of(row)] > -INFINITY) assert_int_equal(items[i * k], best_of(row)); /* the same at cut-off 1 */
        naive_next_k(self, s, &a.q[i], k, expected, &n);
        assert_int_equal(found[i], n);
        assert_memory_equal(items + i * k, expected, n * sizeof *expected);
        for (size_t j = 1; j < n; j++) assert_true(along[i * k + j] <= along[i * k + j - 1]);
    }
    rec_session_free(s);
}

static void next_k_writes_the_list(void **state)
{
    (void)state;
    void *self = fitted(&w, (const char *[]){"strategy", "nextk", "epochs", "6", NULL});
    assert_true(recommender_generates(method(), self));
    check_next_k(self, 1);
    check_next_k(self, 5);  /* with a cache where the window has room, by sliding where not */
    check_next_k(self, 29); /* until nothing is left for the longest histories */
    set(self, "strategy", "topk");
    assert_false(recommender_generates(method(), self));
    recommender_free(method(), self);
}

/* ---- several -------------------------------------------------------------------------------------------------------------- */

static void codes_are_cut_evenly(void **state)
{
    (void)state;
    static const uint32_t books[] = {2, 7, 8, 30, 41};
    for (size_t b = 0; b < 5; b++)
        for (uint32_t t = 2; t <= 4; t++) {
            uint32_t v = books[b], count[4][41] = {{0}};
            item_codes c, again;
            assert_ok(codes_svd(&c, &w.x, t, v, 5));
            for (uint32_t i = 0; i < ITEMS; i++)
                for (uint32_t j = 0; j < t; j++) {
                    int32_t bin = c.token[i * t + j] - (int32_t)(v * j);
                    assert_in_range(bin, 0, v - 1);
                    count[j][bin]++;
                }
            for (uint32_t j = 0; j < t; j++)
                for (uint32_t bin = 0; bin < v; bin++) assert_in_range(count[j][bin], ITEMS / v, (ITEMS + v - 1) / v);
            uint32_t alike = 0;
            for (uint32_t i = 0; i < ITEMS; i++) {
                bool first = true;
                for (uint32_t j = 0; j < i && first; j++)
                    first = memcmp(c.token + i * t, c.token + j * t, t * sizeof *c.token) != 0;
                alike += !first;
            }
            assert_int_equal(c.collisions, alike);
            if (v >= ITEMS) assert_int_equal(alike, 0);
            assert_ok(codes_svd(&again, &w.x, t, v, 5));
            assert_memory_equal(c.token, again.token, ITEMS * t * sizeof *c.token);
            codes_free(&again);
            codes_free(&c);
        }
    item_codes c;
    assert_fails(codes_svd(&c, &w.x, ITEMS + 1, 4, 5), LOREC_INPUT, "singular vectors");
}

static void several_tokens_learn_it_too(void **state)
{
    (void)state;
    void *self = fitted(&w, (const char *[]){"tokens", "3", "scoring", "exact", "epochs", "40", NULL});
    assert_int_equal(count_of(self, "embedding_rows"), 3 * 8 + 2);
    assert_int_equal(count_of(self, "collisions"), 0); /* else the next test line could not hold */
    knows_what_follows(self);
    set(self, "scoring", "beam");
    set(self, "beams", "5");
    knows_what_follows(self);
    set(self, "scoring", "sample");
    knows_what_follows(self);
    /* a trained model draws mostly items; with the trie nothing else */
    double share = count_of(self, "invalid_share");
    assert_true(share >= 0 && share < .5);
    assert_int_equal(count_of(self, "samples"), QUERIES * 50);
    check_next_k(self, 3);
    recommender_free(method(), self);
}

static void the_trie_leaves_nothing_invalid(void **state)
{
    (void)state;
    /* hardly trained, hot, unfiltered: without the trie most samples are no item */
    const char *const wild[] = {"tokens", "3", "epochs", "1", "temperature", "5", "top_k", "0", "top_p", "1", NULL};
    void *self = fitted(&w, wild);
    questions a;
    float scores[QUERIES * ITEMS], again[QUERIES * ITEMS];
    ask(&a);
    rec_session *s = rec_session_new(1);
    assert_ok(method()->score(self, s, a.q, QUERIES, scores));
    assert_true(count_of(self, "invalid_share") > .5);
    set(self, "trie", "true");
    double invalid = count_of(self, "invalid_samples");
    assert_ok(method()->score(self, s, a.q, QUERIES, scores));
    assert_int_equal(count_of(self, "invalid_samples"), invalid); /* none were added */
    assert_int_equal(count_of(self, "samples"), 2 * QUERIES * 50);
    /* the scores are those of the chain rule, and a batch does not change them */
    set(self, "scoring", "exact");
    assert_ok(method()->score(self, s, a.q, QUERIES, again));
    for (size_t i = 0; i < QUERIES * ITEMS; i++)
        if (scores[i] > -INFINITY) assert_near(scores[i], again[i], 1e-4);
    set(self, "scoring", "sample");
    for (size_t i = 0; i < QUERIES; i++) {
        assert_ok(method()->score(self, s, a.q + i, 1, again));
        for (size_t j = 0; j < ITEMS; j++) {
            assert_int_equal(again[j] > -INFINITY, scores[i * ITEMS + j] > -INFINITY);
            if (again[j] > -INFINITY) assert_near(again[j], scores[i * ITEMS + j], 1e-4);
        }
    }
    rec_session_free(s);
    recommender_free(method(), self);
}

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

static void saves_and_loads(void **state)
{
    (void)state;
    static const char *const kinds[][8] = {{"epochs", "2", NULL},
                                           {"epochs", "2", "tokens", "2", "scoring", "exact", NULL}};
    for (int kind = 0; kind < 2; kind++) {
        void *self = fitted(&w, kinds[kind]), *again;
        const char *folder = test_path(kind ? "codes" : "items");
        questions a;
        float x[QUERIES * ITEMS], y[QUERIES * ITEMS];
        ask(&a);
        assert_ok(recommender_save(method(), self, folder));
        assert_ok(recommender_load(method(), &again, folder));
        rec_session *s = rec_session_new(1);
        assert_ok(method()->score(self, s, a.q, QUERIES, x));
        assert_ok(method()->score(again, s, a.q, QUERIES, y));
        assert_memory_equal(x, y, sizeof x);
        recommender_free(method(), again);
        /* it is a Hugging Face folder; and another model can be made of it without training */
        lm_model *m;
        assert_ok(lm_model_open(&m, folder));
        lm_model_free(m);
        again = fresh(kinds[kind]);
        set(again, "trained", folder);
        assert_ok(method()->fit(again, &(fit_context){.train = &w.x, .seed = 77}));
        assert_ok(method()->score(again, s, a.q, QUERIES, y));
        assert_memory_equal(x, y, sizeof x);
        set(again, "max_items", "13");
        assert_fails(method()->load(again, folder), LOREC_INPUT, "positions");
        rec_session_free(s);
        recommender_free(method(), again);
        recommender_free(method(), self);
    }
}

typedef struct stopping {
    int asked, cancel_at;
} stopping;

static lorec_err validation(void *ctx, const void *self, double *metric)
{
    stopping *v = ctx;
    (void)self;
    *metric = ++v->asked;
    if (v->asked == v->cancel_at) cancel_request();
    return LOREC_OK;
}

static void resumes_to_the_same_bits(void **state)
{
    (void)state;
    const char *const settings[] = {"epochs", "4", NULL};
    float x[QUERIES * ITEMS], y[QUERIES * ITEMS];
    questions a;
    ask(&a);
    stopping straight = {0}, v = {.cancel_at = 2};
    void *self = fresh(settings);
    rec_session *s = rec_session_new(1);
    assert_ok(method()->fit(
        self, &(fit_context){.train = &w.x, .seed = 3, .validate = validation, .validate_ctx = &straight}));
    assert_ok(method()->score(self, s, a.q, QUERIES, x));
    fit_context fit = {
        .train = &w.x, .seed = 3, .folder = test_path("run"), .validate = validation, .validate_ctx = &v};
    void *cut = fresh(settings);
    assert_fails(method()->fit(cut, &fit), LOREC_CANCELLED, "");
    cancel_clear();
    recommender_free(method(), cut);
    cut = fresh(settings);
    fit.resume = true;
    assert_ok(method()->fit(cut, &fit));
    assert_ok(method()->score(cut, s, a.q, QUERIES, y));
    assert_memory_equal(x, y, sizeof x);
    rec_session_free(s);
    recommender_free(method(), cut);
    recommender_free(method(), self);
}

static void odd_data(void **state)
{
    (void)state;
    void *self = fresh(NULL);
    interactions none = {.n_users = 1, .n_items = 3, .start = (uint64_t[]){0, 0}};
    assert_fails(method()->fit(self, &(fit_context){.train = &none, .seed = 1}), LOREC_INPUT, "no interactions");
    interactions one = {.n_users = 1, .n_items = 1, .n = 1, .start = (uint64_t[]){0, 1}, .item = (uint32_t[]){0}};
    assert_ok(method()->fit(self, &(fit_context){.train = &one, .seed = 1}));
    rec_session *s = rec_session_new(1);
    float score;
    assert_ok(method()->score(self, s, &(query){.user = 0, .items = (uint32_t[]){0, 9}, .n = 2}, 1, &score));
    assert_true(isfinite(score));
    rec_session_free(s);
    recommender_free(method(), self);
}

int main(void)
{
    make_walk(&w);
    par_set_workers(1); /* models this small wait for threads longer than they compute */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_a_chain),
        cmocka_unit_test(next_k_writes_the_list),
        cmocka_unit_test(codes_are_cut_evenly),
        cmocka_unit_test(several_tokens_learn_it_too),
        cmocka_unit_test(the_trie_leaves_nothing_invalid),
        cmocka_unit_test(saves_and_loads),
        cmocka_unit_test(resumes_to_the_same_bits),
        cmocka_unit_test(odd_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

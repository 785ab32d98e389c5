/* Models of item order: SASRec, GRU4Rec, BERT4Rec on rules that only order can tell. */
#include <math.h>

#include "base/log.h"
#include "base/threads.h"
#include "rec/sequence.h"
#include "unit/rec/made.h"

extern const recommender recommender_sasrec, recommender_gru4rec, recommender_bert4rec;

static made m;

#define SMALL "hidden_size", "32", "inner_size", "64", "train_batch_size", "32", "dropout", "0.1", "attn_dropout", "0"

static void learns_the_chain(const recommender *r, const char *const *options, const char *name)
{
    made_chain(&m, 64, 20, 8);
    void *self;
    assert_ok(made_fit(r, &self, &(fit_context){.train = &m.x, .seed = 1}, options));
    assert_true(made_hit(r, self, &m, true) > 0.9);
    made_check_saving(r, self, &m, name);
    made_check_strangers(r, self, &m);
    recommender_free(r, self);
}

static void sasrec_learns_the_chain_by_every_loss(void **state)
{
    (void)state;
    const char *const losses[] = {"ce", "sampled", "bce", "gbce", "bpr", "bpr_max", "top1"};
    for (int i = 0; i < 7; i++)
        learns_the_chain(&recommender_sasrec,
                         (const char *[]){SMALL, "loss", losses[i], "negatives", "4", "max_len", "3", "epochs", "30",
                                          "lr", "0.005", NULL},
                         losses[i]);
}

static void sasrec_in_its_other_forms(void **state)
{
    (void)state;
    learns_the_chain(&recommender_sasrec,
                     (const char *[]){SMALL, "norm", "post", "positions", "from_start", "act", "relu", "n_heads", "1",
                                      "epochs", "30", "lr", "0.005", NULL},
                     "sasrec-post");
    learns_the_chain(
        &recommender_sasrec,
        (const char *[]){SMALL, "max_len", "3", "n_layers", "1", "bf16", "true", "epochs", "30", "lr", "0.005", NULL},
        "sasrec-short");
}

/* What comes next is the item before the last: one item back says nothing, attention has to look two back. */
static void sasrec_looks_back(void **state)
{
    (void)state;
    made_alternating(&m, 240, 16, 9);
    void *self;
    assert_ok(made_fit(&recommender_sasrec, &self, &(fit_context){.train = &m.x, .seed = 1},
                       (const char *[]){SMALL, "epochs", "100", "lr", "0.005", NULL}));
    assert_true(made_hit(&recommender_sasrec, self, &m, false) > 0.9);
    recommender_free(&recommender_sasrec, self);
}

static void gru4rec_learns_the_chain(void **state)
{
    (void)state;
    const char *const losses[] = {"ce", "bpr", "bpr_max", "top1"};
    for (int i = 0; i < 4; i++)
        learns_the_chain(&recommender_gru4rec,
                         (const char *[]){"embedding_size", "16", "hidden_size", "24", "train_batch_size", "32",
                                          "num_layers", i ? "1" : "2", "dropout", "0.1", "loss", losses[i], "negatives",
                                          "4", "epochs", "70", "lr", "0.01", NULL},
                         "gru4rec");
}

static void bert4rec_learns_the_chain(void **state)
{
    (void)state;
    learns_the_chain(&recommender_bert4rec,
                     (const char *[]){SMALL, "epochs", "200", "lr", "0.005", "last_ratio", "0.5", NULL}, "bert4rec");
}

/* On noise nobody can do better than log(items). A model that saw what it hides would. */
static void bert4rec_does_not_see_what_it_hides(void **state)
{
    (void)state;
    made_begin(&m, 200, 30);
    rng r = rng_make(5, RNG_USER);
    for (uint32_t u = 0; u < 200; u++)
        for (int j = 0; j < 6; j++) made_add(&m, u, rng_below(&r, 30));
    void *self;
    assert_ok(made_fit(&recommender_bert4rec, &self, &(fit_context){.train = &m.x, .seed = 1},
                       (const char *[]){SMALL, "epochs", "8", "lr", "0.002", NULL}));
    const sequence_model *base = self;
    assert_true(base->report.last_loss > log(30) - 0.35); /* noise: the best that can be is log 30 */
    recommender_free(&recommender_bert4rec, self);
}

/* Packed beside others or alone: a question's answer is the same up to rounding. */
static void scores_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    made_chain(&m, 64, 20, 8);
    const recommender *all[] = {&recommender_sasrec, &recommender_gru4rec, &recommender_bert4rec};
    for (int k = 0; k < 3; k++) {
        void *self;
        assert_ok(
            made_fit(all[k], &self, &(fit_context){.train = &m.x, .seed = 1}, (const char *[]){"epochs", "2", NULL}));
        float *scores = made_scores(all[k], self, &m), one[20];
        rec_session *s = rec_session_new(1);
        for (uint32_t u = 0; u < 64; u += 9) {
            query q = made_query(&m, u);
            assert_ok(all[k]->score(self, s, &q, 1, one));
            for (int i = 0; i < 20; i++) assert_near(one[i], scores[u * 20 + (uint32_t)i], 1e-4);
        }
        rec_session_free(s);
        free(scores);
        recommender_free(all[k], self);
    }
}

static lorec_err stop_at_third(void *ctx, const void *self, double *metric)
{
    (void)self;
    int *asked = ctx;
    if (++*asked == 3) cancel_request();
    *metric = *asked;
    return LOREC_OK;
}

static void an_interrupted_fit_resumes_to_the_same_bits(void **state)
{
    (void)state;
    made_chain(&m, 64, 20, 8);
    const recommender *all[] = {&recommender_sasrec, &recommender_gru4rec, &recommender_bert4rec};
    for (int k = 0; k < 3; k++) {
        const char *const options[] = {"epochs", "6", "train_batch_size", "20", "lr", "0.005", NULL};
        void *whole, *first, *second;
        int asked = 100;
        fit_context fit = {.train = &m.x, .seed = 4, .validate = stop_at_third, .validate_ctx = &asked};
        assert_ok(made_fit(all[k], &whole, &fit, options));
        asked = 0;
        fit.folder = test_path("resume");
        assert_int_equal(made_fit(all[k], &first, &fit, options), LOREC_CANCELLED);
        cancel_clear();
        fit.resume = true;
        assert_ok(made_fit(all[k], &second, &fit, options));
        float *a = made_scores(all[k], whole, &m), *b = made_scores(all[k], second, &m);
        assert_memory_equal(a, b, 64 * 20 * sizeof *a);
        free(a);
        free(b);
        recommender_free(all[k], whole);
        recommender_free(all[k], first);
        recommender_free(all[k], second);
    }
}

static void small_worlds(void **state)
{
    (void)state;
    const recommender *all[] = {&recommender_sasrec, &recommender_gru4rec, &recommender_bert4rec};
    for (int k = 0; k < 3; k++) {
        void *self;
        made_begin(&m, 3, 5);
        assert_int_equal(made_fit(all[k], &self, &(fit_context){.train = &m.x, .seed = 1}, NULL), LOREC_INPUT);
        recommender_free(all[k], self);
        made_begin(&m, 1, 1); /* one item twice: nothing else could be drawn as a negative */
        made_add(&m, 0, 0);
        made_add(&m, 0, 0);
        const char *const loss[] = {"loss", "bce", "epochs", "2", NULL};
        assert_ok(made_fit(all[k], &self, &(fit_context){.train = &m.x, .seed = 1}, k < 2 ? loss : loss + 2));
        float score;
        query q = made_query(&m, 0);
        rec_session *s = rec_session_new(1);
        assert_ok(all[k]->score(self, s, &q, 1, &score));
        assert_true(isfinite(score));
        rec_session_free(s);
        recommender_free(all[k], self);
    }
}

static void options_that_do_not_fit_are_told(void **state)
{
    (void)state;
    void *self;
    assert_ok(recommender_new(&recommender_sasrec, &self));
    assert_null(recommender_sasrec.check(self));
    assert_ok(options_set(recommender_sasrec.options, recommender_sasrec.n_options, self, "n_heads", "3"));
    assert_non_null(strstr(recommender_sasrec.check(self), "multiple of n_heads"));
    assert_fails(options_set(recommender_sasrec.options, recommender_sasrec.n_options, self, "los", "ce"), LOREC_USAGE,
                 "loss");
    assert_ok(options_set(recommender_sasrec.options, recommender_sasrec.n_options, self, "loss_type", "bce"));
    recommender_free(&recommender_sasrec, self);
}

static void packing(void **state)
{
    (void)state;
    made_begin(&m, 3, 9);
    for (uint32_t i = 0; i < 6; i++) made_add(&m, 0, i);
    made_add(&m, 1, 8);
    made_add(&m, 2, 7);
    made_add(&m, 2, 6);
    uint32_t *user;
    size_t n;
    assert_ok(sequence_examples(&user, &n, &m.x, 2));
    assert_int_equal(n, 2);
    packed p = {0};
    assert_ok(packed_train(&p, &m.x, user, (const uint32_t[]){1, 0}, 2, 3));
    assert_int_equal(p.n, 2);
    assert_int_equal(p.rows, 4);
    assert_memory_equal(p.length, ((int32_t[]){1, 3}), 8);
    assert_memory_equal(p.id, ((int32_t[]){7, 2, 3, 4}), 16);
    assert_memory_equal(p.target, ((int32_t[]){6, 3, 4, 5}), 16);
    assert_memory_equal(p.from_end, ((int32_t[]){0, 2, 1, 0}), 16);
    assert_memory_equal(p.from_start, ((int32_t[]){0, 0, 1, 2}), 16);
    uint32_t a[] = {1, 99, 2, 3}, b[] = {99};
    query q[] = {{.items = a, .n = 4}, {.items = b, .n = 1}, {.n = 0}, {.items = a, .n = 1}};
    size_t next;
    assert_ok(packed_queries(&p, q, 0, 4, 9, 1, 2, 100, &(int32_t){0}, &next));
    assert_int_equal(next, 4);
    assert_int_equal(p.n, 2);
    assert_memory_equal(p.id, ((int32_t[]){3, 4, 0, 2, 0}), 20);
    assert_memory_equal(p.length, ((int32_t[]){3, 2}), 8);
    assert_int_equal(p.query[1], 3);
    assert_ok(packed_queries(&p, q, 0, 4, 9, 0, 5, 3, NULL, &next)); /* no room for the last */
    assert_int_equal(next, 3);
    assert_memory_equal(p.id, ((int32_t[]){1, 2, 3}), 12);
    packed_free(&p);
    free(user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing),
        cmocka_unit_test(sasrec_learns_the_chain_by_every_loss),
        cmocka_unit_test(sasrec_in_its_other_forms),
        cmocka_unit_test(sasrec_looks_back),
        cmocka_unit_test(gru4rec_learns_the_chain),
        cmocka_unit_test(bert4rec_learns_the_chain),
        cmocka_unit_test(bert4rec_does_not_see_what_it_hides),
        cmocka_unit_test(scores_do_not_depend_on_the_batch),
        cmocka_unit_test(an_interrupted_fit_resumes_to_the_same_bits),
        cmocka_unit_test(small_worlds),
        cmocka_unit_test(options_that_do_not_fit_are_told),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

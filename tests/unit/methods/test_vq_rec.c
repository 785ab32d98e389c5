/* VQ-Rec on two bookshops that share words but no book: codes of texts beat popularity, and go from one to the other. */
#include "support/support.h"

#include <math.h>

#include "data/filter.h"
#include "eval/evaluate.h"
#include "methods/registry.h"
#include "methods/vq-rec/vq_rec.h"
#include "support/model.h"

typedef struct shop {
    dataset d;
    split s;
    protocol p;
    double pop; /* popularity's NDCG@10 */
} shop;

extern const recommender recommender_vq_rec;
static shop home, away;

static const recommender *method(void)
{
    return &recommender_vq_rec;
}

static double ndcg(const shop *g, const recommender *r, const void *self)
{
    report made;
    assert_ok(evaluate(
        &made,
        &(evaluate_request){.recommender = r, .self = self, .protocol = &g->p, .part = PART_TEST, .quiet = true}));
    double x = made.mean[0];
    report_close(&made);
    return x;
}

static void open_shop(shop *g, dataset *d)
{
    void *pop;
    g->d = *d;
    assert_ok(split_make(&g->s, &g->d, &(split_options){0}));
    assert_ok(protocol_make(&g->p, &g->s, "full", "ndcg@10", false, 1));
    const recommender *r = registry_find("pop");
    assert_ok(recommender_new(r, &pop));
    assert_ok(r->fit(pop, &(fit_context){.split = &g->s, .train = &g->s.train}));
    g->pop = ndcg(g, r, pop);
    recommender_free(r, pop);
}

static int open_shops(void **state)
{
    (void)state;
    dataset d, all;
    assert_ok(dataset_sample(&d, 500, 42));
    open_shop(&home, &d);
    assert_ok(dataset_sample(&all, 150, 7));
    assert_ok(dataset_filter(&d, &all, &(filter_options){.item_core = 3}));
    dataset_close(&all);
    open_shop(&away, &d);
    assert_int_not_equal(home.s.train.n_items, away.s.train.n_items);
    return 0;
}

static int close_shops(void **state)
{
    (void)state;
    for (shop *g = &home;; g = &away) {
        protocol_close(&g->p);
        split_close(&g->s);
        dataset_close(&g->d);
        if (g == &away) return 0;
    }
}

/* Over small defaults. */
static void *fresh(const char *const *settings)
{
    return model_new(method(),
                     OPTIONS("text_size", "32", "n_codes", "8", "codebook", "32", "rotations", "3", "hidden_size", "32",
                             "inner_size", "64", "dropout", "0.2", "attn_dropout", "0.2", "learning_rate", "0.003",
                             "max_len", "20", "epochs", "8", "train_batch_size", "64"),
                     settings);
}

static void *fitted(const shop *g, const char *const *settings)
{
    void *self = fresh(settings);
    assert_null(method()->check(self));
    assert_ok(method()->fit(self, &(fit_context){.split = &g->s, .train = &g->s.train, .seed = 3}));
    return self;
}

static double try_it(const shop *g, const char *const *settings, double *loss)
{
    void *self = fitted(g, settings);
    double x = ndcg(g, method(), self);
    if (loss) *loss = ((vq_rec *)self)->base.report.last_loss;
    recommender_free(method(), self);
    return x;
}

static const char *pretrained; /* on `home`, saved by the first test */

static void beats_popularity_and_random_codes(void **state)
{
    (void)state;
    void *self = fitted(&home, NULL), *again;
    double text = ndcg(&home, method(), self), random = try_it(&home, OPTIONS("codes", "random"), NULL);
    print_message("home: pop %.4f, text codes %.4f, random codes %.4f\n", home.pop, text, random);
    assert_true(text > 1.5 * home.pop);
    assert_true(text > random);
    pretrained = test_path("home");
    assert_ok(recommender_save(method(), self, pretrained));
    assert_ok(recommender_load(method(), &again, pretrained));
    assert_true(ndcg(&home, method(), again) == text);
    json_t *counts = method()->counts(again);
    assert_string_equal(json_string_value(json_object_get(counts, "text_vectors")), "hashed words, truncated SVD");
    assert_true(json_integer_value(json_object_get(counts, "distinct_code_tuples")) > 200);
    json_decref(counts);
    recommender_free(method(), self);
    recommender_free(method(), again);
}

static void pretraining_by_contrast(void **state)
{
    (void)state;
    double x = try_it(&home, OPTIONS("loss", "contrastive", "epochs", "3", "train_batch_size", "32"), NULL),
           y = try_it(&home, OPTIONS("loss", "contrastive", "permute", "0", "epochs", "3", "train_batch_size", "32"),
                      NULL);
    print_message("home: contrastive %.4f, without the made-up negative %.4f\n", x, y);
    assert_true(x > 1.3 * home.pop);
    assert_true(x != y);
}

static void goes_to_another_shop(void **state)
{
    (void)state;
    double from_loss, scratch_loss;
    double as_it_is = try_it(&away, OPTIONS("pretrained", pretrained, "tune", "false"), NULL);
    double from = try_it(&away, OPTIONS("pretrained", pretrained, "epochs", "2"), &from_loss);
    double scratch = try_it(&away, OPTIONS("epochs", "2"), &scratch_loss);
    print_message("away: pop %.4f, as it is %.4f, tuned %.4f (loss %.3f), from scratch %.4f (loss %.3f)\n", away.pop,
                  as_it_is, from, from_loss, scratch, scratch_loss);
    assert_true(as_it_is > away.pop);
    assert_true(from > scratch);
    assert_true(from_loss < scratch_loss);
}

static bool same(const vq_rec *a, const vq_rec *b, const char *name)
{
    const tensor *x = params_find(a->base.params, name), *y = params_find(b->base.params, name);
    int64_t n = tensor_count(x);
    float *v = malloc((size_t)n * sizeof *v), *w = malloc((size_t)n * sizeof *w);
    assert_ok(tensor_read(x, v, n));
    assert_ok(tensor_read(y, w, n));
    bool yes = memcmp(v, w, (size_t)n * sizeof *v) == 0;
    free(v);
    free(w);
    return yes;
}

static void the_frozen_stays(void **state)
{
    (void)state;
    void *before = fitted(&away, OPTIONS("pretrained", pretrained, "tune", "false"));
    void *after = fitted(&away, OPTIONS("pretrained", pretrained, "epochs", "1"));
    const vq_rec *a = before, *b = after;
    size_t moved = 0, n = params_count(a->base.params);
    for (size_t i = 0; i < n; i++) {
        const char *name = tensor_name(params_at(a->base.params, i));
        bool learns = strstr(name, "codes.") || strstr(name, "embed_norm.");
        assert_int_equal(same(a, b, name), !learns);
        moved += learns;
    }
    assert_int_equal(moved, 3);
    recommender_free(method(), before);
    recommender_free(method(), after);
}

static void says_what_does_not_fit(void **state)
{
    (void)state;
    void *self = fresh(OPTIONS("tune", "false"));
    assert_non_null(strstr(method()->check(self), "pretrained"));
    recommender_free(method(), self);
    fit_context c = {.split = &away.s, .train = &away.s.train, .seed = 3};
    self = fresh(OPTIONS("pretrained", pretrained, "model", "models/other"));
    assert_fails(method()->fit(self, &c), LOREC_USAGE, "hashed words");
    recommender_free(method(), self);
    self = fresh(OPTIONS("n_codes", "64"));
    assert_fails(method()->fit(self, &c), LOREC_INPUT, "fewer codes");
    recommender_free(method(), self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beats_popularity_and_random_codes),
                                       cmocka_unit_test(pretraining_by_contrast),
                                       cmocka_unit_test(goes_to_another_shop), cmocka_unit_test(the_frozen_stays),
                                       cmocka_unit_test(says_what_does_not_fit)};
    return cmocka_run_group_tests(tests, open_shops, close_shops);
}

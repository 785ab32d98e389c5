/* TALLRec on people who like all that is of one category: a tiny model with random weights learns it from 64 questions, and
 * nothing but its adapter changes. And the rule without a model. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "methods/registry.h"
#include "methods/tallrec/tallrec.h"
#include "recipes/likes.h"
#include "support/model.h"
#include "support/word_model.h"
#include "tensor/rng.h"

enum { USERS = 40, EACH = 8, ITEMS = 24, ASKED = 100 };

/* Words of the questions; what is not here is one unknown word. */
static const char words[] = "Yes No Liked Disliked Will like Answer Space Love : \" . ?";

static const char *make_model(uint64_t seed)
{
    return word_model("lm", words, &(word_model_options){.seed = seed});
}

/* Even items are "Space", rated 5; odd ones "Love", rated 1: by everybody. */
static void make_data(made_data *m)
{
    dataset_builder *b = dataset_builder_new("likes");
    rng r = rng_make(2, RNG_USER);
    char title[32];
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < EACH; k++) {
            int i = (int)rng_below(&r, ITEMS);
            made_row(b, u, i, i % 2 ? 1 : 5, 1000 + k);
        }
    for (int i = 0; i < ITEMS; i++) {
        snprintf(title, sizeof title, "%s %d", i % 2 ? "Love" : "Space", i);
        made_title(b, i, title);
    }
    made_data_finish(m, b);
}

/* Five items of each user, with what the user had before the test part. */
static size_t make_questions(const split *s, pair *p, bool *liked, uint32_t *history)
{
    size_t n = 0;
    for (uint32_t u = 0; u < s->train.n_users && n + 5 < ASKED; u++) {
        uint32_t *own = history + (size_t)u * (EACH + 1);
        query q = {.user = u, .items = own, .n = split_history(s, true, u, own, NULL), .now = INT64_MIN};
        for (uint32_t k = 0; k < 5; k++, n++) {
            uint32_t item = (u * 5 + k) % s->train.n_items;
            p[n] = (pair){.user = u, .item = item, .row = UINT64_MAX, .history = q};
            liked[n] = slice_is((slice){dataset_title(s->data, item).p, 5}, "Space");
        }
    }
    return n;
}

static double auc(const float *score, const bool *liked, size_t n)
{
    double won = 0, pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (liked[i] && !liked[j]) {
                pairs++;
                won += score[i] > score[j] ? 1 : score[i] == score[j] ? .5 : 0;
            }
    return won / pairs;
}

static void *fitted(const split *s, const char *model, const char *epochs)
{
    const recommender *r = registry_find("tallrec");
    void *self = model_new(r,
                           OPTIONS("model", model, "weights", "f32", "examples", "64", "min_history", "2", "batch",
                                   "32", "learning_rate", "0.01", "warmup", "5", "max_history", "4", "train_on_inputs",
                                   "false", "lora_targets", "all", "epochs", epochs),
                           NULL);
    model_fit(r, self, s, 3);
    return self;
}

/* What random weights say by themselves is chance, on either side of one half: two of them are tuned. All products, for this
 * model knows nothing that queries and values could find. */
static void learns(uint64_t seed)
{
    made_data d;
    static pair p[ASKED];
    static bool liked[ASKED];
    static uint32_t history[USERS * (EACH + 1)];
    static float before[ASKED], after[ASKED], again[ASKED];
    const recommender *r = registry_find("tallrec");
    const char *model = make_model(seed);
    make_data(&d);
    size_t n = make_questions(&d.s, p, liked, history);
    void *raw = fitted(&d.s, model, "0"), *tuned = fitted(&d.s, model, "20");
    rec_session *session = rec_session_new(1);
    assert_ok(r->score_pairs(raw, session, p, n, before));
    rec_session_free(session);
    session = rec_session_new(1);
    assert_ok(r->score_pairs(tuned, session, p, n, after));
    double untaught = auc(before, liked, n), taught = auc(after, liked, n);
    printf("AUC %.3f untuned, %.3f after 64 examples\n", untaught, taught);
    assert_true(taught > untaught && taught > .9);
    for (size_t i = 0; i < n; i++) assert_true(after[i] >= 0 && after[i] <= 1);

    /* candidates of a list are the same questions */
    const uint32_t candidate[] = {p[0].item, p[1].item, p[2].item};
    float score[3];
    assert_ok(r->score_items(tuned, session, &p[0].history, 1, (const uint64_t[]){0, 3}, candidate, score));
    for (int i = 0; i < 3; i++) assert_near(score[i], after[i], 1e-5);

    /* not a bit of the model is another, and the adapter is */
    const tallrec *a = raw, *b = tuned;
    assert_true(model_same_values(a->lm->model->params, b->lm->model->params));
    assert_false(model_same_values(adapter_params(a->lora), adapter_params(b->lora)));

    void *loaded;
    char saved[32];
    snprintf(saved, sizeof saved, "saved%d", (int)seed);
    assert_ok(recommender_save(r, tuned, test_path(saved)));
    assert_ok(recommender_load(r, &loaded, test_path(saved)));
    rec_session_free(session);
    session = rec_session_new(1);
    assert_ok(r->score_pairs(loaded, session, p, n, again));
    assert_memory_equal(after, again, n * sizeof *after);
    rec_session_free(session);
    recommender_free(r, loaded);
    recommender_free(r, raw);
    recommender_free(r, tuned);
    made_data_close(&d);
}

static void learns_from_few_answers(void **state)
{
    (void)state;
    learns(1);
    learns(2);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    made_data d;
    const recommender *r = registry_find("tallrec");
    make_data(&d);
    model_refused(r, &d.s, NULL, NULL, "model=FOLDER");
    const char *const *small = OPTIONS("model", make_model(1), "weights", "f32", "min_history", "2");
    model_refused(r, &d.s, small, OPTIONS("min_history", "50"), "min_history");
    model_refused(r, &d.s, small, OPTIONS("liked_above", "9"), "liked_above");
    model_refused(r, &d.s, small, OPTIONS("no", "Yes"), "same token");
    model_refused(r, &d.s, small, OPTIONS("cutoff", "16"), "cutoff");
    made_data_close(&d);
}

static void share_of_what_was_liked(void **state)
{
    (void)state;
    const uint64_t start[] = {0, 4, 5};
    const uint32_t item[] = {0, 1, 2, 3, 0};
    const float rating[] = {5, 3, 4, 1, 2};
    interactions x = {.n_users = 2, .n_items = 5, .n = 5, .start = start, .item = item, .rating = rating};
    const recommender *r = registry_find("liked-share");
    void *self, *loaded;
    float score[4];
    self = model_new(r, OPTIONS("max_history", "3"), NULL);
    assert_ok(r->fit(self, &(fit_context){.train = &x}));
    assert_ok(recommender_save(r, self, test_path("share")));
    assert_ok(recommender_load(r, &loaded, test_path("share")));
    const query first = {.user = 0, .items = item, .n = 4}, second = {.user = 1, .items = item + 4, .n = 1};
    const pair p[] = {{.user = 0, .history = first},
                      {.user = 1, .history = second},
                      {.user = NO_USER, .history = {.user = NO_USER, .items = item, .n = 2}},
                      {.user = 0, .history = {.user = 0}}};
    assert_ok(r->score_pairs(loaded, NULL, p, 4, score));
    assert_near(score[0], 1.0 / 3, 1e-6); /* of 3, 4 and 1 */
    assert_near(score[1], 0, 0);
    assert_near(score[2], 1, 0); /* whose ratings are not known: what was had is liked */
    assert_near(score[3], .5, 0);
    assert_ok(r->score_items(loaded, NULL, &first, 1, (const uint64_t[]){0, 2}, item, score));
    assert_true(score[0] == score[1]);
    recommender_free(r, loaded);
    recommender_free(r, self);
    x.rating = NULL;
    likes l;
    assert_ok(likes_make(&l, NULL, &x, 3));
    assert_true(likes_item(&l, 0, 1));
    likes_free(&l);
}

int main(void)
{
    par_set_workers(1); /* steps this small only wait for each other */
    const struct CMUnitTest tests[] = {cmocka_unit_test(learns_from_few_answers),
                                       cmocka_unit_test(says_what_is_missing),
                                       cmocka_unit_test(share_of_what_was_liked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* LLaRA on made data: what learns and what rests, what the order of candidates does, what is saved; and that tuning is learned
 * from. That vectors and titles together beat either takes a model that can read: bench/accuracy/llara.sh. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "methods/llara/llara.h"
#include "methods/registry.h"
#include "support/model.h"
#include "support/word_model.h"
#include "tensor/rng.h"

enum { USERS = 60, HUBS = 4, OTHERS = 12, ITEMS = HUBS + OTHERS, ROWS = 6 };
static const char words[] =
    "Hub Film one two three four five six seven eight nine ten \" , . : ? Here Which Answer person";
static const char *const number[] = {"one",   "two",   "three", "four", "five",    "six",
                                     "seven", "eight", "nine",  "ten",  "ten one", "ten two"};

static void title_of(int i, char room[32])
{
    snprintf(room, 32, "%s %s (1999)", i < HUBS ? "Hub" : "Film", number[i < HUBS ? i : i - HUBS]);
}

/* Everybody has four films, and then hubs only. */
static void make_data(made_data *m)
{
    dataset_builder *b = dataset_builder_new("hubs");
    rng r = rng_make(2, RNG_USER);
    char title[32];
    for (int u = 0; u < USERS; u++)
        for (int k = 0, first = (int)rng_below(&r, OTHERS); k < ROWS; k++)
            made_row(b, u, k < 3 ? HUBS + (first + 2 * k) % OTHERS : (u + k) % HUBS, NAN, 1000 + k);
    for (int i = 0; i < ITEMS; i++) {
        title_of(i, title);
        made_title(b, i, title);
    }
    made_data_finish(m, b);
}

static llara *fitted(const split *s, const char *const *more)
{
    const recommender *r = registry_find("llara");
    const char *model = word_model("lm", words, &(word_model_options){.seed = 1});
    void *self = model_new(r,
                           OPTIONS("model", model, "weights", "f32", "backbone_epochs", "5", "backbone_size", "8",
                                   "candidates", "4", "batch", "16", "micro_batch", "8", "learning_rate", "0.01",
                                   "epochs", "4", "lora_dropout", "0", "answer_tokens", "4"),
                           more);
    model_fit(r, self, s, 3);
    return self;
}
#define FITTED(s, ...) fitted(s, OPTIONS(__VA_ARGS__))

static void what_learns(void **state)
{
    (void)state;
    made_data d;
    const recommender *r = registry_find("llara");
    make_data(&d);
    llara *raw = FITTED(&d.s, "epochs", "0"), *text = FITTED(&d.s, "prompt", "text"),
          *id = FITTED(&d.s, "prompt", "id"), *hybrid = FITTED(&d.s, "prompt", "hybrid"),
          *at_once = FITTED(&d.s, "curriculum", "none"), *random = FITTED(&d.s, "vectors", "random", "epochs", "0");
    /* 60 users with one place each, in parts of 8: 8 steps an epoch */
    assert_int_equal(text->text_steps, 32);
    assert_int_equal(text->hybrid_steps, 0);
    assert_int_equal(id->hybrid_steps, 32);
    assert_int_equal(at_once->hybrid_steps, 32);
    assert_int_equal(hybrid->text_steps + hybrid->hybrid_steps, 32);
    assert_true(hybrid->text_steps > 6 && hybrid->hybrid_steps > 6);
    /* text alone leaves every bit of the projector; the adapter learns; the recommender and the model rest */
    assert_true(model_same_values(raw->projector, text->projector));
    assert_false(model_same_values(raw->projector, hybrid->projector));
    assert_false(model_same_values(raw->projector, id->projector));
    assert_false(model_same_values(adapter_params(raw->lora), adapter_params(text->lora)));
    llara *const all[] = {text, id, hybrid, at_once};
    for (int i = 0; i < 4; i++) {
        assert_true(model_same_values(raw->lm->model->params, all[i]->lm->model->params));
        assert_memory_equal(raw->vector, all[i]->vector, (size_t)(ITEMS * raw->d) * sizeof *raw->vector);
    }
    double a = 0, b = 0;
    for (int i = 0; i < ITEMS * (int)raw->d; i++) {
        a += (double)raw->vector[i] * raw->vector[i];
        b += (double)random->vector[i] * random->vector[i];
    }
    assert_memory_not_equal(raw->vector, random->vector, (size_t)(ITEMS * raw->d) * sizeof *raw->vector);
    assert_near(a / b, 1, .4); /* of one size */
    for (int i = 0; i < 4; i++) recommender_free(r, all[i]);
    recommender_free(r, raw);
    recommender_free(r, random);
    made_data_close(&d);
}

static uint32_t number_of(const dataset *d, int i)
{
    char title[32];
    title_of(i, title);
    for (uint32_t k = 0; k < d->rows.n_items; k++)
        if (slice_is(dataset_title(d, k), title)) return k;
    fail_msg("no item is called %s", title);
    return 0;
}

/* How often a hub is put before three films, after three films. */
static double hubs_first(const dataset *d, const llara *m, rec_session *session)
{
    const recommender *r = registry_find("llara");
    int good = 0;
    for (int k = 0; k < 12; k++) {
        uint32_t history[3], candidate[4];
        float score[4];
        for (int i = 0; i < 3; i++) history[i] = number_of(d, HUBS + (k + 2 * i) % OTHERS);
        for (int i = 0; i < 4; i++) candidate[i] = number_of(d, i ? HUBS + (k + 1 + 2 * i) % OTHERS : k % HUBS);
        query q = {.user = NO_USER, .items = history, .n = 3, .now = INT64_MIN};
        assert_ok(r->score_items(m, session, &q, 1, (const uint64_t[]){0, 4}, candidate, score));
        good += score[0] > score[1] && score[0] > score[2] && score[0] > score[3];
    }
    return good / 12.;
}

static void tuning_is_learned_from_and_kept(void **state)
{
    (void)state;
    made_data d;
    void *loaded;
    json_t *numbers;
    const recommender *r = registry_find("llara");
    make_data(&d);
    const uint32_t history[] = {number_of(&d.d, 5), 4000, number_of(&d.d, 7),
                                number_of(&d.d, 9)}; /* 4000: not in the catalogue */
    const uint32_t candidate[] = {2, 11, 7, 5, 0, 1, 3}, turned[] = {3, 5, 1, 0, 11, 2, 7};
    const uint64_t start[] = {0, 4, 7};
    const query q[] = {{.user = 3, .items = history, .n = 4}, {.user = NO_USER, .items = history, .n = 0}};
    float score[7], other[7];
    llara *raw = FITTED(&d.s, "epochs", "0"), *m = FITTED(&d.s, "epochs", "8");
    rec_session *session = rec_session_new(1);
    double before = hubs_first(&d.d, raw, session), after = hubs_first(&d.d, m, session);
    printf("hubs come first in %.2f untuned, %.2f tuned\n", before, after);
    assert_true(after > .9 && after > before);
    assert_ok(r->study(m, session, &(study_context){.split = &d.s, .max_users = 20, .seed = 1}, &numbers));
    assert_int_equal(json_integer_value(json_object_get(numbers, "written_answers")), 20);
    double valid = json_real_value(json_object_get(numbers, "valid_ratio")),
           right = json_real_value(json_object_get(numbers, "written_hit@1"));
    assert_true(valid >= right && valid <= 1);
    json_decref(numbers);

    /* the order in which candidates come says nothing, nor does who is asked about beside them */
    assert_ok(r->score_items(m, session, q, 2, start, candidate, score));
    assert_ok(r->score_items(m, session, &q[1], 1, (const uint64_t[]){0, 7}, turned, other));
    assert_ok(r->score_items(m, session, &q[0], 1, (const uint64_t[]){0, 4}, (const uint32_t[]){5, 7, 11, 2}, other));
    for (int i = 0; i < 4; i++) assert_near(score[i], other[3 - i], 1e-4);

    assert_ok(recommender_save(r, m, test_path("saved")));
    assert_ok(recommender_load(r, &loaded, test_path("saved")));
    rec_session_free(session);
    session = rec_session_new(1);
    assert_ok(r->score_items(loaded, session, q, 2, start, candidate, other));
    assert_memory_equal(score, other, sizeof score);
    assert_fails(r->score_items(loaded, session, q, 1, (const uint64_t[]){0, 1}, (const uint32_t[]){ITEMS}, other),
                 LOREC_USAGE, "catalogue");
    model_set(r, m, "max_candidates", "3");
    assert_fails(r->score_items(m, session, q, 1, start, candidate, other), LOREC_USAGE, "uniform@20");
    rec_session_free(session);
    recommender_free(r, loaded);
    recommender_free(r, m);
    recommender_free(r, raw);
    made_data_close(&d);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    made_data d;
    make_data(&d);
    const char *model = word_model("lm", words, &(word_model_options){.seed = 1}),
               *tight = word_model("tight", words, &(word_model_options){.seed = 1, .positions = 24});
    const char *const wrong[][4] = {{"", "", "", "model=FOLDER"},
                                    {model, "min_history", "50", "min_history"},
                                    {model, "lora_targets", "nothing", "nothing"},
                                    {tight, "epochs", "1", "llara: a question without any history"}};
    const recommender *r = registry_find("llara");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        model_refused(r, &d.s, OPTIONS("model", wrong[i][0], "weights", "f32", "backbone_epochs", "1"),
                      OPTIONS(*wrong[i][1] ? wrong[i][1] : NULL, wrong[i][2]), wrong[i][3]);
    made_data_close(&d);
}

int main(void)
{
    par_set_workers(1); /* steps this small only wait for each other */
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_learns), cmocka_unit_test(tuning_is_learned_from_and_kept),
                                       cmocka_unit_test(says_what_is_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* HLLM on a catalogue in which titles say what comes next: parts of series are read in order. Some series are in nobody's
 * history: only their titles are known. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "data/split.h"
#include "methods/hllm/hllm.h"
#include "methods/registry.h"
#include "support/model.h"

enum { FIRSTS = 5, LASTS = 5, SERIES = FIRSTS * LASTS, PARTS = 4, ITEMS = SERIES * PARTS, USERS = 200 };
static const char *const firsts[] = {"Silver", "Crimson", "Hidden", "Broken", "Winter"};
static const char *const lasts[] = {"River", "Castle", "Garden", "Empire", "Voyage"};
static const char *const ordinals[] = {"One", "Two", "Three", "Four"};

/* Series on the diagonal and one more are cold: each of their words is in other series too. */
static bool is_cold(int series)
{
    return series / LASTS == series % LASTS || series == 1;
}

typedef struct world {
    dataset d;
    split s;
    uint32_t item[SERIES][PARTS]; /* the data set's number */
} world;
static world w;

static void make_world(void)
{
    dataset_builder *b = dataset_builder_new("series");
    char id[32], user[32], title[64];
    for (int u = 0; u < USERS; u++) {
        int series = u % SERIES;
        if (is_cold(series)) continue;
        snprintf(user, sizeof user, "u%d", u);
        for (int p = 0; p < (u % 3 == 0 ? 2 : PARTS); p++) {
            snprintf(id, sizeof id, "%d-%d", series, p);
            assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of(id), 1, p + 1}));
        }
    }
    for (int i = 0; i < ITEMS; i++) {
        int series = i / PARTS, part = i % PARTS;
        snprintf(id, sizeof id, "%d-%d", series, part);
        snprintf(title, sizeof title, "%s %s Part %s", firsts[series / LASTS], lasts[series % LASTS], ordinals[part]);
        assert_ok(dataset_builder_cell(b, SIDE_ITEM, "title", COLUMN_TEXT, slice_of(id), slice_of(title), 0));
    }
    assert_ok(dataset_builder_finish(b, true, &w.d));
    assert_int_equal(w.d.rows.n_items, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++) {
        slice at = names_at(&w.d.item_ids, i);
        int series, part;
        snprintf(id, sizeof id, "%.*s", (int)at.n, at.p);
        assert_int_equal(sscanf(id, "%d-%d", &series, &part), 2);
        w.item[series][part] = i;
    }
    w.s = (split){.data = &w.d};
}

static const recommender *method(void)
{
    return registry_find("hllm");
}

static void set(void *self, const char *name, const char *value)
{
    model_set(method(), self, name, value);
}

static void *fresh(void)
{
    return model_new(method(),
                     OPTIONS("width", "32", "layers", "1", "heads", "2", "text_tokens", "12", "max_history", "6",
                             "vocabulary", "400", "negatives", "64", "epochs", "25", "train_batch_size", "32",
                             "learning_rate", "0.003", "instruction", ""),
                     NULL);
}

static void fit(void *self)
{
    assert_ok(method()->fit(self, &(fit_context){.split = &w.s, .train = &w.d.rows, .seed = 3}));
}

/* How many items that were not had are before the right one, after `parts` parts; one that ties with it is half before it. */
static double rank_of(const recommender *r, const void *self, int series, int parts)
{
    float scores[ITEMS];
    query q = {.user = NO_USER, .items = w.item[series], .n = (size_t)parts, .now = INT64_MIN};
    rec_session *s = rec_session_new(1);
    assert_ok(r->score(self, s, &q, 1, scores));
    rec_session_free(s);
    for (int p = 0; p < parts; p++) scores[w.item[series][p]] = -INFINITY;
    uint32_t right = w.item[series][parts];
    double rank = 0;
    for (uint32_t i = 0; i < ITEMS; i++)
        if (i != right) rank += scores[i] > scores[right] ? 1 : scores[i] == scores[right] ? .5 : 0;
    return rank;
}

typedef struct outcome {
    int asked, first;
    double rank; /* the mean */
} outcome;

static outcome outcome_of(const recommender *r, const void *self, bool cold)
{
    outcome o = {0};
    for (int series = 0; series < SERIES; series++)
        for (int parts = 1; parts < PARTS && is_cold(series) == cold; parts++) {
            double rank = rank_of(r, self, series, parts);
            o.asked++;
            o.first += rank < .5;
            o.rank += rank;
        }
    o.rank /= o.asked;
    return o;
}

static void titles_carry_it(void **state)
{
    (void)state;
    void *self = fresh(), *pop;
    fit(self);
    assert_ok(recommender_new(registry_find("pop"), &pop));
    assert_ok(registry_find("pop")->fit(pop, &(fit_context){.split = &w.s, .train = &w.d.rows, .seed = 3}));
    outcome warm = outcome_of(method(), self, false), cold = outcome_of(method(), self, true),
            plain = outcome_of(registry_find("pop"), pop, false);
    print_message("warm: %d of %d first, mean rank %.1f; popularity: %d, %.1f; never seen: %d of %d, %.1f\n",
                  warm.first, warm.asked, warm.rank, plain.first, plain.rank, cold.first, cold.asked, cold.rank);
    assert_true(warm.first * 10 > warm.asked * 8);
    assert_true(warm.first > 2 * plain.first && warm.rank * 5 < plain.rank);
    assert_true(cold.rank < 15); /* chance is 49: the title alone does it */
    recommender_free(registry_find("pop"), pop);
    recommender_free(method(), self);
}

static void same_scores(const void *a, const void *b)
{
    float x[2][ITEMS], y[2][ITEMS];
    query q[2] = {{.user = NO_USER, .items = w.item[3], .n = 2, .now = INT64_MIN},
                  {.user = NO_USER, .items = NULL, .n = 0, .now = INT64_MIN}};
    rec_session *s = rec_session_new(1);
    assert_ok(method()->score(a, s, q, 2, x[0]));
    assert_ok(method()->score(b, s, q, 2, y[0]));
    rec_session_free(s);
    assert_memory_equal(x, y, sizeof x);
}

static char *folder_of(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    return path;
}

/* Saved and loaded: the same; its item model starts another training, and in the frozen one it stays as it was. */
static void saved_and_frozen(void **state)
{
    (void)state;
    void *self = fresh(), *again, *frozen = fresh();
    set(self, "epochs", "3");
    fit(self);
    char item[5000];
    const char *folder = folder_of("saved");
    assert_ok(recommender_save(method(), self, folder));
    assert_ok(recommender_load(method(), &again, folder));
    same_scores(self, again);
    snprintf(item, sizeof item, "%s/item", folder);
    set(frozen, "item_model", item);
    set(frozen, "freeze_item", "true");
    set(frozen, "epochs", "3");
    fit(frozen);
    const params *a = ((hllm *)self)->item->params, *b = ((hllm *)frozen)->item->params;
    for (size_t i = 0; i < params_count(a); i++) {
        int64_t n = tensor_count(params_at(a, i));
        float *x = malloc((size_t)n * sizeof *x), *y = malloc((size_t)n * sizeof *y);
        assert_ok(tensor_read(params_at(a, i), x, n));
        assert_ok(tensor_read(params_find(b, tensor_name(params_at(a, i))), y, n));
        assert_memory_equal(x, y, (size_t)n * sizeof *x);
        free(x);
        free(y);
    }
    recommender_free(method(), again);
    recommender_free(method(), frozen);
    recommender_free(method(), self);
}

/* Validation asks the model in the middle of its training: it answers from fresh item vectors, and changes nothing. */
typedef struct watching {
    int asked;
    int cancel_at;     /* 0: never */
    double step;       /* the number told grows (or falls) by it */
    float first, last; /* a score at the first and last time */
} watching;

static lorec_err watch(void *ctx, const void *self, double *metric)
{
    watching *v = ctx;
    float scores[ITEMS];
    query q = {.user = NO_USER, .items = w.item[3], .n = 2, .now = INT64_MIN};
    rec_session *s = rec_session_new(1);
    lorec_err e = method()->score(self, s, &q, 1, scores);
    rec_session_free(s);
    v->last = scores[w.item[3][2]];
    if (v->asked++ == 0) v->first = v->last;
    if (v->asked == v->cancel_at) cancel_request();
    *metric = v->asked * v->step;
    return e;
}

static void watched(void *self, watching *v)
{
    assert_ok(method()->fit(self, &(fit_context){.split = &w.s,
                                                 .train = &w.d.rows,
                                                 .seed = 3,
                                                 .validate = watch,
                                                 .validate_ctx = v,
                                                 .valid_metric = "made"}));
}

static void validation(void **state)
{
    (void)state;
    void *alone = fresh(), *seen = fresh(), *stopped = fresh();
    watching grows = {.step = 1}, falls = {.step = -1};
    set(alone, "epochs", "4");
    set(seen, "epochs", "4");
    set(stopped, "stopping_step", "1");
    fit(alone);
    watched(seen, &grows);
    same_scores(alone, seen);
    assert_int_equal(grows.asked, 4);
    assert_true(grows.first != grows.last);
    watched(stopped, &falls);
    assert_true(falls.asked < 5);
    recommender_free(method(), alone);
    recommender_free(method(), seen);
    recommender_free(method(), stopped);
}

static void resumes_to_the_same_bits(void **state)
{
    (void)state;
    void *straight = fresh(), *cut = fresh();
    watching calm = {.step = 1}, v = {.step = 1, .cancel_at = 2};
    fit_context c = {.split = &w.s,
                     .train = &w.d.rows,
                     .seed = 3,
                     .folder = test_path("run"),
                     .validate = watch,
                     .validate_ctx = &v};
    set(straight, "epochs", "4");
    set(cut, "epochs", "4");
    watched(straight, &calm);
    assert_fails(method()->fit(cut, &c), LOREC_CANCELLED, "");
    cancel_clear();
    recommender_free(method(), cut);
    cut = fresh();
    set(cut, "epochs", "4");
    c.resume = true;
    assert_ok(method()->fit(cut, &c));
    same_scores(straight, cut);
    recommender_free(method(), straight);
    recommender_free(method(), cut);
}

/* Trained, the item model changes, and so do the vectors; the step's own targets serve as negatives. */
static void item_model_learns(void **state)
{
    (void)state;
    void *none = fresh(), *some = fresh();
    set(none, "epochs", "1");
    set(none, "learning_rate", "1e-9");
    set(some, "epochs", "20");
    set(some, "negatives", "0");
    fit(none);
    fit(some);
    outcome before = outcome_of(method(), none, false), after = outcome_of(method(), some, false);
    assert_true(after.rank * 3 < before.rank);
    recommender_free(method(), none);
    recommender_free(method(), some);
}

/* The same in bfloat16, with the item model trained and frozen. */
static void bf16_learns(void **state)
{
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        void *self = fresh();
        set(self, "bf16", "true");
        set(self, "freeze_item", frozen ? "true" : "false");
        fit(self);
        outcome o = outcome_of(method(), self, false);
        print_message("bf16, %s: %d of %d first, mean rank %.1f\n", frozen ? "frozen" : "trained", o.first, o.asked,
                      o.rank);
        assert_true(frozen ? o.rank < 25 : o.first * 10 > o.asked * 8); /* chance is 49 */
        recommender_free(method(), self);
    }
}

/* The [ITEM] position is text_tokens and texts end there; each text sees itself alone. */
static void packing(void **state)
{
    (void)state;
    hllm *m = fresh();
    training f = {.m = m, .rows = &w.d.rows};
    float one[32], all[3][32];
    m->n_items = ITEMS;
    assert_ok(hllm_models(&f, &(fit_context){.split = &w.s, .train = &w.d.rows, .seed = 3}));
    assert_ok(hllm_joint(&f, 3));
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    assert_ok(tape_read(t, hllm_encode(&f, t, (uint32_t[]){7, 30, 55}, 3), all[0], 3 * 32));
    for (int i = 0; i < 3; i++) {
        uint32_t item = (uint32_t[]){7, 30, 55}[i];
        tape_begin(t, 0);
        assert_ok(tape_read(t, hllm_encode(&f, t, &item, 1), one, 32));
        for (int k = 0; k < 32; k++) assert_near(one[k], all[i][k], 1e-5);
    }
    tape_free(t);
    transformer_free(f.item);
    transformer_free(f.user);
    params_free(f.joint);
    tokens_free(&f.text);
    mem_free(f.text_start);
    recommender_free(method(), m);
}

static void widths_must_agree(void **state)
{
    (void)state;
    void *self = fresh(), *other = fresh();
    const char *folder = folder_of("wide");
    char user[5000];
    set(self, "epochs", "1");
    fit(self);
    assert_ok(recommender_save(method(), self, folder));
    snprintf(user, sizeof user, "%s/user", folder);
    set(other, "user_model", user);
    set(other, "width", "64");
    assert_fails(method()->fit(other, &(fit_context){.split = &w.s, .train = &w.d.rows, .seed = 3}), LOREC_USAGE,
                 "one width");
    set(other, "width", "32");
    set(other, "max_history", "7");
    assert_fails(method()->fit(other, &(fit_context){.split = &w.s, .train = &w.d.rows, .seed = 3}), LOREC_USAGE,
                 "max_history");
    recommender_free(method(), self);
    recommender_free(method(), other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles_carry_it),
        cmocka_unit_test(saved_and_frozen),
        cmocka_unit_test(item_model_learns),
        cmocka_unit_test(validation),
        cmocka_unit_test(resumes_to_the_same_bits),
        cmocka_unit_test(bf16_learns),
        cmocka_unit_test(packing),
        cmocka_unit_test(widths_must_agree),
    };
    make_world();
    par_set_workers(1); /* models this small wait for threads longer than they compute */
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dataset_close(&w.d);
    return failed;
}

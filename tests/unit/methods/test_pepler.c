/* PEPLER on made reviews: some people speak of the scent, others of the price, in words of their own; what is good of an item is the
 * item's. Stages and what rests in them, texts that are the right person's, ratings, the discrete prompt, save and load. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "methods/pepler/pepler.h"
#include "methods/registry.h"
#include "support/model.h"

enum { USERS = 40, ITEMS = 16, EACH = 8 };

static made_data w;

static void make_world(void)
{
    static const char *const says[] = {"I think that %s is %s.", "Honestly %s was %s!", "For me %s seems %s; thanks."};
    static const char *const topic[] = {"the scent", "the price"};
    static const char *const good[] = {"lovely", "great"}, *const bad[] = {"awful", "wrong"};
    dataset_builder *b = dataset_builder_new("said");
    char text[128];
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < EACH; k++) {
            int i = (u * 3 + k * 5) % ITEMS, about = u % 2;
            snprintf(text, sizeof text, says[u % 3], topic[about], (i % 2 ? good : bad)[about]);
            made_row(b, u, i, i % 2 ? 5 : 1, k + 1);
            assert_ok(dataset_builder_cell(b, SIDE_ROW, "review", COLUMN_TEXT, (slice){0}, slice_of(text), 0));
        }
    made_data_finish(&w, b);
}

static const recommender *method(void)
{
    return registry_find("pepler");
}

static void *made(const char *const *more)
{
    return model_new(method(),
                     OPTIONS("width", "32", "layers", "1", "heads", "2", "vocabulary", "400", "learning_rate", "0.01",
                             "pretrain_epochs", "3", "epochs", "16", "patience", "16", "batch", "32", "dropout", "0",
                             "mlp_width", "8"),
                     more);
}

static void fit(void *self)
{
    model_fit(method(), self, &w.s, 4);
}

static json_t *studied(const void *self)
{
    json_t *numbers;
    rec_session *s = rec_session_new(1);
    assert_ok(method()->study(self, s, &(study_context){.split = &w.s, .seed = 2}, &numbers));
    rec_session_free(s);
    return numbers;
}

static double number(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    if (!v) fail_msg("there is no \"%s\"", name);
    return json_number_value(v);
}

/* ---- stages --------------------------------------------------------------------------------------------------------------- */

/* Trained in one process up to the end of the stage: the language model's values. */
static float *values_of(const pepler *m, size_t *n)
{
    float *x = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t i = 0; i < params_count(m->lm->params); i++) {
        tensor *p = params_at(m->lm->params, i);
        if (p == m->user || p == m->item) continue;
        size_t k = (size_t)tensor_count(p);
        assert_ok(mem_grow(&x, &cap, *n + k));
        assert_ok(tensor_read(p, x + *n, (int64_t)k));
        *n += k;
    }
    return x;
}

static size_t differ(const float *x, const float *y, size_t n)
{
    size_t d = 0;
    for (size_t i = 0; i < n; i++) d += x[i] != y[i];
    return d;
}

/* Stage A: of a model that only reads, two tables change and nothing else; perplexity falls. Stage B changes all; it falls further. */
static void the_language_model_rests_first(void **state)
{
    (void)state;
    pepler *before = made(OPTIONS("pretrain_epochs", "3", "epochs", "1")), *m = made(NULL);
    fit(m);
    assert_true(m->report[STAGE_TEXTS].epochs == 3 && m->report[STAGE_PROMPT].epochs > 0 &&
                m->report[STAGE_ALL].epochs > 0);
    print_message("perplexity: texts %.2f, prompt %.2f, all %.2f\n", m->perplexity[STAGE_TEXTS],
                  m->perplexity[STAGE_PROMPT], m->perplexity[STAGE_ALL]);
    assert_true(m->perplexity[STAGE_PROMPT] < m->perplexity[STAGE_TEXTS]);
    assert_true(m->perplexity[STAGE_ALL] < m->perplexity[STAGE_PROMPT]);

    /* what is frozen when stage A begins: everything but the two tables */
    fit(before);
    size_t n, k, own = 0;
    float *x = values_of(before, &n), *y;
    for (size_t i = 0; i < params_count(before->lm->params); i++) {
        tensor *p = params_at(before->lm->params, i);
        own += p == before->user || p == before->item;
        params_freeze(p, p != before->user && p != before->item);
    }
    assert_int_equal(own, 2);
    pepler_rows rows = {0};
    assert_ok(pepler_rows_add(before, &rows, 1, 2, (int32_t[]){5, 6, 7}, 3, true, false));
    tape *t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 0);
    assert_ok(tape_backward(t, op_sum(t, pepler_loss(before, t, &rows))));
    optimizer *o = optimizer_new(before->lm->params,
                                 &(optimizer_options){.kind = OPT_ADAMW, .lr = .1, .weight_decay = .1});
    assert_ok(optimizer_step(o, 1));
    y = values_of(before, &k);
    assert_int_equal(k, n);
    assert_int_equal(differ(x, y, n), 0);
    optimizer_free(o);
    tape_free(t);
    pepler_rows_free(&rows);
    mem_free(x);
    mem_free(y);
    recommender_free(method(), before);
    recommender_free(method(), m);
}

/* ---- the person behind the text --------------------------------------------------------------------------------------------- */

static void texts_are_personal(void **state)
{
    (void)state;
    void *self = made(NULL), *again;
    fit(self);
    json_t *a = studied(self), *b;
    print_message("perplexity %.2f, users shuffled %.2f, items shuffled %.2f; bleu-4 %.3f, fmr %.2f\n",
                  number(a, "perplexity"), number(a, "perplexity, users shuffled"),
                  number(a, "perplexity, items shuffled"), number(a, "explanation bleu-4"),
                  number(a, "explanation fmr"));
    assert_true(number(a, "perplexity") * 1.5 < number(a, "perplexity, users shuffled"));
    assert_true(number(a, "perplexity") < number(a, "perplexity, items shuffled"));
    assert_true(number(a, "explanation fmr") > .9); /* half of them by chance */
    assert_true(number(a, "explanation bleu-4") > .5);
    assert_true(number(a, "explanation usr") < .5);

    assert_ok(recommender_save(method(), self, test_path("saved")));
    assert_ok(recommender_load(method(), &again, test_path("saved")));
    b = studied(again);
    assert_true(json_equal(a, b));
    json_decref(a);
    json_decref(b);
    recommender_free(method(), self);
    recommender_free(method(), again);
}

static void ratings_beside(void **state)
{
    (void)state;
    static const char *const kinds[] = {"mf", "mlp"};
    for (int k = 0; k < 2; k++) {
        void *self = made(OPTIONS("rating", kinds[k], "tuning", "joint", "rating_weight", "1", "epochs", "40",
                                  "patience", "40")),
             *again;
        fit(self);
        json_t *a = studied(self), *b;
        print_message("%s: rmse %.2f, mae %.2f, perplexity %.2f\n", kinds[k], number(a, "rmse"), number(a, "mae"),
                      number(a, "perplexity"));
        assert_true(number(a, "rmse") < 1.85); /* 2: what the mean has; kept is what is best at the texts */
        assert_true(number(a, "mae") <= number(a, "rmse"));
        assert_ok(recommender_save(method(), self, test_path(kinds[k])));
        assert_ok(recommender_load(method(), &again, test_path(kinds[k])));
        b = studied(again);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        recommender_free(method(), self);
        recommender_free(method(), again);
    }
}

/* Both, then the user's, then the item's. */
static void words_as_a_prompt(void **state)
{
    (void)state;
    pepler *m = made(OPTIONS("prompt", "discrete")), *again;
    fit(m);
    assert_null(m->user);
    pepler_rows rows = {0};
    buf text = {0};
    assert_ok(pepler_rows_add(m, &rows, 0, 0, NULL, 0, false,
                              false)); /* user 0 speaks of the scent, of item 0 both are spoken of */
    assert_ok(tokenizer_decode(m->words, rows.id.id, rows.id.n - 1, TOKENIZER_PLAIN, &text));
    assert_string_equal(text.p, " scent price");
    assert_int_equal(rows.id.id[rows.id.n - 1], m->begin);
    json_t *a = studied(m), *b;
    assert_true(number(a, "explanation fmr") > .9); /* the feature stands in the prompt */
    assert_ok(recommender_save(method(), m, test_path("discrete")));
    assert_ok(recommender_load(method(), (void **)&again, test_path("discrete")));
    b = studied(again);
    assert_true(json_equal(a, b));
    json_decref(a);
    json_decref(b);
    buf_free(&text);
    pepler_rows_free(&rows);
    recommender_free(method(), m);
    recommender_free(method(), again);
}

static void what_is_needed(void **state)
{
    (void)state;
    void *self = made(OPTIONS("prompt", "discrete", "rating", "mf"));
    assert_non_null(method()->check(self));
    recommender_free(method(), self);
    self = made(NULL);
    dataset plain = w.d;
    split s = w.s;
    plain.n_columns = 0;
    s.data = &plain;
    assert_fails(method()->fit(self, &(fit_context){.split = &s, .train = &s.train, .seed = 1}), LOREC_INPUT,
                 "--review-text");
    recommender_free(method(), self);
}

static int begin(void **state)
{
    par_set_workers(1);
    make_world();
    *state = &w;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_language_model_rests_first),
                                       cmocka_unit_test(texts_are_personal), cmocka_unit_test(ratings_beside),
                                       cmocka_unit_test(words_as_a_prompt), cmocka_unit_test(what_is_needed)};
    return cmocka_run_group_tests(tests, begin, made_data_end);
}

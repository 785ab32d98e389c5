/* FELLRec: the model in two hands computes what it computes in one, and what passes between them is counted; adapters are mixed
 * as the equations say; and clients on made data. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "methods/fellrec/fellrec.h"
#include "methods/registry.h"
#include "support/model.h"
#include "support/word_model.h"
#include "tensor/rng.h"

static const char words[] = "Space Love War One Two Three Four Five Six Seven Eight \" , . : Next none Write title "
                            "given films next the of";
enum { USERS = 60, EACH = 7, ITEMS = 24, TASTES = 3, WIDTH = 32 };
static const char *const genre[TASTES] = {"Space", "Love", "War"}, *const number[ITEMS / TASTES] = {
                                                                       "One",  "Two", "Three", "Four",
                                                                       "Five", "Six", "Seven", "Eight"};

/* ---- the wire --------------------------------------------------------------------------------------------------------------- */

static const int32_t token[] = {5, 7, 9, 2, 3, 4, 8, 6, 12}, length[] = {4, 5};
static const uint8_t learn[] = {1, 1, 1, 1, 0, 0, 0, 1, 1};
enum { ROWS = 9 };

/* An adapter that does something: nothing in it is zero. */
static adapter *some_adapter(lm_text *lm)
{
    adapter *a;
    rng r = rng_make(4, RNG_USER);
    assert_ok(adapter_new(&a, &lm->model->net, 1,
                          &(adapter_options){.kind = "lora", .rank = 4, .targets = "all", .seed = 1}));
    for (size_t i = 0; i < params_count(adapter_params(a)); i++) {
        tensor *p = params_at(adapter_params(a), i);
        float v[4096];
        assert_true(tensor_count(p) <= 4096);
        for (int64_t k = 0; k < tensor_count(p); k++) v[k] = (float)(.1 * rng_normal(&r));
        assert_ok(tensor_write(p, v, tensor_count(p)));
    }
    return a;
}

static double pass(lm_text *lm, adapter *a, int64_t client_layers, fellrec_traffic *traffic, float *gradient)
{
    wire w;
    double loss;
    lm_batch b = {.n = 2, .token = token, .length = length, .learn = learn};
    assert_ok(wire_open(&w, lm->model->net, client_layers, true, false, 1, traffic));
    assert_ok(params_zero_grad(adapter_params(a)));
    assert_ok(wire_pass(&w, &a, &b, 0, .2f, &loss));
    for (size_t i = 0; i < params_count(adapter_params(a)); i++) {
        tensor *p = params_at(adapter_params(a), i);
        assert_ok(tensor_read_grad(p, gradient, tensor_count(p)));
        gradient += tensor_count(p);
    }
    wire_close(&w);
    return loss;
}

static void two_hands_are_one_model(void **state)
{
    (void)state;
    lm_text *lm;
    const char *path = word_model("wire", words, &(word_model_options){.seed = 1, .layers = 4, .width = WIDTH});
    assert_ok(lm_text_open(&lm, path, NULL, LM_F32));
    params_freeze_all(lm->model->params, true);
    adapter *a = some_adapter(lm);
    size_t n = (size_t)params_values(adapter_params(a));
    float *one = calloc(n, sizeof *one), *two = calloc(n, sizeof *two);
    fellrec_traffic nothing = {0};
    double whole = pass(lm, a, 3, &nothing, one); /* three in front, the last one: all four */
    assert_memory_equal(&nothing, &(fellrec_traffic){0}, sizeof nothing);
    float largest = 0;
    for (size_t i = 0; i < n; i++) largest = fabsf(one[i]) > largest ? fabsf(one[i]) : largest;
    assert_true(largest > .01f);
    for (int64_t front = 0; front < 3; front++) {
        fellrec_traffic t = {0};
        double parted = pass(lm, a, front, &t, two);
        assert_near(parted, whole, 1e-5);
        for (size_t i = 0; i < n; i++) assert_near(one[i], two[i], 1e-5);
        uint64_t bytes = ROWS * WIDTH * sizeof(float);
        assert_int_equal(t.hidden_up, bytes);
        assert_int_equal(t.hidden_down, bytes);
        assert_int_equal(t.gradients_up, bytes);
        assert_int_equal(t.gradients_down, front ? bytes : 0); /* nothing before it learns */
        assert_int_equal(t.hidden_rows, ROWS);
        assert_int_equal(t.adapters_up + t.adapters_down + t.losses_up, 0);
    }
    wire w;
    assert_ok(wire_open(&w, lm->model->net, 1, false, false, 1, &nothing));
    assert_true(wire_client_has(&w, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"));
    assert_false(wire_client_has(&w, "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"));
    assert_false(wire_client_has(&w, "base_model.model.model.layers.2.mlp.up_proj.lora_B.weight"));
    assert_true(wire_client_has(&w, "base_model.model.model.layers.3.mlp.up_proj.lora_B.weight"));
    wire_close(&w);
    free(one);
    free(two);
    adapter_free(a);
    lm_text_free(lm);
}

/* ---- mixing ----------------------------------------------------------------------------------------------------------------- */

static void mixing_is_the_equations(void **state)
{
    (void)state;
    const float start[6] = {1, 2, 3, 6, 5, 1};
    float theta[6];
    double ones[9], w[3] = {1, 1, 1}, s[9];
    for (int i = 0; i < 9; i++) ones[i] = 1;
    memcpy(theta, start, sizeof theta);
    assert_ok(fellrec_mix(theta, 3, 2, ones, w)); /* FedAvg */
    for (int c = 0; c < 3; c++) {
        assert_near(theta[2 * c], 3, 1e-6);
        assert_near(theta[2 * c + 1], 3, 1e-6);
    }
    memcpy(theta, start, sizeof theta);
    w[0] = w[1] = w[2] = 0;
    assert_ok(fellrec_mix(theta, 3, 2, ones, w)); /* everybody alone */
    assert_memory_equal(theta, start, sizeof theta);
    fellrec_similarity(start, 3, 2, s);
    assert_near(s[0], 1, 1e-12);
    assert_near(s[1], (1 + 15 / sqrt(5. * 45)) / 2, 1e-6); /* (1, 2) and (3, 6): one direction */
    assert_near(s[2], (1 + 7 / sqrt(5. * 26)) / 2, 1e-6);
    w[0] = .5;
    w[1] = 1;
    assert_ok(fellrec_mix(theta, 3, 2, s, w));
    double all = s[0] + .5 * (s[1] + s[2]);
    assert_near(theta[0], (s[0] * 1 + .5 * (s[1] * 3 + s[2] * 5)) / all, 1e-6);
    all = s[4] + s[3] + s[5]; /* the second client mixes what the first one was, not what it has become */
    assert_near(theta[2], (s[4] * 3 + s[3] * 1 + s[5] * 5) / all, 1e-6);
    assert_near(theta[5], 1, 1e-6); /* w = 0 */

    const double loss[3] = {1, 1.05, .9};
    double before[3] = {0};
    for (int t = 1; t < 12; t++) {
        fellrec_heat(loss, 3, t, .7, 1, .05, w);
        for (int c = 0; c < 3; c++) {
            assert_true(w[c] >= before[c] && w[c] <= 1);
            before[c] = w[c];
        }
        assert_true(w[1] <= w[0] && w[0] <= w[2]); /* the worst opens up last */
        if (t == 1) assert_true(w[1] < w[0] && w[1] < .9);
    }
    assert_true(w[0] > .99 && w[1] > .99);
}

/* ---- clients on made data --------------------------------------------------------------------------------------------------- */

static void title_of(int i, char room[32])
{
    snprintf(room, 32, "%s %s", genre[i % TASTES], number[i / TASTES]);
}

/* Each of three kinds of people has what one word names, in the order of the numbers, from anywhere on. */
static void make_data(made_data *m)
{
    dataset_builder *b = dataset_builder_new("clients");
    rng r = rng_make(3, RNG_USER);
    char title[32];
    for (int u = 0; u < USERS; u++)
        for (int k = 0, at = (int)rng_below(&r, ITEMS / TASTES); k < EACH; k++)
            made_row(b, u, u % TASTES + TASTES * ((at + k) % (ITEMS / TASTES)), NAN, 1000 + k);
    for (int i = 0; i < ITEMS; i++) {
        title_of(i, title);
        made_title(b, i, title);
    }
    made_data_finish(m, b);
}

static lorec_err no_metric(void *ctx, const void *self, double *metric)
{
    (void)ctx;
    (void)self;
    *metric = 0;
    return LOREC_OK;
}

static fellrec *fitted(const split *s, const char *const *more)
{
    const recommender *r = registry_find("fellrec");
    const char *model = word_model("lm", words, &(word_model_options){.seed = 2, .layers = 3, .width = WIDTH});
    void *self = model_new(r,
                           OPTIONS("model", model, "weights", "f32", "clients", "3", "client_layers", "1", "rounds",
                                   "6", "local_epochs", "3", "batch", "8", "micro_batch", "8", "learning_rate", "0.005",
                                   "lora_targets", "all", "warmup", "0", "beams", "1", "factors", "3",
                                   "train_on_inputs", "false", "max_history", "3", "min_history", "2", "answer_tokens",
                                   "4", "lora_dropout", "0"),
                           more);
    assert_ok(r->fit(self, &(fit_context){.split = s, .train = &s->train, .seed = 3, .validate = no_metric}));
    return self;
}

/* How often the next title comes first. */
static double hits(const split *s, const fellrec *m, float *kept)
{
    const recommender *r = registry_find("fellrec");
    rec_session *session = rec_session_new(1);
    uint32_t history[EACH], n_items = s->train.n_items;
    float score[ITEMS];
    int good = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        query q = {.user = u, .items = history, .n = split_history(s, true, u, history, NULL), .now = INT64_MIN};
        uint32_t target = s->test.item[s->test.start[u]], best = 0;
        assert_ok(r->score(m, session, &q, 1, score));
        for (uint32_t i = 0; i < n_items; i++) best = score[i] > score[best] ? i : best;
        good += best == target;
        if (kept && u == 0) memcpy(kept, score, n_items * sizeof *score);
    }
    rec_session_free(session);
    return (double)good / USERS;
}

/* The kinds of people have nothing in common, so a client learns best alone; of the two ways to share, the one that looks at
 * likeness and at what was learned does less harm than the plain mean, and less unevenly. */
static void clients_share_and_learn(void **state)
{
    (void)state;
    made_data d;
    make_data(&d);
    const char *const mixing[] = {"dynamic", "fedavg", "local", "central"};
    const recommender *r = registry_find("fellrec");
    double loss[4], sd[4], hit[4];
    for (int i = 0; i < 4; i++) {
        fellrec *m = fitted(&d.s, OPTIONS("mixing", mixing[i], "rounds", i < 2 ? "6" : "2"));
        loss[i] = m->best_loss;
        sd[i] = m->best_sd;
        hit[i] = hits(&d.s, m, NULL);
        printf("%s: validation loss %.4f, deviation %.4f, hits %.3f\n", mixing[i], loss[i], sd[i], hit[i]);
        uint64_t own = m->mixing == MIX_CENTRAL ? 1 : 3;
        assert_int_equal(m->n_clients, own);
        uint64_t shared = m->mixing == MIX_DYNAMIC || m->mixing == MIX_FEDAVG
                              ? 3 * m->shared * sizeof(float) * (uint64_t)m->rounds_run
                              : 0;
        assert_int_equal(m->traffic.adapters_up, shared);
        assert_int_equal(m->traffic.adapters_down, shared);
        assert_int_equal(m->parameters, 3 * m->shared / 2); /* the middle one of three equal blocks is the server's */
        assert_true(m->traffic.hidden_up == m->traffic.hidden_rows * WIDTH * sizeof(float));
        assert_true(m->traffic.hidden_up > m->traffic.gradients_up); /* validation sends no gradients */
        recommender_free(r, m);
    }
    assert_true(loss[0] < loss[1] && sd[0] < sd[1]);
    for (int i = 0; i < 4; i++) assert_true(loss[i] < 1 && hit[i] > .2); /* chance: 1 of 24 */
    made_data_close(&d);
}

static void a_saved_one_scores_the_same(void **state)
{
    (void)state;
    made_data d;
    void *loaded;
    float before[ITEMS], after[ITEMS];
    const recommender *r = registry_find("fellrec");
    make_data(&d);
    fellrec *m = fitted(&d.s, OPTIONS("client_layers", "2", "rounds",
                                      "2")); /* two in front, the last one: nothing is left for the server */
    assert_int_equal(m->parameters, m->shared);
    assert_int_equal(m->traffic.hidden_up + m->traffic.gradients_up, 0);
    assert_true(m->traffic.adapters_up > 0 && m->traffic.losses_up == 3 * sizeof(float) * (uint64_t)m->rounds_run);
    hits(&d.s, m, before);
    assert_ok(recommender_save(r, m, test_path("saved")));
    recommender_free(r, m);
    assert_ok(recommender_load(r, &loaded, test_path("saved")));
    hits(&d.s, loaded, after);
    assert_memory_equal(before, after, sizeof before);
    recommender_free(r, loaded);
    made_data_close(&d);
}

/* With no block in front the server is sent the words themselves, as vectors that it knows. */
static void what_the_server_reads(void **state)
{
    (void)state;
    made_data d;
    json_t *numbers;
    const recommender *r = registry_find("fellrec");
    make_data(&d);
    double read[2];
    for (int front = 0; front < 2; front++) {
        fellrec *m = fitted(&d.s, OPTIONS("client_layers", front ? "1" : "0", "rounds", "1"));
        rec_session *session = rec_session_new(1);
        assert_ok(r->study(m, session, &(study_context){.split = &d.s, .seed = 1}, &numbers));
        read[front] = json_real_value(json_object_get(numbers, "tokens_read_by_server"));
        json_decref(numbers);
        rec_session_free(session);
        recommender_free(r, m);
    }
    assert_true(read[0] == 1 && read[1] < 1);
    made_data_close(&d);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    made_data d;
    const recommender *r = registry_find("fellrec");
    make_data(&d);
    model_refused(r, &d.s, NULL, NULL, "model=FOLDER");
    const char *model = word_model("lm", words, &(word_model_options){.seed = 2});
    const char *const *small = OPTIONS("model", model, "weights", "f32");
    model_refused(r, &d.s, small, OPTIONS("clients", "61"), "lower clients");
    model_refused(r, &d.s, small, OPTIONS("min_history", "50"), "min_history");
    made_data_close(&d);
}

int main(void)
{
    par_set_workers(1); /* steps this small only wait for each other */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hands_are_one_model), cmocka_unit_test(mixing_is_the_equations),
        cmocka_unit_test(clients_share_and_learn), cmocka_unit_test(a_saved_one_scores_the_same),
        cmocka_unit_test(what_the_server_reads),   cmocka_unit_test(says_what_is_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

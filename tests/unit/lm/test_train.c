/* Language models learn: a small corpus by heart, the same gradients however a step is cut, the same bits after a stop. */
#include "tiny_lm.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/train/train.h"

/* Sequences that a model can only know by heart: of 5 to 12 tokens, the learned ones marked. */
static corpus made_corpus(int n)
{
    corpus c = {0};
    rng r = rng_make(5, RNG_USER);
    for (int i = 0; i < n; i++) {
        int32_t token[12];
        uint8_t learn[12];
        int length = 5 + (int)rng_below(&r, 8);
        for (int j = 0; j < length; j++) {
            token[j] = (int32_t)rng_below(&r, TINY_VOCAB);
            learn[j] = j >= 2;
        }
        token[0] = (int32_t)(i % TINY_VOCAB), token[1] = (int32_t)(i / TINY_VOCAB); /* tells which it is */
        assert_ok(corpus_add(&c, token, learn, length));
    }
    return c;
}

static lm_train_options options(int64_t epochs, int64_t batch)
{
    return (lm_train_options){.loop = {.epochs = epochs,
                                       .train_batch_size = batch,
                                       .optimizer = {.kind = OPT_ADAMW, .lr = 1e-2, .clip_norm = 1}}};
}

static void learns_by_heart(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(2, 0);
    corpus c = made_corpus(12);
    lm_corpus_task task;
    lm_causal_task(&task, &(lm_forward){.net = m->net}, &c);
    double before, after;
    trainer_report report;
    assert_ok(lm_corpus_loss(&task, 30, false, 1, &before));
    lm_train_options o = options(60, 4);
    assert_ok(lm_train(&task.task, m->params, &o, &(trainer_context){.seed = 3}, &report));
    assert_ok(lm_corpus_loss(&task, 1000, false, 1, &after));
    assert_true(before > 2);
    if (!(after < .05)) fail_msg("the corpus is not known: %g, before %g", after, before);
    assert_int_equal(report.steps, 60 * 3);
    o.memory_limit = 1000;
    assert_fails(lm_train(&task.task, m->params, &o, &(trainer_context){.seed = 3}, &report), LOREC_RESOURCE, "MiB");
    lm_corpus_task_free(&task);
    corpus_free(&c);
    lm_model_free(m);
}

/* The parameters after one update from all of the corpus, in so many steps. */
static float *one_update(int64_t batch, int64_t accumulate, bool recompute, float dropout, double *reported)
{
    lm_model *m = tiny_lm(2, dropout);
    corpus c = made_corpus(12);
    lm_corpus_task task;
    lm_causal_task(&task, &(lm_forward){.net = m->net, .recompute = recompute}, &c);
    lm_train_options o = options(1, batch);
    o.loop.accumulate = accumulate;
    o.loop.optimizer = (optimizer_options){.kind = OPT_SGD, .lr = 1};
    trainer_report report;
    assert_ok(lm_train(&task.task, m->params, &o, &(trainer_context){.seed = 3}, &report));
    *reported = report.last_loss;
    float *values = tiny_values(m->params);
    lm_corpus_task_free(&task);
    corpus_free(&c);
    lm_model_free(m);
    return values;
}

static void steps_add_up(void **state)
{
    (void)state;
    double one, three;
    lm_model *m = tiny_lm(2, 0);
    int64_t n = params_values(m->params);
    float *whole = one_update(12, 1, false, 0, &one), *cut = one_update(4, 3, false, 0, &three);
    assert_near(tiny_apart(whole, cut, n), 0, 1e-5);
    assert_near(one, three, .05 * one); /* the log's mean is by examples, the gradient's by tokens */
    float *start = tiny_values(m->params);
    assert_true(tiny_apart(whole, start, n) > 1e-2);
    free(whole);
    free(cut);
    free(start);
    lm_model_free(m);
}

/* Bit for bit, dropout and all. */
static void recomputed_is_the_same(void **state)
{
    (void)state;
    double a, b;
    lm_model *m = tiny_lm(2, 0);
    size_t bytes = (size_t)params_values(m->params) * sizeof(float);
    float *kept = one_update(12, 1, false, .2f, &a), *again = one_update(12, 1, true, .2f, &b);
    assert_memory_equal(kept, again, bytes);
    assert_true(a == b);
    free(kept);
    free(again);
    lm_model_free(m);
}

static size_t bytes_of_a_step(const lm_model *m, bool recompute)
{
    enum { N = 8 * 32 };
    int32_t token[N], length[8];
    for (int i = 0; i < N; i++) token[i] = i % TINY_VOCAB;
    for (int i = 0; i < 8; i++) length[i] = 32;
    tape *t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 0);
    lm_batch b = {.n = 8, .token = token, .length = length};
    assert_ok(
        tape_backward(t, op_mean(t, objective_causal(t, &(lm_forward){.net = m->net, .recompute = recompute}, &b))));
    size_t bytes = tape_bytes(t);
    tape_free(t);
    return bytes;
}

static void recomputed_keeps_less(void **state)
{
    (void)state;
    transformer_config c = {.vocab_size = TINY_VOCAB,
                            .width = 32,
                            .layers = 8,
                            .heads = 2,
                            .ffn_width = 128,
                            .max_positions = 64,
                            .activation = ACT_GELU_TANH,
                            .weights = INIT_NORMAL(.1)};
    lm_model *m;
    assert_ok(lm_model_new(&m, "gpt2", &c, 1));
    size_t all = bytes_of_a_step(m, false), less = bytes_of_a_step(m, true);
    if (less * 5 > all * 2) fail_msg("%zu bytes with recomputed blocks, %zu with kept ones", less, all);
    lm_model_free(m);
}

/* ---- adapters ------------------------------------------------------------------------------------------------------------- */

static void adapter_learns(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(2, 0);
    params_freeze_all(m->params, true);
    float *before = tiny_values(m->params);
    adapter *a;
    assert_ok(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .rank = 8, .targets = "all"}));
    adapter_set set = {.item = &a, .n = 1};
    corpus c = made_corpus(6);
    lm_corpus_task task;
    lm_causal_task(&task, &(lm_forward){.net = m->net, .adapters = &set, .recompute = true}, &c);
    lm_train_options o = options(80, 3);
    double loss;
    assert_ok(lm_train(&task.task, adapter_params(a), &o, &(trainer_context){.seed = 3}, NULL));
    assert_ok(lm_corpus_loss(&task, 30, false, 1, &loss));
    if (!(loss < .2)) fail_msg("the adapter has not learned: %g", loss);
    float *after = tiny_values(m->params);
    assert_memory_equal(before, after, (size_t)params_values(m->params) * sizeof *before);
    free(before);
    free(after);
    lm_corpus_task_free(&task);
    corpus_free(&c);
    adapter_free(a);
    lm_model_free(m);
}

/* Clipping to a huge norm without noise is plain descent of the examples' means. */
static void clipped_examples(void **state)
{
    (void)state;
    lm_model *m[2] = {tiny_lm(2, 0), tiny_lm(2, 0)};
    corpus c = {0};
    for (int i = 0; i < 6; i++) /* of one length, so that both means are the same */
        assert_ok(corpus_add(&c, (int32_t[]){i, 3, 2 * i, 7, 1}, NULL, 5));
    float *values[2];
    trainer_report report[2];
    for (int k = 0; k < 2; k++) {
        lm_corpus_task task;
        lm_causal_task(&task, &(lm_forward){.net = m[k]->net}, &c);
        lm_train_options o = options(1, 6);
        o.loop.optimizer = (optimizer_options){.kind = OPT_SGD, .lr = 1};
        o.loop.example_clip = k ? 1e6 : 0;
        assert_ok(lm_train(&task.task, m[k]->params, &o, &(trainer_context){.seed = 3}, &report[k]));
        values[k] = tiny_values(m[k]->params);
        lm_corpus_task_free(&task);
    }
    assert_near(tiny_apart(values[0], values[1], params_values(m[0]->params)), 0, 1e-5);
    assert_near(report[0].last_loss, report[1].last_loss, 1e-4);
    for (int k = 0; k < 2; k++) {
        free(values[k]);
        lm_model_free(m[k]);
    }
    corpus_free(&c);
}

/* ---- stopping and going on --------------------------------------------------------------------------------------------------- */

typedef struct stopping {
    lm_task inner, task;
    int left;
} stopping;

static tensor *loss_and_stop(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    stopping *s = self;
    if (s->left > 0 && --s->left == 0) cancel_request();
    return s->inner.loss(s->inner.self, t, example, n, r);
}

static int64_t inner_units(const void *self, uint32_t example)
{
    const stopping *s = self;
    return s->inner.units(s->inner.self, example);
}

static float *trained(const char *folder, int stop)
{
    lm_model *m = tiny_lm(2, .1f);
    corpus c = made_corpus(12);
    lm_corpus_task task;
    lm_causal_task(&task, &(lm_forward){.net = m->net}, &c);
    stopping s = {.inner = task.task, .left = stop};
    s.task = (lm_task){
        .name = "causal", .self = &s, .n_examples = task.task.n_examples, .units = inner_units, .loss = loss_and_stop};
    lm_train_options o = options(5, 4);
    o.loop.accumulate = 2;
    trainer_context context = {.seed = 3, .folder = folder, .resume = stop == 0 && folder};
    lorec_err e = lm_train(&s.task, m->params, &o, &context, NULL);
    assert_int_equal(e, stop ? LOREC_CANCELLED : LOREC_OK);
    cancel_clear();
    float *values = tiny_values(m->params);
    lm_corpus_task_free(&task);
    corpus_free(&c);
    lm_model_free(m);
    return values;
}

static void goes_on_to_the_same_bits(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(2, 0);
    size_t bytes = (size_t)params_values(m->params) * sizeof(float);
    float *whole = trained(NULL, 0), *stopped = trained(test_path("stopped"), 5),
          *resumed = trained(test_path("stopped"), 0);
    assert_true(memcmp(whole, stopped, bytes) != 0);
    assert_memory_equal(whole, resumed, bytes);
    free(whole);
    free(stopped);
    free(resumed);
    lm_model_free(m);
}

static tensor *nan_loss(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    const stopping *s = self;
    return op_log(t, op_scale(t, s->inner.loss(s->inner.self, t, example, n, r), -1, -1));
}

static void stops_at_nan(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(2, 0);
    corpus c = made_corpus(4);
    lm_corpus_task task;
    lm_causal_task(&task, &(lm_forward){.net = m->net}, &c);
    stopping s = {.inner = task.task};
    s.task = (lm_task){.name = "causal", .self = &s, .n_examples = 4, .units = inner_units, .loss = nan_loss};
    lm_train_options o = options(1, 4);
    float *before = tiny_values(m->params);
    assert_fails(lm_train(&s.task, m->params, &o, &(trainer_context){.seed = 3}, NULL), LOREC_FAILED, "loss is");
    float *after = tiny_values(m->params);
    assert_memory_equal(before, after, (size_t)params_values(m->params) * sizeof *before);
    free(before);
    free(after);
    lm_corpus_task_free(&task);
    corpus_free(&c);
    lm_model_free(m);
}

/* Every allocation of an adapter's making and one update fails once. */
static lorec_err one_small_training(lm_model *m, const corpus *c, bool recompute)
{
    adapter *a;
    TRY(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .rank = 2, .targets = "c_attn"}));
    adapter_set set = {.item = &a, .n = 1};
    lm_corpus_task task;
    lm_causal_task(&task, &(lm_forward){.net = m->net, .adapters = &set, .recompute = recompute}, c);
    lm_train_options o = options(1, 4);
    lorec_err e = lm_train(&task.task, adapter_params(a), &o, &(trainer_context){.seed = 3}, NULL);
    lm_corpus_task_free(&task);
    adapter_free(a);
    return e;
}

static void survives_failing_memory(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(2, 0);
    params_freeze_all(m->params, true);
    corpus c = made_corpus(4);
    for (int recompute = 0; recompute < 2; recompute++) {
        mem_fail_at(0, false);
        assert_ok(one_small_training(m, &c, recompute));
        size_t all = mem_fail_at(1, false), failures = 0;
        for (size_t n = 1; n <= all; n++) {
            mem_fail_at(n, false);
            lorec_err e = one_small_training(m, &c, recompute);
            assert_true(e == LOREC_OK || e == LOREC_RESOURCE);
            failures += e != LOREC_OK;
        }
        mem_fail_at(0, false);
        assert_true(failures > 20);
    }
    corpus_free(&c);
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_by_heart),          cmocka_unit_test(steps_add_up),
        cmocka_unit_test(recomputed_is_the_same),   cmocka_unit_test(recomputed_keeps_less),
        cmocka_unit_test(adapter_learns),           cmocka_unit_test(clipped_examples),
        cmocka_unit_test(goes_on_to_the_same_bits), cmocka_unit_test(stops_at_nan),
        cmocka_unit_test(survives_failing_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

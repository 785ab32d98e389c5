/* Adapters: nothing at the start, the same merged and apart, a sum when stacked, one a sequence, a base that rests. */
#include "tiny_lm.h"

enum { ROWS = 12, VALUES = ROWS * TINY_VOCAB };
static const int32_t tokens[ROWS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}, lengths[3] = {5, 1, 6};

static adapter *fresh(lm_model *m, adapter_options o)
{
    adapter *a;
    assert_ok(adapter_new(&a, &m->net, 1, &o));
    return a;
}

static float *logits(const lm_model *m, const adapter_set *set)
{
    return tiny_logits(m, set, tokens, lengths, 3);
}

static void starts_as_nothing(void **state)
{
    (void)state;
    static const char *const kinds[] = {"lora", "houlsby", "pfeiffer"};
    lm_model *m = tiny_lm(1, 0);
    float *plain = logits(m, NULL);
    for (int i = 0; i < 3; i++) {
        adapter *a = fresh(m, (adapter_options){.kind = kinds[i], .targets = "all"});
        float *with = logits(m, &(adapter_set){.item = &a, .n = 1});
        assert_near(tiny_apart(plain, with, VALUES), 0, 1e-5);
        tiny_draw(adapter_params(a), 3, .2);
        float *drawn = logits(m, &(adapter_set){.item = &a, .n = 1});
        assert_true(tiny_apart(plain, drawn, VALUES) > .01);
        float none = 0;
        float *off = logits(m, &(adapter_set){.item = &a, .n = 1, .weight = &none});
        assert_near(tiny_apart(plain, off, VALUES), 0, 1e-5);
        adapter_free(a);
        free(with);
        free(drawn);
        free(off);
    }
    free(plain);
    lm_model_free(m);
}

static void merges(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    adapter *pair[2] = {
        fresh(m, (adapter_options){.kind = "lora", .rank = 3, .alpha = 6, .targets = "c_attn"}),
        fresh(m,
              (adapter_options){.kind = "lora", .rank = 4, .alpha = 2, .rslora = true, .targets = "c_attn, mlp.c_fc"})};
    for (int i = 0; i < 2; i++) tiny_draw(adapter_params(pair[i]), (uint64_t)i + 7, .2);
    adapter_set both = {.item = pair, .n = 2};
    float *plain = logits(m, NULL), *apart = logits(m, &both);
    for (int i = 0; i < 2; i++) assert_ok(adapter_merge(pair[i], 1));
    float *merged = logits(m, NULL);
    for (int i = 0; i < 2; i++) assert_ok(adapter_merge(pair[i], -1));
    float *back = logits(m, NULL);
    assert_true(tiny_apart(plain, apart, VALUES) > .1);
    assert_near(tiny_apart(merged, apart, VALUES), 0, 2e-4);
    assert_near(tiny_apart(plain, back, VALUES), 0, 2e-4);
    adapter *b = fresh(m, (adapter_options){.kind = "houlsby"});
    assert_fails(adapter_merge(b, 1), LOREC_USAGE, "houlsby");
    adapter_free(b);
    for (int i = 0; i < 2; i++) adapter_free(pair[i]);
    free(plain);
    free(apart);
    free(merged);
    free(back);
    lm_model_free(m);
}

/* Sequence i is what it is alone under its own adapter. */
static void one_a_sequence(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    adapter *pair[2] = {fresh(m, (adapter_options){.kind = "lora", .targets = "all"}),
                        fresh(m, (adapter_options){.kind = "houlsby"})};
    for (int i = 0; i < 2; i++) tiny_draw(adapter_params(pair[i]), (uint64_t)i + 7, .2);
    static const int32_t of[3] = {1, -1, 0};
    float *mixed = logits(m, &(adapter_set){.item = pair, .n = 2, .of = of});
    for (int i = 0, row = 0; i < 3; row += lengths[i++]) {
        adapter_set own = {.item = &pair[of[i] < 0 ? 0 : of[i]], .n = 1};
        float *alone = tiny_logits(m, of[i] < 0 ? NULL : &own, tokens + row, &lengths[i], 1);
        assert_near(tiny_apart(mixed + row * TINY_VOCAB, alone, lengths[i] * TINY_VOCAB), 0, 2e-5);
        free(alone);
    }
    free(mixed);
    for (int i = 0; i < 2; i++) adapter_free(pair[i]);
    lm_model_free(m);
}

/* A soft prompt that holds token vectors does what the tokens themselves would do. */
static void prompt_is_tokens(void **state)
{
    (void)state;
    enum { P = 2 };
    static const int32_t soft[P] = {11, 7},
                         hard[ROWS + 3 * P] = {11, 7, 3, 1, 4, 1, 5, 11, 7, 9, 11, 7, 2, 6, 5, 3, 5, 8},
                         longer[3] = {5 + P, 1 + P, 6 + P};
    lm_model *m = tiny_lm(1, 0);
    adapter *a = fresh(m, (adapter_options){.kind = "prompt", .tokens = P});
    tensor *table = transformer_tensor(m->net, PART_TOKENS, 0);
    float *words = malloc((size_t)tensor_count(table) * sizeof *words), start[P * TINY_WIDTH];
    assert_ok(tensor_read(table, words, tensor_count(table)));
    for (int i = 0; i < P; i++)
        memcpy(start + i * TINY_WIDTH, words + soft[i] * TINY_WIDTH, TINY_WIDTH * sizeof *words);
    assert_ok(tensor_write(params_at(adapter_params(a), 0), start, P * TINY_WIDTH));
    float *got = logits(m, &(adapter_set){.item = &a, .n = 1}), *due = tiny_logits(m, NULL, hard, longer, 3);
    for (int i = 0, row = 0, to = P; i < 3; row += lengths[i], to += lengths[i++] + P)
        assert_near(tiny_apart(got + row * TINY_VOCAB, due + to * TINY_VOCAB, lengths[i] * TINY_VOCAB), 0, 2e-5);
    free(got);
    free(due);
    free(words);
    adapter_free(a);
    lm_model_free(m);
}

/* ---- learning --------------------------------------------------------------------------------------------------------- */

static double step(lm_model *m, const adapter_set *set, tape *t, optimizer *o, uint64_t at)
{
    static const int32_t next[ROWS] = {1, 4, 1, 5, -1, -1, 6, 5, 3, 5, 8, -1};
    float loss;
    tape_begin(t, at);
    token_rows in = {.ids = tape_ids(t, tokens, ROWS), .sequences = tape_segments(t, lengths, 3), .adapters = set};
    tensor *each = transformer_loss(t, m->net, transformer_hidden(t, m->net, &in), tape_ids(t, next, ROWS));
    tensor *mean = op_mean(t, each);
    assert_ok(tape_backward(t, mean));
    assert_ok(tape_read(t, mean, &loss, 1));
    if (o) assert_ok(optimizer_step(o, 1));
    return loss;
}

static void learns_over_a_frozen_base(void **state)
{
    (void)state;
    static const char *const kinds[] = {"lora", "houlsby", "pfeiffer", "prefix", "prompt"};
    for (int i = 0; i < 5; i++) {
        lm_model *m = tiny_lm(1, 0);
        params_freeze_all(m->params, true);
        float *before = tiny_values(m->params);
        adapter *a = fresh(m, (adapter_options){.kind = kinds[i], .targets = "all", .tokens = 4, .width = 8});
        adapter_set set = {.item = &a, .n = 1};
        tape *t = tape_new(&(tape_options){.train = true, .seed = 1});
        optimizer *o = optimizer_new(adapter_params(a), &(optimizer_options){.kind = OPT_ADAMW, .lr = .02});
        double first = step(m, &set, t, o, 0), last = first;
        for (uint64_t s = 1; s < 60; s++) last = step(m, &set, t, o, s);
        if (!(last < .5 * first)) fail_msg("%s: the loss went from %g to %g", kinds[i], first, last);
        float *after = tiny_values(m->params);
        assert_memory_equal(before, after, (size_t)params_values(m->params) * sizeof *before);
        assert_true(params_grad_norm(m->params) == 0);
        optimizer_free(o);
        tape_free(t);
        free(before);
        free(after);
        adapter_free(a);
        lm_model_free(m);
    }
}

/* The slope of the loss along a random direction, for each kind, against differences. */
static void slopes_agree(void **state)
{
    (void)state;
    static const char *const kinds[] = {"lora", "houlsby", "prefix", "prompt"};
    for (int i = 0; i < 4; i++) {
        lm_model *m = tiny_lm(1, 0);
        params_freeze_all(m->params, true);
        adapter *a = fresh(m, (adapter_options){.kind = kinds[i], .tokens = 3});
        params *ps = adapter_params(a);
        tiny_draw(ps, 5, .2);
        adapter_set set = {.item = &a, .n = 1};
        tape *t = tape_new(&(tape_options){.train = true, .seed = 1});
        step(m, &set, t, NULL, 0);
        float *g = tiny_gradients(ps), *v = tiny_values(ps);
        double norm = params_grad_norm(ps), side[2];
        assert_true(norm > 1e-3);
        for (int s = 0; s < 2; s++) { /* along the gradient itself */
            const float *at = v, *slope = g;
            for (size_t p = 0; p < params_count(ps);
                 at += tensor_count(params_at(ps, p)), slope += tensor_count(params_at(ps, p)), p++) {
                int64_t n = tensor_count(params_at(ps, p));
                float *moved = malloc((size_t)n * sizeof *moved);
                for (int64_t j = 0; j < n; j++) moved[j] = at[j] + (float)((s ? 1 : -1) * 5e-3 * slope[j] / norm);
                assert_ok(tensor_write(params_at(ps, p), moved, n));
                free(moved);
            }
            side[s] = step(m, &set, t, NULL, 0);
        }
        double slope = (side[1] - side[0]) / 1e-2;
        if (fabs(slope - norm) > 5e-3 * norm) fail_msg("%s: slope %g, gradient %g", kinds[i], slope, norm);
        tape_free(t);
        free(g);
        free(v);
        adapter_free(a);
        lm_model_free(m);
    }
}

static void values(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    adapter *a = fresh(m, (adapter_options){.kind = "lora"}), *b = fresh(m, (adapter_options){.kind = "lora"});
    tiny_draw(adapter_params(a), 1, 1);
    tiny_draw(adapter_params(b), 2, 1);
    float *x = tiny_values(adapter_params(a)), *y = tiny_values(adapter_params(b));
    const adapter *const pair[] = {a, b};
    assert_ok(adapter_average(a, pair, (double[]){.25, .75}, 2));
    float *mean = tiny_values(adapter_params(a));
    for (int64_t i = 0; i < params_values(adapter_params(a)); i++)
        assert_near(mean[i], .25 * (double)x[i] + .75 * (double)y[i], 1e-6);
    assert_ok(params_copy(adapter_params(a), adapter_params(b)));
    assert_ok(params_axpy(adapter_params(a), -1, adapter_params(b)));
    float *zero = tiny_values(adapter_params(a));
    for (int64_t i = 0; i < params_values(adapter_params(a)); i++) assert_true(zero[i] == 0);
    adapter *other = fresh(m, (adapter_options){.kind = "prompt"});
    const adapter *const mixed[] = {a, other};
    assert_fails(adapter_average(a, mixed, (double[]){.5, .5}, 2), LOREC_USAGE, "one kind");
    free(x);
    free(y);
    free(mean);
    free(zero);
    adapter_free(a);
    adapter_free(b);
    adapter_free(other);
    lm_model_free(m);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    adapter *a;
    assert_fails(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "loar"}), LOREC_USAGE, "lora");
    assert_fails(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .targets = "q_proj"}), LOREC_USAGE,
                 "q_proj");
    assert_fails(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .rank = -1}), LOREC_USAGE, "rank");
    assert_fails(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .dropout = 1}), LOREC_USAGE, "dropout");
    a = fresh(m, (adapter_options){.kind = "prefix"});
    static const int32_t of[3] = {0, 0, -1};
    tape *t = tape_new(&(tape_options){.train = false});
    tape_begin(t, 0);
    adapter_set set = {.item = &a, .n = 1, .of = of};
    token_rows in = {.ids = tape_ids(t, tokens, ROWS), .sequences = tape_segments(t, lengths, 3), .adapters = &set};
    assert_null(transformer_hidden(t, m->net, &in));
    assert_fails(tape_error(t), LOREC_USAGE, "all sequences");
    tape_free(t);
    adapter_free(a);
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(starts_as_nothing),
                                       cmocka_unit_test(merges),
                                       cmocka_unit_test(one_a_sequence),
                                       cmocka_unit_test(prompt_is_tokens),
                                       cmocka_unit_test(learns_over_a_frozen_base),
                                       cmocka_unit_test(slopes_agree),
                                       cmocka_unit_test(values),
                                       cmocka_unit_test(says_what_is_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

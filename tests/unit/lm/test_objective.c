/* Objectives against the same numbers computed the long way from logits and hidden states. */
#include "tiny_lm.h"

#include "lm/train/objective.h"

enum { N = 3, ROWS = 12 };
static const int32_t tokens[ROWS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8},
                     others[ROWS] = {2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5}, lengths[N] = {5, 3, 4};
static const uint8_t learn[ROWS] = {0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1};

static tape *training(void)
{
    tape *t = tape_new(&(tape_options){.train = true, .seed = 1});
    tape_begin(t, 0);
    return t;
}

static double log_p(const float *logits, int32_t token)
{
    double most = logits[0], sum = 0;
    for (int i = 1; i < TINY_VOCAB; i++) most = fmax(most, logits[i]);
    for (int i = 0; i < TINY_VOCAB; i++) sum += exp(logits[i] - most);
    return logits[token] - most - log(sum);
}

/* Sum over what is learned of each sequence. */
static void log_probabilities(const lm_model *m, const int32_t *token, double *sum)
{
    float *y = tiny_logits(m, NULL, token, lengths, N);
    for (int i = 0, row = 0; i < N; row += lengths[i++]) {
        sum[i] = 0;
        for (int r = row; r + 1 < row + lengths[i]; r++)
            if (learn[r + 1]) sum[i] += log_p(y + r * TINY_VOCAB, token[r + 1]);
    }
    free(y);
}

static void causal(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(4, 0);
    lm_forward f = {.net = m->net};
    lm_batch b = {.n = N, .token = tokens, .length = lengths, .learn = learn};
    double due[N];
    float got[N], each[ROWS], sum = 0, all = 0;
    log_probabilities(m, tokens, due);
    assert_ok(objective_log_probability(&f, &b, false, got));
    for (int i = 0; i < N; i++) assert_near(got[i], due[i], 1e-4);
    tape *t = training();
    assert_ok(tape_read(t, objective_causal(t, &f, &b), each, ROWS));
    for (int r = 0; r < ROWS; r++) sum += each[r];
    for (int i = 0; i < N; i++) all -= (float)due[i];
    assert_near(sum, all, 1e-3);
    assert_int_equal(lm_batch_learned(&b), 7);
    tape_free(t);
    lm_model_free(m);
}

static void masked(void **state)
{
    (void)state;
    enum { LONG = 40, MANY = 60 };
    lm_model *m = tiny_lm(4, 0);
    lm_forward f = {.net = m->net};
    int32_t token[LONG * MANY], length[MANY];
    for (int i = 0; i < LONG * MANY; i++) token[i] = i % TINY_VOCAB;
    for (int i = 0; i < MANY; i++) length[i] = LONG;
    lm_batch b = {.n = MANY, .token = token, .length = length};
    rng r = rng_make(3, RNG_MASKING);
    int64_t targets;
    float each[LONG * MANY];
    int64_t counted = 0;
    tape *t = training();
    assert_ok(tape_read(t, objective_masked(t, &f, &b, &(masked_rule){.mask = 16}, &r, &targets), each, LONG * MANY));
    for (int i = 0; i < LONG * MANY; i++) counted += each[i] > 0;
    assert_int_equal(counted, targets);
    assert_near((double)targets / (LONG * MANY), .15, .03); /* 2,400 draws: four deviations */
    tape_free(t);
    lm_model_free(m);
}

static void contrast(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(4, 0);
    lm_forward f = {.net = m->net};
    lm_batch a = {.n = N, .token = tokens, .length = lengths}, b = {.n = N, .token = others, .length = lengths};
    tape *t = training();
    float h[2][ROWS * TINY_WIDTH], got[N], learned[N], zero = 0;
    double unit[2][N][TINY_WIDTH] = {0};
    for (int k = 0; k < 2; k++) {
        assert_ok(tape_read(t, lm_batch_hidden(t, &f, k ? &b : &a), h[k], ROWS * TINY_WIDTH));
        for (int i = 0, row = 0; i < N; row += lengths[i++]) {
            double norm = 0;
            for (int j = 0; j < TINY_WIDTH; j++) {
                for (int r = row; r < row + lengths[i]; r++) unit[k][i][j] += h[k][r * TINY_WIDTH + j] / lengths[i];
                norm += unit[k][i][j] * unit[k][i][j];
            }
            for (int j = 0; j < TINY_WIDTH; j++) unit[k][i][j] /= sqrt(norm);
        }
    }
    assert_ok(tape_read(t, objective_contrast(t, &f, &a, &b, POOL_MEAN, .1f, NULL), got, N));
    for (int i = 0; i < N; i++) {
        double sum = 0, right = 0;
        for (int j = 0; j < N; j++) {
            double dot = 0;
            for (int d = 0; d < TINY_WIDTH; d++) dot += unit[0][i][d] * unit[1][j][d];
            sum += exp(dot / .1);
            if (j == i) right = dot / .1;
        }
        assert_near(got[i], log(sum) - right, 1e-3);
    }
    /* a learned temperature: exp(log 10) instead of 1 / 0.1, and it gets a gradient */
    params *ps = params_new(1);
    tensor *scale = params_add(ps, "scale", INIT_CONST(log(10)), 1, (int64_t[]){1});
    tensor *loss = objective_contrast(t, &f, &a, &b, POOL_MEAN, 0, scale);
    assert_ok(tape_read(t, loss, learned, N));
    for (int i = 0; i < N; i++) assert_near(learned[i], got[i], 1e-3);
    assert_ok(tape_backward(t, op_mean(t, loss)));
    assert_ok(tensor_read_grad(scale, &zero, 1));
    assert_true(fabsf(zero) > 1e-6f);
    tape_free(t);
    params_free(ps);
    lm_model_free(m);
}

static void distil(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(4, 0), *teacher = tiny_lm(9, 0);
    lm_forward f = {.net = m->net}, g = {.net = teacher->net};
    lm_batch b = {.n = N, .token = tokens, .length = lengths, .learn = learn};
    float p[ROWS * TINY_VOCAB], own[ROWS * TINY_VOCAB], got[ROWS];
    assert_ok(objective_logits(&g, &b, false, p));
    assert_ok(objective_logits(&f, &b, false, own));
    tape *t = training();
    assert_ok(tape_read(t, objective_distil(t, &f, &b, p, 2), got, ROWS));
    for (int i = 0, row = 0; i < N; row += lengths[i++])
        for (int r = row; r < row + lengths[i]; r++) {
            double kl = 0;
            float soft[2][TINY_VOCAB];
            for (int v = 0; v < TINY_VOCAB; v++) {
                soft[0][v] = p[r * TINY_VOCAB + v] / 2;
                soft[1][v] = own[r * TINY_VOCAB + v] / 2;
            }
            for (int v = 0; v < TINY_VOCAB; v++) kl += exp(log_p(soft[0], v)) * (log_p(soft[0], v) - log_p(soft[1], v));
            bool counts = r + 1 < row + lengths[i] && learn[r + 1];
            assert_near(got[r], counts ? 4 * kl : 0, 1e-3);
        }
    assert_ok(tape_read(t, objective_distil(t, &f, &b, own, 2), got, ROWS)); /* its own teacher */
    for (int r = 0; r < ROWS; r++) assert_near(got[r], 0, 1e-4);
    tape_free(t);
    lm_model_free(m);
    lm_model_free(teacher);
}

static void dpo(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(4, 0);
    lm_forward f = {.net = m->net};
    lm_batch a = {.n = N, .token = tokens, .length = lengths, .learn = learn},
             b = {.n = N, .token = others, .length = lengths, .learn = learn};
    double chosen[N], rejected[N];
    float reference[2][N] = {{-10, -3, -7}, {-9, -4, -8}}, got[N];
    log_probabilities(m, tokens, chosen);
    log_probabilities(m, others, rejected);
    tape *t = training();
    tensor *loss = objective_dpo(t, &f, &a, &b, reference[0], reference[1], .3f);
    assert_ok(tape_read(t, loss, got, N));
    for (int i = 0; i < N; i++) {
        double z = .3 * ((chosen[i] - reference[0][i]) - (rejected[i] - reference[1][i]));
        assert_near(got[i], log1p(exp(-z)), 1e-3);
    }
    assert_ok(tape_backward(t, op_mean(t, loss)));
    assert_true(params_grad_norm(m->params) > 1e-3);
    tape_free(t);
    lm_model_free(m);
}

/* Two halves joined by vectors: the whole's loss and gradients. */
static void halves_are_the_whole(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(4, 0);
    static const int32_t next[ROWS] = {1, 4, 1, 5, -1, 2, 6, -1, 3, 5, 8, -1};
    float whole_loss, half_loss, h[ROWS * TINY_WIDTH], back[ROWS * TINY_WIDTH];
    tape *t = training(), *u = training();
    token_rows in = {.ids = tape_ids(t, tokens, ROWS), .sequences = tape_segments(t, lengths, N)};
    tensor *loss = op_mean(t, transformer_loss(t, m->net, transformer_hidden(t, m->net, &in), tape_ids(t, next, ROWS)));
    assert_ok(tape_backward(t, loss));
    assert_ok(tape_read(t, loss, &whole_loss, 1));
    float *whole = tiny_gradients(m->params);
    assert_ok(params_zero_grad(m->params));

    tape_begin(t, 0); /* the first half here ... */
    in = (token_rows){.ids = tape_ids(t, tokens, ROWS), .sequences = tape_segments(t, lengths, N)};
    tensor *middle = transformer_blocks(t, m->net, 0, 1, transformer_embed(t, m->net, &in), &in);
    assert_ok(tape_read(t, middle, h, ROWS * TINY_WIDTH));
    tensor *leaf = tape_leaf(u, h, 2, (int64_t[]){ROWS, TINY_WIDTH}); /* ... the second elsewhere */
    token_rows rest = {.vectors = leaf, .sequences = tape_segments(u, lengths, N)};
    tensor *x = transformer_final(u, m->net, transformer_blocks(u, m->net, 1, TINY_LAYERS, leaf, &rest));
    loss = op_mean(u, transformer_loss(u, m->net, x, tape_ids(u, next, ROWS)));
    assert_ok(tape_backward(u, loss));
    assert_ok(tape_read(u, loss, &half_loss, 1));
    assert_ok(tensor_read_grad(leaf, back, ROWS * TINY_WIDTH));
    assert_ok(tape_backward_from(t, middle, back));
    float *halves = tiny_gradients(m->params);
    assert_near(half_loss, whole_loss, 1e-6);
    assert_near(tiny_apart(whole, halves, params_values(m->params)), 0, 1e-5);
    free(whole);
    free(halves);
    tape_free(t);
    tape_free(u);
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(causal),   cmocka_unit_test(masked),
                                       cmocka_unit_test(contrast), cmocka_unit_test(distil),
                                       cmocka_unit_test(dpo),      cmocka_unit_test(halves_are_the_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Per-example clipping against the loop that makes every example's gradient alone. */
#include "support/support.h"

#include <math.h>

#include "tensor/ops.h"
#include "tensor/rng.h"

enum { EXAMPLES = 4, IN = 5, MID = 6, CLASSES = 7, VALUES = MID * IN + MID + CLASSES * MID };
static const int32_t lengths[EXAMPLES] = {2, 1, 4, 3};
enum { ROWS = 10 };

typedef struct model {
    params *ps;
    tensor *w, *b, *v;
} model;

static model made(void)
{
    model m = {.ps = params_new(3)};
    m.w = params_add(m.ps, "w", INIT_NORMAL(.5), 2, (int64_t[]){MID, IN});
    m.b = params_add(m.ps, "b", INIT_NORMAL(.5), 1, (int64_t[]){MID});
    m.v = params_add(m.ps, "v", INIT_NORMAL(.5), 2, (int64_t[]){CLASSES, MID});
    return m;
}

/* Losses of the rows from .. to; tied: v is used twice, so that one pass can not tell the norms. */
static tensor *losses(const model *m, tape *t, int from, int to, const int32_t *length, int n, bool tied)
{
    float x[ROWS * IN];
    int32_t target[ROWS];
    rng r = rng_make(8, RNG_USER);
    for (int i = 0; i < ROWS * IN; i++) x[i] = (float)rng_normal(&r);
    for (int i = 0; i < ROWS; i++) target[i] = (int32_t)rng_below(&r, CLASSES);
    tensor *rows = tape_f32(t, x + from * IN, 2, (int64_t[]){to - from, IN});
    rows = tape_examples(t, rows, tape_segments(t, length, n));
    tensor *h = op_linear(t, rows, m->w, m->b, LINEAR_OUT_IN, ACT_TANH);
    if (tied)
        h = op_linear(t, op_linear(t, h, m->v, NULL, LINEAR_OUT_IN, ACT_TANH), m->v, NULL, LINEAR_IN_OUT, ACT_NONE);
    return op_linear_cross_entropy(t, h, m->v, NULL, tape_ids(t, target + from, to - from), NULL);
}

static void gradient(const model *m, float *g)
{
    for (size_t i = 0; i < params_count(m->ps); g += tensor_count(params_at(m->ps, i)), i++)
        assert_ok(tensor_read_grad(params_at(m->ps, i), g, tensor_count(params_at(m->ps, i))));
}

static void equals_the_loop(void **state)
{
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        model m = made();
        double sum[VALUES] = {0}, norm[EXAMPLES], clip = tied ? 8 : 3;
        float g[VALUES], sq[EXAMPLES];
        int clipped = 0;
        tape *plain = tape_new(&(tape_options){.train = true});
        for (int e = 0, row = 0; e < EXAMPLES; row += lengths[e++]) {
            tape_begin(plain, 0);
            assert_ok(tape_backward(plain, losses(&m, plain, row, row + lengths[e], &lengths[e], 1, tied)));
            gradient(&m, g);
            norm[e] = 0;
            for (int i = 0; i < VALUES; i++) norm[e] += (double)g[i] * g[i];
            double by = fmin(1, clip / sqrt(norm[e]));
            clipped += by < 1;
            for (int i = 0; i < VALUES; i++) sum[i] += by * g[i];
            assert_ok(params_zero_grad(m.ps));
        }
        if (clipped == 0 || clipped == EXAMPLES)
            fail_msg("%d clipped: %g %g %g %g", clipped, norm[0], norm[1], norm[2], norm[3]);
        tape *t = tape_new(&(tape_options){.train = true, .example_norms = true});
        for (int times = 1; times <= 2; times++) { /* gradients add to what is there */
            tape_begin(t, 0);
            assert_ok(tape_backward_clipped(t, losses(&m, t, 0, ROWS, lengths, EXAMPLES, tied), clip));
            gradient(&m, g);
            for (int i = 0; i < VALUES; i++) assert_near(g[i], times * sum[i], 1e-5);
            assert_ok(tape_example_norms(t, sq, EXAMPLES));
            for (int e = 0; e < EXAMPLES; e++) assert_near(sq[e], norm[e], 1e-4 * norm[e]);
        }
        tape_begin(t, 0);
        tensor *mean = op_mean(t, losses(&m, t, 0, ROWS, lengths, EXAMPLES, tied));
        assert_fails(tape_backward_clipped(t, mean, clip), LOREC_USAGE, "each row");
        tape_free(t);
        tape_free(plain);
        params_free(m.ps);
    }
}

/* Mean 0, the deviation asked for, the same again for the same step, on parameters that nothing flowed to as well. */
static void noise(void **state)
{
    (void)state;
    enum { N = 40000 };
    params *ps = params_new(1);
    tensor *p = params_add(ps, "p", INIT_ZERO, 1, (int64_t[]){N}),
           *f = params_add(ps, "f", INIT_ZERO, 1, (int64_t[]){3});
    params_freeze(f, true);
    float *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b), frozen[3];
    double mean = 0, var = 0;
    assert_ok(params_noise_grad(ps, 2, .5, 9, 4));
    assert_ok(tensor_read_grad(p, a, N));
    for (int i = 0; i < N; i++) mean += a[i] / N;
    for (int i = 0; i < N; i++) var += (a[i] - mean) * (a[i] - mean) / N;
    assert_near(mean, 0, .02);
    assert_near(var, 1, .03);
    assert_ok(tensor_read_grad(f, frozen, 3));
    assert_true(frozen[0] == 0 && frozen[1] == 0 && frozen[2] == 0);
    assert_ok(params_zero_grad(ps));
    assert_ok(params_noise_grad(ps, 2, .5, 9, 4));
    assert_ok(tensor_read_grad(p, b, N));
    assert_memory_equal(a, b, N * sizeof *a);
    assert_ok(params_zero_grad(ps));
    assert_ok(params_noise_grad(ps, 2, .5, 9, 5));
    assert_ok(tensor_read_grad(p, b, N));
    assert_true(a[0] != b[0] && a[1] != b[1]);
    free(a);
    free(b);
    params_free(ps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_loop), cmocka_unit_test(noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

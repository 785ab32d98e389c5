/* Every op of the table against its case (op_cases.h). */
#include "op_cases.h"

#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/op.h"

#include "op_cases_attention.h"
#include "op_cases_elementwise.h"
#include "op_cases_kernels.h"
#include "op_cases_losses.h"
#include "op_cases_products.h"
#include "op_cases_rows.h"
#include "op_cases_shapes.h"

static const struct {
    const op_case *rows;
    size_t n;
} groups[] = {{cases_elementwise, sizeof cases_elementwise / sizeof *cases_elementwise},
              {cases_rows, sizeof cases_rows / sizeof *cases_rows},
              {cases_shapes, sizeof cases_shapes / sizeof *cases_shapes},
              {cases_losses, sizeof cases_losses / sizeof *cases_losses},
              {cases_products, sizeof cases_products / sizeof *cases_products},
              {cases_attention, sizeof cases_attention / sizeof *cases_attention},
              {cases_kernels, sizeof cases_kernels / sizeof *cases_kernels}};
enum { GROUPS = sizeof groups / sizeof *groups };

#define EACH_CASE(c_)                                                                                                  \
    for (size_t g_ = 0; g_ < GROUPS; g_++)                                                                             \
        for (const op_case *c_ = groups[g_].rows; c_ < groups[g_].rows + groups[g_].n; c_++)

/* ---- a trial on a tape --------------------------------------------------------------------------------------------------- */

static void trial_begin(trial *c, const op_case *k, int64_t n)
{
    *c = (trial){.n = n, .r = rng_make(2024, (uint64_t)n + RNG_USER)};
    k->setup(c);
}

static void trial_end(trial *c)
{
    for (int i = 0; i < c->blocks; i++) free(c->block[i]);
}

typedef struct bench {
    params *ps;
    tape *t;
    tensor *in[TRIAL_INPUTS], *out;
} bench;

static void to_f32(const double *from, float *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] = (float)from[i];
}

static void bench_begin(bench *b, const trial *c, tape_options options)
{
    *b = (bench){.ps = params_new(1), .t = tape_new(&options)};
    tape_begin(b->t, 1);
    for (int i = 0; i < TRIAL_INPUTS; i++) {
        const trial_input *in = &c->in[i];
        float *v = malloc((size_t)in->count * sizeof *v + 1);
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        if (in->value) to_f32(in->value, v, in->count);
        if (in->role == ROLE_IDS) b->in[i] = tape_ids(b->t, in->id, in->count);
        if (in->role == ROLE_LEAF) b->in[i] = tape_leaf(b->t, v, in->ndim, in->size);
        if (in->role == ROLE_FIXED) b->in[i] = tape_f32(b->t, v, in->ndim, in->size);
        if (in->role == ROLE_PARAM) {
            b->in[i] = params_add(b->ps, name, INIT_ZERO, in->ndim, in->size);
            assert_ok(params_error(b->ps));
            assert_ok(tensor_write(b->in[i], v, in->count));
        }
        free(v);
    }
}

static void bench_apply(bench *b, const op_case *k, const trial *c, bool bf16)
{
    tensor *in[TRIAL_INPUTS];
    for (int i = 0; i < TRIAL_INPUTS; i++) {
        bool cast = bf16 && c->in[i].role == ROLE_LEAF;
        in[i] = cast ? op_cast(b->t, b->in[i], DTYPE_BF16) : b->in[i];
    }
    b->out = k->apply(b->t, in, c);
    assert_ok(tape_error(b->t));
    assert_non_null(b->out);
}

static void bench_end(bench *b)
{
    tape_free(b->t);
    params_free(b->ps);
}

/* ---- values and gradients -------------------------------------------------------------------------------------------------- */

static double *reference(const op_case *k, const trial *c)
{
    double *x[TRIAL_INPUTS], *y = calloc((size_t)c->out_count + 1, sizeof *y);
    for (int i = 0; i < TRIAL_INPUTS; i++) x[i] = c->in[i].value;
    k->naive(c, x, y);
    return y;
}

static void compare(const op_case *k, const trial *c, const char *of, int64_t at, double got, double due, double scale,
                    double tolerance)
{
    if (isinf(due) || isnan(due) ? got == due || (isnan(due) && isnan(got))
                                 : fabs(got - due) <= tolerance * (scale + fabs(due)))
        return;
    fail_msg("op %s (%s), n %lld, %s: %s %lld is %.8g where %.8g is due", k->op, k->what, (long long)c->n, isa()->name,
             of, (long long)at, got, due);
}

static double tolerance_of(const op_case *k, bool bf16)
{
    return bf16 ? 2e-2 : k->tolerance > 0 ? k->tolerance : 2e-5;
}

/* What is due, computed once for all instruction sets: the values, and slopes of some coordinates of each input. */
enum { SAMPLES = 16 };
typedef struct slope {
    int input;
    int64_t at;
    double due;
} slope;

typedef struct expected {
    double *y;
    float *weight; /* of the outputs in the sum whose gradient is taken */
    slope slopes[SAMPLES * TRIAL_INPUTS];
    int n_slopes;
} expected;

/* d (weight . naive) / d x by central differences in double. */
static double slope_of(const op_case *k, const trial *c, int input, int64_t at, const float *weight)
{
    enum { SIDES = 2 };
    double sum[SIDES], *v = &c->in[input].value[at], kept = *v, h = 1e-5;
    for (int side = 0; side < SIDES; side++) {
        *v = kept + (side ? h : -h);
        double *y = reference(k, c);
        sum[side] = 0;
        for (int64_t i = 0; i < c->out_count; i++)
            if (isfinite(y[i])) sum[side] += weight[i] * y[i];
        free(y);
    }
    *v = kept;
    return (sum[1] - sum[0]) / (2 * h);
}

static float *weights_for(const trial *c)
{
    rng r = rng_make(5, RNG_USER);
    float *w = malloc((size_t)c->out_count * sizeof *w + 1);
    for (int64_t i = 0; i < c->out_count; i++) w[i] = (float)(rng_uniform(&r) * 2 - 1);
    return w;
}

static void expect(expected *x, const op_case *k, const trial *c)
{
    rng r = rng_make(7, (uint64_t)c->n + RNG_USER);
    *x = (expected){.y = reference(k, c), .weight = weights_for(c)};
    for (int i = 0; i < TRIAL_INPUTS && !k->no_gradient; i++) {
        const trial_input *in = &c->in[i];
        if (in->role != ROLE_LEAF && in->role != ROLE_PARAM) continue;
        for (int64_t j = 0; j < in->count && j < SAMPLES; j++) {
            int64_t at = in->count <= SAMPLES ? j : (int64_t)rng_below(&r, (uint32_t)in->count);
            x->slopes[x->n_slopes++] = (slope){i, at, slope_of(k, c, i, at, x->weight)};
        }
    }
}

static void expected_free(expected *x)
{
    free(x->y);
    free(x->weight);
}

static void values_check(const op_case *k, const trial *c, const bench *b, const expected *x, bool bf16)
{
    float *got = malloc((size_t)c->out_count * sizeof *got + 1);
    assert_int_equal(tensor_count(b->out), c->out_count);
    assert_ok(tape_read(b->t, b->out, got, c->out_count));
    for (int64_t i = 0; i < c->out_count; i++) compare(k, c, "value", i, got[i], x->y[i], 1, tolerance_of(k, bf16));
    free(got);
}

static void gradients_check(const op_case *k, const trial *c, const bench *b, const expected *x, double times,
                            bool bf16)
{
    static const char *const names[TRIAL_INPUTS] = {"input 0, gradient", "input 1, gradient", "input 2, gradient",
                                                    "input 3, gradient", "input 4, gradient", "input 5, gradient",
                                                    "input 6, gradient", "input 7, gradient"};
    float *got[TRIAL_INPUTS] = {0};
    for (const slope *s = x->slopes; s < x->slopes + x->n_slopes; s++) {
        if (!got[s->input]) {
            got[s->input] = malloc((size_t)c->in[s->input].count * sizeof **got);
            assert_ok(tensor_read_grad(b->in[s->input], got[s->input], c->in[s->input].count));
        }
        compare(k, c, names[s->input], s->at, got[s->input][s->at], times * s->due, times,
                bf16 ? 4e-2 : 10 * tolerance_of(k, false));
    }
    for (int i = 0; i < TRIAL_INPUTS; i++) free(got[i]);
}

static void check_case(const op_case *k, const trial *c, const expected *x, bool bf16)
{
    bench b;
    bench_begin(&b, c, (tape_options){.train = true, .seed = 3, .compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    bench_apply(&b, k, c, bf16);
    values_check(k, c, &b, x, bf16);
    if (!k->no_gradient) {
        assert_ok(tape_backward_from(b.t, b.out, x->weight));
        gradients_check(k, c, &b, x, 1, bf16);
        if (!bf16) { /* a second pass adds to what the first one left */
            assert_ok(tape_backward_from(b.t, b.out, x->weight));
            gradients_check(k, c, &b, x, 2, false);
        }
    }
    bench_end(&b);
}

static void values_and_gradients(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 63, 64, 65};
    static const char *const sets[] = {"portable", "avx2", "avx512", "amx"};
    for (size_t j = 0; j < sizeof sets / sizeof *sets; j++)
        if (!isa_choose(sets[j])) print_message("the kernels %s are not tried: this CPU can not run them\n", sets[j]);
    int before = par_workers();
    par_set_workers(1); /* these shapes are small; workers_agree has the large ones */
    EACH_CASE(k)
    {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            if (k->most && sizes[i] > k->most) continue;
            trial c;
            expected x;
            trial_begin(&c, k, sizes[i]);
            expect(&x, k, &c);
            for (size_t j = 0; j < sizeof sets / sizeof *sets; j++) {
                if (!isa_choose(sets[j])) continue; /* not on this machine */
                check_case(k, &c, &x, false);
                if (k->bf16) check_case(k, &c, &x, true);
            }
            expected_free(&x);
            trial_end(&c);
        }
    }
    isa_choose(NULL);
    par_set_workers(before);
}

/* ---- the table --------------------------------------------------------------------------------------------------------------- */

static void every_op_has_a_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        bool found = false;
        EACH_CASE(k) found = found || strcmp(k->op, op_table[i]->name) == 0;
        if (!found) fail_msg("the op %s has no case in tests/unit/tensor/op_cases_*.h", op_table[i]->name);
    }
}

/* The case named after an op uses that op, and the table's flops are finite and not negative. */
static void cases_use_their_op(void **state)
{
    (void)state;
    EACH_CASE(k)
    {
        trial c;
        bench b;
        trial_begin(&c, k, 3);
        bench_begin(&b, &c, (tape_options){.train = true, .seed = 3});
        bench_apply(&b, k, &c, false);
        bool found = false;
        for (const node *n = b.out->maker; n && !found; n = n->in[0] ? n->in[0]->maker : NULL)
            found = strcmp(n->op->name, k->op) == 0;
        if (!found) fail_msg("the case %s (%s) does not end in its op", k->op, k->what);
        assert_true(isfinite(tape_flops(b.t)) && tape_flops(b.t) >= 0);
        assert_true(tape_bytes(b.t) > 0 && isfinite(tape_traffic(b.t)) && tape_traffic(b.t) >= 0);
        bench_end(&b);
        trial_end(&c);
    }
}

/* ---- the same bits with 1 and 3 workers ---------------------------------------------------------------------------------------- */

static void outputs_of(const op_case *k, const trial *c, int workers, float **out, size_t *n)
{
    bench b;
    par_set_workers(workers);
    bench_begin(&b, c, (tape_options){.train = true, .seed = 3});
    bench_apply(&b, k, c, false);
    float *w = weights_for(c);
    if (!k->no_gradient) assert_ok(tape_backward_from(b.t, b.out, w));
    *n = (size_t)c->out_count;
    for (int i = 0; i < TRIAL_INPUTS; i++) *n += (size_t)c->in[i].count;
    *out = calloc(*n + 1, sizeof **out);
    assert_ok(tape_read(b.t, b.out, *out, c->out_count));
    float *at = *out + c->out_count;
    for (int i = 0; i < TRIAL_INPUTS; i++) {
        if (c->in[i].role == ROLE_LEAF || c->in[i].role == ROLE_PARAM)
            assert_ok(tensor_read_grad(b.in[i], at, c->in[i].count));
        at += c->in[i].count;
    }
    free(w);
    bench_end(&b);
}

static void workers_agree(void **state)
{
    (void)state;
    int before = par_workers();
    EACH_CASE(k)
    {
        trial c;
        float *one, *three;
        size_t n;
        trial_begin(&c, k, k->most && k->most < 1200 ? k->most : 1200);
        outputs_of(k, &c, 1, &one, &n);
        outputs_of(k, &c, 3, &three, &n);
        for (size_t i = 0; i < n; i++) {
            double apart = k->several_bits ? 1e-4 * (1 + fabs((double)one[i])) : 0;
            if (!(one[i] == three[i] || fabs((double)one[i] - three[i]) <= apart))
                fail_msg("op %s (%s): value %zu is %.9g with one worker, %.9g with three", k->op, k->what, i, one[i],
                         three[i]);
        }
        free(one);
        free(three);
        trial_end(&c);
    }
    par_set_workers(before);
}

/* ---- per-example norms of parameters, against passes of one example each --------------------------------------------------------- */

static double squares_of_params(const bench *b)
{
    double sum = 0;
    for (size_t i = 0; i < params_count(b->ps); i++) {
        int64_t n = tensor_count(params_at(b->ps, i));
        float *g = malloc((size_t)n * sizeof *g + 1);
        assert_ok(tensor_read_grad(params_at(b->ps, i), g, n));
        for (int64_t j = 0; j < n; j++) sum += (double)g[j] * g[j];
        free(g);
    }
    return sum;
}

static void norms_check(const op_case *k, int64_t n)
{
    trial c;
    bench all;
    trial_begin(&c, k, n);
    bench_begin(&all, &c, (tape_options){.train = true, .seed = 3, .example_norms = true});
    bench_apply(&all, k, &c, false);
    int64_t rows = all.out->size[0], width = rows ? all.out->count / rows : 0, examples = 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t e = all.out->example ? all.out->example[r] : r;
        examples = e >= examples ? e + 1 : examples;
    }
    bool scalar = all.out->count == 1; /* whole losses name no example */
    float *w = weights_for(&c), *sq = calloc((size_t)examples + 1, sizeof *sq),
          *masked = calloc((size_t)c.out_count + 1, sizeof *w);
    if (params_count(all.ps) && !all.out->rowless && !scalar) {
        assert_ok(tape_backward_from(all.t, all.out, w));
        assert_ok(tape_example_norms(all.t, sq, examples));
        for (int64_t e = 0; e < examples; e++) {
            bench one;
            bench_begin(&one, &c, (tape_options){.train = true, .seed = 3});
            bench_apply(&one, k, &c, false);
            for (int64_t i = 0; i < c.out_count; i++)
                masked[i] = (all.out->example ? all.out->example[i / width] : i / width) == e ? w[i] : 0;
            assert_ok(tape_backward_from(one.t, one.out, masked));
            double due = squares_of_params(&one);
            compare(k, &c, "squared gradient norm of example", e, sq[e], due, 1, 1e-4);
            bench_end(&one);
        }
    }
    free(w);
    free(sq);
    free(masked);
    bench_end(&all);
    trial_end(&c);
}

static void example_norms(void **state)
{
    (void)state;
    int before = par_workers();
    par_set_workers(1);
    EACH_CASE(k)
    {
        if (k->no_gradient) continue;
        norms_check(k, 1);
        norms_check(k, 3);
        norms_check(k, 7);
    }
    par_set_workers(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_a_case),  cmocka_unit_test(cases_use_their_op),
        cmocka_unit_test(values_and_gradients), cmocka_unit_test(workers_agree),
        cmocka_unit_test(example_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

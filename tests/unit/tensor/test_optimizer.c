/* The optimizers against torch 2 (the numbers were printed by torch.optim for the same gradients), groups, clipping,
 * sparse rows, what fails, and files that go on to the same bits. */
#include "tensor/optimizer.h"

#include <math.h>

#include "base/threads.h"
#include "support/support.h"
#include "tensor/ops.h"
#include "tensor/rng.h"

enum { N = 4 };
static const float start[N] = {1, -2, 0.5f, 3};

/* Makes g the gradient of p: the loss is <g, p>. */
static void flow(tape *t, tensor *p, const float *g, int64_t n, uint64_t step)
{
    tape_begin(t, step);
    assert_ok(tape_backward(t, op_sum(t, op_mul(t, p, tape_f32(t, g, 1, &n)))));
}

static void five_steps(const optimizer_options *options, double lr_scale, float *out)
{
    params *ps = params_new(1);
    tensor *p = params_add(ps, "p", INIT_ZERO, 1, (int64_t[]){N});
    tape *t = tape_new(&(tape_options){.train = true});
    optimizer *o = optimizer_new(ps, options);
    assert_non_null(o);
    assert_ok(tensor_write(p, start, N));
    for (int s = 1; s <= 5; s++) {
        float f = (float)s, g[N] = {0.1f * f, -0.3f, 0.02f * f * f, 1.5f - 0.4f * f};
        flow(t, p, g, N, (uint64_t)s);
        assert_ok(optimizer_step(o, lr_scale));
    }
    assert_int_equal(optimizer_steps(o), 5);
    assert_ok(tensor_read(p, out, N));
    optimizer_free(o);
    tape_free(t);
    params_free(ps);
}

static void as_torch(void **state)
{
    (void)state;
    static const struct {
        optimizer_options o;
        double due[N];
    } rows[] = {
        {{.kind = OPT_SGD}, {0.849999964, -1.85000014, 0.389999986, 2.85000014}},
        {{.kind = OPT_SGD, .momentum = 0.9, .weight_decay = 0.01}, {0.670361936, -1.58038032, 0.298368156, 2.25979257}},
        {{.kind = OPT_ADAM}, {0.514916897, -1.49999988, 0.0506624356, 2.61597919}},
        {{.kind = OPT_ADAM, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1},
         {0.497801632, -1.5025506, 0.0131211877, 2.58636594}},
        {{.kind = OPT_ADAMW, .weight_decay = 0.1}, {0.475580871, -1.41188049, 0.0353138447, 2.47815466}},
        {{.kind = OPT_ADAGRAD, .weight_decay = 0.1}, {0.613952696, -1.68068397, 0.0725335404, 2.81206608}},
        {{.kind = OPT_SGD, .clip_norm = 0.5}, {0.895220101, -1.89938343, 0.423850775, 2.91603708}},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        optimizer_options o = rows[r].o;
        float got[N];
        o.lr = 0.1;
        five_steps(&o, 1, got);
        for (int i = 0; i < N; i++) assert_near(got[i], rows[r].due[i], 1e-6);
        o.lr = 0.4;
        five_steps(&o, 0.25, got); /* the schedule's factor */
        for (int i = 0; i < N; i++) assert_near(got[i], rows[r].due[i], 1e-6);
    }
}

/* torch.optim.SparseAdam on an embedding read at [0, 2, 0], [2, 3], [0]. */
static void sparse_rows(void **state)
{
    (void)state;
    static const float table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t ids[3][3] = {{0, 2, 0}, {2, 3, -1}, {0, -1, -1}};
    static const float weight[3][3] = {{1, 2, 3}, {1, -1, 0}, {0.5f, 0, 0}}, side[2] = {1, -2};
    static const double due[8] = {0.83499527, 2.16500473, 3, 4, 4.80678225, 6.19321775, 7.07441378, 7.92558622};
    params *ps = params_new(1);
    tensor *w = params_add(ps, "w", INIT_ZERO, 2, (int64_t[]){4, 2});
    tape *t = tape_new(&(tape_options){.train = true});
    optimizer *o = optimizer_new(ps, &(optimizer_options){.kind = OPT_ADAM, .lr = 0.1});
    assert_ok(tensor_write(w, table, 8));
    params_sparse_rows(w, true);
    for (int s = 0; s < 3; s++) {
        float got[8];
        tape_begin(t, (uint64_t)s);
        tensor *y = op_mul(t, op_embed(t, w, tape_ids(t, ids[s], 3)), tape_f32(t, side, 1, (int64_t[]){2}));
        assert_ok(tape_backward(t, op_mul(t, y, tape_f32(t, weight[s], 2, (int64_t[]){3, 1}))));
        assert_ok(tensor_read_grad(w, got, 8));
        assert_true(got[2] == 0 && got[3] == 0);
        if (s == 0) assert_near(params_grad_norm(ps), sqrt(16 + 64 + 4 + 16), 1e-6);
        assert_ok(optimizer_step(o, 1));
        assert_near(params_grad_norm(ps), 0, 0);
    }
    float got[8];
    assert_ok(tensor_read(w, got, 8));
    for (int i = 0; i < 8; i++) assert_near(got[i], due[i], 1e-6);
    optimizer_free(o);
    tape_free(t);
    params_free(ps);
}

static void groups(void **state)
{
    (void)state;
    params *ps = params_new(1);
    const char *names[] = {"layer.weight", "layer.bias", "frozen"};
    tensor *p[3];
    for (int i = 0; i < 3; i++) p[i] = params_add(ps, names[i], INIT_CONST(1), 1, (int64_t[]){1});
    params_freeze(p[2], true);
    tape *t = tape_new(&(tape_options){.train = true});
    optimizer *o = optimizer_new(ps, &(optimizer_options){.kind = OPT_SGD, .lr = 0.1, .weight_decay = 0.5});
    assert_ok(optimizer_group(o, "*.bias", 10, 0));
    assert_fails(optimizer_group(o, "*.nothing", 1, 0), LOREC_USAGE, "*.nothing");
    tape_begin(t, 0);
    assert_ok(tape_backward(t, op_add(t, op_add(t, p[0], p[1]), p[2])));
    uint64_t version = params_version(ps);
    assert_ok(optimizer_step(o, 1));
    assert_true(params_version(ps) > version);
    float v;
    assert_ok(tensor_read(p[0], &v, 1));
    assert_near(v, 1 - 0.1 * 1.5, 1e-6);
    assert_ok(tensor_read(p[1], &v, 1));
    assert_near(v, 0, 1e-6);
    assert_ok(tensor_read(p[2], &v, 1));
    assert_near(v, 1, 0);
    version = params_version(ps);
    assert_ok(optimizer_step(o, 1)); /* no gradient flowed: nothing decays, as in torch */
    assert_int_equal(params_version(ps), version);
    optimizer_free(o);
    tape_free(t);
    params_free(ps);
}

static void not_finite_changes_nothing(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        params *ps = params_new(1);
        tensor *a = params_add(ps, "fine", INIT_CONST(1), 1, (int64_t[]){N});
        tensor *b = params_add(ps, "broken", INIT_CONST(1), 1, (int64_t[]){N});
        tape *t = tape_new(&(tape_options){.train = true});
        optimizer *o = optimizer_new(ps, &(optimizer_options){.kind = OPT_ADAM, .lr = 0.1});
        float g[N] = {1, 2, 3, bad[k]}, v[N];
        tape_begin(t, 0);
        tensor *y = op_add(t, a, op_mul(t, b, tape_f32(t, g, 1, (int64_t[]){N})));
        assert_ok(tape_backward(t, y));
        assert_fails(optimizer_step(o, 1), LOREC_FAILED, "broken");
        assert_int_equal(optimizer_steps(o), 0);
        assert_ok(tensor_read(a, v, N));
        for (int i = 0; i < N; i++) assert_true(v[i] == 1);
        optimizer_free(o);
        tape_free(t);
        params_free(ps);
    }
}

/* ---- files: the run goes on as if it had not stopped ------------------------------------------------------------------- */

enum { ITEMS = 50, DEPTH = 9, ROWS = 40 };

typedef struct model {
    params *ps;
    tensor *table, *bias;
    optimizer *o;
    tape *t;
} model;

static void model_new(model *m, optimizer_kind kind, uint64_t seed)
{
    m->ps = params_new(seed);
    m->table = params_add(m->ps, "table", INIT_NORMAL(0.1), 2, (int64_t[]){ITEMS, DEPTH});
    m->bias = params_add(m->ps, "bias", INIT_UNIFORM(0.1), 1, (int64_t[]){ITEMS});
    assert_ok(params_error(m->ps));
    params_sparse_rows(m->table, true);
    m->o = optimizer_new(
        m->ps, &(optimizer_options){.kind = kind, .lr = 0.05, .momentum = 0.9, .weight_decay = 0.01, .clip_norm = 1});
    m->t = tape_new(&(tape_options){.train = true, .seed = 5});
}

static void model_free(model *m)
{
    tape_free(m->t);
    optimizer_free(m->o);
    params_free(m->ps);
}

static void model_step(model *m, uint64_t step)
{
    rng r = rng_make(step, RNG_USER);
    int32_t from[ROWS], to[ROWS * 3];
    for (int i = 0; i < ROWS; i++) from[i] = (int32_t)rng_below(&r, ITEMS);
    for (int i = 0; i < ROWS * 3; i++) to[i] = (int32_t)rng_below(&r, ITEMS);
    tape_begin(m->t, step);
    tensor *x = op_embed(m->t, m->table, tape_ids(m->t, from, ROWS));
    tensor *s = op_linear_gather(m->t, x, m->table, m->bias, tape_ids(m->t, to, ROWS * 3), 3);
    assert_ok(tape_backward(m->t, op_mean(m->t, op_sampled_softmax(m->t, s, NULL))));
    assert_ok(optimizer_step(m->o, 1));
}

static void assert_same(const model *a, const model *b)
{
    float x[ITEMS * DEPTH], y[ITEMS * DEPTH];
    assert_ok(tensor_read(a->table, x, ITEMS * DEPTH));
    assert_ok(tensor_read(b->table, y, ITEMS * DEPTH));
    assert_memory_equal(x, y, sizeof x);
    assert_ok(tensor_read(a->bias, x, ITEMS));
    assert_ok(tensor_read(b->bias, y, ITEMS));
    assert_memory_equal(x, y, ITEMS * sizeof *x);
}

static void resumes_to_the_same_bits(void **state)
{
    (void)state;
    int before = par_workers();
    for (int kind = OPT_SGD; kind <= OPT_ADAGRAD; kind++) {
        model whole, first, second;
        char weights[300], moments[300];
        snprintf(weights, sizeof weights, "%s", test_path("weights.safetensors"));
        snprintf(moments, sizeof moments, "%s", test_path("moments.safetensors"));
        model_new(&whole, (optimizer_kind)kind, 1);
        for (uint64_t s = 0; s < 10; s++) model_step(&whole, s);
        par_set_workers(3); /* and with another number of workers */
        model_new(&first, (optimizer_kind)kind, 1);
        for (uint64_t s = 0; s < 4; s++) model_step(&first, s);
        assert_ok(params_save(first.ps, weights));
        assert_ok(optimizer_save(first.o, moments));
        model_new(&second, (optimizer_kind)kind, 77);
        assert_ok(params_load(second.ps, weights));
        assert_ok(optimizer_load(second.o, moments));
        assert_int_equal(optimizer_steps(second.o), 4);
        assert_same(&first, &second);
        for (uint64_t s = 4; s < 10; s++) model_step(&second, s);
        assert_same(&whole, &second);
        par_set_workers(before);
        model other;
        model_new(&other, (optimizer_kind)((kind + 1) % 4), 1);
        assert_fails(optimizer_load(other.o, moments), LOREC_INPUT, "moments.safetensors");
        assert_fails(optimizer_load(other.o, weights), LOREC_INPUT, "optimizer");
        assert_int_equal(optimizer_steps(other.o), 0);
        model_free(&other);
        model_free(&whole);
        model_free(&first);
        model_free(&second);
    }
}

static void schedules(void **state)
{
    (void)state;
    schedule s = {.kind = SCHEDULE_CONSTANT, .warmup = 4, .total = 12};
    assert_near(schedule_at(&s, 0), 0.25, 1e-12);
    assert_near(schedule_at(&s, 3), 1, 1e-12);
    assert_near(schedule_at(&s, 100), 1, 1e-12);
    s.kind = SCHEDULE_LINEAR;
    assert_near(schedule_at(&s, 4), 1, 1e-12);
    assert_near(schedule_at(&s, 8), 0.5, 1e-12);
    assert_near(schedule_at(&s, 12), 0, 1e-12);
    assert_near(schedule_at(&s, 99), 0, 1e-12);
    s.kind = SCHEDULE_COSINE;
    s.floor = 0.1;
    assert_near(schedule_at(&s, 6), 0.1 + 0.9 * 0.5 * (1 + cos(3.14159265358979323846 / 4)), 1e-12);
    assert_near(schedule_at(&s, 12), 0.1, 1e-12);
    s = (schedule){.kind = SCHEDULE_COSINE};
    assert_near(schedule_at(&s, 5), 1, 0); /* no length given: constant */
}

/* A set over two sets: an optimiser of it moves both, and leaves alone what no gradient flowed to. */
static void joined_sets(void **state)
{
    (void)state;
    params *a = params_new(1), *b = params_new(2), *both, *bad;
    tensor *x = params_add(a, "x", INIT_CONST(1), 1, (int64_t[]){2}),
           *y = params_add(b, "y", INIT_CONST(1), 1, (int64_t[]){2}),
           *z = params_add(b, "z", INIT_CONST(1), 1, (int64_t[]){2});
    float v[2];
    both = params_join((params *const[]){a, b}, 2);
    assert_non_null(both);
    assert_int_equal(params_count(both), 3);
    assert_ptr_equal(params_find(both, "y"), y);
    bad = params_join((params *const[]){a, a}, 2);
    assert_null(bad);
    assert_non_null(strstr(lorec_error_message(), "x"));
    optimizer *o = optimizer_new(both, &(optimizer_options){.kind = OPT_SGD, .lr = .5});
    tape *t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 0);
    assert_ok(tape_backward(t, op_sum(t, op_mul(t, x, y))));
    assert_ok(optimizer_step(o, 1));
    for (int i = 0; i < 3; i++) {
        assert_ok(tensor_read((tensor *[]){x, y, z}[i], v, 2));
        assert_near(v[1], i < 2 ? .5 : 1, 1e-6);
    }
    assert_true(params_version(a) > 0 && params_version(b) > 0);
    tape_free(t);
    optimizer_free(o);
    params_free(both); /* and not what it stands for */
    assert_ok(tensor_read(x, v, 2));
    params_free(a);
    params_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_torch),
        cmocka_unit_test(sparse_rows),
        cmocka_unit_test(groups),
        cmocka_unit_test(not_finite_changes_nothing),
        cmocka_unit_test(resumes_to_the_same_bits),
        cmocka_unit_test(schedules),
        cmocka_unit_test(joined_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

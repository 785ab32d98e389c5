/* The tape around the ops: sticky errors, memory, gradients that meet, per-example norms of whole models. */
#include "tensor/tensor.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "support/support.h"
#include "tensor/op.h"
#include "tensor/ops.h"
#include "tensor/optimizer.h"
#include "tensor/rng.h"

static void first_error_stays(void **state)
{
    (void)state;
    tape *t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 0);
    const float v[6] = {1, 2, 3, 4, 5, 6};
    tensor *a = tape_leaf(t, v, 2, (int64_t[]){2, 3}), *b = tape_f32(t, v, 2, (int64_t[]){3, 2});
    tensor *bad = op_add(t, a, b);
    assert_null(bad);
    assert_null(op_mean(t, op_mul(t, bad, a))); /* nests without a check */
    assert_null(op_reshape(t, a, 1, (int64_t[]){7}));
    assert_fails(tape_error(t), LOREC_USAGE, "add: ");
    assert_non_null(strstr(lorec_error_message(), "[2, 3], [3, 2]"));
    float out[6];
    assert_fails(tape_read(t, a, out, 6), LOREC_USAGE, "add: ");
    assert_fails(tape_backward(t, a), LOREC_USAGE, "add: ");
    tape_begin(t, 1);
    assert_ok(tape_error(t));
    assert_null(op_exp(t, NULL));
    assert_fails(tape_error(t), LOREC_USAGE, "exp: input 0 is missing");
    tape_free(t);
}

static void wrong_shapes_are_refused(void **state)
{
    (void)state;
    const float v[24] = {0};
    const int32_t low[2] = {0, -2}, high[2] = {0, 3}, fine[2] = {0, 2}, lengths[2] = {1, -1};
    tape *t = tape_new(&(tape_options){.train = true});
#define REFUSED(call_, says_)                                                                                          \
    do {                                                                                                               \
        tape_begin(t, 0);                                                                                              \
        tensor *w = tape_leaf(t, v, 2, (int64_t[]){3, 4}), *x = tape_leaf(t, v, 2, (int64_t[]){2, 4});                 \
        tensor *ids = tape_ids(t, fine, 2);                                                                            \
        (void)w, (void)x, (void)ids;                                                                                   \
        assert_null(call_);                                                                                            \
        assert_fails(tape_error(t), LOREC_USAGE, says_);                                                               \
    } while (0)
    REFUSED(op_embed(t, w, tape_ids(t, low, 2)), "id -2 (number 1)");
    REFUSED(op_embed(t, w, tape_ids(t, high, 2)), "id 3 (number 1)");
    REFUSED(op_embed(t, w, x), "embed: ");
    REFUSED(op_cross_entropy(t, x, tape_ids(t, high, 1)), "one target a row");
    REFUSED(op_linear_gather(t, x, w, NULL, ids, 2), "linear_gather: ");
    REFUSED(op_matmul(t, x, w, false, false), "matmul: the inner dimensions");
    REFUSED(op_slice(t, x, 1, 2, 5), "slice: ");
    REFUSED(op_concat(t, (tensor *[]){x, w}, 2, 1), "concat: ");
    REFUSED(op_reshape(t, x, 2, (int64_t[]){-1, -1}), "reshape: ");
    REFUSED(op_reshape(t, x, 2, (int64_t[]){3, -1}), "reshape: ");
    REFUSED(op_transpose(t, x, 0, 2), "transpose: ");
    REFUSED(op_dot(t, x, w), "dot: ");
    REFUSED(op_bce(t, x, v, NULL, 7), "one target a value");
    REFUSED(op_segment_reduce(t, x, tape_segments_even(t, 3, 1), SEGMENT_SUM), "segment_reduce: ");
    REFUSED((tensor *)tape_segments(t, lengths, 2), "segment 1 has length -1");
    REFUSED((tensor *)tape_segments_even(t, 1 << 20, 1 << 20), "2^31");
    REFUSED(op_rope(t, x, 3, ids, &(rope){.kind = ROPE_HALF}), "rope: ");
    REFUSED(op_conv1d(t, x, w, NULL, 1, 0, 1), "conv1d: ");
    REFUSED(tape_zeros(t, 2, (int64_t[]){INT64_MAX, 4}), "64 bits");
    REFUSED(tape_zeros(t, 1, (int64_t[]){-1}), "64 bits");
#undef REFUSED
    tape_free(t);
}

static void limits_and_modes(void **state)
{
    (void)state;
    tape *t = tape_new(&(tape_options){.memory_limit = 1 << 20});
    tape_begin(t, 0);
    assert_non_null(tape_zeros(t, 1, (int64_t[]){1000}));
    assert_null(tape_zeros(t, 1, (int64_t[]){1 << 20}));
    assert_fails(tape_error(t), LOREC_RESOURCE, "limit of 1.0 MiB");
    tape_begin(t, 1);
    tensor *x = tape_leaf(t, (float[]){2}, 1, (int64_t[]){1});
    assert_fails(tape_backward(t, x), LOREC_USAGE, "does not train");
    tape_free(t);
    t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 0);
    assert_fails(tape_backward(t, tape_zeros(t, 1, (int64_t[]){1})), LOREC_USAGE, "no parameter that learns");
    assert_fails(tape_backward(t, NULL), LOREC_USAGE, "NULL");
    tape_free(t);
}

/* A step's streams are the step's own: the same again, others in the next. */
static void streams_repeat(void **state)
{
    (void)state;
    tape *t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 7);
    uint64_t a = tape_stream(t), b = tape_stream(t);
    tape_begin(t, 8);
    assert_true(a != b && tape_stream(t) != a);
    tape_begin(t, 7);
    assert_true(tape_stream(t) == a && tape_stream(t) == b);
    tape_free(t);
}

/* Gradients of several uses meet in a parameter, a leaf, a view; two backward passes add up. */
static void gradients_meet(void **state)
{
    (void)state;
    params *ps = params_new(1);
    tensor *p = params_add(ps, "p", INIT_CONST(3), 1, (int64_t[]){2});
    tape *t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 0);
    tensor *x = tape_leaf(t, (float[]){5, 7}, 1, (int64_t[]){2});
    tensor *view = op_reshape(t, op_reshape(t, x, 2, (int64_t[]){2, 1}), 1, (int64_t[]){2});
    tensor *y = op_add(t, op_mul(t, x, p), op_add(t, view, op_mul(t, p, p))); /* x p + x + p p */
    float g[2];
    for (int pass = 1; pass <= 2; pass++) {
        assert_ok(tape_backward(t, y));
        assert_ok(tensor_read_grad(x, g, 2));
        assert_near(g[1], 4 * pass, 1e-5);
        assert_ok(tensor_read_grad(p, g, 2));
        assert_near(g[0], (5 + 6) * pass, 1e-5);
        assert_near(g[1], (7 + 6) * pass, 1e-5);
    }
    /* the same from the middle, with a gradient from elsewhere */
    assert_ok(params_zero_grad(ps));
    assert_ok(tape_backward_from(t, y, (float[]){1, -2}));
    assert_ok(tensor_read_grad(p, g, 2));
    assert_near(g[1], -2 * (7 + 6), 1e-5);
    params_freeze(p, true);
    tape_begin(t, 1);
    x = tape_leaf(t, (float[]){5, 7}, 1, (int64_t[]){2});
    assert_ok(tape_backward(t, op_mul(t, x, p)));
    assert_ok(tensor_read_grad(p, g, 2));
    assert_true(g[0] == 0 && g[1] == 0);
    tape_free(t);
    params_free(ps);
}

/* ---- per-example norms ----------------------------------------------------------------------------------------------------- */

enum { USERS = 4, STEPS = 3, ITEMS = 9, DEPTH = 5, VARIANTS = 6 };

/* Sequences of items; variant 0: one use of each parameter; 1: a tied table; 2: tied and sparse; 3: a parameter made
 * from parameters; 4: in-batch losses; 5: a scalar loss. `only` >= 0: that example's share alone. */
static tensor *model_loss(tape *t, const params *ps, int variant, int only)
{
    int32_t from[USERS * STEPS], to[USERS * STEPS * 2];
    float keep[USERS * STEPS];
    rng r = rng_make(11, RNG_USER);
    for (int i = 0; i < USERS * STEPS; i++) from[i] = (int32_t)rng_below(&r, ITEMS);
    for (int i = 0; i < USERS * STEPS * 2; i++) to[i] = (int32_t)rng_below(&r, ITEMS);
    for (int i = 0; i < USERS * STEPS; i++) keep[i] = only < 0 || i / STEPS == only;
    tensor *table = params_find(ps, "table"), *out = params_find(ps, variant == 0 ? "out" : "table");
    const segments *s = tape_segments_even(t, USERS, STEPS);
    tensor *x = tape_examples(t, op_embed(t, table, tape_ids(t, from, USERS * STEPS)), s);
    tensor *bias = params_find(ps, "bias");
    if (variant == 3) x = op_add(t, x, op_mul(t, bias, bias));
    if (variant == 4) {
        tensor *user = op_segment_reduce(t, x, s, SEGMENT_MEAN);
        tensor *loss = op_info_nce(t, user, op_gather_rows(t, x, tape_ids(t, (int32_t[]){0, 3, 6, 9}, USERS)), 0.5f);
        float mine[USERS];
        for (int i = 0; i < USERS; i++) mine[i] = only < 0 || i == only;
        return op_mul(t, loss, tape_f32(t, mine, 1, (int64_t[]){USERS}));
    }
    tensor *scores = op_linear_gather(t, x, out, NULL, tape_ids(t, to, USERS * STEPS * 2), 2);
    tensor *loss = op_mul(t, op_sampled_softmax(t, scores, NULL), tape_f32(t, keep, 1, (int64_t[]){USERS * STEPS}));
    return variant == 5 ? op_scale(t, op_sum(t, loss), 0.5f, 0) : loss;
}

static params *model_params(bool sparse)
{
    params *ps = params_new(3);
    tensor *table = params_add(ps, "table", INIT_NORMAL(0.5), 2, (int64_t[]){ITEMS, DEPTH});
    params_add(ps, "out", INIT_NORMAL(0.5), 2, (int64_t[]){ITEMS, DEPTH});
    params_add(ps, "bias", INIT_NORMAL(0.5), 1, (int64_t[]){DEPTH});
    params_add(ps, "mix", INIT_NORMAL(0.5), 2, (int64_t[]){DEPTH, DEPTH});
    assert_ok(params_error(ps));
    params_sparse_rows(table, sparse);
    return ps;
}

static double squares(const params *ps)
{
    double norm = params_grad_norm(ps);
    return norm * norm;
}

static void example_norms(void **state)
{
    (void)state;
    for (int variant = 0; variant < VARIANTS; variant++) {
        params *ps = model_params(variant == 2);
        tape *t = tape_new(&(tape_options){.train = true, .example_norms = true});
        tape *plain = tape_new(&(tape_options){.train = true});
        float sq[USERS], with[ITEMS * DEPTH], without[ITEMS * DEPTH];
        tape_begin(t, 0);
        assert_ok(tape_backward(t, model_loss(t, ps, variant, -1)));
        assert_ok(tape_example_norms(t, sq, USERS));
        assert_ok(tensor_read_grad(params_find(ps, "table"), with, ITEMS * DEPTH));
        assert_ok(params_zero_grad(ps));
        tape_begin(plain, 0);
        assert_ok(tape_backward(plain, model_loss(plain, ps, variant, -1)));
        assert_ok(tensor_read_grad(params_find(ps, "table"), without, ITEMS * DEPTH));
        assert_memory_equal(with, without, sizeof with); /* the gradient itself is not disturbed */
        for (int e = 0; e < USERS; e++) {
            assert_ok(params_zero_grad(ps));
            tape_begin(plain, 0);
            assert_ok(tape_backward(plain, model_loss(plain, ps, variant, e)));
            assert_true(squares(ps) > 1e-4);
            assert_near(sq[e], squares(ps), 1e-5 * (1 + squares(ps)));
        }
        assert_fails(tape_example_norms(t, sq, USERS - 1), LOREC_USAGE, "4 examples");
        assert_fails(tape_example_norms(plain, sq, USERS), LOREC_USAGE, "example_norms");
        tape_free(t);
        tape_free(plain);
        params_free(ps);
    }
}

/* Segments that say whose they are: two of them belong to one example. k 0: reduced; 1: their last rows are gathered;
 * 2: reduced and repeated; 3: mixed by a linear layer, row by row. Each parameter is used once, so one pass has to tell. */
static tensor *owned_loss(tape *t, const params *ps, int k, int only)
{
    static const int32_t start[USERS + 1] = {0, 2, 3, 7, 8}, owner[USERS] = {2, 0, 2, 1}, last[USERS] = {1, 2, 6, 7};
    static const segments s = {.n = USERS, .rows = 8, .longest = 4, .start = start, .example = owner};
    static const int32_t from[8] = {0, 1, 2, 3, 4, 5, 6, 1}, to[16] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7};
    float keep[8];
    tensor *x = tape_examples(t, op_embed(t, params_find(ps, "table"), tape_ids(t, from, 8)), &s);
    if (k == 0) x = op_segment_reduce(t, x, &s, SEGMENT_SUM);
    if (k == 1) x = op_gather_rows(t, x, tape_ids(t, last, USERS));
    if (k == 2) x = op_segment_repeat(t, op_segment_reduce(t, x, &s, SEGMENT_MAX), &s);
    if (k == 3) x = op_linear(t, x, params_find(ps, "mix"), params_find(ps, "bias"), LINEAR_OUT_IN, ACT_TANH);
    int64_t rows = k >= 2 ? 8 : USERS;
    for (int i = 0; i < USERS; i++)
        for (int r = k >= 2 ? start[i] : i; r < (k >= 2 ? start[i + 1] : i + 1); r++)
            keep[r] = only < 0 || owner[i] == only;
    tensor *scores = op_linear_gather(t, x, params_find(ps, "out"), NULL, tape_ids(t, to, rows * 2), 2);
    return op_mul(t, op_sampled_softmax(t, scores, NULL), tape_f32(t, keep, 1, &rows));
}

static void segments_name_their_example(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        params *ps = model_params(false);
        tape *t = tape_new(&(tape_options){.train = true, .example_norms = true});
        tape *plain = tape_new(&(tape_options){.train = true});
        float sq[3];
        tape_begin(t, 0);
        assert_ok(tape_backward(t, owned_loss(t, ps, k, -1)));
        assert_ok(tape_example_norms(t, sq, 3));
        for (int e = 0; e < 3; e++) {
            assert_ok(params_zero_grad(ps));
            tape_begin(plain, 0);
            assert_ok(tape_backward(plain, owned_loss(plain, ps, k, e)));
            assert_near(sq[e], squares(ps), 1e-5 * (1 + squares(ps)));
        }
        tape_free(t);
        tape_free(plain);
        params_free(ps);
    }
}

static void penalties_have_no_example(void **state)
{
    (void)state;
    params *ps = model_params(false);
    tape *t = tape_new(&(tape_options){.train = true, .example_norms = true});
    tape_begin(t, 0);
    tensor *loss = op_add(t, op_sum(t, model_loss(t, ps, 0, -1)), op_sum(t, op_square(t, params_find(ps, "bias"))));
    assert_fails(tape_backward(t, loss), LOREC_USAGE, "belongs to no example");
    tape_free(t);
    params_free(ps);
}

/* ---- parameters --------------------------------------------------------------------------------------------------------------- */

static void initial_values(void **state)
{
    (void)state;
    enum { MANY = 40001 };
    static float a[MANY], b[MANY];
    const int64_t shape[1] = {MANY};
    const init how[] = {INIT_NORMAL(0.5), INIT_TRUNC_NORMAL(0.5), INIT_UNIFORM(0.5)};
    const double sd[] = {0.5, 0.5 * 0.8796, 0.5 / sqrt(3)}; /* of a normal cut at two: 0.8796 */
    int before = par_workers();
    for (int k = 0; k < 3; k++) {
        params *ps = params_new(5), *other = params_new(5);
        par_set_workers(1);
        assert_ok(tensor_read(params_add(ps, "w", how[k], 1, shape), a, MANY));
        par_set_workers(4);
        params_add(other, "before", how[k], 1, shape); /* the draw depends on the name alone, not on the order */
        assert_ok(tensor_read(params_add(other, "w", how[k], 1, shape), b, MANY));
        par_set_workers(before);
        assert_memory_equal(a, b, sizeof a);
        double sum = 0, squared = 0, most = 0;
        for (int i = 0; i < MANY; i++) {
            sum += a[i];
            squared += (double)a[i] * a[i];
            most = fmax(most, fabs((double)a[i]));
        }
        assert_near(sum / MANY, 0, 0.01);
        assert_near(sqrt(squared / MANY), sd[k], 0.01);
        if (k == 1) assert_true(most <= 1 && most > 0.9);
        if (k == 2) assert_true(most <= 0.5 && most > 0.49);
        assert_null(params_add(ps, "w", how[k], 1, shape));
        assert_fails(params_error(ps), LOREC_USAGE, "w is made twice");
        params_free(ps);
        params_free(other);
    }
    assert_near(init_xavier_uniform(30, 20).a, sqrt(6.0 / 50), 1e-12);
    assert_near(init_xavier_normal(30, 20).a, sqrt(2.0 / 50), 1e-12);
    assert_near(init_torch_linear(16).a, 0.25, 1e-12);
}

static void models_add_up(void **state)
{
    (void)state;
    params *a = model_params(false), *b = model_params(false), *c = params_new(1);
    float x[DEPTH], y[DEPTH];
    assert_ok(tensor_write(params_find(a, "bias"), (float[]){1, 2, 3, 4, 5}, DEPTH));
    assert_ok(tensor_read(params_find(b, "bias"), x, DEPTH));
    assert_ok(params_axpy(b, 0.5, a));
    assert_ok(tensor_read(params_find(b, "bias"), y, DEPTH));
    for (int i = 0; i < DEPTH; i++) assert_near(y[i], x[i] + 0.5 * (i + 1), 1e-6);
    uint64_t version = params_version(b);
    assert_ok(params_copy(b, a));
    assert_true(params_version(b) > version);
    assert_ok(tensor_read(params_find(b, "bias"), y, DEPTH));
    assert_true(y[4] == 5);
    params_add(c, "bias", INIT_ZERO, 1, (int64_t[]){DEPTH + 1});
    assert_fails(params_copy(c, a), LOREC_USAGE, "bias");
    assert_int_equal(params_values(a), 2 * ITEMS * DEPTH + DEPTH + DEPTH * DEPTH);
    /* the bf16 copy follows the values */
    const uint16_t *bits = param_bf16(params_find(a, "bias"));
    assert_int_equal(bits[1], 0x4000);
    assert_ok(tensor_write(params_find(a, "bias"), (float[]){1, -2, 3, 4, 5}, DEPTH));
    bits = param_bf16(params_find(a, "bias"));
    assert_int_equal(bits[1], 0xc000);
    params_free(a);
    params_free(b);
    params_free(c);
}

/* One training step with every allocation failing in turn: an error, and a step that works afterwards. */
static void memory_runs_out(void **state)
{
    (void)state;
    bool done = false;
    for (size_t at = 1; !done; at++) {
        assert_true(at < 500);
        mem_fail_at(at, false);
        lorec_err e = LOREC_RESOURCE;
        params *ps = params_new(3);
        if (ps) {
            tensor *table = params_add(ps, "table", INIT_NORMAL(0.5), 2, (int64_t[]){ITEMS, DEPTH});
            params_add(ps, "bias", INIT_NORMAL(0.5), 1, (int64_t[]){DEPTH});
            e = params_error(ps);
            if (table) params_sparse_rows(table, true);
        }
        tape *t = tape_new(&(tape_options){.train = true, .example_norms = true});
        optimizer *o = ps ? optimizer_new(ps, &(optimizer_options){.kind = OPT_ADAM, .lr = 0.1}) : NULL;
        if (e == LOREC_OK && (!t || !o)) e = LOREC_RESOURCE;
        if (e == LOREC_OK) {
            tape_begin(t, 0);
            e = tape_backward(t, model_loss(t, ps, 3, -1));
            if (e == LOREC_OK) e = optimizer_step(o, 1);
        }
        mem_fail_at(0, false);
        done = e == LOREC_OK;
        if (!done) assert_int_equal(e, LOREC_RESOURCE);
        if (!done && t && ps && params_count(ps) == 2 && o) {
            tape_begin(t, 1);
            assert_ok(params_zero_grad(ps));
            assert_ok(tape_backward(t, model_loss(t, ps, 3, -1)));
            assert_ok(optimizer_step(o, 1));
        }
        optimizer_free(o);
        tape_free(t);
        params_free(ps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(limits_and_modes),
        cmocka_unit_test(streams_repeat),
        cmocka_unit_test(gradients_meet),
        cmocka_unit_test(example_norms),
        cmocka_unit_test(segments_name_their_example),
        cmocka_unit_test(penalties_have_no_example),
        cmocka_unit_test(initial_values),
        cmocka_unit_test(models_add_up),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* iALS: the normal equations of both forms, conjugate gradients against Cholesky, folding in. */
#include "unit/rec/tiny.h"

#include "base/npy.h"
#include "base/threads.h"
#include "rec/ials_solve.h"

enum { DIM = 32 };

typedef struct problem {
    tiny t;
    sparse x;
    float *other;
    float *value;
} problem;

static void problem_new(problem *p, uint32_t users, uint32_t items, uint32_t each, bool valued)
{
    tiny_random(&p->t, users, items, each, 11);
    assert_ok(sparse_from(&p->x, &p->t.x));
    rng r = rng_make(5, RNG_USER);
    p->value = calloc(p->x.n, sizeof *p->value);
    for (uint64_t k = 0; k < p->x.n; k++) p->value[k] = (float)(0.5 + rng_uniform(&r) * 3);
    if (valued) p->x.value = p->value;
    p->other = calloc((size_t)items * DIM, sizeof *p->other);
    for (uint32_t j = 0; j < items; j++)
        for (int d = 0; d < DIM - 5; d++)
            p->other[(size_t)j * DIM + (size_t)d] = (float)(0.3 * rng_normal(&r)); /* the rest is padding */
}

static void problem_free(problem *p)
{
    p->x.value = NULL;
    free(p->other), free(p->value);
    sparse_free(&p->x);
    tiny_free(&p->t);
}

/* |right side - A x| against |right side| of one row, in doubles. */
static double row_error(const problem *p, const ials_side *s, uint32_t u, const float *x)
{
    double a[DIM][DIM] = {{0}}, b[DIM] = {0}, error = 0, size = 0;
    for (uint32_t j = 0; j < p->x.cols; j++)
        for (int d = 0; d < DIM; d++)
            for (int e = 0; e < DIM; e++)
                a[d][e] += (double)s->gram_weight * p->other[(size_t)j * DIM + (size_t)d] *
                           p->other[(size_t)j * DIM + (size_t)e];
    uint64_t n = p->x.start[u + 1] - p->x.start[u];
    for (uint64_t k = p->x.start[u]; k < p->x.start[u + 1]; k++) {
        double v = p->x.value ? p->x.value[k] : 0, target = s->target + s->target_by * v,
               weight = s->weight + s->weight_by * v;
        const float *y = p->other + (size_t)p->x.col[k] * DIM;
        for (int d = 0; d < DIM; d++) {
            b[d] += target * y[d];
            for (int e = 0; e < DIM; e++) a[d][e] += weight * y[d] * y[e];
        }
    }
    for (int d = 0; d < DIM; d++) {
        a[d][d] += s->reg * pow((double)n + s->reg_plus, s->reg_power);
        double left = -b[d];
        for (int e = 0; e < DIM; e++) left += a[d][e] * x[e];
        error += left * left;
        size += b[d] * b[d];
    }
    return sqrt(error / size);
}

static void check_solvers(uint32_t users, uint32_t items, uint32_t each, bool valued)
{
    problem p;
    problem_new(&p, users, items, each, valued);
    float *exact = calloc((size_t)users * DIM, sizeof *exact), *cg = calloc((size_t)users * DIM, sizeof *cg);
    const ials_side forms[] = {
        {.gram_weight = 0.1F, .target = 1, .weight = 1, .reg = 0.02, .reg_plus = 2.5, .reg_power = 1}, /* rendle */
        {.gram_weight = 1, .target = 1, .target_by = 4, .weight_by = 4, .reg = 0.5}, /* hu, with values */
        {.gram_weight = 1, .target = 5, .weight = 4, .reg = 0.5},                    /* hu, without */
    };
    for (size_t f = 0; f < 3; f++) {
        ials_side s = forms[f];
        if (s.weight_by > 0 && !valued) continue;
        s.x = &p.x, s.other = p.other, s.dim = DIM;
        s.solver = IALS_CHOLESKY;
        assert_ok(ials_solve(&s, exact));
        s.solver = IALS_CG, s.steps = 100;
        memset(cg, 0, (size_t)users * DIM * sizeof *cg);
        assert_ok(ials_solve(&s, cg));
        for (uint32_t u = 0; u < users; u++) {
            if (p.x.start[u + 1] == p.x.start[u]) {
                for (int d = 0; d < DIM; d++)
                    assert_true(exact[(size_t)u * DIM + (size_t)d] == 0 && cg[(size_t)u * DIM + (size_t)d] == 0);
                continue;
            }
            assert_true(row_error(&p, &s, u, exact + (size_t)u * DIM) < 1e-4);
            assert_true(row_error(&p, &s, u, cg + (size_t)u * DIM) < 1e-4);
            for (int d = 0; d < DIM; d++)
                assert_near(cg[(size_t)u * DIM + (size_t)d], exact[(size_t)u * DIM + (size_t)d], 2e-4);
        }
    }
    free(exact), free(cg);
    problem_free(&p);
}

static void the_normal_equations_hold(void **state)
{
    (void)state;
    check_solvers(50, 70, 10, false);
    check_solvers(50, 70, 10, true);
    check_solvers(3, 9000, 20000, true); /* rows longer than one gathered chunk: the matrix is summed up */
}

/* With more dimensions than MATRIX_DIM, long rows are gathered again for each step. */
static void long_rows_of_many_dimensions(void **state)
{
    (void)state;
    enum { WIDE = 128, ITEMS = 3000 };
    tiny t;
    tiny_random(&t, 2, ITEMS, 9000, 4);
    sparse x;
    assert_ok(sparse_from(&x, &t.x));
    assert_true(x.start[1] > 1024); /* a chunk is 512 KiB: 1,024 rows of 128 */
    float *y = calloc((size_t)ITEMS * WIDE, sizeof *y), a[2 * WIDE] = {0}, b[2 * WIDE] = {0};
    rng r = rng_make(5, RNG_USER);
    for (size_t k = 0; k < (size_t)ITEMS * WIDE; k++) y[k] = (float)(0.1 * rng_normal(&r));
    ials_side s = {.x = &x, .other = y, .dim = WIDE, .gram_weight = 0.1F, .target = 1, .weight = 1, .reg = 2};
    s.solver = IALS_CHOLESKY;
    assert_ok(ials_solve(&s, a));
    s.solver = IALS_CG, s.steps = 100;
    assert_ok(ials_solve(&s, b));
    for (size_t k = 0; k < (size_t)2 * WIDE; k++) assert_near(a[k], b[k], 1e-4);
    free(y);
    sparse_free(&x);
    tiny_free(&t);
}

/* The objective of the paper never rises when rows are solved exactly, in either form. */
static double objective(bool rendle, const interactions *x, const float *user, const float *item, size_t dim)
{
    double *seen = tiny_dense(x), sum = 0;
    double *n_item = calloc(x->n_items, sizeof *n_item);
    for (uint32_t u = 0; u < x->n_users; u++) {
        double n_user = 0;
        for (uint32_t i = 0; i < x->n_items; i++) {
            double dot = 0, r = seen[(size_t)u * x->n_items + i];
            for (size_t d = 0; d < dim; d++) dot += (double)user[u * dim + d] * item[i * dim + d];
            n_user += r, n_item[i] += r;
            sum += rendle ? r * (1 - dot) * (1 - dot) + 0.1 * dot * dot : (1 + 40 * r) * (r - dot) * (r - dot);
        }
        for (size_t d = 0; d < dim; d++)
            sum += 0.05 * (rendle ? n_user + 0.1 * x->n_items : 1) * user[u * dim + d] * user[u * dim + d];
    }
    for (uint32_t i = 0; i < x->n_items; i++)
        for (size_t d = 0; d < dim; d++)
            sum += 0.05 * (rendle ? n_item[i] + 0.1 * x->n_users : 1) * item[i * dim + d] * item[i * dim + d];
    free(seen), free(n_item);
    return sum;
}

static double fitted_objective(const tiny *t, const char *form, const char *epochs, const char *solver)
{
    void *m = tiny_fit(&recommender_ials, &t->x, "form", form, "factors", "10", "reg", "0.05", "epochs", epochs,
                       "solver", solver, "cg_steps", "30", NULL);
    const char *folder = test_path("ials");
    assert_ok(recommender_save(&recommender_ials, m, folder));
    npy user, item;
    assert_ok(npy_open(&user, test_path("ials/user.npy"), NPY_F32, 2));
    assert_ok(npy_open(&item, test_path("ials/item.npy"), NPY_F32, 2));
    double value = objective(form[0] == 'r', &t->x, user.data, item.data, (size_t)user.shape[1]);
    npy_close(&user), npy_close(&item);
    recommender_free(&recommender_ials, m);
    return value;
}

static void the_objective_falls(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 40, 30, 6, 9);
    const char *epochs[] = {"1", "2", "4", "16"};
    for (int f = 0; f < 2; f++) {
        double last = INFINITY;
        for (int k = 0; k < 4; k++) {
            double exact = fitted_objective(&t, f ? "hu" : "rendle", epochs[k], "cholesky");
            double cg = fitted_objective(&t, f ? "hu" : "rendle", epochs[k], "cg");
            assert_true(exact <= last * (1 + 1e-6));
            assert_near(cg / exact, 1, 1e-3);
            last = exact;
        }
    }
    tiny_free(&t);
}

/* At convergence a user's trained vector is the solution for its own history, so folding in gives the same scores. */
static void folding_in_agrees_with_training(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 30, 25, 5, 2);
    void *m = tiny_fit(&recommender_ials, &t.x, "factors", "6", "epochs", "400", "solver", "cholesky", "reg", "0.1",
                       NULL);
    query q[2] = {tiny_query(&t, 7), tiny_query(&t, 7)};
    q[1].user = NO_USER;
    float *s = tiny_scores(&recommender_ials, m, &t.x, q, 2);
    float top = 0;
    for (int j = 0; j < 25; j++) {
        assert_near(s[j], s[25 + j], 1e-3);
        top = fmaxf(top, s[j]);
    }
    assert_true(top > 0.05F);
    free(s);
    recommender_free(&recommender_ials, m);
    tiny_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_normal_equations_hold),
        cmocka_unit_test(long_rows_of_many_dimensions),
        cmocka_unit_test(the_objective_falls),
        cmocka_unit_test(folding_in_agrees_with_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

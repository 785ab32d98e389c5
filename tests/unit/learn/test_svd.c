/* Truncated SVD against LAPACK's dense one. */
#include "support/support.h"

#include <lapacke.h>
#include <math.h>

#include "base/threads.h"
#include "learn/svd.h"
#include "tensor/rng.h"

/* A seeded sparse matrix whose popularity falls off like a catalogue's. */
static void make_matrix(sparse *m, uint32_t rows, uint32_t cols, uint64_t n, uint64_t seed)
{
    rng r = rng_make(seed, RNG_USER);
    uint32_t *row = malloc(n * sizeof *row), *col = malloc(n * sizeof *col);
    float *value = malloc(n * sizeof *value);
    for (uint64_t i = 0; i < n; i++) {
        double a = rng_uniform(&r), b = rng_uniform(&r);
        row[i] = (uint32_t)(a * a * rows);
        col[i] = (uint32_t)(b * b * b * cols);
        value[i] = (float)(0.5 + rng_uniform(&r));
    }
    assert_ok(sparse_from_triples(m, rows, cols, n, row, col, value));
    free(row), free(col), free(value);
}

/* singular values, descending, and right vectors as rows */
static void dense_svd(const sparse *m, double **sigma, double **vt)
{
    size_t small = m->rows < m->cols ? m->rows : m->cols;
    double *a = calloc((size_t)m->rows * m->cols, sizeof *a), *u = calloc((size_t)m->rows * small, sizeof *u);
    *sigma = calloc(small, sizeof **sigma);
    *vt = calloc(small * m->cols, sizeof **vt);
    for (uint32_t r = 0; r < m->rows; r++)
        for (uint64_t k = m->start[r]; k < m->start[r + 1]; k++) a[(size_t)r * m->cols + m->col[k]] = m->value[k];
    assert_int_equal(LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', (int)m->rows, (int)m->cols, a, (int)m->cols, *sigma, u,
                                    (int)small, *vt, (int)m->cols),
                     0);
    free(a), free(u);
}

static void check_against_dense(uint32_t rows, uint32_t cols, uint64_t n, uint32_t rank)
{
    sparse m;
    make_matrix(&m, rows, cols, n, rows + cols);
    double *sigma, *vt;
    dense_svd(&m, &sigma, &vt);
    svd s;
    assert_ok(svd_sparse(&s, &m, &(svd_options){.rank = rank, .seed = 7, .tolerance = 1e-6}));
    assert_int_equal(s.rank, rank);
    for (uint32_t i = 0; i < rank; i++) assert_near(s.sigma[i] / sigma[0], sigma[i] / sigma[0], 2e-5);
    /* the vectors: v_i^T v_i' is 1 up to sign where the gap is clear; u_i = A v_i / sigma_i and all is orthonormal */
    int clear = 0;
    for (uint32_t i = 0; i + 1 < rank; i++) {
        bool gap = (i == 0 || sigma[i - 1] - sigma[i] > 0.02 * sigma[0]) && sigma[i] - sigma[i + 1] > 0.02 * sigma[0];
        if (!gap) continue;
        clear++;
        double dot = 0;
        for (uint32_t j = 0; j < cols; j++) dot += s.v[(size_t)j * rank + i] * vt[(size_t)i * cols + j];
        assert_near(fabs(dot), 1, 1e-4);
    }
    assert_true(clear > 0);
    for (uint32_t i = 0; i < rank; i++)
        for (uint32_t j = 0; j <= i; j++) {
            double uu = 0, vv = 0;
            for (uint32_t r = 0; r < rows; r++) uu += (double)s.u[(size_t)r * rank + i] * s.u[(size_t)r * rank + j];
            for (uint32_t c = 0; c < cols; c++) vv += (double)s.v[(size_t)c * rank + i] * s.v[(size_t)c * rank + j];
            assert_near(vv, i == j, 1e-4);
            assert_near(uu, i == j, 1e-3);
        }
    free(sigma), free(vt);
    svd_free(&s);
    sparse_free(&m);
}

static void tall_and_wide_agree_with_lapack(void **state)
{
    (void)state;
    check_against_dense(40, 23, 300, 5);      /* dense way */
    check_against_dense(500, 420, 6000, 20);  /* Lanczos */
    check_against_dense(420, 500, 6000, 20);  /* and of the transpose */
    check_against_dense(640, 600, 20000, 60); /* several blocks wanted */
}

static void a_known_matrix(void **state)
{
    (void)state;
    /* [[3, 0], [4, 5]]: singular values sqrt(45), sqrt(5) */
    sparse m;
    assert_ok(sparse_from_triples(&m, 2, 2, 3, (uint32_t[]){0, 1, 1}, (uint32_t[]){0, 0, 1}, (float[]){3, 4, 5}));
    svd s;
    assert_ok(svd_sparse(&s, &m, &(svd_options){.rank = 9}));
    assert_int_equal(s.rank, 2);
    assert_near(s.sigma[0], sqrt(45), 1e-5);
    assert_near(s.sigma[1], sqrt(5), 1e-5);
    assert_near(s.v[0], sqrt(0.5), 1e-5);
    assert_near(s.u[0], sqrt(0.1), 1e-5);
    svd_free(&s);
    sparse_free(&m);
}

static void few_different_directions(void **state)
{
    (void)state;
    /* rank 3 in 600 columns: beyond the third everything is zero, nothing is NaN */
    enum { ROWS = 800, COLS = 600 };
    uint32_t *row = malloc(ROWS * COLS * sizeof *row), *col = malloc(ROWS * COLS * sizeof *col);
    uint64_t n = 0;
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t c = 0; c < COLS; c++)
            if (r % 3 == c % 3) row[n] = r, col[n++] = c;
    sparse m;
    assert_ok(sparse_from_triples(&m, ROWS, COLS, n, row, col, NULL));
    svd s;
    assert_ok(svd_sparse(&s, &m, &(svd_options){.rank = 6, .seed = 3}));
    for (uint32_t k = 0; k < 3; k++) assert_near(s.sigma[k], sqrt(k < 2 ? 267.0 * 200 : 266.0 * 200), 0.01);
    for (uint32_t k = 3; k < 6; k++) assert_near(s.sigma[k], 0, 0.01);
    for (uint32_t i = 0; i < ROWS * 6; i++) assert_true(isfinite(s.u[i]));
    svd_free(&s);
    sparse_free(&m);
    free(row), free(col);
}

static void same_seed_same_bits(void **state)
{
    (void)state;
    sparse m;
    make_matrix(&m, 900, 800, 12000, 5);
    svd a, b;
    assert_ok(svd_sparse(&a, &m, &(svd_options){.rank = 12, .seed = 9}));
    assert_ok(svd_sparse(&b, &m, &(svd_options){.rank = 12, .seed = 9}));
    assert_memory_equal(a.u, b.u, 900 * 12 * sizeof(float));
    assert_memory_equal(a.v, b.v, 800 * 12 * sizeof(float));
    svd_free(&a), svd_free(&b);
    sparse_free(&m);
}

static void memory_that_fails(void **state)
{
    (void)state;
    sparse m;
    make_matrix(&m, 500, 450, 4000, 5);
    svd s;
    for (size_t at = 1;; at++) {
        mem_fail_at(at, false);
        lorec_err e = svd_sparse(&s, &m, &(svd_options){.rank = 4});
        mem_fail_at(0, false);
        if (!e) break;
        assert_int_equal(e, LOREC_RESOURCE);
        assert_null(s.u);
        assert_true(at < 100);
    }
    svd_free(&s);
    sparse_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tall_and_wide_agree_with_lapack),
        cmocka_unit_test(a_known_matrix),
        cmocka_unit_test(few_different_directions),
        cmocka_unit_test(same_seed_same_bits),
        cmocka_unit_test(memory_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

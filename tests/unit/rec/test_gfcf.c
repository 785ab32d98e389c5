/* GF-CF against its definition, with a dense SVD. */
#include "unit/rec/tiny.h"

#include <lapacke.h>

static void check(uint32_t users, uint32_t items, uint32_t each, const char *k_text, double alpha)
{
    tiny t;
    tiny_random(&t, users, items, each, 13);
    size_t n = items, m = users, k = (size_t)atoi(k_text), small = n < m ? n : m;
    double *r = tiny_dense(&t.x), *norm = calloc(m * n, sizeof *norm), *copy = calloc(m * n, sizeof *copy);
    double *u = calloc(m * small, sizeof *u), *vt = calloc(small * n, sizeof *vt),
           *sigma = calloc(small, sizeof *sigma);
    double *du = calloc(m, sizeof *du), *di = calloc(n, sizeof *di);
    for (size_t a = 0; a < m; a++)
        for (size_t j = 0; j < n; j++) du[a] += r[a * n + j], di[j] += r[a * n + j];
    for (size_t a = 0; a < m; a++)
        for (size_t j = 0; j < n; j++)
            if (r[a * n + j] > 0) norm[a * n + j] = 1 / sqrt(du[a] * di[j]);
    memcpy(copy, norm, m * n * sizeof *copy);
    assert_int_equal(
        LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', (int)m, (int)n, copy, (int)n, sigma, u, (int)small, vt, (int)n), 0);
    char alpha_text[32];
    snprintf(alpha_text, sizeof alpha_text, "%g", alpha);
    void *model = tiny_fit(&recommender_gfcf, &t.x, "k", k_text, "alpha", alpha_text, NULL);
    query *q = calloc(m, sizeof *q);
    for (uint32_t a = 0; a < users; a++) q[a] = tiny_query(&t, a);
    float *s = tiny_scores(&recommender_gfcf, model, &t.x, q, m);
    /* the matrix of the linear filter, and the projections of the ideal one */
    double *filter = calloc(n * n, sizeof *filter);
    for (size_t a = 0; a < m; a++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n && norm[a * n + i] > 0; j++)
                filter[i * n + j] += norm[a * n + i] * norm[a * n + j];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t d = 0; d < k && di[i] > 0 && di[j] > 0; d++)
                filter[i * n + j] += alpha / sqrt(di[i]) * vt[d * n + i] * vt[d * n + j] * sqrt(di[j]);
    for (size_t a = 0; a < m; a++)
        for (size_t j = 0; j < n; j++) {
            double want = 0;
            for (size_t i = 0; i < n; i++) want += r[a * n + i] * filter[i * n + j];
            assert_near(s[a * n + j], want, 2e-4);
        }
    free(r), free(norm), free(copy), free(u), free(vt), free(sigma), free(du), free(di), free(q), free(s), free(filter);
    recommender_free(&recommender_gfcf, model);
    tiny_free(&t);
}

static void scores_are_the_definition(void **state)
{
    (void)state;
    check(70, 30, 6, "5", 0.3); /* more users than one batch */
    check(30, 50, 6, "8", 0.3); /* more items than users */
    check(40, 20, 5, "20", 1);  /* all singular vectors */
    check(40, 20, 5, "3", 0);   /* the linear filter alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores_are_the_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

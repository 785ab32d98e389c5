/* iALS: seconds an iteration (users, then items), 64 factors, three steps of conjugate gradients a row.
 *   bench_ials                      ML-20M's shape; prints one line
 *   bench_ials --export FOLDER      the matrix for a peer: FOLDER/start.npy, FOLDER/item.npy
 *   bench_ials --small              a tenth of the users and rows
 *   --factors N --iterations N --solver cg|cholesky */
#include "synthetic.h"

#include <time.h>

#include "base/log.h"
#include "base/npy.h"
#include "base/threads.h"
#include "rec/ials_solve.h"

static int fail(void)
{
    fprintf(stderr, "%s\n", lorec_error_message());
    return 1;
}

static lorec_err export_matrix(const sparse *x, const char *folder)
{
    char path[4096];
    TRY(folder_make(folder));
    snprintf(path, sizeof path, "%s/start.npy", folder);
    TRY(npy_write(path, NPY_U64, 1, (int64_t[]){(int64_t)x->rows + 1}, x->start));
    snprintf(path, sizeof path, "%s/item.npy", folder);
    return npy_write(path, NPY_U32, 1, (int64_t[]){(int64_t)x->n}, x->col);
}

int main(int argc, char **argv)
{
    const char *folder = NULL;
    size_t factors = 64;
    int iterations = 3, tenth = 0;
    ials_solver solver = IALS_CG;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--small"))
            tenth = 1;
        else if (i + 1 == argc)
            return fprintf(stderr, "%s: what is it?\n", argv[i]), 2;
        else if (!strcmp(argv[i], "--export"))
            folder = argv[++i];
        else if (!strcmp(argv[i], "--factors"))
            factors = (size_t)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--iterations"))
            iterations = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--solver"))
            solver = strcmp(argv[++i], "cholesky") ? IALS_CG : IALS_CHOLESKY;
    }
    interactions all = synthetic_interactions(tenth ? 13849 : 138493, 26744, tenth ? 2000026 : 20000263, 7);
    sparse x, xt;
    if (sparse_from(&x, &all) || sparse_transpose(&xt, &x)) return fail();
    if (folder) return export_matrix(&x, folder) ? fail() : 0;
    size_t dim = (factors + 15) / 16 * 16;
    float *user = synthetic_alloc(x.rows * dim * sizeof *user), *item = synthetic_alloc(x.cols * dim * sizeof *item);
    rng r = rng_make(1, RNG_FACTORS);
    for (size_t j = 0; j < x.cols; j++)
        for (size_t d = 0; d < factors; d++) item[j * dim + d] = (float)(0.1 / sqrt((double)factors) * rng_normal(&r));
    ials_side users = {.x = &x,
                       .other = item,
                       .dim = dim,
                       .gram_weight = 1,
                       .target = 2,
                       .weight = 1,
                       .reg = 0.01,
                       .solver = solver,
                       .steps = 3};
    ials_side items = users;
    items.x = &xt, items.other = user;
    printf("ials, %u users x %u items, %llu interactions, %zu factors, %d workers, %s:", x.rows, x.cols,
           (unsigned long long)x.n, factors, par_workers(), solver == IALS_CG ? "3 cg steps" : "cholesky");
    for (int k = 0; k < iterations; k++) {
        double began = clock_seconds();
        clock_t used = clock();
        if (ials_solve(&users, user)) return fail();
        double between = clock_seconds();
        if (ials_solve(&items, item)) return fail();
        double end = clock_seconds();
        printf(" %.3f s (users %.3f, items %.3f, cpu %.3f)", end - began, between - began, end - between,
               (double)(clock() - used) / CLOCKS_PER_SEC);
        fflush(stdout);
    }
    printf("\n");
    return 0;
}

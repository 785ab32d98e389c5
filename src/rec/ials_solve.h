/* ials_solve.h: one half of an alternating least squares iteration: all rows of one side given the other's factors.
 *
 *   for each row u:  (g Y^T Y + sum_k b_k y_k y_k^T + reg_u I) x_u = sum_k a_k y_k        k over what u had
 *
 *     ials_side s = {.x = &x, .other = items, .dim = d, .gram_weight = 0.1F, .solver = IALS_CG, .steps = 3, ...};
 *     TRY(ials_solve(&s, users));          // users [x->rows, dim]; for cg the values there are the first guess
 *
 * Ownership: everything is borrowed for the time of the call. */
#ifndef LOREC_REC_IALS_SOLVE_H
#define LOREC_REC_IALS_SOLVE_H

#include "rec/sparse.h"

typedef enum ials_solver { IALS_CG, IALS_CHOLESKY } ials_solver;

typedef struct ials_side {
    const sparse *x;    /* value NULL: a = target, b = weight of every entry */
    const float *other; /* [x->cols, dim] */
    size_t dim;         /* a multiple of 16; the last columns may be zero */
    float gram_weight;  /* g */
    const float *gram;  /* [dim, dim] g Y^T Y where it is known (ials_gram); NULL: it is made */
    /* of an entry with value v: a = target + target_by v, b = weight + weight_by v; b never negative */
    float target, target_by, weight, weight_by;
    /* reg_u = reg * (entries of u + reg_plus)^reg_power */
    double reg, reg_plus, reg_power;
    ials_solver solver;
    int steps; /* of conjugate gradients */
} ials_side;

lorec_err ials_solve(const ials_side *s, float *factors);
/* The normal matrix of all rows of the other side: what solving few rows would spend most of its time on. */
void ials_gram(const ials_side *s, float *gram);

#endif

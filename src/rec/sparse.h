/* sparse.h: who has what, as the classic models read it: a binary or weighted matrix by rows, its transpose, popularity.
 *
 *     sparse x, xt;
 *     TRY(sparse_from(&x, fit->train));        // [users, items], each pair once, items ascending in each row
 *     TRY(sparse_transpose(&xt, &x));          // [items, users], users ascending
 *     TRY(sparse_popularity(&count, fit->train));
 *     sparse_free(&x);
 *
 * Ownership: a sparse owns its arrays until sparse_free. A failed call leaves an empty one, safe to free. */
#ifndef LOREC_REC_SPARSE_H
#define LOREC_REC_SPARSE_H

#include "base/mem.h"
#include "data/dataset.h"

typedef struct sparse {
    uint32_t rows, cols;
    uint64_t n;      /* entries; start[rows] */
    uint64_t *start; /* [rows + 1] */
    uint32_t *col;   /* [n] ascending within a row */
    float *value;    /* [n], or NULL: all ones */
} sparse;

/* The pairs that occur, each once, value NULL. Without any row: LOREC_INPUT. */
lorec_err sparse_from(sparse *m, const interactions *x);
/* From triples in any order; equal (row, col) are added up. `value` NULL: ones. */
lorec_err sparse_from_triples(sparse *m, uint32_t rows, uint32_t cols, uint64_t n, const uint32_t *row,
                              const uint32_t *col, const float *value);
lorec_err sparse_transpose(sparse *out, const sparse *m);
void sparse_free(sparse *m);

/* LOREC_INPUT, with a remedy, when there is nothing to learn from. */
lorec_err interactions_check(const interactions *x);

/* How often each item occurs, repeats included: [x->n_items], to mem_free. */
lorec_err sparse_popularity(uint32_t **count, const interactions *x);

/* NAME.start.npy, NAME.col.npy, and NAME.value.npy where there are values. Loading checks that they belong together, that
 * columns ascend within a row and are < cols, and that values are there when they have to be. */
lorec_err sparse_save(const sparse *m, const char *folder, const char *name);
lorec_err sparse_load(sparse *m, const char *folder, const char *name, uint32_t cols, bool values);
/* The same of an item-item matrix with values, cols = rows. */
lorec_err sparse_load_square(sparse *m, const char *folder, const char *name);

#endif

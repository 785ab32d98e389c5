/* attention.h: between attention.c (the op, forward), attention_back.c and attention_tile.c: one head of one segment, cut
 * into tiles of some queries by some keys.
 *
 *     for each block of queries, for each source of keys, for each tile that somebody sees:
 *         attention_scores(u, src, i0, rows, j0, cols, q, ldq, s, seen);       // what softmax is taken of
 *
 * Ownership: everything is borrowed from the node and the worker's scratch memory. */
#ifndef LOREC_TENSOR_OPS_ATTENTION_H
#define LOREC_TENSOR_OPS_ATTENTION_H

#include "tensor/cpu/kernels.h"
#include "tensor/op.h"
#include "tensor/ops.h"

enum {
    ATTENTION_ROWS = 48,  /* queries of a tile */
    ATTENTION_COLS = 256, /* keys of a tile; a multiple of 128, the group of dropout's draws */
    ATTENTION_FEW = 8     /* so few keys are multiplied as they lie */
};

/* The inputs of the node. */
enum {
    ATTENTION_Q,
    ATTENTION_K,
    ATTENTION_V,
    ATTENTION_BIAS,
    ATTENTION_PREFIX_K,
    ATTENTION_PREFIX_V,
    ATTENTION_INPUTS
};

typedef struct attention_plan { /* the node's spec */
    attention a;
    int heads, kv_heads, group; /* group: query heads a key head */
    int64_t dk, dv, n_prefix;
    float scale;
    uint32_t threshold;                 /* dropout, of 65536 */
    float keep;                         /* 1 / (1 - p) */
    uint64_t seed, stream, mask_groups; /* mask_groups: of 128 draws, a query row and head */
    const float *slopes;                /* ALiBi */
    const int32_t *bucket;              /* T5: of key position - query position + bucket_zero */
    int64_t bucket_zero;
    float *lse; /* [q rows, heads] */
} attention_plan;

/* Keys and values of one head as f32 rows. */
typedef struct attention_source {
    bool prefix; /* the trainable ones, seen by all */
    int64_t n;
    const float *k, *v;
    int64_t ldk, ldv;
    float *k_panels, *v_panels; /* packed for products with K^T and V^T; NULL: few keys */
    float *dk, *dv;             /* backward: [n, dk], [n, dv] */
} attention_source;

typedef struct attention_unit {
    const node *n;
    const attention_plan *p;
    const isa_kernels *cpu;
    int64_t segment, q0, tq, k0, tk; /* first rows and lengths */
    int kv_head, head;
    attention_source source[2];
    int sources;
} attention_unit;

typedef struct attention_span {
    int64_t lo, hi; /* of a tile's row: outside nothing is seen */
} attention_span;

/* Floats of scratch memory that a source needs (panels, and copies where the tensors are bf16). */
size_t attention_source_size(const attention_plan *p, int64_t keys, bool half, bool backward);
/* Makes the unit's sources for its kv_head; returns the memory left. */
float *attention_sources(attention_unit *u, float *memory, bool backward);

/* The keys [lo, hi) of a source that some of the queries i0 .. i0 + rows - 1 see. */
attention_span attention_reach(const attention_unit *u, const attention_source *src, int64_t i0, int64_t rows);
/* s [rows, ATTENTION_COLS]: the scores of queries i0.. against keys j0 .. j0 + cols - 1, with scale, softcap and bias; what a
 * query does not see within its span is -inf. capped (or NULL) gets tanh(score / cap). */
void attention_scores(const attention_unit *u, const attention_source *src, int64_t i0, int64_t rows, int64_t j0,
                      int64_t cols, const float *q, int64_t ldq, float *s, attention_span *seen, float *capped);
/* a [rows, width] times the transpose of src's keys (or values) j0 .. -> s [rows, ATTENTION_COLS] */
void attention_product(const attention_unit *u, const float *panels, const float *x, int64_t ld, int64_t width,
                       int64_t rows, int64_t j0, int64_t cols, float scale, const float *a, int64_t lda, float *s);
/* The dropout mask of query i's keys j0 .. j0 + cols - 1 of that source. */
void attention_mask(const attention_unit *u, const attention_source *src, int64_t i, int64_t j0, int64_t cols,
                    float *mask);
/* rows of a tensor's head as f32: in place, or copied to buf where it is bf16. */
const float *attention_rows(const attention_unit *u, const tensor *x, const void *data, int64_t row, int64_t rows,
                            int head, int64_t width, float *buf, int64_t *ld);

lorec_err attention_backward(tape *t, node *n);

int32_t attention_bucket(const attention *a, int64_t away); /* T5's, of key position - query position */
void attention_alibi_slopes(int heads, float *slope);       /* the paper's */

#endif

/* ops.h: what can be computed. Every function records one row of the op table (op_table.c) on the tape; the header
 * comment of each gives shapes. "rows" is packed: batch times time, without padding.
 *
 *     x = op_layer_norm(t, x, g, b, 1e-5f);                              // [rows, d]
 *     q = op_linear(t, x, wq, NULL, LINEAR_OUT_IN, ACT_NONE);            // [rows, heads * d_head]
 *     y = op_attention(t, q, k, v, &(attention){.heads = 4, .causal = true, .q_rows = seq, .kv_rows = seq});
 *
 * Ownership: results live until tape_begin; spec structs and arrays given to an op (labels, weights) are copied; segments
 * and what a spec points to must live as long as the tape's step (tape_segments' do). Errors are sticky (tensor.h). */
#ifndef LOREC_TENSOR_OPS_H
#define LOREC_TENSOR_OPS_H

#include "tensor/tensor.h"

typedef enum activation {
    ACT_NONE,
    ACT_RELU,
    ACT_GELU,
    /* erf */ ACT_GELU_TANH,
    ACT_SILU,
    ACT_SIGMOID,
    ACT_TANH,
    ACT_QUICK_GELU,
    /* x sigmoid(1.702 x) */ ACT_LEAKY_RELU /* slope 0.01 */
} activation;

/* ---- products ------------------------------------------------------------------------------------------------------ */
typedef enum linear_layout {
    LINEAR_OUT_IN,
    /* torch: [out, in] */ LINEAR_IN_OUT /* GPT-2's Conv1D: [in, out] */
} linear_layout;

/* act(x W^T + b): x [.., in], b [out] or NULL -> [.., out]. */
tensor *op_linear(tape *t, tensor *x, tensor *w, tensor *b, linear_layout layout, activation act);
/* y + scale (x A^T) B^T: y [.., out], x [.., in], a [rank, in], b [out, rank] -> [.., out] (LoRA; Hu et al. 2022). y is used up
 * where it is an op_linear without activation: read the result, not y. row_scale [rows], a constant, or NULL: 1. */
tensor *op_low_rank(tape *t, tensor *y, tensor *x, tensor *a, tensor *b, float scale, tensor *row_scale);
/* Batched product: a [.., m, k] b [.., k, n] -> [.., m, n]; ta/tb: that operand is stored transposed. Leading
 * dimensions are equal, or absent on one side. */
tensor *op_matmul(tape *t, tensor *a, tensor *b, bool ta, bool tb);
/* x [n, d] times a constant sparse matrix: rows of `m` -> [m->rows, d]. */
typedef struct csr { /* borrowed; 0-based; the transpose is made once and kept by csr_prepare */
    int64_t rows, cols;
    const int64_t *start; /* [rows + 1] */
    const int32_t *col;
    const float *value;    /* NULL: all ones */
    struct csr *transpose; /* for the backward pass; NULL: the matrix is symmetric */
} csr;
tensor *op_sparse_matmul(tape *t, const csr *m, tensor *x);
lorec_err csr_prepare(csr *m); /* makes m->transpose (not for symmetric matrices); csr_release gives it back */
void csr_release(csr *m);

/* ---- tables and shapes ---------------------------------------------------------------------------------------------- */
/* Rows of w [v, d] -> [n, d]; id -1 gives a zero row and no gradient. */
tensor *op_embed(tape *t, tensor *w, tensor *ids);
tensor *op_embed_padded(tape *t, tensor *w, tensor *ids,
                        int32_t padding); /* that id's row is read but gets no gradient */
/* Sum (mean) over each segment of the rows of w that it names: EmbeddingBag. ids [rows] -> [segments, d] */
tensor *op_embed_bag(tape *t, tensor *w, tensor *ids, const segments *bags, bool mean);
tensor *op_gather_rows(tape *t, tensor *x, tensor *rows);             /* x [n, d], rows [m] (-1: zero) -> [m, d] */
tensor *op_scatter_rows(tape *t, tensor *x, tensor *rows, int64_t n); /* adds x's row i to row rows[i]: [n, d] */
/* bf16 beside f32 gives f32. */
tensor *op_concat(tape *t, tensor *const *xs, int n, int dim);
tensor *op_slice(tape *t, tensor *x, int dim, int64_t begin, int64_t end);
tensor *op_reshape(tape *t, tensor *x, int ndim, const int64_t *shape); /* one size may be -1 */
tensor *op_transpose(tape *t, tensor *x, int dim0, int dim1);
tensor *op_detach(tape *t, tensor *x);
tensor *op_cast(tape *t, tensor *x, dtype to);

/* ---- elementwise ---------------------------------------------------------------------------------------------------- */
/* Same shapes, or b broadcast over a's leading dimensions, or b with one value a row ([rows, 1]), or one value. */
tensor *op_add(tape *t, tensor *a, tensor *b);
tensor *op_sub(tape *t, tensor *a, tensor *b);
tensor *op_mul(tape *t, tensor *a, tensor *b);
tensor *op_div(tape *t, tensor *a, tensor *b);
tensor *op_scale(tape *t, tensor *x, float by, float plus); /* by * x + plus */
tensor *op_act(tape *t, tensor *x, activation act);
tensor *op_gated(tape *t, tensor *x, tensor *gate, activation act); /* x * act(gate): SwiGLU, GeGLU */
tensor *op_exp(tape *t, tensor *x);
tensor *op_log(tape *t, tensor *x);
tensor *op_sqrt(tape *t, tensor *x);
tensor *op_square(tape *t, tensor *x);
tensor *op_log_sigmoid(tape *t, tensor *x);
tensor *op_dropout(tape *t, tensor *x, float p);                       /* identity unless the tape trains */
tensor *op_add_dropout(tape *t, tensor *residual, tensor *x, float p); /* residual + dropout(x), one pass */

/* ---- norms, softmax, reductions -------------------------------------------------------------------------------------- */
tensor *op_layer_norm(tape *t, tensor *x, tensor *gain, tensor *bias,
                      float eps); /* over the last dim; bias may be NULL */
tensor *op_rms_norm(tape *t, tensor *x, tensor *gain, float eps, float gain_plus); /* (gain_plus + gain) * x / rms */
/* Over the rows, for each of the last dimension's values. A training tape uses the batch's mean and variance and moves
 * the running ones (frozen parameters [d]) by `momentum`, the variance unbiased as in torch; any other tape, and a batch
 * of one row, uses the running ones. */
tensor *op_batch_norm(tape *t, tensor *x, tensor *gain, tensor *bias, tensor *mean, tensor *var, float momentum,
                      float eps);
tensor *op_softmax(tape *t, tensor *x); /* last dim; a row of all -inf gives zeros */
tensor *op_log_softmax(tape *t, tensor *x);
tensor *op_l2_normalize(tape *t, tensor *x, float eps); /* last dim */
tensor *op_over_norms(tape *t, tensor *x, tensor *w);   /* x [rows, v] / |w_v|, w [v, d] */
tensor *op_sum(tape *t, tensor *x);                     /* all -> [1] */
tensor *op_mean(tape *t, tensor *x);                    /* all -> [1] */
tensor *op_weighted_mean(tape *t, tensor *x, const float *weight,
                         int64_t n);              /* sum w x / sum w -> [1]; 0 if sum w is 0 */
tensor *op_sum_dim(tape *t, tensor *x, int dim);  /* that dimension becomes 1 */
tensor *op_dot(tape *t, tensor *a, tensor *b);    /* [n, d] x [n, d] -> [n] */
tensor *op_cosine(tape *t, tensor *a, tensor *b); /* [n, d] x [n, d] -> [n] */

/* ---- segments and graphs ---------------------------------------------------------------------------------------------- */
typedef enum segment_kind { SEGMENT_SUM, SEGMENT_MEAN, SEGMENT_MAX, SEGMENT_FIRST, SEGMENT_LAST } segment_kind;
tensor *op_segment_reduce(tape *t, tensor *x, const segments *s,
                          segment_kind kind);                      /* [rows, d] -> [segments, d]; empty: 0 */
tensor *op_segment_softmax(tape *t, tensor *x, const segments *s); /* [rows, h] -> softmax down each segment */
tensor *op_segment_repeat(tape *t, tensor *x, const segments *s);  /* [segments, d] -> [rows, d] */

/* ---- sequences --------------------------------------------------------------------------------------------------------- */
typedef enum rope_kind {
    ROPE_NONE,
    ROPE_HALF /* pairs (i, i + d/2) */,
    ROPE_PAIRS /* (2i, 2i+1) */,
    ROPE_2D /* ChatGLM-6B */
} rope_kind;
typedef enum rope_scaling {
    ROPE_UNSCALED,
    ROPE_LINEAR, /* positions / factor (Chen et al. 2023) */
    ROPE_LLAMA3, /* long waves / factor, short ones as they are, those between blended (Llama 3.1) */
    ROPE_YARN,   /* a ramp between the two (Peng et al. 2023) */
    /* by the sequence's length, once it is longer than original_length (NTK-aware): the base times a^(dims / (dims - 2)) */
    ROPE_DYNAMIC,      /* a = factor * length / original_length - (factor - 1) */
    ROPE_DYNAMIC_STEPS /* a = 2^ceil(log2(length / original_length) + 1) - 1 (Qwen) */
} rope_scaling;
typedef struct rope {
    rope_kind kind;
    int dims;   /* rotated part of a head; 0: all */
    int span;   /* pair i turns by base^(-2 i / span); 0: the rotated part (of each position) */
    float base; /* 0: 10000 */
    rope_scaling scaling;
    float factor, original_length;
    float low_freq, high_freq;  /* ROPE_LLAMA3 */
    float beta_fast, beta_slow; /* ROPE_YARN; 0: 32 and 1 */
    bool yarn_exact;            /* ROPE_YARN: the ramp's ends are not rounded to whole dimensions */
    float magnitude;            /* cosines and sines are multiplied by it; 0: 1 */
    const float *inv_freq;      /* or the frequencies themselves, [dims / 2] */
    const int32_t *length;      /* ROPE_DYNAMIC*: [rows] of each row's sequence; NULL: short */
} rope;
/* x [rows, heads * d_head]; position [rows] i32 (ROPE_2D: position then block position, [2 * rows]). */
tensor *op_rope(tape *t, tensor *x, int heads, tensor *position, const rope *spec);

typedef enum attention_bias { BIAS_NONE, BIAS_ALIBI, BIAS_TABLE /* [buckets, heads], T5's buckets */ } attention_bias;
typedef struct attention {
    int heads, kv_heads;              /* kv_heads 0: heads; grouped when fewer */
    float scale;                      /* 0: 1 / sqrt(d_head) */
    bool causal;                      /* query i of a segment sees keys up to i + (keys - queries) of its segment */
    int window;                       /* > 0: and at most that many back */
    int prefix;                       /* with causal: the first `prefix` keys are seen by all (prefix LM) */
    const int32_t *prefixes;          /* [segments] the same, each segment's own; copied; NULL: `prefix` */
    const segments *q_rows, *kv_rows; /* as many segments each; kv_rows NULL: q_rows */
    float softcap;                    /* > 0: cap * tanh(score / cap) */
    float dropout;                    /* of the weights, when the tape trains */
    attention_bias bias;
    tensor *bias_table; /* BIAS_TABLE: trainable */
    int bias_buckets, bias_max_distance;
    bool bias_bidirectional;
    const float *alibi_slopes;   /* [heads]; NULL: the paper's */
    tensor *prefix_k, *prefix_v; /* trainable keys and values [n, kv_heads * d_head] seen by every query, or NULL */
    const uint8_t *kv_mask;      /* [kv rows], 0: nobody sees this key; NULL: all seen */
} attention;
/* q [q rows, heads * dk], k [kv rows, kv_heads * dk], v [kv rows, kv_heads * dv] -> [q rows, heads * dv].
 * Never holds a T x T matrix; a query that sees nothing gets zeros. (Dao et al. 2022, tiled with an online softmax) */
tensor *op_attention(tape *t, tensor *q, tensor *k, tensor *v, const attention *spec);

/* GRU over each segment (Cho et al. 2014, torch's gate order r, z, n and two biases). x [rows, in], w_ih [3h, in],
 * w_hh [3h, h], b_ih, b_hh [3h] -> all hidden states [rows, h]; h0 [segments, h] or NULL. */
tensor *op_gru(tape *t, tensor *x, tensor *w_ih, tensor *w_hh, tensor *b_ih, tensor *b_hh, tensor *h0,
               const segments *s);
/* x [n, c, len], w [out, c, k], b -> [n, out, len']; and 2-D: x [n, c, h, w], w [out, c, kh, kw]. */
tensor *op_conv1d(tape *t, tensor *x, tensor *w, tensor *b, int stride, int pad, int dilation);
tensor *op_conv2d(tape *t, tensor *x, tensor *w, tensor *b, int stride, int pad);

/* ---- losses: unreduced, one a row ---------------------------------------------------------------------------------------- */
/* -log softmax(x)[target]; x [rows, v]; target -1: row ignored, loss 0. */
tensor *op_cross_entropy(tape *t, tensor *x, tensor *target);
/* The same of x W^T + b without ever holding the logits: x [rows, d], w [v, d], b [v] or NULL. Rows with target -1
 * cost nothing. spec NULL: plain. */
typedef struct linear_ce {
    float temperature; /* logits are divided by it; 0: 1 */
    float label_smoothing;
    int64_t skip_first; /* the first so many classes can not be chosen (padding) */
    float softcap;      /* > 0: cap * tanh(logit / cap) */
} linear_ce;
tensor *op_linear_cross_entropy(tape *t, tensor *x, tensor *w, tensor *b, tensor *target, const linear_ce *spec);
/* Scores of given classes only: x [rows, d], w [v, d], ids [rows * k] -> [rows, k]; id -1: -inf (no gradient). */
tensor *op_linear_gather(tape *t, tensor *x, tensor *w, tensor *b, tensor *ids, int64_t k);
/* Cross entropy of column 0 against the rest of [rows, k], each score shifted by -log_q ([rows * k], the sampler's log
 * probability; NULL: none): sampled softmax. A target -1 row is -inf in column 0 and its loss 0. */
tensor *op_sampled_softmax(tape *t, tensor *scores, const float *log_q);
tensor *op_bce(tape *t, tensor *logit, const float *label, const float *weight,
               int64_t n);                                             /* with logits; weight NULL: 1 */
tensor *op_bpr(tape *t, tensor *positive, tensor *negative);           /* -log sigmoid(p - n), [n] each */
tensor *op_mse(tape *t, tensor *x, const float *target, int64_t n);    /* squared error a value */
tensor *op_info_nce(tape *t, tensor *a, tensor *b, float temperature); /* [n, d] x [n, d], in-batch -> [n] */

#endif

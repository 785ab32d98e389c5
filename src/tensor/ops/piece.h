/* piece.h: inside the ops: elementwise work in pieces that stay in the first cache, whatever the dtype, and row loops.
 *
 *     for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
 *         const float *x = piece_read(in, at, m, buf_x);              // the values themselves when they are f32
 *         float *y = piece_target(out->type, out->data, at, 0, buf_y);  // where to compute to
 *         ... y[i] = f(x[i]) ...
 *         piece_store(out->type, out->data, at, m, y, 0);             // converts or adds where y is the buffer
 *     }
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_TENSOR_OPS_PIECE_H
#define LOREC_TENSOR_OPS_PIECE_H

#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/op.h"

enum { PIECE = 1024, PAR_GRAIN = 1 << 15 /* values that are worth another worker */ };

static inline size_t piece_length(size_t at, size_t end)
{
    return end - at < PIECE ? end - at : PIECE;
}

static inline const float *piece_read_from(dtype type, const void *data, size_t at, size_t n, float *buf)
{
    if (type == DTYPE_F32) return (const float *)data + at;
    isa()->from_bf16(n, (const uint16_t *)data + at, buf);
    return buf;
}

static inline const float *piece_read(const tensor *x, size_t at, size_t n, float *buf)
{
    return piece_read_from(x->type, x->data, at, n, buf);
}

static inline float *piece_target(dtype type, void *data, size_t at, float beta, float *buf)
{
    return type == DTYPE_F32 && beta == 0 ? (float *)data + at : buf;
}

/* data[at..] = values + beta * data[at..]; nothing to do where piece_target gave the place itself. */
static inline void piece_store(dtype type, void *data, size_t at, size_t n, float *values, float beta)
{
    if (type == DTYPE_F32) {
        float *to = (float *)data + at;
        if (to == values) return;
        for (size_t i = 0; i < n; i++) to[i] = values[i] + (beta == 0 ? 0 : to[i]);
        return;
    }
    uint16_t *to = (uint16_t *)data + at;
    if (beta != 0) {
        float old[PIECE];
        isa()->from_bf16(n, to, old);
        for (size_t i = 0; i < n; i++) values[i] += old[i];
    }
    isa()->to_bf16(n, values, to);
}

/* How many rows of that width are worth another worker. */
static inline size_t row_grain(int64_t width)
{
    return width >= PAR_GRAIN ? 1 : (size_t)(PAR_GRAIN / (width < 1 ? 1 : width));
}

static inline float row_max(size_t n, const float *x) /* -inf for none */
{
    enum { LANES = 16 };
    float lane[LANES], most = -INFINITY;
    for (int j = 0; j < LANES; j++) lane[j] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    for (; i < n; i++) most = x[i] > most ? x[i] : most;
    for (int j = 0; j < LANES; j++) most = lane[j] > most ? lane[j] : most;
    return most;
}

/* log sum exp(x + shift), in double at the end; -inf for none or all -inf. */
static inline double row_log_sum_exp(size_t n, const float *x, float *most_out)
{
    float most = row_max(n, x);
    *most_out = most;
    if (most == -INFINITY) return -INFINITY;
    double sum = 0;
    for (size_t at = 0, m; (m = piece_length(at, n)) > 0; at += m) {
        float e[PIECE], part = 0;
        for (size_t i = 0; i < m; i++) e[i] = x[at + i] - most;
        isa()->exp_f32(m, e, e);
        for (size_t i = 0; i < m; i++) part += e[i];
        sum += part;
    }
    return (double)most + log(sum);
}

#endif

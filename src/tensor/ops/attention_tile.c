#include <math.h>
#include <string.h>

#include "tensor/ops/attention.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t padded(const attention_unit *u, int64_t n)
{
    return (n + u->cpu->tile - 1) / u->cpu->tile * u->cpu->tile;
}

size_t attention_source_size(const attention_plan *p, int64_t keys, bool half, bool backward)
{
    int64_t wide = p->dk + p->dv, whole = keys + isa()->tile;
    return (size_t)(whole * (p->dk + (backward ? p->dv : 0)) + (half ? keys * wide : 0) + (backward ? keys * wide : 0) +
                    64);
}

const float *attention_rows(const attention_unit *u, const tensor *x, const void *data, int64_t row, int64_t rows,
                            int head, int64_t width, float *buf, int64_t *ld)
{
    int64_t whole = tensor_width(x), from = row * whole + head * width;
    *ld = whole;
    if (x->type == DTYPE_F32) return (const float *)data + from;
    *ld = width;
    for (int64_t i = 0; i < rows; i++)
        u->cpu->from_bf16((size_t)width, (const uint16_t *)data + from + i * whole, buf + i * width);
    return buf;
}

static float *pack(const attention_unit *u, int64_t keys, int64_t width, const float *x, int64_t ld, float *memory)
{
    int64_t tile = u->cpu->tile;
    for (int64_t j = 0; j < keys; j += tile)
        u->cpu->pack_f32(width, least(keys - j, tile), x + j * ld, 1, ld, memory + j * width);
    return memory + padded(u, keys) * width;
}

float *attention_sources(attention_unit *u, float *memory, bool backward)
{
    const attention_plan *p = u->p;
    u->sources = 0;
    for (int prefix = 1; prefix >= 0; prefix--) {
        attention_source s = {.prefix = prefix, .n = prefix ? p->n_prefix : u->tk};
        if (s.n == 0) continue;
        const tensor *k = u->n->in[prefix ? ATTENTION_PREFIX_K : ATTENTION_K];
        const tensor *v = u->n->in[prefix ? ATTENTION_PREFIX_V : ATTENTION_V];
        int64_t first = prefix ? 0 : u->k0;
        s.k = attention_rows(u, k, k->data, first, s.n, u->kv_head, p->dk, memory, &s.ldk);
        if (s.k == memory) memory += s.n * p->dk;
        s.v = attention_rows(u, v, v->data, first, s.n, u->kv_head, p->dv, memory, &s.ldv);
        if (s.v == memory) memory += s.n * p->dv;
        if (s.n > ATTENTION_FEW) {
            s.k_panels = memory;
            memory = pack(u, s.n, p->dk, s.k, s.ldk, memory);
        }
        if (s.n > ATTENTION_FEW && backward) {
            s.v_panels = memory;
            memory = pack(u, s.n, p->dv, s.v, s.ldv, memory);
        }
        if (backward) {
            s.dk = memory;
            s.dv = memory + s.n * p->dk;
            memset(s.dk, 0, (size_t)(s.n * (p->dk + p->dv)) * sizeof(float));
            memory = s.dv + s.n * p->dv;
        }
        u->source[u->sources++] = s;
    }
    return memory;
}

/* ---- who sees what -------------------------------------------------------------------------------------------------------- */

/* Query i sees keys [lo, hi), but those of [gap, gap_end). */
typedef struct view {
    int64_t lo, hi, gap, gap_end;
} view;

static view view_of(const attention_unit *u, const attention_source *src, int64_t i)
{
    const attention *a = &u->p->a;
    if (src->prefix) return (view){0, src->n, 0, 0};
    int64_t at = i + u->tk - u->tq, ahead = a->prefixes ? a->prefixes[u->segment] : a->prefix,
            prefix = a->causal ? least(ahead, u->tk) : 0;
    view w = {0, a->causal ? most(0, least(u->tk, at + 1)) : u->tk, 0, 0};
    if (a->window > 0) w.lo = least(w.hi, most(0, at - a->window + 1));
    if (prefix > 0) {
        if (w.lo > prefix) {
            w.gap = prefix;
            w.gap_end = w.lo;
        }
        w.lo = 0;
        w.hi = most(w.hi, prefix);
    }
    return w;
}

attention_span attention_reach(const attention_unit *u, const attention_source *src, int64_t i0, int64_t rows)
{
    attention_span r = {src->n, 0};
    for (int64_t i = i0; i < i0 + rows; i++) {
        view w = view_of(u, src, i);
        if (w.lo >= w.hi) continue;
        r.lo = least(r.lo, w.lo);
        r.hi = most(r.hi, w.hi);
    }
    if (r.lo > r.hi) r.lo = r.hi;
    return r;
}

static void hide(const attention_unit *u, view w, int64_t j0, float *s, attention_span seen)
{
    for (int64_t j = most(w.gap - j0, seen.lo); j < least(w.gap_end - j0, seen.hi); j++) s[j] = -INFINITY;
    if (!u->p->a.kv_mask) return;
    const uint8_t *mask = u->p->a.kv_mask + u->k0 + j0;
    for (int64_t j = seen.lo; j < seen.hi; j++)
        if (!mask[j]) s[j] = -INFINITY;
}

/* ---- scores --------------------------------------------------------------------------------------------------------------- */

void attention_product(const attention_unit *u, const float *panels, const float *x, int64_t ld, int64_t width,
                       int64_t rows, int64_t j0, int64_t cols, float scale, const float *a, int64_t lda, float *s)
{
    int64_t tile = u->cpu->tile;
    if (!panels) {
        u->cpu->dots_f32(rows, cols, width, scale, a, lda, x + j0 * ld, ld, 0, s, ATTENTION_COLS);
        return;
    }
    for (int64_t j = 0; j < cols; j += tile)
        u->cpu->product_f32(rows, least(cols - j, tile), width, scale, a, lda, 1, panels + (j0 + j) * width, tile, 0,
                            s + j, ATTENTION_COLS);
}

static void add_bias(const attention_unit *u, int64_t at, int64_t j0, float *s, attention_span seen)
{
    const attention_plan *p = u->p;
    if (p->a.bias == BIAS_ALIBI) {
        for (int64_t j = seen.lo; j < seen.hi; j++) {
            int64_t away = at - (j0 + j);
            s[j] -= p->slopes[u->head] * (float)(away < 0 ? -away : away);
        }
        return;
    }
    const float *table = f32(u->n->in[ATTENTION_BIAS]);
    const int32_t *bucket = p->bucket + p->bucket_zero + j0 - at;
    for (int64_t j = seen.lo; j < seen.hi; j++) s[j] += table[bucket[j] * p->heads + u->head];
}

void attention_scores(const attention_unit *u, const attention_source *src, int64_t i0, int64_t rows, int64_t j0,
                      int64_t cols, const float *q, int64_t ldq, float *s, attention_span *seen, float *capped)
{
    const attention_plan *p = u->p;
    attention_product(u, src->k_panels, src->k, src->ldk, p->dk, rows, j0, cols, p->scale, q, ldq, s);
    for (int64_t r = 0; r < rows; r++) {
        float *row = s + r * ATTENTION_COLS;
        view w = view_of(u, src, i0 + r);
        seen[r].lo = most(0, least(cols, w.lo - j0));
        seen[r].hi = most(seen[r].lo, least(cols, w.hi - j0));
        size_t n = (size_t)(seen[r].hi - seen[r].lo);
        if (n == 0) continue;
        if (p->a.softcap > 0) {
            float *t = capped ? capped + r * ATTENTION_COLS + seen[r].lo : row + seen[r].lo;
            for (size_t j = 0; j < n; j++) t[j] = row[seen[r].lo + (int64_t)j] / p->a.softcap;
            u->cpu->act_f32(ACT_TANH, n, t, t);
            for (size_t j = 0; j < n; j++) row[seen[r].lo + (int64_t)j] = t[j] * p->a.softcap;
        }
        if (src->prefix) continue;
        if (p->a.bias != BIAS_NONE) add_bias(u, i0 + r + u->tk - u->tq, j0, row, seen[r]);
        if (p->a.kv_mask || w.gap < w.gap_end) hide(u, w, j0, row, seen[r]);
    }
}

void attention_mask(const attention_unit *u, const attention_source *src, int64_t i, int64_t j0, int64_t cols,
                    float *mask)
{
    const attention_plan *p = u->p;
    uint64_t row = (uint64_t)((u->q0 + i) * p->heads + u->head) * p->mask_groups;
    uint64_t at = (uint64_t)(j0 + (src->prefix ? 0 : (p->n_prefix + 127) / 128 * 128)) / 128;
    u->cpu->dropout_mask(p->seed, p->stream, row + at, (size_t)cols, p->threshold, p->keep, mask);
}

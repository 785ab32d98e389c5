/* Attention's gradients. One worker makes everything of a segment and key head: the weights again, tile by tile, from the
 * kept logarithms of their sums, then with dp = dy v^T and delta = dy . y (a query):
 *     ds = p (mask dp - delta);   dv += (p mask)^T dy;   dq += scale ds k;   dk += scale ds^T q.
 * Gradients that several units add to (bias table, trainable prefix) are summed a worker, over units fixed to workers. */
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/scratch.h"
#include "tensor/ops/attention.h"

typedef struct backward_job {
    const node *n;
    void *dx[3]; /* gradients of q, k, v; NULL: not wanted */
    float beta[3];
    float *shared; /* [workers][shared_size]: bias table, prefix_k, prefix_v */
    size_t shared_size;
    size_t memory;
} backward_job;

typedef struct block {
    float *s, *dp, *capped, *dq, *q_rows, *dy_rows, *rest; /* tiles [ROWS, COLS], rows [ROWS, width] */
    float delta[ATTENTION_ROWS], lse[ATTENTION_ROWS];
    attention_span seen[ATTENTION_ROWS];
} block;

static void block_memory(const attention_plan *p, block *b, float *memory)
{
    b->s = memory;
    b->dp = b->s + ATTENTION_ROWS * ATTENTION_COLS;
    b->capped = b->dp + ATTENTION_ROWS * ATTENTION_COLS;
    b->dq = b->capped + (p->a.softcap > 0 ? ATTENTION_ROWS * ATTENTION_COLS : 0);
    b->q_rows = b->dq + ATTENTION_ROWS * p->dk;
    b->dy_rows = b->q_rows + ATTENTION_ROWS * p->dk;
    b->rest = b->dy_rows + ATTENTION_ROWS * p->dv;
}

static size_t block_size(const attention_plan *p)
{
    return (size_t)(ATTENTION_ROWS * (3 * ATTENTION_COLS + 2 * p->dk + 2 * p->dv) + 64);
}

/* delta and lse of the block's queries. */
static void block_begin(const attention_unit *u, block *b, int64_t i0, int64_t rows, const float *dy, int64_t ldy)
{
    const attention_plan *p = u->p;
    int64_t ld;
    const float *y = attention_rows(u, u->n->out, u->n->out->data, u->q0 + i0, rows, u->head, p->dv, b->rest, &ld);
    for (int64_t r = 0; r < rows; r++) {
        b->delta[r] = u->cpu->dot_f32((size_t)p->dv, dy + r * ldy, y + r * ld);
        b->lse[r] = p->lse[(u->q0 + i0 + r) * p->heads + u->head];
    }
}

/* s becomes the weights (after dropout), dp the gradient of what softmax was taken of, then of the products q k. */
static void weights_and_slopes(const attention_unit *u, const attention_source *src, block *b, int64_t i0, int64_t rows,
                               int64_t j0, int64_t cols, float *dbias)
{
    const attention_plan *p = u->p;
    for (int64_t r = 0; r < rows; r++) {
        float *s = b->s + r * ATTENTION_COLS, *dp = b->dp + r * ATTENTION_COLS, mask[ATTENTION_COLS];
        attention_span seen = b->seen[r];
        if (b->lse[r] == -INFINITY) seen.hi = seen.lo;
        for (int64_t j = 0; j < seen.lo; j++) s[j] = dp[j] = 0;
        for (int64_t j = seen.hi; j < cols; j++) s[j] = dp[j] = 0;
        if (seen.lo == seen.hi) continue;
        if (p->threshold) attention_mask(u, src, i0 + r, j0, seen.hi, mask);
        u->cpu->softmax_grad_f32((size_t)(seen.hi - seen.lo), s + seen.lo, b->lse[r], dp + seen.lo, b->delta[r],
                                 p->threshold ? mask + seen.lo : NULL);
        if (dbias && !src->prefix) {
            const int32_t *bucket = p->bucket + p->bucket_zero + j0 - (i0 + r + u->tk - u->tq);
            for (int64_t j = seen.lo; j < seen.hi; j++) dbias[bucket[j] * p->heads + u->head] += dp[j];
        }
        const float *t = b->capped + r * ATTENTION_COLS;
        for (int64_t j = seen.lo; p->a.softcap > 0 && j < seen.hi; j++) dp[j] *= 1 - t[j] * t[j];
    }
}

/* The unit's rows of a gradient: to = from + beta * to. */
static void add_rows(const attention_unit *u, const tensor *x, void *dx, float beta, int64_t row, int64_t rows,
                     int head, int64_t width, float *from)
{
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = (row + r) * tensor_width(x) + head * width;
        float *values = from + r * width;
        if (x->type == DTYPE_F32) {
            float *to = (float *)dx + at;
            for (int64_t j = 0; j < width; j++) to[j] = values[j] + (beta == 0 ? 0 : to[j]);
            continue;
        }
        uint16_t *to = (uint16_t *)dx + at;
        for (int64_t j = 0; beta != 0 && j < width; j++) {
            float old;
            u->cpu->from_bf16(1, to + j, &old);
            values[j] += old;
        }
        u->cpu->to_bf16((size_t)width, values, to);
    }
}

static void backward_block(const backward_job *job, attention_unit *u, int64_t i0, int64_t rows, float *memory,
                           float *dbias)
{
    const attention_plan *p = u->p;
    const node *n = u->n;
    block b;
    block_memory(p, &b, memory);
    int64_t ldq, ldy;
    const tensor *tq = n->in[ATTENTION_Q];
    const float *q = attention_rows(u, tq, tq->data, u->q0 + i0, rows, u->head, p->dk, b.q_rows, &ldq);
    const float *dy = attention_rows(u, n->out, n->out->grad, u->q0 + i0, rows, u->head, p->dv, b.dy_rows, &ldy);
    block_begin(u, &b, i0, rows, dy, ldy);
    bool any = false;
    for (int i = 0; i < u->sources; i++) {
        const attention_source *src = &u->source[i];
        attention_span reach = attention_reach(u, src, i0, rows);
        for (int64_t j0 = reach.lo / ATTENTION_COLS * ATTENTION_COLS; j0 < reach.hi; j0 += ATTENTION_COLS) {
            int64_t cols = reach.hi - j0 < ATTENTION_COLS ? reach.hi - j0 : ATTENTION_COLS;
            attention_scores(u, src, i0, rows, j0, cols, q, ldq, b.s, b.seen, b.capped);
            attention_product(u, src->v_panels, src->v, src->ldv, p->dv, rows, j0, cols, 1, dy, ldy, b.dp);
            weights_and_slopes(u, src, &b, i0, rows, j0, cols, dbias);
            u->cpu->product_f32(cols, p->dv, rows, 1, b.s, 1, ATTENTION_COLS, dy, ldy, 1, src->dv + j0 * p->dv, p->dv);
            u->cpu->product_f32(cols, p->dk, rows, p->scale, b.dp, 1, ATTENTION_COLS, q, ldq, 1, src->dk + j0 * p->dk,
                                p->dk);
            if (job->dx[0])
                u->cpu->product_f32(rows, p->dk, cols, p->scale, b.dp, ATTENTION_COLS, 1, src->k + j0 * src->ldk,
                                    src->ldk, any ? 1 : 0, b.dq, p->dk);
            any = true;
        }
    }
    if (!job->dx[0]) return;
    if (!any) memset(b.dq, 0, (size_t)(rows * p->dk) * sizeof *b.dq);
    add_rows(u, tq, job->dx[0], job->beta[0], u->q0 + i0, rows, u->head, p->dk, b.dq);
}

static lorec_err backward_units(void *ctx, size_t begin, size_t end, int worker)
{
    const backward_job *job = ctx;
    const node *n = job->n;
    const attention_plan *p = n->spec;
    float *memory = scratch_get(SCRATCH_OP, job->memory * sizeof *memory);
    if (!memory) return LOREC_RESOURCE;
    float *dbias = NULL, *dprefix = job->shared ? job->shared + (size_t)worker * job->shared_size : NULL;
    if (dprefix && n->in[ATTENTION_BIAS]) {
        dbias = dprefix;
        dprefix += n->in[ATTENTION_BIAS]->count;
    }
    for (size_t at = begin; at < end; at++) {
        attention_unit u = {.n = n,
                            .p = p,
                            .cpu = isa(),
                            .segment = (int64_t)at / p->kv_heads,
                            .kv_head = (int)((int64_t)at % p->kv_heads)};
        u.q0 = p->a.q_rows->start[u.segment];
        u.tq = p->a.q_rows->start[u.segment + 1] - u.q0;
        u.k0 = p->a.kv_rows->start[u.segment];
        u.tk = p->a.kv_rows->start[u.segment + 1] - u.k0;
        float *rest = attention_sources(&u, memory, true);
        for (u.head = u.kv_head * p->group; u.head < (u.kv_head + 1) * p->group; u.head++)
            for (int64_t i0 = 0; i0 < u.tq; i0 += ATTENTION_ROWS)
                backward_block(job, &u, i0, u.tq - i0 < ATTENTION_ROWS ? u.tq - i0 : ATTENTION_ROWS, rest, dbias);
        for (int i = 0; i < u.sources; i++) {
            const attention_source *src = &u.source[i];
            if (!src->prefix) {
                if (job->dx[1])
                    add_rows(&u, n->in[ATTENTION_K], job->dx[1], job->beta[1], u.k0, u.tk, u.kv_head, p->dk, src->dk);
                if (job->dx[2])
                    add_rows(&u, n->in[ATTENTION_V], job->dx[2], job->beta[2], u.k0, u.tk, u.kv_head, p->dv, src->dv);
                continue;
            }
            for (int64_t r = 0; dprefix && r < src->n; r++) {
                u.cpu->axpy_f32((size_t)p->dk, 1, src->dk + r * p->dk, dprefix + (r * p->kv_heads + u.kv_head) * p->dk);
                u.cpu->axpy_f32((size_t)p->dv, 1, src->dv + r * p->dv,
                                dprefix + src->n * p->kv_heads * p->dk + (r * p->kv_heads + u.kv_head) * p->dv);
            }
        }
    }
    return LOREC_OK;
}

/* x's gradient += the workers' sums, in their order */
static void add_shared(tape *t, const backward_job *job, tensor *x, size_t *at)
{
    if (!x) return;
    float *g = x->needs_grad ? node_grad_zeroed(t, x) : NULL;
    for (int w = 0; g && w < par_workers(); w++)
        isa()->axpy_f32((size_t)x->count, 1, job->shared + (size_t)w * job->shared_size + *at, g);
    *at += (size_t)x->count;
}

/* k's gradient where it may be q's tensor as well (self-attention without projections): made apart, then added. */
static lorec_err add_apart(tape *t, node *n, backward_job *job, int of)
{
    tensor *x = n->in[of];
    size_t bytes = (size_t)x->count * (x->type == DTYPE_BF16 ? 2 : 4);
    job->dx[of] = x->needs_grad ? tape_scratch(t, bytes) : NULL;
    job->beta[of] = 0;
    return tape_error(t);
}

static lorec_err join_apart(tape *t, const tensor *x, void *g, float beta, const void *from)
{
    (void)t;
    float a[256], b[256];
    for (int64_t i = 0; i < x->count; i += 256) {
        size_t m = (size_t)(x->count - i < 256 ? x->count - i : 256);
        if (x->type == DTYPE_F32) {
            float *to = (float *)g + i;
            const float *v = (const float *)from + i;
            for (size_t j = 0; j < m; j++) to[j] = v[j] + (beta == 0 ? 0 : to[j]);
            continue;
        }
        isa()->from_bf16(m, (const uint16_t *)from + i, a);
        if (beta != 0) {
            isa()->from_bf16(m, (uint16_t *)g + i, b);
            isa()->axpy_f32(m, 1, b, a);
        }
        isa()->to_bf16(m, a, (uint16_t *)g + i);
    }
    return LOREC_OK;
}

lorec_err attention_backward(tape *t, node *n)
{
    const attention_plan *p = n->spec;
    backward_job job = {.n = n};
    tensor *q = n->in[ATTENTION_Q], *k = n->in[ATTENTION_K], *v = n->in[ATTENTION_V];
    tensor *bias = n->in[ATTENTION_BIAS], *pk = n->in[ATTENTION_PREFIX_K], *pv = n->in[ATTENTION_PREFIX_V];
    bool half = n->out->type == DTYPE_BF16, apart[3] = {false, k == q, v == q || v == k};
    for (int i = 0; i < 3; i++) {
        if (apart[i])
            TRY(add_apart(t, n, &job, i));
        else
            job.dx[i] = node_grad_any(t, n->in[i], &job.beta[i]);
        TRY(tape_error(t));
    }
    bool shared = (bias && bias->needs_grad) || (pk && (pk->needs_grad || pv->needs_grad));
    if (shared) {
        job.shared_size = (size_t)((bias ? bias->count : 0) + (pk ? pk->count + pv->count : 0));
        size_t bytes = (size_t)par_workers() * job.shared_size * sizeof(float);
        if (!(job.shared = tape_scratch(t, bytes))) return tape_error(t);
        memset(job.shared, 0, bytes);
    }
    int64_t units = p->a.q_rows->n * p->kv_heads;
    job.memory = attention_source_size(p, p->a.kv_rows->longest, half, true) +
                 attention_source_size(p, p->n_prefix, half, true) + block_size(p);
    int64_t rows_each = p->a.q_rows->n ? p->a.q_rows->rows / p->a.q_rows->n : 0;
    TRY((shared ? par_for : par_each)((size_t)units, !shared && rows_each < 32 ? 16 : 1, backward_units, &job));
    size_t at = 0;
    if (shared) {
        add_shared(t, &job, bias, &at);
        add_shared(t, &job, pk, &at);
        add_shared(t, &job, pv, &at);
    }
    for (int i = 1; i < 3; i++) {
        if (!apart[i] || !job.dx[i]) continue;
        float beta;
        void *g = node_grad_any(t, n->in[i], &beta);
        if (!g) return tape_error(t);
        TRY(join_apart(t, n->in[i], g, beta, job.dx[i]));
    }
    return tape_error(t);
}

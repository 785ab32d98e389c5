/* op_attention: for every segment and head, y = softmax(mask(scale q k^T + bias)) v, in tiles with an online softmax (Milakov
 * & Gimelshein 2018; Dao et al. 2022): of the weights nothing is kept but the logarithm of their sum, one float a query and
 * head, from which backward (attention_back.c) makes them again. q [q rows, heads dk], k [kv rows, kv_heads dk],
 * v [kv rows, kv_heads dv] -> [q rows, heads dv]. */
#include "tensor/ops/attention.h"

#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/scratch.h"

static attention_plan *plan_of(const node *n)
{
    return n->spec;
}

/* ---- what is asked for -------------------------------------------------------------------------------------------------- */

static lorec_err check_rows(const node *n, const attention_plan *p)
{
    const attention *a = &p->a;
    const segments *q = a->q_rows, *kv = a->kv_rows;
    if (!q) return node_shape_error(n, "needs segments (q_rows)");
    if (q->n != kv->n) return node_shape_error(n, "q_rows and kv_rows need the same number of segments");
    if (q->rows != tensor_rows(n->in[ATTENTION_Q]) || kv->rows != tensor_rows(n->in[ATTENTION_K]) ||
        kv->rows != tensor_rows(n->in[ATTENTION_V]))
        return node_shape_error(n, "q, k and v need the rows of their segments");
    return LOREC_OK;
}

static lorec_err attention_shape(tape *t, node *n)
{
    attention_plan *p = plan_of(n);
    const tensor *q = n->in[ATTENTION_Q], *k = n->in[ATTENTION_K], *v = n->in[ATTENTION_V],
                 *bias = n->in[ATTENTION_BIAS], *pk = n->in[ATTENTION_PREFIX_K], *pv = n->in[ATTENTION_PREFIX_V];
    p->heads = p->a.heads;
    p->kv_heads = p->a.kv_heads ? p->a.kv_heads : p->heads;
    if (!p->a.kv_rows) p->a.kv_rows = p->a.q_rows;
    if (p->heads < 1 || p->kv_heads < 1 || p->heads % p->kv_heads)
        return node_shape_error(n, "needs at least one head, and kv_heads that divides heads");
    p->group = p->heads / p->kv_heads;
    p->dk = tensor_width(q) / p->heads;
    p->dv = tensor_width(v) / p->kv_heads;
    if (q->type == DTYPE_I32 || k->type != q->type || v->type != q->type)
        return node_shape_error(n, "needs numbers of one type");
    if (p->dk < 1 || p->dv < 1 || p->dk * p->heads != tensor_width(q) || p->dk * p->kv_heads != tensor_width(k) ||
        p->dv * p->kv_heads != tensor_width(v))
        return node_shape_error(n, "needs q [rows, heads * dk], k [rows, kv_heads * dk], v [rows, kv_heads * dv]");
    TRY(check_rows(n, p));
    if (!pk != !pv) return node_shape_error(n, "prefix_k and prefix_v come together");
    p->n_prefix = pk ? tensor_rows(pk) : 0;
    if (pk &&
        (tensor_width(pk) != tensor_width(k) || tensor_width(pv) != tensor_width(v) || tensor_rows(pv) != p->n_prefix))
        return node_shape_error(n, "prefix_k and prefix_v need k's and v's widths and as many rows each");
    if (p->a.bias == BIAS_TABLE && (!bias || bias->count != (int64_t)p->a.bias_buckets * p->heads ||
                                    p->a.bias_buckets < 2 || p->a.bias_max_distance < 1))
        return node_shape_error(n, "a bias table needs [buckets, heads], at least 2 buckets and a distance");
    if (!(p->a.dropout >= 0 && p->a.dropout <= 1)) return node_shape_error(n, "dropout lies between 0 and 1");
    p->scale = p->a.scale != 0 ? p->a.scale : 1 / sqrtf((float)p->dk);
    return node_output(t, n, q->type, 2, (int64_t[]){tensor_rows(q), p->heads * p->dv});
}

/* T5's buckets (Raffel et al. 2020): near distances one each, far ones by logarithm; `away` = key - query. */
int32_t attention_bucket(const attention *a, int64_t away)
{
    int64_t n = a->bias_buckets, first = 0;
    if (a->bias_bidirectional) {
        n /= 2;
        if (away > 0) first = n;
        if (away < 0) away = -away;
    } else {
        away = away < 0 ? -away : 0;
    }
    int64_t exact = n / 2;
    if (away < exact || exact < 1) return (int32_t)(first + (away < n ? away : n - 1));
    double far = log((double)away / (double)exact) / log((double)a->bias_max_distance / (double)exact) *
                 (double)(n - exact);
    int64_t at = far < (double)(n - exact) ? exact + (int64_t)far : n - 1;
    return (int32_t)(first + (at < n ? at : n - 1));
}

/* Press et al. 2022: a geometric sequence; for heads that are no power of two the rest come from every second one of the
 * sequence for twice as many. */
void attention_alibi_slopes(int heads, float *slope)
{
    int power = 1;
    while (power * 2 <= heads) power *= 2;
    for (int h = 0; h < heads; h++)
        slope[h] = h < power ? exp2f(-8.0f * (float)(h + 1) / (float)power)
                             : exp2f(-4.0f * (float)(2 * (h - power) + 1) / (float)power);
}

static lorec_err prepare(tape *t, node *n)
{
    attention_plan *p = plan_of(n);
    const attention *a = &p->a;
    p->lse = tape_alloc(t, (size_t)(a->q_rows->rows * p->heads) * sizeof *p->lse);
    if (!p->lse) return tape_error(t);
    if (a->prefixes) {
        size_t bytes = (size_t)a->q_rows->n * sizeof *a->prefixes;
        int32_t *prefixes = tape_alloc(t, bytes);
        if (!prefixes) return tape_error(t);
        memcpy(prefixes, a->prefixes, bytes);
        p->a.prefixes = prefixes;
    }
    if (a->bias == BIAS_ALIBI && !(p->slopes = a->alibi_slopes)) {
        float *slopes = tape_alloc(t, (size_t)p->heads * sizeof *slopes);
        if (!slopes) return tape_error(t);
        attention_alibi_slopes(p->heads, slopes);
        p->slopes = slopes;
    }
    if (a->bias == BIAS_TABLE) {
        int64_t back = a->kv_rows->longest, ahead = a->q_rows->longest + a->kv_rows->longest;
        int32_t *bucket = tape_alloc(t, (size_t)(back + ahead + 1) * sizeof *bucket);
        if (!bucket) return tape_error(t);
        for (int64_t i = 0; i <= back + ahead; i++) bucket[i] = attention_bucket(a, i - back);
        p->bucket = bucket;
        p->bucket_zero = back;
    }
    if (a->dropout > 0 && tape_trains(t)) {
        p->threshold = (uint32_t)lrintf(a->dropout * 65536);
        p->keep = p->threshold < 65536 ? 65536.0f / (float)(65536 - p->threshold) : 0;
        p->seed = tape_seed(t);
        p->stream = tape_stream(t);
        p->mask_groups = (uint64_t)((p->n_prefix + 127) / 128 + (a->kv_rows->longest + 127) / 128);
    }
    return LOREC_OK;
}

/* ---- forward -------------------------------------------------------------------------------------------------------------- */

typedef struct forward_job {
    const node *n;
    int64_t parts, part_rows; /* a segment's queries are cut where there are too few heads for the workers */
    size_t memory;            /* floats */
} forward_job;

/* One row of a tile: its weights in place of its scores, the row's maximum and sum carried on; returns what the earlier
 * output has to be multiplied by. */
static float softmax_row(const attention_unit *u, attention_span seen, int64_t cols, float *s, float *max, float *sum)
{
    size_t n = (size_t)(seen.hi - seen.lo);
    float here = u->cpu->max_f32(n, s + seen.lo), now = here > *max ? here : *max, before = 1;
    for (int64_t j = 0; j < seen.lo; j++) s[j] = 0;
    for (int64_t j = seen.hi; j < cols; j++) s[j] = 0;
    if (now == -INFINITY) {
        for (int64_t j = seen.lo; j < seen.hi; j++) s[j] = 0;
        return 1;
    }
    if (now > *max) {
        before = *max == -INFINITY ? 0 : expf(*max - now);
        *max = now;
    }
    *sum = *sum * before + u->cpu->exp_shift_f32(n, s + seen.lo, now, s + seen.lo);
    return before;
}

static void finish_rows(const attention_unit *u, int64_t i0, int64_t rows, float *o, const float *max, const float *sum)
{
    const attention_plan *p = u->p;
    const tensor *out = u->n->out;
    for (int64_t r = 0; r < rows; r++) {
        int64_t row = u->q0 + i0 + r, at = row * p->heads * p->dv + u->head * p->dv;
        float *from = o + r * p->dv, by = sum[r] > 0 ? 1 / sum[r] : 0;
        p->lse[row * p->heads + u->head] = sum[r] > 0 ? max[r] + logf(sum[r]) : -INFINITY;
        float *to = out->type == DTYPE_F32 ? f32(out) + at : from;
        for (int64_t j = 0; j < p->dv; j++) to[j] = by * from[j];
        if (out->type == DTYPE_BF16) u->cpu->to_bf16((size_t)p->dv, from, bf16(out) + at);
    }
}

static void forward_block(const attention_unit *u, int64_t i0, int64_t rows, float *memory)
{
    const attention_plan *p = u->p;
    float *s = memory, *o = s + ATTENTION_ROWS * ATTENTION_COLS, *q_rows = o + ATTENTION_ROWS * p->dv;
    float max[ATTENTION_ROWS], sum[ATTENTION_ROWS], mask[ATTENTION_COLS];
    attention_span seen[ATTENTION_ROWS];
    bool any = false;
    for (int64_t r = 0; r < rows; r++) {
        max[r] = -INFINITY;
        sum[r] = 0;
    }
    int64_t ldq;
    const tensor *tq = u->n->in[ATTENTION_Q];
    const float *q = attention_rows(u, tq, tq->data, u->q0 + i0, rows, u->head, p->dk, q_rows, &ldq);
    for (int i = 0; i < u->sources; i++) {
        const attention_source *src = &u->source[i];
        attention_span reach = attention_reach(u, src, i0, rows);
        for (int64_t j0 = reach.lo / ATTENTION_COLS * ATTENTION_COLS; j0 < reach.hi; j0 += ATTENTION_COLS) {
            int64_t cols = reach.hi - j0 < ATTENTION_COLS ? reach.hi - j0 : ATTENTION_COLS;
            attention_scores(u, src, i0, rows, j0, cols, q, ldq, s, seen, NULL);
            for (int64_t r = 0; r < rows; r++) {
                float *row = s + r * ATTENTION_COLS, before = softmax_row(u, seen[r], cols, row, &max[r], &sum[r]);
                if (any && before != 1)
                    for (int64_t j = 0; j < p->dv; j++) o[r * p->dv + j] *= before;
                if (p->threshold && seen[r].hi > 0) {
                    attention_mask(u, src, i0 + r, j0, seen[r].hi, mask);
                    for (int64_t j = 0; j < seen[r].hi; j++) row[j] *= mask[j];
                }
            }
            u->cpu->product_f32(rows, p->dv, cols, 1, s, ATTENTION_COLS, 1, src->v + j0 * src->ldv, src->ldv,
                                any ? 1 : 0, o, p->dv);
            any = true;
        }
    }
    if (!any) memset(o, 0, (size_t)(rows * p->dv) * sizeof *o);
    finish_rows(u, i0, rows, o, max, sum);
}

static lorec_err forward_units(void *ctx, size_t begin, size_t end, int worker)
{
    const forward_job *job = ctx;
    const node *n = job->n;
    const attention_plan *p = n->spec;
    (void)worker;
    float *memory = scratch_get(SCRATCH_OP, job->memory * sizeof *memory);
    if (!memory) return LOREC_RESOURCE;
    for (size_t at = begin; at < end; at++) {
        int64_t part = (int64_t)at % job->parts, i = (int64_t)at / job->parts;
        attention_unit u = {
            .n = n, .p = p, .cpu = isa(), .segment = i / p->kv_heads, .kv_head = (int)(i % p->kv_heads)};
        u.q0 = p->a.q_rows->start[u.segment];
        u.tq = p->a.q_rows->start[u.segment + 1] - u.q0;
        u.k0 = p->a.kv_rows->start[u.segment];
        u.tk = p->a.kv_rows->start[u.segment + 1] - u.k0;
        int64_t from = part * job->part_rows, to = from + job->part_rows < u.tq ? from + job->part_rows : u.tq;
        if (from >= to) continue;
        float *rest = attention_sources(&u, memory, false);
        for (u.head = u.kv_head * p->group; u.head < (u.kv_head + 1) * p->group; u.head++)
            for (int64_t i0 = from; i0 < to; i0 += ATTENTION_ROWS)
                forward_block(&u, i0, to - i0 < ATTENTION_ROWS ? to - i0 : ATTENTION_ROWS, rest);
    }
    return LOREC_OK;
}

static lorec_err attention_forward(tape *t, node *n)
{
    attention_plan *p = plan_of(n);
    TRY(prepare(t, n));
    bool half = n->out->type == DTYPE_BF16;
    int64_t longest = p->a.q_rows->longest, units = p->a.q_rows->n * p->kv_heads;
    if (longest == 0 || units == 0) return LOREC_OK;
    forward_job job = {.n = n, .part_rows = (longest + ATTENTION_ROWS - 1) / ATTENTION_ROWS * ATTENTION_ROWS};
    while (job.part_rows >= 4 * ATTENTION_ROWS && units * ((longest - 1) / job.part_rows + 1) < 4 * par_workers())
        job.part_rows = (job.part_rows / 2 + ATTENTION_ROWS - 1) / ATTENTION_ROWS * ATTENTION_ROWS;
    job.parts = (longest - 1) / job.part_rows + 1;
    job.memory = attention_source_size(p, p->a.kv_rows->longest, half, false) +
                 attention_source_size(p, p->n_prefix, half, false) +
                 (size_t)(ATTENTION_ROWS * (ATTENTION_COLS + p->dv + p->dk) + 64);
    int64_t rows_each = p->a.q_rows->rows / p->a.q_rows->n;
    return par_each((size_t)(units * job.parts), rows_each < 32 ? 16 : 1, forward_units, &job);
}

static double attention_flops(const node *n)
{
    const attention_plan *p = n->spec;
    double seen = 0;
    for (int64_t i = 0; i < p->a.q_rows->n; i++) {
        double tq = p->a.q_rows->start[i + 1] - p->a.q_rows->start[i],
               tk = p->a.kv_rows->start[i + 1] - p->a.kv_rows->start[i];
        seen += tq * (p->a.causal && tk >= tq ? tk - (tq - 1) / 2 : tk) + tq * (double)p->n_prefix;
    }
    return 2 * seen * p->heads * (double)(p->dk + p->dv);
}

const op_def op_attention_def = {.name = "attention",
                                 .shape = attention_shape,
                                 .forward = attention_forward,
                                 .backward = attention_backward,
                                 .flops = attention_flops,
                                 .optional = 1u << ATTENTION_BIAS | 1u << ATTENTION_PREFIX_K |
                                             1u << ATTENTION_PREFIX_V};

tensor *op_attention(tape *t, tensor *q, tensor *k, tensor *v, const attention *spec)
{
    if (!q || !k || !v) return NULL;
    if (q->type != k->type || q->type != v->type) {
        q = tape_as_f32(t, q);
        k = tape_as_f32(t, k);
        v = tape_as_f32(t, v);
    }
    tensor *bias = spec->bias == BIAS_TABLE ? tape_as_f32(t, spec->bias_table) : NULL;
    tensor *in[] = {q, k, v, bias, tape_as_f32(t, spec->prefix_k), tape_as_f32(t, spec->prefix_v)};
    attention_plan p = {.a = *spec};
    return tape_apply(t, &op_attention_def, in, ATTENTION_INPUTS, &p, sizeof p);
}

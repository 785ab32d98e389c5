/* op_attention_cached: attention of new tokens over cached rows. Queries are cut into tiles: a part of one long group, or
 * several short groups whose span lists begin alike; a tile and key head is one unit of work. What a tile's groups share is
 * one product with all of its queries; their own rows follow group by group. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scratch.h"
#include "tensor/kv_cache_parts.h"
#include "tensor/op.h"
#include "tensor/ops/attention.h"

enum { TILE_QUERIES = 64 }; /* times query heads a key head, at most; one query at least */

typedef struct cached_spec {
    attention a;
    const kv_cache *cache;
    int64_t layer;
    kv_view view;
    int64_t dk, dv, group, longest; /* group: query heads a key head */
    float scale;
} cached_spec;

/* ---- what is asked for ---------------------------------------------------------------------------------------------- */

static lorec_err check_view(const cached_spec *s, int64_t queries, int64_t *longest)
{
    const kv_view *v = &s->view;
    if (v->groups < 0 || v->first[0] != 0 || v->first[v->groups] != queries)
        return err_set(LOREC_USAGE, "attention_cached: a view of %lld queries where there are %lld",
                       (long long)v->first[v->groups], (long long)queries);
    for (int64_t g = 0; g < v->groups; g++) {
        int64_t rows = 0;
        for (int64_t j = v->span_start[g]; j < v->span_start[g + 1]; j++) {
            kv_span p = v->span[j];
            if (p.n < 0 || p.row < 0 || p.row > s->cache->rows - p.n)
                return err_set(LOREC_USAGE, "attention_cached: rows %d to %d of %lld", p.row, p.row + p.n - 1,
                               (long long)s->cache->rows);
            rows += p.n;
        }
        if (v->ahead && (v->ahead[g] < 0 || v->ahead[g] > rows))
            return err_set(LOREC_USAGE, "attention_cached: a prefix of %d of %lld rows", v->ahead[g], (long long)rows);
        for (int32_t i = v->first[g]; i < v->first[g + 1]; i++)
            if (v->seen[i] < 0 || v->seen[i] > rows)
                return err_set(LOREC_USAGE, "attention_cached: query %d sees %d rows of %lld", i, v->seen[i],
                               (long long)rows);
        if (rows > *longest) *longest = rows;
    }
    return LOREC_OK;
}

static lorec_err cached_shape(tape *t, node *n)
{
    cached_spec *s = n->spec;
    const tensor *q = n->in[0], *table = n->in[1];
    const kv_cache *c = s->cache;
    int heads = s->a.heads, kv = s->a.kv_heads ? s->a.kv_heads : heads;
    if (q->ndim != 2 || heads < 1 || kv < 1 || heads % kv || c->width[0] % kv || c->width[1] % kv ||
        q->size[1] != c->width[0] / kv * heads || s->layer < 0 || s->layer >= c->layers)
        return node_shape_error(n, "queries [n, heads * d] for a cache with keys [kv_heads * d]");
    if (s->a.bias == BIAS_TABLE && (!table || table->count != (int64_t)s->a.bias_buckets * heads ||
                                    s->a.bias_buckets < 2 || s->a.bias_max_distance < 1))
        return node_shape_error(n, "a bias table needs [buckets, heads], at least 2 buckets and a distance");
    if (s->a.prefix_k || s->a.prefix_v)
        return node_shape_error(n, "a prefix among the rows that the view names, not beside them");
    s->a.kv_heads = kv;
    s->dk = c->width[0] / kv;
    s->dv = c->width[1] / kv;
    s->group = heads / kv;
    s->scale = s->a.scale != 0 ? s->a.scale : 1 / sqrtf((float)s->dk);
    TRY(check_view(s, q->size[0], &s->longest));
    return node_output(t, n, DTYPE_F32, 2, (int64_t[]){q->size[0], heads * s->dv});
}

/* ---- tiles ------------------------------------------------------------------------------------------------------------ */

typedef struct tile {
    int32_t q0, q1; /* queries */
    int64_t g0, g1; /* their groups */
    int64_t common; /* so many first spans are the same for all of them */
    int32_t ahead;  /* rows of a prefix */
    int32_t lo, hi; /* rows that some query sees; no window: from 0 on */
} tile;

static int64_t spans_alike(const kv_view *v, int64_t a, int64_t b)
{
    int64_t n = v->span_start[a + 1] - v->span_start[a], m = v->span_start[b + 1] - v->span_start[b], i = 0;
    const kv_span *x = v->span + v->span_start[a], *y = v->span + v->span_start[b];
    while (i < n && i < m && x[i].row == y[i].row && x[i].n == y[i].n) i++;
    return i;
}

/* The first row behind the prefix that a query sees; 0 where it sees all before it. */
static int32_t first_seen(const cached_spec *s, const tile *u, int32_t query)
{
    int32_t lo = s->a.window > 0 ? s->view.seen[query] - (int32_t)s->a.window : 0;
    return lo > u->ahead ? lo : 0;
}

/* At most one tile a query; returns how many. */
static size_t cut_tiles(const cached_spec *s, tile *out)
{
    const kv_view *v = &s->view;
    int32_t most = (int32_t)(s->group < TILE_QUERIES ? TILE_QUERIES / s->group : 1);
    size_t n = 0;
    for (int64_t g = 0; g < v->groups;) {
        int64_t end = g + 1, common = v->span_start[g + 1] - v->span_start[g];
        if (end < v->groups && spans_alike(v, g, end) > 0) {
            common = spans_alike(v, g, end);
            while (end < v->groups && v->first[end + 1] - v->first[g] <= most && spans_alike(v, g, end) == common)
                end++;
            if (end == g + 1) common = v->span_start[g + 1] - v->span_start[g];
        }
        for (int32_t q = v->first[g]; q < v->first[end]; q += most) {
            tile u = {.q0 = q,
                      .q1 = v->first[end],
                      .g0 = g,
                      .g1 = end,
                      .common = common,
                      .ahead = v->ahead ? v->ahead[g] : 0,
                      .lo = INT32_MAX};
            if (end == g + 1 && u.q1 > q + most) u.q1 = q + most;
            for (int32_t i = u.q0; i < u.q1; i++) {
                if (v->seen[i] > u.hi) u.hi = v->seen[i];
                if (first_seen(s, &u, i) < u.lo) u.lo = first_seen(s, &u, i);
            }
            if (u.ahead) u.lo = 0;
            out[n++] = u;
            if (end > g + 1) break;
        }
        g = end;
    }
    return n;
}

/* ---- a tile and key head ------------------------------------------------------------------------------------------------ */

typedef struct cached_job {
    const cached_spec *s;
    const tile *tile;
    const float *q, *bias; /* bias [heads][longest] by distance back, or NULL */
    float *out;
} cached_job;

typedef struct unit {
    const cached_job *job;
    const cached_spec *s;
    const isa_kernels *cpu;
    tile tile;
    int64_t kv_head, ld;
    float *q, *score, *o; /* [queries * group][dk], [..][ld], [..][dv] */
} unit;

/* The rows of a span that starts at place `at` which some query of the tile sees: their places. */
static attention_span within(const unit *u, kv_span span, int64_t at)
{
    return (attention_span){at < u->tile.lo ? u->tile.lo : at, at + span.n > u->tile.hi ? u->tile.hi : at + span.n};
}

/* Rows r0 .. r1 - 1 of the tile (query heads) with n spans of a group, the first of which starts at place `at`. */
static void scores_of(const unit *u, int64_t r0, int64_t r1, const kv_span *span, int64_t n, int64_t at)
{
    const cached_spec *s = u->s;
    for (int64_t j = 0; j < n; at += span[j++].n) {
        attention_span put = within(u, span[j], at);
        while (put.lo < put.hi) {
            int64_t row = span[j].row + (put.lo - at), cols = KV_BLOCK - row % KV_BLOCK;
            if (cols > put.hi - put.lo) cols = put.hi - put.lo;
            u->cpu->product_f32(r1 - r0, cols, s->dk, s->scale, u->q + r0 * s->dk, s->dk, 1,
                                kv_key(s->cache, s->layer, row) + u->kv_head * s->dk * KV_BLOCK, KV_BLOCK, 0,
                                u->score + r0 * u->ld + put.lo, u->ld);
            put.lo += cols;
        }
    }
}

/* The same rows' weighted sums; *begun: there is something to add to. */
static void values_of(const unit *u, int64_t r0, int64_t r1, const kv_span *span, int64_t n, int64_t at, bool *begun)
{
    const cached_spec *s = u->s;
    int64_t vw = s->cache->width[1];
    for (int64_t j = 0; j < n; at += span[j++].n) {
        attention_span seen = within(u, span[j], at);
        if (seen.lo >= seen.hi) continue;
        u->cpu->product_f32(r1 - r0, s->dv, seen.hi - seen.lo, 1, u->score + r0 * u->ld + seen.lo, u->ld, 1,
                            kv_value(s->cache, s->layer, span[j].row + (seen.lo - at)) + u->kv_head * s->dv, vw,
                            *begun ? 1 : 0, u->o + r0 * s->dv, s->dv);
        *begun = true;
    }
}

/* Scores of one row to weights; what it does not see weighs nothing. */
static void weigh(const unit *u, int32_t query, int64_t head, float *p)
{
    const cached_spec *s = u->s;
    int64_t lo = first_seen(s, &u->tile, query), hi = s->view.seen[query], ahead = u->tile.ahead, n;
    if (ahead > hi) ahead = hi;
    int64_t gap = ahead && lo ? lo : ahead; /* rows ahead .. gap - 1 lie between the prefix and the window */
    if (ahead) lo = 0;
    n = hi - lo;
    if (s->a.softcap > 0 && n > 0) {
        for (int64_t j = lo; j < hi; j++) p[j] /= s->a.softcap;
        u->cpu->act_f32(ACT_TANH, (size_t)n, p + lo, p + lo);
        for (int64_t j = lo; j < hi; j++) p[j] *= s->a.softcap;
    }
    if (u->job->bias) {
        const float *bias = u->job->bias + head * s->longest;
        for (int64_t j = lo > ahead ? lo : ahead; j < hi; j++) p[j] += bias[hi - 1 - j];
    }
    for (int64_t j = ahead; j < gap; j++) p[j] = -INFINITY;
    for (int64_t j = u->tile.lo; j < lo; j++) p[j] = 0;
    for (int64_t j = hi; j < u->tile.hi; j++) p[j] = 0;
    if (n <= 0) return;
    float sum = u->cpu->softmax_exp_f32((size_t)n, p + lo, p + lo);
    for (int64_t j = lo; j < hi; j++) p[j] = sum > 0 ? p[j] / sum : 0;
}

static int64_t rows_in(const kv_span *span, int64_t n)
{
    int64_t rows = 0;
    for (int64_t j = 0; j < n; j++) rows += span[j].n;
    return rows;
}

static void attend_tile(const unit *u)
{
    const cached_spec *s = u->s;
    const kv_view *v = &s->view;
    const tile *b = &u->tile;
    int64_t heads = s->a.heads, queries = b->q1 - b->q0, rows = queries * s->group;
    const kv_span *shared = v->span + v->span_start[b->g0];
    int64_t shared_rows = rows_in(shared, b->common);
    for (int64_t i = 0; i < queries; i++) /* a query's heads are neighbours */
        memcpy(u->q + i * s->group * s->dk, u->job->q + ((b->q0 + i) * heads + u->kv_head * s->group) * s->dk,
               (size_t)(s->group * s->dk) * sizeof(float));
    for (int pass = 0; pass < 2; pass++) {
        bool begun = false;
        if (pass == 0)
            scores_of(u, 0, rows, shared, b->common, 0);
        else
            values_of(u, 0, rows, shared, b->common, 0, &begun);
        if (pass == 1 && !begun) memset(u->o, 0, (size_t)(rows * s->dv) * sizeof(float));
        begun = true;
        for (int64_t g = b->g0; g < b->g1; g++) {
            const kv_span *own = v->span + v->span_start[g] + b->common;
            int64_t n = v->span_start[g + 1] - v->span_start[g] - b->common;
            int64_t r0 = v->first[g] > b->q0 ? v->first[g] - b->q0 : 0,
                    r1 = v->first[g + 1] < b->q1 ? v->first[g + 1] - b->q0 : queries;
            if (pass == 0)
                scores_of(u, r0 * s->group, r1 * s->group, own, n, shared_rows);
            else
                values_of(u, r0 * s->group, r1 * s->group, own, n, shared_rows, &begun);
        }
        for (int64_t r = 0; r < rows && pass == 0; r++)
            weigh(u, b->q0 + (int32_t)(r / s->group), u->kv_head * s->group + r % s->group, u->score + r * u->ld);
    }
    for (int64_t i = 0; i < queries; i++)
        memcpy(u->job->out + ((b->q0 + i) * heads + u->kv_head * s->group) * s->dv, u->o + i * s->group * s->dv,
               (size_t)(s->group * s->dv) * sizeof(float));
}

static lorec_err attend_units(void *ctx, size_t begin, size_t end, int worker)
{
    const cached_job *job = ctx;
    const cached_spec *s = job->s;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        unit u = {.job = job,
                  .s = s,
                  .cpu = isa(),
                  .tile = job->tile[i / (size_t)s->a.kv_heads],
                  .kv_head = (int64_t)(i % (size_t)s->a.kv_heads)};
        u.ld = (u.tile.hi + 15) / 16 * 16;
        int64_t rows = (u.tile.q1 - u.tile.q0) * s->group;
        u.q = scratch_get(SCRATCH_OP, (size_t)(rows * (s->dk + s->dv + u.ld)) * sizeof(float));
        if (!u.q) return LOREC_RESOURCE;
        u.o = u.q + rows * s->dk;
        u.score = u.o + rows * s->dv;
        attend_tile(&u);
    }
    return LOREC_OK;
}

/* [heads][longest] by distance back. */
static lorec_err distance_bias(tape *t, const cached_spec *s, const tensor *table, const float **out)
{
    int64_t heads = s->a.heads;
    *out = NULL;
    if (s->a.bias == BIAS_NONE || s->longest == 0) return LOREC_OK;
    float *bias = tape_scratch(t, (size_t)(heads * s->longest) * sizeof *bias),
          *slope = tape_scratch(t, (size_t)heads * sizeof *slope);
    if (!bias || !slope) return tape_error(t);
    if (s->a.bias == BIAS_ALIBI && s->a.alibi_slopes)
        memcpy(slope, s->a.alibi_slopes, (size_t)heads * sizeof *slope);
    else
        attention_alibi_slopes((int)heads, slope);
    for (int64_t away = 0; away < s->longest; away++) {
        int32_t bucket = s->a.bias == BIAS_TABLE ? attention_bucket(&s->a, -away) : 0;
        for (int64_t h = 0; h < heads; h++)
            bias[h * s->longest + away] = s->a.bias == BIAS_TABLE ? f32(table)[bucket * heads + h]
                                                                  : -slope[h] * (float)away;
    }
    *out = bias;
    return LOREC_OK;
}

static lorec_err cached_forward(tape *t, node *n)
{
    const cached_spec *s = n->spec;
    int64_t queries = n->in[0]->size[0];
    if (queries == 0) return LOREC_OK;
    tile *tiles = tape_scratch(t, (size_t)queries * sizeof *tiles);
    if (!tiles) return tape_error(t);
    cached_job job = {.s = s, .tile = tiles, .q = f32(n->in[0]), .out = f32(n->out)};
    TRY(distance_bias(t, s, n->in[1], &job.bias));
    size_t count = cut_tiles(s, tiles) * (size_t)s->a.kv_heads;
    return par_each(count, queries * s->a.heads < 16 ? count : 1, attend_units, &job);
}

/* Not in the op table: it reads a cache, which the table's tests and previews know nothing of. */
static const op_def op_attention_cached_def = {
    .name = "attention_cached", .shape = cached_shape, .forward = cached_forward, .optional = 1u << 1};

tensor *op_attention_cached(tape *t, tensor *q, kv_cache *c, int64_t layer, const attention *spec, const kv_view *view)
{
    if (!q) return NULL;
    tensor *in[] = {tape_as_f32(t, q), spec->bias == BIAS_TABLE ? tape_as_f32(t, spec->bias_table) : NULL};
    return tape_apply(t, &op_attention_cached_def, in, 2,
                      &(cached_spec){.a = *spec, .cache = c, .layer = layer, .view = *view}, sizeof(cached_spec));
}

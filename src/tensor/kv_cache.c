#include "tensor/kv_cache.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/op.h"

struct kv_cache {
    int64_t layers, width[2]; /* of keys, of values */
    int64_t rows;             /* room for so many */
    float **kept;             /* [layers][2]: [rows][width] each */
};

kv_cache *kv_cache_new(int64_t layers, int64_t k_width, int64_t v_width)
{
    kv_cache *c;
    if (mem_new(&c, 1)) return NULL;
    *c = (kv_cache){.layers = layers, .width = {k_width, v_width}};
    if (mem_new(&c->kept, (size_t)layers * 2)) {
        mem_free(c);
        return NULL;
    }
    return c;
}

void kv_cache_free(kv_cache *c)
{
    if (!c) return;
    for (int64_t i = 0; i < c->layers * 2; i++) mem_free(c->kept[i]);
    mem_free(c->kept);
    mem_free(c);
}

size_t kv_cache_bytes(const kv_cache *c)
{
    return (size_t)(c->layers * c->rows * (c->width[0] + c->width[1])) * sizeof(float);
}

lorec_err kv_cache_reserve(kv_cache *c, int64_t rows)
{
    if (rows <= c->rows) return LOREC_OK;
    if (rows > INT32_MAX) return err_set(LOREC_RESOURCE, "%lld cached tokens are too many", (long long)rows);
    int64_t room = rows < c->rows + c->rows / 2 ? c->rows + c->rows / 2 : rows;
    for (int64_t i = 0; i < c->layers * 2; i++) {
        float *wider;
        size_t width = (size_t)c->width[i % 2], count;
        if (!size_mul((size_t)room, width, &count)) return err_set(LOREC_RESOURCE, "the cache would be too large");
        TRY(mem_new(&wider, count)); /* arrays already exchanged are only longer than `rows` says */
        if (c->rows) memcpy(wider, c->kept[i], (size_t)c->rows * width * sizeof *wider);
        mem_free(c->kept[i]);
        c->kept[i] = wider;
    }
    c->rows = room;
    return LOREC_OK;
}

static lorec_err store(kv_cache *c, int64_t layer, int which, const tensor *x, const int32_t *row)
{
    int64_t width = c->width[which], n = x->size[0];
    if (x->ndim != 2 || x->size[1] != width || layer < 0 || layer >= c->layers)
        return err_set(LOREC_USAGE, "kv_cache_store: layer %lld, values [%lld, %lld] where [n, %lld] are kept",
                       (long long)layer, (long long)n, (long long)x->size[x->ndim - 1], (long long)width);
    float *kept = c->kept[layer * 2 + which];
    for (int64_t i = 0; i < n; i++) {
        if (row[i] < 0 || row[i] >= c->rows)
            return err_set(LOREC_USAGE, "kv_cache_store: row %d of %lld; reserve first", row[i], (long long)c->rows);
        if (x->type == DTYPE_BF16)
            isa()->from_bf16((size_t)width, bf16(x) + i * width, kept + row[i] * width);
        else
            memcpy(kept + row[i] * width, f32(x) + i * width, (size_t)width * sizeof *kept);
    }
    return LOREC_OK;
}

void kv_cache_store(tape *t, kv_cache *c, int64_t layer, tensor *k, tensor *v, const int32_t *row)
{
    if (!k || !v || tape_error(t)) return;
    lorec_err e = store(c, layer, 0, k, row);
    if (!e) e = store(c, layer, 1, v, row);
    if (e) tape_fail(t, e);
}

/* ---- attention over cached rows --------------------------------------------------------------------------------------- */

typedef struct cached_spec {
    attention a;
    const kv_cache *cache;
    int64_t layer;
    kv_view view;
    int64_t dk, dv, longest;
} cached_spec;

static lorec_err cached_shape(tape *t, node *n)
{
    cached_spec *s = n->spec;
    const tensor *q = n->in[0];
    if (s->a.kv_heads == 0) s->a.kv_heads = s->a.heads;
    const kv_cache *c = s->cache;
    int heads = s->a.heads, kv = s->a.kv_heads;
    if (q->ndim != 2 || q->size[0] != s->view.n || heads < 1 || kv < 1 || heads % kv || c->width[0] % kv ||
        c->width[1] % kv || q->size[1] != c->width[0] / kv * heads || s->layer < 0 || s->layer >= c->layers)
        return node_shape_error(n, "queries [n, heads * d] for n views of a cache with keys [kv_heads * d]");
    if (s->a.bias != BIAS_NONE) return err_set(LOREC_USAGE, "attention_cached: no position bias yet");
    s->dk = c->width[0] / kv;
    s->dv = c->width[1] / kv;
    for (int64_t i = 0; i < s->view.n; i++) {
        int64_t length = s->view.start[i + 1] - s->view.start[i];
        if (length > s->longest) s->longest = length;
        for (int64_t j = s->view.start[i]; j < s->view.start[i + 1]; j++)
            if (s->view.seen[j] < 0 || s->view.seen[j] >= c->rows)
                return err_set(LOREC_USAGE, "attention_cached: row %d of %lld", s->view.seen[j], (long long)c->rows);
    }
    return node_output(t, n, DTYPE_F32, 2, (int64_t[]){s->view.n, heads * s->dv});
}

typedef struct cached_job {
    const cached_spec *s;
    const float *q;
    float *out, *scores; /* scores: [workers][longest] */
} cached_job;

/* Unit u is (row, head): two passes over the rows seen, as they are few. */
static lorec_err attend_units(void *ctx, size_t begin, size_t end, int worker)
{
    const cached_job *job = ctx;
    const cached_spec *s = job->s;
    const isa_kernels *fast = isa();
    int64_t heads = s->a.heads, group = heads / s->a.kv_heads;
    const float *keys = s->cache->kept[s->layer * 2], *values = s->cache->kept[s->layer * 2 + 1];
    const int64_t kw = s->cache->width[0], vw = s->cache->width[1];
    float scale = s->a.scale != 0 ? s->a.scale : 1 / sqrtf((float)s->dk), *p = job->scores + worker * s->longest;
    for (size_t u = begin; u < end; u++) {
        int64_t row = (int64_t)u / heads, head = (int64_t)u % heads, from = s->view.start[row],
                to = s->view.start[row + 1];
        if (s->a.window > 0 && to - from > s->a.window) from = to - s->a.window;
        const int32_t *seen = s->view.seen + from;
        const float *q = job->q + (int64_t)u * s->dk, *k = keys + head / group * s->dk,
                    *v = values + head / group * s->dv;
        float *y = job->out + (int64_t)u * s->dv;
        memset(y, 0, (size_t)s->dv * sizeof *y);
        if (from == to) continue;
        for (int64_t j = 0; j < to - from; j++) {
            p[j] = scale * fast->dot_f32((size_t)s->dk, q, k + seen[j] * kw);
            if (s->a.softcap > 0) p[j] = s->a.softcap * tanhf(p[j] / s->a.softcap);
        }
        float sum = fast->softmax_exp_f32((size_t)(to - from), p, p);
        for (int64_t j = 0; j < to - from; j++) fast->axpy_f32((size_t)s->dv, p[j] / sum, v + seen[j] * vw, y);
    }
    return LOREC_OK;
}

static lorec_err cached_forward(tape *t, node *n)
{
    const cached_spec *s = n->spec;
    cached_job job = {.s = s, .q = f32(n->in[0]), .out = f32(n->out)};
    job.scores = tape_scratch(t, (size_t)(par_workers() * s->longest) * sizeof(float));
    if (!job.scores) return LOREC_RESOURCE;
    return par_each((size_t)(s->view.n * s->a.heads), 8, attend_units, &job);
}

/* Not in the op table: it reads a cache, which the table's tests and previews know nothing of. */
static const op_def op_attention_cached_def = {"attention_cached", cached_shape, cached_forward};

tensor *op_attention_cached(tape *t, tensor *q, kv_cache *c, int64_t layer, const attention *spec, const kv_view *view)
{
    q = q ? tape_as_f32(t, q) : NULL;
    return tape_apply(t, &op_attention_cached_def, &q, 1,
                      &(cached_spec){.a = *spec, .cache = c, .layer = layer, .view = *view}, sizeof(cached_spec));
}

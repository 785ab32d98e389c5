#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/packed.h"
#include "tensor/rng.h"
#include "tensor/tape.h"

struct params {
    uint64_t seed, version;
    tensor **p;
    size_t n, cap;
    bool joined; /* the parameters are other sets' */
    lorec_err err;
    char message[1024];
    int64_t limit, values; /* limit 0: none; values: in all of them */
    arena packed;          /* all packed weights */
    params_supply_fn *supply;
    void *supply_ctx;
    pthread_mutex_t lock; /* of the bf16 copies: several tapes may read the same parameters */
};

params *params_new(uint64_t seed)
{
    params *ps;
    if (mem_new(&ps, 1)) return NULL;
    ps->seed = seed;
    pthread_mutex_init(&ps->lock, NULL);
    return ps;
}

static void param_free(tensor *p)
{
    if (!p) return;
    if (p->param) {
        mem_free(p->param->name);
        mem_free(p->param->touched);
        mem_free(p->param->touched_list);
        mem_free(p->param->bf16);
    }
    mem_free(p->param);
    if (p->type != DTYPE_PACKED) mem_free(p->data);
    mem_free(p->grad);
    mem_free(p);
}

void params_free(params *ps)
{
    if (!ps) return;
    for (size_t i = 0; i < ps->n && !ps->joined; i++) param_free(ps->p[i]);
    mem_free(ps->p);
    arena_free(&ps->packed);
    pthread_mutex_destroy(&ps->lock);
    mem_free(ps);
}

lorec_err params_error(const params *ps)
{
    return ps->err ? err_set(ps->err, "%s", ps->message) : LOREC_OK;
}

static tensor *params_fail(params *ps, lorec_err e)
{
    if (ps->err == LOREC_OK) {
        ps->err = e;
        snprintf(ps->message, sizeof ps->message, "%s", lorec_error_message());
    }
    return NULL;
}

/* ---- initial values ------------------------------------------------------------------------------------------------ */

init init_xavier_uniform(int64_t fan_in, int64_t fan_out)
{
    return INIT_UNIFORM(sqrt(6.0 / (double)(fan_in + fan_out)));
}

init init_xavier_normal(int64_t fan_in, int64_t fan_out)
{
    return INIT_NORMAL(sqrt(2.0 / (double)(fan_in + fan_out)));
}

init init_torch_linear(int64_t fan_in)
{
    return INIT_UNIFORM(1 / sqrt((double)fan_in));
}

typedef struct drawing {
    float *data;
    int64_t count;
    init how;
    uint64_t seed, stream;
} drawing;

static double unit(uint32_t draw) /* (0, 1) */
{
    return ((double)draw + 0.5) * 0x1p-32;
}

static void normal_pair(uint32_t a, uint32_t b, double out[2])
{
    double radius = sqrt(-2 * log(unit(a))), angle = 2 * M_PI * unit(b);
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

/* Values 4 * block .. 4 * block + 3 come from that block alone (and, where a normal falls outside two standard
 * deviations and is drawn again, from blocks that only they use): any worker draws the same. */
static lorec_err draw_blocks(void *ctx, size_t begin, size_t end, int worker)
{
    const drawing *d = ctx;
    (void)worker;
    for (size_t block = begin; block < end; block++) {
        uint32_t u[4];
        double v[4];
        rng_block(d->seed, d->stream, block, u);
        if (d->how.kind == INIT_KIND_UNIFORM) {
            for (int i = 0; i < 4; i++) v[i] = (2 * unit(u[i]) - 1) * d->how.a;
        } else {
            normal_pair(u[0], u[1], v);
            normal_pair(u[2], u[3], v + 2);
            for (int i = 0; i < 4; i++) {
                uint64_t again = 0;
                while (d->how.kind == INIT_KIND_TRUNC_NORMAL && fabs(v[i]) > 2) {
                    double fresh[2];
                    rng_block(d->seed, d->stream, ++again << 48 | block, u);
                    normal_pair(u[i & 2], u[(i & 2) + 1], fresh);
                    v[i] = fresh[i & 1];
                }
                v[i] *= d->how.a;
            }
        }
        for (int64_t i = 0; i < 4 && (int64_t)block * 4 + i < d->count; i++)
            d->data[(int64_t)block * 4 + i] = (float)v[i];
    }
    return LOREC_OK;
}

static lorec_err param_draw(const params *ps, tensor *p, init how)
{
    if (how.kind == INIT_KIND_ZERO) return LOREC_OK; /* fresh memory is zero */
    if (how.kind == INIT_KIND_CONST) {
        for (int64_t i = 0; i < p->count; i++) f32(p)[i] = (float)how.a;
        return LOREC_OK;
    }
    const char *name = p->param->name;
    drawing d = {p->data, p->count, how, ps->seed, XXH3_64bits_withSeed(name, strlen(name), RNG_INIT)};
    return par_for((size_t)(p->count + 3) / 4, 4096, draw_blocks, &d);
}

/* A parameter without values, not in the list yet. */
static lorec_err param_new(params *ps, tensor **out, const char *name, int ndim, const int64_t *shape)
{
    tensor *p;
    TRY(mem_new(&p, 1));
    *out = p;
    TRY(mem_new(&p->param, 1));
    TRY(mem_dup(&p->param->name, name));
    TRY(mem_grow(&ps->p, &ps->cap, ps->n + 1));
    p->type = DTYPE_F32;
    p->ndim = ndim;
    p->count = shape_count(ndim, shape);
    memcpy(p->size, shape, (size_t)ndim * sizeof *shape);
    p->needs_grad = p->rowless = true;
    p->param->owner = ps;
    return LOREC_OK;
}

/* Into the list, or away with it. */
static tensor *param_keep(params *ps, tensor *p, const char *name, lorec_err e)
{
    if (e) {
        param_free(p);
        return params_fail(ps, err_context(e, "the parameter %s", name));
    }
    ps->p[ps->n++] = p;
    param_changed(p);
    return p;
}

tensor *params_add(params *ps, const char *name, init how, int ndim, const int64_t *shape)
{
    char text[128];
    if (ps->err) return NULL;
    if (params_find(ps, name))
        return params_fail(ps, err_set(LOREC_USAGE, "the parameter %s is made twice; names are unique", name));
    int64_t count = ndim < 1 || ndim > TENSOR_MAX_DIMS ? -1 : shape_count(ndim, shape);
    if (count < 0)
        return params_fail(
            ps, err_set(LOREC_USAGE, "the parameter %s can not have %d dimensions of sizes %s", name, ndim,
                        ndim > 0 && ndim <= TENSOR_MAX_DIMS ? shape_text(text, sizeof text, ndim, shape) : "[]"));
    if (ps->limit && count > ps->limit - ps->values)
        return params_fail(ps,
                           err_set(LOREC_INPUT,
                                   "the parameter %s %s does not fit: with it the model has more than the %lld values "
                                   "that it may have",
                                   name, shape_text(text, sizeof text, ndim, shape), (long long)ps->limit));
    ps->values += count;
    packed_source source = {0};
    if (ps->supply && ps->supply(ps->supply_ctx, name, ndim, shape, &source))
        return params_add_packed(ps, name, &source);
    tensor *p = NULL;
    lorec_err e = param_new(ps, &p, name, ndim, shape);
    if (e == LOREC_OK) e = mem_new((float **)&p->data, (size_t)(count ? count : 1));
    if (e == LOREC_OK && !ps->supply) e = param_draw(ps, p, how);
    return param_keep(ps, p, name, e);
}

params *params_join(params *const *sets, size_t n)
{
    params *ps = params_new(0);
    lorec_err e = ps ? LOREC_OK : LOREC_RESOURCE;
    if (ps) ps->joined = true;
    for (size_t i = 0; i < n && !e; i++) {
        for (size_t k = 0; k < sets[i]->n && !e; k++)
            if (params_find(ps, sets[i]->p[k]->param->name))
                e = err_set(LOREC_USAGE, "two sets have a parameter %s", sets[i]->p[k]->param->name);
        if (!e) e = mem_grow(&ps->p, &ps->cap, ps->n + sets[i]->n);
        for (size_t k = 0; k < sets[i]->n && !e; k++) ps->p[ps->n++] = sets[i]->p[k];
    }
    if (!e) return ps;
    params_free(ps);
    return NULL;
}

void params_limit(params *ps, int64_t values)
{
    ps->limit = values;
}

void params_supply(params *ps, params_supply_fn *supply, void *ctx)
{
    ps->supply = supply;
    ps->supply_ctx = ctx;
}

tensor *params_add_packed(params *ps, const char *name, const packed_source *s)
{
    if (ps->err) return NULL;
    if (params_find(ps, name))
        return params_fail(ps, err_set(LOREC_USAGE, "the parameter %s is made twice; names are unique", name));
    tensor *p = NULL;
    packed *w = NULL;
    lorec_err e = param_new(ps, &p, name, 2, (int64_t[]){s->in_out ? s->in : s->out, s->in_out ? s->out : s->in});
    if (e == LOREC_OK) e = packed_new(&w, s, &ps->packed);
    if (e == LOREC_OK) {
        p->type = DTYPE_PACKED;
        p->data = w;
        p->needs_grad = false;
        p->param->frozen = true;
    }
    return param_keep(ps, p, name, e);
}

/* ---- looking --------------------------------------------------------------------------------------------------------- */

tensor *params_find(const params *ps, const char *name)
{
    for (size_t i = 0; i < ps->n; i++)
        if (strcmp(ps->p[i]->param->name, name) == 0) return ps->p[i];
    return NULL;
}

size_t params_count(const params *ps)
{
    return ps->n;
}

tensor *params_at(const params *ps, size_t i)
{
    return ps->p[i];
}

int64_t params_values(const params *ps)
{
    int64_t sum = 0;
    for (size_t i = 0; i < ps->n; i++) sum += ps->p[i]->count;
    return sum;
}

uint64_t params_version(const params *ps)
{
    return ps->version;
}

void param_changed(tensor *p)
{
    p->param->version = ++p->param->owner->version;
}

const uint16_t *param_bf16(tensor *p)
{
    struct param_state *s = p->param;
    lorec_err e = LOREC_OK;
    pthread_mutex_lock(&s->owner->lock);
    if (!s->bf16) {
        e = mem_new((uint16_t **)&s->bf16, (size_t)(p->count ? p->count : 1));
        s->bf16_version = 0;
    }
    if (e == LOREC_OK && s->bf16_version != s->version) {
        isa()->to_bf16((size_t)p->count, f32(p), s->bf16);
        s->bf16_version = s->version;
    }
    pthread_mutex_unlock(&s->owner->lock);
    return e ? NULL : s->bf16;
}

/* ---- gradients ------------------------------------------------------------------------------------------------------- */

lorec_err param_grad_memory(tensor *p)
{
    struct param_state *s = p->param;
    if (!p->grad) {
        lorec_err e = mem_new((float **)&p->grad, (size_t)(p->count ? p->count : 1));
        if (e) return err_context(e, "the gradient of %s", s->name);
        p->grad_written = false;
    }
    if (!s->sparse) return LOREC_OK;
    if (!s->touched) TRY(mem_new(&s->touched, (size_t)p->size[0]));
    if (!s->touched_list) TRY(mem_new(&s->touched_list, (size_t)p->size[0]));
    return LOREC_OK;
}

float *param_touch_row(tensor *p, int64_t row)
{
    struct param_state *s = p->param;
    size_t width = (size_t)(p->count / p->size[0]);
    float *g = grad(p) + (size_t)row * width;
    if (!s->touched[row]) {
        s->touched[row] = 1;
        s->touched_list[s->n_touched++] = (int32_t)row;
        memset(g, 0, width * sizeof *g);
    }
    return g;
}

void param_touch_all(tensor *p)
{
    for (int64_t i = 0; p->count && i < p->size[0] && p->param->n_touched < p->size[0]; i++) param_touch_row(p, i);
    p->grad_written = true;
}

void param_clear_grad(tensor *p)
{
    struct param_state *s = p->param;
    p->grad_written = false;
    for (int64_t i = 0; i < s->n_touched; i++) s->touched[s->touched_list[i]] = 0;
    s->n_touched = 0;
}

lorec_err params_zero_grad(params *ps)
{
    for (size_t i = 0; i < ps->n; i++) param_clear_grad(ps->p[i]);
    return LOREC_OK;
}

typedef struct noising {
    float *grad;
    int64_t count;
    double sd, by;
    uint64_t seed, stream;
} noising;

static lorec_err noise_blocks(void *ctx, size_t begin, size_t end, int worker)
{
    const noising *d = ctx;
    (void)worker;
    for (size_t block = begin; block < end; block++) {
        uint32_t u[4];
        double v[4] = {0};
        if (d->sd != 0) {
            rng_block(d->seed, d->stream, block, u);
            normal_pair(u[0], u[1], v);
            normal_pair(u[2], u[3], v + 2);
        }
        for (int64_t i = 0, at = (int64_t)block * 4; i < 4 && at + i < d->count; i++)
            d->grad[at + i] = (float)((d->grad[at + i] + d->sd * v[i]) * d->by);
    }
    return LOREC_OK;
}

lorec_err params_noise_grad(params *ps, double sd, double by, uint64_t seed, uint64_t step)
{
    for (size_t i = 0; i < ps->n; i++) {
        tensor *p = ps->p[i];
        const char *name = p->param->name;
        if (!p->needs_grad) continue;
        TRY(param_grad_memory(p));
        if (p->param->sparse)
            param_touch_all(p);
        else if (!p->grad_written && p->count)
            memset(p->grad, 0, (size_t)p->count * sizeof(float));
        p->grad_written = true;
        noising d = {grad(p), p->count, sd,
                     by,      seed,     XXH3_64bits_withSeed(name, strlen(name), RNG_NOISE + (step << 8))};
        TRY(par_for((size_t)(p->count + 3) / 4, 4096, noise_blocks, &d));
    }
    return LOREC_OK;
}

void params_freeze(tensor *p, bool frozen)
{
    if (p->type == DTYPE_PACKED) return; /* frozen for good */
    p->param->frozen = frozen;
    p->needs_grad = !frozen;
    if (!frozen) return;
    param_clear_grad(p);
    mem_free(p->grad);
    p->grad = NULL;
}

bool params_frozen(const tensor *p)
{
    return !p->needs_grad;
}

void params_freeze_all(params *ps, bool frozen)
{
    for (size_t i = 0; i < ps->n; i++) params_freeze(ps->p[i], frozen);
}

void params_sparse_rows(tensor *p, bool sparse)
{
    if (p->param->sparse == sparse || p->size[0] > INT32_MAX) return;
    param_clear_grad(p);
    p->param->sparse = sparse;
}

/* ---- arithmetic on whole models ---------------------------------------------------------------------------------------- */

static lorec_err same_shape(const tensor *a, const tensor *b, const char *name)
{
    if (!b) return err_set(LOREC_USAGE, "the other model has no parameter %s", name);
    if (a->ndim == b->ndim && memcmp(a->size, b->size, (size_t)a->ndim * sizeof *a->size) == 0) return LOREC_OK;
    char ours[128], theirs[128];
    return err_set(LOREC_USAGE, "the parameter %s has shape %s here and %s there", name,
                   shape_text(ours, sizeof ours, a->ndim, a->size),
                   shape_text(theirs, sizeof theirs, b->ndim, b->size));
}

/* Packed weights can not be computed with; copies of them would double the memory. */
static lorec_err all_plain(const params *ps)
{
    for (size_t i = 0; i < ps->n; i++)
        if (ps->p[i]->type == DTYPE_PACKED)
            return err_set(LOREC_USAGE, "the parameter %s is packed; load the model as f32 for this",
                           ps->p[i]->param->name);
    return LOREC_OK;
}

static lorec_err same_names(const params *a, const params *b)
{
    for (size_t i = 0; i < a->n; i++)
        TRY(same_shape(a->p[i], params_find(b, a->p[i]->param->name), a->p[i]->param->name));
    if (a->n != b->n) return err_set(LOREC_USAGE, "one model has %zu parameters, the other %zu", a->n, b->n);
    return LOREC_OK;
}

lorec_err params_copy(params *to, const params *from)
{
    TRY(same_names(to, from));
    TRY(all_plain(to));
    TRY(all_plain(from));
    for (size_t i = 0; i < to->n; i++) {
        const tensor *source = params_find(from, to->p[i]->param->name);
        if (source->count) memcpy(to->p[i]->data, source->data, (size_t)source->count * sizeof(float));
        param_changed(to->p[i]);
    }
    return LOREC_OK;
}

lorec_err params_axpy(params *to, double a, const params *from)
{
    TRY(same_names(to, from));
    TRY(all_plain(to));
    TRY(all_plain(from));
    for (size_t i = 0; i < to->n; i++) {
        const tensor *source = params_find(from, to->p[i]->param->name);
        isa()->axpy_f32((size_t)source->count, (float)a, f32(source), f32(to->p[i]));
        param_changed(to->p[i]);
    }
    return LOREC_OK;
}

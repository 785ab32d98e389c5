/* The update rules are torch.optim's (SGD, Adam, AdamW, Adagrad), eps and bias correction placed as there. A step reads
 * the gradients once for their norm and once for the update; clearing them writes nothing (they are marked unwritten). */
#include "tensor/optimizer.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/optimizer_state.h"

enum { SPAN = 1 << 15 };

typedef struct span {
    tensor *p;
    slot *state;
    int64_t begin, end; /* values; of a sparse parameter: entries of touched_list */
    double squares;
} span;

optimizer *optimizer_new(params *ps, const optimizer_options *options)
{
    optimizer *o;
    if (mem_new(&o, 1)) return NULL;
    o->ps = ps;
    o->opt = *options;
    if (o->opt.beta1 == 0) o->opt.beta1 = 0.9;
    if (o->opt.beta2 == 0) o->opt.beta2 = 0.999;
    if (o->opt.eps == 0) o->opt.eps = o->opt.kind == OPT_ADAGRAD ? 1e-10 : 1e-8;
    if (optimizer_slots(o)) {
        optimizer_free(o);
        return NULL;
    }
    return o;
}

void optimizer_free(optimizer *o)
{
    if (!o) return;
    for (size_t i = 0; i < o->n_slots; i++) {
        mem_free(o->slots[i].m);
        mem_free(o->slots[i].v);
    }
    mem_free(o->slots);
    mem_free(o->spans);
    mem_free(o);
}

lorec_err optimizer_slots(optimizer *o)
{
    size_t n = params_count(o->ps);
    TRY(mem_grow(&o->slots, &o->slots_cap, n));
    for (; o->n_slots < n; o->n_slots++)
        o->slots[o->n_slots] = (slot){.lr_factor = 1, .weight_decay = o->opt.weight_decay};
    return LOREC_OK;
}

lorec_err optimizer_group(optimizer *o, const char *name_glob, double lr_factor, double weight_decay)
{
    TRY(optimizer_slots(o));
    size_t matched = 0;
    for (size_t i = 0; i < o->n_slots; i++) {
        if (fnmatch(name_glob, params_at(o->ps, i)->param->name, 0)) continue;
        o->slots[i].lr_factor = lr_factor;
        o->slots[i].weight_decay = weight_decay;
        matched++;
    }
    return matched ? LOREC_OK : err_set(LOREC_USAGE, "no parameter is named like \"%s\"", name_glob);
}

uint64_t optimizer_steps(const optimizer *o)
{
    return o->steps;
}

bool optimizer_uses_m(const optimizer *o)
{
    return o->opt.kind == OPT_ADAM || o->opt.kind == OPT_ADAMW || (o->opt.kind == OPT_SGD && o->opt.momentum != 0);
}

bool optimizer_uses_v(const optimizer *o)
{
    return o->opt.kind != OPT_SGD;
}

/* ---- the gradients in spans of even size, for all workers ------------------------------------------------------------ */

static int64_t row_width(const tensor *p)
{
    return p->size[0] ? p->count / p->size[0] : 0;
}

/* states NULL: for their norm only. */
static lorec_err spans_make(const params *ps, slot *states, span **spans, size_t *cap, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < params_count(ps); i++) {
        tensor *p = params_at(ps, i);
        if (!p->grad || !p->grad_written || p->param->frozen) continue;
        bool sparse = p->param->sparse;
        int64_t total = sparse ? p->param->n_touched : p->count;
        int64_t length = sparse ? SPAN / (row_width(p) + 1) + 1 : SPAN;
        for (int64_t at = 0; at < total; at += length) {
            TRY(mem_grow(spans, cap, *n + 1));
            (*spans)[(*n)++] = (span){p, states ? &states[i] : NULL, at, at + length < total ? at + length : total, 0};
        }
    }
    return LOREC_OK;
}

/* Sums of short pieces in f32 (fast), of pieces in double; a piece too large for f32's range again in double. */
static double squares_of(const float *g, int64_t n)
{
    enum { PIECE_VALUES = 1024 };
    double sum = 0;
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < PIECE_VALUES ? n - i : PIECE_VALUES;
        double piece = isa()->dot_f32((size_t)m, g + i, g + i);
        if (!isfinite(piece)) {
            piece = 0;
            for (int64_t j = i; j < i + m; j++) piece += (double)g[j] * g[j];
        }
        sum += piece;
    }
    return sum;
}

static lorec_err spans_square(void *ctx, size_t begin, size_t end, int worker)
{
    span *spans = ctx;
    (void)worker;
    for (span *s = spans + begin; s < spans + end; s++) {
        const float *g = grad(s->p);
        if (!s->p->param->sparse) {
            s->squares = squares_of(g + s->begin, s->end - s->begin);
            continue;
        }
        for (int64_t i = s->begin; i < s->end; i++)
            s->squares += squares_of(g + s->p->param->touched_list[i] * row_width(s->p), row_width(s->p));
    }
    return LOREC_OK;
}

double params_grad_norm(const params *ps)
{
    span *spans = NULL;
    size_t cap = 0, n;
    double sum = 0;
    if (spans_make(ps, NULL, &spans, &cap, &n) || par_for(n, 1, spans_square, spans)) sum = NAN;
    for (size_t i = 0; i < n; i++) sum += spans[i].squares;
    mem_free(spans);
    return sqrt(sum);
}

/* ---- the rules ---------------------------------------------------------------------------------------------------------- */

/* One step's scalars, in the parameter's group. */
typedef struct rule {
    optimizer_kind kind;
    float lr, decay, keep; /* decay: added to the gradient; keep: AdamW's factor on the value */
    float clip, momentum;
    float rest1, beta2, rest2;  /* 1 - beta, taken in double: 1 - 0.999f is 5e-5 off */
    float eps, inv_correction2; /* of sqrt(v) */
} rule;

static void update_sgd(const rule *r, size_t n, float *p, const float *g, float *m)
{
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * r->clip + r->decay * p[i];
        if (m) d = m[i] = r->momentum * m[i] + d;
        p[i] -= r->lr * d;
    }
}

static void update_adam(const rule *r, size_t n, float *restrict p, const float *restrict g, float *restrict m,
                        float *restrict v)
{
    float rest1 = r->rest1, rest2 = r->rest2;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * r->clip + r->decay * p[i];
        m[i] += rest1 * (d - m[i]);
        v[i] = r->beta2 * v[i] + rest2 * d * d;
        p[i] = p[i] * r->keep - r->lr * (m[i] / (sqrtf(v[i]) * r->inv_correction2 + r->eps));
    }
}

static void update_adagrad(const rule *r, size_t n, float *restrict p, const float *restrict g, float *restrict v)
{
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * r->clip + r->decay * p[i];
        v[i] += d * d;
        p[i] -= r->lr * (d / (sqrtf(v[i]) + r->eps));
    }
}

static void update(const rule *r, const span *s, int64_t at, int64_t n)
{
    float *p = f32(s->p) + at, *m = s->state->m ? s->state->m + at : NULL, *v = s->state->v ? s->state->v + at : NULL;
    const float *g = grad(s->p) + at;
    if (r->kind == OPT_SGD)
        update_sgd(r, (size_t)n, p, g, m);
    else if (r->kind == OPT_ADAGRAD)
        update_adagrad(r, (size_t)n, p, g, v);
    else
        update_adam(r, (size_t)n, p, g, m, v);
}

/* Of a dense parameter, piece by piece: the bf16 copy that the next forward pass wants is made while the values are in the
 * cache. */
static void update_dense(const rule *r, const span *s)
{
    enum { PIECE_VALUES = 2048 };
    uint16_t *half = s->p->param->bf16;
    for (int64_t at = s->begin, n; at < s->end; at += n) {
        n = s->end - at < PIECE_VALUES ? s->end - at : PIECE_VALUES;
        update(r, s, at, n);
        if (half) isa()->to_bf16((size_t)n, f32(s->p) + at, half + at);
    }
}

typedef struct update_job {
    const optimizer *o;
    const span *spans;
    double lr_scale, clip;
} update_job;

static rule rule_of(const update_job *job, const slot *state)
{
    const optimizer_options *opt = &job->o->opt;
    double lr = opt->lr * job->lr_scale * state->lr_factor, step = (double)job->o->steps + 1;
    bool adam = opt->kind == OPT_ADAM || opt->kind == OPT_ADAMW, decoupled = opt->kind == OPT_ADAMW;
    double correction1 = adam ? 1 - pow(opt->beta1, step) : 1, correction2 = adam ? 1 - pow(opt->beta2, step) : 1;
    return (rule){.kind = opt->kind,
                  .lr = (float)(lr / correction1),
                  .decay = decoupled ? 0 : (float)state->weight_decay,
                  .keep = decoupled ? (float)(1 - lr * state->weight_decay) : 1,
                  .clip = (float)job->clip,
                  .momentum = (float)opt->momentum,
                  .rest1 = (float)(1 - opt->beta1),
                  .rest2 = (float)(1 - opt->beta2),
                  .beta2 = (float)opt->beta2,
                  .eps = (float)opt->eps,
                  .inv_correction2 = (float)(1 / sqrt(correction2))};
}

static lorec_err spans_update(void *ctx, size_t begin, size_t end, int worker)
{
    const update_job *job = ctx;
    (void)worker;
    for (const span *s = job->spans + begin; s < job->spans + end; s++) {
        rule r = rule_of(job, s->state);
        int64_t width = row_width(s->p);
        if (!s->p->param->sparse)
            update_dense(&r, s);
        else
            for (int64_t i = s->begin; i < s->end; i++) update(&r, s, s->p->param->touched_list[i] * width, width);
    }
    return LOREC_OK;
}

lorec_err optimizer_moments(optimizer *o, size_t i)
{
    slot *s = &o->slots[i];
    size_t count = (size_t)params_at(o->ps, i)->count;
    if (optimizer_uses_m(o) && !s->m) TRY(mem_new(&s->m, count));
    if (optimizer_uses_v(o) && !s->v) TRY(mem_new(&s->v, count));
    return LOREC_OK;
}

lorec_err optimizer_step(optimizer *o, double lr_scale)
{
    TRY(optimizer_slots(o));
    size_t n;
    TRY(spans_make(o->ps, o->slots, (span **)&o->spans, &o->spans_cap, &n));
    span *spans = o->spans;
    TRY(par_for(n, 1, spans_square, spans));
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(spans[i].squares))
            return err_set(LOREC_FAILED,
                           "the gradient of %s is not finite in step %llu; use a smaller learning rate, "
                           "clip_norm, or look for values that overflow",
                           spans[i].p->param->name, (unsigned long long)o->steps + 1);
        squares += spans[i].squares;
    }
    for (size_t i = 0; i < n; i++) TRY(optimizer_moments(o, (size_t)(spans[i].state - o->slots)));
    /* torch.nn.utils.clip_grad_norm_: the norm gets 1e-6 more, and small norms are left alone */
    double clip = o->opt.clip_norm > 0 ? o->opt.clip_norm / (sqrt(squares) + 1e-6) : 1;
    update_job job = {o, spans, lr_scale, clip < 1 ? clip : 1};
    TRY(par_for(n, 1, spans_update, &job));
    o->steps++;
    for (size_t i = 0; i < params_count(o->ps); i++) {
        tensor *p = params_at(o->ps, i);
        if (p->grad && p->grad_written && !p->param->frozen) {
            param_changed(p);
            if (!p->param->sparse)
                p->param->bf16_version = p->param->version; /* update_dense made it, where there is one */
        }
        param_clear_grad(p);
    }
    return LOREC_OK;
}

double schedule_at(const schedule *s, uint64_t step)
{
    if (step < s->warmup) return (double)(step + 1) / (double)s->warmup;
    if (s->kind == SCHEDULE_CONSTANT || s->total <= s->warmup) return 1;
    double done = (double)(step - s->warmup) / (double)(s->total - s->warmup);
    if (done > 1) done = 1;
    double left = s->kind == SCHEDULE_LINEAR ? 1 - done : 0.5 * (1 + cos(M_PI * done));
    return s->floor + (1 - s->floor) * left;
}

/* Gradients: who gets which buffer, the pass back through the tape, and per-example norms. */
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/tape.h"

/* A gradient is dead as soon as the op that made its tensor has run backward; the next one of that size takes its
 * memory while it is still in the cache. */
typedef struct free_grad {
    struct free_grad *next;
    size_t bytes;
} free_grad;

void *tape_reuse(tape *t, size_t bytes)
{
    for (free_grad **at = &t->free_grads; *at; at = &(*at)->next) {
        free_grad *f = *at;
        if (f->bytes != bytes) continue;
        *at = f->next;
        return f;
    }
    return tape_alloc(t, bytes);
}

void tape_give_back(tape *t, void *memory, size_t bytes)
{
    if (bytes < sizeof(free_grad)) return;
    free_grad *f = memory;
    *f = (free_grad){t->free_grads, bytes};
    t->free_grads = f;
}

static void grad_release(tape *t, tensor *x)
{
    x->grad_written = false;
    if (!x->grad || x->grad_bytes < sizeof(free_grad)) return;
    tape_give_back(t, x->grad, x->grad_bytes);
    x->grad = NULL;
}

void *node_grad_any(tape *t, tensor *x, float *beta)
{
    *beta = 0;
    if (!x || !x->needs_grad) return NULL;
    if (x->param) {
        lorec_err e = param_grad_memory(x);
        if (e) return tape_fail(t, e);
        if (x->param->sparse) param_touch_all(x);
    } else if (!x->grad) {
        x->grad_bytes = (size_t)x->count * dtype_bytes(x->type);
        if (!(x->grad = tape_reuse(t, x->grad_bytes))) return NULL;
    }
    *beta = x->grad_written ? 1 : 0;
    x->grad_written = true;
    return x->grad;
}

float *node_grad(tape *t, tensor *x, float *beta)
{
    if (x && x->needs_grad && x->type != DTYPE_F32) {
        tape_fail(t, err_set(LOREC_USAGE, "an op that computes in f32 was given a bf16 tensor"));
        return NULL;
    }
    return node_grad_any(t, x, beta);
}

static lorec_err zero_bytes(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    memset((char *)ctx + begin, 0, end - begin);
    return LOREC_OK;
}

void *node_grad_zeroed(tape *t, tensor *x)
{
    float beta;
    void *g = node_grad_any(t, x, &beta);
    if (g && beta == 0) par_for((size_t)x->count * dtype_bytes(x->type), 1 << 18, zero_bytes, g);
    return g;
}

bool node_grad_rows(tape *t, tensor *p)
{
    if (!p->needs_grad) return false;
    lorec_err e = param_grad_memory(p);
    if (e)
        tape_fail(t, e);
    else
        p->grad_written = true;
    return e == LOREC_OK;
}

lorec_err node_grad_pass(tape *t, tensor *x, tensor *from)
{
    if (!x->needs_grad) return LOREC_OK;
    if (!x->param && !x->grad_written && x->type == from->type && from->grad_bytes) {
        x->grad = from->grad;
        x->grad_bytes = from->grad_bytes;
        x->grad_written = true;
        from->grad = NULL;
        return LOREC_OK;
    }
    float beta;
    void *g = node_grad_any(t, x, &beta);
    if (!g) return tape_error(t);
    size_t n = (size_t)x->count;
    if (x->type != from->type)
        return err_set(LOREC_FAILED, "a gradient was passed on between tensors of different types");
    if (beta == 0) {
        if (n) memcpy(g, from->grad, n * dtype_bytes(x->type));
    } else if (x->type == DTYPE_F32) {
        isa()->axpy_f32(n, 1, from->grad, g);
    } else {
        enum { PIECE = 1024 };
        float a[PIECE], b[PIECE];
        for (size_t i = 0; i < n; i += PIECE) {
            size_t m = n - i < PIECE ? n - i : PIECE;
            isa()->from_bf16(m, (uint16_t *)g + i, a);
            isa()->from_bf16(m, (uint16_t *)from->grad + i, b);
            isa()->axpy_f32(m, 1, b, a);
            isa()->to_bf16(m, a, (uint16_t *)g + i);
        }
    }
    return LOREC_OK;
}

/* ---- the pass ------------------------------------------------------------------------------------------------------ */

/* The rows of x's gradient that are not example `only`'s become zero. */
static void keep_example(tensor *x, int32_t only)
{
    if (!x || !x->grad_written || x->rowless || x->param) return;
    size_t row = x->size[0] ? (size_t)(x->count / x->size[0]) * dtype_bytes(x->type) : 0;
    for (int64_t i = 0; i < x->size[0]; i++)
        if ((x->example ? x->example[i] : i) != only) memset((char *)x->grad + (size_t)i * row, 0, row);
}

/* only >= 0: the gradient of that example's share of the loss. sq: take the norms of the ops' own. */
static lorec_err run_back(tape *t, int32_t only, float *sq)
{
    for (node *n = t->last; n; n = n->previous) {
        if (!n->out->grad_written) continue;
        arena_reset(&t->scratch);
        if (sq && n->op->example_norms) TRY(n->op->example_norms(t, n, sq, t->n_examples));
        TRY(n->op->backward(t, n));
        TRY(tape_error(t));
        grad_release(t, n->out);
        if (only >= 0 && n->op->flags & OP_REDUCES)
            for (int i = 0; i < n->n_in; i++) keep_example(n->in[i], only);
    }
    return LOREC_OK;
}

lorec_err tape_run_back(tape *t)
{
    return run_back(t, -1, NULL);
}

/* Puts the given gradient (NULL: ones) on x. */
static lorec_err seed_grad(tape *t, tensor *x, const float *values)
{
    float beta;
    void *g = node_grad_any(t, x, &beta);
    if (!g) return tape_error(t);
    for (int64_t i = 0; i < x->count; i++) {
        float v = values ? values[i] : 1;
        if (x->type == DTYPE_BF16)
            isa()->to_bf16(1, &v, (uint16_t *)g + i);
        else
            ((float *)g)[i] = v;
    }
    return LOREC_OK;
}

/* ---- per-example norms --------------------------------------------------------------------------------------------- */

/* The parameters that learn and are used on the tape, and whether one pass tells all (see op.h). */
typedef struct uses {
    tensor **param, **leaf;
    size_t n, cap, n_leaves, leaf_cap;
    bool one_pass;
    int64_t n_examples;
} uses;

static lorec_err uses_add(uses *u, tensor *p)
{
    for (size_t i = 0; i < u->n; i++) {
        if (u->param[i] != p) continue;
        u->one_pass = false;
        return LOREC_OK;
    }
    TRY(mem_grow(&u->param, &u->cap, u->n + 1));
    u->param[u->n++] = p;
    return LOREC_OK;
}

static int64_t examples_of(const tensor *x)
{
    if (x->rowless || x->type == DTYPE_I32) return 0;
    if (!x->example) return x->size[0];
    int64_t n = 0;
    for (int64_t i = 0; i < x->size[0]; i++)
        if (x->example[i] >= n) n = x->example[i] + 1;
    return n;
}

/* The examples are those of the loss, before any op reduced it. */
static lorec_err examples_count(const tape *t, uses *u, const tensor *loss)
{
    bool reduced = false;
    for (node *n = t->last; n; n = n->previous) {
        if (!(n->op->flags & OP_REDUCES)) continue;
        if (n->in[0]->rowless)
            return err_set(LOREC_USAGE,
                           "%s: a term of the loss made from parameters alone belongs to no example; "
                           "per-example norms need it outside (weight decay in the optimiser)",
                           n->op->name);
        int64_t examples = examples_of(n->in[0]);
        if (examples > u->n_examples) u->n_examples = examples;
        reduced = true;
    }
    if (!reduced) u->n_examples = examples_of(loss);
    return LOREC_OK;
}

static lorec_err uses_find(tape *t, uses *u, const tensor *loss)
{
    TRY(examples_count(t, u, loss));
    u->one_pass = !t->coupled;
    for (node *n = t->last; n; n = n->previous) {
        bool learns = false;
        for (int i = 0; i < n->n_in; i++) {
            tensor *x = n->in[i];
            if (!x || !x->needs_grad || x->maker) continue;
            if (x->param) {
                learns = true;
                TRY(uses_add(u, x));
            } else {
                TRY(mem_grow(&u->leaf, &u->leaf_cap, u->n_leaves + 1));
                u->leaf[u->n_leaves++] = x;
            }
        }
        if ((learns && (!n->op->example_norms || examples_of(n->out) > u->n_examples)) || n->out->rowless)
            u->one_pass = false;
    }
    return LOREC_OK;
}

/* A parameter's gradient so far, set aside while passes of one example run. */
typedef struct kept_grad {
    void *grad;
    bool written, sparse;
} kept_grad;

static double squares(const tensor *p)
{
    double sum = 0;
    for (int64_t i = 0; p->grad_written && i < p->count; i++) sum += (double)grad(p)[i] * grad(p)[i];
    return sum;
}

/* The parameters' gradients are set aside while passes run whose own are thrown away. */
static lorec_err grads_aside(const uses *u, kept_grad **kept)
{
    TRY(mem_new(kept, u->n));
    for (size_t i = 0; i < u->n; i++) {
        tensor *p = u->param[i];
        (*kept)[i] = (kept_grad){p->grad, p->grad_written, p->param->sparse};
        p->grad = NULL;
        p->grad_written = false;
        p->param->sparse = false;
    }
    for (size_t i = 0; i < u->n_leaves; i++) u->leaf[i]->needs_grad = false;
    return LOREC_OK;
}

static void grads_back(const uses *u, kept_grad *kept)
{
    for (size_t i = 0; i < u->n; i++) {
        tensor *p = u->param[i];
        mem_free(p->grad);
        p->grad = kept[i].grad;
        p->grad_written = kept[i].written;
        p->param->sparse = kept[i].sparse;
    }
    for (size_t i = 0; i < u->n_leaves; i++) u->leaf[i]->needs_grad = true;
    mem_free(kept);
}

/* One backward pass an example, into gradients that are thrown away. */
static lorec_err norms_by_passes(tape *t, const uses *u, tensor *x, const float *values)
{
    kept_grad *kept = NULL;
    TRY(grads_aside(u, &kept));
    lorec_err e = LOREC_OK;
    for (int64_t example = 0; e == LOREC_OK && example < t->n_examples; example++) {
        for (size_t i = 0; i < u->n; i++) u->param[i]->grad_written = false;
        if ((e = seed_grad(t, x, values))) break;
        if (x->count > 1) keep_example(x, (int32_t)example);
        e = run_back(t, (int32_t)example, NULL);
        double sum = 0;
        for (size_t i = 0; i < u->n; i++) sum += squares(u->param[i]);
        t->sq[example] = (float)sum;
    }
    grads_back(u, kept);
    return e;
}

static lorec_err norms_begin(tape *t, uses *u, tensor *x, const float *values)
{
    TRY(uses_find(t, u, x));
    mem_free(t->sq);
    t->sq = NULL;
    t->n_examples = 0;
    TRY(mem_new(&t->sq, (size_t)u->n_examples));
    t->n_examples = u->n_examples;
    return u->one_pass ? LOREC_OK : norms_by_passes(t, u, x, values);
}

lorec_err tape_example_norms(const tape *t, float *sq, int64_t n)
{
    TRY(tape_error(t));
    if (!t->opt.example_norms)
        return err_set(LOREC_USAGE, "this tape keeps no per-example norms; make it with example_norms = true");
    if (n < t->n_examples)
        return err_set(LOREC_USAGE, "the last step had %lld examples, not %lld", (long long)t->n_examples,
                       (long long)n);
    for (int64_t i = 0; i < n; i++) sq[i] = i < t->n_examples ? t->sq[i] : 0;
    return LOREC_OK;
}

/* ---- clipping ---------------------------------------------------------------------------------------------------------- */

/* A factor for each value of the loss: min(1, clip / norm) of its example. */
static float *clip_factors(tape *t, const tensor *loss, double clip)
{
    float *factor = tape_alloc(t, (size_t)loss->count * sizeof *factor);
    int64_t each = loss->size[0] ? loss->count / loss->size[0] : 1;
    for (int64_t i = 0; factor && i < loss->count; i++) {
        int64_t example = loss->example ? loss->example[i / each] : i / each;
        double norm = sqrt((double)t->sq[example]);
        factor[i] = norm > clip ? (float)(clip / norm) : 1;
    }
    return factor;
}

static lorec_err back_clipped(tape *t, tensor *loss, double clip, uses *u)
{
    TRY(norms_begin(t, u, loss, NULL));
    if (u->one_pass) {
        kept_grad *kept = NULL;
        TRY(grads_aside(u, &kept));
        lorec_err e = seed_grad(t, loss, NULL);
        if (e == LOREC_OK) e = run_back(t, -1, t->sq);
        grads_back(u, kept);
        TRY(e);
    }
    const float *factor = clip_factors(t, loss, clip);
    if (!factor) return tape_error(t);
    TRY(seed_grad(t, loss, factor));
    return run_back(t, -1, NULL);
}

lorec_err tape_backward_clipped(tape *t, tensor *loss, double clip)
{
    TRY(tape_error(t));
    if (!t->opt.train || !t->opt.example_norms)
        return err_set(LOREC_USAGE, "clipping examples needs a tape that trains with example_norms = true");
    if (!loss || !loss->needs_grad || !(clip > 0))
        return err_set(LOREC_USAGE, "clipping examples needs a loss that depends on a parameter, and a norm above 0");
    for (node *n = t->last; n; n = n->previous)
        if (n->op->flags & OP_REDUCES)
            return err_set(LOREC_USAGE, "clipping examples needs the loss of each row, not a sum or mean of them");
    uses u = {0};
    lorec_err e = back_clipped(t, loss, clip, &u);
    mem_free(u.param);
    mem_free(u.leaf);
    if (e) tape_fail(t, e);
    return e;
}

/* ---- the public calls ------------------------------------------------------------------------------------------------ */

static lorec_err back_from(tape *t, tensor *x, const float *values)
{
    TRY(tape_error(t));
    if (!t->opt.train)
        return err_set(LOREC_USAGE, "this tape does not train (tape_options.train), so nothing flows back");
    if (!x) return err_set(LOREC_USAGE, "there is no loss to run back from (NULL)");
    if (!x->needs_grad)
        return err_set(LOREC_USAGE, "the loss depends on no parameter that learns (all are frozen, or detached)");
    uses u = {0};
    lorec_err e = t->opt.example_norms ? norms_begin(t, &u, x, values) : LOREC_OK;
    mem_free(u.param);
    mem_free(u.leaf);
    if (e == LOREC_OK) e = seed_grad(t, x, values);
    if (e == LOREC_OK) e = run_back(t, -1, t->opt.example_norms && u.one_pass ? t->sq : NULL);
    if (e) tape_fail(t, e);
    return e;
}

lorec_err tape_backward(tape *t, tensor *loss)
{
    return back_from(t, loss, NULL);
}

lorec_err tape_backward_from(tape *t, tensor *x, const float *grad_values)
{
    return back_from(t, x, grad_values);
}

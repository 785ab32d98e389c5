#include "tensor/tape.h"

#include <stdio.h>
#include <string.h>

#include "tensor/ops.h"
#include "tensor/rng.h"

tape *tape_new(const tape_options *options)
{
    tape *t;
    if (mem_new(&t, 1)) return NULL;
    t->opt = *options;
    t->acts.limit = t->aside.limit = options->memory_limit;
    return t;
}

void tape_free(tape *t)
{
    if (!t) return;
    arena_free(&t->acts);
    arena_free(&t->scratch);
    arena_free(&t->aside);
    mem_free(t->sq);
    mem_free(t);
}

void tape_begin(tape *t, uint64_t step)
{
    arena_reset(&t->acts);
    arena_reset(&t->scratch);
    arena_reset(&t->aside);
    t->unwatched = t->inside = false;
    t->step = step;
    t->streams = 0;
    t->last = NULL;
    t->flops = t->traffic = 0;
    t->err = LOREC_OK;
    t->free_grads = NULL;
    t->coupled = false;
    t->n_examples = 0;
}

tensor *tape_fail(tape *t, lorec_err e)
{
    if (t->err == LOREC_OK && e != LOREC_OK) {
        t->err = e;
        snprintf(t->message, sizeof t->message, "%s", lorec_error_message());
    }
    return NULL;
}

uint64_t tape_step(const tape *t)
{
    return t->step;
}

lorec_err tape_error(const tape *t)
{
    return t->err ? err_set(t->err, "%s", t->message) : LOREC_OK;
}

size_t tape_bytes(const tape *t)
{
    return t->acts.used + t->aside.peak;
}

double tape_flops(const tape *t)
{
    return t->flops;
}

double tape_traffic(const tape *t)
{
    return t->traffic;
}

bool tape_trains(const tape *t)
{
    return t->opt.train;
}

dtype tape_compute(const tape *t)
{
    return t->opt.compute;
}

uint64_t tape_seed(const tape *t)
{
    return t->opt.seed;
}

uint64_t tape_stream(tape *t)
{
    return (uint64_t)RNG_DROPOUT << 56 | (t->step & 0xfffffffff) << 20 | (t->streams++ & 0xfffff);
}

void tape_couples(tape *t)
{
    t->coupled = true;
}

void *tape_alloc(tape *t, size_t bytes)
{
    void *p = arena_alloc(&t->acts, bytes);
    if (p) return p;
    if (t->opt.memory_limit)
        tape_fail(t, err_set(LOREC_RESOURCE,
                             "%.1f MiB more of activations would pass the limit of %.1f MiB; use a smaller batch",
                             (double)bytes / (1 << 20), (double)t->opt.memory_limit / (1 << 20)));
    else
        tape_fail(t, LOREC_RESOURCE);
    return NULL;
}

void *tape_scratch(tape *t, size_t bytes)
{
    void *p = arena_alloc(&t->scratch, bytes);
    if (!p) tape_fail(t, LOREC_RESOURCE);
    return p;
}

size_t dtype_bytes(dtype type)
{
    return type == DTYPE_PACKED ? 1 : type == DTYPE_BF16 ? 2 : 4; /* packed: about */
}

int64_t shape_count(int ndim, const int64_t *size)
{
    int64_t count = 1;
    for (int i = 0; i < ndim; i++)
        if (size[i] < 0 || __builtin_mul_overflow(count, size[i], &count)) return -1;
    return count > INT64_MAX / 16 ? -1 : count;
}

const char *shape_text(char *text, size_t room, int ndim, const int64_t *size)
{
    size_t at = 0;
    for (int i = 0; i < ndim && at < room; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%lld", i ? ", " : "[", (long long)size[i]);
    if (at < room) snprintf(text + at, room - at, "]");
    return text;
}

tensor *tape_tensor(tape *t, dtype type, int ndim, const int64_t *size, void *data)
{
    int64_t count = ndim < 1 || ndim > TENSOR_MAX_DIMS ? -1 : shape_count(ndim, size);
    if (count < 0)
        return tape_fail(t, err_set(LOREC_USAGE,
                                    "a tensor can not have %d dimensions of these sizes (1 to %d, product "
                                    "within 64 bits)",
                                    ndim, TENSOR_MAX_DIMS));
    tensor *x = tape_alloc(t, sizeof *x);
    if (!x) return NULL;
    *x = (tensor){.type = type, .ndim = ndim, .count = count, .data = data};
    memcpy(x->size, size, (size_t)ndim * sizeof *size);
    if (!data && !(x->data = tape_reuse(t, (size_t)count * dtype_bytes(type)))) return NULL;
    return x;
}

/* ---- what an op's functions call --------------------------------------------------------------------------------- */

/* Is `data` some of x's values? A slice's view begins behind the first of them. */
static bool looks_into(const tensor *x, const void *data)
{
    uintptr_t at = (uintptr_t)data, first = (uintptr_t)x->data;
    return data && x->data && at >= first && at <= first + (size_t)x->count * dtype_bytes(x->type);
}

lorec_err node_output_view(tape *t, node *n, dtype type, int ndim, const int64_t *size, void *data)
{
    n->out = tape_tensor(t, type, ndim, size, data);
    if (!n->out) return tape_error(t);
    bool any = false, all_rowless = true;
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        if (looks_into(n->in[i], data)) n->in[i]->viewed = n->out->viewed = true;
        any = any || n->in[i]->needs_grad;
        all_rowless = all_rowless && n->in[i]->rowless;
    }
    n->out->maker = n;
    n->out->rowless = all_rowless;
    n->out->needs_grad = any && t->opt.train && !t->unwatched && n->op->backward;
    return LOREC_OK;
}

lorec_err node_output(tape *t, node *n, dtype type, int ndim, const int64_t *size)
{
    return node_output_view(t, n, type, ndim, size, NULL);
}

lorec_err node_output_like(tape *t, node *n, const tensor *x)
{
    return node_output(t, n, x->type, x->ndim, x->size);
}

lorec_err node_shape_error(const node *n, const char *what)
{
    char text[512], shape[128];
    size_t at = 0;
    for (int i = 0; i < n->n_in && at < sizeof text; i++) {
        const tensor *x = n->in[i];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s%s", i ? ", " : "",
                               x ? shape_text(shape, sizeof shape, x->ndim, x->size) : "nothing",
                               x && x->type == DTYPE_I32 ? " i32" : "");
    }
    return err_set(LOREC_USAGE, "%s: %s; the inputs are %s", n->op->name, what, text);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

/* Rows of the output belong to the examples that the rows of the inputs belong to. Inputs that name different examples
 * for the same rows (in-batch negatives) couple them. */
static void examples_follow(tape *t, node *n)
{
    tensor *y = n->out;
    const int32_t *found = NULL;
    bool by_index = false; /* some input that learns says: row i is example i */
    for (int i = 0; i < n->n_in; i++) {
        const tensor *x = n->in[i];
        if (!x || x->rowless || x->type == DTYPE_I32 || x->size[0] != y->size[0]) continue;
        if (!x->example)
            by_index = by_index || x->needs_grad;
        else if (!found)
            found = x->example;
        else if (found != x->example && memcmp(found, x->example, (size_t)y->size[0] * sizeof *found))
            t->coupled = true;
    }
    for (int64_t r = 0; found && by_index && r < y->size[0]; r++)
        if (found[r] != r) t->coupled = true;
    if (!y->example) y->example = found;
}

static double bytes_once(const node *n)
{
    double bytes = (double)n->out->count * (double)dtype_bytes(n->out->type);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]) bytes += (double)n->in[i]->count * (double)dtype_bytes(n->in[i]->type);
    return bytes;
}

static void keep_what_backward_reads(const tape *t, node *n)
{
    uint32_t reads = n->op->reads && !t->opt.example_norms ? n->op->reads(n) : UINT32_MAX;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && (i > 30 || reads >> i & 1)) n->in[i]->kept = true;
    if (reads & READS_OUTPUT) n->out->kept = true;
}

tensor *tape_apply(tape *t, const op_def *op, tensor *const *in, int n_in, const void *spec, size_t spec_size)
{
    if (t->err) return NULL;
    for (int i = 0; i < n_in; i++)
        if (packed_of(in[i]) && !(op->flags & OP_PACKED))
            return tape_fail(t, err_set(LOREC_USAGE, "%s: the weights %s are packed; products and tables take them",
                                        op->name, tensor_name(in[i])));
    for (int i = 0; i < n_in; i++) {
        if (in[i] && in[i]->forgotten)
            return tape_fail(t, err_set(LOREC_USAGE, "%s: the values of input %d were forgotten", op->name, i));
        if (!in[i] && (i > 31 || !(op->optional >> i & 1)))
            return tape_fail(t, err_set(LOREC_USAGE, "%s: input %d is missing (NULL)", op->name, i));
    }
    node *n = tape_alloc(t, sizeof *n);
    tensor **ins = n ? tape_alloc(t, (size_t)n_in * sizeof *ins) : NULL;
    void *kept = ins && spec ? tape_alloc(t, spec_size) : NULL;
    if (t->err) return NULL;
    memcpy(ins, in, (size_t)n_in * sizeof *ins);
    if (kept) memcpy(kept, spec, spec_size);
    *n = (node){.op = op, .in = ins, .n_in = n_in, .spec = kept};
    arena_reset(&t->scratch);
    lorec_err e = op->shape(t, n);
    if (e == LOREC_OK && !t->err) {
        examples_follow(t, n);
        e = op->forward(t, n);
    }
    if (e) tape_fail(t, e);
    if (t->err) return NULL;
    t->traffic += op->bytes ? op->bytes(n) : bytes_once(n);
    t->flops += op->flops ? op->flops(n) : (double)n->out->count;
    if (op->flags & OP_COUPLES) t->coupled = true;
    if (n->out->needs_grad) {
        n->previous = t->last;
        t->last = n;
        keep_what_backward_reads(t, n);
    }
    return n->out;
}

void tape_forget(tape *t, tensor *x)
{
    if (!x || t->err || !x->maker || x->kept || x->viewed || x->forgotten) return;
    x->forgotten = true;
    tape_give_back(t, x->data, (size_t)x->count * dtype_bytes(x->type));
    x->data = NULL;
}

uint32_t node_reads_nothing(const node *n)
{
    (void)n;
    return 0;
}

tensor *tape_as_f32(tape *t, tensor *x)
{
    return x && x->type == DTYPE_BF16 ? op_cast(t, x, DTYPE_F32) : x;
}

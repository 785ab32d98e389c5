/* tape_recompute: what the function makes lies in an arena aside, which is emptied as soon as the output is copied out of it; on
 * the way back the function runs again there, from the same place in the random streams, and is gone through backwards at once. */
#include <string.h>

#include "tensor/tape.h"

typedef struct recompute_spec {
    tape_fn fn;
    void *spec;
    uint64_t streams; /* as they stood when the function first ran */
} recompute_spec;

static void swap_arenas(tape *t)
{
    arena a = t->acts;
    t->acts = t->aside;
    t->aside = a;
}

static lorec_err recompute_shape(tape *t, node *n)
{
    recompute_spec *s = n->spec;
    tensor *x = n->in[0];
    struct free_grad *given_back = t->free_grads; /* what is given back inside goes with the arena */
    s->streams = t->streams;
    t->free_grads = NULL;
    swap_arenas(t);
    t->unwatched = t->inside = true;
    const tensor *y = s->fn(t, x, s->spec);
    t->unwatched = t->inside = false;
    swap_arenas(t);
    t->free_grads = given_back;
    TRY(tape_error(t));
    if (!y) return err_set(LOREC_USAGE, "recompute: the function gave nothing");
    TRY(node_output_like(t, n, y));
    if (y->count) memcpy(n->out->data, y->data, (size_t)y->count * dtype_bytes(y->type));
    n->out->needs_grad = t->opt.train; /* parameters inside may learn where x does not */
    n->out->rowless = x->rowless;
    arena_reset(&t->aside);
    return LOREC_OK;
}

static lorec_err recompute_forward(tape *t, node *n)
{
    (void)t;
    (void)n;
    return LOREC_OK;
}

/* x again as a leaf of its own, so that what flows to it stays aside until it is handed over. */
static lorec_err run_again(tape *t, node *n, tensor *leaf)
{
    const recompute_spec *s = n->spec;
    tensor *y = s->fn(t, leaf, s->spec);
    TRY(tape_error(t));
    if (!y->needs_grad) return LOREC_OK;
    if (y->type != n->out->type || y->count != n->out->count)
        return err_set(LOREC_FAILED, "recompute: the function gave something else the second time");
    y->grad = n->out->grad;
    y->grad_written = true;
    return tape_run_back(t);
}

static lorec_err recompute_backward(tape *t, node *n)
{
    const recompute_spec *s = n->spec;
    tensor *x = n->in[0], leaf = *x;
    node *last = t->last;
    struct free_grad *free_grads = t->free_grads;
    uint64_t streams = t->streams;
    leaf.maker = NULL;
    leaf.param = NULL;
    leaf.grad = NULL;
    leaf.grad_written = false;
    leaf.grad_bytes = 0;
    t->last = NULL;
    t->free_grads = NULL;
    t->streams = s->streams;
    swap_arenas(t);
    t->inside = true;
    lorec_err e = run_again(t, n, &leaf);
    t->inside = false;
    swap_arenas(t);
    t->last = last;
    t->free_grads = free_grads;
    t->streams = streams;
    if (e == LOREC_OK && leaf.grad_written) {
        leaf.grad_bytes = 0; /* its memory is not to be handed on */
        e = node_grad_pass(t, x, &leaf);
    }
    arena_reset(&t->aside);
    return e;
}

static const op_def op_recompute_def = {
    .name = "recompute", .shape = recompute_shape, .forward = recompute_forward, .backward = recompute_backward};

tensor *tape_recompute(tape *t, tape_fn fn, tensor *x, const void *spec, size_t spec_size)
{
    if (!x || t->err) return NULL;
    if (!t->opt.train || t->inside) return fn(t, x, spec);
    if (t->opt.example_norms)
        return tape_fail(t, err_set(LOREC_USAGE, "recomputed blocks can not tell per-example norms; keep them"));
    void *kept = tape_alloc(t, spec_size);
    if (!kept) return NULL;
    if (spec_size) memcpy(kept, spec, spec_size);
    return tape_apply(t, &op_recompute_def, &x, 1, &(recompute_spec){fn, kept, 0}, sizeof(recompute_spec));
}

/* op_act: y = act(x), and op_gated: y = x act(gate) (SwiGLU, GeGLU), same shapes. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct act_spec {
    activation act;
} act_spec;

static activation act_of(const node *n)
{
    return ((const act_spec *)n->spec)->act;
}

static lorec_err act_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *gate = n->n_in > 1 ? n->in[1] : x;
    if (x->type == DTYPE_I32 || gate->type != x->type) return node_shape_error(n, "needs numbers of one type");
    if (gate->count != x->count || tensor_width(gate) != tensor_width(x))
        return node_shape_error(n, "x and its gate need the same shape");
    return node_output_like(t, n, x);
}

static lorec_err act_values(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const tensor *gate = n->n_in > 1 ? n->in[1] : n->in[0];
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf_x[PIECE], buf_g[PIECE], buf_y[PIECE];
        const float *g = piece_read(gate, at, m, buf_g);
        float *y = piece_target(n->out->type, n->out->data, at, 0, buf_y);
        isa()->act_f32(act_of(n), m, g, y);
        if (n->n_in > 1) {
            const float *x = piece_read(n->in[0], at, m, buf_x);
            for (size_t i = 0; i < m; i++) y[i] *= x[i];
        }
        piece_store(n->out->type, n->out->data, at, m, y, 0);
    }
    return LOREC_OK;
}

static lorec_err act_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)n->out->count, PAR_GRAIN, act_values, n);
}

typedef struct act_back {
    const node *n;
    int of; /* which input's gradient */
    float beta;
    void *dx;
} act_back;

/* d/dgate = dy x act'(gate), d/dx = dy act(gate); alone: dx = dy act'(x). */
static lorec_err act_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const act_back *b = ctx;
    const node *n = b->n;
    dtype type = n->out->type;
    bool gated = n->n_in > 1;
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf_x[PIECE], buf_g[PIECE], buf_dy[PIECE], buf[PIECE];
        const float *g = piece_read(n->in[gated ? 1 : 0], at, m, buf_g);
        const float *dy = piece_read_from(type, n->out->grad, at, m, buf_dy);
        float *dx = piece_target(type, b->dx, at, b->beta, buf);
        if (gated && b->of == 0) {
            isa()->act_f32(act_of(n), m, g, dx);
            for (size_t i = 0; i < m; i++) dx[i] *= dy[i];
        } else {
            isa()->act_grad_f32(act_of(n), m, g, dy, dx);
            const float *x = gated ? piece_read(n->in[0], at, m, buf_x) : NULL;
            for (size_t i = 0; gated && i < m; i++) dx[i] *= x[i];
        }
        piece_store(type, b->dx, at, m, dx, b->beta);
    }
    return LOREC_OK;
}

static lorec_err act_backward(tape *t, node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        act_back b = {.n = n, .of = i};
        b.dx = node_grad_any(t, n->in[i], &b.beta);
        if (b.dx) TRY(par_for((size_t)n->out->count, PAR_GRAIN, act_slopes, &b));
        TRY(tape_error(t));
    }
    return LOREC_OK;
}

static uint32_t act_reads(const node *n)
{
    (void)n;
    return ~READS_OUTPUT;
}

const op_def op_act_def = {
    .name = "act", .shape = act_shape, .forward = act_forward, .backward = act_backward, .reads = act_reads};
const op_def op_gated_def = {
    .name = "gated", .shape = act_shape, .forward = act_forward, .backward = act_backward, .reads = act_reads};

tensor *op_act(tape *t, tensor *x, activation act)
{
    return tape_apply(t, &op_act_def, (tensor *[]){x}, 1, &(act_spec){act}, sizeof(act_spec));
}

tensor *op_gated(tape *t, tensor *x, tensor *gate, activation act)
{
    if (x && gate && x->type != gate->type) {
        x = tape_as_f32(t, x);
        gate = tape_as_f32(t, gate);
    }
    return tape_apply(t, &op_gated_def, (tensor *[]){x, gate}, 2, &(act_spec){act}, sizeof(act_spec));
}

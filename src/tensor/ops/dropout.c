/* op_dropout: y = x mask, op_add_dropout: y = residual + x mask; mask is 0 with probability p (rounded to 1/65536), else
 * 1 / (1 - p). The mask is a function of (seed, stream, position), so backward draws it again instead of keeping it. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct dropout_spec {
    uint32_t threshold; /* of 65536 */
    float scale;
    uint64_t seed, stream;
} dropout_spec;

static lorec_err dropout_shape(tape *t, node *n)
{
    const tensor *x = n->in[n->n_in - 1], *r = n->in[0];
    if (x->type == DTYPE_I32 || r->type != x->type) return node_shape_error(n, "needs numbers of one type");
    if (r->count != x->count || tensor_width(r) != tensor_width(x))
        return node_shape_error(n, "what is added needs the same shape");
    return node_output_like(t, n, x);
}

typedef struct dropout_job {
    const node *n;
    const void *x; /* what is masked */
    const void *residual;
    void *y;
    float beta;
} dropout_job;

static lorec_err dropout_pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const dropout_job *j = ctx;
    const dropout_spec *s = j->n->spec;
    dtype type = j->n->out->type;
    size_t count = (size_t)j->n->out->count;
    (void)worker;
    for (size_t piece = begin; piece < end; piece++) {
        size_t at = piece * PIECE, m = piece_length(at, count);
        float mask[PIECE], buf_x[PIECE], buf_r[PIECE], buf[PIECE];
        const float *x = piece_read_from(type, j->x, at, m, buf_x);
        const float *r = j->residual ? piece_read_from(type, j->residual, at, m, buf_r) : NULL;
        float *y = piece_target(type, j->y, at, j->beta, buf);
        isa()->dropout_mask(s->seed, s->stream, at / 128, m, s->threshold, s->scale, mask);
        if (r)
            for (size_t i = 0; i < m; i++) y[i] = r[i] + x[i] * mask[i];
        else
            for (size_t i = 0; i < m; i++) y[i] = x[i] * mask[i];
        piece_store(type, j->y, at, m, y, j->beta);
    }
    return LOREC_OK;
}

static lorec_err dropout_run(dropout_job *j)
{
    return par_for(((size_t)j->n->out->count + PIECE - 1) / PIECE, 16, dropout_pieces, j);
}

static lorec_err dropout_forward(tape *t, node *n)
{
    dropout_spec *s = n->spec;
    s->stream = tape_stream(t);
    return dropout_run(&(dropout_job){
        .n = n, .x = n->in[n->n_in - 1]->data, .residual = n->n_in > 1 ? n->in[0]->data : NULL, .y = n->out->data});
}

static lorec_err dropout_backward(tape *t, node *n)
{
    dropout_job j = {.n = n, .x = n->out->grad};
    j.y = node_grad_any(t, n->in[n->n_in - 1], &j.beta);
    if (j.y) TRY(dropout_run(&j));
    TRY(tape_error(t));
    return n->n_in > 1 ? node_grad_pass(t, n->in[0], n->out) : LOREC_OK;
}

const op_def op_dropout_def = {.name = "dropout",
                               .shape = dropout_shape,
                               .forward = dropout_forward,
                               .backward = dropout_backward,
                               .reads = node_reads_nothing};
const op_def op_add_dropout_def = {.name = "add_dropout",
                                   .shape = dropout_shape,
                                   .forward = dropout_forward,
                                   .backward = dropout_backward,
                                   .reads = node_reads_nothing};

static dropout_spec spec_of(tape *t, float p)
{
    uint32_t threshold = (uint32_t)lrintf(p * 65536);
    return (dropout_spec){threshold, threshold < 65536 ? 65536.0f / (float)(65536 - threshold) : 0, tape_seed(t), 0};
}

static bool probability(tape *t, float p)
{
    if (p >= 0 && p <= 1) return true;
    tape_fail(t, err_set(LOREC_USAGE, "dropout: the probability is %g; it lies between 0 and 1", (double)p));
    return false;
}

tensor *op_dropout(tape *t, tensor *x, float p)
{
    if (!probability(t, p) || !tape_trains(t) || p == 0) return tape_error(t) ? NULL : x;
    dropout_spec s = spec_of(t, p);
    return tape_apply(t, &op_dropout_def, (tensor *[]){x}, 1, &s, sizeof s);
}

tensor *op_add_dropout(tape *t, tensor *residual, tensor *x, float p)
{
    if (!probability(t, p)) return NULL;
    if (!tape_trains(t) || p == 0) return op_add(t, residual, x);
    if (residual && x && residual->type != x->type) {
        residual = tape_as_f32(t, residual);
        x = tape_as_f32(t, x);
    }
    dropout_spec s = spec_of(t, p);
    return tape_apply(t, &op_add_dropout_def, (tensor *[]){residual, x}, 2, &s, sizeof s);
}

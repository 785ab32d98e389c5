/* op.h: inside this floor only: what a tensor is, what an op is, and how a new op is written.
 *
 * An op is one file in tensor/ops/ that defines `const op_def op_NAME_def`, the public function of ops.h that applies
 * it, and nothing else that is visible; and one row OP(NAME) in op_list.h. The table then gives tests, flops and
 * memory preview.
 *
 *     static lorec_err scale_shape(tape *t, node *n)   { return node_output_like(t, n, n->in[0]); }
 *     static lorec_err scale_forward(tape *t, node *n) { ... f32(n->out)[i] = by * f32(n->in[0])[i] + plus ... }
 *     static lorec_err scale_backward(tape *t, node *n)
 *     {
 *         float beta, *dx = node_grad(t, n->in[0], &beta);       // NULL: nobody wants it
 *         for (...) dx[i] = by * grad(n->out)[i] + (beta ? dx[i] : 0);
 *     }
 *     const op_def op_scale_def = {"scale", scale_shape, scale_forward, scale_backward, ...};
 *     tensor *op_scale(tape *t, tensor *x, float by, float plus)
 *     {
 *         return tape_apply(t, &op_scale_def, (tensor *[]){x}, 1, &(scale_spec){by, plus}, sizeof(scale_spec));
 *     }
 *
 * Tensors are dense, row-major, 64-byte aligned. Activations are f32, or bf16 when the tape computes in bf16 (an op
 * that has no bf16 path casts its inputs with op_cast); gradients have their tensor's dtype, parameters' are f32.
 *
 * Rules for backward: it may overwrite the gradient of n->out (which is dead afterwards) but neither n->saved nor any
 * data, because per-example norms may run it again; it must be linear in n->out's gradient; where it asks for the
 * gradients of two inputs that may be the same tensor, it finishes one before it asks for the next.
 *
 * Per-example gradient norms (tape_options.example_norms) are taken in the one backward pass, by each op's
 * example_norms, where that is exact: every parameter is used once, every op that uses one has example_norms, and no
 * op is marked OP_COUPLES. Otherwise (a tied embedding, batch norm, in-batch losses) the tape runs one backward pass
 * an example and sums the squares itself: always exact, n_examples times the cost.
 *
 * Ownership: nodes, outputs, specs and saved values live in the tape's arena until tape_begin. */
#ifndef LOREC_TENSOR_OP_H
#define LOREC_TENSOR_OP_H

#include "base/mem.h"
#include "tensor/tensor.h"

typedef struct op_def op_def;
typedef struct node node;

struct tensor {
    dtype type;
    int ndim;
    int64_t size[TENSOR_MAX_DIMS];
    int64_t count;
    void *data;
    void *grad;                /* NULL until something flows (tape tensors) or for frozen parameters */
    bool needs_grad;           /* a parameter that learns, a leaf, or made from one while the tape trains */
    bool grad_written;         /* grad holds values; false: it is uninitialised memory */
    bool kept;                 /* the backward of some recorded op reads the values */
    bool viewed;               /* another tensor's values are these, or these are another's */
    bool forgotten;            /* the values are gone (tape_forget) */
    bool rowless;              /* a parameter, or made from parameters alone: its rows are no examples */
    const int32_t *example;    /* [size[0]] the training example of each row; NULL: row i is example i */
    node *maker;               /* NULL: parameter or input */
    size_t grad_bytes;         /* what the tape gave for grad, to be used again once it is dead */
    struct param_state *param; /* NULL for what a tape made */
};

/* What only parameters have. */
struct param_state {
    params *owner;
    char *name;
    bool frozen, sparse;
    uint64_t version;      /* of data */
    uint8_t *touched;      /* sparse: one flag a row */
    int32_t *touched_list; /* sparse: the touched rows in order of first touch */
    int64_t n_touched;
    void *bf16; /* data as bf16, made on demand by param_bf16, remade when stale */
    uint64_t bf16_version;
};

struct node {
    const op_def *op;
    tensor **in; /* entries may be NULL where the op allows it (bias) */
    int n_in;
    tensor *out;
    void *spec;  /* the op's parameters */
    void *saved; /* what forward keeps for backward */
    node *previous;
};

/* Properties of an op. */
enum {
    OP_REDUCES = 1, /* ends a loss: all values become one, to which each example adds its own part (op_sum, op_mean) */
    OP_PACKED = 4,  /* takes packed weights (packed.h); to all other ops they are no numbers */
    OP_COUPLES = 2  /* an output row depends on other examples' rows, or the rows of the output are other things */
};

#define READS_OUTPUT (1u << 31)

struct op_def {
    const char *name;
    lorec_err (*shape)(tape *t, node *n); /* checks inputs, makes n->out */
    lorec_err (*forward)(tape *t, node *n);
    lorec_err (*backward)(tape *t, node *n); /* NULL: not differentiable */
    /* Adds each example's squared norm of this node's parameter gradients to sq[example]; is called before backward and
     * leaves all gradients alone. NULL: the op has no parameters, or leaves the work to passes of one example each. */
    lorec_err (*example_norms)(tape *t, node *n, float *sq, int64_t n_examples);
    double (*flops)(const node *n); /* forward; NULL: one a value of the output */
    double (*bytes)(const node *n); /* read and written, forward; NULL: inputs and output once */
    unsigned flags;                 /* OP_REDUCES | OP_PACKED | OP_COUPLES */
    uint32_t optional;              /* bit i: input i may be NULL */
    /* Whose values backward reads: bit i: input i's, READS_OUTPUT: the output's; NULL: all of them. The rest can be forgotten
     * (tape_forget) before backward. */
    uint32_t (*reads)(const node *n);
};

tensor *tape_apply(tape *t, const op_def *op, tensor *const *in, int n_in, const void *spec, size_t spec_size);
bool tape_trains(const tape *t);
dtype tape_compute(const tape *t);
uint64_t tape_seed(const tape *t);
uint64_t tape_stream(tape *t);           /* a fresh random stream for this node: the same in the same step again;
                                          * draws are rng_block(tape_seed(t), stream, ...) or isa()->philox */
void tape_couples(tape *t);              /* this node mixes examples, where OP_COUPLES would be too much for its kind */
void *tape_alloc(tape *t, size_t bytes); /* until tape_begin; NULL: error kept */
/* A copy of the caller's n values until tape_begin, so that backward may read what the caller has long freed; NULL stays
 * NULL. */
const float *tape_keep(tape *t, const float *values, int64_t n);
void *tape_scratch(tape *t, size_t bytes); /* until the present forward or backward returns */

lorec_err node_output(tape *t, node *n, dtype type, int ndim, const int64_t *size);
lorec_err node_output_like(tape *t, node *n, const tensor *x); /* size and dtype of x */
/* The output is `data` itself (of an input, not copied). */
lorec_err node_output_view(tape *t, node *n, dtype type, int ndim, const int64_t *size, void *data);
lorec_err node_shape_error(const node *n, const char *what); /* LOREC_USAGE with the op's name and the input shapes */

/* The gradient buffer of x to write to, f32 or bf16 as x is. *beta is 0 when the values there mean nothing yet (write),
 * 1 when they must be added to. NULL: x needs none. */
void *node_grad_any(tape *t, tensor *x, float *beta);
float *node_grad(tape *t, tensor *x, float *beta); /* of an f32 tensor */
/* The same, with zeros where nothing was written yet: for ops that add to some of the values only. */
void *node_grad_zeroed(tape *t, tensor *x);
/* x's gradient += from's, by handing over the buffer where x has none yet (from's is dead afterwards). */
lorec_err node_grad_pass(tape *t, tensor *x, tensor *from);
/* Sparse parameters: node_grad_rows makes sure that there is memory (false: nobody wants it, or the error is kept);
 * param_touch_row then marks a row as touched before it is added to, and zeroes it at the first touch. One thread. */
bool node_grad_rows(tape *t, tensor *p);
float *param_touch_row(tensor *p, int64_t row);
const uint16_t *param_bf16(tensor *p); /* NULL: out of memory (message set) */

uint32_t node_reads_nothing(const node *n); /* for op_def.reads */

tensor *tape_as_f32(tape *t, tensor *x); /* x, or its cast: for ops without a bf16 path */

static inline bool param_learns(const tensor *x) /* what example_norms counts: not what is made on the tape */
{
    return x && x->param && x->needs_grad;
}
static inline int64_t tensor_width(const tensor *x) /* the last dimension */
{
    return x->size[x->ndim - 1];
}
static inline int64_t tensor_rows(const tensor *x) /* all the others */
{
    int64_t rows = 1;
    for (int i = 0; i < x->ndim - 1; i++) rows *= x->size[i];
    return rows;
}
static inline const struct packed *packed_of(const tensor *x) /* NULL: it is not packed */
{
    return x && x->type == DTYPE_PACKED ? x->data : NULL;
}
static inline float *f32(const tensor *x)
{
    return x->data;
}
static inline uint16_t *bf16(const tensor *x)
{
    return x->data;
}
static inline int32_t *i32(const tensor *x)
{
    return x->data;
}
static inline float *grad(const tensor *x)
{
    return x->grad;
}

#define OP(name) extern const op_def op_##name##_def;
#include "tensor/op_list.h"
#undef OP
extern const op_def *const op_table[];
extern const size_t op_table_count;

#endif

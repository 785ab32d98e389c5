/* tensor.h: arrays that learn. A tensor is opaque above this floor: it is made here, filled and read by copies, and
 * worked on by the ops of ops.h, which a tape records so that gradients can flow back.
 *
 *     params *ps = params_new(seed);
 *     tensor *w = params_add(ps, "out.weight", INIT_NORMAL(0.02), 2, (int64_t[]){v, d});
 *     tape *t = tape_new(&(tape_options){.train = true, .seed = seed});
 *     for (step ...) {
 *         tape_begin(t, step);
 *         tensor *x = op_embed(t, w, tape_ids(t, items, rows));            // [rows, d]
 *         tensor *loss = op_linear_cross_entropy(t, x, w, NULL, tape_ids(t, next, rows), NULL);   // [rows]
 *         TRY(tape_backward(t, op_mean(t, loss)));                         // the first error of any op above comes here
 *         TRY(optimizer_step(opt, 1.0));
 *     }
 *
 * Errors are sticky: an op that fails returns NULL and leaves the error in the tape; an op given NULL returns NULL;
 * tape_backward, tape_read and tape_error tell. So expressions nest without a check a line.
 *
 * Ownership: what a tape makes lives until its next tape_begin; parameters live as long as their params. A tape (and
 * whatever it made) belongs to one thread; params may be read by many tapes while nobody trains them. */
#ifndef LOREC_TENSOR_TENSOR_H
#define LOREC_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef enum dtype { DTYPE_F32, DTYPE_BF16, DTYPE_I32, DTYPE_PACKED /* packed.h: weights only */ } dtype;
enum { TENSOR_MAX_DIMS = 4 };

typedef struct tensor tensor;
typedef struct tape tape;
typedef struct params params;

int tensor_dims(const tensor *x);
int64_t tensor_size(const tensor *x, int dim); /* negative dims count from the end */
int64_t tensor_count(const tensor *x);
dtype tensor_dtype(const tensor *x);
const char *tensor_name(const tensor *x); /* "" for what has none */

/* The values as f32, row-major. count must be the tensor's. */
lorec_err tensor_write(tensor *x, const float *values, int64_t count); /* parameters: a new version begins */
lorec_err tensor_read(const tensor *x, float *values, int64_t count);
lorec_err tensor_read_grad(const tensor *x, float *values,
                           int64_t count); /* leaves, parameters; zeros where none flowed */

/* ---- segments: rows of a [rows, width] tensor that belong together (a sequence, a user, a graph node) ------------ */

/* Packed rows: segment i is rows start[i] .. start[i+1]-1; nothing is padded. `example`, where given, names the
 * training example of each segment (DP-SGD's per-example norms); otherwise segment i is example i. */
typedef struct segments {
    int64_t n;    /* segments */
    int64_t rows; /* start[n] */
    int64_t longest;
    const int32_t *start;   /* [n + 1] */
    const int32_t *example; /* [n] or NULL */
} segments;

/* ---- tape ---------------------------------------------------------------------------------------------------------- */

typedef struct tape_options {
    bool train;    /* record for backward and apply dropout */
    dtype compute; /* DTYPE_F32 (0), or DTYPE_BF16: products and activations in bf16, masters in f32 */
    uint64_t seed;
    size_t memory_limit; /* bytes of activations; 0: none */
    bool example_norms;  /* tape_backward also sums per-example squared gradient norms */
} tape_options;

tape *tape_new(const tape_options *options); /* NULL: out of memory (message set) */
void tape_free(tape *t);
void tape_begin(tape *t, uint64_t step); /* forgets the last step; `step` seeds dropout */
lorec_err tape_error(const tape *t);     /* the first failure since tape_begin; its message is put back */
/* Stops the tape with this error (unless it has one already) and this thread's message; returns NULL. */
tensor *tape_fail(tape *t, lorec_err e);
uint64_t tape_step(const tape *t);  /* that tape_begin was told: for losses that change as training goes on */
size_t tape_bytes(const tape *t);   /* activations held now */
double tape_flops(const tape *t);   /* of the recorded ops, forward */
double tape_traffic(const tape *t); /* bytes that they read and write */

/* Runs back from `loss` ([n] or scalar; unreduced losses are summed). Gradients add to what the parameters hold. */
lorec_err tape_backward(tape *t, tensor *loss);
/* The same from any recorded tensor with a given gradient (split training): grad has tensor_count(x) values. */
lorec_err tape_backward_from(tape *t, tensor *x, const float *grad);
/* Squared gradient norms per example of the last backward: sum over all parameters. [n_examples]. Exact; one pass where
 * every parameter is used once, one pass an example otherwise (tensor/op.h tells when). */
lorec_err tape_example_norms(const tape *t, float *sq, int64_t n);
/* Runs back from unreduced losses with each example's gradient, over all parameters, scaled down to a norm of at most `clip`
 * (Abadi et al., CCS 2016), without making any of them alone (Li et al., ICLR 2022): one pass for the norms, one for the sum.
 * Needs tape_options.example_norms; tape_example_norms then gives the norms before clipping. */
lorec_err tape_backward_clipped(tape *t, tensor *loss, double clip);
/* tensor_read, but fails with the tape's error first. */
lorec_err tape_read(const tape *t, const tensor *x, float *values, int64_t count);

/* Inputs: copied into the tape. */
tensor *tape_f32(tape *t, const float *values, int ndim, const int64_t *shape);
tensor *tape_ids(tape *t, const int32_t *values, int64_t n); /* [n] i32; -1 means "nothing here" where an op says so */
tensor *tape_zeros(tape *t, int ndim, const int64_t *shape);
tensor *tape_leaf(tape *t, const float *values, int ndim, const int64_t *shape); /* as tape_f32, and gets a gradient */
const void *tape_copy(tape *t, const void *bytes, size_t n); /* for arrays that a spec points to; NULL: failed */
const segments *tape_segments(tape *t, const int32_t *lengths, int64_t n); /* from lengths; NULL on failure */
const segments *tape_segments_even(tape *t, int64_t n, int64_t length);
/* Says that x's rows are the rows of s, so that row r belongs to the training example of its segment; returns x. Only
 * tape_options.example_norms asks; without it row i is example i. */
tensor *tape_examples(tape *t, tensor *x, const segments *s);

/* ---- less memory --------------------------------------------------------------------------------------------------------- */

/* Nobody reads x's values any more but, on the way back, the ops that need them. Where none does, their memory serves what is made
 * next. Giving x to an op or reading it afterwards is an error. NULL, inputs and parameters are left alone. */
void tape_forget(tape *t, tensor *x);

/* fn(t, x, spec), of which only the output is kept: on the way back fn runs again to know what lies between (Chen et al. 2016).
 * The same values and gradients as without: random draws come from counters. fn may use parameters, constants and what it makes;
 * of other tensors it must not want gradients. `spec` is copied, what it points to must live until tape_begin. Does not nest, and
 * not with example_norms. */
typedef tensor *(*tape_fn)(tape *t, tensor *x, const void *spec);
tensor *tape_recompute(tape *t, tape_fn fn, tensor *x, const void *spec, size_t spec_size);

/* ---- parameters ---------------------------------------------------------------------------------------------------- */

typedef struct init {
    enum { INIT_KIND_ZERO, INIT_KIND_CONST, INIT_KIND_NORMAL, INIT_KIND_TRUNC_NORMAL, INIT_KIND_UNIFORM } kind;
    double a; /* constant; standard deviation; half-width */
} init;
#define INIT_ZERO             ((init){INIT_KIND_ZERO, 0})
#define INIT_CONST(c)         ((init){INIT_KIND_CONST, (c)})
#define INIT_NORMAL(sd)       ((init){INIT_KIND_NORMAL, (sd)})
#define INIT_TRUNC_NORMAL(sd) ((init){INIT_KIND_TRUNC_NORMAL, (sd)})
#define INIT_UNIFORM(half)    ((init){INIT_KIND_UNIFORM, (half)})

/* Fan-scaled bounds: Glorot & Bengio 2010 (uniform and normal), torch.nn.Linear's default (1/sqrt(fan_in)). */
init init_xavier_uniform(int64_t fan_in, int64_t fan_out);
init init_xavier_normal(int64_t fan_in, int64_t fan_out);
init init_torch_linear(int64_t fan_in);

params *params_new(uint64_t seed);
void params_free(params *ps);
/* A new f32 parameter; its draw depends on the seed and its name only. NULL: out of memory or a name twice; the error
 * is kept and told by params_error, so that a model's constructor checks once. */
tensor *params_add(params *ps, const char *name, init how, int ndim, const int64_t *shape);
lorec_err params_error(const params *ps);
/* One set over the parameters of others, which must outlive it: an adapter and a head that learn together. Nothing is copied.
 * NULL: out of memory, or a name that two of them have (message set). */
params *params_join(params *const *sets, size_t n);
/* What would make more values than that in all is refused (LOREC_INPUT) before memory is taken; 0: no limit. A model whose
 * weights are in a file can not have more than the file has, whatever its config says. */
void params_limit(params *ps, int64_t values);
tensor *params_find(const params *ps, const char *name);
size_t params_count(const params *ps);
tensor *params_at(const params *ps, size_t i); /* in order of params_add */
int64_t params_values(const params *ps);       /* numbers in all of them */
uint64_t params_version(const params *ps);     /* grows with every change of any value */
lorec_err params_zero_grad(params *ps);
double params_grad_norm(const params *ps); /* global L2 norm */
/* gradient = (gradient + sd * normal draws) * by, for every parameter that learns, whether anything flowed to it or not; draws
 * depend on seed, step and the parameter's name. */
lorec_err params_noise_grad(params *ps, double sd, double by, uint64_t seed, uint64_t step);
void params_freeze(tensor *p, bool frozen); /* a frozen parameter has no gradient and no memory for one */
bool params_frozen(const tensor *p);
void params_freeze_all(params *ps, bool frozen);
/* Gradients touch few rows (embedding tables read by op_embed only): only touched rows are zeroed, normed, updated. */
void params_sparse_rows(tensor *p, bool sparse);

lorec_err params_copy(params *to, const params *from);           /* same names and shapes */
lorec_err params_axpy(params *to, double a, const params *from); /* to += a * from */

/* safetensors, all or nothing; load requires every parameter with its shape (f32, bf16 or f16 in the file). */
lorec_err params_save(const params *ps, const char *path);
lorec_err params_load(params *ps, const char *path);

#endif

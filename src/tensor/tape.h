/* tape.h: inside this floor only: the tape's own fields, shared by tape.c (recording), backward.c (gradients) and
 * inputs.c (what is copied in).
 *
 * Ownership: everything here belongs to the tape. */
#ifndef LOREC_TENSOR_TAPE_H
#define LOREC_TENSOR_TAPE_H

#include "tensor/op.h"

struct tape {
    tape_options opt;
    uint64_t step, streams; /* streams: handed out since tape_begin */
    arena acts, scratch;
    arena aside;    /* what tape_recompute's function makes */
    bool unwatched; /* inside it on the way forward: nothing is recorded */
    bool inside;    /* inside it at all */
    node *last;     /* of the nodes that gradients can flow through */
    double flops, traffic;
    lorec_err err;
    char message[1024];
    struct free_grad *free_grads; /* dead gradient buffers, and values that were forgotten */
    bool coupled;                 /* some op mixed the rows of different examples */
    float *sq;                    /* [n_examples] after a backward with example_norms */
    int64_t n_examples;
};

tensor *tape_tensor(tape *t, dtype type, int ndim, const int64_t *size, void *data); /* data NULL: allocated */
size_t dtype_bytes(dtype type);
/* The product of sizes; -1 when one is negative or it does not fit. */
int64_t shape_count(int ndim, const int64_t *size);
/* backward.c: memory that was given back and has that size, or new. */
void *tape_reuse(tape *t, size_t bytes);
void tape_give_back(tape *t, void *memory, size_t bytes);
/* "[2, 3]" into text. */
const char *shape_text(char *text, size_t room, int ndim, const int64_t *size);

lorec_err tape_run_back(tape *t); /* from t->last, gradients being there */

/* params.c: memory for a parameter's gradient, on first use. */
lorec_err param_grad_memory(tensor *p);
void param_touch_all(tensor *p); /* every row of a sparse parameter; those new are zeroed */
void param_clear_grad(tensor *p);
void param_changed(tensor *p); /* its data: a new version */

#endif

/* parity_parts.h: inside parity: what parity.c (rows, training), parity_text.c, parity_seq2seq.c and parity_vision.c share.
 * A kind of model says how its inputs are read, which values are compared, and what its loss is.
 *
 * Ownership: a fixture owns everything in it until parity_check returns. */
#ifndef LOREC_LM_PARITY_PARITY_PARTS_H
#define LOREC_LM_PARITY_PARITY_PARTS_H

#include "base/npy.h"
#include "lm/adapters/adapter.h"
#include "lm/model_folder.h"
#include "lm/parity/parity.h"

/* Token ids of one side, [n, length]. */
typedef struct parity_tokens {
    int32_t *id;   /* [n * length] */
    uint8_t *mask; /* [n * length] 0: padding; or NULL */
    int64_t n, length;
} parity_tokens;

typedef struct fixture {
    const char *folder;
    buf path;
    lm_model *model;
    adapter *adapter; /* the folder's own, or NULL: then it is what learns */
    adapter_set set;  /* it alone */
    tape *tape;
    parity_tokens tokens, decoder;
    int32_t *target; /* a row of the loss: a class or -1; NULL: nothing to train on */
    float *weight;   /* 1 where a target counts */
    int64_t targets;
    parity *out;
} fixture;

typedef struct parity_kind {
    lorec_err (*read)(fixture *f);
    lorec_err (*values)(fixture *f); /* on a tape that does not train, begun */
    tensor *(*loss)(fixture *f);     /* one a target, on a tape that trains, begun; NULL (no function): none */
} parity_kind;
extern const parity_kind parity_text, parity_seq2seq, parity_vision;

lorec_err parity_add(parity *p, double error, double allowed, const char *what, const char *which);
/* folder/name into f->path; false: it is not there (or *e). */
bool parity_has(fixture *f, const char *name, lorec_err *e);
/* name.npy with token ids below `vocab`; mask_name NULL or not there: no mask. */
lorec_err parity_read_tokens(fixture *f, parity_tokens *to, const char *name, const char *mask_name, int64_t vocab);
/* labels.npy, of that shape, into target and weight; `shift`: row r is to say label r + 1. */
lorec_err parity_read_labels(fixture *f, const parity_tokens *like, int64_t vocab, bool shift);

/* An array of outputs, where it is there (a.data NULL: it is not), with its shape checked. */
lorec_err parity_open(fixture *f, npy *a, const char *name, int ndim, const int64_t *shape);
/* x against `expected`, rows whose mask is 0 left out (mask NULL: none); which may be "". */
lorec_err parity_compare(fixture *f, tensor *x, const float *expected, const uint8_t *mask, int64_t rows,
                         const char *what, const char *which);
/* name.npy, where it is there, against x. */
lorec_err parity_compare_file(fixture *f, tensor *x, const char *name, int ndim, const int64_t *shape,
                              const uint8_t *mask, int64_t rows);
/* All layers of a transformer against name.npy [layers + 1, sequences, length, width]; *out: its last hidden states. With
 * `before_final` the last of them is the one before the final norm. */
lorec_err parity_compare_layers(fixture *f, const transformer *net, const token_rows *in, const char *name,
                                const char *what, int64_t length, bool before_final, tensor **out);

#endif

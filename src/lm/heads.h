/* heads.h: what some models put on top of the last hidden states besides the language-model head: a pooler (BERT, ViT), a
 * classifier of texts, a classifier of tokens (ELECTRA's discriminator), a projection (CLIP). A head exists where the
 * model's file has it, or once a caller asks for it.
 *
 *     TRY(heads_new(&h, ps, &names, width, classes, "", with));
 *     tensor *y = heads_pooled(t, h, hidden, sequences);      // [n, width]
 *     tensor *c = heads_classes(t, h, hidden, sequences);     // [n, classes]: logits
 *
 * Ownership: heads borrow the params, as a transformer does. */
#ifndef LOREC_LM_HEADS_H
#define LOREC_LM_HEADS_H

#include "tensor/ops.h"

/* Names without ".weight" and ".bias"; NULL: the architecture has no such head. */
typedef struct head_names {
    const char *pooler; /* tanh(dense(first token)) */

    const char *dense; /* the classifier: out(act(dense(x))), or out(x) where dense is NULL */
    const char *out;
    activation act;
    enum { CLASSIFY_FIRST, CLASSIFY_POOLED, CLASSIFY_LAST } reads;
    bool out_unbiased;

    const char *token_dense, *token_out; /* out(act(dense(x))) a token: [rows, 1] */
    activation token_act;

    const char *text_projection, *image_projection, *scale; /* no biases; scale: the logarithm of CLIP's temperature */
} head_names;

typedef struct lm_heads lm_heads;

/* `rows_of` tells how many rows the file's tensor has (-1: it is not there); a head whose tensor is not there is left out.
 * `image_width`: of the vision tower, where there is one. */
typedef int64_t (*rows_of_fn)(const void *file, const char *name);
lorec_err heads_new(lm_heads **out, params *ps, const head_names *names, int64_t width, int64_t image_width,
                    rows_of_fn rows_of, const void *file);
void heads_free(lm_heads *h);
/* A fresh classifier (and the pooler that it reads), where there is none with as many classes: LOREC_USAGE if there is one
 * with another number, or the architecture has none. */
lorec_err heads_add_classifier(lm_heads *h, params *ps, int64_t classes);

bool heads_has_pooler(const lm_heads *h);
bool heads_has_discriminator(const lm_heads *h);
int64_t heads_projection_width(const lm_heads *h); /* of texts; 0: no projection */
int64_t heads_classes_count(const lm_heads *h);    /* 0: no classifier */

/* Each fails (in the tape) where the head is not there. */
tensor *heads_pooled(tape *t, const lm_heads *h, tensor *hidden, const segments *s); /* [rows, width] -> [n, width] */
tensor *heads_classes(tape *t, const lm_heads *h, tensor *hidden,
                      const segments *s);                          /* [rows, width] -> [n, classes] */
tensor *heads_tokens(tape *t, const lm_heads *h, tensor *hidden);  /* [rows, width] -> [rows, 1] */
tensor *heads_project_text(tape *t, const lm_heads *h, tensor *x); /* [n, width] -> [n, projection] */
tensor *heads_project_image(tape *t, const lm_heads *h, tensor *x);
/* exp(scale) a b^T of unit vectors: [n, d] x [m, d] -> [n, m]; without a scale the cosines themselves. */
tensor *heads_similarity(tape *t, const lm_heads *h, tensor *a, tensor *b);

#endif

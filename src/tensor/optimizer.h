/* optimizer.h: SGD, Adam, AdamW, Adagrad over a params, with groups, clipping and schedules; state can be saved.
 *
 *     optimizer *o = optimizer_new(ps, &(optimizer_options){.kind = OPT_ADAMW, .lr = 1e-3, .weight_decay = 0.01});
 *     optimizer_group(o, "*.bias", 1.0, 0.0);                 // a glob of names: lr factor, weight decay
 *     TRY(optimizer_step(o, schedule_at(&sched, step)));       // clips, updates, clears the gradients
 *
 * Ownership: an optimizer owns its moments and borrows the params, which must outlive it. */
#ifndef LOREC_TENSOR_OPTIMIZER_H
#define LOREC_TENSOR_OPTIMIZER_H

#include "tensor/tensor.h"

typedef enum optimizer_kind { OPT_SGD, OPT_ADAM, OPT_ADAMW, OPT_ADAGRAD } optimizer_kind;
typedef struct optimizer_options {
    optimizer_kind kind;
    double lr;
    double beta1, beta2, eps; /* 0: 0.9, 0.999, 1e-8 (Adagrad 1e-10) */
    double weight_decay;      /* AdamW: decoupled; the others: added to the gradient, as torch does */
    double momentum;          /* SGD */
    double clip_norm;         /* > 0: global norm */
} optimizer_options;

typedef struct optimizer optimizer;
optimizer *optimizer_new(params *ps, const optimizer_options *options); /* NULL: out of memory */
void optimizer_free(optimizer *o);
lorec_err optimizer_group(optimizer *o, const char *name_glob, double lr_factor, double weight_decay);
/* One update with lr * lr_scale; gradients are zeroed. A gradient that is not finite fails before any change. */
lorec_err optimizer_step(optimizer *o, double lr_scale);
uint64_t optimizer_steps(const optimizer *o);
lorec_err optimizer_save(const optimizer *o, const char *path); /* moments and step, safetensors */
lorec_err optimizer_load(optimizer *o, const char *path);

typedef enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE } schedule_kind;
typedef struct schedule {
    schedule_kind kind;
    uint64_t warmup, total; /* steps */
    double floor;           /* of the factor at the end */
} schedule;
double schedule_at(const schedule *s, uint64_t step); /* the factor for lr, step counted from 0 */

#endif

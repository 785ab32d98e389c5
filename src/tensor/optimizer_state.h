/* optimizer_state.h: inside this floor only: an optimizer's fields, shared by the update (optimizer.c) and its file
 * (optimizer_file.c).
 *
 * Ownership: all of it is the optimizer's. */
#ifndef LOREC_TENSOR_OPTIMIZER_STATE_H
#define LOREC_TENSOR_OPTIMIZER_STATE_H

#include "tensor/optimizer.h"
#include "tensor/tape.h"

typedef struct slot { /* of one parameter, by its number */
    float *m, *v;     /* first and second moment (momentum; sum of squares); NULL until first needed */
    double lr_factor, weight_decay;
} slot;

struct optimizer {
    params *ps;
    optimizer_options opt;
    uint64_t steps;
    slot *slots;
    size_t n_slots, slots_cap;
    void *spans; /* kept between steps */
    size_t spans_cap;
};

lorec_err optimizer_slots(optimizer *o); /* one for each parameter there is now */
lorec_err optimizer_moments(optimizer *o, size_t i);
bool optimizer_uses_m(const optimizer *o);
bool optimizer_uses_v(const optimizer *o);

#endif

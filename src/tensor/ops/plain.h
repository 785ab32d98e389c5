/* plain.h: inside the ops: what may be built on in place.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_OPS_PLAIN_H
#define LOREC_TENSOR_OPS_PLAIN_H

#include "tensor/op.h"

/* y is a product without activation: its backward reads none of its values, so that an op may write its own output over
 * them. */
bool linear_is_plain(const tensor *y);

#endif

/* parts.h: between the objectives.
 *
 * Ownership: tensors are the tape's. */
#ifndef LOREC_LM_OBJECTIVES_PARTS_H
#define LOREC_LM_OBJECTIVES_PARTS_H

#include "lm/train/objective.h"

tensor *next_tokens(tape *t, const lm_batch *b);                                   /* [rows] ids or -1 */
tensor *sequence_log_probability(tape *t, const lm_forward *f, const lm_batch *b); /* [n] */

#endif

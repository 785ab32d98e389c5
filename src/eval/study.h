/* study.h: a method's own study (recommender.h), with what it may look at: the split and the short lists of the test part.
 *
 *     json_t *numbers;
 *     TRY(study_run(&numbers, r, self, protocol, 1, false));     // NULL: the method has none, with these options
 *     json_decref(numbers);
 *
 * Ownership: the numbers are the caller's; the lists live as long as the call. */
#ifndef LOREC_EVAL_STUDY_H
#define LOREC_EVAL_STUDY_H

#include "eval/protocol.h"
#include "rec/recommender.h"

lorec_err study_run(json_t **numbers, const recommender *r, const void *self, const protocol *p, uint64_t seed,
                    bool fast);

#endif

/* controls.h: which rules stand beside the methods, because a result means little without them.
 *
 *     for (const char *const *key = controls_for(methods, n); *key; key++) ... registry_find(*key) ...
 *     control_instead("ease");          // "itemknn": runs where EASE's stated memory does not fit
 *
 * Methods that make lists: Pop, last-item transition, repeat, EASE. Methods that only answer yes/no or rating questions:
 * logistic regression. Methods that only make texts (studies): none.
 *
 * Ownership: texts are static. */
#ifndef LOREC_EVAL_CONTROLS_H
#define LOREC_EVAL_CONTROLS_H

#include "rec/recommender.h"

enum { CONTROLS_MAX = 8 };
/* Do all of them answer questions about pairs and none make lists? Then auc, gauc ... measure them. */
bool methods_only_pairs(const recommender *const *methods, size_t n);
const char *const *controls_for(const recommender *const *methods,
                                size_t n);    /* NULL-terminated, at most CONTROLS_MAX */
const char *control_instead(const char *key); /* NULL: nothing takes its place */

#endif

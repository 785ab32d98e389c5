/* controls.h: which rules stand beside every method, because a result means little without them.
 *
 *     control c[CONTROLS_MAX];
 *     size_t n;
 *     TRY(controls_choose(c, &n, &p, &fit, registry_find, 0));
 *     for (i < n) if (*c[i].why) ... a row with status "skipped" and that reason; else run c[i].recommender
 *
 * Lists: Pop, last-item transition, repeat (only where what was had before may be recommended), EASE; one whose stated
 * memory does not fit is skipped and says what it needs, and EASE gives way to ItemKNN. Clicks and ratings: logistic
 * regression.
 *
 * Ownership: recommenders are static rows of the registry. */
#ifndef LOREC_EVAL_CONTROLS_H
#define LOREC_EVAL_CONTROLS_H

#include "eval/protocol.h"
#include "rec/recommender.h"

enum { CONTROLS_MAX = 8 };
typedef struct control {
    const recommender *recommender;
    char why[120];             /* "": it runs; else "needs 149 GiB" */
    const char *stands_in_for; /* key of the control that gave way, or NULL */
    uint64_t memory;           /* bytes it says it needs; 0: little */
} control;

typedef const recommender *(*control_find)(const char *key); /* registry_find: the registry is a floor above */

/* memory_limit: bytes that may be used; 0: what the machine has available now. */
lorec_err controls_choose(control out[CONTROLS_MAX], size_t *n, const protocol *p, const fit_context *fit,
                          control_find find, uint64_t memory_limit);
uint64_t controls_memory_available(void); /* bytes; UINT64_MAX where the system does not tell */

#endif

/* workbench.h: settings made real: the data loaded and filtered, split, and the protocols to judge and to validate by.
 *
 *     workbench w;
 *     TRY(workbench_open(&w, &settings, methods, n));
 *     use(w.data, &w.split, &w.test, &w.valid);
 *     workbench_close(&w);
 *
 * Ownership: a workbench owns all of it; it must not move in memory while it is open (the parts point at each other). */
#ifndef LOREC_RUNS_WORKBENCH_H
#define LOREC_RUNS_WORKBENCH_H

#include "eval/protocol.h"
#include "runs/settings.h"

typedef struct workbench {
    dataset source, filtered;
    const dataset *data; /* whichever of the two is used */
    split split;
    protocol test, valid;
    protocol valid_few; /* beside a slate: as many drawn candidates, for methods that can not rank everything */
    bool has_source, has_filtered, has_split, has_test, has_valid, has_few;
    char headline[24]; /* the metric that early stopping looks at and that sorts the table */
} workbench;

lorec_err workbench_open(workbench *w, const settings *s, const recommender *const *methods, size_t n);
/* The same on data that are there already (borrowed; the settings' filters act on them); given NULL: as above. */
lorec_err workbench_open_on(workbench *w, const settings *s, const dataset *given, const recommender *const *methods,
                            size_t n);
void workbench_close(workbench *w);

/* What this method is validated by, and by how many users (0: all). */
const protocol *workbench_valid(const workbench *w, const recommender *r);
uint32_t workbench_valid_users(const workbench *w, const settings *s, const recommender *r);

/* The data set as `--data` and the import options of the settings name it, before any filter. */
lorec_err workbench_load(dataset *out, const settings *s);

#endif

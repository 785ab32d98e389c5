/* advisor.h: a run folder opened to recommend from: its data set, one of its models, a session.
 *
 *     advisor a;
 *     TRY(advisor_open(&a, "runs/first", NULL, -1));       // the first method named in its command, its first seed
 *     use(a.r, a.self, a.session, &a.data);
 *     advisor_close(&a);
 *
 * Ownership: an advisor owns all of it until advisor_close. */
#ifndef LOREC_RUNS_ADVISOR_H
#define LOREC_RUNS_ADVISOR_H

#include "methods/registry.h"
#include "runs/run_folder.h"

typedef struct advisor {
    run_folder run;
    dataset data;
    const recommender *r;
    void *self;
    rec_session *session;
    uint64_t seed;
    bool has_data;
} advisor;

/* method NULL: the first; seed -1: the first. LOREC_INPUT when the run has no such model. */
lorec_err advisor_open(advisor *a, const char *run, const char *method, int64_t seed);
void advisor_close(advisor *a);

/* recommend_all.c: lists for every user into a TSV (user item rank score title), batch by batch; what a stopped call of the
 * same question left behind is gone on with. */
lorec_err recommend_all(advisor *a, size_t k, bool keep_seen, const char *path);

#endif

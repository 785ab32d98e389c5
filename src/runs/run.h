/* run.h: a whole run from settings: every method and control fitted and judged, everything kept in a run folder.
 *
 *     run_result r;
 *     lorec_err e = run_make(&r, &(run_request){.settings = &s, .out = "runs/first"});
 *     if (r.json) use(&r.board, r.folder);            // there even where a requested method failed: e is its error then
 *     run_result_free(&r);
 *
 * Lines of progress go where log.h sends them. cancel_request (or this thread's cancel_ask) ends a run with LOREC_CANCELLED
 * at the next whole step; what is finished is kept, and `resume` goes on.
 *
 * Ownership: the request is only read; a result owns what is in it until run_result_free. */
#ifndef LOREC_RUNS_RUN_H
#define LOREC_RUNS_RUN_H

#include "eval/leaderboard.h"
#include "runs/settings.h"

typedef struct run_request {
    const settings *settings;
    const dataset *data; /* instead of what the settings name; or NULL */
    const char *out;     /* the run folder; NULL: runs/DATE-METHOD-DATA-HASH */
    bool resume;
    bool dry_run;             /* nothing is made: `rehearsals` says what it would take */
    void (*begun)(void *ctx); /* the plan is good, data are read and the folder is made; or NULL */
    void *ctx;
} run_request;

typedef struct run_result {
    char *folder; /* NULL: not made */
    leaderboard board;
    char headline[24]; /* the metric that sorts the table */
    json_t *json;      /* what result.json holds; NULL: the run did not come to its end */
    json_t *dry;       /* of a dry run: [{"method", "calls", ..., "text"}], each for all seeds */
} run_result;

/* The error of the first requested method that failed, of the settings, or of the machine; controls never fail a run. */
lorec_err run_make(run_result *out, const run_request *q);
void run_result_free(run_result *r);

#endif

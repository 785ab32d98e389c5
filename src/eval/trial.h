/* trial.h: one method with one set of options and one seed: checked, sized, fitted with early stopping, judged.
 *
 *     trial t;
 *     TRY(trial_run(&t, &(trial_request){.recommender = r, .set = set, .n_set = 1, .seed = 1, .split = &s,
 *                                        .protocol = &p, .part = PART_TEST, .valid = &pv}));
 *     if (t.status == TRIAL_OK) use(t.report.mean[0]);
 *     else puts(t.why);                                   // skipped: it does not fit; failed: what went wrong
 *     trial_free(&t);
 *
 * Ownership: a trial owns what is in it until trial_free; the request is only borrowed. */
#ifndef LOREC_EVAL_TRIAL_H
#define LOREC_EVAL_TRIAL_H

#include "eval/evaluate.h"

typedef enum trial_status { TRIAL_OK, TRIAL_SKIPPED, TRIAL_FAILED } trial_status;
extern const char *const trial_status_words[3]; /* "ok", "skipped", "failed" */

typedef struct trial_request {
    const recommender *recommender;
    const char *const *set; /* "name=value", the later wins; [n_set] */
    size_t n_set;
    bool fast;
    uint64_t seed;
    const split *split;
    const protocol *protocol; /* what the result is measured by, on `part` */
    part part;
    const protocol *valid; /* what early stopping looks at: its first metric; NULL or an empty part: none */
    uint32_t valid_users;  /* validate on so many; 0: all */
    bool keep_lists;
    const char *checkpoint; /* folder for checkpoints, or NULL */
    bool resume;            /* go on from a checkpoint that is there */
    const char *save_to;    /* folder for the fitted model, or NULL */
    /* Told of every validation: for a run's log of metrics. May be NULL. */
    void (*note)(void *ctx, const char *metric_name, double value);
    void *note_ctx;
    uint64_t memory; /* bytes that may be used; 0: do not ask */
} trial_request;

typedef struct trial {
    trial_status status;
    lorec_err err; /* of a failure */
    char *why;     /* NULL when ok */
    report report;
    json_t *options; /* as resolved */
    json_t *counts;
    json_t *study; /* what recommender.study said, or NULL; counts holds it too */
    double train_s, eval_s;
    uint64_t rss; /* peak bytes of the process while it ran */
} trial;

/* Returns an error only when the frame itself can not go on (LOREC_CANCELLED, no memory for the bookkeeping); what the
 * method does wrong is in the trial. */
lorec_err trial_run(trial *out, const trial_request *q);
void trial_free(trial *t);

/* A model with its options set and checked, not fitted: LOREC_USAGE names the option, the method and the remedy. */
lorec_err trial_model(const trial_request *q, void **self);

/* Bytes that could be used now: MemAvailable, or less where a control group sets a limit. 0: unknown. */
uint64_t trial_memory_available(void);
/* The process's peak since the last reset. */
void trial_peak_reset(void);
uint64_t trial_peak(void);

#endif

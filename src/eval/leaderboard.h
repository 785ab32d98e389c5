/* leaderboard.h: results of one protocol side by side: means over seeds, paired differences against every control, what
 * the table says in words, and the one JSON object that `lorec run --json`, result.json and `lorec compare` share.
 *
 *     leaderboard b = {0};
 *     TRY(leaderboard_start(&b, &split, &protocol, PART_TEST));
 *     TRY(leaderboard_add(&b, "sasrec", ROLE_METHOD, 1, &trial));      // takes the trial's numbers over
 *     TRY(leaderboard_add(&b, "ease", ROLE_CONTROL, 1, &other));
 *     TRY(leaderboard_finish(&b));                               // compares
 *     json_t *result = leaderboard_json(&b);
 *     leaderboard_free(&b);
 *
 * Differences are paired per user on the mean over seeds; p values are Holm-corrected over all pairs of a method and a
 * control, for each metric by itself.
 *
 * Ownership: a leaderboard owns everything in it until leaderboard_free; it keeps no pointer into split or protocol. */
#ifndef LOREC_EVAL_LEADERBOARD_H
#define LOREC_EVAL_LEADERBOARD_H

#include "eval/stats.h"
#include "eval/trial.h"

typedef enum role {
    ROLE_METHOD,
    ROLE_CONTROL,
    ROLE_BOTH /* asked for, and a yardstick for the others too */
} role;

typedef struct result {
    char *method; /* its name in the table: the key */
    role as;
    uint64_t seed;
    trial_status status;
    char *why;
    float *value;   /* [n_users][n_metrics]; NULL unless ok; NaN where a metric has no value of a user */
    double *mean;   /* [n_metrics] NaN: not defined */
    interval *ci95; /* [n_metrics] NaN where there are no values of users */
    double train_s, eval_s, rss_mib;
    uint64_t llm_tokens;
    json_t *counts, *options;
} result;

typedef struct versus {     /* method minus control */
    size_t method, control; /* into `group` */
    paired *of;             /* [n_metrics]; delta NaN: not to be had */
    double *p_holm;         /* [n_metrics] */
} versus;

typedef struct group {  /* the seeds of one method */
    const char *method; /* borrowed from its first result */
    role as;
    size_t n_seeds;    /* that are ok */
    uint64_t *seed;    /* [n_seeds] */
    double *mean, *sd; /* [n_metrics] over seeds; sd NaN for one seed */
    float *value;      /* [n_users][n_metrics] mean over seeds; NULL when no seed is ok */
} group;

typedef struct leaderboard {
    json_t *data, *protocol; /* as in the JSON object */
    metric *metrics;
    size_t n_metrics;
    bool started_users;
    uint32_t n_users;
    uint32_t *user; /* [n_users] evaluated, the same for every result */
    result *row;
    size_t n, cap;
    group *group; /* after leaderboard_finish */
    size_t n_groups;
    versus *versus;
    size_t n_versus;
} leaderboard;

lorec_err leaderboard_start(leaderboard *b, const split *s, const protocol *p, part judged);
/* Moves the numbers out of the trial (its lists stay there). The seed's interval is made here. */
lorec_err leaderboard_add(leaderboard *b, const char *method, role as, uint64_t seed, trial *t);
/* The numbers of an ok row under another seed, of a method to which the seed is nothing. counts.same_as_seed says so. */
lorec_err leaderboard_repeat(leaderboard *b, size_t row, uint64_t seed);
lorec_err leaderboard_finish(leaderboard *b);
json_t *leaderboard_json(const leaderboard *b); /* NULL: out of memory */
void leaderboard_free(leaderboard *b);

/* One line for each comparison worth saying: which method is below (or not distinguishable from) which control. */
lorec_err leaderboard_words(const leaderboard *b, size_t metric_index, buf *out);
/* The control that is best by a metric, SIZE_MAX: none is ok. */
size_t leaderboard_best_control(const leaderboard *b, size_t metric_index);

/* ---- results kept in files (result_file.c) ---------------------------------------------------------------------------
 * FOLDER/lists.tsv (user item rank score), per_user.tsv (user and each metric), values.npy and users.npy, and last of all
 * result.json: a folder with it is a finished result, one without is none. */

/* The lists need the trial's report, so this comes before leaderboard_add frees it: `r` is the row just added.
 * `lists` NULL: lists.tsv is there already. */
lorec_err result_save(const leaderboard *b, const result *r, const report *lists, const dataset *d, const char *folder);
/* Appends what is there to the board under `method`. No finished result there: *found is false and nothing happens.
 * One of another protocol or other metrics: LOREC_INPUT. */
lorec_err result_load(leaderboard *b, const char *folder, const char *method, role as, bool *found);
/* A board without split and protocol, from the head of a result.json: for `compare`. */
lorec_err leaderboard_start_json(leaderboard *b, const json_t *root);

#endif

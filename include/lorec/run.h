/* lorec/run.h: what `lorec run` does, from C: methods and controls on one data set under one protocol, and their report.
 *
 *     lorec_report *r;
 *     lorec_run_options o = {.size = sizeof o, .methods = "ease,sasrec", .settings = "{\"data\": \"ratings.csv\"}"};
 *     if (lorec_run(&r, &o)) fprintf(stderr, "%s\n", lorec_error_message());
 *     if (r) puts(lorec_report_json(r));
 *     lorec_report_free(r);
 *
 * Ownership: a report is the caller's until lorec_report_free; strings and arrays got from it live as long as it. It does
 * not change: threads may share it. */
#ifndef LOREC_RUN_H
#define LOREC_RUN_H

#include "lorec/lorec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lorec_report lorec_report;

typedef struct lorec_run_options {
    size_t size;
    const char *methods;       /* keys separated by commas; NULL: the settings' "methods" */
    const lorec_dataset *data; /* NULL: the settings' "data" */
    const char *settings;      /* a JSON object in the words of a config file of `lorec run`, or NULL: the defaults */
    const char *out;           /* the run folder; NULL: runs/DATE-METHOD-DATA-HASH below the current folder */
    int resume;                /* go on with the run that is in `out` */
} lorec_run_options;

/* *out is made even where a requested method failed, which is then the error; NULL where there is nothing to report. After
 * LOREC_CANCELLED what was finished is in the folder, and `resume` goes on. Runs of one process wait for each other: a
 * run's log is a file of the process. From a callback of a run: LOREC_USAGE. */
LOREC_API lorec_err lorec_run(lorec_report **out, const lorec_run_options *options);
/* The report of a run folder, whoever made it. LOREC_INPUT: it is none, or not finished. */
LOREC_API lorec_err lorec_report_open(lorec_report **out, const char *folder);
LOREC_API void lorec_report_free(lorec_report *r);

LOREC_API const char *lorec_report_folder(const lorec_report *r);
/* The object of result.json (`lorec run --json`): data, protocol, metrics, results, summary with paired differences. */
LOREC_API const char *lorec_report_json(const lorec_report *r);

/* Numbers of every judged user: rows of [users][metrics], one for each of the JSON's "results" in its order. */
LOREC_API size_t lorec_report_results(const lorec_report *r);
LOREC_API uint32_t lorec_report_users(const lorec_report *r);
LOREC_API size_t lorec_report_metrics(const lorec_report *r);
LOREC_API const char *lorec_report_user(const lorec_report *r, uint32_t i); /* the id, as in the source */
/* NaN where a metric has no value of a user; NULL where the result is not ok or there is no such. */
LOREC_API const float *lorec_report_values(const lorec_report *r, size_t result);

/* A model of a run; method NULL: the first of the run, seed -1: its first seed. LOREC_INPUT: there is none. */
LOREC_API lorec_err lorec_run_model(lorec_model **out, const char *run, const char *method, int64_t seed);

/* Every method with its options, bounds and defaults: the JSON object of `lorec methods --json`. NULL: out of memory. It
 * lives as long as the program. */
LOREC_API const char *lorec_methods_json(void);

#ifdef __cplusplus
}
#endif
#endif

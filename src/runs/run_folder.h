/* run_folder.h: a run is a folder with all that is needed to look at it, to go on with it and to repeat it:
 *   config.json      every setting, resolved; `lorec run --config RUN/config.json` repeats the run
 *   env.json         version, machine, libraries' kernels, threads, load
 *   manifest.json    the data set's manifest: sources with their sha256, what each filter removed
 *   data/            the prepared data set (so that the run can recommend after its source has moved)
 *   models/METHOD-SEED/    the fitted model
 *   results/METHOD-SEED/   result.json, lists.tsv, per_user.tsv, users.npy, values.npy
 *   slates.tsv       where candidates are slates: one user a line
 *   lists.tsv, per_user.tsv  links to those of the first method
 *   metrics.jsonl    a line for each validation and each result
 *   checkpoints/     of what is not finished; removed at the end
 *   log.txt, result.json   what was said; the object that --json prints
 *
 *     run_folder r;
 *     TRY(run_folder_make(&r, "runs/first", false, config));
 *     TRY(run_path(&path, &r, "models/%s-%llu", key, seed));
 *     run_folder_close(&r);
 *
 * Ownership: a run_folder owns its texts. */
#ifndef LOREC_RUNS_RUN_FOLDER_H
#define LOREC_RUNS_RUN_FOLDER_H

#include "base/json.h"
#include "data/dataset.h"

typedef struct run_folder {
    char *path;
    json_t *config; /* of an opened one */
    bool logging;
    int lock; /* the folder's descriptor while this process writes to it; 0: none */
} run_folder;

/* One process at a time: LOREC_FAILED where another is at work on it. A new folder, or with `resume` one that is there and was made by the same settings (LOREC_USAGE otherwise, naming the
 * first that differs). `hint` names the folder where out is NULL: runs/DATE-HINT. */
lorec_err run_folder_make(run_folder *r, const char *out, const char *hint, bool resume, const json_t *config);
lorec_err run_folder_data(run_folder *r, const dataset *d); /* data/ and manifest.json, unless they are there */
lorec_err run_folder_open(run_folder *r, const char *path); /* to read: LOREC_INPUT when it is no run */
void run_folder_close(run_folder *r);

lorec_err run_path(buf *out, const run_folder *r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A line of metrics.jsonl; `line` is taken over. */
lorec_err run_folder_note(const run_folder *r, json_t *line);
lorec_err run_folder_link(const run_folder *r, const char *target, const char *name);

#endif

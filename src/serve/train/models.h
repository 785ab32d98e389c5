/* models.h: which run is in force for each that was named on the command line, and the training under way: a small file in
 * the server's work folder, written all at once, so that a server that is killed goes on where it was.
 *
 *     models m;
 *     TRY(models_open(&m, "lorec.db.models", runs, n));      // reads DIR/state.json where there is one
 *     const char *run = m.slot[0].current;                    // the run named, or one trained since
 *     TRY(models_adopt(&m, 0, "lorec.db.models/2026.../run"));
 *     TRY(models_rollback(&m, 0));
 *     models_close(&m);
 *
 * Ownership: a models owns its texts; it belongs to one thread. */
#ifndef LOREC_SERVE_TRAIN_MODELS_H
#define LOREC_SERVE_TRAIN_MODELS_H

#include "base/json.h"
#include "serve/train/child.h"

typedef struct model_slot {
    char *run;      /* as named on the command line */
    char *current;  /* what is served for it */
    char *previous; /* what was before; NULL: nothing */
} model_slot;

typedef struct training { /* one under way; id NULL: none */
    char *id;             /* a folder of the work folder */
    size_t slot;
    int64_t event_seq, began; /* seconds since 1970 */
    int attempts;
    double margin;
    child child;
} training;

typedef struct models {
    char *folder; /* NULL: nothing is kept (a store in memory) */
    model_slot *slot;
    size_t n;
    training job;
    json_t *last; /* how the last training ended; NULL: there was none */
} models;

lorec_err models_open(models *m, const char *folder, const char *const *runs, size_t n);
void models_close(models *m);
lorec_err models_reread(models *m); /* as `lorec serve --rollback` may have left it; the job stays as it is here */
lorec_err models_save(const models *m);
lorec_err models_adopt(models *m, size_t slot, const char *run); /* what was current is previous; saved */
/* The two change places; LOREC_USAGE where nothing was before. */
lorec_err models_rollback(models *m, size_t slot);
void models_job_end(models *m);
lorec_err models_path(buf *out, const models *m, const char *name); /* FOLDER/ID/name of the job */

/* Folders of trainings that nothing refers to go when they are older. */
void models_sweep(const models *m, double days);

#endif

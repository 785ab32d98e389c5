/* retrain.h: training while serving. One thread that exports what is known, starts `lorec run` beside the server, looks at what
 * came of it and puts it into service; rolls back; reloads.
 *
 *     retrainer *t;
 *     TRY(retrain_open(&t, server, &(retrain_options){.folder = "lorec.db.models"}));    // before the engine: which runs?
 *     TRY(retrain_start(t));
 *     TRY(retrain_train(t, 0, .05));                          // LOREC_USAGE: one is under way
 *     json_t *tree = retrain_status(t);                       // GET /api/train
 *     retrain_close(t);                                       // a training under way goes on at the next start
 *
 * A model is adopted only when it can be loaded, knows the catalogue, its headline metric is not below the one in force by
 * more than `margin` (a share of it), and it answers for people of its data. The one before is kept.
 * Whatever is killed when: state.json (models.h) says what is in force, and a training is taken up where it was.
 *
 * Ownership: a retrainer belongs to its server. */
#ifndef LOREC_SERVE_TRAIN_RETRAIN_H
#define LOREC_SERVE_TRAIN_RETRAIN_H

#include "serve/train/models.h"
#include "serve/train/variant.h"

struct server;
typedef struct retrain_options {
    const char *folder;  /* where models are kept; NULL: no training */
    const char *program; /* NULL: this one */
    child_limits limits;
    double margin;
    double keep_days; /* of runs that are neither in force nor before it: `lorec why` needs them */
} retrain_options;

typedef struct retrainer retrainer;
lorec_err retrain_open(retrainer **out, struct server *s, const retrain_options *o, const char *const *runs, size_t n);
/* What to serve for the i-th run: `attempt` 0: what is in force, 1: what was before, 2: the run as named; NULL: no more. */
const char *retrain_run(const retrainer *t, size_t i, int attempt);
lorec_err retrain_start(retrainer *t);
void retrain_close(retrainer *t);

lorec_err retrain_train(retrainer *t, size_t slot, double margin);
lorec_err retrain_rollback(retrainer *t, size_t slot);
void retrain_reload(retrainer *t); /* runs and state.json, read again */
json_t *retrain_status(retrainer *t);
const char *retrain_name(const retrainer *t, size_t slot); /* as on the command line; stays, whatever is in force */
bool retrain_slot(const retrainer *t, const char *run, size_t *slot); /* by the name on the command line */

/* For `lorec serve --rollback`: by the running server of this folder, or directly where there is none. */
lorec_err retrain_rollback_outside(const char *folder, const char *const *runs, size_t n, json_t **told);

/* retrain_check.c: may it be put into service? *told says what was looked at; LOREC_FAILED and the message where not. */
lorec_err retrain_check(variant *fresh, const variant *now, live *v, double margin, json_t *told);

#endif

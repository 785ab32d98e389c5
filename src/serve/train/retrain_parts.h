/* retrain_parts.h: inside the retrainer: its thread (retrain.c), one training step by step (retrain_job.c), what is told and
 * asked from outside (retrain_tell.c).
 *
 * Ownership: as retrain.h. */
#ifndef LOREC_SERVE_TRAIN_RETRAIN_PARTS_H
#define LOREC_SERVE_TRAIN_RETRAIN_PARTS_H

#include <pthread.h>

#include "serve/export.h"
#include "serve/server.h"
#include "serve/train/retrain.h"

enum { NO_SLOT = -1 };
typedef enum stage { STAGE_IDLE, STAGE_EXPORT, STAGE_TRAIN, STAGE_CHECK } stage;

struct retrainer {
    server *s;
    retrain_options o;
    char *program;
    models models; /* changed by the thread, under the lock */
    pthread_t thread;
    bool running, owner; /* owner: of the folder; no other server has it */
    pthread_mutex_t lock;
    pthread_cond_t some;
    /* what is asked of the thread, and where it is; under the lock */
    bool closing, reload;
    int roll_back; /* slot, or NONE */
    stage at;
    exported data;
    int lock_file;
};

bool retrain_own(retrainer *t);     /* the folder's lock; under the lock of the retrainer or before its thread */
void retrain_advance(retrainer *t); /* one step of the job under way */
/* FOLDER/ID/name of the job; "run": that of the present attempt. */
lorec_err retrain_job_path(const retrainer *t, buf *out, const char *name);

#endif

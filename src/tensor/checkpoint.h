/* checkpoint.h: a training run on disk, and back. The files of one moment carry its step in their names; state.json names
 * the ones that belong together and is written last, by rename. So a run killed at any instant leaves either the former
 * moment or the new one, whole.
 *
 *     folder/state.json                    settings, progress, and the names of the three below
 *     folder/params-STEP.safetensors       optimizer-STEP.safetensors       best-STEP.safetensors
 *
 *     checkpoint c = {.folder = f, .settings = "batch=256 ...", .params = ps, .optimizer = o, .best = best};
 *     TRY(checkpoint_save(&c, &progress));
 *     TRY(checkpoint_load(&c, &progress, &found));
 *
 * Ownership: everything is borrowed for the time of the call. */
#ifndef LOREC_TENSOR_CHECKPOINT_H
#define LOREC_TENSOR_CHECKPOINT_H

#include "tensor/optimizer.h"

/* Where a training stands. Orders, negatives, masks and dropout are functions of (seed, step) alone (rng.h), so these
 * numbers are all the random state there is. */
typedef struct training_progress {
    uint64_t step;      /* steps done */
    int64_t epoch;      /* epochs finished, validation included */
    int64_t best_epoch; /* 0: no validation yet */
    uint64_t best_step;
    int64_t since_best; /* validations */
    double best_metric;
    double loss_sum; /* of the present epoch's examples */
    uint64_t loss_examples;
    double last_loss;  /* of the last whole epoch */
    uint64_t examples; /* seen in all */
    double seconds;
    bool done;
} training_progress;

typedef struct checkpoint {
    const char *folder;   /* made when needed */
    const char *settings; /* what must be the same for the same bits */
    params *params;
    optimizer *optimizer;
    params *best;        /* written while best_epoch > 0 */
    uint64_t saved_best; /* kept here: best_step + 1 of the best parameters that are on disk; 0: none */
} checkpoint;

lorec_err checkpoint_save(checkpoint *c, const training_progress *p);
/* *found is false where there is none. One made with other settings is LOREC_USAGE and names both. */
lorec_err checkpoint_load(checkpoint *c, training_progress *p, bool *found);
/* A run that starts anew first forgets what another left in the folder. */
lorec_err checkpoint_discard(const checkpoint *c);

#endif

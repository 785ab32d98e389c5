/* first_stage.h: candidates that a recommender retrieves: "--eval sasrec@20" gives every method the same twenty for each test
 * user. A target that was not retrieved is a miss for all of them, and the report says how many were.
 *
 *     const recommender *r;
 *     int64_t n;
 *     if (first_stage_is("sasrec@20", &r, &n)) TRY(first_stage_slates(&path, s, &split, r, n));   // path: a slate file
 *     ... protocol_make(..., "slate:PATH", ...); remove(path.p) ...
 *
 * The retriever is fitted on the training part with its defaults (and what `--set sasrec.NAME=VALUE` says), early-stopped
 * on validation, seeded by --eval-seed: the same command gives the same slates, and so the same protocol id.
 *
 * Ownership: the path is the caller's, and the file behind it too. */
#ifndef LOREC_RUNS_FIRST_STAGE_H
#define LOREC_RUNS_FIRST_STAGE_H

#include "runs/settings.h"

bool first_stage_is(const char *words, const recommender **r, int64_t *n);
lorec_err first_stage_slates(buf *path, const settings *s, const split *split, const recommender *r, int64_t n);

#endif

/* study.h: what the asking (study.c) hands to the telling (summary.c).
 *
 *     json_t *numbers = json_object();
 *     TRY(study_summarise(&s, numbers));               // s.rows >= 1
 *
 * Ownership: a study owns its arrays; study.c frees them. */
#ifndef LOREC_METHODS_FAIRLLM_STUDY_H
#define LOREC_METHODS_FAIRLLM_STUDY_H

#include "methods/fairllm/fairllm.h"

/* Columns of a row of similarities to the neutral list: the list itself, a second sample of the same words, other words that
 * are neutral too; then the values, attribute by attribute. */
enum { IDENTICAL, SAMPLE, REWORDED, CEILINGS };

typedef struct study {
    const fairllm *m;
    const study_context *c;
    size_t k, columns, rows; /* rows: anchors that were measured */
    const char **value;      /* [columns]; "" where it is neutral */
    uint32_t *anchor;
    size_t anchors, failed, mute;     /* left out: a request that failed; no neutral list */
    double *similarity[FAIR_METRICS]; /* [anchors][columns] at k */
    double *sum[FAIR_METRICS];        /* [k][columns] */
    int64_t *no_list;                 /* [columns] */
    reply_counts replies;
} study;

lorec_err study_summarise(const study *s, json_t *out);

#endif

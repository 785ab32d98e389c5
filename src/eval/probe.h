/* probe.h: does a data set, or a language model, give answers away? Each probe is a number beside what chance would give and a
 * limit that is stated, so that a reader can disagree with it.
 *
 *     probe_findings f = {0};
 *     TRY(probe_run(&f, &(probe_request){.protocol = &p, .slate = "slates.tsv"}));
 *     for (size_t i = 0; i < f.n; i++) puts(f.row[i].verdict == PROBE_FLAGGED ? f.row[i].probe : "");
 *     json_t *o = probe_json(&f);
 *     probe_findings_free(&f);
 *
 * What is looked for:
 *   item-ids, first-sight, user-ids   numbers that tell what comes next, or were given in the order of all rows, the test's
 *                                     among them (P5's sequential ids: Hua et al., SIGIR-AP 2023)
 *   repeats, twins, titles            the answer was there in training: the same row, the same history, the same title
 *   later-rows, graph                 what was learned from is later than the question; a graph holds the question's answer
 *   place, popularity                 candidates that can be told from the answer by their place, or by their popularity
 *   lines, rows                       a language model completes the files themselves, so it has read them
 *
 * A flag says that the limit is passed, not that every use of the data is spoiled: the advice beside it says what helps.
 *
 * Ownership: findings own their texts until probe_findings_free; everything in a request is borrowed. */
#ifndef LOREC_EVAL_PROBE_H
#define LOREC_EVAL_PROBE_H

#include "eval/protocol.h"

struct llm;

typedef enum probe_verdict { PROBE_CLEAN, PROBE_FLAGGED, PROBE_SKIPPED } probe_verdict;
extern const char *const probe_verdicts[3]; /* "clean", "FLAGGED", "skipped" */

typedef struct probe_finding {
    const char *probe, *measures, *advice; /* static */
    double value, chance, limit;           /* flagged: value above the limit, and (below) not by chance */
    double p;   /* of such a value by chance alone; NaN where the count itself is the finding */
    uint64_t n; /* questions it was counted on */
    probe_verdict verdict;
    char *why; /* of a skipped one */
} probe_finding;

typedef struct probe_findings {
    probe_finding *row;
    size_t n, cap;
} probe_findings;

typedef struct probe_request {
    const protocol *protocol; /* the test part is what is asked; drawn candidates or a slate for `popularity` */
    const char *slate;        /* candidate lists whose places are looked at, as they stand in the file; or NULL */
    const dataset *graph;     /* edges that a method would use, in the same ids; or NULL */
    struct llm *lm;           /* asked to complete lines of the data; or NULL */
    uint32_t lines;           /* how many of those; 0: 100 */
    uint64_t seed;
} probe_request;

enum { PROBE_SURE = 1000 }; /* a flag needs p < 1 / PROBE_SURE */

lorec_err probe_run(probe_findings *out, const probe_request *q);
void probe_findings_free(probe_findings *f);
json_t *probe_json(const probe_findings *f); /* [{"probe", "value", ...}]; NULL: out of memory */

#endif

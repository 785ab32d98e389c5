/* protocol.h: under which rules numbers are made. Only rows of one protocol share a table.
 *
 *     protocol p;
 *     TRY(protocol_make(&p, &split, "full", "recall@10,ndcg@10"));   // p.id: "loo-full-v1:9f3c..."
 *     TRY(evaluate(&report, r, self, &p, PART_TEST));
 *     protocol_close(&p);
 *
 * Candidates: "full" (every item; the default), "uniform@99" / "pop@99" (the target among so many drawn ones),
 * "slate:FILE" (fixed lists, TSV: user item [item ...]). The id hashes the data set's content, split, candidates,
 * masking, k's and metrics' version.
 *
 * Ownership: a protocol borrows the split and owns its candidate lists. */
#ifndef LOREC_EVAL_PROTOCOL_H
#define LOREC_EVAL_PROTOCOL_H

#include "data/split.h"
#include "eval/metrics.h"

typedef enum part { PART_VALID, PART_TEST } part;
typedef enum candidates_kind { CANDIDATES_FULL, CANDIDATES_UNIFORM, CANDIDATES_POPULARITY, CANDIDATES_SLATE } candidates_kind;

typedef struct protocol {
    char id[96];
    const split *split;
    candidates_kind kind;
    uint32_t n_candidates;
    bool keep_seen;              /* do not mask what the user had before */
    metric *metrics;             /* parsed, in order of the request */
    size_t n_metrics;
    uint32_t max_k;
    uint64_t seed;               /* of drawn candidates */
    uint64_t *start;             /* slates of the test part: of user u, candidate[start[u] .. start[u + 1] - 1] */
    uint32_t *candidate;
    char *words;                 /* as asked: "full", "uniform@99" */
} protocol;

lorec_err protocol_make(protocol *p, const split *s, const char *candidates, const char *metrics, bool keep_seen,
                        uint64_t seed);
void protocol_close(protocol *p);

#endif

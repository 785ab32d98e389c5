/* protocol.h: under which rules numbers are made. Only rows of one protocol share a table.
 *
 *     protocol p;
 *     TRY(protocol_make(&p, &split, "full", "recall@10,ndcg@10", false, 42));   // p.id: "loo-full-v1:9f3c..."
 *     TRY(evaluate(&report, &(evaluate_request){.recommender = r, .self = model, .protocol = &p, .part = PART_TEST}));
 *     protocol_close(&p);
 *
 * Candidates: "full" (every item; the default), "uniform@99" / "pop@99" (so many drawn for each target, without
 * replacement, neither targets nor, when these are masked, items had before; the same for every method and thread),
 * "slate:FILE" (fixed lists for the test part, see slate.c; validation then ranks everything). The id hashes the data
 * set's content, split, candidates, masking, k's, what counts as positive and the metrics' version.
 *
 * Masking: what a user had before the part (train; for test, train and validation) can not be recommended again. A
 * target that the user had before is then no possible answer, so it is no target: such targets are left out and
 * counted (report.repeated_targets), never ranked as misses nor let through alone, which would tell a method that
 * repeats what it should find. keep_seen ranks everything and is the way to measure repeat consumption. Slates say
 * themselves what is ranked: nothing in them is masked.
 *
 * Ownership: a protocol borrows the split and owns its candidate lists. */
#ifndef LOREC_EVAL_PROTOCOL_H
#define LOREC_EVAL_PROTOCOL_H

#include "data/sampler.h"
#include "data/split.h"
#include "eval/metrics.h"

typedef enum part { PART_VALID, PART_TEST } part;
typedef enum candidates_kind {
    CANDIDATES_FULL,
    CANDIDATES_UNIFORM,
    CANDIDATES_POPULARITY,
    CANDIDATES_SLATE
} candidates_kind;

typedef struct protocol {
    char id[128];
    const split *split;
    candidates_kind kind;
    uint32_t n_candidates; /* drawn for each target */
    bool keep_seen;        /* do not mask what the user had before */
    metric *metrics;       /* parsed, in order of the request */
    size_t n_metrics;
    uint32_t max_k;  /* the largest cut-off; 0: no metric has one */
    uint64_t seed;   /* of drawn candidates */
    uint64_t *start; /* slates: of user u, candidate[start[u] .. start[u + 1] - 1], ascending */
    uint32_t *candidate;
    char slate_sha256[65];
    sampler sampler;        /* drawn candidates */
    uint32_t users;         /* so many of the test users are asked, drawn once by the seed; 0: all */
    double positive_rating; /* a row is positive from this rating on (click and rating metrics) */
    char *words;            /* as asked: "full", "uniform@99" */
} protocol;

lorec_err protocol_make(protocol *p, const split *s, const char *candidates, const char *metrics, bool keep_seen,
                        uint64_t seed);
void protocol_close(protocol *p);
/* Are the words for candidates known ones? For saying so before anything is read. */
lorec_err protocol_check_candidates(const char *words);
/* By default ratings up to 1 are labels (positive above 0.5), on scales up to 5 four and more is positive, on larger
 * ones four fifths of the largest. Another limit makes another protocol: the id changes. */
lorec_err protocol_set_positive(protocol *p, double positive_rating);
/* Methods that ask a language model for each user can not ask for all: a part of the test users is a protocol of its own. */
lorec_err protocol_set_users(protocol *p, uint32_t users);
/* What the candidates are called in reports instead of "slate:FILE" (how they came about: "sasrec@20"). */
lorec_err protocol_set_words(protocol *p, const char *words);

/* What this part's candidates are: slates fix only the test part. */
candidates_kind protocol_kind(const protocol *p, part of);
/* At most so many candidates for a user with n_relevant targets; not for CANDIDATES_FULL. */
size_t protocol_candidates_max(const protocol *p, uint32_t user, size_t n_relevant);
/* The candidates of one user, ascending, targets among them (except in slates that lack them). `bits` holds n_items
 * zero bits in 64s and is zero again afterwards. */
size_t protocol_candidates(const protocol *p, part of, uint32_t user, const uint32_t *relevant, size_t n_relevant,
                           const uint32_t *seen, size_t n_seen, uint64_t *bits, uint32_t *out);

#endif

/* questions.h: who is asked and what a right answer is: users of a part with their targets, and the queries that a
 * recommender gets for them.
 *
 *     questions q;
 *     TRY(questions_make(&q, p, PART_TEST, 0, 1));
 *     for (i < q.n) ... q.user[i], q.relevant[q.start[i] .. q.start[i + 1] - 1]
 *     query_batch b = {0};
 *     TRY(query_batch_fill(&b, p, PART_TEST, &q, at, n));     // b.query[0 .. n-1]
 *
 * Ownership: each owns its arrays until its _free; the protocol is borrowed. */
#ifndef LOREC_EVAL_QUESTIONS_H
#define LOREC_EVAL_QUESTIONS_H

#include "eval/protocol.h"
#include "rec/recommender.h"

typedef struct questions {
    uint32_t n;         /* users asked */
    uint32_t *user;     /* [n] ascending */
    uint64_t *start;    /* [n + 1] */
    uint32_t *relevant; /* different items, ascending */
    uint32_t most;      /* the largest number of relevant items of a user */
    uint64_t repeated;  /* targets left out because the user had them before (see protocol.h) */
    uint64_t users_without_target;
} questions;

/* max_users > 0: so many of a seeded shuffle; otherwise, of the test part, as many as the protocol says. Nobody left to
 * ask is LOREC_INPUT. */
lorec_err questions_make(questions *out, const protocol *p, part of, uint32_t max_users, uint64_t seed);
void questions_free(questions *q);

typedef struct query_batch {
    query *query;
    uint32_t *items;
    int64_t *times;
    size_t query_cap, items_cap, times_cap;
} query_batch;

/* Queries of questions at .. at + n - 1; `now` is the time of the user's first row in the part. */
lorec_err query_batch_fill(query_batch *b, const protocol *p, part of, const questions *q, size_t at, size_t n);
void query_batch_free(query_batch *b);

#endif

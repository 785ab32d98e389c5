/* chatrec.h: Chat-REC's parts, and a dialogue of several turns whose memory the caller keeps.
 *
 *     chatrec_dialogue d = {0};
 *     TRY(chatrec_turn(self, session, &q, &d, "something for a rainy evening", 5, items, scores, &found));
 *     TRY(chatrec_turn(self, session, &q, &d, "why the first one?", 5, items, scores, &found));   // found 0: d.reply.p answers
 *     chatrec_dialogue_free(&d);
 *
 * Ownership: a dialogue is the caller's and belongs to one thread; the model is immutable once fitted. */
#ifndef LOREC_METHODS_CHAT_REC_CHATREC_H
#define LOREC_METHODS_CHAT_REC_CHATREC_H

#include "base/ids.h"
#include "recipes/prompt.h"
#include "recipes/rerank.h"
#include "retrieve/bm25.h"

typedef struct chatrec {
    llm_settings chat;
    int64_t candidates, matched, max_history, wanted, max_candidates;
    int order;
    bool reasons;
    const char *retriever, *request, *things, *verb;
    /* fitted */
    catalogue items;
    ids vocabulary; /* words of titles and categories */
    bm25 index;
    const recommender *first; /* the first stage, fitted */
    void *first_self;
    prompt *turn;
    llm_tally *tally;
    uint64_t seed;
} chatrec;

enum { ORDER_RETRIEVER, ORDER_SHUFFLED };

/* ---- candidates.c ------------------------------------------------------------------------------------------------------- */

lorec_err chatrec_index(chatrec *m); /* BM25 over the catalogue */
/* What the first stage retrieves for each query, then items that share words with the request and are not there yet:
 * candidate[i * room ..], with room = candidates + matched; nothing of the history. */
lorec_err chatrec_candidates(const chatrec *m, rec_session *s, const query *q, size_t n, const char *request,
                             uint32_t *candidate, size_t *found);
/* Appends what the request's words find and the n that are there and the history do not hold. */
lorec_err chatrec_match(const chatrec *m, const query *q, const char *request, uint32_t *candidate, size_t *n,
                        size_t room);

/* ---- dialogue.c --------------------------------------------------------------------------------------------------------- */

typedef struct chatrec_dialogue {
    json_t *messages;    /* what was said; NULL: nothing yet */
    uint32_t *candidate; /* what is on offer, in the retriever's order */
    size_t n;
    buf reply; /* the language model's last words */
} chatrec_dialogue;
void chatrec_dialogue_free(chatrec_dialogue *d);

/* Candidates in a row of slates, asked about: named ones get n - k, the others less than 1, falling as they stand. With a
 * dialogue n is 1, and what was said goes before and is added to. */
lorec_err chatrec_rank(const chatrec *m, rec_session *s, chatrec_dialogue *d, const char *request, const query *q,
                       size_t n, const uint64_t *start, const uint32_t *candidate, float *scores);

/* One turn. The first retrieves; a later one narrows what is on offer, and adds what its words find in the catalogue. One that
 * asks why (why, explain, reason) is answered from the dialogue alone: *found is 0. On failure the dialogue is as it was. */
lorec_err chatrec_turn(const void *self, rec_session *s, const query *q, chatrec_dialogue *d, const char *request,
                       size_t k, uint32_t *items, float *scores, size_t *found);

#endif

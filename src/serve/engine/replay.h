/* replay.h: how an answer came about: its record, and the same computed again.
 *
 *     replay r;
 *     TRY(replay_open(&r, "sqlite:shop.db", "4f2a..."));       // reads the record, the run, the events up to then
 *     for (size_t i = 0; i < r.n; i++) use(&r.line[i]);        // each item, its place, its score now and then
 *     if (r.same) ...                                          // every bit as it was
 *     replay_close(&r);
 *
 * Ownership: a replay owns all of it until replay_close. */
#ifndef LOREC_SERVE_ENGINE_REPLAY_H
#define LOREC_SERVE_ENGINE_REPLAY_H

#include "serve/engine/engine.h"

typedef struct replay_line {
    slice id, title; /* of the record; of the run */
    float then, now;
    size_t place; /* in the whole ranking of its source, from 1; 0: it is not in it */
    bool same;
    enum source source;
} replay_line;
typedef struct replay {
    json_t *record;
    live live;
    engine engine;
    bool has_live, has_engine;
    replay_line *line;
    size_t n;
    bool same; /* run, state, scores and order */
    bool same_model, same_state;
    size_t unexplained; /* items that rank above the last one listed, without a reason why they were not listed */
    size_t n_history, n_text;
    uint32_t *
        searched; /* [n_searched] what the index finds again, where the answer was searched for; NULL: all was ranked */
    size_t n_searched;
} replay;

/* LOREC_INPUT: no such record, or its run is gone. */
lorec_err replay_open(replay *r, const char *store_url, const char *request_id);
void replay_close(replay *r);

#endif

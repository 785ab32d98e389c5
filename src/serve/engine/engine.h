/* engine.h: from a person's state to a list: the models of one or more runs, used by one thread, in batches.
 *
 *     engine g;
 *     TRY(engine_open(&g, &live));
 *     TRY(engine_add(&g, "runs/first", NULL, -1));          // every run is a variant; all must speak of one catalogue
 *     ask *batch[] = {&a, &b};
 *     engine_answer(&g, batch, 2);                          // a.list, a.degraded ...: every ask has an answer
 *     engine_close(&g);
 *
 * The state of a user is what the run's data says, then the live feedback. What had feedback of any kind is not
 * recommended again unless keep_seen; hidden items never are. Whoever has no history gets what is popular; so does
 * everybody when the model fails or the deadline is over, and `degraded` says why.
 *
 * Each list is computed by itself, by one worker, several lists beside each other: products of many rows at once sum in
 * another order than those of a few, and an answer is not to depend on who asked at the same moment (`lorec why` makes it
 * again bit for bit).
 *
 * Ownership: an engine borrows the live; it belongs to the executor's thread once the server runs. An ask owns its lists
 * until ask_free; texts in it are borrowed. */
#ifndef LOREC_SERVE_ENGINE_ENGINE_H
#define LOREC_SERVE_ENGINE_ENGINE_H

#include "serve/train/variant.h"

typedef enum source { SOURCE_MODEL, SOURCE_POPULAR, SOURCE_TEXT } source;
extern const char *const source_words[3];
typedef enum drop_reason { DROP_SEEN, DROP_HIDDEN, DROP_CATEGORY, DROP_EXCLUDED, DROP_OFFSET } drop_reason;
extern const char *const drop_words[5];

typedef struct listed {
    uint32_t item; /* number in the live */
    float score;
    source source;
} listed;
typedef struct not_listed { /* ranked above the last one listed, and why it is not */
    uint32_t item;
    drop_reason why;
} not_listed;

typedef struct ask {
    slice user_id;     /* n 0: nobody known */
    uint32_t user;     /* live number, or NO_NUMBER */
    uint32_t *history; /* live numbers, oldest first, instead of the user's state; NULL: the state */
    size_t n_history;
    uint32_t *exclude; /* sorted by engine_answer */
    size_t n_exclude;
    uint32_t *candidates; /* only these are ranked; NULL: all */
    size_t n_candidates;
    uint32_t category; /* NO_NUMBER: any */
    size_t n, offset;
    bool keep_seen;
    int variant;     /* which run; -1: by the user */
    double deadline; /* clock_seconds(); 0: none */

    listed *list;
    size_t n_list;
    not_listed *dropped;
    size_t n_dropped, dropped_cap;
    const char *degraded; /* NULL: as asked */
    char why[160];
    int answered_by;                /* variant */
    int64_t event_seq, popular_seq; /* the live state it was made from */
    uint64_t state;                 /* hash of the history */
    bool indexed;                   /* scores are the index's products (item_index.h) */
    size_t searched;                /* so many of the best were searched for; 0: all were scored */
} ask;
void ask_free(ask *a);

typedef struct list_slot list_slot;
typedef struct list_cache { /* list_cache.h */
    list_slot *slot;
} list_cache;

typedef struct engine {
    list_cache cache;
    uint64_t hits, misses;
    uint64_t index_from; /* catalogues of more values are searched by an index; INDEX_VALUES by default */
    size_t new_every; /* each so many-th place of a list may go to an item that the model does not know yet; 0: none */
    live *live;
    variant **run; /* [n] held; read by others than the executor under the live's lock */
    size_t n;
    size_t n_split; /* users are given one of the first so many; the others answer who names them. 0: all are given */
    uint32_t *popular; /* live numbers, most popular first */
    size_t n_popular, popular_cap;
    double popular_at;
    int64_t popular_seq; /* of the events counted in it */
    /* scratch of a batch */
    query *q;
    uint32_t *got_item, *rows_item;
    float *got_score;
    int64_t *rows_time;
    size_t *found, *first;
    size_t q_cap, got_cap, score_cap, rows_cap, time_cap, found_cap, first_cap;
} engine;

lorec_err engine_open(engine *g, live *v);
void engine_close(engine *g);
lorec_err engine_add(engine *g, const char *run, const char *method, int64_t seed);
/* Puts another variant, already open, in the place of i: takes its reference over and gives the old one's back. The
 * executor's, between batches; takes the live's write lock, so that nobody sees half of it. */
variant *engine_swap(engine *g, size_t i, variant *fresh);
/* For other threads than the executor: a variant that stays open until variant_release, whatever is put in its place. */
variant *engine_hold(engine *g, size_t i);
void engine_answer(engine *g, ask **batch, size_t n);
/* The user's history as the model of a variant sees it, with live events up to `seq`: model's item numbers; for replays. */
lorec_err engine_state(engine *g, size_t variant, slice user_id, int64_t seq, uint32_t **items, size_t *n);
/* What the index of the last variant finds again for an ask: live numbers; for replays. None where it has no index. */
lorec_err engine_searched(engine *g, ask *a, size_t k, uint32_t **items, size_t *n);
uint64_t engine_state_hash(const uint32_t *items, size_t n);

#endif

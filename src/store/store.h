/* store.h: what a server has to remember: users, items, feedback, what was served. One schema for SQLite and PostgreSQL.
 *
 *   users    user_id, labels (JSON), comment
 *   items    item_id, hidden, categories (JSON array), time, labels (JSON), title, comment
 *   events   feedback, append-only: seq grows; event_id occurs once; retract: takes back type+user+item said before
 *   changes  seq grows: whose users or items row changed (other processes follow it)
 *   records  request_id, time, body (JSON): what was served and why
 *   meta     schema_version
 *
 *     store *s;
 *     TRY(store_open(&s, "sqlite:state.db"));                       // makes or migrates the schema
 *     TRY(store_begin(s));
 *     TRY(store_event_add(s, &event, STORE_IDEMPOTENT, &added));
 *     TRY(store_commit(s));                                         // on disk now: it may be acknowledged
 *     TRY(store_events_after(s, seq, 1000, each, ctx));
 *     store_close(s);
 *
 * Times are seconds since 1970.
 *
 * Ownership: a store belongs to one thread at a time. Rows given to callbacks live until these return. */
#ifndef LOREC_STORE_STORE_H
#define LOREC_STORE_STORE_H

#include "store/sql.h"

typedef struct store store;
lorec_err store_open(store **out, const char *url);
void store_close(store *s);
bool store_shared(const store *s); /* may other processes write too? */
lorec_err store_begin(store *s);
lorec_err store_commit(store *s);
void store_rollback(store *s);
lorec_err store_words(store *s, const char *sql); /* SAVEPOINT and the like, inside a transaction */

typedef struct store_user {
    slice id, labels, comment; /* labels: JSON, "null" where there are none */
} store_user;
typedef struct store_item {
    slice id, categories, labels, title, comment; /* categories: a JSON array of texts */
    bool hidden;
    int64_t time;
} store_item;
typedef struct store_event {
    int64_t seq; /* given by the store */
    slice event_id, type, user, item, comment;
    double value;
    int64_t time;
    bool retract;
} store_event;

typedef lorec_err (*store_user_fn)(void *ctx, const store_user *u);
typedef lorec_err (*store_item_fn)(void *ctx, const store_item *i);
typedef lorec_err (*store_event_fn)(void *ctx, const store_event *e);

/* An upsert; a user or item that feedback brings up before it is described needs no row. */
lorec_err store_user_put(store *s, const store_user *u);
lorec_err store_item_put(store *s, const store_item *i);
lorec_err store_user_delete(store *s, slice id, bool *was); /* its feedback stays unless store_forget */
lorec_err store_item_delete(store *s, slice id, bool *was);
/* Those whose id is above `after` in byte order, at most n. One: after NULL-length, `only` set. */
lorec_err store_users(store *s, slice after, int64_t n, store_user_fn each, void *ctx);
lorec_err store_items(store *s, slice after, int64_t n, store_item_fn each, void *ctx);
lorec_err store_user_get(store *s, slice id, store_user_fn each, void *ctx); /* not called where there is none */
lorec_err store_item_get(store *s, slice id, store_item_fn each, void *ctx);

/* An event_id that is there: STORE_IDEMPOTENT leaves it as it is, STORE_OVERWRITE takes the new value, time, comment. */
typedef enum store_again { STORE_IDEMPOTENT, STORE_OVERWRITE } store_again;
lorec_err store_event_add(store *s, const store_event *e, store_again again, bool *added);
lorec_err store_events_after(store *s, int64_t seq, int64_t n, store_event_fn each, void *ctx);
/* Of a user, an item, or both (a slice of length 0: any), newest first, from seq < before (INT64_MAX: all). */
lorec_err store_events_of(store *s, slice user, slice item, slice type, int64_t before, int64_t n, store_event_fn each,
                          void *ctx);
/* The same without what was taken back, and without the taking back. */
lorec_err store_feedback_of(store *s, slice user, slice item, slice type, int64_t before, int64_t n,
                            store_event_fn each, void *ctx);
/* At most `most` of the events with a time before `before` go; *n says how many. */
lorec_err store_events_expire(store *s, int64_t before, int64_t most, int64_t *n);
/* Everything of a user is removed: the row, its events, its records. */
lorec_err store_forget(store *s, slice user);

typedef lorec_err (*store_change_fn)(void *ctx, int64_t seq, bool is_item, slice id);
lorec_err store_changes_after(store *s, int64_t seq, int64_t n, store_change_fn each, void *ctx);

lorec_err store_record_put(store *s, slice request_id, int64_t time, slice user, slice body);
/* LOREC_INPUT: there is no such record. */
lorec_err store_record_get(store *s, slice request_id, buf *body);
/* Records older than `before` go; *n says how many. */
lorec_err store_records_expire(store *s, int64_t before, int64_t *n);

#endif

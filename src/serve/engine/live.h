/* live.h: what the server knows beside its models: users' feedback since they were trained, items' state, in memory.
 *
 *     live v;
 *     TRY(live_open(&v, &rules));
 *     live_write_lock(&v);                                // the store's thread, after a commit
 *     TRY(live_event(&v, &event));
 *     live_unlock(&v);
 *     live_read_lock(&v);                                 // whoever asks
 *     use(v.user[live_find_user(&v, id)].said);
 *     live_unlock(&v);
 *
 * Users and items have numbers of the server's own (`ids`), whether a model knows them or not.
 *
 * Ownership: a live owns all of it; readers' pointers live until live_unlock. */
#ifndef LOREC_SERVE_ENGINE_LIVE_H
#define LOREC_SERVE_ENGINE_LIVE_H

#include <pthread.h>

#include "base/ids.h"
#include "data/dataset.h"
#include "store/store.h"

enum { NO_NUMBER = UINT32_MAX };

typedef struct live_said { /* one event of a user */
    uint32_t item, type;
    int64_t time, seq;
    float value;
} live_said;
typedef struct live_taken { /* taken back: what was said of it up to seq, in the data too, counts no more */
    uint32_t item;
    int64_t seq;
} live_taken;
typedef struct live_user {
    live_said *said; /* in order of arrival */
    live_taken *taken;
    size_t n, cap, n_taken, taken_cap;
} live_user;
typedef struct live_item {
    bool hidden, known, described; /* known: by the data or by /api/item, which describes */
    int64_t time;
    char *title;
    uint32_t title_version; /* counts its changes */
    uint32_t *category;
    uint32_t n_categories, n_words;
    uint32_t *word;      /* of a described one: item_words of title, comment and categories */
    uint64_t popularity; /* rows of the data and positive events since */
} live_item;

typedef struct live {
    pthread_rwlock_t lock;
    pthread_mutex_t turn; /* a writer that waits has it */
    ids users, items, types, categories;
    live_user *user;
    live_item *item;
    size_t user_cap, item_cap;
    uint32_t read_type; /* this kind of feedback is "seen", not "liked" */
    int64_t event_seq, change_seq, n_events;
    uint64_t title_changes; /* of all items together */
    int64_t counted;        /* popularity has the data's rows and the events after this one */
    bool unique;            /* one event a type, user and item: a second one replaces the first */
} live;

lorec_err live_open(live *v, const char *read_type, bool unique);
void live_close(live *v);
void live_read_lock(live *v);
/* The same for who asks again and again: not before a writer that waits already. Never inside of another read lock. */
void live_read_turn(live *v);
void live_write_lock(live *v);
void live_unlock(live *v);

/* Items of a data set: titles, categories (dataset_categories), times; number [items] gets what each
 * is called here. Takes the write lock itself, some items at a time. */
lorec_err live_data(live *v, const dataset *d, uint32_t *number);
/* What is popular anew: rows_of [n] rows of a data set's items, and the events after `after`. */
void live_count(live *v, const uint32_t *number, const uint64_t *rows_of, uint32_t n, int64_t after);
lorec_err live_event(live *v, const store_event *e);   /* also one that is known (same seq): nothing happens */
lorec_err live_item_row(live *v, const store_item *i); /* described or changed */
void live_item_gone(live *v, slice id);                /* deleted: never recommended again */
/* Feedback with a time before `before`, of the users from *from on, at most `most` of them; *from goes on, and is 0 again at
 * the end. */
void live_expire(live *v, int64_t before, uint32_t *from, uint32_t most);
void live_forget(live *v, slice user);

/* Did the user (NULL: no) take back after event `from`, up to event `to`, what the data says of this item? */
bool live_taken_back(const live_user *u, uint32_t item, int64_t from, int64_t to);
uint32_t live_find_user(const live *v, slice id); /* NO_NUMBER */
uint32_t live_find_item(const live *v, slice id);
bool live_in_category(const live *v, uint32_t item, uint32_t category);
slice live_title(const live *v, uint32_t item); /* the id where it has none */

#endif

/* gorse.h: what the files of Gorse routes share (https://gorse.io: users, items, feedback, recommendations).
 *
 * Ownership: trees are the caller's; texts are borrowed from the request. */
#ifndef LOREC_SERVE_GORSE_GORSE_H
#define LOREC_SERVE_GORSE_GORSE_H

#include "serve/server.h"
#include "serve/when.h"

enum { ID_CHARS = 512, ID_BYTES = 4 * ID_CHARS, PAGE_ROWS = 10000, BATCH_ROWS = 100000 };

/* A JSON text (from the store) as a tree: null where it is none. */
json_t *gorse_tree(slice text);
json_t *gorse_text(slice text);
/* A tree as text for the store, appended; absent: "null". */
lorec_err gorse_dump(buf *out, const json_t *tree);
/* Calls `each` for the body's object, or for each of the body's list of objects; LOREC_INPUT names the entry. */
typedef lorec_err (*gorse_each)(server *s, const json_t *object, int64_t *affected);
lorec_err gorse_rows(server *s, exchange *x, gorse_each each);
json_t *gorse_event_json(const store_event *e);
json_t *gorse_user_json(const store_user *u);
json_t *gorse_item_json(const store_item *i);
/* One object into the store; LOREC_INPUT names the field. */
lorec_err gorse_put_user(server *s, const json_t *object, int64_t *affected);
lorec_err gorse_put_item(server *s, const json_t *object, int64_t *affected);
lorec_err gorse_put_event(server *s, const json_t *object, int64_t *affected);
/* The event as it is stored; without an id of its own it gets one (with --feedback unique one a type, user and item). */
lorec_err gorse_store_event(server *s, store_event *e, store_again again, int64_t *affected);
/* ?write-back-delay= in seconds, Go's durations (1h30m0s); absent or empty: 0. */
lorec_err gorse_delay(exchange *x, int64_t *seconds);
#define GORSE_DELAY "{\"type\":\"string\",\"pattern\":\"^([0-9]{1,6}(h|m|s|ms|us|ns)){0,6}$\"}"
/* What the answered ask of `x` lists goes into the store as feedback of the type ?write-back-type=, then x is replied. */
lorec_err gorse_write_back(server *s, exchange *x);
/* The fields of `patch` over those of `tree`; null counts as absent. */
lorec_err gorse_patch(json_t *tree, const json_t *patch);
/* Percent-encoded, in `room`, which is cleared first; "" when memory is out. */
const char *gorse_encode(const char *text, buf *room);

/* What the bodies hold, and the words of pages behind the question mark. */
extern const form gorse_user_form, gorse_item_form, gorse_event_form, gorse_page_form;

/* Pages: ?cursor=&n=; the cursor is the last key of the page before, percent-encoded by the client. */
typedef struct gorse_page {
    json_t *rows;
    char last[ID_BYTES + 1]; /* the key of the last row; "" where this is the end */
    int64_t n;
} gorse_page;
lorec_err gorse_page_start(gorse_page *p, const exchange *x, slice *cursor);
void gorse_page_key(gorse_page *p, slice key);

#endif

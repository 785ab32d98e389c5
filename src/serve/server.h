/* server.h: `lorec serve`: the HTTP daemon in front, one thread for the store, one for the models.
 *
 *     server *s;
 *     TRY(server_open(&s, &(server_options){.runs = runs, .n_runs = 1, .store = "sqlite:state.db", .port = 8080}));
 *     printf("http://%s:%d\n", server_host(s), server_port(s));
 *     ...                                                  // it answers on threads of its own
 *     server_close(s);                                     // drains: what is under way is answered
 *
 *   HTTP threads --queue--> store thread (one connection; a batch is one transaction, committed before it is acknowledged)
 *                --queue--> model thread (the executor; a batch of asks is one pass of the model)
 *                --queue--> desk thread (checks what a language model is asked) --> the desk's own threads (desk.h)
 *
 * Ownership: a server owns everything it opened; option texts are copied or only read during server_open. */
#ifndef LOREC_SERVE_SERVER_H
#define LOREC_SERVE_SERVER_H

#include "serve/engine/engine.h"
#include "serve/engine/title_index.h"
#include "serve/http/http.h"
#include "serve/http/queue.h"
#include "serve/openai/desk.h"
#include "serve/stats.h"
#include "serve/train/retrain.h"

typedef struct server_options {
    const char *const *runs; /* run folders: the variants, by user */
    size_t n_runs;
    const char *store; /* NULL: sqlite::memory: */
    const char *host;  /* NULL: 127.0.0.1; any other than loopback needs a key */
    int port;
    const char *key; /* NULL: none */
    const char *tls_cert, *tls_key;
    const char *read_type;     /* kind of feedback that means "seen" only; NULL: "read" */
    bool unique;               /* one event a type, user and item, as Gorse */
    double keep_records_days;  /* 0: no slates are recorded */
    double keep_feedback_days; /* 0: for ever */
    bool first_only;     /* of each run its first method; otherwise the others of its command answer who names them */
    uint64_t index_from; /* catalogues of more values are searched by an index; 0: INDEX_VALUES */
    int new_every;       /* each so many-th place may go to an item that no model knows yet; 0: none */
    double deadline_seconds; /* of a recommendation; 0: 1 s */
    double slow_seconds;     /* until the head of a request, and its body, have to be there; 0: as http_slow.h says */
    const char *access_log;  /* file, "-" for stderr, or NULL */
    retrain_options train;
    desk_options llm;              /* llm.llm, llm.embed NULL: no language model */
    double llm_deadline_seconds;   /* of a text that it writes; 0: 600 s */
    double words_deadline_seconds; /* of its words for a recommendation, which goes out without them then; 0: 10 s */
} server_options;

typedef struct record { /* a slate on its way to the store */
    char id[33];
    int64_t time;
    buf user, body;
    struct record *next;
} record;

struct server {
    server_options o;
    char *key, *read_type, *store_url;
    http *http;
    stats *stats;
    live live;
    title_index search; /* for /v1/items */
    engine engine;      /* the model thread's; others read which variants there are under the live's lock */
    retrainer *retrainer;
    store *store; /* the store thread's */
    queue to_store, to_model, to_desk;
    pthread_t store_thread, model_thread, desk_thread;
    bool store_running, model_running, desk_running;
    desk *desk;                /* NULL: no language model */
    struct mentions *mentions; /* titles as a conversation names them; the executor's, others read */
    pthread_mutex_t record_lock;
    record *records, *last_record;
    size_t n_records;
    FILE *access;
    pthread_mutex_t swap_lock; /* a variant on its way to the model thread */
    pthread_cond_t swapped;
    variant *fresh;
    size_t fresh_slot;
    pthread_rwlock_t key_lock;
    pthread_mutex_t access_lock;
    _Atomic bool ready, store_down;
    double started;
};

lorec_err server_open(server **out, const server_options *o);
void server_close(server *s);
/* Runs and state are read again; the key is another from now on (NULL: as it was). Requests go on. */
lorec_err server_reload(server *s, const char *key);
/* Puts a variant into service between two batches of the model thread and closes the one that was; takes it over. */
lorec_err server_swap(server *s, size_t slot, variant *fresh);
const char *server_host(const server *s);
int server_port(const server *s);

/* For routes: keeps a slate, unless records are off or the store is behind (counted). Takes the body over. */
void server_record(server *s, const char *request_id, slice user, json_t *body);
int64_t server_now(void); /* seconds since 1970 */

/* The tables of addresses, one file each: what is dispatched on, counted by, and told in /openapi.json. */
extern const route_table *const server_tables[];
extern const size_t server_n_tables;
extern const route_table routes_gorse_users, routes_gorse_items, routes_gorse_feedback, routes_gorse_recommend,
    routes_gorse_bulk, routes_openapi, routes_v1, routes_openai, routes_health, routes_train, routes_page,
    routes_browse, routes_runs;

#endif

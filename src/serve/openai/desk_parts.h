/* desk_parts.h: inside the desk: its jobs, and the two kinds of model.
 *
 * Ownership: as desk.h; a job is the queue's, then the thread's that took it. */
#ifndef LOREC_SERVE_OPENAI_DESK_PARTS_H
#define LOREC_SERVE_OPENAI_DESK_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "lm/decode/json_only.h"
#include "lm/embed/embed.h"
#include "lm/llm.h"
#include "lm/local_model.h"
#include "lm/session/batcher.h"
#include "serve/openai/desk.h"

enum { DESK_RELAYS = 8 };

struct job;
typedef struct speaker { /* one sample of a job */
    struct job *job;
    int64_t i;
    uint64_t id;       /* the batcher's */
    json_t *rows;      /* of tokens whose text is held back */
    size_t *row_begin; /* where the text of each begins */
    size_t n_rows, begin_cap;
    size_t said, given; /* bytes of text: of all tokens; handed on */
} speaker;

typedef struct job {
    desk *d;
    bool embeds;
    desk_request q;
    desk_embed_request e;
    char *prompt;
    char **stop;
    int32_t *ids;
    speaker *speaker;   /* [q.n] */
    int64_t open, told; /* samples not done, and one while they are added; done ones. Under the desk's lock */
    bool void_text;     /* what was told can not be taken back, and the server begins anew */
    struct job *next, *before;
} job;

struct desk {
    desk_options o;
    char *name, *embed_name, *embed_path, *spec;
    bool is_local, talks, chats;
    pthread_mutex_t lock;
    pthread_cond_t work;
    job *first, *last; /* waiting for a worker thread */
    size_t n_waiting;
    job *active; /* at the batcher */
    bool closing;
    _Atomic int64_t places, running; /* samples accepted and not done */
    pthread_t worker[DESK_RELAYS];
    int n_workers;
    /* a local model */
    local_model model;
    adapter_set adapters; /* the model's, where it has one */
    lm_session *session;
    batcher *batcher;
    json_only json; /* the texts of its tokens, once somebody asks for JSON; under json_lock until then */
    pthread_mutex_t json_lock;
    bool json_ready;
    constraint only_json;
    pthread_t stepper;
    bool stepping;
    embedder *embedder; /* the worker's, opened when it is first needed */
    llm *llm;           /* a remote one, as it was opened first: for its name */
};

job *job_new(desk *d, const desk_request *q); /* NULL: out of memory */
void job_free(job *j);
void desk_done(job *j, int64_t i, const desk_reply *r); /* tells; the last one frees the job */
void desk_unhold(job *j);                               /* nothing more is added to it */
void desk_put(desk *d, job *j);
job *desk_next(desk *d); /* a worker waits for it; NULL: the desk closes and none is left */

lorec_err desk_local_open(desk *d, const char *spec);
lorec_err desk_local_ask(desk *d, const desk_request *q, desk_fault *fault);
void desk_local_close(desk *d);
void desk_local_embed(desk *d, job *j);

lorec_err desk_remote_open(desk *d);
void *desk_relay(void *desk);
/* A token as OpenAI tells it. NULL: out of memory. */
json_t *desk_row(slice token, double logp, json_t *tops);

#endif

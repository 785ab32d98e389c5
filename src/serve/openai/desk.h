/* desk.h: the language model behind the server, asked by many at once: a model on this machine (one thread steps the
 * continuous batcher) or somebody else's server (a few threads relay through lm/llm.h); vectors of texts beside it.
 *
 *     desk *d;
 *     TRY(desk_open(&d, &(desk_options){.llm = "models/qwen3"}));            // or http://HOST/v1#MODEL
 *     desk_request q = {.messages = messages, .n = 1, .temperature = 1, .piece = piece, .done = done, .ctx = me};
 *     TRY(desk_ask(d, &q, &fault));       // OK: done(ctx, i, ...) comes once for each i < n, from a thread of the desk
 *     desk_close(d);                      // what is under way is told DESK_LEFT
 *
 * Ownership: a desk owns its models and threads. Requests are copied (trees are shared); `ctx` is the caller's and has to live
 * until the last `done`. What callbacks are given lives for the call, but for rows, which are handed over. */
#ifndef LOREC_SERVE_OPENAI_DESK_H
#define LOREC_SERVE_OPENAI_DESK_H

#include "base/json.h"
#include "text/tokenizer.h"

typedef struct desk_options {
    const char *llm;   /* PATH or local:PATH, with ?chat=NAME&weights=FORM; http://..., https://..., replay:, record: */
    const char *embed; /* a model for vectors; NULL: the same as llm */
    int64_t running;   /* texts at once; 0: 8 */
    int64_t waiting;   /* texts that may wait; 0: 64 */
    size_t memory;     /* bytes of keys and values; 0: 1 GiB, or what one whole context takes if that is more */
    int64_t most_tokens; /* of a reply whose request names no number; 0: 1024 */
} desk_options;

typedef enum desk_reason {
    DESK_STOP,   /* the model ended, or a stop text came */
    DESK_LENGTH, /* max_tokens, or the context */
    DESK_TOOLS,  /* it calls functions */
    DESK_FILTER, /* the server behind held something back */
    DESK_LEFT,   /* nobody listens any more, or the desk closes */
    DESK_LATE,   /* the deadline is over */
    DESK_FAILED
} desk_reason;

typedef struct desk_reply {
    desk_reason reason;
    int status;          /* of DESK_FAILED: as HTTP would say it */
    const char *message; /* then */
    const json_t *calls; /* tool calls in OpenAI's form that a server named, or NULL */
    int64_t prompt_tokens, completion_tokens;
} desk_reply;

typedef struct desk_request {
    json_t *messages, *tools; /* a chat; or */
    slice prompt;             /* a text to go on with; or */
    const int32_t *ids;       /* its tokens [n_ids] */
    size_t n_ids;
    int64_t n;          /* samples */
    int64_t max_tokens; /* 0: what the context has room for, at most most_tokens */
    uint64_t seed;
    double temperature, top_p;
    bool logprobs;
    int64_t tops; /* likeliest tokens told with each */
    const char *const *stop;
    size_t stops;
    json_t *format;  /* OpenAI's response_format where it is JSON that is due; NULL: any text */
    bool stream;     /* pieces are wanted as they come; otherwise they may come at once */
    double deadline; /* clock_seconds(); 0: none */
    /* rows: [{"token", "logprob", "bytes", "top_logprobs"}] of the piece, taken over; NULL unless asked for. An error stops
     * this sample. */
    lorec_err (*piece)(void *ctx, int64_t i, slice text, json_t *rows);
    void (*done)(void *ctx, int64_t i, const desk_reply *r);
    bool (*left)(void *ctx); /* asked now and then: is nobody listening any more? NULL: never asked */
    void *ctx;
} desk_request;

typedef struct desk_fault { /* what is wrong, in HTTP's and OpenAI's words */
    int status;
    const char *param, *code;
} desk_fault;

typedef struct desk desk;
lorec_err desk_open(desk **out, const desk_options *o);
void desk_close(desk *d);

/* Any thread. An error: nothing will come; fault says how to tell it. */
lorec_err desk_ask(desk *d, const desk_request *q, desk_fault *fault);

typedef struct desk_embed_request {
    const slice *text; /* [n]; or */
    const tokens *ids; /* [n] */
    size_t n;
    /* vectors [n, width]; e: then this thread's message is set */
    void (*done)(void *ctx, lorec_err e, const float *vectors, size_t width, int64_t n_tokens);
    void *ctx;
} desk_embed_request;
/* Texts and ids are borrowed until done. */
lorec_err desk_embed(desk *d, const desk_embed_request *q, desk_fault *fault);

const char *desk_chat_model(const desk *d);  /* its name, or NULL: it does not talk */
const char *desk_embed_model(const desk *d); /* or NULL */
bool desk_chats(const desk *d);              /* messages; otherwise it only goes on with texts */
bool desk_is_local(const desk *d);
int64_t desk_context(const desk *d); /* tokens; 0: not known */
size_t desk_waiting(desk *d);
size_t desk_running(desk *d);

#endif

/* llm.h: a language model to ask, wherever it runs: a server, this machine, or a transcript of earlier answers.
 *
 *     llm *m;
 *     TRY(llm_open(&m, "record:run.sqlite=http://localhost:8000/v1#qwen", &(llm_options){.concurrency = 8}));
 *     TRY(llm_need(m, LLM_CHAT | LLM_LOGPROBS, "tallrec"));      // said before the work begins, not in the middle of it
 *     llm_request q[2] = {{.messages = ..., .params = {.temperature = 0, .max_tokens = 64}}, ...};
 *     llm_answer a[2] = {0};
 *     TRY(llm_ask(m, q, 2, a, NULL));                            // in order, however they came; a[i].text, a[i].finish
 *     llm_answers_free(a, 2);
 *     llm_close(m);
 *
 * Which model (one row of the table in provider/backends.c each):
 *     http://HOST[:PORT]/v1#MODEL    any server that speaks OpenAI's words: vLLM, llama-server, Ollama, a cloud
 *     local:PATH[?chat=NAME]         a model here; NAME: a chat template instead of its own (text/chat.h), or "none";
 *                                    ?weights=keep|f32|bf16|q8|q4, ?adapter=FOLDER (peft's), joined by &
 *     replay:FILE[#MODEL]            a transcript: its answers, without a model; what it lacks is an error
 *     record:FILE=SPEC               SPEC, every answer kept in FILE at once; what FILE has is not asked again, so that a
 *                                    run that broke off goes on where it stopped and a whole one costs nothing
 *     dry:SPEC                       SPEC, counted and priced and not asked (a model here answers the first two, for the time)
 *
 * Keys come from the environment only: LOREC_API_KEY, or the variable that llm_options names; OPENAI_API_KEY is sent to
 * api.openai.com and nowhere else. No key is ever written, neither to a log nor to a transcript.
 *
 * Messages are OpenAI's: [{"role", "content"}], where content is a text or a list of parts ({"type": "text"},
 * {"type": "image_url"}); answers of the assistant may carry "tool_calls", results have the role "tool"
 * (lm/messages.h makes them).
 *
 * Ownership: an llm owns its connection, transcript and model until llm_close, and belongs to one thread. Requests are
 * borrowed for the call; an answer owns its parts until llm_answers_free. */
#ifndef LOREC_LM_LLM_H
#define LOREC_LM_LLM_H

#include "base/json.h"

typedef struct llm llm;

/* What can be asked of a model. */
enum {
    LLM_CHAT = 1,     /* messages to a message */
    LLM_COMPLETE = 2, /* a text to its continuation */
    LLM_LOGPROBS = 4, /* log probabilities of what was generated, and of the likeliest tokens beside it */
    LLM_SCORE = 8,    /* log probabilities of given continuations */
    LLM_EMBED = 16,   /* texts to vectors */
    LLM_WEIGHTS = 32, /* the model itself: to train, to read hidden states, to constrain decoding */
    LLM_IMAGES = 64,  /* image parts in messages */
    LLM_TOOLS = 128,  /* functions that it may call */
};

typedef struct llm_options {  /* 0 and NULL: the default */
    int64_t concurrency;      /* requests under way at once; 4 */
    int64_t tries;            /* of a request, the first included; 6 */
    double timeout;           /* seconds for one answer; 600 */
    double connect_timeout;   /* seconds; 15 */
    double first_wait;        /* seconds before the second try, doubled after each; 1 */
    double longest_wait;      /* seconds; also the longest Retry-After that is waited for; 120 */
    int64_t budget_tokens;    /* stop when so many were used; none */
    double budget_money;      /* stop when so much was spent, by the price table; none */
    const char *key_variable; /* where the key is: a variable of the environment */
    const char *prices;       /* a YAML file: docs/llm.md */
    uint64_t seed;            /* of the waits' jitter */
} llm_options;

lorec_err llm_open(llm **out, const char *spec, const llm_options *options);
void llm_close(llm *m);
const char *llm_name(const llm *m); /* the model's */
unsigned llm_can(const llm *m);     /* LLM_CHAT | ... */
/* LOREC_USAGE where something is missing: what `who` needs, what this model can not do, and which could. */
lorec_err llm_need(const llm *m, unsigned needs, const char *who);
lorec_err llm_can_text(unsigned can, buf *out); /* "chat, logprobs" */

/* ---- asking -------------------------------------------------------------------------------------------------------- */

typedef enum llm_verb { LLM_VERB_CHAT, LLM_VERB_COMPLETE, LLM_VERB_SCORE, LLM_VERB_EMBED } llm_verb;

typedef struct llm_params {
    double temperature; /* 0: the likeliest token */
    double top_p;       /* 0: not limited */
    int64_t max_tokens; /* 0: as the server has it */
    int64_t seed;       /* 0: none is sent */
    int64_t logprobs;   /* how many of the likeliest tokens to tell beside each one; 0: no log probabilities */
    const char *const *stop;
    size_t n_stop;
    const json_t *more; /* further fields of the request, as the server has them; or NULL */
} llm_params;

typedef struct llm_request {
    llm_verb verb;
    const json_t *messages;  /* chat */
    const json_t *tools;     /* chat: [{"type": "function", "function": {...}}], or NULL */
    const char *prompt;      /* complete, score (a local model also scores after messages) */
    const char *const *text; /* score: continuations of the prompt; embed: texts */
    size_t n_text;
    llm_params params;
    int64_t sample; /* which of several samples of the same request: another number, another entry of the transcript */
} llm_request;

typedef enum llm_finish {
    LLM_FINISH_NONE,
    LLM_FINISH_STOP,
    LLM_FINISH_LENGTH,
    LLM_FINISH_FILTER,
    LLM_FINISH_TOOLS
} llm_finish;

typedef struct llm_answer {
    lorec_err err; /* of this request for good: the server refuses it, or its tries are used up */
    llm_finish finish;
    char *why;  /* of err: the message */
    char *text; /* NUL-terminated, valid UTF-8; "" where the server said null */
    size_t n;
    json_t *tool_calls;    /* a list, or NULL */
    json_t *logprobs;      /* [{"token", "logprob", "top": [{"token", "logprob"}]}], or NULL */
    double *score;         /* [n_text] of LLM_VERB_SCORE: the log probability of each continuation */
    int64_t *score_tokens; /* [n_text] and how many tokens it has */
    float *vector;         /* [n_text, width] of LLM_VERB_EMBED */
    size_t width;
    int64_t prompt_tokens, completion_tokens; /* 0: the server did not say */
    double seconds;
    int64_t tries;
    bool replayed; /* from a transcript */
} llm_answer;

typedef struct llm_watch { /* what to hear of while waiting; all may be NULL */
    void *ctx;
    const char *label;                                              /* shows progress under this name */
    void (*text)(void *ctx, size_t i, const char *piece, size_t n); /* a piece of answer i, as it streams in; NULL: what
                                                                     * was told is void, it is asked again */
    lorec_err (*done)(void *ctx, size_t i, const llm_answer *a);    /* answer i is there; an error stops the rest */
    bool (*stop)(void *ctx); /* asked while waiting, ten times a second at least: true ends the call, LOREC_CANCELLED */
} llm_watch;

/* n requests, several at once. An answer whose `err` is set failed alone; the call itself fails where all would (no such
 * model, a refused key, the budget, Ctrl-C): then answers that came are kept, and those that did not have err
 * LOREC_CANCELLED. Either way all n are to be freed. */
lorec_err llm_ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch);
void llm_answers_free(llm_answer *a, size_t n);

/* One question, one answer: "" for a refusal to say anything. */
lorec_err llm_chat(llm *m, const char *system, const char *user, const llm_params *params, llm_answer *out);

/* ---- counting ------------------------------------------------------------------------------------------------------ */

typedef struct llm_usage {
    int64_t asked, replayed, failed, retried; /* requests; tries beyond the first */
    int64_t prompt_tokens, completion_tokens;
    double money, seconds; /* money by the price table; seconds: summed over answers */
    bool priced;           /* the price table knows the model */
} llm_usage;
llm_usage llm_used(const llm *m);

/* What a run would take, before it: nothing is sent. */
typedef struct llm_estimate {
    int64_t calls, known;                    /* to be made; answered by the transcript already */
    double prompt_tokens, completion_tokens; /* of the calls; the second at most, where max_tokens is given */
    double seconds, money;
    bool counted;       /* tokens by the model's own tokenizer; otherwise 4 bytes are taken for one */
    bool priced, timed; /* timed: by the transcript's own answers; otherwise 2 s a call are taken */
} llm_estimate;
lorec_err llm_preview(llm *m, const llm_request *q, size_t n, llm_estimate *out);
lorec_err llm_estimate_text(const llm_estimate *e, buf *out);
json_t *llm_estimate_json(const llm_estimate *e);

/* The local model behind it (LLM_WEIGHTS; lm/lm_text.h), or NULL. It lives as long as `m`. */
struct lm_text;
const struct lm_text *llm_weights(const llm *m);

#endif

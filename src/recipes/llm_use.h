/* llm_use.h: how a method uses a language model that it asks: the options every such method has, the connection in the
 * session, and a tally for the report (calls, tokens, money, repairs of replies).
 *
 *     typedef struct mine { llm_settings chat; llm_tally *tally; ... } mine;
 *     static const option options[] = {LLM_OPTIONS(mine, chat, .2, 512), ...};
 *
 *     TRY(llm_tally_new(&m->tally));                                          // in fit and load
 *     llm *lm;
 *     TRY(llm_use(&lm, session, m, &m->chat, LLM_CHAT, "llmrank"));          // in score: opened once a session
 *     TRY(llm_use_ask(lm, m->tally, request, n, answer, "llmrank"));
 *
 * The model is named by `llm` (lm/llm.h has the forms): a server, a local model, a recorded transcript. `lorec run --llm
 * SPEC` sets it for every method that has the option.
 *
 * Ownership: the session owns the connection; a tally is the method's, shared by its sessions (it locks itself). */
#ifndef LOREC_RECIPES_LLM_USE_H
#define LOREC_RECIPES_LLM_USE_H

#include "lm/llm.h"
#include "rec/recommender.h"
#include "text/reply.h"

typedef struct llm_settings {
    const char *llm, *prices;
    int64_t concurrency, max_tokens, budget_tokens;
    double temperature, budget_money;
} llm_settings;

#define LLM_OPTIONS(type_, at_, temperature_, max_tokens_) LLM_OPTIONS_FAST(type_, at_, temperature_, max_tokens_, NULL)
/* fast_: max_tokens with --fast, as a text. */
#define LLM_OPTIONS_FAST(type_, at_, temperature_, max_tokens_, fast_)                                                 \
    {.name = "llm",                                                                                                    \
     .type = OPTION_TYPE_TEXT,                                                                                         \
     .offset = offsetof(type_, at_.llm),                                                                               \
     .help = "the language model: http://HOST/v1#MODEL, local:PATH, replay:FILE, record:FILE=SPEC"},                   \
        {.name = "temperature",                                                                                        \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.temperature),                                                                   \
         .def = (temperature_),                                                                                        \
         .max = 10,                                                                                                    \
         .help = "of what the language model writes; 0: the likeliest words"},                                         \
        {.name = "max_tokens",                                                                                         \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, at_.max_tokens),                                                                    \
         .def = (max_tokens_),                                                                                         \
         .fast = (fast_),                                                                                              \
         .min = 1,                                                                                                     \
         .max = 1 << 20,                                                                                               \
         .help = "of one reply"},                                                                                      \
        {.name = "concurrency",                                                                                        \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, at_.concurrency),                                                                   \
         .def = 8,                                                                                                     \
         .min = 1,                                                                                                     \
         .max = 1024,                                                                                                  \
         .help = "requests under way at once"},                                                                        \
        {.name = "budget_tokens",                                                                                      \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, at_.budget_tokens),                                                                 \
         .max = 9e15,                                                                                                  \
         .help = "stop after so many tokens; 0: none"},                                                                \
        {.name = "budget_money",                                                                                       \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.budget_money),                                                                  \
         .max = 1e9,                                                                                                   \
         .help = "stop after so much, by the price table; 0: none"},                                                   \
    {                                                                                                                  \
        .name = "prices", .type = OPTION_TYPE_TEXT, .offset = offsetof(type_, at_.prices),                             \
        .help = "a price table (docs/llm.md)"                                                                          \
    }
enum { LLM_OPTION_ROWS = 7 };

typedef struct llm_tally llm_tally;
lorec_err llm_tally_new(llm_tally **out);
void llm_tally_free(llm_tally *t);
void llm_tally_replies(llm_tally *t, const reply_counts *c); /* adds */
/* {"llm_calls", "llm_tokens", "prompt_tokens", "completion_tokens", "replayed", "failed", "money", "replies": {...}} into an
 * object; false: out of memory. */
bool llm_tally_json(llm_tally *t, json_t *into);
json_t *llm_tally_counts(llm_tally *t); /* the same as an object of its own; t may be NULL. NULL: out of memory */

/* The session's model, opened now if need be; LOREC_USAGE: none is named, or it lacks what is needed. */
lorec_err llm_use(llm **out, rec_session *s, const void *who, const llm_settings *settings, unsigned needs,
                  const char *name);
/* The same outside of sessions (fit): the caller closes it. */
lorec_err llm_use_open(llm **out, const llm_settings *settings, unsigned needs, const char *name);
/* n requests with the settings' temperature and max_tokens where a request has none of its own; usage goes to the tally. An
 * answer that failed alone is counted and stays empty; where all did, the call fails. */
lorec_err llm_use_ask(llm *m, llm_tally *t, const llm_settings *settings, llm_request *q, size_t n, llm_answer *out,
                      const char *label);

#endif

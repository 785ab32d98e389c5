/* openai_ask.h: the bodies of /v1/chat/completions, /v1/completions and /v1/embeddings, checked before anything is done with
 * them; what this server can not honour is refused by name and never passed over in silence.
 *
 *     openai_ask a;
 *     TRY(openai_read(x, OPENAI_CHAT, &a));       // LOREC_INPUT; x->param and x->code say where and what
 *     use(a.messages, a.temperature, a.stop, a.stops);
 *     openai_ask_free(&a);
 *
 * Ownership: an ask borrows from the body's tree and owns its lists and rewritten messages until openai_ask_free. */
#ifndef LOREC_SERVE_OPENAI_ASK_H
#define LOREC_SERVE_OPENAI_ASK_H

#include "serve/http/form.h"
#include "text/tokenizer.h"

typedef enum openai_kind { OPENAI_CHAT, OPENAI_TEXT, OPENAI_EMBED } openai_kind;

enum { OPENAI_STOPS = 16, OPENAI_SAMPLES = 128, OPENAI_PROMPTS = 128, OPENAI_INPUTS = 2048 };

typedef struct openai_ask {
    openai_kind kind;
    slice model, user;
    int64_t n, seed, max_tokens, max_completion_tokens, top_logprobs, text_logprobs, dimensions;
    double temperature, top_p;
    bool stream, logprobs, echo, parallel_calls;
    json_t *messages_in, *tools_in, *tool_choice, *response_format, *stream_options, *stop_in, *prompt_in, *input_in;
    json_t *logit_bias, *best_of, *presence, *frequency, *unused, *modalities;
    slice encoding, suffix;
    double timeout_ms; /* lorec's own */

    /* what became of it */
    json_t *messages; /* with contents as one text each; own */
    json_t *tools;    /* own; NULL: none are to be used */
    json_t *format;   /* the response_format where JSON is due; borrowed */
    const char *stop[OPENAI_STOPS];
    size_t stops;
    bool include_usage, has_seed, base64;
    slice *text; /* [n_texts] prompts or inputs; own. Their texts are NUL-terminated */
    tokens *ids; /* [n_texts] where tokens were sent instead; own */
    size_t n_texts;
} openai_ask;

extern const form openai_forms[3]; /* by kind */

lorec_err openai_read(exchange *x, openai_kind kind, openai_ask *a);
void openai_ask_free(openai_ask *a);

#endif

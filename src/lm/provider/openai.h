/* openai.h: requests and replies in OpenAI's words (/chat/completions, /completions, /embeddings), without any network.
 *
 *     TRY(openai_body(model, &request, stream, &body));         // what is posted to openai_path(verb)
 *     TRY(openai_reply(bytes, n, &request, &answer));           // one JSON document
 *     openai_stream s = {.request = &request};                  // or events
 *     TRY(openai_event(&s, data, n, &text_from));  ...  TRY(openai_stream_end(&s, &answer));
 *
 * Replies are taken as they come: unknown fields, null content, no usage, no choices are all met in the wild. What can not
 * be understood is LOREC_INPUT.
 *
 * Ownership: bodies and answers are the caller's; a stream owns its parts until openai_stream_free. */
#ifndef LOREC_LM_PROVIDER_OPENAI_H
#define LOREC_LM_PROVIDER_OPENAI_H

#include "lm/llm.h"

const char *openai_path(llm_verb verb); /* "/chat/completions" ... */
/* text: which of a score's continuations. */
lorec_err openai_body(const char *model, const llm_request *q, size_t text, bool stream, buf *out);
lorec_err openai_reply(const char *bytes, size_t n, const llm_request *q, llm_answer *out);
/* A score by echo: the log probabilities of the prompt's own tokens from byte `from` on. */
lorec_err openai_echo(const char *bytes, size_t n, size_t from, double *score, int64_t *tokens, llm_answer *counts);

typedef struct openai_stream {
    const llm_request *request;
    buf text;
    json_t *tool_calls, *logprobs;
    llm_finish finish;
    int64_t prompt_tokens, completion_tokens;
    bool done;   /* [DONE], or a reason to finish was seen */
    bool failed; /* the server sent an error as an event */
} openai_stream;
/* One event; *from is where the text it brought begins. LOREC_FAILED with the server's words for an error event. */
lorec_err openai_event(openai_stream *s, const char *data, size_t n, size_t *from);
lorec_err openai_stream_end(openai_stream *s, llm_answer *out); /* LOREC_INPUT where it broke off before the end */
void openai_stream_free(openai_stream *s);

/* What a server says is wrong, in one line: {"error": {"message"}}, {"error": ""}, {"detail": ""}, {"message": ""}, or the
 * beginning of whatever it sent. */
lorec_err openai_complaint(const char *bytes, size_t n, buf *out);

#endif

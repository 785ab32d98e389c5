/* Any bytes as what a server sends: a document, a stream of events cut in two ways, an echo, a complaint. Refused with a
 * message or an answer in valid UTF-8; where the stream is cut changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lm/provider/openai.h"
#include "lm/provider/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lorec_err event(void *ctx, const char *data, size_t n)
{
    size_t from;
    return openai_event(ctx, data, n, &from);
}

static lorec_err streamed(const char *text, size_t size, size_t piece, const llm_request *q, llm_answer *a)
{
    openai_stream s = {.request = q};
    sse events = {.event = event, .ctx = &s};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < size && !e; i += piece) e = sse_feed(&events, text + i, piece < size - i ? piece : size - i);
    if (!e) e = sse_end(&events);
    if (!e) e = openai_stream_end(&s, a);
    sse_free(&events);
    openai_stream_free(&s);
    return e;
}

static void check(lorec_err e, const llm_answer *a)
{
    if (e ? !lorec_error_message()[0] : !a->text || !utf8_valid((slice){a->text, a->n})) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *const texts[] = {"a", "b"};
    llm_answer a[2] = {0};
    const llm_request chat = {.params.logprobs = 2}, embed = {.verb = LLM_VERB_EMBED, .text = texts, .n_text = 2};
    check(openai_reply(text, size, &chat, a), a);
    llm_answers_free(a, 1);
    if (openai_reply(text, size, &embed, a) == LOREC_OK && !(a->width && a->vector)) abort();
    llm_answers_free(a, 1);
    lorec_err whole = streamed(text, size, size ? size : 1, &chat, &a[0]),
              bytes = streamed(text, size, 1, &chat, &a[1]);
    check(whole, &a[0]);
    if (whole != bytes || a[0].n != a[1].n || (a[0].n && memcmp(a[0].text, a[1].text, a[0].n) != 0)) abort();
    llm_answers_free(a, 2);
    double score;
    int64_t tokens;
    (void)openai_echo(text, size, 3, &score, &tokens, a);
    buf words = {0};
    if (openai_complaint(text, size, &words) || !utf8_valid((slice){words.p, words.n})) abort();
    buf_free(&words);
    return 0;
}

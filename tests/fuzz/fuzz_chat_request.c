/* Any bytes as the body of a chat, a completion, an embedding: refused with a message and a field, or an ask in which every
 * text is valid UTF-8 and every number within its bounds. What a model writes as tool calls is read from the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/openai/ask.h"
#include "serve/openai/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const openai_ask *a)
{
    if (a->n < 1 || a->n > OPENAI_SAMPLES || a->stops > OPENAI_STOPS || a->max_tokens < 0) abort();
    if (a->kind != OPENAI_EMBED && !(a->temperature >= 0 && a->temperature <= 2)) abort();
    if (a->kind == OPENAI_CHAT && !json_array_size(a->messages)) abort();
    for (size_t i = 0; i < json_array_size(a->messages); i++) {
        const json_t *m = json_array_get(a->messages, i);
        if (!json_is_string(json_object_get(m, "role")) || !json_is_string(json_object_get(m, "content"))) abort();
    }
    if (a->kind != OPENAI_CHAT && !a->n_texts) abort();
    for (size_t i = 0; i < a->n_texts; i++) {
        if (a->ids[i].n == 0 && (!a->text[i].n || !utf8_valid(a->text[i]))) abort();
        for (size_t k = 0; k < a->ids[i].n; k++)
            if (a->ids[i].id[k] < 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = OPENAI_CHAT; kind <= OPENAI_EMBED; kind++) {
        exchange x = {0};
        openai_ask a;
        if (size && buf_add(&x.body, data, size)) abort();
        lorec_err e = openai_read(&x, (openai_kind)kind, &a);
        if (e && !lorec_error_message()[0]) abort();
        if (!e) {
            check(&a);
            openai_ask_free(&a);
        }
        json_decref(x.json);
        buf_free(&x.body);
    }
    slice rest, text = {(const char *)data, size};
    json_t *calls = openai_tool_calls(text, "id", &rest);
    if (rest.n > size || (calls && !json_array_size(calls))) abort();
    json_decref(calls);
    (void)openai_may_call(text);
    return 0;
}

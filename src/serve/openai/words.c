#include "serve/openai/words.h"

#include "lorec/lorec.h"

static json_t *text_json(slice text)
{
    json_t *v = json_stringn(text.p ? text.p : "", text.n);
    return v ? v : json_string("\xef\xbf\xbd");
}

/* Completions tell log probabilities as four lists. */
static json_t *lists(openai_part *p)
{
    json_t *tokens = json_array(), *logps = json_array(), *tops = json_array(), *offsets = json_array();
    for (size_t i = 0; i < json_array_size(p->rows); i++) {
        const json_t *row = json_array_get(p->rows, i), *top = json_object_get(row, "top_logprobs");
        json_array_append(tokens, json_object_get(row, "token"));
        json_array_append(logps, json_object_get(row, "logprob"));
        json_t *map = json_object();
        for (size_t k = 0; k < json_array_size(top); k++) {
            const json_t *t = json_array_get(top, k);
            json_object_setn(map, json_string_value(json_object_get(t, "token")),
                             json_string_length(json_object_get(t, "token")), json_object_get(t, "logprob"));
        }
        json_array_append_new(tops, map);
        json_array_append_new(offsets, json_integer((json_int_t)*p->offset));
        *p->offset += json_string_length(json_object_get(row, "token"));
    }
    json_decref(p->rows);
    return json_pack("{s:o, s:o, s:o, s:o}", "tokens", tokens, "token_logprobs", logps, "top_logprobs", tops,
                     "text_offset", offsets);
}

static json_t *logprobs(const openai_head *h, openai_part *p)
{
    if (!p->rows) return json_null();
    json_t *found = h->chat ? json_pack("{s:o, s:n}", "content", p->rows, "refusal") : lists(p);
    p->rows = NULL;
    return found ? found : json_null();
}

static json_t *finish_of(const openai_part *p)
{
    return p->finish ? json_string(p->finish) : json_null();
}

json_t *openai_choice(const openai_head *h, openai_part *p)
{
    json_t *rows = logprobs(h, p);
    if (!h->chat)
        return json_pack("{s:o, s:I, s:o, s:o}", "text", text_json(p->text), "index", (json_int_t)p->index, "logprobs",
                         rows, "finish_reason", finish_of(p));
    json_t *message = json_pack("{s:s, s:o, s:n}", "role", "assistant", "content",
                                p->calls && !p->text.n ? json_null() : text_json(p->text), "refusal");
    if (p->calls) json_object_set_new(message, "tool_calls", p->calls);
    p->calls = NULL;
    return json_pack("{s:I, s:o, s:o, s:o}", "index", (json_int_t)p->index, "message", message, "logprobs", rows,
                     "finish_reason", finish_of(p));
}

json_t *openai_delta(const openai_head *h, openai_part *p)
{
    if (!h->chat) return openai_choice(h, p);
    json_t *rows = logprobs(h, p), *delta = json_object();
    if (p->first) json_object_set_new(delta, "role", json_string("assistant"));
    if (p->first || p->text.n) json_object_set_new(delta, "content", text_json(p->text));
    for (size_t i = 0; i < json_array_size(p->calls); i++)
        json_object_set_new(json_array_get(p->calls, i), "index", json_integer((json_int_t)i));
    if (p->calls) json_object_set_new(delta, "tool_calls", p->calls);
    p->calls = NULL;
    return json_pack("{s:I, s:o, s:o, s:o}", "index", (json_int_t)p->index, "delta", delta, "logprobs", rows,
                     "finish_reason", finish_of(p));
}

json_t *openai_usage(int64_t prompt, int64_t completion)
{
    return json_pack("{s:I, s:I, s:I}", "prompt_tokens", (json_int_t)prompt, "completion_tokens",
                     (json_int_t)completion, "total_tokens", (json_int_t)(prompt + completion));
}

static json_t *head(const openai_head *h, const char *object, json_t *choices)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "id", h->id, "object", object, "created", (json_int_t)h->created,
                     "model", h->model, "system_fingerprint", "lorec-" LOREC_VERSION, "choices",
                     choices ? choices : json_array());
}

json_t *openai_whole(const openai_head *h, json_t *choices, json_t *usage)
{
    json_t *o = head(h, h->chat ? "chat.completion" : "text_completion", choices);
    if (o) json_object_set_new(o, "usage", usage);
    return o;
}

json_t *openai_chunk(const openai_head *h, json_t *choices, json_t *usage)
{
    json_t *o = head(h, h->chat ? "chat.completion.chunk" : "text_completion", choices);
    if (o && usage) json_object_set_new(o, "usage", usage);
    return o;
}

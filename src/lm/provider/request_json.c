/* Requests and answers as JSON, for transcripts. */
#include <math.h>

#include "base/mem.h"
#include "lm/provider/backend.h"

static const char *const verbs[] = {"chat", "complete", "score", "embed"};
static const char *const finishes[] = {"none", "stop", "length", "content_filter", "tool_calls"};
enum { FINISHES = sizeof finishes / sizeof *finishes };

static json_t *texts(const char *const *text, size_t n)
{
    json_t *l = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(l, json_string(text[i])) != 0) {
            json_decref(l);
            return NULL;
        }
    return l;
}

/* What the answer depends on, and nothing else: no URL, no key, no time. Fields at their default are left out, so that new
 * ones do not make old transcripts worthless. */
json_t *llm_request_json(const char *model, const llm_request *q)
{
    const llm_params *p = &q->params;
    json_t *o = json_pack("{s:s, s:s}", "model", model, "verb", verbs[q->verb]);
    int bad = !o;
    if (q->messages) bad |= json_object_set(o, "messages", (json_t *)q->messages);
    if (q->tools) bad |= json_object_set(o, "tools", (json_t *)q->tools);
    if (q->prompt) bad |= json_object_set_new(o, "prompt", json_string(q->prompt));
    if (q->n_text) bad |= json_object_set_new(o, "texts", texts(q->text, q->n_text));
    if (p->temperature != 0) bad |= json_object_set_new(o, "temperature", json_real(p->temperature));
    if (p->top_p > 0) bad |= json_object_set_new(o, "top_p", json_real(p->top_p));
    if (p->max_tokens) bad |= json_object_set_new(o, "max_tokens", json_integer(p->max_tokens));
    if (p->seed) bad |= json_object_set_new(o, "seed", json_integer(p->seed));
    if (p->logprobs) bad |= json_object_set_new(o, "logprobs", json_integer(p->logprobs));
    if (p->n_stop) bad |= json_object_set_new(o, "stop", texts(p->stop, p->n_stop));
    if (p->more) bad |= json_object_set(o, "more", (json_t *)p->more);
    if (q->sample) bad |= json_object_set_new(o, "sample", json_integer(q->sample));
    if (!bad) return o;
    json_decref(o);
    return NULL;
}

json_t *llm_answer_json(const llm_request *q, const llm_answer *a)
{
    json_t *o = json_pack("{s:s%, s:s, s:I, s:I, s:f}", "text", a->text ? a->text : "", a->n, "finish",
                          finishes[a->finish], "prompt_tokens", (json_int_t)a->prompt_tokens, "completion_tokens",
                          (json_int_t)a->completion_tokens, "seconds", a->seconds);
    if (a->tool_calls) json_object_set(o, "tool_calls", a->tool_calls);
    if (a->logprobs) json_object_set(o, "logprobs", a->logprobs);
    json_t *score = json_array(), *tokens = json_array(), *vector = json_array();
    for (size_t i = 0; a->score && i < q->n_text; i++) {
        json_array_append_new(score, json_real(a->score[i]));
        json_array_append_new(tokens, json_integer(a->score_tokens[i]));
    }
    for (size_t i = 0; a->vector && i < q->n_text * a->width; i++)
        json_array_append_new(vector, json_real((double)a->vector[i]));
    if (a->score) json_object_set(o, "score", score);
    if (a->score) json_object_set(o, "score_tokens", tokens);
    if (a->vector) json_object_set(o, "vector", vector);
    json_decref(score);
    json_decref(tokens);
    json_decref(vector);
    return o;
}

/* The numbers of a score or an embedding, whose count the request knows. */
static lorec_err numbers(const json_t *j, const llm_request *q, llm_answer *out)
{
    const json_t *score = json_object_get(j, "score"), *tokens = json_object_get(j, "score_tokens");
    const json_t *vector = json_object_get(j, "vector");
    if (q->verb == LLM_VERB_SCORE) {
        if (json_array_size(score) != q->n_text || json_array_size(tokens) != q->n_text)
            return err_set(LOREC_INPUT, "a kept score lacks its numbers");
        TRY(mem_new(&out->score, q->n_text));
        TRY(mem_new(&out->score_tokens, q->n_text));
        for (size_t i = 0; i < q->n_text; i++) {
            out->score[i] = json_number_value(json_array_get(score, i));
            out->score_tokens[i] = json_integer_value(json_array_get(tokens, i));
        }
    }
    if (q->verb == LLM_VERB_EMBED) {
        size_t n = json_array_size(vector);
        if (n == 0 || n % q->n_text) return err_set(LOREC_INPUT, "a kept embedding lacks its numbers");
        TRY(mem_new(&out->vector, n));
        out->width = n / q->n_text;
        for (size_t i = 0; i < n; i++) out->vector[i] = (float)json_number_value(json_array_get(vector, i));
    }
    return LOREC_OK;
}

lorec_err llm_answer_from_json(const json_t *j, const llm_request *q, llm_answer *out)
{
    const json_t *text = json_object_get(j, "text");
    const char *finish;
    if (!json_is_string(text)) return err_set(LOREC_INPUT, "a kept answer has no text");
    TRY(json_get_string_or(j, "finish", "stop", &finish));
    TRY(json_get_i64_or(j, "prompt_tokens", 0, INT64_MAX, 0, &out->prompt_tokens));
    TRY(json_get_i64_or(j, "completion_tokens", 0, INT64_MAX, 0, &out->completion_tokens));
    TRY(json_get_f64_or(j, "seconds", 0, &out->seconds));
    for (int i = 0; i < FINISHES; i++)
        if (strcmp(finish, finishes[i]) == 0) out->finish = (llm_finish)i;
    buf b = {0};
    TRY(buf_add(&b, json_string_value(text), json_string_length(text)));
    out->text = b.p;
    out->n = b.n;
    json_t *calls = json_object_get(j, "tool_calls"), *logprobs = json_object_get(j, "logprobs");
    if (json_is_array(calls)) out->tool_calls = json_incref(calls);
    if (json_is_array(logprobs)) out->logprobs = json_incref(logprobs);
    return numbers(j, q, out);
}

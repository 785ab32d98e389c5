#include "lm/provider/openai.h"

#include <math.h>

#include "base/mem.h"
#include "text/loose_json.h"

const char *openai_path(llm_verb verb)
{
    return verb == LLM_VERB_CHAT ? "/chat/completions" : verb == LLM_VERB_EMBED ? "/embeddings" : "/completions";
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

static int set(json_t *o, const char *key, json_t *v)
{
    return json_object_set_new(o, key, v);
}

static int sampling_fields(json_t *o, const llm_request *q)
{
    const llm_params *p = &q->params;
    bool chat = q->verb == LLM_VERB_CHAT;
    int bad = set(o, "temperature", json_real(p->temperature));
    if (p->top_p > 0) bad |= set(o, "top_p", json_real(p->top_p));
    if (p->max_tokens > 0) bad |= set(o, "max_tokens", json_integer(p->max_tokens));
    if (p->seed) bad |= set(o, "seed", json_integer(p->seed));
    if (p->logprobs > 0 && chat) {
        bad |= set(o, "logprobs", json_true());
        bad |= set(o, "top_logprobs", json_integer(p->logprobs));
    } else if (p->logprobs > 0)
        bad |= set(o, "logprobs", json_integer(p->logprobs));
    json_t *stop = p->n_stop ? json_array() : NULL;
    for (size_t i = 0; i < p->n_stop; i++) bad |= json_array_append_new(stop, json_string(p->stop[i]));
    if (stop) bad |= set(o, "stop", stop);
    return bad;
}

static int embed_fields(json_t *o, const llm_request *q)
{
    json_t *input = json_array();
    int bad = 0;
    for (size_t i = 0; i < q->n_text; i++) bad |= json_array_append_new(input, json_string(q->text[i]));
    return bad | set(o, "input", input);
}

static int score_fields(json_t *o, const llm_request *q, size_t text)
{
    json_t *both = json_sprintf("%s%s", q->prompt, q->text[text]);
    return set(o, "prompt", both) | set(o, "max_tokens", json_integer(1)) | set(o, "echo", json_true()) |
           set(o, "logprobs", json_integer(1)) | set(o, "temperature", json_real(0));
}

lorec_err openai_body(const char *model, const llm_request *q, size_t text, bool stream, buf *out)
{
    json_t *o = json_pack("{s:s}", "model", model);
    int bad = 0;
    switch (q->verb) {
    case LLM_VERB_CHAT:
        bad |= json_object_set(o, "messages", (json_t *)q->messages);
        if (q->tools) bad |= json_object_set(o, "tools", (json_t *)q->tools);
        bad |= sampling_fields(o, q);
        break;
    case LLM_VERB_COMPLETE:
        bad |= set(o, "prompt", json_string(q->prompt)) | sampling_fields(o, q);
        break;
    case LLM_VERB_SCORE:
        if (!q->prompt) {
            json_decref(o);
            return err_set(LOREC_USAGE, "a server scores after a prompt, not after messages");
        }
        bad |= score_fields(o, q, text);
        break;
    case LLM_VERB_EMBED:
        bad |= embed_fields(o, q);
        break;
    }
    if (stream) bad |= set(o, "stream", json_true()) | set(o, "stream_options", json_pack("{s:b}", "include_usage", 1));
    if (q->params.more) bad |= json_object_update(o, (json_t *)q->params.more);
    char *body = bad ? NULL : json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    lorec_err e = body ? buf_puts(out, body)
                       : err_set(LOREC_INPUT, "a request could not be written: its texts have to be valid UTF-8");
    free(body);
    json_decref(o);
    return e;
}

/* ---- replies ------------------------------------------------------------------------------------------------------- */

static llm_finish finish_of(const json_t *choice)
{
    const char *word = json_string_value(json_object_get(choice, "finish_reason"));
    if (!word) return LLM_FINISH_NONE;
    if (strcmp(word, "length") == 0 || strcmp(word, "max_tokens") == 0) return LLM_FINISH_LENGTH;
    if (strcmp(word, "content_filter") == 0) return LLM_FINISH_FILTER;
    if (strcmp(word, "tool_calls") == 0 || strcmp(word, "function_call") == 0) return LLM_FINISH_TOOLS;
    return LLM_FINISH_STOP;
}

static int64_t count(const json_t *usage, const char *key)
{
    const json_t *v = json_object_get(usage, key);
    double n = json_is_number(v) ? json_number_value(v) : 0;
    return n > 0 && n < 1e15 ? (int64_t)n : 0;
}

/* Content is a text, null, or a list of parts whose texts count. */
static lorec_err add_content(buf *out, const json_t *content)
{
    if (json_is_string(content)) return buf_add(out, json_string_value(content), json_string_length(content));
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *text = json_object_get(json_array_get(content, i), "text");
        if (json_is_string(text)) TRY(buf_add(out, json_string_value(text), json_string_length(text)));
    }
    return LOREC_OK;
}

static json_t *token_row(const json_t *token, const json_t *logprob)
{
    return json_is_string(token) && json_is_number(logprob)
               ? json_pack("{s:O, s:f}", "token", token, "logprob", json_number_value(logprob))
               : NULL;
}

/* Chat: {"content": [{"token", "logprob", "top_logprobs": [...]}]}. */
static int chat_logprobs(json_t *into, const json_t *logprobs)
{
    const json_t *rows = json_object_get(logprobs, "content");
    int bad = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *top = json_object_get(row, "top_logprobs");
        json_t *mine = token_row(json_object_get(row, "token"), json_object_get(row, "logprob")), *tops = json_array();
        for (size_t k = 0; k < json_array_size(top); k++) {
            const json_t *t = json_array_get(top, k);
            json_t *one = token_row(json_object_get(t, "token"), json_object_get(t, "logprob"));
            if (one) bad |= json_array_append_new(tops, one);
        }
        if (mine) bad |= set(mine, "top", json_incref(tops)) | json_array_append_new(into, mine);
        json_decref(tops);
    }
    return bad;
}

/* Completions: {"tokens": [], "token_logprobs": [], "top_logprobs": [{token: logprob}]}. */
static int plain_logprobs(json_t *into, const json_t *logprobs)
{
    const json_t *tokens = json_object_get(logprobs, "tokens"), *values = json_object_get(logprobs, "token_logprobs");
    const json_t *tops = json_object_get(logprobs, "top_logprobs");
    int bad = 0;
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        json_t *mine = token_row(json_array_get(tokens, i), json_array_get(values, i)), *list = json_array(), *v;
        const char *token;
        json_object_foreach(json_array_get(tops, i), token, v)
        {
            if (json_is_number(v))
                bad |= json_array_append_new(list,
                                             json_pack("{s:s, s:f}", "token", token, "logprob", json_number_value(v)));
        }
        if (mine) bad |= set(mine, "top", json_incref(list)) | json_array_append_new(into, mine);
        json_decref(list);
    }
    return bad;
}

static lorec_err add_logprobs(json_t **into, const json_t *logprobs)
{
    if (!json_is_object(logprobs)) return LOREC_OK;
    if (!*into) *into = json_array();
    int bad = json_is_array(json_object_get(logprobs, "content")) ? chat_logprobs(*into, logprobs)
                                                                  : plain_logprobs(*into, logprobs);
    return bad ? err_set(LOREC_RESOURCE, "out of memory") : LOREC_OK;
}

static lorec_err take_text(buf *text, llm_answer *out)
{
    if (!text->p) TRY(buf_add(text, "", 0));
    out->text = text->p;
    out->n = text->n;
    *text = (buf){0};
    return LOREC_OK;
}

static lorec_err text_reply(const json_t *j, llm_answer *out)
{
    const json_t *choice = json_array_get(json_object_get(j, "choices"), 0);
    if (!json_is_object(choice)) return err_set(LOREC_INPUT, "the server's reply has no choices");
    const json_t *message = json_object_get(choice, "message");
    buf text = {0};
    lorec_err e = add_content(&text, message ? json_object_get(message, "content") : json_object_get(choice, "text"));
    if (!e) e = take_text(&text, out);
    buf_free(&text);
    if (e) return e;
    const json_t *calls = json_object_get(message, "tool_calls");
    if (json_array_size(calls)) out->tool_calls = json_incref((json_t *)calls);
    out->finish = finish_of(choice);
    if (out->finish == LLM_FINISH_NONE) out->finish = out->tool_calls ? LLM_FINISH_TOOLS : LLM_FINISH_STOP;
    return add_logprobs(&out->logprobs, json_object_get(choice, "logprobs"));
}

static lorec_err vector_reply(const json_t *j, const llm_request *q, llm_answer *out)
{
    const json_t *data = json_object_get(j, "data");
    if (json_array_size(data) != q->n_text)
        return err_set(LOREC_INPUT, "the server sent %zu vectors for %zu texts", json_array_size(data), q->n_text);
    for (size_t i = 0; i < q->n_text; i++) {
        const json_t *row = json_array_get(data, i), *v = json_object_get(row, "embedding");
        int64_t place = (int64_t)i;
        TRY(json_get_i64_or(row, "index", 0, (int64_t)q->n_text - 1, place, &place));
        size_t width = json_array_size(v), size;
        if (!width || (out->width && width != out->width))
            return err_set(LOREC_INPUT, "the server sent vectors of %zu and %zu numbers", out->width, width);
        if (!out->width) {
            if (!size_mul(q->n_text, width, &size)) return err_set(LOREC_INPUT, "vectors too long for memory");
            out->width = width;
            TRY(mem_new(&out->vector, size));
        }
        for (size_t k = 0; k < width; k++) {
            double x = json_number_value(json_array_get(v, k));
            if (!json_is_number(json_array_get(v, k)) || !isfinite((float)x))
                return err_set(LOREC_INPUT, "the server sent a vector that holds something other than numbers");
            out->vector[(size_t)place * width + k] = (float)x;
        }
    }
    return LOREC_OK;
}

static lorec_err parse(json_t **out, const char *bytes, size_t n)
{
    size_t start = 0;
    while (start < n && (bytes[start] == ' ' || bytes[start] == '\n' || bytes[start] == '\r')) start++;
    if (start < n && bytes[start] == '<')
        return err_set(LOREC_INPUT, "the server sent a web page instead of JSON; is the URL the API's, up to /v1?");
    TRY(loose_json(out, bytes, n, "the server's reply", NULL));
    if (json_is_object(*out)) return LOREC_OK;
    json_decref(*out);
    *out = NULL;
    return err_set(LOREC_INPUT, "the server's reply is no JSON object");
}

lorec_err openai_reply(const char *bytes, size_t n, const llm_request *q, llm_answer *out)
{
    json_t *j;
    TRY(parse(&j, bytes, n));
    lorec_err e = q->verb == LLM_VERB_EMBED ? vector_reply(j, q, out) : text_reply(j, out);
    const json_t *usage = json_object_get(j, "usage");
    out->prompt_tokens = count(usage, "prompt_tokens");
    out->completion_tokens = count(usage, "completion_tokens");
    json_decref(j);
    return e;
}

lorec_err openai_echo(const char *bytes, size_t n, size_t from, double *score, int64_t *tokens, llm_answer *counts)
{
    json_t *j;
    TRY(parse(&j, bytes, n));
    const json_t *usage = json_object_get(j, "usage");
    const json_t *rows = json_object_get(json_array_get(json_object_get(j, "choices"), 0), "logprobs");
    const json_t *values = json_object_get(rows, "token_logprobs"), *texts = json_object_get(rows, "tokens");
    size_t made = 1, total = json_array_size(values), at = 0; /* the one generated token stands at the end */
    counts->prompt_tokens += count(usage, "prompt_tokens");
    counts->completion_tokens += count(usage, "completion_tokens");
    *score = 0;
    *tokens = 0;
    bool ok = total > made && json_array_size(texts) == total;
    for (size_t i = 0; i + made < total && ok; i++) { /* tokens that begin in the continuation count */
        const json_t *v = json_array_get(values, i);
        if (at >= from) {
            ok = json_is_number(v);
            *score += json_number_value(v);
            ++*tokens;
        }
        at += json_string_length(json_array_get(texts, i));
    }
    json_decref(j);
    if (ok && *tokens > 0) return LOREC_OK;
    return err_set(LOREC_INPUT, "the server does not echo log probabilities of the prompt; score with a local model");
}

/* ---- streams ------------------------------------------------------------------------------------------------------- */

/* A piece of a tool call goes to the call of its index: names and arguments arrive in bits. */
static lorec_err add_tool_piece(openai_stream *s, const json_t *piece)
{
    int64_t index = 0;
    TRY(json_get_i64_or(piece, "index", 0, 127, 0, &index));
    if (!s->tool_calls) s->tool_calls = json_array();
    while (json_array_size(s->tool_calls) <= (size_t)index)
        if (json_array_append_new(s->tool_calls, json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", "", "type", "function",
                                                           "function", "name", "", "arguments", "")) != 0)
            return err_set(LOREC_RESOURCE, "out of memory");
    json_t *call = json_array_get(s->tool_calls, (size_t)index), *mine = json_object_get(call, "function");
    const json_t *id = json_object_get(piece, "id"), *function = json_object_get(piece, "function");
    if (json_string_length(id)) json_object_set(call, "id", (json_t *)id);
    static const char *const fields[] = {"name", "arguments"};
    for (size_t i = 0; i < 2; i++) {
        const char *more = json_string_value(json_object_get(function, fields[i]));
        if (!more) continue;
        json_t *joined = json_sprintf("%s%s", json_string_value(json_object_get(mine, fields[i])), more);
        if (!joined || json_object_set_new(mine, fields[i], joined) != 0)
            return err_set(LOREC_RESOURCE, "out of memory");
    }
    return LOREC_OK;
}

static lorec_err add_choice(openai_stream *s, const json_t *choice)
{
    const json_t *delta = json_object_get(choice, "delta"), *calls = json_object_get(delta, "tool_calls");
    if (!json_is_object(delta)) delta = json_object_get(choice, "message"); /* some send whole messages */
    TRY(add_content(&s->text, delta ? json_object_get(delta, "content") : json_object_get(choice, "text")));
    for (size_t i = 0; i < json_array_size(calls); i++) TRY(add_tool_piece(s, json_array_get(calls, i)));
    llm_finish finish = finish_of(choice);
    if (finish) {
        s->finish = finish;
        s->done = true;
    }
    return add_logprobs(&s->logprobs, json_object_get(choice, "logprobs"));
}

lorec_err openai_event(openai_stream *s, const char *data, size_t n, size_t *from)
{
    json_t *j;
    *from = s->text.n;
    slice word = slice_trim((slice){data, n});
    if (word.n == 0) return LOREC_OK;
    if (slice_is(word, "[DONE]")) {
        s->done = true;
        return LOREC_OK;
    }
    TRY(parse(&j, data, n));
    lorec_err e = LOREC_OK;
    if (json_object_get(j, "error") && !json_is_null(json_object_get(j, "error"))) {
        buf words = {0};
        e = openai_complaint(data, n, &words);
        s->failed = true;
        if (!e) e = err_set(LOREC_FAILED, "the server breaks off: %s", words.p);
        buf_free(&words);
    }
    const json_t *choices = json_object_get(j, "choices"), *usage = json_object_get(j, "usage");
    if (!e && json_array_size(choices)) e = add_choice(s, json_array_get(choices, 0));
    if (json_is_object(usage)) {
        s->prompt_tokens = count(usage, "prompt_tokens");
        s->completion_tokens = count(usage, "completion_tokens");
    }
    json_decref(j);
    return e;
}

lorec_err openai_stream_end(openai_stream *s, llm_answer *out)
{
    if (!s->done) return err_set(LOREC_INPUT, "the server's stream broke off before its end");
    TRY(take_text(&s->text, out));
    out->tool_calls = s->tool_calls;
    out->logprobs = s->logprobs;
    s->tool_calls = s->logprobs = NULL;
    out->finish = s->finish ? s->finish : out->tool_calls ? LLM_FINISH_TOOLS : LLM_FINISH_STOP;
    out->prompt_tokens = s->prompt_tokens;
    out->completion_tokens = s->completion_tokens;
    return LOREC_OK;
}

void openai_stream_free(openai_stream *s)
{
    buf_free(&s->text);
    json_decref(s->tool_calls);
    json_decref(s->logprobs);
    *s = (openai_stream){0};
}

/* ---- complaints ---------------------------------------------------------------------------------------------------- */

static const char *words_of(const json_t *j)
{
    static const char *const keys[] = {"error", "message", "detail", "msg", "error_description"};
    if (json_is_string(j)) return json_string_value(j);
    if (json_is_array(j)) return words_of(json_array_get(j, 0));
    for (size_t i = 0; i < sizeof keys / sizeof *keys && json_is_object(j); i++) {
        const json_t *v = json_object_get(j, keys[i]);
        if (json_is_string(v)) return json_string_value(v);
        if (json_is_object(v) && json_is_string(json_object_get(v, "message")))
            return json_string_value(json_object_get(v, "message"));
        if (json_is_array(v) && json_is_object(json_array_get(v, 0)))
            return json_string_value(json_object_get(json_array_get(v, 0), "msg"));
    }
    return NULL;
}

lorec_err openai_complaint(const char *bytes, size_t n, buf *out)
{
    enum { SHOWN = 300 };
    json_t *j = NULL;
    const char *words = loose_json(&j, bytes, n, "reply", NULL) == LOREC_OK ? words_of(j) : NULL;
    slice s = words ? slice_of(words) : slice_trim((slice){bytes ? bytes : "", n});
    bool page = !words && s.n && s.p[0] == '<';
    buf line = {0};
    lorec_err e = utf8_repair(&line, s.p, s.n < SHOWN ? s.n : SHOWN, NULL);
    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.p[i] < 0x20) line.p[i] = ' ';
    if (!e)
        e = page  ? buf_puts(out, "a web page, not JSON")
            : s.n ? buf_puts(out, line.p)
                  : buf_puts(out, "no reason given");
    buf_free(&line);
    json_decref(j);
    return e;
}

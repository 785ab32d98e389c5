#include "serve/openai/ask.h"

#include <limits.h>

#include "base/mem.h"
#include "serve/openai/messages.h"

enum { NONE = -1, MESSAGES = 4096, TOKENS_MOST = 1 << 20 };

/* ---- the forms --------------------------------------------------------------------------------------------------------------- */

#define AT(field) offsetof(openai_ask, field)
#define STOP_SCHEMA                                                                                                    \
    "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\",\"maxLength\":1024,\"pattern\":\"^[^\\\\u0000]*$\"},"        \
    "{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\",\"maxLength\":1024,"                           \
    "\"pattern\":\"^[^\\\\u0000]*$\"}}]}"
#define TEXT_OR_IDS(most)                                                                                              \
    "{\"anyOf\":[{\"type\":\"string\",\"minLength\":1},{\"type\":\"array\",\"minItems\":1,\"maxItems\":" most          \
    ",\"items\":{\"type\":\"string\",\"minLength\":1}},{\"$ref\":\"#/components/schemas/TokenIds\"},"                  \
    "{\"type\":\"array\",\"minItems\":1,\"maxItems\":" most                                                            \
    ",\"items\":{\"$ref\":\"#/components/schemas/TokenIds\"}}]}"

/* Fields that both kinds of text have. */
#define COMMON_ROWS                                                                                                    \
    {"model", FIELD_TEXT, AT(model), true, 1, 512, .about = "one of /v1/models"},                                      \
        {"stream", FIELD_BOOL, AT(stream), .about = "server-sent events, a piece each; [DONE] at the end"},            \
        {"stream_options", FIELD_OBJECT, AT(stream_options),                                                           \
         .of = "{\"type\":\"object\",\"properties\":{\"include_usage\":{\"type\":\"boolean\"},"                        \
               "\"include_obfuscation\":{\"type\":\"boolean\"}},\"additionalProperties\":false}"},                     \
        {"n", FIELD_INT, AT(n), .min = 1, .max = OPENAI_SAMPLES, .about = "answers"},                                  \
        {"seed", FIELD_INT, AT(seed), .min = -9007199254740991.0, .max = 9007199254740991.0},                          \
        {"max_tokens", FIELD_INT, AT(max_tokens), .min = 1, .max = TOKENS_MOST},                                       \
        {"temperature", FIELD_REAL, AT(temperature), .min = 0, .max = 2},                                              \
        {"top_p", FIELD_REAL, AT(top_p), .min = 0, .max = 1},                                                          \
        {"presence_penalty", FIELD_ANY, AT(presence), .of = "{\"enum\":[0]}", .about = "only 0 is possible here"},     \
        {"frequency_penalty", FIELD_ANY, AT(frequency), .of = "{\"enum\":[0]}", .about = "only 0 is possible here"},   \
        {"logit_bias", FIELD_OBJECT, AT(logit_bias), .of = "{\"type\":\"object\",\"maxProperties\":0}",                \
         .about = "only an empty one is possible here"},                                                               \
        {"stop", FIELD_ANY, AT(stop_in), .of = STOP_SCHEMA, .about = "texts that end the answer"},                     \
    {                                                                                                                  \
        "user", FIELD_TEXT, AT(user), .min = 0, .max = 512,                                                            \
                                      .about = "with a recommend: model, whose history counts too"                     \
    }

static const form_row chat_rows[] = {
    COMMON_ROWS,
    {"messages", FIELD_LIST, AT(messages_in), true, 1, MESSAGES, "{\"$ref\":\"#/components/schemas/ChatMessage\"}"},
    {"max_completion_tokens", FIELD_INT, AT(max_completion_tokens), .min = 1, .max = TOKENS_MOST},
    {"logprobs", FIELD_BOOL, AT(logprobs)},
    {"top_logprobs", FIELD_INT, AT(top_logprobs), .min = 0, .max = 20, .about = "needs logprobs: true"},
    {"tools", FIELD_LIST, AT(tools_in), .max = 128, .of = "{\"$ref\":\"#/components/schemas/Tool\"}",
     .about = "where the model's chat template has a place for them"},
    {"tool_choice", FIELD_ANY, AT(tool_choice), .of = "{\"enum\":[\"auto\",\"none\",null]}"},
    {"parallel_tool_calls", FIELD_BOOL, AT(parallel_calls)},
    {"response_format", FIELD_OBJECT, AT(response_format),
     .of = "{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":[\"text\",\"json_object\","
           "\"json_schema\"]},\"json_schema\":{\"type\":\"object\"}}}",
     .about = "a schema only goes to somebody else's server; not with tools, not with a recommend: model"},
    {"timeout_ms", FIELD_REAL, AT(timeout_ms), .min = 1, .max = 3600000, .about = "lorec's own: how long to wait"},
    /* without effect here, and so without harm */
    {"store", FIELD_BOOL, AT(parallel_calls)},
    {"metadata", FIELD_OBJECT, AT(unused), .of = "{\"type\":\"object\"}"},
    {"service_tier", FIELD_ANY, AT(unused), .of = "{\"type\":[\"string\",\"null\"]}"},
    {"reasoning_effort", FIELD_ANY, AT(unused), .of = "{\"type\":[\"string\",\"null\"]}"},
    {"verbosity", FIELD_ANY, AT(unused), .of = "{\"type\":[\"string\",\"null\"]}"},
    {"safety_identifier", FIELD_ANY, AT(unused), .of = "{\"type\":[\"string\",\"null\"]}"},
    {"prompt_cache_key", FIELD_ANY, AT(unused), .of = "{\"type\":[\"string\",\"null\"]}"},
    {"modalities", FIELD_LIST, AT(modalities), .max = 1, .of = "{\"enum\":[\"text\"]}"},
};
static const form_row text_rows[] = {
    COMMON_ROWS,
    {"prompt", FIELD_ANY, AT(prompt_in), true, .of = TEXT_OR_IDS("128")},
    {"logprobs", FIELD_INT, AT(text_logprobs), .min = 0, .max = 20},
    {"echo", FIELD_BOOL, AT(echo), .about = "not with logprobs"},
    {"best_of", FIELD_ANY, AT(best_of), .of = "{\"enum\":[1]}", .about = "only 1: answers are not chosen from more"},
    {"suffix", FIELD_TEXT, AT(suffix), .min = 0, .max = 0.5, .about = "only an empty one is possible here"},
    {"timeout_ms", FIELD_REAL, AT(timeout_ms), .min = 1, .max = 3600000, .about = "lorec's own: how long to wait"},
};
static const form_row embed_rows[] = {
    {"model", FIELD_TEXT, AT(model), true, 1, 512, .about = "one of /v1/models"},
    {"input", FIELD_ANY, AT(input_in), true, .of = TEXT_OR_IDS("2048")},
    {"encoding_format", FIELD_TEXT, AT(encoding), .min = 1, .max = 16, .of = "{\"enum\":[\"float\",\"base64\"]}"},
    {"dimensions", FIELD_INT, AT(dimensions), .min = 1, .max = 1 << 20, .about = "as many as the model's vectors have"},
    {"user", FIELD_TEXT, AT(user), .min = 0, .max = 512},
};
/* What does not go together. */
#define NOT_STREAMED                                                                                                   \
    "{\"required\":[\"stream_options\"],\"properties\":{\"stream_options\":{\"type\":\"object\"},"                     \
    "\"stream\":{\"enum\":[false,null]}}}"
#define CHAT_ALSO                                                                                                      \
    "{\"not\":{\"anyOf\":[" NOT_STREAMED ",{\"required\":[\"top_logprobs\"],\"properties\":{\"top_logprobs\":{"        \
    "\"type\":\"integer\",\"minimum\":1},\"logprobs\":{\"enum\":[false,null]}}}]}}"
#define TEXT_ALSO                                                                                                      \
    "{\"not\":{\"anyOf\":[" NOT_STREAMED ",{\"required\":[\"echo\"],\"properties\":{\"echo\":{\"const\":true},"        \
    "\"logprobs\":{\"type\":\"integer\"}}},{\"required\":[\"echo\"],\"properties\":{\"echo\":{\"const\":true},"        \
    "\"prompt\":{\"type\":\"array\",\"contains\":{\"type\":[\"integer\",\"array\"]}}}}]}}"
const form openai_forms[3] = {[OPENAI_CHAT] = {chat_rows, sizeof chat_rows / sizeof *chat_rows, .also = CHAT_ALSO},
                              [OPENAI_TEXT] = {text_rows, sizeof text_rows / sizeof *text_rows, .also = TEXT_ALSO},
                              [OPENAI_EMBED] = {embed_rows, sizeof embed_rows / sizeof *embed_rows}};

/* ---- parts that have several forms ---------------------------------------------------------------------------------------------- */

static lorec_err add_stop(exchange *x, openai_ask *a, const json_t *v)
{
    const char *text = json_string_value(v);
    if (!text) return exchange_wrong(x, "stop", "invalid_type", "\"stop\" has to be a text or a list of texts");
    if (strlen(text) != json_string_length(v) || json_string_length(v) > 4096)
        return exchange_wrong(x, "stop", "invalid_value",
                              "\"stop\": a text without NUL, of at most 4096 bytes, is due");
    if (*text) a->stop[a->stops++] = text; /* an empty one never stops */
    return LOREC_OK;
}

static lorec_err read_stop(exchange *x, openai_ask *a)
{
    if (!a->stop_in) return LOREC_OK;
    if (!json_is_array(a->stop_in)) return add_stop(x, a, a->stop_in);
    if (json_array_size(a->stop_in) > OPENAI_STOPS)
        return exchange_wrong(x, "stop", "array_above_max_length", "\"stop\" has %zu texts; at most %d are taken",
                              json_array_size(a->stop_in), OPENAI_STOPS);
    for (size_t i = 0; i < json_array_size(a->stop_in); i++) TRY(add_stop(x, a, json_array_get(a->stop_in, i)));
    return LOREC_OK;
}

static lorec_err read_ids(exchange *x, const char *name, const json_t *list, tokens *out)
{
    if (json_array_size(list) == 0 || json_array_size(list) > TOKENS_MOST)
        return exchange_wrong(x, name, "invalid_value", "\"%s\": a list of tokens may not be empty or endless", name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        double id = json_number_value(v);
        if (!json_is_number(v) || !(id >= 0 && id <= INT32_MAX) || id != (double)(int32_t)id)
            return exchange_wrong(x, name, "invalid_type", "\"%s\": entry %zu is no token", name, i);
        TRY(tokens_add(out, (int32_t)id));
    }
    return LOREC_OK;
}

static lorec_err read_one(exchange *x, openai_ask *a, const char *name, const json_t *v, size_t i)
{
    if (json_is_array(v)) return read_ids(x, name, v, &a->ids[i]);
    if (!json_is_string(v))
        return exchange_wrong(x, name, "invalid_type", "\"%s\" has to be a text, a list of texts, or tokens", name);
    a->text[i] = (slice){json_string_value(v), json_string_length(v)};
    if (!a->text[i].n) return exchange_wrong(x, name, "invalid_value", "\"%s\" is an empty text", name);
    if (memchr(a->text[i].p, 0, a->text[i].n))
        return exchange_wrong(x, name, "invalid_value", "\"%s\" holds a NUL", name);
    return LOREC_OK;
}

/* A text, texts, tokens, lists of tokens. */
static lorec_err read_texts(exchange *x, openai_ask *a, const char *name, const json_t *v, size_t most)
{
    bool many = json_is_array(v) && !json_is_number(json_array_get(v, 0));
    size_t n = many ? json_array_size(v) : 1;
    if (n == 0 || n > most)
        return exchange_wrong(x, name, "invalid_value", "\"%s\" has %zu entries; 1 to %zu are taken", name, n, most);
    TRY(mem_new(&a->text, n));
    TRY(mem_new(&a->ids, n));
    a->n_texts = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *each = many ? json_array_get(v, i) : v;
        TRY(read_one(x, a, name, each, i));
        if (json_is_string(each) != json_is_string(many ? json_array_get(v, 0) : v))
            return exchange_wrong(x, name, "invalid_type", "\"%s\" mixes texts and tokens", name);
    }
    return LOREC_OK;
}

/* ---- what can not be honoured ---------------------------------------------------------------------------------------------------- */

static lorec_err refuse(exchange *x, const char *param, const char *why)
{
    return exchange_wrong(x, param, "unsupported_parameter", "\"%s\": %s", param, why);
}

static bool is_number(const json_t *v, double wanted)
{
    return !v || (json_is_number(v) && json_number_value(v) == wanted);
}

static lorec_err check_common(exchange *x, const openai_ask *a)
{
    if (!is_number(a->presence, 0)) return refuse(x, "presence_penalty", "only 0 is possible here");
    if (!is_number(a->frequency, 0)) return refuse(x, "frequency_penalty", "only 0 is possible here");
    if (json_object_size(a->logit_bias)) return refuse(x, "logit_bias", "tokens can not be weighed here");
    if (a->stream_options && !a->stream) return refuse(x, "stream_options", "it goes with \"stream\": true");
    return LOREC_OK;
}

static lorec_err read_stream_options(exchange *x, openai_ask *a)
{
    bool obfuscate = false;
    const field f[] = {{"include_usage", FIELD_BOOL, &a->include_usage},
                       {"include_obfuscation", FIELD_BOOL, &obfuscate}};
    if (!a->stream_options) return LOREC_OK;
    lorec_err e = exchange_fields(x, a->stream_options, f, 2, true);
    return e ? err_context(e, "\"stream_options\"") : LOREC_OK;
}

static lorec_err check_format(exchange *x, openai_ask *a)
{
    const char *type = json_string_value(json_object_get(a->response_format, "type"));
    if (!a->response_format || (type && strcmp(type, "text") == 0)) return LOREC_OK;
    if (!type) return exchange_wrong(x, "response_format", "invalid_value", "\"response_format\" has no \"type\"");
    bool schema = strcmp(type, "json_schema") == 0;
    if (!schema && strcmp(type, "json_object") != 0)
        return exchange_wrong(x, "response_format", "invalid_value",
                              "\"response_format\": its type is \"text\", \"json_object\" or \"json_schema\"");
    if (schema && !json_is_object(json_object_get(a->response_format, "json_schema")))
        return exchange_wrong(x, "response_format", "missing_required_parameter",
                              "\"response_format\" has no \"json_schema\"");
    if (a->tools) return refuse(x, "response_format", "JSON and tools do not go together here");
    a->format = a->response_format;
    return LOREC_OK;
}

static lorec_err read_tools(exchange *x, openai_ask *a)
{
    const char *choice = json_string_value(a->tool_choice);
    if (a->tool_choice && !choice) return refuse(x, "tool_choice", "a call can not be forced; \"auto\" or \"none\"");
    if (choice && strcmp(choice, "required") == 0)
        return refuse(x, "tool_choice", "a call can not be forced; \"auto\" or \"none\"");
    if (choice && strcmp(choice, "auto") != 0 && strcmp(choice, "none") != 0)
        return exchange_wrong(x, "tool_choice", "invalid_value", "\"tool_choice\" is \"auto\" or \"none\"");
    for (size_t i = 0; i < json_array_size(a->tools_in); i++)
        TRY(openai_check_tool(x, json_array_get(a->tools_in, i), i));
    if (json_array_size(a->tools_in) && !(choice && strcmp(choice, "none") == 0)) a->tools = json_incref(a->tools_in);
    return LOREC_OK;
}

static lorec_err finish_chat(exchange *x, openai_ask *a)
{
    if (a->top_logprobs > 0 && !a->logprobs) return refuse(x, "top_logprobs", "it goes with \"logprobs\": true");
    TRY(read_tools(x, a));
    TRY(check_format(x, a));
    if (a->max_completion_tokens) a->max_tokens = a->max_completion_tokens;
    return openai_messages(x, a->messages_in, &a->messages);
}

static lorec_err finish_text(exchange *x, openai_ask *a)
{
    if (!is_number(a->best_of, 1)) return refuse(x, "best_of", "only 1: answers are not chosen from more");
    a->logprobs = a->text_logprobs != NONE;
    a->top_logprobs = a->logprobs ? a->text_logprobs : 0;
    if (a->echo && a->logprobs) return refuse(x, "echo", "it does not go with \"logprobs\"");
    TRY(read_texts(x, a, "prompt", a->prompt_in, OPENAI_PROMPTS));
    if (a->echo && a->ids[0].n) return refuse(x, "echo", "it goes with texts, not with tokens");
    return LOREC_OK;
}

static lorec_err finish_embed(exchange *x, openai_ask *a)
{
    if (a->encoding.n && !slice_is(a->encoding, "float") && !slice_is(a->encoding, "base64"))
        return exchange_wrong(x, "encoding_format", "invalid_value", "\"encoding_format\" is \"float\" or \"base64\"");
    a->base64 = slice_is(a->encoding, "base64");
    return read_texts(x, a, "input", a->input_in, OPENAI_INPUTS);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------------- */

lorec_err openai_read(exchange *x, openai_kind kind, openai_ask *a)
{
    json_t *body;
    *a = (openai_ask){.kind = kind, .n = 1, .temperature = 1, .top_p = 1, .text_logprobs = NONE};
    TRY(exchange_json(x, &body));
    lorec_err e = form_read(x, body, &openai_forms[kind], a);
    a->has_seed = json_is_number(json_object_get(body, "seed"));
    if (!e && kind != OPENAI_EMBED) e = check_common(x, a);
    if (!e && kind != OPENAI_EMBED) e = read_stream_options(x, a);
    if (!e && kind != OPENAI_EMBED) e = read_stop(x, a);
    if (!e) e = kind == OPENAI_CHAT ? finish_chat(x, a) : kind == OPENAI_TEXT ? finish_text(x, a) : finish_embed(x, a);
    if (e) openai_ask_free(a);
    return e;
}

void openai_ask_free(openai_ask *a)
{
    for (size_t i = 0; i < a->n_texts && a->ids; i++) tokens_free(&a->ids[i]);
    mem_free(a->ids);
    mem_free(a->text);
    json_decref(a->messages);
    json_decref(a->tools);
    *a = (openai_ask){0};
}

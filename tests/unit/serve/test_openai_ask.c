/* Bodies of OpenAI's addresses: what is taken, what is refused and by which words; tool calls in what a model wrote. */
#include "support/support.h"

#include "base/mem.h"
#include "serve/openai/ask.h"
#include "serve/openai/messages.h"

static exchange *with(const char *body)
{
    exchange *x = calloc(1, sizeof *x);
    assert_ok(buf_puts(&x->body, body));
    return x;
}

static void done(exchange *x)
{
    json_decref(x->json);
    buf_free(&x->body);
    free(x);
}

static void takes(openai_kind kind, const char *body, openai_ask *a, exchange **x)
{
    *x = with(body);
    assert_ok(openai_read(*x, kind, a));
}

/* The field at fault, the code, and a word of the message. */
static void refuses(openai_kind kind, const char *body, const char *param, const char *code, const char *word)
{
    openai_ask a;
    exchange *x = with(body);
    assert_fails(openai_read(x, kind, &a), LOREC_INPUT, word);
    assert_string_equal(x->param, param);
    if (code) assert_string_equal(x->code, code);
    done(x);
}

#define HI "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void a_chat_has_defaults(void **state)
{
    (void)state;
    openai_ask a;
    exchange *x;
    takes(OPENAI_CHAT, "{" HI "}", &a, &x);
    assert_true(a.n == 1 && a.temperature == 1 && a.top_p == 1 && !a.has_seed && !a.stream && !a.logprobs &&
                !a.max_tokens);
    assert_int_equal(json_array_size(a.messages), 1);
    openai_ask_free(&a);
    done(x);
    takes(OPENAI_CHAT,
          "{" HI ",\"n\":3,\"seed\":0,\"temperature\":0,\"max_tokens\":5,\"max_completion_tokens\":7,\"stop\":\"x\","
          "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"logprobs\":true,\"top_logprobs\":4,\"store\":"
          "true,"
          "\"metadata\":{\"a\":\"b\"},\"reasoning_effort\":\"low\",\"presence_penalty\":0,\"logit_bias\":{},\"tools\":"
          "null}",
          &a, &x);
    assert_true(a.n == 3 && a.has_seed && a.max_tokens == 7 && a.stops == 1 && a.include_usage && a.top_logprobs == 4);
    openai_ask_free(&a);
    done(x);
}

static void contents_become_one_text(void **state)
{
    (void)state;
    openai_ask a;
    exchange *x;
    takes(OPENAI_CHAT,
          "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
          "\"type\":"
          "\"text\",\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":"
          "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"k\\\":1}\"}}]},{\"role\":\"tool\","
          "\"tool_call_id\":\"1\",\"content\":\"3\"}]}",
          &a, &x);
    const json_t *first = json_array_get(a.messages, 0), *second = json_array_get(a.messages, 1);
    assert_string_equal(json_string_value(json_object_get(first, "role")), "system");
    assert_string_equal(json_string_value(json_object_get(first, "content")), "ab");
    const json_t *function = json_object_get(json_array_get(json_object_get(second, "tool_calls"), 0), "function");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(function, "arguments"), "k")), 1);
    openai_ask_free(&a);
    done(x);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *body, *param, *code, *word;
    } bad[] = {
        {"{\"messages\":[]}", "model", "missing_required_parameter", "model"},
        {"{\"model\":\"m\",\"messages\":{}}", "messages", "invalid_type", "list"},
        {"{\"model\":\"m\",\"messages\":[3]}", "messages[0]", "invalid_type", "object"},
        {"{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", "messages[0].role", "invalid_value", "role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "messages[0].tool_call_id", NULL,
         "missing"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[]}]}", "messages[0].content", NULL, "empty"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
         "messages[0].content", NULL, ""},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]}", "messages[0].tool_calls",
         NULL, ""},
        {"{" HI ",\"n\":1.5}", "n", "invalid_type", "whole number"},
        {"{" HI ",\"n\":129}", "n", "above_max_value", "1 to 128"},
        {"{" HI ",\"temperature\":\"1\"}", "temperature", "invalid_type", "number"},
        {"{" HI ",\"top_p\":-0.1}", "top_p", "below_min_value", "0 to 1"},
        {"{" HI ",\"max_tokens\":0}", "max_tokens", "below_min_value", "1 to"},
        {"{" HI ",\"stop\":[\"a\",3]}", "stop", "invalid_type", "text"},
        {"{" HI ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"0\",\"1\",\"2\",\"3\",\"4\",\"5\","
         "\"6\",\"7\"]}",
         "stop", NULL, "17 texts"},
        {"{" HI ",\"stream_options\":{}}", "stream_options", "unsupported_parameter", "stream"},
        {"{" HI ",\"stream\":true,\"stream_options\":{\"x\":1}}", "x", "unknown_parameter", "stream_options"},
        {"{" HI ",\"logit_bias\":{\"5\":1}}", "logit_bias", "unsupported_parameter", "weighed"},
        {"{" HI ",\"frequency_penalty\":0.5}", "frequency_penalty", "unsupported_parameter", "only 0"},
        {"{" HI ",\"response_format\":{\"type\":\"json_schema\"}}", "response_format", "missing_required_parameter",
         "json_schema"},
        {"{" HI ",\"response_format\":{\"type\":\"xml\"}}", "response_format", "invalid_value", "json_object"},
        {"{" HI ",\"response_format\":{\"type\":\"json_object\"},\"tools\":[{\"type\":\"function\",\"function\":{"
         "\"name\":\"f\"}}]}",
         "response_format", "unsupported_parameter", "tools"},
        {"{" HI ",\"response_format\":{}}", "response_format", "invalid_value", "type"},
        {"{" HI ",\"tool_choice\":{\"type\":\"function\"}}", "tool_choice", "unsupported_parameter", "forced"},
        {"{" HI ",\"tools\":[{\"type\":\"code\"}]}", "tools[0]", "invalid_value", "function"},
        {"{" HI ",\"tools\":[{\"type\":\"function\",\"function\":{}}]}", "tools[0]", "missing_required_parameter",
         "name"},
        {"{" HI ",\"functions\":[]}", "functions", "unknown_parameter", "functions"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(OPENAI_CHAT, bad[i].body, bad[i].param, bad[i].code, bad[i].word);
}

static void prompts_have_four_forms(void **state)
{
    (void)state;
    openai_ask a;
    exchange *x;
    static const struct {
        const char *prompt;
        size_t texts, ids;
    } good[] = {{"\"a\"", 1, 0}, {"[\"a\",\"b\"]", 2, 0}, {"[1,2,3]", 1, 3}, {"[[1],[2,3]]", 2, 1}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"model\":\"m\",\"prompt\":%s,\"logprobs\":0}", good[i].prompt);
        takes(OPENAI_TEXT, body, &a, &x);
        assert_int_equal(a.n_texts, good[i].texts);
        assert_int_equal(a.ids[0].n, good[i].ids);
        assert_true(a.logprobs && a.top_logprobs == 0);
        openai_ask_free(&a);
        done(x);
    }
    refuses(OPENAI_TEXT, "{\"model\":\"m\"}", "prompt", "missing_required_parameter", "missing");
    refuses(OPENAI_TEXT, "{\"model\":\"m\",\"prompt\":[]}", "prompt", "invalid_value", "0 entries");
    refuses(OPENAI_TEXT, "{\"model\":\"m\",\"prompt\":[\"a\",[1]]}", "prompt", "invalid_type", "mixes");
    refuses(OPENAI_TEXT, "{\"model\":\"m\",\"prompt\":[[1],[\"a\"]]}", "prompt", "invalid_type", "no token");
    refuses(OPENAI_TEXT, "{\"model\":\"m\",\"prompt\":[-1]}", "prompt", "invalid_type", "no token");
    refuses(OPENAI_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"echo\":true,\"logprobs\":1}", "echo",
            "unsupported_parameter", "logprobs");
    refuses(OPENAI_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix", NULL, "suffix");
    refuses(OPENAI_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"best_of\":2}", "best_of", "unsupported_parameter",
            "only 1");
    refuses(OPENAI_EMBED, "{\"model\":\"m\",\"input\":\"\"}", "input", "invalid_value", "empty");
    refuses(OPENAI_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format",
            "invalid_value", "base64");
}

static void tool_calls_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *rest;
    } said[] = {
        {"<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", 1, ""},
        {"Let me see. "
         "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call><tool_call>{\"name\":\"g\",\"arguments\":{}}</"
         "tool_call>",
         2, "Let me see."},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":1", 1, ""}, /* broken off, and mended */
        {"{\"name\": \"f\", \"parameters\": {\"a\": 1}}", 1, ""},
        {"[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}]", 1, ""},
        {"I can not.", 0, "I can not."},
        {"{\"answer\": 3}", 0, "{\"answer\": 3}"},
        {"", 0, ""},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        slice rest;
        json_t *calls = openai_tool_calls(slice_of(said[i].text), "id", &rest);
        if (json_array_size(calls) != said[i].n) fail_msg("%s: %zu calls", said[i].text, json_array_size(calls));
        assert_true(rest.n == strlen(said[i].rest) && memcmp(rest.p, said[i].rest, rest.n) == 0);
        const json_t *f = json_object_get(json_array_get(calls, 0), "function");
        if (said[i].n) assert_string_equal(json_string_value(json_object_get(f, "name")), "f");
        if (said[i].n) assert_true(json_is_string(json_object_get(f, "arguments")));
        json_decref(calls);
    }
    assert_true(openai_may_call(slice_of(" <tool")) && openai_may_call(slice_of("Well <tool_c")) &&
                openai_may_call(slice_of("")));
    assert_false(openai_may_call(slice_of("Well, no")));
}

/* Memory that runs out at any moment: an error, nothing lost. */
static void memory_may_run_out(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{" HI ",\"stop\":[\"a\"],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
        "{\"model\":\"m\",\"prompt\":[[1,2],[3]]}", "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}"};
    for (int kind = OPENAI_CHAT; kind <= OPENAI_EMBED; kind++)
        for (size_t n = 1, fine = 0; !fine; n++) {
            openai_ask a;
            exchange *x = with(bodies[kind]);
            mem_fail_at(n, false);
            lorec_err e = openai_read(x, (openai_kind)kind, &a);
            mem_fail_at(0, false);
            fine = e == LOREC_OK;
            if (fine) openai_ask_free(&a);
            assert_true(fine || e == LOREC_RESOURCE);
            assert_true(n < 1000);
            done(x);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_has_defaults),    cmocka_unit_test(contents_become_one_text),
        cmocka_unit_test(what_is_wrong_is_named), cmocka_unit_test(prompts_have_four_forms),
        cmocka_unit_test(tool_calls_are_found),   cmocka_unit_test(memory_may_run_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

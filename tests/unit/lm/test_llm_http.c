/* The provider against a server that misbehaves in every way that servers were seen to. */
#include "support/mock_server.h"
#include "support/support.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/llm.h"
#include "lm/messages.h"

#define KEY "sk-very-secret-0123456789"

static const char good[] = "{\"choices\": [{\"message\": {\"content\": \"Alien\"}, \"finish_reason\": \"stop\"}], "
                           "\"usage\": {\"prompt_tokens\": 11, \"completion_tokens\": 2}}";

static const llm_options quick = {.concurrency = 1, .first_wait = .002, .longest_wait = 2, .timeout = 30, .tries = 4};

/* One question to a server with these replies. */
static lorec_err ask_with(const mock_reply *r, size_t n, const llm_options *o, llm_answer *a, size_t *requests,
                          llm_usage *used)
{
    mock_server *s = mock_start();
    llm *m;
    for (size_t i = 0; i < n; i++) mock_push(s, &r[i]);
    lorec_err e = llm_open(&m, mock_spec(s, "#test"), o);
    if (!e) e = llm_chat(m, NULL, "A film?", NULL, a);
    if (requests) *requests = mock_requests(s);
    if (used) *used = llm_used(m);
    llm_close(m);
    mock_stop(s);
    return e;
}

static void answers(void **state)
{
    (void)state;
    llm_answer a;
    llm_usage u;
    assert_ok(ask_with(&(mock_reply){.body = good}, 1, &quick, &a, NULL, &u));
    assert_string_equal(a.text, "Alien");
    assert_int_equal(a.finish, LLM_FINISH_STOP);
    assert_int_equal(a.prompt_tokens, 11);
    assert_int_equal(u.completion_tokens, 2);
    assert_int_equal(u.asked, 1);
    llm_answers_free(&a, 1);
}

/* Failures that pass: tried again, answered. */
static void passing_failures(void **state)
{
    (void)state;
    const mock_reply first[] = {
        {.status = 408, .body = "{}"},
        {.status = 429, .body = "{\"error\": {\"message\": \"slow down\"}}"},
        {.status = 429, .headers = "Retry-After: 0\r\n", .body = ""},
        {.status = 429, .headers = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", .body = "{}"},
        {.status = 500, .body = "<html>oops</html>", .type = "text/html"},
        {.status = 502, .body = "bad gateway"},
        {.status = 503, .body = ""},
        {.status = 522, .body = ""},
        {.status = 524, .body = ""},
        {.drop = true},
        {.body = good, .cut = 20},
        {.body = good, .cut = 20, .chunked = true},
        {.body = "{\"choices\": [{\"message\": {\"content\": \"Al"},
        {.body = "<html>a captive portal</html>", .type = "text/html"},
        {.body = "{\"choices\": []}"},
        {.body = ""},
        {.body = "null"},
        {.body = "data: {\"choices\": [{\"delta\": {\"content\": \"Al\"}}]}\n\n", .type = "text/event-stream"},
        {.body = "data: {\"error\": {\"message\": \"overloaded\"}}\n\n", .type = "text/event-stream"},
    };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        llm_answer a;
        size_t requests;
        const mock_reply two[] = {first[i], {.body = good}};
        lorec_err e = ask_with(two, 2, &quick, &a, &requests, NULL);
        if (e) fail_msg("case %zu: %s", i, lorec_error_message());
        assert_string_equal(a.text, "Alien");
        assert_int_equal(a.tries, 2);
        assert_int_equal(requests, 2);
        llm_answers_free(&a, 1);
    }
}

/* Failures that stay: said once, with the server's words, and not tried again. */
static void lasting_failures(void **state)
{
    (void)state;
    static const struct {
        mock_reply r;
        const char *says;
    } cases[] = {
        {{.status = 400, .body = "{\"error\": {\"message\": \"bad field\"}}"}, "bad field"},
        {{.status = 401, .body = "{\"error\": \"no key\"}"}, "refuses the key"},
        {{.status = 403, .body = "{\"detail\": \"forbidden\"}"}, "forbidden"},
        {{.status = 404, .body = "{\"error\": {\"message\": \"model not found\"}}"}, "model not found"},
        {{.status = 409, .body = "{\"message\": \"conflict\"}"}, "conflict"},
        {{.status = 413, .body = "<html>too large</html>"}, "413"},
        {{.status = 422, .body = "{\"detail\": [{\"msg\": \"field required\"}]}"}, "field required"},
        {{.status = 301, .headers = "Location: http://127.0.0.1:1/\r\n", .body = ""}, "not followed"},
        {{.status = 429, .body = "{\"error\": {\"code\": \"insufficient_quota\"}}"}, "credit"},
        {{.status = 429, .headers = "Retry-After: 86400\r\n", .body = ""}, "pause of 86400 s"},
        {{.status = 501, .body = ""}, "501"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        llm_answer a = {0};
        size_t requests;
        lorec_err e = ask_with(&cases[i].r, 1, &quick, &a, &requests, NULL);
        if (!e || !strstr(lorec_error_message(), cases[i].says))
            fail_msg("case %zu: %d: \"%s\" lacks \"%s\"", i, (int)e, lorec_error_message(), cases[i].says);
        assert_int_equal(requests, 1);
        llm_answers_free(&a, 1);
    }
}

static void gives_up(void **state)
{
    (void)state;
    llm_answer a = {0};
    size_t requests;
    mock_reply r[9];
    for (int i = 0; i < 9; i++) r[i] = (mock_reply){.status = 503, .body = "busy"};
    assert_fails(ask_with(r, 9, &quick, &a, &requests, NULL), LOREC_FAILED, "given up after 4 tries");
    assert_int_equal(requests, 4);
    llm_answers_free(&a, 1);
    llm_options slow = quick;
    slow.timeout = .1;
    slow.tries = 2;
    const mock_reply silent[] = {{.silent = true}, {.silent = true}};
    assert_fails(ask_with(silent, 2, &slow, &a, &requests, NULL), LOREC_FAILED, "given up after 2 tries");
    llm_answers_free(&a, 1);
    llm *m;
    assert_ok(llm_open(&m, "http://127.0.0.1:1/v1#m", &quick)); /* nobody listens there */
    assert_fails(llm_chat(m, NULL, "x", NULL, &a), LOREC_FAILED, "can not be reached");
    llm_answers_free(&a, 1);
    llm_close(m);
}

/* Replies that are odd but answers. */
static void odd_answers(void **state)
{
    (void)state;
    static const struct {
        const char *body, *text;
        llm_finish finish;
    } cases[] = {
        {"{\"choices\": [{\"message\": {\"content\": null, \"tool_calls\": [{\"id\": \"c\", \"function\": {\"name\": "
         "\"f\"}}]}, \"finish_reason\": \"tool_calls\"}]}",
         "", LLM_FINISH_TOOLS},
        {"{\"choices\": [{\"message\": {\"content\": \"cut\"}, \"finish_reason\": \"length\"}]}", "cut",
         LLM_FINISH_LENGTH},
        {"{\"choices\": [{\"message\": {\"content\": \"\"}, \"finish_reason\": \"content_filter\"}]}", "",
         LLM_FINISH_FILTER},
        {"{\"new\": {\"field\": 1}, \"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": [{\"type\": "
         "\"text\", \"text\": \"par\"}, {\"type\": \"text\", \"text\": \"ts\"}]}}], \"usage\": null}",
         "parts", LLM_FINISH_STOP},
        {"\xEF\xBB\xBF {\"choices\": [{\"message\": {\"content\": \"half \\ud83d and \xE4\xB8\"}}]}",
         "half \xEF\xBF\xBD and \xEF\xBF\xBD", LLM_FINISH_STOP},
        {"{\"choices\": [{\"message\": {\"content\": \"x\"}, \"logprobs\": {\"content\": [{\"token\": \"x\", "
         "\"logprob\": -Infinity, \"top_logprobs\": NaN}]}}], \"choices2\": 1, \"choices2\": 2}",
         "x", LLM_FINISH_STOP},
        {"{\"choices\": [{\"message\": {\"content\": \"nul \\u0000 in it\"}}]}", "nul ", LLM_FINISH_STOP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        llm_answer a;
        lorec_err e = ask_with(&(mock_reply){.body = cases[i].body}, 1, &quick, &a, NULL, NULL);
        if (e) fail_msg("case %zu: %s", i, lorec_error_message());
        assert_string_equal(a.text, cases[i].text);
        assert_int_equal(a.finish, cases[i].finish);
        assert_int_equal(a.tool_calls != NULL, cases[i].finish == LLM_FINISH_TOOLS);
        llm_answers_free(&a, 1);
    }
}

/* ---- streams ------------------------------------------------------------------------------------------------------- */

static void gather(void *ctx, size_t i, const char *piece, size_t n)
{
    (void)i;
    char *into = ctx;
    if (!piece) into[0] = 0;
    size_t at = strlen(into);
    memcpy(into + at, piece ? piece : "", n);
    into[at + n] = 0;
}

static const char stream[] =
    ": a comment\r\n\r\n"
    "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": null}}]}\r\n\r\n"
    "event: x\r\ndata: {\"choices\": [{\"delta\": {\"content\": \"Caf\xC3\xA9 \"}}]}\r\n\r\n"
    "data: {\"choices\": [{\"delta\": {\"content\": \"\xE4\xB8\x96\xE7\x95\x8C\"}, \"finish_reason\": null}]}\n\n"
    "data: {\"choices\": [{\"delta\": {\"tool_calls\": [{\"index\": 0, \"id\": \"c1\", \"function\": {\"name\": "
    "\"fi\", "
    "\"arguments\": \"{\\\"a\"}}]}}]}\n\n"
    "data: {\"choices\": [{\"delta\": {\"tool_calls\": [{\"index\": 0, \"function\": {\"name\": \"nd\", \"arguments\": "
    "\"\\\":1}\"}}]}}]}\n\n"
    "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\n"
    "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 5, \"completion_tokens\": 4}}\n\n";

static void streams(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 80; piece += piece < 8 ? 1 : 13) {
        for (int done = 0; done < 2; done++) { /* with and without [DONE] */
            char body[4096], text[256] = "";
            mock_server *s = mock_start();
            llm *m;
            llm_answer a;
            snprintf(body, sizeof body, "%s%s", stream, done ? "data: [DONE]\n\n" : "");
            mock_push(
                s, &(mock_reply){
                       .body = body, .type = "text/event-stream; charset=utf-8", .piece = piece, .chunked = piece % 2});
            assert_ok(llm_open(&m, mock_spec(s, "#test"), &quick));
            json_t *d = json_array();
            assert_ok(message_add(d, "user", "hello"));
            assert_ok(llm_ask(m, &(llm_request){.messages = d}, 1, &a, &(llm_watch){.ctx = text, .text = gather}));
            assert_int_equal(a.err, LOREC_OK);
            assert_string_equal(a.text, "Caf\xC3\xA9 \xE4\xB8\x96\xE7\x95\x8C");
            assert_string_equal(text, a.text);
            assert_int_equal(a.finish, LLM_FINISH_STOP);
            assert_int_equal(a.completion_tokens, 4);
            const json_t *f = json_object_get(json_array_get(a.tool_calls, 0), "function");
            assert_string_equal(json_string_value(json_object_get(f, "name")), "find");
            assert_string_equal(json_string_value(json_object_get(f, "arguments")), "{\"a\":1}");
            assert_non_null(strstr(mock_request(s, 0), "\"stream\":true"));
            llm_answers_free(&a, 1);
            json_decref(d);
            llm_close(m);
            mock_stop(s);
        }
    }
}

/* A stream that drops is asked again, and who listens is told that what came is void. */
static void broken_streams(void **state)
{
    (void)state;
    char text[256] = "";
    mock_server *s = mock_start();
    llm *m;
    llm_answer a;
    json_t *d = json_array();
    mock_push(s, &(mock_reply){.body = "data: {\"choices\": [{\"delta\": {\"content\": \"wrong\"}}]}\n\ndata: {\"choi",
                               .type = "text/event-stream",
                               .chunked = true,
                               .cut = 9999});
    mock_push(s, &(mock_reply){.body = stream, .type = "text/event-stream"});
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &quick));
    assert_ok(message_add(d, "user", "hello"));
    assert_ok(llm_ask(m, &(llm_request){.messages = d}, 1, &a, &(llm_watch){.ctx = text, .text = gather}));
    assert_int_equal(a.tries, 2);
    assert_string_equal(text, a.text);
    assert_non_null(strstr(text, "Caf"));
    llm_answers_free(&a, 1);
    json_decref(d);
    llm_close(m);
    mock_stop(s);
}

/* Every part a message may have goes out as the API has it. */
static void parts_of_messages(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    llm *m;
    llm_answer a;
    json_t *d = json_array(), *tools = json_pack("[{s:s, s:{s:s}}]", "type", "function", "function", "name", "find"),
           *arguments = json_pack("{s:i}", "k", 3);
    assert_ok(message_add(d, "user", "what is this?"));
    assert_ok(message_add_image(d, test_file("dot.gif", "GIF89a...")));
    assert_ok(message_add_text(d, "and this?"));
    assert_ok(message_add_tool_call(d, "c1", "find", arguments));
    assert_ok(message_add_tool_result(d, "c1", "find", "3 films"));
    assert_fails(message_add_image(d, test_file("no.txt", "text")), LOREC_INPUT, "neither PNG");
    assert_fails(message_add(d, "user", "\xff"), LOREC_INPUT, "UTF-8");
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &quick));
    assert_ok(llm_ask(m, &(llm_request){.messages = d, .tools = tools}, 1, &a, NULL));
    static const char *const sent[] = {"\"url\":\"data:image/gif;base64,R0lGODlhLi4u\"",
                                       "{\"type\":\"text\",\"text\":\"and this?\"}",
                                       "\"tool_calls\":[{\"id\":\"c1\"",
                                       "\"arguments\":\"{\\\"k\\\":3}\"",
                                       "\"tool_call_id\":\"c1\"",
                                       "\"tools\":[{"};
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++)
        if (!strstr(mock_request(s, 0), sent[i])) fail_msg("%s was not sent: %s", sent[i], mock_request(s, 0));
    llm_answers_free(&a, 1);
    llm_close(m);
    mock_stop(s);
    json_decref(d);
    json_decref(tools);
    json_decref(arguments);
}

/* ---- many ---------------------------------------------------------------------------------------------------------- */

static void in_order_and_at_once(void **state)
{
    (void)state;
    enum { N = 60 };
    mock_server *s = mock_start();
    llm *m;
    llm_request q[N] = {0};
    llm_answer a[N];
    json_t *d[N];
    llm_options o = quick;
    o.concurrency = 6;
    for (int i = 0; i < 20; i++) /* failures and delays among them */
        mock_push(s, i % 5 == 4 ? &(mock_reply){.status = 503}
                                : &(mock_reply){.status = 429, .headers = "Retry-After: 0\r\n", .delay_ms = 20});
    for (int i = 0; i < N; i++) {
        char text[32];
        snprintf(text, sizeof text, "question %d", i);
        d[i] = json_array();
        assert_ok(message_add(d[i], "user", text));
        q[i] = (llm_request){.messages = d[i], .params = {.max_tokens = 5, .seed = 3}};
    }
    o.tries = 30;
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &o));
    assert_ok(llm_ask(m, q, N, a, NULL));
    for (int i = 0; i < N; i++) {
        char text[32];
        snprintf(text, sizeof text, "question %d", i);
        assert_int_equal(a[i].err, LOREC_OK);
        assert_string_equal(a[i].text, text);
        json_decref(d[i]);
    }
    assert_int_equal(mock_requests(s), N + 20);
    assert_in_range(mock_most_at_once(s), 2, 6);
    assert_int_equal(llm_used(m).retried, 20);
    llm_answers_free(a, N);
    llm_close(m);
    mock_stop(s);
}

static void budget_stops(void **state)
{
    (void)state;
    enum { N = 10 };
    mock_server *s = mock_start();
    llm *m;
    llm_request q[N];
    llm_answer a[N];
    json_t *d = json_array();
    assert_ok(message_add(d, "user", "hi"));
    for (int i = 0; i < N; i++) q[i] = (llm_request){.messages = d, .params = {.max_tokens = 3}, .sample = i};
    llm_options o = quick;
    o.concurrency = 3;
    o.budget_tokens = 45; /* the server counts 10 each */
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &o));
    assert_fails(llm_ask(m, q, N, a, NULL), LOREC_RESOURCE, "budget of 45 tokens");
    int there = 0;
    for (int i = 0; i < N; i++) there += a[i].err == LOREC_OK;
    assert_in_range(there, 2, 4);
    assert_true(llm_used(m).prompt_tokens + llm_used(m).completion_tokens <= 45);
    assert_int_equal(mock_requests(s), there);
    llm_answers_free(a, N);
    llm_close(m);
    const char *prices = test_file(
        "prices.yaml", "\"te*\": {input: 1000, output: 2000, currency: EUR}\nother: {input: 1, output: 1}\n");
    o.budget_tokens = 0;
    o.budget_money = .04; /* 7 * 0.001 + 3 * 0.002 = 0.013 each */
    assert_fails(llm_open(&m, mock_spec(s, "#test"), &o), LOREC_USAGE, "price table");
    o.prices = prices;
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &o));
    assert_fails(llm_ask(m, q, N, a, NULL), LOREC_RESOURCE, "EUR");
    assert_true(llm_used(m).money <= .04 && llm_used(m).money > .012);
    llm_answers_free(a, N);
    llm_estimate e;
    assert_ok(llm_preview(m, q, N, &e));
    assert_int_equal(e.calls, N);
    assert_true(e.priced && e.money > 0 && !e.counted);
    llm_close(m);
    json_decref(d);
    mock_stop(s);
}

static void cancelled(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    llm *m;
    llm_answer a = {0};
    mock_push(s, &(mock_reply){.silent = true});
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &quick));
    cancel_request();
    assert_int_equal(llm_chat(m, NULL, "x", NULL, &a), LOREC_CANCELLED);
    cancel_clear();
    assert_int_equal(a.err, LOREC_CANCELLED);
    llm_answers_free(&a, 1);
    llm_close(m);
    mock_stop(s);
}

static void vectors_and_scores(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    llm *m;
    llm_answer a;
    const char *const texts[] = {"a", "b", "c"};
    assert_ok(llm_open(&m, mock_spec(s, "?score=echo#test"), &quick));
    assert_ok(llm_ask(m, &(llm_request){.verb = LLM_VERB_EMBED, .text = texts, .n_text = 3}, 1, &a, NULL));
    assert_int_equal(a.width, 2);
    assert_true(a.vector[4] == 2);
    llm_answers_free(&a, 1);
    for (int i = 0; i < 2; i++)
        mock_push(
            s, &(mock_reply){
                   .body = i ? "{\"choices\": [{\"logprobs\": {\"tokens\": [\"Lik\", \"ed:\", \" N\", \"o\", \"x\"], "
                               "\"token_logprobs\": [null, -1, -2, -0.25, -9]}}]}"
                             : "{\"choices\": [{\"logprobs\": {\"tokens\": [\"Lik\", \"ed:\", \" Yes\", \"x\"], "
                               "\"token_logprobs\": [null, -1, -0.5, -9]}}]}"});
    const char *const words[] = {" Yes", " No"};
    assert_ok(llm_ask(m, &(llm_request){.verb = LLM_VERB_SCORE, .prompt = "Liked:", .text = words, .n_text = 2}, 1, &a,
                      NULL));
    assert_int_equal(a.err, LOREC_OK);
    assert_near(a.score[0], -.5, 1e-12);
    assert_near(a.score[1], -2.25, 1e-12);
    assert_int_equal(a.score_tokens[1], 2);
    llm_answers_free(&a, 1);
    llm_close(m);
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &quick));
    assert_fails(llm_need(m, LLM_CHAT | LLM_SCORE | LLM_WEIGHTS, "tallrec"), LOREC_USAGE,
                 "tallrec needs scores of given texts, weights");
    llm_close(m);
    mock_stop(s);
}

/* ---- the key ------------------------------------------------------------------------------------------------------- */

static bool file_holds(const char *path, const char *text)
{
    char bytes[1 << 16];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f) fclose(f);
    return n && memmem(bytes, n, text, strlen(text));
}

static void key_is_written_nowhere(void **state)
{
    (void)state;
    const char *log = test_path("talk.log"), *tape = test_path("key.sqlite");
    char spec[512];
    mock_server *s = mock_start();
    llm *m;
    llm_answer a = {0};
    llm_options o = quick;
    setenv("LOREC_API_KEY", KEY, 1);
    setenv("OPENAI_API_KEY", "sk-for-openai-only", 1);
    log_set_level(LOG_QUIET);
    assert_ok(log_set_file(log));
    mock_push(s, &(mock_reply){.status = 500, .body = "{\"error\": \"the key " KEY " is odd\"}"});
    mock_push(s, &(mock_reply){.body = "{\"choices\": [{\"message\": {\"content\": \"you sent " KEY "\"}}]}"});
    mock_push(s, &(mock_reply){.status = 401, .body = "{\"error\": \"Incorrect API key: " KEY "\"}"});
    snprintf(spec, sizeof spec, "record:%s=%s", tape, mock_spec(s, "#test"));
    assert_ok(llm_open(&m, spec, &o));
    assert_ok(llm_chat(m, NULL, "which key?", NULL, &a));
    assert_string_equal(a.text, "you sent *************************");
    llm_answers_free(&a, 1);
    assert_fails(llm_chat(m, NULL, "and now?", NULL, &a), LOREC_FAILED, "*****");
    assert_null(strstr(lorec_error_message(), KEY));
    llm_answers_free(&a, 1);
    log_debug("one line");
    llm_close(m);
    assert_ok(log_set_file(NULL));
    log_set_level(LOG_INFO);
    assert_non_null(strcasestr(mock_request(s, 0), "authorization: bearer " KEY)); /* it was sent, though */
    assert_null(strstr(mock_request(s, 0), "sk-for-openai-only"));
    assert_true(file_holds(log, "one line") && !file_holds(log, KEY));
    assert_true(file_holds(tape, "which key?") && !file_holds(tape, KEY));
    unsetenv("LOREC_API_KEY");
    assert_ok(llm_open(&m, mock_spec(s, "#test"), &o));
    assert_ok(llm_chat(m, NULL, "x", NULL, &a));
    assert_null(
        strcasestr(mock_request(s, mock_requests(s) - 1), "authorization")); /* OpenAI's key is not for others */
    llm_answers_free(&a, 1);
    llm_close(m);
    o.key_variable = "NO_SUCH_VARIABLE";
    assert_fails(llm_open(&m, mock_spec(s, "#test"), &o), LOREC_USAGE, "NO_SUCH_VARIABLE");
    unsetenv("OPENAI_API_KEY");
    mock_stop(s);
}

static void addresses(void **state)
{
    (void)state;
    llm *m;
    mock_server *s = mock_start();
    assert_fails(llm_open(&m, "ftp://x", NULL), LOREC_USAGE, "http://HOST");
    assert_fails(llm_open(&m, "http://key@host/v1#m", NULL), LOREC_USAGE, "LOREC_API_KEY");
    assert_fails(llm_open(&m, "http://host/v1?x=y#m", NULL), LOREC_USAGE, "score=echo");
    assert_fails(llm_open(&m, "http://#m", NULL), LOREC_USAGE, "not an address");
    mock_push(s, &(mock_reply){.body = "{\"data\": [{\"id\": \"only\"}]}"});
    mock_push(s, &(mock_reply){.body = "{\"data\": [{\"id\": \"a\"}, {\"id\": \"b\"}]}"});
    mock_push(s, &(mock_reply){.status = 404});
    assert_ok(llm_open(&m, mock_spec(s, ""), &quick));
    assert_string_equal(llm_name(m), "only");
    llm_close(m);
    assert_fails(llm_open(&m, mock_spec(s, ""), &quick), LOREC_USAGE, "there are: a, b");
    assert_fails(llm_open(&m, mock_spec(s, ""), &quick), LOREC_USAGE, "#MODEL");
    mock_stop(s);
}

/* Memory that runs out at any moment is an error of the call, never a crash, a hang or a lost answer. */
static void memory_runs_out(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    for (size_t n = 1;; n++) {
        char spec[512];
        llm *m;
        llm_answer a = {0};
        snprintf(spec, sizeof spec, "record:%s=%s", test_path("torture.sqlite"), mock_spec(s, "#test"));
        mem_fail_at(n, true);
        lorec_err e = llm_open(&m, spec, &quick);
        if (!e) e = llm_chat(m, "be brief", "hello", NULL, &a);
        mem_fail_at(0, false);
        if (!e) assert_string_equal(a.text, "hello");
        llm_answers_free(&a, 1);
        llm_close(m);
        if (!e) break;
        assert_true(n < 300);
    }
    mock_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(passing_failures),
        cmocka_unit_test(lasting_failures),
        cmocka_unit_test(gives_up),
        cmocka_unit_test(odd_answers),
        cmocka_unit_test(streams),
        cmocka_unit_test(budget_stops),
        cmocka_unit_test(in_order_and_at_once),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(addresses),
        cmocka_unit_test(broken_streams),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(parts_of_messages),
        cmocka_unit_test(vectors_and_scores),
        cmocka_unit_test(key_is_written_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

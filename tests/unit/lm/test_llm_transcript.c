/* Transcripts: what was answered is not asked again, runs that broke off go on, damaged files are refused. */
#include "support/mock_server.h"
#include "support/support.h"

#include <sqlite3.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "lm/llm.h"
#include "lm/messages.h"

static const llm_options quick = {.concurrency = 2, .first_wait = .002, .longest_wait = 1, .timeout = 30, .tries = 2};

enum { N = 12 };

typedef struct asked {
    llm_request q[N];
    llm_answer a[N];
    json_t *d[N];
} asked;

static void asked_make(asked *r)
{
    *r = (asked){0};
    for (int i = 0; i < N; i++) {
        char text[32];
        snprintf(text, sizeof text, "question %d", i / 2); /* two samples of each */
        r->d[i] = json_array();
        assert_ok(message_add(r->d[i], "user", text));
        r->q[i] = (llm_request){.messages = r->d[i], .params = {.temperature = .7, .max_tokens = 4}, .sample = i % 2};
    }
}

static void asked_free(asked *r)
{
    llm_answers_free(r->a, N);
    for (int i = 0; i < N; i++) json_decref(r->d[i]);
}

static const char *record_spec(const char *file, const char *server)
{
    static char spec[1024];
    snprintf(spec, sizeof spec, "record:%s=%s", file, server);
    return spec;
}

static const char *replay_spec(const char *file)
{
    static char spec[1024];
    snprintf(spec, sizeof spec, "replay:%s", file);
    return spec;
}

static lorec_err after_five(void *ctx, size_t i, const llm_answer *a)
{
    (void)i, (void)a;
    return ++*(int *)ctx == 5 ? err_set(LOREC_CANCELLED, "the power went") : LOREC_OK;
}

static void goes_on_where_it_stopped(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    const char *file = test_path("run.sqlite");
    llm *m;
    asked r;
    int seen = 0;
    asked_make(&r);
    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#test")), &quick));
    assert_fails(llm_ask(m, r.q, N, r.a, &(llm_watch){.ctx = &seen, .done = after_five}), LOREC_CANCELLED, "power");
    llm_answers_free(r.a, N);
    llm_close(m);
    size_t first = mock_requests(s);
    assert_in_range(first, 5, 7);

    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#test")), &quick));
    llm_estimate e;
    assert_ok(llm_preview(m, r.q, N, &e));
    const int kept = (int)e.known; /* what came in beside the fifth is not thrown away */
    assert_in_range(kept, 5, 6);
    assert_int_equal(e.calls, N - kept);
    assert_true(e.timed);
    assert_ok(llm_ask(m, r.q, N, r.a, NULL));
    assert_int_equal(llm_used(m).replayed, kept);
    assert_int_equal(llm_used(m).asked, N - kept);
    for (int i = 0; i < N; i++)
        assert_string_equal(r.a[i].text, json_string_value(json_object_get(json_array_get(r.d[i], 0), "content")));
    llm_answers_free(r.a, N);
    size_t whole = mock_requests(s);
    assert_ok(llm_ask(m, r.q, N, r.a, NULL)); /* a whole run costs nothing */
    assert_int_equal(mock_requests(s), whole);
    llm_answers_free(r.a, N);
    llm_close(m);
    mock_stop(s);

    assert_ok(llm_open(&m, replay_spec(file), &quick)); /* and needs no server */
    assert_string_equal(llm_name(m), "test");
    assert_ok(llm_ask(m, r.q, N, r.a, NULL));
    assert_true(r.a[3].replayed && r.a[3].completion_tokens == 3);
    llm_answers_free(r.a, N);
    r.q[7].params.temperature = .8; /* another parameter is another request */
    assert_fails(llm_ask(m, r.q, N, r.a, NULL), LOREC_INPUT, "1 of the requests");
    assert_fails(llm_need(m, LLM_WEIGHTS, "x"), LOREC_USAGE, "weights");
    llm_close(m);
    asked_free(&r);
}

/* Equal requests have one key whatever the order of their fields; model, text, parameters, sample make another. */
static void keys(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    const char *file = test_path("keys.sqlite");
    llm *m;
    llm_answer a[6];
    json_t *x = json_pack("[{s:s, s:s}]", "role", "user", "content", "q");
    json_t *y = json_pack("[{s:s, s:s}]", "content", "q", "role", "user");
    const char *stop[] = {"\n"};
    llm_request q[6] = {{.messages = x},
                        {.messages = y},
                        {.messages = x, .sample = 1},
                        {.messages = x, .params.seed = 2},
                        {.messages = x, .params = {.stop = stop, .n_stop = 1}},
                        {.messages = x, .params.logprobs = 1}};
    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#a")), &quick));
    for (int i = 0; i < 6; i++) assert_ok(llm_ask(m, &q[i], 1, &a[i], NULL));
    assert_int_equal(llm_used(m).replayed, 1); /* y */
    assert_int_equal(mock_requests(s), 5);
    llm_answers_free(a, 6);
    llm_close(m);
    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#b")), &quick));
    assert_ok(llm_ask(m, q, 1, a, NULL));
    assert_int_equal(mock_requests(s), 6);
    llm_answers_free(a, 1);
    llm_close(m);
    mock_stop(s);
    assert_fails(llm_open(&m, replay_spec(file), NULL), LOREC_USAGE, "several models");
    char spec[1024];
    snprintf(spec, sizeof spec, "replay:%s#b", file);
    assert_ok(llm_open(&m, spec, NULL));
    assert_ok(llm_ask(m, q, 1, a, NULL));
    llm_answers_free(a, 1);
    llm_close(m);
    json_decref(x);
    json_decref(y);
}

/* Everything that an answer holds comes back. */
static void whole_answers(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    const char *file = test_path("whole.sqlite"), *const texts[] = {"a", "b"};
    llm *m;
    llm_answer a[2], b[2];
    json_t *x = json_array();
    assert_ok(message_add(x, "user", "q"));
    mock_push(s,
              &(mock_reply){
                  .body = "{\"choices\": [{\"message\": {\"content\": null, \"tool_calls\": [{\"id\": \"c\"}]}, "
                          "\"finish_reason\": \"length\", \"logprobs\": {\"content\": [{\"token\": \"x\", \"logprob\": "
                          "-0.125, \"top_logprobs\": [{\"token\": \"y\", \"logprob\": -3}]}]}}]}"});
    const llm_request q[2] = {{.messages = x, .params.logprobs = 1},
                              {.verb = LLM_VERB_EMBED, .text = texts, .n_text = 2}};
    llm_options one = quick;
    one.concurrency = 1;
    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#a")), &one));
    assert_ok(llm_ask(m, q, 2, a, NULL));
    assert_int_equal(a[0].err, LOREC_OK);
    llm_close(m);
    assert_ok(llm_open(&m, replay_spec(file), NULL));
    assert_ok(llm_ask(m, q, 2, b, NULL));
    assert_int_equal(b[0].finish, LLM_FINISH_LENGTH);
    assert_true(json_equal(a[0].tool_calls, b[0].tool_calls) && json_equal(a[0].logprobs, b[0].logprobs));
    assert_near(json_number_value(json_object_get(json_array_get(b[0].logprobs, 0), "logprob")), -.125, 0);
    assert_int_equal(b[1].width, 2);
    assert_memory_equal(a[1].vector, b[1].vector, 4 * sizeof(float));
    llm_answers_free(a, 2);
    llm_answers_free(b, 2);
    llm_close(m);
    mock_stop(s);
    json_decref(x);
}

static void failures_are_not_kept(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    llm *m;
    llm_answer a;
    const char *file = test_path("fails.sqlite");
    mock_push(s, &(mock_reply){.status = 400, .body = "{\"error\": \"no\"}"});
    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#a")), &quick));
    assert_fails(llm_chat(m, NULL, "q", NULL, &a), LOREC_INPUT, "no");
    llm_answers_free(&a, 1);
    assert_ok(llm_chat(m, NULL, "q", NULL, &a));
    assert_int_equal(llm_used(m).asked, 1);
    llm_answers_free(&a, 1);
    llm_close(m);
    mock_stop(s);
}

/* ---- files that are none ------------------------------------------------------------------------------------------- */

static void sql(const char *file, const char *what)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, what, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void files_that_are_none(void **state)
{
    (void)state;
    llm *m;
    assert_fails(llm_open(&m, "replay:/nowhere/x.sqlite", NULL), LOREC_INPUT, "no such transcript");
    assert_fails(llm_open(&m, "replay:", NULL), LOREC_USAGE, "file is missing");
    assert_fails(llm_open(&m, "record:x.sqlite", NULL), LOREC_USAGE, "record:FILE=MODEL");
    assert_fails(llm_open(&m, replay_spec(test_file("text.sqlite", "this is no database, only some text")), NULL),
                 LOREC_INPUT, "not a transcript");
    sql(test_path("other.sqlite"), "create table films (title)");
    assert_fails(llm_open(&m, replay_spec(test_path("other.sqlite")), NULL), LOREC_INPUT, "no transcript of lorec's");
    assert_fails(llm_open(&m, record_spec(test_path("other.sqlite"), "replay:x"), NULL), LOREC_INPUT, "x");
    assert_fails(llm_open(&m, record_spec(test_path("other.sqlite"), "http://localhost:1/v1#m"), NULL), LOREC_INPUT,
                 "no transcript of lorec's");
    assert_ok(llm_open(&m, record_spec(test_path("newer.sqlite"), "http://localhost:1/v1#m"), NULL));
    llm_close(m);
    assert_fails(llm_open(&m, replay_spec(test_path("newer.sqlite")), NULL), LOREC_INPUT, "empty");
    sql(test_path("newer.sqlite"), "pragma user_version = 99");
    assert_fails(llm_open(&m, replay_spec(test_path("newer.sqlite")), NULL), LOREC_INPUT, "newer lorec");
}

/* A transcript with every page overwritten in turn: refused or read, never a crash. */
static void damaged(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    const char *file = test_path("damaged.sqlite");
    llm *m;
    asked r;
    asked_make(&r);
    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#test")), &quick));
    assert_ok(llm_ask(m, r.q, N, r.a, NULL));
    llm_answers_free(r.a, N);
    llm_close(m);
    mock_stop(s);
    buf whole = {0};
    assert_ok(file_read(&whole, file, 1 << 24));
    uint64_t x = 88172645463325252u;
    for (size_t round = 0; round < 60; round++) {
        buf copy = {0};
        assert_ok(buf_add(&copy, whole.p, whole.n));
        for (int k = 0; k < 200; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            copy.p[(round * 997 + x % 1024) % copy.n] = (char)(x >> 32);
        }
        char spec[1024];
        const char *path = test_path("mutated.sqlite");
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(copy.p, 1, round % 3 ? copy.n : copy.n / 2, f);
        fclose(f);
        snprintf(spec, sizeof spec, "replay:%s#test", path);
        lorec_err e = llm_open(&m, spec, NULL);
        if (!e) {
            e = llm_ask(m, r.q, N, r.a, NULL);
            llm_answers_free(r.a, N);
            llm_close(m);
        }
        assert_true(e == LOREC_OK || e == LOREC_INPUT);
        buf_free(&copy);
    }
    buf_free(&whole);
    asked_free(&r);
}

static void read_only_folder(void **state)
{
    (void)state;
    mock_server *s = mock_start();
    const char *file = test_path("ro.sqlite");
    llm *m;
    llm_answer a;
    assert_ok(llm_open(&m, record_spec(file, mock_spec(s, "#test")), &quick));
    assert_ok(llm_chat(m, NULL, "q", NULL, &a));
    llm_answers_free(&a, 1);
    llm_close(m);
    mock_stop(s);
    assert_int_equal(access(test_path("ro.sqlite-wal"), F_OK), -1); /* one file when it is closed */
    assert_ok(llm_open(&m, replay_spec(file), NULL));
    assert_ok(llm_chat(m, NULL, "q", NULL, &a));
    llm_answers_free(&a, 1);
    llm_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_where_it_stopped),
        cmocka_unit_test(keys),
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(failures_are_not_kept),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(damaged),
        cmocka_unit_test(read_only_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The desk before a server that answers, calls functions, refuses, is silent; and before more than it takes. */
#include "support/mock_server.h"
#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "serve/openai/desk.h"

typedef struct listener { /* what one request heard */
    pthread_mutex_t lock;
    pthread_cond_t heard;
    buf text;
    int done, pieces;
    desk_reason reason;
    int status;
    char message[256], call[64];
    bool leaves;
    size_t width;
    lorec_err err;
} listener;

static lorec_err piece(void *ctx, int64_t i, slice text, json_t *rows)
{
    (void)i;
    listener *l = ctx;
    json_decref(rows);
    l->pieces++;
    return buf_add(&l->text, text.p, text.n);
}

static void signal_done(listener *l)
{
    pthread_mutex_lock(&l->lock);
    l->done++;
    pthread_cond_signal(&l->heard);
    pthread_mutex_unlock(&l->lock);
}

static void done(void *ctx, int64_t i, const desk_reply *r)
{
    (void)i;
    listener *l = ctx;
    l->reason = r->reason;
    l->status = r->status;
    snprintf(l->message, sizeof l->message, "%s", r->message ? r->message : "");
    const json_t *f = json_object_get(json_array_get(r->calls, 0), "function");
    snprintf(l->call, sizeof l->call, "%s", f ? json_string_value(json_object_get(f, "name")) : "");
    signal_done(l);
}

static bool left(void *ctx)
{
    return ((listener *)ctx)->leaves;
}

static void vectors(void *ctx, lorec_err e, const float *x, size_t width, int64_t n_tokens)
{
    (void)x, (void)n_tokens;
    listener *l = ctx;
    l->err = e;
    l->width = width;
    signal_done(l);
}

static listener fresh(void)
{
    return (listener){.lock = PTHREAD_MUTEX_INITIALIZER, .heard = PTHREAD_COND_INITIALIZER};
}

static void wait_for(listener *l, int n)
{
    pthread_mutex_lock(&l->lock);
    while (l->done < n) pthread_cond_wait(&l->heard, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

typedef struct before { /* a desk before a mock server */
    mock_server *server;
    desk *desk;
    json_t *messages;
} before;

static before open_desk(int64_t running, int64_t waiting)
{
    before b = {.server = mock_start()};
    const desk_options o = {.llm = mock_spec(b.server, "#model"), .running = running, .waiting = waiting};
    assert_ok(desk_open(&b.desk, &o));
    b.messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "hi");
    return b;
}

static void close_desk(before *b)
{
    desk_close(b->desk);
    json_decref(b->messages);
    mock_stop(b->server);
}

static desk_request request(before *b, listener *l)
{
    return (desk_request){.messages = b->messages,
                          .n = 1,
                          .temperature = 1,
                          .top_p = 1,
                          .max_tokens = 5,
                          .piece = piece,
                          .done = done,
                          .left = left,
                          .ctx = l};
}

static void answers_are_told(void **state)
{
    (void)state;
    before b = open_desk(0, 0);
    desk_fault fault;
    listener l = fresh();
    desk_request q = request(&b, &l);
    q.n = 3;
    assert_string_equal(desk_chat_model(b.desk), "model");
    assert_true(desk_chats(b.desk) && !desk_is_local(b.desk));
    assert_ok(desk_ask(b.desk, &q, &fault));
    wait_for(&l, 3);
    assert_int_equal(l.reason, DESK_STOP);
    assert_string_equal(l.text.p, "hihihi"); /* the mock answers with the last message */
    buf_free(&l.text);
    close_desk(&b);
}

static void functions_are_called(void **state)
{
    (void)state;
    before b = open_desk(0, 0);
    desk_fault fault;
    listener l = fresh();
    mock_push(
        b.server,
        &(mock_reply){
            .body = "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
                    "{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"find\",\"arguments\":\"{}\"}}]},"
                    "\"finish_reason\":\"tool_calls\"}]}"});
    desk_request q = request(&b, &l);
    q.tools = json_loads("[{\"type\":\"function\",\"function\":{\"name\":\"find\"}}]", 0, NULL);
    assert_ok(desk_ask(b.desk, &q, &fault));
    json_decref(q.tools);
    wait_for(&l, 1);
    assert_int_equal(l.reason, DESK_TOOLS);
    assert_string_equal(l.call, "find");
    assert_non_null(strstr(mock_request(b.server, 0), "\"tools\""));
    close_desk(&b);
}

static void failures_have_a_status(void **state)
{
    (void)state;
    before b = open_desk(0, 0);
    desk_fault fault;
    static const struct {
        int answer, status;
    } rows[] = {{400, 400}, {401, 502}, {404, 502}, {501, 400}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        listener l = fresh();
        mock_push(b.server,
                  &(mock_reply){.status = rows[i].answer, .body = "{\"error\":{\"message\":\"no such luck\"}}"});
        desk_request q = request(&b, &l);
        assert_ok(desk_ask(b.desk, &q, &fault));
        wait_for(&l, 1);
        assert_int_equal(l.reason, DESK_FAILED);
        assert_int_equal(l.status, rows[i].status);
        assert_non_null(strstr(l.message, "no such luck"));
    }
    const int32_t ids[] = {1, 2};
    listener l = fresh();
    desk_request q = request(&b, &l);
    q.messages = NULL;
    q.ids = ids;
    q.n_ids = 2;
    assert_fails(desk_ask(b.desk, &q, &fault), LOREC_USAGE, "on this machine");
    assert_int_equal(fault.status, 400);
    close_desk(&b);
}

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    before b = open_desk(0, 0);
    desk_fault fault;
    listener l = fresh(), gone = fresh(), closing = fresh();
    for (int i = 0; i < 3; i++) mock_push(b.server, &(mock_reply){.silent = true});
    desk_request q = request(&b, &l);
    q.deadline = clock_seconds() + .2;
    assert_ok(desk_ask(b.desk, &q, &fault));
    wait_for(&l, 1);
    assert_int_equal(l.reason, DESK_LATE);
    q = request(&b, &gone);
    assert_ok(desk_ask(b.desk, &q, &fault));
    gone.leaves = true;
    wait_for(&gone, 1);
    assert_int_equal(gone.reason, DESK_LEFT);
    q = request(&b, &closing);
    assert_ok(desk_ask(b.desk, &q, &fault));
    close_desk(&b); /* tells what is under way */
    assert_int_equal(closing.done, 1);
    assert_int_equal(closing.reason, DESK_LEFT);
}

static void more_than_it_takes_is_refused(void **state)
{
    (void)state;
    before b = open_desk(1, 1);
    desk_fault fault;
    listener l = fresh();
    for (int i = 0; i < 2; i++)
        mock_push(b.server,
                  &(mock_reply){.delay_ms = 300, .body = "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}"});
    desk_request q = request(&b, &l);
    assert_ok(desk_ask(b.desk, &q, &fault));
    assert_ok(desk_ask(b.desk, &q, &fault));
    assert_fails(desk_ask(b.desk, &q, &fault), LOREC_RESOURCE, "2 texts");
    assert_int_equal(fault.status, 429);
    wait_for(&l, 2);
    assert_ok(desk_ask(b.desk, &q, &fault)); /* there is room again */
    wait_for(&l, 3);
    buf_free(&l.text);
    close_desk(&b);
}

static void vectors_come(void **state)
{
    (void)state;
    before b = open_desk(0, 0);
    desk_fault fault;
    listener l = fresh();
    const slice text[] = {slice_of("a"), slice_of("b")};
    mock_push(
        b.server,
        &(mock_reply){.body = "{\"data\":[{\"index\":0,\"embedding\":[1,2,3]},{\"index\":1,\"embedding\":[4,5,6]}]}"});
    assert_ok(desk_embed(b.desk, &(desk_embed_request){.text = text, .n = 2, .done = vectors, .ctx = &l}, &fault));
    wait_for(&l, 1);
    assert_int_equal(l.err, LOREC_OK);
    assert_int_equal(l.width, 3);
    mock_push(b.server, &(mock_reply){.status = 400, .body = "{}"});
    assert_ok(desk_embed(b.desk, &(desk_embed_request){.text = text, .n = 2, .done = vectors, .ctx = &l}, &fault));
    wait_for(&l, 2);
    assert_int_not_equal(l.err, LOREC_OK);
    close_desk(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_told),
                                       cmocka_unit_test(functions_are_called),
                                       cmocka_unit_test(failures_have_a_status),
                                       cmocka_unit_test(nobody_waits_for_ever),
                                       cmocka_unit_test(more_than_it_takes_is_refused),
                                       cmocka_unit_test(vectors_come)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

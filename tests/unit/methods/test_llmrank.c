/* LLMRank before a scripted server: what it asks, and what it makes of replies. */
#include "base/options.h"
#include "data/split.h"
#include "methods/registry.h"
#include "support/mock_server.h"
#include "support/support.h"

typedef struct stage {
    dataset d;
    split s;
    const recommender *r;
    void *self;
    rec_session *session;
    mock_server *server;
} stage;

static void set(stage *g, const char *name, const char *value)
{
    assert_ok(options_set(g->r->options, g->r->n_options, g->self, name, value));
}

/* In place: a split points at its data. */
static void open_stage(stage *g)
{
    *g = (stage){.r = registry_find("llmrank")};
    assert_non_null(g->r);
    assert_ok(dataset_sample_named(&g->d, "sample"));
    assert_ok(split_make(&g->s, &g->d, &(split_options){0}));
    assert_ok(recommender_new(g->r, &g->self));
    g->server = mock_start();
    set(g, "llm", mock_spec(g->server, "#model"));
    set(g, "concurrency", "1");
    set(g, "copies", "1");
    g->session = rec_session_new(1);
}

static void close_stage(stage *g)
{
    rec_session_free(g->session);
    recommender_free(g->r, g->self);
    mock_stop(g->server);
    split_close(&g->s);
    dataset_close(&g->d);
}

static void reply_with(stage *g, const char *text)
{
    char body[2048];
    json_t *o = json_pack("{s:[{s:{s:s, s:s}, s:s}], s:{s:i, s:i}}", "choices", "message", "role", "assistant",
                          "content", text, "finish_reason", "stop", "usage", "prompt_tokens", 10, "completion_tokens",
                          5);
    char *json = json_dumps(o, JSON_COMPACT);
    snprintf(body, sizeof body, "%s", json);
    mock_push(g->server, &(mock_reply){.body = body});
    free(json);
    json_decref(o);
}

static const uint32_t history[] = {5, 17, 230}, candidate[] = {1, 40, 77, 300};
static const uint64_t start[] = {0, 4};

static void ask(stage *g, float score[4])
{
    query q = {.user = 3, .items = history, .n = 3, .now = INT64_MIN};
    assert_ok(g->r->score_items(g->self, g->session, &q, 1, start, candidate, score));
}

static const char *title(const stage *g, uint32_t item, char room[128])
{
    slice t = dataset_title(&g->d, item);
    snprintf(room, 128, "%.*s", (int)t.n, t.p);
    return room;
}

static void replies_become_points(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    char a[128], b[128], text[512];
    float score[4];
    assert_ok(g.r->fit(g.self, &(fit_context){.split = &g.s, .train = &g.s.train, .seed = 1}));
    snprintf(text, sizeof text, "Sure!\n1. %s\n2. %s\n3. A Film That Nobody Offered", title(&g, 77, a),
             title(&g, 1, b));
    reply_with(&g, text);
    ask(&g, score);
    assert_true(score[2] == 4 && score[0] == 3); /* n - k points */
    assert_true(score[1] == 0 && score[3] == 0); /* not named */
    const char *request = mock_request(g.server, 0);
    assert_non_null(strstr(request, title(&g, 17, a)));
    assert_non_null(strstr(request, "The last one I watched was"));
    json_t *counts = g.r->counts(g.self);
    assert_int_equal(json_integer_value(json_object_get(counts, "llm_calls")), 1);
    assert_int_equal(json_integer_value(json_object_get(counts, "llm_tokens")), 15);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(counts, "replies"), "invented")), 1);
    json_decref(counts);
    reply_with(&g, "I am sorry, I can not help with that."); /* ranks nothing: all are ties */
    ask(&g, score);
    for (int i = 0; i < 4; i++) assert_true(score[i] == 0);
    close_stage(&g);
}

/* The default reply is the prompt again: a model that ranks by place alone. Fresh orders take that out. */
static void bootstrapping_shuffles_afresh(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    float score[4], sum[4] = {0};
    set(&g, "copies", "40");
    set(&g, "history", "none");
    assert_ok(g.r->fit(g.self, &(fit_context){.split = &g.s, .train = &g.s.train, .seed = 1}));
    ask(&g, score);
    for (int i = 0; i < 4; i++) sum[i] += score[i];
    assert_true(sum[0] + sum[1] + sum[2] + sum[3] == 40 * (4 + 3 + 2 + 1));
    for (int i = 0; i < 4; i++) assert_in_range((int)sum[i], 70, 130); /* 100 each by chance */
    char first[128];
    assert_null(strstr(mock_request(g.server, 0), title(&g, 17, first)));
    close_stage(&g);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    float score[4];
    query q = {.user = 3, .items = history, .n = 3, .now = INT64_MIN};
    set(&g, "llm", "");
    assert_ok(g.r->fit(g.self, &(fit_context){.split = &g.s, .train = &g.s.train, .seed = 1}));
    assert_fails(g.r->score_items(g.self, g.session, &q, 1, start, candidate, score), LOREC_USAGE, "--llm");
    uint32_t all[600];
    float *scores = calloc(600, sizeof *scores);
    for (uint32_t i = 0; i < 600; i++) all[i] = i;
    assert_fails(g.r->score_items(g.self, g.session, &q, 1, (const uint64_t[]){0, 600}, all, scores), LOREC_USAGE,
                 "--eval");
    free(scores);
    close_stage(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replies_become_points),
                                       cmocka_unit_test(bootstrapping_shuffles_afresh),
                                       cmocka_unit_test(what_is_missing_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

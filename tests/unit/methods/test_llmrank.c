/* LLMRank before a scripted server: what it asks, and what it makes of replies. */
#include "base/options.h"
#include "data/split.h"
#include "methods/registry.h"
#include "support/chat_stage.h"
#include "support/support.h"

typedef chat_stage stage;

static void open_stage(stage *g)
{
    chat_stage_open(g, "llmrank");
    chat_stage_set(g, "copies", "1");
}

static const uint32_t history[] = {5, 17, 230}, candidate[] = {1, 40, 77, 300};
static const uint64_t start[] = {0, 4};

static void ask(stage *g, float score[4])
{
    query q = {.user = 3, .items = history, .n = 3, .now = INT64_MIN};
    assert_ok(g->r->score_items(g->self, g->session, &q, 1, start, candidate, score));
}

static void replies_become_points(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    char a[128], b[128], text[512];
    float score[4];
    assert_ok(g.r->fit(g.self, &(fit_context){.split = &g.s, .train = &g.s.train, .seed = 1}));
    snprintf(text, sizeof text, "Sure!\n1. %s\n2. %s\n3. A Film That Nobody Offered", chat_stage_title(&g, 77, a),
             chat_stage_title(&g, 1, b));
    chat_stage_reply(&g, text);
    ask(&g, score);
    assert_true(score[2] == 4 && score[0] == 3); /* n - k points */
    assert_true(score[1] == 0 && score[3] == 0); /* not named */
    const char *request = mock_request(g.server, 0);
    assert_non_null(strstr(request, chat_stage_title(&g, 17, a)));
    assert_non_null(strstr(request, "The last one I watched was"));
    json_t *counts = g.r->counts(g.self);
    assert_int_equal(json_integer_value(json_object_get(counts, "llm_calls")), 1);
    assert_int_equal(json_integer_value(json_object_get(counts, "llm_tokens")), 15);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(counts, "replies"), "invented")), 1);
    json_decref(counts);
    chat_stage_reply(&g, "I am sorry, I can not help with that."); /* ranks nothing: all are ties */
    ask(&g, score);
    for (int i = 0; i < 4; i++) assert_true(score[i] == 0);
    chat_stage_close(&g);
}

/* The default reply is the prompt again: a model that ranks by place alone. Fresh orders take that out. */
static void bootstrapping_shuffles_afresh(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    float score[4], sum[4] = {0};
    chat_stage_set(&g, "copies", "40");
    chat_stage_set(&g, "history", "none");
    assert_ok(g.r->fit(g.self, &(fit_context){.split = &g.s, .train = &g.s.train, .seed = 1}));
    ask(&g, score);
    for (int i = 0; i < 4; i++) sum[i] += score[i];
    assert_true(sum[0] + sum[1] + sum[2] + sum[3] == 40 * (4 + 3 + 2 + 1));
    for (int i = 0; i < 4; i++) assert_in_range((int)sum[i], 70, 130); /* 100 each by chance */
    char first[128];
    assert_null(strstr(mock_request(g.server, 0), chat_stage_title(&g, 17, first)));
    chat_stage_close(&g);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    float score[4];
    query q = {.user = 3, .items = history, .n = 3, .now = INT64_MIN};
    chat_stage_set(&g, "llm", "");
    assert_ok(g.r->fit(g.self, &(fit_context){.split = &g.s, .train = &g.s.train, .seed = 1}));
    assert_fails(g.r->score_items(g.self, g.session, &q, 1, start, candidate, score), LOREC_USAGE, "--llm");
    uint32_t all[600];
    float *scores = calloc(600, sizeof *scores);
    for (uint32_t i = 0; i < 600; i++) all[i] = i;
    assert_fails(g.r->score_items(g.self, g.session, &q, 1, (const uint64_t[]){0, 600}, all, scores), LOREC_USAGE,
                 "--eval");
    free(scores);
    chat_stage_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replies_become_points),
                                       cmocka_unit_test(bootstrapping_shuffles_afresh),
                                       cmocka_unit_test(what_is_missing_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* RankGPT before a scripted server: windows slide from the end to the beginning, and what can not be read moves nothing. */
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
    uint32_t candidate[4]; /* the most popular first */
} stage;

static void set(stage *g, const char *name, const char *value)
{
    assert_ok(options_set(g->r->options, g->r->n_options, g->self, name, value));
}

/* Four items of different popularity, found by counting. */
static void choose(stage *g)
{
    uint32_t count[4096] = {0}, last = UINT32_MAX;
    for (uint64_t r = 0; r < g->s.train.n; r++) count[g->s.train.item[r]]++;
    for (int k = 0; k < 4; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < g->d.rows.n_items; i++)
            if (count[i] < last && (best == UINT32_MAX || count[i] > count[best])) best = i;
        assert_true(best != UINT32_MAX);
        g->candidate[k] = best;
        last = count[best];
    }
}

static void open_stage(stage *g)
{
    *g = (stage){.r = registry_find("rankgpt")};
    assert_non_null(g->r);
    assert_ok(dataset_sample_named(&g->d, "sample"));
    assert_ok(split_make(&g->s, &g->d, &(split_options){0}));
    assert_ok(recommender_new(g->r, &g->self));
    g->server = mock_start();
    set(g, "llm", mock_spec(g->server, "#model"));
    set(g, "concurrency", "1");
    set(g, "window", "2");
    set(g, "step", "1");
    g->session = rec_session_new(1);
    choose(g);
    assert_ok(g->r->fit(g->self, &(fit_context){.split = &g->s, .train = &g->s.train, .seed = 1}));
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
    char body[512];
    snprintf(body, sizeof body,
             "{\"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"%s\"}, \"finish_reason\": "
             "\"stop\"}]}",
             text);
    mock_push(g->server, &(mock_reply){.body = body});
}

static void score(stage *g, float scores[4])
{
    const uint32_t history[] = {5, 17}, given[4] = {g->candidate[2], g->candidate[0], g->candidate[3], g->candidate[1]};
    const uint64_t start[] = {0, 4};
    float got[4];
    query q = {.user = 0, .items = history, .n = 2, .now = INT64_MIN};
    assert_ok(g->r->score_items(g->self, g->session, &q, 1, start, given, got));
    scores[2] = got[0], scores[0] = got[1], scores[3] = got[2], scores[1] = got[3];
}

static void the_last_can_become_the_first(void **state)
{
    (void)state;
    stage g;
    float s[4];
    open_stage(&g);
    for (int i = 0; i < 3; i++) reply_with(&g, "[2] > [1]");
    score(&g, s);
    assert_int_equal(mock_requests(g.server), 3); /* windows 2-3, 1-2, 0-1 */
    assert_true(s[3] > s[0] && s[0] > s[1] && s[1] > s[2]);
    close_stage(&g);
}

static void what_can_not_be_read_moves_nothing(void **state)
{
    (void)state;
    stage g;
    float s[4];
    open_stage(&g);
    for (int i = 0; i < 3; i++) reply_with(&g, "I would rather not say.");
    score(&g, s);
    assert_true(s[0] > s[1] && s[1] > s[2] && s[2] > s[3]);
    close_stage(&g);
}

static void a_step_as_long_as_the_window_is_refused(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    assert_null(g.r->check(g.self));
    set(&g, "step", "2");
    assert_non_null(g.r->check(g.self));
    close_stage(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_can_become_the_first),
                                       cmocka_unit_test(what_can_not_be_read_moves_nothing),
                                       cmocka_unit_test(a_step_as_long_as_the_window_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* RankGPT before a scripted server: windows slide from the end to the beginning, and what can not be read moves nothing. */
#include "support/chat_stage.h"
#include "support/support.h"

typedef struct stage {
    chat_stage chat;
    uint32_t candidate[4]; /* the most popular first */
} stage;

/* Four items of different popularity, found by counting. */
static void choose(stage *g)
{
    const interactions *t = &g->chat.s.train;
    uint32_t count[4096] = {0}, last = UINT32_MAX;
    for (uint64_t r = 0; r < t->n; r++) count[t->item[r]]++;
    for (int k = 0; k < 4; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < t->n_items; i++)
            if (count[i] < last && (best == UINT32_MAX || count[i] > count[best])) best = i;
        assert_true(best != UINT32_MAX);
        g->candidate[k] = best;
        last = count[best];
    }
}

static void open_stage(stage *g)
{
    chat_stage_open(&g->chat, "rankgpt");
    chat_stage_set(&g->chat, "window", "2");
    chat_stage_set(&g->chat, "step", "1");
    choose(g);
    chat_stage_fit(&g->chat);
}

static void score(stage *g, float scores[4])
{
    const uint32_t history[] = {5, 17}, given[4] = {g->candidate[2], g->candidate[0], g->candidate[3], g->candidate[1]};
    const uint64_t start[] = {0, 4};
    float got[4];
    query q = {.user = 0, .items = history, .n = 2, .now = INT64_MIN};
    assert_ok(g->chat.r->score_items(g->chat.self, g->chat.session, &q, 1, start, given, got));
    scores[2] = got[0], scores[0] = got[1], scores[3] = got[2], scores[1] = got[3];
}

static void the_last_can_become_the_first(void **state)
{
    (void)state;
    stage g;
    float s[4];
    open_stage(&g);
    for (int i = 0; i < 3; i++) chat_stage_reply(&g.chat, "[2] > [1]");
    score(&g, s);
    assert_int_equal(mock_requests(g.chat.server), 3); /* windows 2-3, 1-2, 0-1 */
    assert_true(s[3] > s[0] && s[0] > s[1] && s[1] > s[2]);
    chat_stage_close(&g.chat);
}

static void what_can_not_be_read_moves_nothing(void **state)
{
    (void)state;
    stage g;
    float s[4];
    open_stage(&g);
    for (int i = 0; i < 3; i++) chat_stage_reply(&g.chat, "I would rather not say.");
    score(&g, s);
    assert_true(s[0] > s[1] && s[1] > s[2] && s[2] > s[3]);
    chat_stage_close(&g.chat);
}

static void a_step_as_long_as_the_window_is_refused(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    assert_null(g.chat.r->check(g.chat.self));
    chat_stage_set(&g.chat, "step", "2");
    assert_non_null(g.chat.r->check(g.chat.self));
    chat_stage_close(&g.chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_can_become_the_first),
                                       cmocka_unit_test(what_can_not_be_read_moves_nothing),
                                       cmocka_unit_test(a_step_as_long_as_the_window_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

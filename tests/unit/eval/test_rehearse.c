/* Rehearsals: what they say of a run, and that they ask nobody and change nothing. */
#include <math.h>

#include "base/mem.h"
#include "base/rehearsal.h"
#include "eval/rehearse.h"
#include "methods/registry.h"
#include "support/mock_server.h"
#include "support/support.h"

typedef struct scene {
    dataset d;
    split s;
    protocol p;
} scene;

static void open_scene(scene *g, const char *candidates)
{
    assert_ok(dataset_sample_named(&g->d, "sample"));
    assert_ok(split_make(&g->s, &g->d, &(split_options){0}));
    assert_ok(protocol_make(&g->p, &g->s, candidates, "ndcg@10", false, 1));
}

static void close_scene(scene *g)
{
    protocol_close(&g->p);
    split_close(&g->s);
    dataset_close(&g->d);
}

static trial_request request(const scene *g, const char *key, const char *const *set, size_t n)
{
    const recommender *r = registry_find(key);
    assert_non_null(r);
    return (trial_request){
        .recommender = r, .set = set, .n_set = n, .seed = 1, .split = &g->s, .protocol = &g->p, .part = PART_TEST};
}

static void a_server_is_counted_and_not_asked(void **state)
{
    (void)state;
    scene g;
    rehearsed r;
    buf text = {0};
    char llm[128], prices[256];
    mock_server *server = mock_start();
    open_scene(&g, "uniform@9");
    snprintf(llm, sizeof llm, "llm=%s", mock_spec(server, "#model"));
    snprintf(prices, sizeof prices, "prices=%s", test_file("prices.yaml", "model: {input: 2, output: 3}\n"));
    const char *set[] = {llm, prices, "copies=2", "max_tokens=50"};
    trial_request q = request(&g, "llmrank", set, 4);
    assert_true(trial_asks(&q));
    assert_ok(trial_rehearse(&r, &q));
    assert_null(r.why);
    assert_int_equal(mock_requests(server), 0);
    assert_near(r.calls, 2. * g.d.rows.n_users, 1e-6);
    assert_near(r.completion_tokens, 50 * r.calls, 1e-3);
    assert_true(r.prompt_tokens > 50 * r.calls);
    assert_near(r.money, (2 * r.prompt_tokens + 3 * r.completion_tokens) / 1e6, 1e-6);
    assert_true(r.llm_s > 0);
    assert_ok(rehearsed_text(&r, &text));
    assert_non_null(strstr(text.p, "at most"));
    assert_non_null(strstr(text.p, "money"));
    json_t *o = rehearsed_json(&r);
    assert_near(json_number_value(json_object_get(o, "calls")), r.calls, .5);
    json_decref(o);
    buf_free(&text);
    rehearsed_free(&r);
    close_scene(&g);
    mock_stop(server);
}

static void a_training_is_begun_only(void **state)
{
    (void)state;
    scene g;
    rehearsed r;
    open_scene(&g, "full");
    const char *set[] = {"epochs=1000000", "hidden_size=16", "inner_size=16"};
    trial_request q = request(&g, "sasrec", set, 3);
    assert_false(trial_asks(&q));
    assert_ok(trial_rehearse(&r, &q)); /* a million epochs would not end */
    assert_null(r.why);
    assert_true(r.trains);
    assert_true(r.train_s > 60);
    assert_true(r.memory_mib > 1);
    assert_near(r.calls, 0, 0);
    rehearsed_free(&r);

    const char *minute[] = {"epochs=1000000", "hidden_size=16", "inner_size=16", "max_minutes=1"};
    q = request(&g, "sasrec", minute, 4);
    assert_ok(trial_rehearse(&r, &q));
    assert_true(r.train_s >= 60 && r.train_s < 90);
    rehearsed_free(&r);
    assert_false(rehearsal_now());
    close_scene(&g);
}

static void what_can_not_run_says_so(void **state)
{
    (void)state;
    scene g;
    rehearsed r;
    buf text = {0};
    open_scene(&g, "uniform@9");
    trial_request q = request(&g, "llmrank", NULL, 0); /* no model is named */
    assert_ok(trial_rehearse(&r, &q));
    assert_non_null(r.why);
    assert_ok(rehearsed_text(&r, &text));
    assert_non_null(strstr(text.p, "--llm"));
    buf_free(&text);
    rehearsed_free(&r);
    close_scene(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_server_is_counted_and_not_asked),
                                       cmocka_unit_test(a_training_is_begun_only),
                                       cmocka_unit_test(what_can_not_run_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

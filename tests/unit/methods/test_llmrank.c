/* LLMRank before a scripted server: what it asks, and what it makes of replies. */
#include <math.h>

#include "base/options.h"
#include "eval/questions.h"
#include "eval/study.h"
#include "methods/registry.h"
#include "recipes/bias_curves.h"
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

/* ---- curves --------------------------------------------------------------------------------------------------------------- */

enum { LISTS = 6, LONG = 8 };

/* The lists that the study will ask about: as study_run makes them, from the same protocol and number of users. */
typedef struct curve_stage {
    stage g;
    protocol p;
    json_t *numbers;
} curve_stage;

static void open_curves(curve_stage *c)
{
    open_stage(&c->g);
    chat_stage_set(&c->g, "history", "none");
    chat_stage_set(&c->g, "curves", "true");
    chat_stage_set(&c->g, "curve_places", "0,3,7,30"); /* no list is that long: not asked */
    chat_stage_set(&c->g, "curve_users", "6");
    assert_ok(protocol_make(&c->p, &c->g.s, "uniform@7", "ndcg@10", false, 5));
    chat_stage_fit(&c->g);
}

static void run_curves(curve_stage *c)
{
    assert_ok(study_run(&c->numbers, c->g.r, c->g.self, &c->p, 1, false));
    assert_non_null(c->numbers);
}

static void close_curves(curve_stage *c)
{
    json_decref(c->numbers);
    protocol_close(&c->p);
    chat_stage_close(&c->g);
}

static double number_at(const curve_stage *c, const char *curve, const char *name, size_t i)
{
    json_t *list = json_object_get(json_object_get(c->numbers, curve), name);
    assert_true(i < json_array_size(list));
    return json_number_value(json_array_get(list, i));
}

static double number_of(const curve_stage *c, const char *name)
{
    json_t *x = json_object_get(c->numbers, name);
    assert_true(json_is_number(x));
    return json_number_value(x);
}

/* The default reply repeats the prompt, so that what stands first is first: the curve is the place itself. */
static void a_model_that_goes_by_place_shows_it(void **state)
{
    (void)state;
    curve_stage c = {0};
    open_curves(&c);
    run_curves(&c);
    json_t *asked = json_object_get(json_object_get(c.numbers, "position"), "place");
    assert_int_equal(json_array_size(asked), 3);
    const double due[] = {1, 4, 8};
    for (size_t i = 0; i < 3; i++) {
        assert_true(number_at(&c, "position", "lists", i) == LISTS);
        assert_near(number_at(&c, "position", "mean_rank", i), due[i], 1e-9);
        assert_near(number_at(&c, "position", "ndcg@10", i), 1 / log2(1 + due[i]), 1e-6);
        assert_true(number_at(&c, "position", "hit@1", i) == (i == 0));
        assert_true(number_at(&c, "position", "nothing_ranked", i) == 0);
    }
    assert_near(number_of(&c, "position.mean_rank.spread"), 7, 1e-9);
    assert_true(number_of(&c, "position.p") < .01); /* six lists, all alike: chance hardly comes near */
    assert_int_equal(mock_requests(c.g.server), 3 * LISTS);
    close_curves(&c);
}

static int more_popular(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b; /* {item, popularity} */
    if (x[1] != y[1]) return x[1] > y[1] ? -1 : 1;
    return x[0] < y[0] ? -1 : 1;
}

/* Replies that go by popularity alone, wherever things stand: places do not tell, ranks follow what is popular. */
static void a_model_that_goes_by_popularity_shows_it(void **state)
{
    (void)state;
    curve_stage c = {0};
    questions q;
    query_batch batch = {0};
    char reply[LONG * 128], room[128];
    double sum[LONG] = {0}, all = 0;
    open_curves(&c);
    uint64_t *bits = calloc(c.g.d.rows.n_items / 64 + 1, sizeof *bits);
    uint32_t *popularity = calloc(c.g.d.rows.n_items, sizeof *popularity);
    for (uint64_t i = 0; i < c.g.s.train.n; i++) popularity[c.g.s.train.item[i]]++;
    assert_ok(questions_make(&q, &c.p, PART_TEST, LISTS, c.p.seed));
    assert_ok(query_batch_fill(&batch, &c.p, PART_TEST, &q, 0, q.n));
    for (int at = 0; at < 3; at++)
        for (size_t i = 0; i < q.n; i++) {
            uint32_t list[LONG], ranked[LONG][2];
            assert_int_equal(protocol_candidates(&c.p, PART_TEST, q.user[i], q.relevant + q.start[i], 1,
                                                 batch.query[i].items, batch.query[i].n, bits, list),
                             LONG);
            for (int k = 0; k < LONG; k++) ranked[k][0] = list[k], ranked[k][1] = popularity[list[k]];
            qsort(ranked, LONG, sizeof *ranked, more_popular);
            reply[0] = 0;
            for (int k = 0; k < LONG; k++) {
                sprintf(reply + strlen(reply), "%d. %s\n", k + 1, chat_stage_title(&c.g, ranked[k][0], room));
                sum[k] += ranked[k][1];
                all += ranked[k][1];
            }
            chat_stage_reply(&c.g, reply);
        }
    run_curves(&c);
    for (size_t i = 1; i < 3; i++)
        assert_near(number_at(&c, "position", "mean_rank", i), number_at(&c, "position", "mean_rank", 0), 1e-9);
    assert_near(number_of(&c, "position.mean_rank.spread"), 0, 1e-9);
    assert_near(number_of(&c, "position.p"), 1, 1e-9);
    for (size_t k = 0; k < LONG; k++) {
        assert_true(number_at(&c, "popularity", "rank", k) == (double)k + 1);
        assert_near(number_at(&c, "popularity", "mean_popularity", k), sum[k] / (3 * LISTS), 1e-6);
        assert_near(number_at(&c, "popularity", "of_candidates", k), sum[k] * LONG / all, 1e-6);
        assert_true(!k || sum[k] <= sum[k - 1]);
    }
    assert_true(number_of(&c, "popularity.first_of_candidates") > 1.2);
    questions_free(&q);
    query_batch_free(&batch);
    free(bits);
    free(popularity);
    close_curves(&c);
}

/* An answer that names one item: the others share the ranks behind it; one that names none is in no popularity curve. */
static void what_is_not_named_shares_the_last_ranks(void **state)
{
    (void)state;
    bias_curves b;
    const uint32_t item[] = {0, 1, 2, 3}, popularity[] = {10, 20, 30, 60};
    assert_ok(bias_curves_make(&b, (const size_t[]){2, 3}, 2, 1));
    assert_ok(bias_curves_add(&b, 0, 0, item, (const float[]){0, 4, 0, 0}, 4, 0, popularity));
    assert_ok(bias_curves_add(&b, 0, 1, item, (const float[]){0, 0, 0, 0}, 4, 0, popularity));
    assert_fails(bias_curves_add(&b, 0, 1, item, (const float[]){0, 0, 0, 0}, 4, 9, popularity), LOREC_INPUT, "target");
    curve_stage c = {.numbers = json_object()};
    assert_ok(bias_curves_json(&b, 1, c.numbers));
    assert_near(number_at(&c, "position", "mean_rank", 0), 3, 1e-9);   /* 2, 3 or 4 */
    assert_near(number_at(&c, "position", "mean_rank", 1), 2.5, 1e-9); /* anywhere */
    assert_near(number_at(&c, "position", "hit@1", 1), .25, 1e-6);
    assert_true(number_at(&c, "position", "nothing_ranked", 1) == 1);
    assert_near(number_at(&c, "popularity", "mean_popularity", 0), 20, 1e-9);
    for (size_t k = 1; k < 4; k++) assert_near(number_at(&c, "popularity", "mean_popularity", k), 100.0 / 3, 1e-9);
    assert_true(number_at(&c, "popularity", "lists", 3) == 1);
    assert_near(number_of(&c, "popularity.candidates"), 30, 1e-9);
    json_decref(c.numbers);
    bias_curves_free(&b);
}

static void curves_are_asked_for_and_need_lists(void **state)
{
    (void)state;
    curve_stage c = {0};
    open_curves(&c);
    assert_true(recommender_studies(c.g.r, c.g.self));
    protocol full;
    assert_ok(protocol_make(&full, &c.g.s, "full", "ndcg@10", false, 5));
    assert_fails(study_run(&c.numbers, c.g.r, c.g.self, &full, 1, false), LOREC_USAGE, "--eval");
    protocol_close(&full);
    chat_stage_set(&c.g, "curves", "false"); /* then nothing is asked */
    assert_ok(study_run(&c.numbers, c.g.r, c.g.self, &c.p, 1, false));
    assert_null(c.numbers);
    assert_int_equal(mock_requests(c.g.server), 0);
    static const char *const bad[] = {"", "0,,5", "0,x", "-1", "5,5", "123456"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        chat_stage_set(&c.g, "curve_places", bad[i]);
        assert_non_null(c.g.r->check(c.g.self));
    }
    chat_stage_set(&c.g, "curve_places", " 0, 19");
    assert_null(c.g.r->check(c.g.self));
    close_curves(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replies_become_points),
                                       cmocka_unit_test(bootstrapping_shuffles_afresh),
                                       cmocka_unit_test(what_is_missing_is_said),
                                       cmocka_unit_test(a_model_that_goes_by_place_shows_it),
                                       cmocka_unit_test(a_model_that_goes_by_popularity_shows_it),
                                       cmocka_unit_test(what_is_not_named_shares_the_last_ranks),
                                       cmocka_unit_test(curves_are_asked_for_and_need_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

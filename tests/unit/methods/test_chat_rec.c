/* Chat-REC before a scripted server: candidates, prompts, lists, and a dialogue of several turns. */
#include "base/mem.h"
#include "methods/chat-rec/chatrec.h"
#include "methods/registry.h"
#include "rec/topk.h"
#include "support/chat_stage.h"
#include "support/model.h"
#include "support/support.h"

enum { OFFERED = 6, LISTED = 5 };

typedef struct stage {
    chat_stage chat;
    uint32_t offer[OFFERED]; /* what the first stage retrieves by itself */
    char title[OFFERED][128];
} stage;

static const uint32_t history[] = {5, 17, 230};
static const query q = {.user = 3, .items = history, .n = 3, .now = INT64_MIN};

static void open_stage(stage *g)
{
    const recommender *knn = registry_find("itemknn");
    void *first = model_new(knn, NULL, NULL);
    float best[OFFERED];
    size_t found;
    chat_stage_open(&g->chat, "chat-rec");
    chat_stage_set(&g->chat, "candidates", "6");
    chat_stage_set(&g->chat, "wanted", "3");
    chat_stage_fit(&g->chat);
    model_fit(knn, first, &g->chat.s, 1);
    assert_ok(recommender_list(knn, first, g->chat.session, g->chat.d.rows.n_items, &q, 1, OFFERED, false, g->offer,
                               best, &found));
    assert_int_equal(found, OFFERED);
    for (int i = 0; i < OFFERED; i++) chat_stage_title(&g->chat, g->offer[i], g->title[i]);
    recommender_free(knn, first);
}

/* The 5th, an invention, the 2nd; with reasons. */
static void reply_with_choice(stage *g)
{
    char text[1024];
    snprintf(text, sizeof text,
             "1. %s - close to what you had\n2. A Film That Nobody Offered - it is new\n3. %s - calm", g->title[4],
             g->title[1]);
    chat_stage_reply(&g->chat, text);
}

static void assert_choice(const stage *g, const uint32_t items[LISTED], const float scores[LISTED])
{
    static const int order[LISTED] = {4, 1, 0, 2, 3};
    for (int i = 0; i < LISTED; i++) {
        assert_int_equal(items[i], g->offer[order[i]]);
        if (i) assert_true(scores[i] < scores[i - 1]);
    }
}

static void replies_become_lists(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    uint32_t items[LISTED];
    float scores[LISTED];
    size_t found;
    char had[128];
    reply_with_choice(&g);
    assert_ok(g.chat.r->recommend(g.chat.self, g.chat.session, &q, 1, LISTED, items, scores, &found));
    assert_int_equal(found, LISTED);
    assert_choice(&g, items, scores);
    const char *request = mock_request(g.chat.server, 0), *at = request;
    for (int i = 0; i < 3; i++) {
        chat_stage_title(&g.chat, history[i], had);
        assert_non_null(at = strstr(at, had));
    }
    for (int i = 0; i < OFFERED; i++) assert_non_null(at = strstr(at, g.title[i])); /* in this order */
    json_t *counts = g.chat.r->counts(g.chat.self);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(counts, "replies"), "invented")), 1);
    json_decref(counts);
    chat_stage_reply(&g.chat, "I am sorry, I can not help with that."); /* the first stage's list is left */
    assert_ok(g.chat.r->recommend(g.chat.self, g.chat.session, &q, 1, LISTED, items, scores, &found));
    for (int i = 0; i < LISTED; i++) assert_int_equal(items[i], g.offer[i]);
    chat_stage_close(&g.chat);
}

/* A slate that stands backwards is asked about in the first stage's order; a saved model does the same. */
static void slates_and_files(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    uint32_t back[OFFERED];
    float score[OFFERED], again[OFFERED];
    const uint64_t start[] = {0, OFFERED};
    for (int i = 0; i < OFFERED; i++) back[i] = g.offer[OFFERED - 1 - i];
    reply_with_choice(&g);
    assert_ok(g.chat.r->score_items(g.chat.self, g.chat.session, &q, 1, start, back, score));
    assert_true(score[1] > score[4] && score[4] >= 1); /* the 5th, then the 2nd */
    assert_true(score[5] < 1 && score[5] > score[3] && score[3] > score[2] && score[2] > score[0]);
    void *loaded;
    char folder[512];
    snprintf(folder, sizeof folder, "%s/model", test_folder());
    assert_ok(recommender_save(g.chat.r, g.chat.self, folder));
    assert_ok(recommender_load(g.chat.r, &loaded, folder));
    reply_with_choice(&g);
    rec_session *other = rec_session_new(1);
    assert_ok(g.chat.r->score_items(loaded, other, &q, 1, start, back, again));
    for (int i = 0; i < OFFERED; i++) assert_true(score[i] == again[i]);
    rec_session_free(other);
    recommender_free(g.chat.r, loaded);
    chat_stage_close(&g.chat);
}

static void a_dialogue_remembers(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    chatrec_dialogue d = {0};
    uint32_t items[LISTED];
    float scores[LISTED];
    size_t found;
    chat_stage_set(&g.chat, "matched", "0");
    reply_with_choice(&g);
    assert_ok(chatrec_turn(g.chat.self, g.chat.session, &q, &d, "for a rainy evening", LISTED, items, scores, &found));
    assert_choice(&g, items, scores);
    assert_non_null(strstr(mock_request(g.chat.server, 0), "for a rainy evening"));
    assert_int_equal(json_array_size(d.messages), 2);
    chat_stage_reply(&g.chat, "Because it is calm.");
    assert_ok(chatrec_turn(g.chat.self, g.chat.session, &q, &d, "Why the first one?", LISTED, items, scores, &found));
    assert_int_equal(found, 0);
    assert_string_equal(d.reply.p, "Because it is calm.");
    assert_int_equal(json_array_size(d.messages), 4);
    const char *why = strstr(mock_request(g.chat.server, 1), "Why the first one?");
    assert_non_null(strstr(mock_request(g.chat.server, 1), "for a rainy evening")); /* what was said goes before */
    assert_non_null(why);
    assert_null(strstr(why, g.title[0]));
    chat_stage_reply(&g.chat, g.title[2]);
    assert_ok(chatrec_turn(g.chat.self, g.chat.session, &q, &d, "something lighter", LISTED, items, scores, &found));
    assert_int_equal(items[0], g.offer[2]);
    assert_int_equal(items[1], g.offer[0]);
    assert_int_equal(json_array_size(d.messages), 6);
    mock_push(g.chat.server, &(mock_reply){.status = 400, .body = "{\"error\": {\"message\": \"no\"}}"});
    assert_true(chatrec_turn(g.chat.self, g.chat.session, &q, &d, "another", LISTED, items, scores, &found) !=
                LOREC_OK);
    assert_int_equal(json_array_size(d.messages), 6); /* as it was */
    chatrec_dialogue_free(&d);
    chat_stage_close(&g.chat);
}

static bool offers(stage *g, const char *request, uint32_t item)
{
    uint32_t candidate[OFFERED + 1000];
    size_t found;
    bool there = false;
    assert_ok(chatrec_candidates(g->chat.self, g->chat.session, &q, 1, request, candidate, &found));
    for (size_t i = 0; i < found; i++) there |= candidate[i] == item;
    return there;
}

/* An item without a training row is found by the words of its title, and only so. */
static void new_items_by_their_words(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    const interactions *t = &g.chat.s.train;
    uint32_t cold = g.offer[0]; /* with its rows it was the first */
    char title[128];
    uint64_t *start;
    uint32_t *item;
    assert_ok(mem_new(&start, (size_t)t->n_users + 1));
    assert_ok(mem_new(&item, (size_t)t->n));
    interactions without = {.n_users = t->n_users, .n_items = t->n_items, .start = start, .item = item};
    for (uint32_t u = 0; u < t->n_users; u++) {
        for (uint64_t k = t->start[u]; k < t->start[u + 1]; k++)
            if (t->item[k] != cold) item[without.n++] = t->item[k];
        start[u + 1] = without.n;
    }
    assert_true(without.n < t->n);
    chat_stage_title(&g.chat, cold, title);
    assert_true(offers(&g, "", cold));
    recommender_free(g.chat.r, g.chat.self);
    assert_ok(recommender_new(g.chat.r, &g.chat.self));
    assert_ok(g.chat.r->fit(g.chat.self, &(fit_context){.split = &g.chat.s, .train = &without, .seed = 1}));
    assert_true(offers(&g, title, cold));
    assert_false(offers(&g, "", cold));
    chat_stage_set(&g.chat, "matched", "0");
    assert_false(offers(&g, title, cold));
    mem_free(start);
    mem_free(item);
    chat_stage_close(&g.chat);
}

static void what_can_not_be_is_said(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    model_refused(g.chat.r, &g.chat.s, OPTIONS("retriever", "llmrank"), NULL, "take itemknn");
    model_refused(g.chat.r, &g.chat.s, OPTIONS("retriever", "itemknnn"), NULL, "did you mean");
    chat_stage_set(&g.chat, "llm", "");
    uint32_t items[LISTED];
    float scores[LISTED];
    size_t found;
    assert_fails(g.chat.r->recommend(g.chat.self, g.chat.session, &q, 1, LISTED, items, scores, &found), LOREC_USAGE,
                 "--llm");
    chat_stage_close(&g.chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replies_become_lists), cmocka_unit_test(slates_and_files),
                                       cmocka_unit_test(a_dialogue_remembers),
                                       cmocka_unit_test(new_items_by_their_words),
                                       cmocka_unit_test(what_can_not_be_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

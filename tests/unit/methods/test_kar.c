/* KAR on films whose trait only the language model knows: "golden" ones are liked, "wooden" ones are not. Half of the films are in
 * nobody's rows, so that nothing but knowledge tells them apart. */
#include "data/split.h"
#include "methods/kar/kar.h"
#include "methods/registry.h"
#include "support/mock_server.h"
#include "support/model.h"
#include "support/support.h"

enum { ITEMS = 80, WARM = 40, USERS = 60, ROWS = 12 };

static dataset d;
static split s;
static int number[ITEMS]; /* of the data set's items: as in their titles */

static bool golden(int film)
{
    return film * 7 % 10 < 5;
}

static int make_world(void **state)
{
    (void)state;
    dataset_builder *b = dataset_builder_new("traits");
    char user[32], film[32];
    for (int u = 0; u < USERS; u++) {
        for (int k = 0; k < ROWS; k++) {
            int i = (u * 5 + k * 3) % WARM;
            snprintf(user, sizeof user, "u%d", u);
            snprintf(film, sizeof film, "film%d", i);
            assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of(film), golden(i) ? 5 : 1, k + 1}));
        }
    }
    for (int i = 0; i < ITEMS; i++) {
        snprintf(film, sizeof film, "film%d", i);
        assert_ok(dataset_builder_cell(b, SIDE_ITEM, "title", COLUMN_TEXT, slice_of(film), slice_of(film), 0));
    }
    assert_ok(dataset_builder_finish(b, true, &d));
    assert_int_equal(d.rows.n_items, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++) number[i] = atoi(names_at(&d.item_ids, i).p + 4);
    s = (split){.data = &d};
    return 0;
}

static int drop_world(void **state)
{
    (void)state;
    dataset_close(&d);
    return 0;
}

static void push_answers(mock_server *server)
{
    char body[512];
    for (uint32_t i = 0; i < ITEMS; i++) {
        snprintf(body, sizeof body,
                 "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"A %s film, number %d, as critics "
                 "say.\"},\"finish_reason\":\"stop\"}]}",
                 golden(number[i]) ? "golden" : "wooden", number[i]);
        mock_push(server, &(mock_reply){.body = body});
    }
}

static double auc_of_unseen(const recommender *r, const void *self, float score[ITEMS])
{
    pair p[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++)
        p[i] = (pair){.user = 3, .item = i, .row = UINT64_MAX, .history = {.user = 3, .now = INT64_MIN}};
    rec_session *session = rec_session_new(1);
    assert_ok(r->score_pairs(self, session, p, ITEMS, score));
    rec_session_free(session);
    double above = 0, all = 0;
    for (int i = 0; i < ITEMS; i++) {
        for (int j = 0; j < ITEMS; j++) {
            if (number[i] < WARM || number[j] < WARM || !golden(number[i]) || golden(number[j])) continue;
            all++;
            above += score[i] > score[j] ? 1 : score[i] == score[j] ? .5 : 0;
        }
    }
    return above / all;
}

static void *fitted(const recommender *r, mock_server *server, const char *about)
{
    void *self = model_new(r,
                           OPTIONS("llm", mock_spec(server, "#model"), "concurrency", "1", "train_batch_size", "32",
                                   "epochs", "8", "dimension", "64", "shared", "1", "dedicated", "2"),
                           OPTIONS("knowledge", about));
    assert_ok(r->fit(self, &(fit_context){.split = &s, .train = &d.rows, .seed = 1}));
    return self;
}

static void knowledge_tells_unseen_films_apart(void **state)
{
    (void)state;
    const recommender *r = registry_find("kar");
    assert_non_null(r);
    static const char *const about[] = {"both", "items", "shuffled", "none"};
    double auc[4];
    float score[ITEMS], again[ITEMS];
    for (int k = 0; k < 4; k++) {
        mock_server *server = mock_start();
        push_answers(server); /* users get their prompt back */
        void *self = fitted(r, server, about[k]);
        auc[k] = auc_of_unseen(r, self, score);
        size_t asked = mock_requests(server);
        assert_int_equal(asked, k == 3 ? 0 : k == 1 ? ITEMS : ITEMS + USERS);
        if (k == 0) {
            assert_ok(recommender_save(r, self, test_path("kar")));
            void *other;
            assert_ok(recommender_load(r, &other, test_path("kar")));
            auc_of_unseen(r, other, again);
            for (int i = 0; i < ITEMS; i++) assert_true(score[i] == again[i]);
            assert_int_equal(mock_requests(server), asked);
            recommender_free(r, other);
        }
        recommender_free(r, self);
        mock_stop(server);
    }
    print_message("AUC of unseen films: both %.3f, items %.3f, shuffled %.3f, none %.3f\n", auc[0], auc[1], auc[2],
                  auc[3]);
    for (int k = 0; k < 2; k++) {
        assert_true(auc[k] > .9);
        assert_true(auc[k] > auc[2] + .15 && auc[k] > auc[3] + .15);
    }
}

static void half_is_told(void **state)
{
    (void)state;
    assert_int_equal(kar_begin(0, 30), 0);
    assert_int_equal(kar_begin(1, 30), 1);
    assert_int_equal(kar_begin(7, 30), 4);
    assert_int_equal(kar_begin(1000, 30), 30);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    const recommender *r = registry_find("kar");
    void *self;
    assert_ok(recommender_new(r, &self));
    assert_fails(r->fit(self, &(fit_context){.split = &s, .train = &d.rows, .seed = 1}), LOREC_USAGE, "--llm");
    recommender_free(r, self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(knowledge_tells_unseen_films_apart),
                                       cmocka_unit_test(half_is_told), cmocka_unit_test(what_is_missing_is_said)};
    return cmocka_run_group_tests(tests, make_world, drop_world);
}

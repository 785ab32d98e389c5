/* P5 on made data: prompts as tokens with their whole words; what comes next in a chain of items; lists that are always items;
 * ratings, explanations and headlines of made reviews; saved and loaded; unknown users and empty histories. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "methods/p5/p5.h"
#include "methods/registry.h"
#include "recipes/method_files.h"
#include "support/model.h"

enum { USERS = 80, ITEMS = 24, EACH = 8 };

static made_data w;

/* Everybody walks from some item on to the next ones; even items get 5 stars and praise of the scent, odd ones 2 and a word about
 * the price. */
static void make_world(void)
{
    dataset_builder *b = dataset_builder_new("chain");
    char item[16], categories[64];
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < EACH; k++) {
            int i = (u * 7 + k) % ITEMS;
            bool good = i % 2 == 0;
            made_row(b, u, i, good ? 5 : 2, k + 1);
            assert_ok(dataset_builder_cell(b, SIDE_ROW, "review", COLUMN_TEXT, (slice){0},
                                           slice_of(good ? "I bought it. The scent is lovely and fresh."
                                                         : "Sent it back. The price is far too high."),
                                           0));
            assert_ok(dataset_builder_cell(b, SIDE_ROW, "summary", COLUMN_TEXT, (slice){0},
                                           slice_of(good ? "Lovely" : "Too dear"), 0));
        }
    for (int i = 0; i < ITEMS; i++) {
        snprintf(item, sizeof item, "i%d", i);
        snprintf(categories, sizeof categories, "Soap|Shelf %d", i / 6);
        assert_ok(dataset_builder_cell(b, SIDE_ITEM, "categories", COLUMN_TOKEN_SEQ, slice_of(item),
                                       slice_of(categories), '|'));
    }
    made_data_finish(&w, b);
}

static const recommender *method(void)
{
    return registry_find("p5");
}

/* On top of a tiny model. */
static void *fitted(const char *const *more)
{
    void *self = model_new(method(),
                           OPTIONS("width", "32", "layers", "1", "heads", "2", "head_width", "16", "ffn_width", "64",
                                   "epochs", "8", "batch", "32", "learning_rate", "0.01", "vocabulary", "400",
                                   "targets", "0", "candidates", "6", "dropout", "0", "quota_next", "6",
                                   "quota_next_choice", "1", "quota_next_yesno", "1", "quota_yesno", "1",
                                   "quota_choice", "1", "beams", "10"),
                           more);
    model_fit(method(), self, &w.s, 5);
    return self;
}

static const uint32_t *history_of(uint32_t user)
{
    return w.d.rows.item + w.d.rows.start[user];
}

/* How many users' next item is the first of their list; and every list is full of items, each once. */
static size_t right_firsts(const void *self)
{
    enum { K = 5 };
    uint32_t items[USERS * K];
    float scores[USERS * K];
    size_t found[USERS], right = 0;
    query q[USERS];
    rec_session *s = rec_session_new(1);
    for (uint32_t u = 0; u < USERS; u++)
        q[u] = (query){.user = u, .items = history_of(u), .n = EACH - 1, .now = INT64_MIN};
    assert_ok(method()->recommend(self, s, q, USERS, K, items, scores, found));
    for (uint32_t u = 0; u < USERS; u++) {
        assert_int_equal(found[u], K);
        for (size_t i = 0; i < K; i++) {
            assert_in_range(items[u * K + i], 0, ITEMS - 1);
            if (i) assert_true(scores[u * K + i] <= scores[u * K + i - 1]);
            for (size_t j = 0; j < i; j++) assert_int_not_equal(items[u * K + i], items[u * K + j]);
        }
        right += items[u * K] == history_of(u)[EACH - 1];
    }
    rec_session_free(s);
    return right;
}

static json_int_t count_of(const void *self, const char *name)
{
    json_t *o = method()->counts(self);
    json_int_t n = json_integer_value(json_object_get(o, name));
    json_decref(o);
    return n;
}

/* ---- prompts --------------------------------------------------------------------------------------------------------------- */

/* "Will user_23 like item_7391?": five words, of which the second and the fourth are several tokens each. */
static void whole_words(void **state)
{
    (void)state;
    p5 *m = fitted(OPTIONS("families", "5", "epochs", "1"));
    p5_facts f = {.user = 11, .item = 0};
    tokens t = {0};
    int32_t place[64], length;
    assert_ok(p5_write(m, &m->templates[P5_YESNO].item[0], &f, &t));
    length = (int32_t)t.n;
    assert_in_range(t.n, 5, 64);
    p5_word_places(m, t.id, &length, 1, place);
    assert_int_equal(place[0], 1);
    assert_int_equal(place[t.n - 1], 0); /* the end */
    assert_int_equal(t.id[t.n - 1], P5_END);
    int32_t words = 0, users = 0, items = 0;
    for (size_t i = 0; i + 1 < t.n; i++) {
        assert_true(place[i] == words || place[i] == words + 1);
        words = place[i];
        users += t.id[i] == m->first_id;
        items += t.id[i] == m->first_id + 1;
        if (t.id[i] == m->first_id) { /* user_12: the number is of the same word */
            assert_int_equal(place[i], 2);
            assert_int_equal(t.id[i + 1], m->first_id + 2 + 12);
            assert_int_equal(place[i + 1], 2);
        }
        if (t.id[i] == m->first_id + 1) assert_int_equal(place[i], 4);
    }
    assert_int_equal(words, 4);
    assert_int_equal(users, 1);
    assert_int_equal(items, 1);
    tokens_free(&t);
    recommender_free(method(), m);
}

/* What is added to the encoder's tokens acts in training, in scores and in lists alike: the session's logits are the loss's. */
static void session_reads_whole_words(void **state)
{
    (void)state;
    p5 *m = fitted(OPTIONS("families", "2", "epochs", "1"));
    uint32_t all[ITEMS];
    uint64_t start[2] = {0, ITEMS};
    float scores[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++) all[i] = i;
    query q = {.user = 3, .items = history_of(3), .n = EACH - 1, .now = INT64_MIN};
    rec_session *s = rec_session_new(1);
    assert_ok(p5_score_items(m, s, &q, 1, start, all, scores));
    tokens source = {0}, target = {0};
    p5_facts f = {.user = 3, .history = q.items, .n_history = q.n};
    assert_ok(p5_write(m, &m->templates[P5_NEXT].item[0], &f, &source));
    assert_ok(p5_write_item(m, 7, &target));
    int32_t length[2] = {(int32_t)source.n, (int32_t)target.n};
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    encdec_batch b = {.sources = 1,
                      .targets = 1,
                      .source = source.id,
                      .source_lengths = &length[0],
                      .target = target.id,
                      .target_lengths = &length[1],
                      .source_vectors = p5_word_vectors(m, t, source.id, &length[0], 1)};
    float loss;
    assert_non_null(b.source_vectors);
    assert_ok(tape_read(t, op_sum(t, encdec_loss(t, &m->net, &b)), &loss, 1));
    assert_near(-loss, scores[7], 2e-4);
    b.source_vectors = NULL;
    assert_ok(tape_read(t, op_sum(t, encdec_loss(t, &m->net, &b)), &loss, 1));
    assert_true(fabsf(-loss - scores[7]) > 1e-3f);
    /* and the beam's best is the likeliest of all items */
    uint32_t items[3], best = 0;
    float beam[3];
    size_t found;
    for (uint32_t i = 1; i < ITEMS; i++) best = scores[i] > scores[best] ? i : best;
    assert_ok(p5_recommend(m, s, &q, 1, 3, items, beam, &found));
    assert_int_equal(items[0], best);
    assert_near(beam[0], scores[best], 1e-3);
    tape_free(t);
    tokens_free(&source);
    tokens_free(&target);
    rec_session_free(s);
    recommender_free(method(), m);
}

/* ---- the properties -------------------------------------------------------------------------------------------------------- */

/* Also when asked in words that were never learned from. */
static void chain_is_learned(void **state)
{
    (void)state;
    p5 *m = fitted(OPTIONS("families", "2", "ids", "train", "quota_next", "12", "quota_next_choice", "0",
                           "quota_next_yesno", "0", "batch", "16", "epochs", "10", "max_history", "3", "learning_rate",
                           "0.004"));
    size_t right = right_firsts(m);
    assert_int_equal(count_of(m, "invalid"), 0);
    assert_int_equal(count_of(m, "beams_ended"), USERS * 10);
    m->template_ = P5_HELD_TEMPLATE;
    size_t held = right_firsts(m);
    print_message("%zu of %d right, %zu by the template that was held out; chance: 3\n", right, USERS, held);
    assert_true(right > USERS * 2 / 5 && held > USERS / 5);
    recommender_free(method(), m);
}

/* However items are written, a model that has learned next to nothing lists items, and items only. */
static void every_scheme_is_valid(void **state)
{
    (void)state;
    for (int scheme = 0; item_ids_schemes[scheme]; scheme++) {
        void *self = fitted(OPTIONS("families", "2", "ids", item_ids_schemes[scheme], "leaf", "4", "branches", "3",
                                    "quota_next", "1", "epochs", "1"));
        right_firsts(self);
        assert_int_equal(count_of(self, "invalid"), 0);
        recommender_free(method(), self);
    }
}

/* Without the trie, a model that has learned little writes much that is no item; with it nothing is. */
static void only_the_trie_keeps_lists_valid(void **state)
{
    (void)state;
    p5 *m = fitted(OPTIONS("families", "2", "epochs", "1", "quota_next", "1"));
    right_firsts(m);
    assert_int_equal(count_of(m, "invalid"), 0);
    m->constrained = false;
    uint32_t items[5];
    float scores[5];
    size_t found;
    query q = {.user = 0, .items = history_of(0), .n = 3, .now = INT64_MIN};
    rec_session *s = rec_session_new(1);
    assert_ok(p5_recommend(m, s, &q, 1, 5, items, scores, &found));
    print_message("free beams that are no item: %lld\n", (long long)count_of(m, "invalid"));
    assert_true(count_of(m, "invalid") > 0);
    rec_session_free(s);
    recommender_free(method(), m);
}

static void same_lists(const void *a, const void *b)
{
    enum { K = 4 };
    uint32_t x[2 * K], y[2 * K];
    float p[2 * K], q[2 * K];
    size_t n[2], k[2];
    query ask[2] = {{.user = 1, .items = history_of(1), .n = 4, .now = INT64_MIN},
                    {.user = NO_USER, .items = NULL, .n = 0, .now = INT64_MIN}};
    rec_session *s = rec_session_new(1), *t = rec_session_new(1);
    assert_ok(p5_recommend(a, s, ask, 2, K, x, p, n));
    assert_ok(p5_recommend(b, t, ask, 2, K, y, q, k));
    assert_int_equal(n[1], K); /* nobody, with nothing: still items */
    assert_memory_equal(n, k, sizeof n);
    assert_memory_equal(x, y, sizeof x);
    assert_memory_equal(p, q, sizeof p);
    rec_session_free(s);
    rec_session_free(t);
}

/* Families 1, 3, 4: stars, explanations with a feature, ratings and headlines of reviews. */
static void texts_are_learned(void **state)
{
    (void)state;
    void *self = fitted(OPTIONS("families", "1,3,4", "epochs", "5", "learning_rate", "0.005"));
    float rating[2];
    bool first_is_even = w.d.rows.rating[w.d.rows.start[2]] > 3;
    pair p[2] = {{.user = 2, .item = history_of(2)[!first_is_even]}, {.user = 2, .item = history_of(2)[first_is_even]}};
    rec_session *s = rec_session_new(1);
    assert_ok(p5_score_pairs(self, s, p, 2, rating));
    print_message("ratings %.1f %.1f\n", (double)rating[0], (double)rating[1]);
    assert_true(rating[0] >= 1 && rating[0] <= 5 && rating[1] >= 1 && rating[1] <= 5);
    assert_true(rating[0] > rating[1] + 1);

    json_t *numbers;
    assert_ok(p5_study(self, s, &(study_context){.split = &w.s, .seed = 1}, &numbers));
    char *told = json_dumps(numbers, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
    print_message("%s\n", told);
    free(told);
    assert_true(json_number_value(json_object_get(numbers, "explanation bleu-4")) > .9);
    assert_true(json_number_value(json_object_get(numbers, "explanation fmr")) > .9);
    assert_true(json_number_value(json_object_get(numbers, "headline rouge-1 f")) > .9);
    assert_true(json_number_value(json_object_get(numbers, "review rating rmse")) < .8);
    json_decref(numbers);
    rec_session_free(s);
    recommender_free(method(), self);
}

/* All five families, candidates in the three ways, saved and loaded. */
static void kept_in_a_folder(void **state)
{
    (void)state;
    void *self = fitted(OPTIONS("epochs", "1", "quota_next", "1")), *again;
    uint32_t candidate[] = {history_of(4)[EACH - 1], history_of(4)[0], (history_of(4)[EACH - 1] + 12) % ITEMS};
    uint64_t start[] = {0, 3};
    query q = {.user = 4, .items = history_of(4), .n = EACH - 1, .now = INT64_MIN};
    assert_ok(recommender_save(method(), self, test_path("saved")));
    assert_ok(recommender_load(method(), &again, test_path("saved")));
    rec_session *s = rec_session_new(1), *t = rec_session_new(1);
    for (int by = 0; by < 3; by++) {
        float a[3], b[3];
        ((p5 *)self)->candidates_by = ((p5 *)again)->candidates_by = by;
        assert_ok(p5_score_items(self, s, &q, 1, start, candidate, a));
        assert_ok(p5_score_items(again, t, &q, 1, start, candidate, b));
        for (int i = 0; i < 3; i++) assert_true(isfinite(a[i]));
        assert_memory_equal(a, b, sizeof a);
    }
    same_lists(self, again);
    json_t *numbers;
    assert_ok(p5_study(again, t, &(study_context){.split = &w.s, .max_users = 8, .seed = 1}, &numbers));
    assert_near(json_number_value(json_object_get(numbers, "headline n")), 8, 0);
    json_decref(numbers);
    rec_session_free(s);
    rec_session_free(t);
    recommender_free(method(), self);
    recommender_free(method(), again);
}

static void what_can_not_be_asked(void **state)
{
    (void)state;
    model_refused(method(), &w.s, OPTIONS("families", "2,7"), NULL, "1 to 5");
    void *self = fitted(OPTIONS("families", "5", "epochs", "1"));
    query q = {.user = 0, .items = history_of(0), .n = 2, .now = INT64_MIN};
    uint32_t items[2];
    float scores[2];
    size_t found;
    rec_session *s = rec_session_new(1);
    assert_fails(p5_recommend(self, s, &q, 1, 2, items, scores, &found), LOREC_USAGE, "family 2");
    rec_session_free(s);
    recommender_free(method(), self);
}

static int begin(void **state)
{
    par_set_workers(1);
    make_world();
    *state = &w;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_words),           cmocka_unit_test(session_reads_whole_words),
        cmocka_unit_test(chain_is_learned),      cmocka_unit_test(only_the_trie_keeps_lists_valid),
        cmocka_unit_test(every_scheme_is_valid), cmocka_unit_test(texts_are_learned),
        cmocka_unit_test(kept_in_a_folder),      cmocka_unit_test(what_can_not_be_asked)};
    return cmocka_run_group_tests(tests, begin, made_data_end);
}

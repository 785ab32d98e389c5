/* The leaderboard by hand: four users, two metrics, two seeds of a method and one control. */
#include "support/support.h"

#include <math.h>

#include "base/file.h"
#include "base/mem.h"
#include "eval/leaderboard.h"
#include "eval/report_write.h"

enum { USERS = 4, METRICS = 2 };

static const float method_1[USERS * METRICS] = {1, 1, 0, 0, 1, 0.5f, 0, 0};
static const float method_2[USERS * METRICS] = {1, 1, 1, 0.5f, 1, 0.5f, 0, 0};
static const float control_1[USERS * METRICS] = {0, 0, 0, 0, 1, 1, 0, 0};

static void start(leaderboard *b)
{
    json_t *root = json_pack("{s:{s:s,s:i,s:i,s:i,s:s}, s:{s:s,s:s,s:s}, s:[s,s]}", "data", "name", "<b>shop & co</b>",
                             "users", 4, "items", 9, "interactions", 20, "sha256", "00", "protocol", "id",
                             "loo-full-v1:abc", "split", "loo", "candidates", "full", "metrics", "recall@10",
                             "ndcg@10");
    assert_non_null(root);
    assert_ok(leaderboard_start_json(b, root));
    json_decref(root);
}

static trial trial_of(const float *value)
{
    trial t = {
        .train_s = 2, .eval_s = 0.5, .rss = 3 << 20, .options = json_pack("{s:f}", "l2", 5.0), .counts = json_object()};
    t.report.n_metrics = METRICS;
    t.report.n_users = USERS;
    assert_ok(mem_new(&t.report.user, USERS));
    assert_ok(mem_new(&t.report.value, USERS * METRICS));
    assert_ok(mem_new(&t.report.mean, METRICS));
    memcpy(t.report.value, value, USERS * METRICS * sizeof *value);
    for (uint32_t u = 0; u < USERS; u++) {
        t.report.user[u] = u;
        for (size_t j = 0; j < METRICS; j++) t.report.mean[j] += value[u * METRICS + j] / USERS;
    }
    return t;
}

static void add(leaderboard *b, const char *name, role as, uint64_t seed, const float *value)
{
    trial t = trial_of(value);
    assert_ok(leaderboard_add(b, name, as, seed, &t));
    trial_free(&t);
}

static void fill(leaderboard *b)
{
    start(b);
    add(b, "new<er>", ROLE_METHOD, 1, method_1);
    add(b, "new<er>", ROLE_METHOD, 2, method_2);
    add(b, "old_one", ROLE_CONTROL, 1, control_1);
    trial skipped = {.status = TRIAL_SKIPPED};
    assert_ok(mem_dup(&skipped.why, "needs 149 GiB; 2 GiB are available"));
    assert_ok(leaderboard_add(b, "ease", ROLE_CONTROL, 1, &skipped));
    trial_free(&skipped);
}

static void test_means_and_differences(void **state)
{
    (void)state;
    leaderboard b;
    fill(&b);
    assert_ok(leaderboard_finish(&b));
    assert_int_equal(b.n_groups, 3);
    const group *m = &b.group[0];
    assert_int_equal(m->n_seeds, 2);
    assert_near(m->mean[0], 0.625, 1e-6); /* .5 and .75 */
    assert_near(m->sd[0], 0.25 / sqrt(2), 1e-6);
    assert_near(m->mean[1], 0.4375, 1e-6);
    assert_near(m->value[2], 0.5, 1e-6); /* user 1's recall over seeds 0 and 1 */
    assert_true(isnan(b.group[1].sd[0]));
    assert_int_equal(b.group[2].n_seeds, 0);

    assert_int_equal(b.n_versus, 1); /* the skipped control can not be compared with */
    assert_near(b.versus[0].of[0].delta, 0.625 - 0.25, 1e-6);
    assert_near(b.versus[0].of[1].delta, 0.4375 - 0.25, 1e-6);
    assert_near(b.versus[0].p_holm[0], b.versus[0].of[0].p, 1e-12); /* one pair: nothing to correct */
    assert_int_equal(leaderboard_best_control(&b, 0), 1);
    leaderboard_free(&b);
}

static void test_holm_is_over_all_pairs(void **state)
{
    (void)state;
    leaderboard b;
    start(&b);
    add(&b, "a", ROLE_METHOD, 1, method_2);
    add(&b, "b", ROLE_METHOD, 1, method_1);
    add(&b, "c", ROLE_CONTROL, 1, control_1);
    assert_ok(leaderboard_finish(&b));
    assert_int_equal(b.n_versus, 2);
    double p[2] = {b.versus[0].of[0].p, b.versus[1].of[0].p}, adjusted[2];
    holm(p, adjusted, 2);
    for (int i = 0; i < 2; i++) assert_near(b.versus[i].p_holm[0], adjusted[i], 1e-12);
    leaderboard_free(&b);
}

static void test_yardsticks_that_were_asked_for(void **state)
{
    (void)state;
    leaderboard b;
    start(&b);
    add(&b, "sasrec", ROLE_METHOD, 1, method_2);
    add(&b, "ease", ROLE_BOTH, 1, method_1);
    add(&b, "pop", ROLE_CONTROL, 1, control_1);
    assert_ok(leaderboard_finish(&b));
    assert_int_equal(b.n_versus, 3); /* sasrec-ease, sasrec-pop, ease-pop */
    assert_int_equal(leaderboard_best_control(&b, 0), 1);
    json_t *root = leaderboard_json(&b);
    assert_non_null(root);
    const json_t *ease = json_array_get(json_object_get(root, "results"), 1);
    assert_string_equal(json_string_value(json_object_get(ease, "role")), "method");
    json_decref(root);
    leaderboard_free(&b);
}

static void test_words(void **state)
{
    (void)state;
    leaderboard b;
    start(&b);
    add(&b, "weak", ROLE_METHOD, 1, control_1);
    add(&b, "rule", ROLE_CONTROL, 1, method_2);
    assert_ok(leaderboard_finish(&b));
    b.versus[0].p_holm[0] = 0.01;
    buf words = {0};
    assert_ok(leaderboard_words(&b, 0, &words));
    assert_non_null(strstr(words.p, "weak is below rule on recall@10 by 0.5000 ["));
    buf_clear(&words);
    b.versus[0].p_holm[0] = 0.4;
    assert_ok(leaderboard_words(&b, 0, &words));
    assert_non_null(strstr(words.p, "weak can not be told from rule on recall@10: -0.5000"));
    buf_free(&words);
    leaderboard_free(&b);
}

static void test_json_is_the_contract(void **state)
{
    (void)state;
    leaderboard b;
    fill(&b);
    assert_ok(leaderboard_finish(&b));
    json_t *root = leaderboard_json(&b);
    const char *method, *role_word, *status;
    double mean, delta, low, high, p, train;
    int schema, seed, users, seed_1, seed_2;
    json_t *why, *sd;
    assert_int_equal(
        0, json_unpack(root, "{s:i, s:{s:i}, s:[{s:s, s:s, s:s, s:o, s:i, s:{s:f}, s:{s:[f,f]}, s:{s:f}, s:{}}]}",
                       "schema", &schema, "protocol", "users", &users, "results", "method", &method, "role", &role_word,
                       "status", &status, "why", &why, "seed", &seed, "metrics", "recall@10", &mean, "ci95",
                       "recall@10", &low, &high, "cost", "train_s", &train, "counts"));
    assert_int_equal(schema, 1);
    assert_int_equal(users, 4);
    assert_string_equal(method, "new<er>");
    assert_string_equal(role_word, "method");
    assert_string_equal(status, "ok");
    assert_true(json_is_null(why));
    assert_near(mean, 0.5, 1e-6);
    assert_true(low <= mean && mean <= high);
    assert_near(train, 2, 0);
    assert_int_equal(0, json_unpack(root, "{s:[{s:[i,i], s:{s:{s:f, s:o}}, s:{s:{s:{s:f, s:[f,f], s:f}}}}]}", "summary",
                                    "seeds", &seed_1, &seed_2, "metrics", "ndcg@10", "mean", &mean, "sd", &sd, "vs",
                                    "old_one", "ndcg@10", "delta", &delta, "ci95", &low, &high, "p_holm", &p));
    assert_int_equal(seed_1, 1);
    assert_int_equal(seed_2, 2);
    assert_true(json_is_real(sd));
    assert_near(delta, 0.1875, 1e-6);
    const json_t *skipped = json_array_get(json_object_get(root, "results"), 3);
    assert_string_equal(json_string_value(json_object_get(skipped, "status")), "skipped");
    assert_string_equal(json_string_value(json_object_get(skipped, "why")), "needs 149 GiB; 2 GiB are available");
    const json_t *control = json_array_get(json_object_get(root, "summary"), 1);
    json_t *one_seed = json_object_get(json_object_get(json_object_get(control, "metrics"), "recall@10"), "sd");
    assert_true(json_is_null(one_seed));
    json_decref(root);
    leaderboard_free(&b);
}

static void test_other_users_are_refused(void **state)
{
    (void)state;
    leaderboard b;
    start(&b);
    add(&b, "a", ROLE_METHOD, 1, method_1);
    trial t = trial_of(method_2);
    t.report.user[3] = 8;
    assert_fails(leaderboard_add(&b, "b", ROLE_METHOD, 1, &t), LOREC_FAILED, "different users");
    trial_free(&t);
    leaderboard_free(&b);
}

static void test_result_file(void **state)
{
    (void)state;
    leaderboard b, again;
    fill(&b);
    char id_bytes[] = "uAuBuCuDi0i1";
    uint64_t user_start[] = {0, 2, 4, 6, 8}, item_start[] = {8, 10, 12};
    dataset d = {.user_ids = {4, user_start, id_bytes}, .item_ids = {2, item_start, id_bytes}};
    uint32_t list[USERS * 2] = {0, 1, 1, UINT32_MAX, 0, 1, UINT32_MAX, UINT32_MAX}, user[USERS] = {0, 1, 2, 3};
    float score[USERS * 2] = {2, 1, 0.5f, 0, 9, 8, 0, 0};
    report lists = {.n_users = USERS, .user = user, .k = 2, .list = list, .list_score = score};
    const char *folder = test_path("results/new-2");
    assert_ok(result_save(&b, &b.row[1], &lists, &d, folder));

    buf text = {0}, path = {0};
    assert_ok(path_join(&path, folder, "lists.tsv"));
    assert_ok(file_read(&text, path.p, 1 << 20));
    assert_string_equal(
        text.p, "user\titem\trank\tscore\nuA\ti0\t1\t2\nuA\ti1\t2\t1\nuB\ti1\t1\t0.5\nuC\ti0\t1\t9\nuC\ti1\t2\t8\n");
    buf_clear(&text);
    assert_ok(path_join(&path, folder, "per_user.tsv"));
    assert_ok(file_read(&text, path.p, 1 << 20));
    assert_string_equal(text.p, "user\trecall@10\tndcg@10\nuA\t1\t1\nuB\t1\t0.5\nuC\t1\t0.5\nuD\t0\t0\n");

    start(&again);
    bool found;
    assert_ok(result_load(&again, test_path("results/none"), "new", ROLE_METHOD, &found));
    assert_false(found);
    assert_ok(result_load(&again, folder, "new", ROLE_METHOD, &found));
    assert_true(found);
    assert_int_equal(again.row[0].seed, 2);
    assert_near(again.row[0].mean[0], 0.75, 1e-9);
    assert_near(again.row[0].ci95[0].low, b.row[1].ci95[0].low, 1e-9);
    assert_memory_equal(again.row[0].value, method_2, sizeof method_2);
    json_object_set_new(again.protocol, "id", json_string("loo-full-v1:other"));
    assert_fails(result_load(&again, folder, "new", ROLE_METHOD, &found), LOREC_INPUT, "loo-full-v1:abc");
    buf_free(&text);
    buf_free(&path);
    leaderboard_free(&again);
    leaderboard_free(&b);
}

static void test_reports(void **state)
{
    (void)state;
    leaderboard b;
    fill(&b);
    assert_ok(leaderboard_finish(&b));
    buf page = {0}, md = {0}, tex = {0};
    assert_ok(report_html(&page, &b, "ndcg@10"));
    assert_null(strstr(page.p, "<b>shop"));
    assert_null(strstr(page.p, "new<er>"));
    assert_non_null(strstr(page.p, "&lt;b&gt;shop &amp; co"));
    assert_non_null(strstr(page.p, "new&lt;er&gt;"));
    assert_non_null(strstr(page.p, "loo-full-v1:abc"));
    assert_non_null(strstr(page.p, "<svg"));
    assert_null(strstr(page.p, "http://www.w3.org/1999/xlink"));
    assert_null(strstr(page.p, "src="));
    assert_null(strstr(page.p, "nan"));
    assert_ok(report_markdown(&md, &b, "ndcg@10"));
    assert_non_null(strstr(md.p, "| new\\<er\\> | **0.6250** ± 0.1768 | **0.4375** ± 0.0884 |"));
    assert_non_null(strstr(md.p, "| old\\_one (control) | 0.2500"));
    assert_non_null(strstr(md.p, "ease, seed 1: skipped: needs 149 GiB"));
    assert_ok(report_latex(&tex, &b, "ndcg@10"));
    assert_non_null(strstr(tex.p, "old\\_one & 0.2500 & 0.2500 \\\\"));
    assert_non_null(strstr(tex.p, "\\textbf{0.6250} {\\scriptsize$\\pm$0.1768}"));
    assert_non_null(strstr(tex.p, "\\texttt{loo-full-v1:abc}"));
    assert_non_null(strstr(tex.p, "$<$b$>$shop \\& co$<$/b$>$"));
    buf_free(&page);
    buf_free(&md);
    buf_free(&tex);
    leaderboard_free(&b);
}

/* A study's lists of equal length are a table of the page; what else is in it is not. */
static void test_curves_of_a_study(void **state)
{
    (void)state;
    leaderboard b;
    start(&b);
    trial t = trial_of(method_1);
    json_object_set_new(t.counts, "study",
                        json_pack("{s:f, s:{s:[i,i], s:[f,f]}, s:{s:[i,i], s:[f]}, s:{s:[s,s]}}", "p", .5, "pos<it>ion",
                                  "place", 0, 19, "mean_rank", 8.125, 11.5, "uneven", "a", 1, 2, "b", 1.0, "words", "w",
                                  "x", "y"));
    assert_ok(leaderboard_add(&b, "ranker", ROLE_METHOD, 7, &t));
    trial_free(&t);
    assert_ok(leaderboard_finish(&b));
    buf page = {0};
    assert_ok(report_html(&page, &b, "ndcg@10"));
    assert_non_null(strstr(page.p, "<h2>Curves of ranker, seed 7</h2>\n<h3>pos&lt;it&gt;ion</h3>"));
    assert_non_null(strstr(page.p, "<tr><td>19</td><td>11.5000</td></tr>"));
    assert_null(strstr(page.p, "uneven"));
    assert_null(strstr(page.p, "words</h3>"));
    buf_free(&page);
    leaderboard_free(&b);
}

static void test_svg_of_one_and_of_equal_values(void **state)
{
    (void)state;
    svg_point p[] = {{"a", 0, 0.25, NAN, NAN, false}, {"b", 0, 0.25, 0.25, 0.25, true}};
    buf out = {0};
    assert_ok(svg_intervals(&out, "t", p, 2));
    assert_ok(svg_scatter(&out, "t", "x", "y", p, 2));
    assert_null(strstr(out.p, "nan"));
    assert_null(strstr(out.p, "inf"));
    size_t opened = 0, closed = 0;
    for (const char *s = out.p; (s = strstr(s, "<svg ")); s++) opened++;
    for (const char *s = out.p; (s = strstr(s, "</svg>")); s++) closed++;
    assert_int_equal(opened, 2);
    assert_int_equal(closed, 2);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means_and_differences),
        cmocka_unit_test(test_holm_is_over_all_pairs),
        cmocka_unit_test(test_yardsticks_that_were_asked_for),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_json_is_the_contract),
        cmocka_unit_test(test_other_users_are_refused),
        cmocka_unit_test(test_result_file),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_curves_of_a_study),
        cmocka_unit_test(test_svg_of_one_and_of_equal_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

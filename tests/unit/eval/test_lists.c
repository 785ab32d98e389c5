/* Lists made elsewhere: TREC's own test of trec_eval, lists.tsv against evaluate(), and what bad files are told. */
#include <math.h>

#include "base/file.h"
#include "base/mem.h"
#include "eval/lists.h"
#include "support/support.h"

/* ---- trec_eval ------------------------------------------------------------------------------------------------------- */

/* The value of a measure for a topic in an out.* file of trec_eval: "map   \tall\t0.1785". */
static double expected(const char *path, const char *measure, const char *topic)
{
    lines l;
    slice line;
    double value = NAN;
    assert_ok(lines_open(&l, path));
    while (lines_next(&l, &line)) {
        slice name = slice_trim(slice_cut(&line, '\t')), who = slice_trim(slice_cut(&line, '\t'));
        if (slice_is(name, measure) && slice_is(who, topic)) assert_true(slice_to_f64(slice_trim(line), &value));
    }
    assert_ok(lines_close(&l));
    if (isnan(value)) fail_msg("%s has no %s of %s", path, measure, topic);
    return value;
}

typedef struct run_line {
    char topic[16], doc[64], score_text[32];
    double score;
} run_line;

static int as_trec_eval(const void *a, const void *b)
{
    const run_line *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    if (c) return c;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return strcmp(y->doc, x->doc); /* equal scores: the later name first */
}

/* The same run with scores that say in which order trec_eval puts it, so that nothing ties. */
static const char *without_ties(const char *path)
{
    enum { MOST = 2000 };
    run_line *run = test_calloc(MOST, sizeof *run);
    size_t n = 0;
    char text[512];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (n < MOST && fgets(text, sizeof text, f)) {
        assert_int_equal(sscanf(text, "%15s %*s %63s %*s %31s", run[n].topic, run[n].doc, run[n].score_text), 3);
        run[n].score = atof(run[n].score_text);
        n++;
    }
    fclose(f);
    qsort(run, n, sizeof *run, as_trec_eval);
    const char *out = test_path("untied.run");
    f = fopen(out, "w");
    assert_non_null(f);
    for (size_t i = 0; i < n; i++) fprintf(f, "%s Q0 %s 1 %zu lorec\n", run[i].topic, run[i].doc, n - i);
    fclose(f);
    test_free(run);
    return out;
}

static const struct {
    const char *ours, *theirs;
} measures[] = {
    {"map", "map"},
    {"mrr", "recip_rank"},
    {"precision@5", "P_5"},
    {"precision@10", "P_10"},
    {"precision@100", "P_100"},
    {"precision@1000", "P_1000"},
    {"recall@10", "recall_10"},
    {"recall@100", "recall_100"},
    {"recall@1000", "recall_1000"},
    {"ndcg", "ndcg"},
    {"ndcg@10", "ndcg_cut_10"},
    {"ndcg@100", "ndcg_cut_100"},
    {"hit@1", "success_1"},
    {"hit@10", "success_10"},
};
enum { MEASURES = sizeof measures / sizeof *measures };
static const char *const trec_words =
    "map,mrr,precision@5,precision@10,precision@100,precision@1000,recall@10,recall@100,"
    "recall@1000,ndcg,ndcg@10,ndcg@100,hit@1,hit@10";

/* trec_eval prints four digits. `graded`: its ndcg uses the grades, ours does not: left out. */
static void like_trec_eval(const char *qrels, const char *run, const char *out, int64_t level, bool graded, bool topics)
{
    metric *metrics;
    size_t n;
    report r;
    assert_ok(metrics_parse(&metrics, &n, trec_words));
    assert_int_equal(n, MEASURES);
    assert_ok(evaluate_trec(&r, metrics, n, shared_path(qrels), run, level));
    const char *path = shared_path(out);
    assert_int_equal(r.n_users + r.users_without_target, 3);
    for (size_t j = 0; j < n; j++) {
        if (graded && strncmp(measures[j].ours, "ndcg", 4) == 0) continue;
        assert_near(r.mean[j] * r.n_users / 3, expected(path, measures[j].theirs, "all"), 0.5e-4 + 1e-9);
        for (uint32_t i = 0; topics && i < r.n_users; i++) {
            char topic[16];
            snprintf(topic, sizeof topic, "%u", 301 + r.user[i]);
            assert_near((double)r.value[i * n + j], expected(path, measures[j].theirs, topic), 0.5e-4 + 1e-7);
        }
    }
    report_close(&r);
    mem_free(metrics);
}

static void trec_eval_own_test(void **state)
{
    (void)state;
    const char *run = shared_path("data/trec_eval/results.test");
    if (!run) {
        skip_without_shared("trec_eval's own test");
        return;
    }
    const char *untied = without_ties(run);
    like_trec_eval("data/trec_eval/qrels.test", untied, "data/trec_eval/out.test.aq", 1, false, true);
    like_trec_eval("data/trec_eval/qrels.rel_level", untied, "data/trec_eval/out.test.aql", 2, true, true);
    /* A run cut short: topics that it lacks count as misses, as with trec_eval -c. */
    untied = without_ties(shared_path("data/trec_eval/results.trunc"));
    like_trec_eval("data/trec_eval/qrels.test", untied, "data/trec_eval/out.test.aqc", 1, false, false);
}

/* The run as it is has a few equal scores; by expectation they move no measure by more than a hundredth. */
static void trec_run_as_it_is(void **state)
{
    (void)state;
    const char *run = shared_path("data/trec_eval/results.test");
    if (!run) {
        skip_without_shared("trec_eval's run");
        return;
    }
    metric *metrics;
    size_t n;
    report r;
    assert_ok(metrics_parse(&metrics, &n, trec_words));
    assert_ok(evaluate_trec(&r, metrics, n, shared_path("data/trec_eval/qrels.test"), run, 1));
    for (size_t j = 0; j < n; j++)
        assert_near(r.mean[j], expected(shared_path("data/trec_eval/out.test.aq"), measures[j].theirs, "all"), 1e-2);
    assert_near(r.mean[0], 0.1785, 1e-4);
    report_close(&r);
    mem_free(metrics);
}

/* ---- by hand ------------------------------------------------------------------------------------------------------------ */

static void trec_by_hand(void **state)
{
    (void)state;
    const char *qrels = test_file("q.txt", "1 0 a 1\n1\t0\tb\t1\n1 0 c 0\n2 0 a 0\n3 0 z 2\n");
    const char *run = test_file("r.txt", "1 Q0 x 1 9 t\n1 Q0 a 2 8 t\n1 Q0 c 3 8 t\n7 Q0 a 1 1 t\n");
    metric *metrics;
    size_t n;
    report r;
    assert_ok(metrics_parse(&metrics, &n, "mrr,recall@2"));
    assert_ok(evaluate_trec(&r, metrics, n, qrels, run, 1));
    /* topic 1: a ties with c for places 2 and 3, b is not there; 2 has nothing relevant; 3 is missing; 7 is unknown */
    assert_true(r.n_users == 2 && r.users_without_target == 1 && r.missing_users == 1 && r.unasked_users == 1);
    assert_near(r.mean[0], (1 / 2.0 + 1 / 3.0) / 2 / 2, 1e-7);
    assert_near(r.mean[1], 0.5 / 2 / 2, 1e-7);
    report_close(&r);
    static const struct {
        const char *qrels, *run, *says;
    } bad[] = {
        {"1 0 a\n", "1 Q0 a 1 1 t\n", "q.txt, line 1: 3 columns"},
        {"1 0 a x\n", "1 Q0 a 1 1 t\n", "q.txt, line 1: the relevance \"x\""},
        {"1 0 a 1\n1 0 a 0\n", "1 Q0 a 1 1 t\n", "q.txt, line 2"},
        {"1 0 a 0\n", "1 Q0 a 1 1 t\n", "no document"},
        {"", "1 Q0 a 1 1 t\n", "no judgements"},
        {"1 0 a 1\n", "1 Q0 a 1 nan t\n", "r.txt, line 1: the score \"nan\""},
        {"1 0 a 1\n", "1 Q0 a 1 1 t\n1 Q0 a 2 1 t\n", "r.txt, line 2: this user has the item already on line 1"},
        {"1 0 a 1\n", "1 Q0 a 1 1 t\n1 Q0 b\n", "r.txt, line 2: 3 columns where the lines before have 6"},
        {"1 0 a 1\n", "", "no lists"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(evaluate_trec(&r, metrics, n, test_file("q.txt", bad[i].qrels), test_file("r.txt", bad[i].run), 1),
                     LOREC_INPUT, bad[i].says);
    mem_free(metrics);
}

/* Three users, items a .. f; targets by leave-one-out: u1 d, u2 f, u3 a. */
static void lists_by_hand(void **state)
{
    (void)state;
    static const char *const rows[3][4] = {{"a", "b", "c", "d"}, {"b", "d", "e", "f"}, {"c", "e", "f", "a"}};
    static const char *const users[3] = {"u1", "u2", "u3"};
    dataset_builder *b = dataset_builder_new("lists");
    for (int u = 0; u < 3; u++)
        for (int i = 0; i < 4; i++)
            assert_ok(dataset_builder_row(
                b, &(raw_row){.user = slice_of(users[u]), .item = slice_of(rows[u][i]), .rating = NAN, .time = i}));
    dataset d;
    split s;
    protocol p;
    report r;
    assert_ok(dataset_builder_finish(b, false, &d));
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}));
    assert_ok(protocol_make(&p, &s, "full", "mrr@3,recall@1", false, 1));
    /* u1: a was had before and goes, d is then second; u2 is missing; u3: first, lines in any order */
    const char *path = test_file("l.tsv",
                                 "user\titem\trank\tscore\nu3\tb\t2\t1\nu1\ta\t1\t9\nu1\te\t2\t8\nu1\td\t3\t7\n"
                                 "u3\ta\t1\t5\n");
    assert_ok(evaluate_lists(&r, &p, PART_TEST, path));
    assert_true(r.n_users == 3 && r.missing_users == 1 && r.dropped_items == 1 && r.unasked_users == 0);
    assert_near(r.mean[0], (0.5 + 0 + 1) / 3, 1e-7);
    assert_near(r.mean[1], 1.0 / 3, 1e-7);
    uint32_t e;
    assert_ok(dataset_find_item(&d, slice_of("e"), &e));
    assert_int_equal(r.list[0], e); /* what is left of u1's list */
    assert_near((double)r.list_score[0], 8, 0);
    report_close(&r);
    assert_ok(evaluate_lists(&r, &p, PART_TEST, test_file("l.tsv", "u1\te\nu1\td\n"))); /* the order of the lines */
    assert_near(r.mean[0], 0.5 / 3, 1e-7);
    report_close(&r);
    assert_ok(evaluate_lists(&r, &p, PART_TEST, test_file("l.tsv", "u1 Q0 e 1 1.5 x\nu1 Q0 d 2 1.5 x\n"))); /* a tie */
    assert_near(r.mean[0], 0.75 / 3, 1e-7);
    report_close(&r);
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"u1\tq\t1\t1\n", "l.tsv, line 1: item \"q\" is not in lists"},
        {"u1\ta\t1\t1\nu9\ta\t1\t1\n", "l.tsv, line 2: user \"u9\""},
        {"u1\ta\t1\t1\nu1\tb\t1\t1\n", "line 2: this user has rank 1 already on line 1"},
        {"u1\ta\tx\t1\n", "the rank \"x\""},
        {"u1\n", "1 columns"},
        {"u1\ta\t1\t1\tz\n", "5 columns"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(evaluate_lists(&r, &p, PART_TEST, test_file("l.tsv", bad[i].text)), LOREC_INPUT, bad[i].says);
    assert_fails(evaluate_lists(&r, &p, PART_TEST, test_path("absent.tsv")), LOREC_INPUT, "absent.tsv");
    protocol_close(&p);
    split_close(&s);
    dataset_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(trec_eval_own_test), cmocka_unit_test(trec_run_as_it_is),
                                       cmocka_unit_test(trec_by_hand), cmocka_unit_test(lists_by_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

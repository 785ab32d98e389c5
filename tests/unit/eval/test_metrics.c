/* Metrics by hand, against every order of the ties, and their names; protocols' ids. */
#include "eval/metrics.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "eval/protocol.h"
#include "support/support.h"

static double value(const char *name, place *places, size_t n)
{
    metric m;
    assert_ok(metric_parse(&m, slice_of(name)));
    places_sort(places, n);
    return metric_of_places(&m, places, n);
}

/* Five users, as a person would: relevant places from 1; k = 3. */
static void five_users(void **state)
{
    (void)state;
    static const struct {
        uint32_t at[4]; /* from 0; 99: beyond every list */
        size_t n;
        double recall, precision, hit, mrr, ndcg, map;
    } users[] = {
        {{0}, 1, 1, 1 / 3.0, 1, 1, 1, 1},
        {{2, 0}, 2, 1, 2 / 3.0, 1, 1, 1.5 / 1.6309297535714575, (1 + 2 / 3.0) / 2},
        {{99, 1, 5, 2}, 4, 0.5, 2 / 3.0, 1, 0.5, 1.1309297535714575 / 2.1309297535714575, (1 / 2.0 + 2 / 3.0) / 3},
        {{7}, 1, 0, 0, 0, 0, 0, 0},
        {{0, 1, 2, 3}, 4, 0.75, 1, 1, 1, 1, 1},
    };
    for (size_t u = 0; u < 5; u++) {
        place p[4];
        for (size_t i = 0; i < users[u].n; i++) p[i] = (place){users[u].at[i], 0};
        size_t n = users[u].n;
        assert_near(value("recall@3", p, n), users[u].recall, 1e-12);
        assert_near(value("precision@3", p, n), users[u].precision, 1e-12);
        assert_near(value("hit@3", p, n), users[u].hit, 1e-12);
        assert_near(value("mrr@3", p, n), users[u].mrr, 1e-12);
        assert_near(value("ndcg@3", p, n), users[u].ndcg, 1e-12);
        assert_near(value("map@3", p, n), users[u].map, 1e-12);
        double both = users[u].recall + users[u].precision;
        assert_near(value("f1@3", p, n), both > 0 ? 2 * users[u].recall * users[u].precision / both : 0, 1e-12);
    }
    place nowhere[2] = {PLACE_NOWHERE, {3, 0}};
    assert_near(value("mrr", nowhere, 2), 1 / 4.0, 1e-12);
    assert_near(value("map", nowhere, 2), 1 / 4.0 / 2, 1e-12);
    assert_near(value("ndcg", nowhere, 2), (1 / log2(5)) / 1.6309297535714575, 1e-12);
}

/* RecBole 1.2.0's own metric classes (recbole.evaluator.metrics) on the same 40 lists of 200 items, without ties. */
static void like_recbole(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double recbole;
    } rows[] = {
        {"recall@1", 0.0034553571}, {"recall@5", 0.022360119}, {"recall@10", 0.0530518319},
        {"mrr@1", 0.075},           {"mrr@5", 0.21},           {"mrr@10", 0.2642261905},
        {"ndcg@1", 0.075},          {"ndcg@5", 0.109960741},   {"ndcg@10", 0.1239653768},
        {"hit@1", 0.075},           {"hit@5", 0.475},          {"hit@10", 0.875},
        {"precision@1", 0.075},     {"precision@5", 0.115},    {"precision@10", 0.1325},
        {"map@1", 0.075},           {"map@5", 0.062},          {"map@10", 0.0541785714},
    };
    double mean[18] = {0};
    for (int u = 0; u < 40; u++) {
        place places[200];
        size_t n = 0;
        for (int i = 0; i < 200; i++) {
            if ((u * 31 + i * 19) % (5 + u % 9) != 0) continue;
            place p = {0, 0};
            for (int j = 0; j < 200; j++) p.above += (j * 577 + u * 733) % 1009 > (i * 577 + u * 733) % 1009;
            places[n++] = p;
        }
        for (int j = 0; j < 18; j++) mean[j] += value(rows[j].name, places, n) / 40;
    }
    for (int j = 0; j < 18; j++) assert_near(mean[j], rows[j].recbole, 1e-9);
}

/* ---- ties: the mean over all orders ----------------------------------------------------------------------------------- */

enum { LIST = 7 };
static const char *const names_of[] = {"recall@", "precision@", "hit@", "mrr@", "ndcg@", "map@", "f1@"};

/* Adds the metrics of one order of the items to `sum`; `group` of an item: 0 is the best score. */
static void one_order(const int *order, unsigned relevant, int k, double sum[7])
{
    int n_relevant = __builtin_popcount(relevant), ideal = n_relevant < k ? n_relevant : k;
    double hits = 0, first = 0, dcg = 0, idcg = 0, ap = 0;
    for (int i = 0; i < k && i < LIST; i++) {
        if (!(relevant >> order[i] & 1)) continue;
        hits++;
        if (first == 0) first = 1.0 / (i + 1);
        dcg += 1 / log2(i + 2);
        ap += hits / (i + 1);
    }
    for (int i = 0; i < ideal; i++) idcg += 1 / log2(i + 2);
    double r = hits / n_relevant, p = hits / k;
    double v[7] = {r, p, hits > 0, first, dcg / idcg, ap / ideal, hits > 0 ? 2 * r * p / (r + p) : 0};
    for (int j = 0; j < 7; j++) sum[j] += v[j];
}

/* Every order that is sorted by group, by recursion. */
static void orders(int *order, int n, unsigned used, const int *group, unsigned relevant, int k, double sum[7],
                   double *count)
{
    if (n == LIST) {
        one_order(order, relevant, k, sum);
        (*count)++;
        return;
    }
    int best = LIST;
    for (int i = 0; i < LIST; i++)
        if (!(used >> i & 1) && group[i] < best) best = group[i];
    for (int i = 0; i < LIST; i++) {
        if (used >> i & 1 || group[i] != best) continue;
        order[n] = i;
        orders(order, n + 1, used | 1u << i, group, relevant, k, sum, count);
    }
}

/* Seven items in groups of equal score, any three-or-so relevant ones, any cut-off: the formulas give the mean exactly. */
static void ties_exactly(void **state)
{
    (void)state;
    static const int groups[][LIST] = {
        {0, 0, 0, 0, 0, 0, 0}, {0, 1, 1, 1, 1, 2, 2}, {0, 0, 0, 1, 1, 2, 2}, {0, 1, 2, 3, 4, 5, 6}};
    for (size_t g = 0; g < 4; g++) {
        for (unsigned relevant = 1; relevant < 1u << LIST; relevant += 3) {
            for (int k = 1; k <= LIST + 1; k += 2) {
                double sum[7] = {0}, count = 0;
                int order[LIST];
                orders(order, 0, 0, groups[g], relevant, k, sum, &count);
                place places[LIST];
                size_t n = 0;
                for (int i = 0; i < LIST; i++) {
                    if (!(relevant >> i & 1)) continue;
                    place p = {0, 0};
                    for (int j = 0; j < LIST; j++) {
                        p.above += groups[g][j] < groups[g][i];
                        p.tied += j != i && groups[g][j] == groups[g][i];
                    }
                    places[n++] = p;
                }
                for (int j = 0; j < 7; j++) {
                    char name[24];
                    snprintf(name, sizeof name, "%s%d", names_of[j], k);
                    assert_near(value(name, places, n), sum[j] / count, 1e-12);
                }
            }
        }
    }
}

/* A million items all alike, one of them wanted: no loop over the catalogue for cut-offs. */
static void large_ties(void **state)
{
    (void)state;
    place p = {0, 999999};
    assert_near(value("recall@10", &p, 1), 1e-5, 1e-12);
    assert_near(value("hit@10", &p, 1), 1e-5, 1e-12);
    assert_near(value("mrr@2", &p, 1), 1.5e-6, 1e-15);
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static void words(void **state)
{
    (void)state;
    metric m;
    assert_ok(metric_parse(&m, slice_of(" NDCG@20 ")));
    assert_true(m.kind == METRIC_NDCG && m.k == 20);
    assert_string_equal(m.name, "ndcg@20");
    assert_ok(metric_parse(&m, slice_of("hr@5")));
    assert_string_equal(m.name, "hit@5");
    assert_ok(metric_parse(&m, slice_of("mrr")));
    assert_int_equal(m.k, 0);
    assert_fails(metric_parse(&m, slice_of("ndgc@10")), LOREC_USAGE, "did you mean \"ndcg\"");
    assert_fails(metric_parse(&m, slice_of("recall")), LOREC_USAGE, "write \"recall@10\"");
    assert_fails(metric_parse(&m, slice_of("recall@0")), LOREC_USAGE, "from 1");
    assert_fails(metric_parse(&m, slice_of("recall@")), LOREC_USAGE, "cut-off");
    assert_fails(metric_parse(&m, slice_of("recall@99999999999999999999")), LOREC_USAGE, "cut-off");
    assert_fails(metric_parse(&m, slice_of("auc@10")), LOREC_USAGE, "no cut-off");
    assert_fails(metric_parse(&m, slice_of("")), LOREC_USAGE, "no metric");
    metric *list;
    size_t n;
    assert_ok(metrics_parse(&list, &n, "recall@10, ndcg@10,auc"));
    assert_true(n == 3 && list[2].kind == METRIC_AUC);
    mem_free(list);
    assert_fails(metrics_parse(&list, &n, "hit@3,hr@3"), LOREC_USAGE, "twice");
    assert_fails(metrics_parse(&list, &n, " , "), LOREC_USAGE, "no metric is named");
    assert_true(metric_larger_is_better(METRIC_AUC) && !metric_larger_is_better(METRIC_LOGLOSS));
    assert_true(metric_family_of(METRIC_GINI) == METRIC_OF_SHOWN && metric_family_of(METRIC_RMSE) == METRIC_OF_PAIRS);
}

/* ---- protocols ---------------------------------------------------------------------------------------------------------- */

static void ids_differ(void **state)
{
    (void)state;
    dataset d[2];
    split s[3];
    for (int i = 0; i < 2; i++) {
        dataset_builder *b = dataset_builder_new("ids");
        for (int u = 0; u < 3; u++)
            for (int j = 0; j < 5 + i; j++) {
                char user[8], item[8];
                snprintf(user, sizeof user, "u%d", u);
                snprintf(item, sizeof item, "i%d", (u + j) % 7);
                assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of(item), (float)(j % 5 + 1), j}));
            }
        assert_ok(dataset_builder_finish(b, false, &d[i]));
        assert_ok(split_make(&s[i], &d[i], &(split_options){.kind = SPLIT_LOO}));
    }
    assert_ok(split_make(&s[2], &d[0], &(split_options){.kind = SPLIT_RATIO_USER, .train = 3, .valid = 1, .test = 1}));
    const struct {
        int split;
        const char *candidates, *metrics;
        bool keep_seen;
        uint64_t seed;
        double positive;
    } rules[] = {
        {0, "full", "recall@10,ndcg@10", false, 1, 4},      {1, "full", "recall@10,ndcg@10", false, 1, 4},
        {2, "full", "recall@10,ndcg@10", false, 1, 4},      {0, "full", "recall@10,ndcg@20", false, 1, 4},
        {0, "full", "recall@10,ndcg@10", true, 1, 4},       {0, "uniform@3", "recall@10,ndcg@10", false, 1, 4},
        {0, "uniform@4", "recall@10,ndcg@10", false, 1, 4}, {0, "uniform@3", "recall@10,ndcg@10", false, 2, 4},
        {0, "pop@3", "recall@10,ndcg@10", false, 1, 4},     {0, "full", "recall@10,ndcg@10", false, 1, 3},
    };
    enum { RULES = sizeof rules / sizeof *rules };
    protocol p[RULES], same;
    for (int i = 0; i < RULES; i++) {
        assert_ok(protocol_make(&p[i], &s[rules[i].split], rules[i].candidates, rules[i].metrics, rules[i].keep_seen,
                                rules[i].seed));
        assert_true(p[i].positive_rating == 4);
        assert_ok(protocol_set_positive(&p[i], rules[i].positive));
        for (int j = 0; j < i; j++) assert_string_not_equal(p[i].id, p[j].id);
    }
    assert_true(strncmp(p[0].id, "loo-full-v1:", 12) == 0 && strlen(p[0].id) == 24);
    assert_true(strncmp(p[4].id, "loo-full-seen-v1:", 17) == 0);
    assert_true(strncmp(p[5].id, "loo-uniform3-v1:", 16) == 0);
    /* other metrics at the same cut-offs, and the seed of what is not drawn, change nothing */
    assert_ok(protocol_make(&same, &s[0], "full", "hit@10,mrr@10", false, 99));
    assert_string_equal(same.id, p[0].id);
    protocol_close(&same);
    assert_fails(protocol_make(&same, &s[0], "uniform@0", "mrr", false, 1), LOREC_USAGE, "from 1");
    assert_fails(protocol_make(&same, &s[0], "all", "mrr", false, 1), LOREC_USAGE, "candidates \"all\"");
    assert_fails(protocol_make(&same, &s[0], "slate:/nowhere", "mrr", false, 1), LOREC_INPUT, "/nowhere");
    for (int i = 0; i < RULES; i++) protocol_close(&p[i]);
    for (int i = 0; i < 3; i++) split_close(&s[i]);
    dataset_close(&d[0]);
    dataset_close(&d[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(five_users),   cmocka_unit_test(like_recbole),
                                       cmocka_unit_test(ties_exactly), cmocka_unit_test(large_ties),
                                       cmocka_unit_test(words),        cmocka_unit_test(ids_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

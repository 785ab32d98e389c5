/* evaluate() driven by a fake recommender whose scores are known: against a hand-computed example, an independent naive
 * ranking with random ties, and itself under other batches, threads and numberings of the items. */
#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "eval/evaluate.h"
#include "eval/rank.h"
#include "support/support.h"

/* ---- a recommender that looks its scores up ------------------------------------------------------------------------- */

typedef struct fake {
    uint32_t n_items;
    const float *scores; /* [n_users][n_items] */
} fake;

static lorec_err fake_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    (void)s;
    const fake *f = self;
    for (size_t i = 0; i < n; i++)
        memcpy(scores + i * f->n_items, f->scores + (size_t)q[i].user * f->n_items, f->n_items * sizeof *scores);
    return LOREC_OK;
}

/* The same as a list of its own making: the k best that were not had before. */
static lorec_err fake_recommend(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                                float *scores, size_t *found)
{
    (void)s;
    const fake *f = self;
    for (size_t i = 0; i < n; i++) {
        const float *row = f->scores + (size_t)q[i].user * f->n_items;
        found[i] = 0;
        for (size_t at = 0; at < k; at++) {
            uint32_t best = UINT32_MAX;
            for (uint32_t j = 0; j < f->n_items; j++) {
                bool out = !(row[j] > -INFINITY);
                for (size_t h = 0; h < q[i].n; h++) out |= q[i].items[h] == j;
                for (size_t h = 0; h < at; h++) out |= items[i * k + h] == j;
                if (!out && (best == UINT32_MAX || row[j] > row[best])) best = j;
            }
            if (best == UINT32_MAX) break;
            items[i * k + at] = best;
            scores[i * k + at] = row[best];
            found[i]++;
        }
    }
    return LOREC_OK;
}

static lorec_err fake_pairs(const void *self, rec_session *s, const pair *p, size_t n, float *out)
{
    (void)s;
    const fake *f = self;
    for (size_t i = 0; i < n; i++) out[i] = f->scores[(size_t)p[i].user * f->n_items + p[i].item];
    return LOREC_OK;
}

static const recommender scorer = {.key = "fake", .size = sizeof(fake), .score = fake_score};
static const recommender lister = {.key = "fake-list", .size = sizeof(fake), .recommend = fake_recommend};
static const recommender answerer = {.key = "fake-pairs", .size = sizeof(fake), .score_pairs = fake_pairs};

/* ---- data ------------------------------------------------------------------------------------------------------------ */

static void add(dataset_builder *b, const char *user, int item, float rating, int64_t time)
{
    char id[16];
    snprintf(id, sizeof id, "i%d", item);
    raw_row row = {.user = slice_of(user), .item = slice_of(id), .rating = rating, .time = time};
    assert_ok(dataset_builder_row(b, &row));
}

/* Five users, ten items i0 .. i9 (numbered so: the first user has them all in order in training). */
static void five_users(dataset *d)
{
    dataset_builder *b = dataset_builder_new("five");
    static const int all[][6] = {{1, 4, 7, 2, 5}, {0, 3, 6, 9, 1}, {2, 8, 4, 0, 3}, {5, 6, 7, 8, 9}};
    for (int i = 0; i < 10; i++) add(b, "a", i == 8 ? 9 : i == 9 ? 8 : i, NAN, i); /* last i8: test; i9: validation */
    static const char *const others[] = {"b", "c", "d", "e"};
    for (int u = 0; u < 4; u++)
        for (int i = 0; i < 5; i++) add(b, others[u], all[u][i], NAN, 100 + i);
    assert_ok(dataset_builder_finish(b, false, d));
    assert_int_equal(d->rows.n_items, 10);
}

static size_t mean_of(const report *r, const char *name)
{
    for (size_t j = 0; j < r->n_metrics; j++)
        if (strcmp(r->metrics[j].name, name) == 0) return j;
    fail_msg("no metric %s", name);
    return 0;
}

static uint32_t number_of(const dataset *d, const char *id)
{
    uint32_t i;
    assert_ok(dataset_find_item(d, slice_of(id), &i));
    return i;
}

/* By hand. Candidates (after masking) and targets of the test part:
 *   a: had 0-7, 9; candidate 8 alone                              -> i8 first
 *   b: had 1 4 7 2; target 5; candidates 0 3 5 6 8 9, scores 9 8 7 6 5 4    -> third
 *   c: had 0 3 6 9; target 1; candidates 1 2 4 5 7 8, all equal   -> anywhere in 1 .. 6
 *   d: had 2 8 4 0; target 3; NaN                                 -> nowhere
 *   e: had 5 6 7 8; target 9; candidates 0-4 and 9; 9 ties with two for the places 2 .. 4 */
static void hand_computed(void **state)
{
    (void)state;
    dataset d;
    split s;
    protocol p;
    report r;
    five_users(&d);
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}));
    uint32_t item[10];
    for (int i = 0; i < 10; i++) {
        char id[8];
        snprintf(id, sizeof id, "i%d", i);
        item[i] = number_of(&d, id);
    }
    float scores[5][10] = {{0}};
    for (int u = 0; u < 5; u++)
        for (int i = 0; i < 10; i++) scores[u][i] = 100; /* what was had scores best: masking has to take it away */
    static const int b_items[] = {0, 3, 5, 6, 8, 9}, e_items[] = {0, 1, 2, 3, 4, 9};
    static const float e_scores[] = {5, 4, 4, 1, 0, 4};
    scores[0][item[8]] = -3;
    for (int i = 0; i < 6; i++) scores[1][item[b_items[i]]] = 9 - (float)i;
    for (int i = 0; i < 10; i++) scores[2][item[i]] = 1;
    scores[3][item[3]] = NAN;
    for (int i = 0; i < 6; i++) scores[4][item[e_items[i]]] = e_scores[i];
    assert_ok(
        protocol_make(&p, &s, "full", "recall@1,hit@3,ndcg@3,mrr@3,map@3,precision@3,f1@3,mrr,coverage@1", false, 1));
    fake f = {10, scores[0]};
    assert_ok(evaluate(
        &r,
        &(evaluate_request){
            .recommender = &scorer, .self = &f, .protocol = &p, .part = PART_TEST, .keep_lists = true, .quiet = true}));
    assert_int_equal(r.n_users, 5);
    assert_int_equal(r.nan_scores, 1);
    double in3 = (1 + 1 + 3 / 6.0 + 0 + 2 / 3.0) / 5; /* e: places 2 and 3 of 2 .. 4 */
    double g2 = 1 / log2(3), g3 = 0.5;
    assert_near(r.mean[mean_of(&r, "recall@1")], (1 + 0 + 1 / 6.0 + 0 + 0) / 5, 1e-7);
    assert_near(r.mean[mean_of(&r, "hit@3")], in3, 1e-7);
    assert_near(r.mean[mean_of(&r, "precision@3")], in3 / 3, 1e-7);
    assert_near(r.mean[mean_of(&r, "f1@3")], in3 * 2 / 4, 1e-7);
    assert_near(r.mean[mean_of(&r, "ndcg@3")], (1 + g3 + (1 + g2 + g3) / 6 + 0 + (g2 + g3) / 3) / 5, 1e-7);
    double mrr3 = (1 + 1 / 3.0 + (1 + 1 / 2.0 + 1 / 3.0) / 6 + 0 + (1 / 2.0 + 1 / 3.0) / 3) / 5;
    assert_near(r.mean[mean_of(&r, "mrr@3")], mrr3, 1e-7);
    assert_near(r.mean[mean_of(&r, "map@3")], mrr3, 1e-7); /* one target each: the same thing */
    double all6 = (1 + 1 / 2.0 + 1 / 3.0 + 1 / 4.0 + 1 / 5.0 + 1 / 6.0) / 6;
    assert_near(r.mean[mean_of(&r, "mrr")], (1 + 1 / 3.0 + all6 + 0 + (1 / 2.0 + 1 / 3.0 + 1 / 4.0) / 3) / 5, 1e-7);
    assert_int_equal(r.list[0], item[8]);
    assert_int_equal(r.list[1], UINT32_MAX); /* nothing else is left for the first user */
    assert_int_equal(r.list[1 * r.k], item[0]);
    assert_int_equal(r.list[4 * r.k], item[0]);
    report_close(&r);

    /* Validation masks training only: b has item 2 to find among 2 and 0 3 5 6 8 9. */
    scores[1][item[2]] = 8.5f;
    assert_ok(evaluate(&r, &(evaluate_request){
                               .recommender = &scorer, .self = &f, .protocol = &p, .part = PART_VALID, .quiet = true}));
    assert_near(r.value[1 * r.n_metrics + mean_of(&r, "mrr")], 1 / 2.0, 1e-7);
    report_close(&r);
    protocol_close(&p);
    split_close(&s);
    dataset_close(&d);
}

/* ---- random data, and an independent ranking ---------------------------------------------------------------------------- */

enum { FEW = 42, USERS = 60, ALL_USERS = FEW + USERS, ITEMS = 83, PER_USER = 20, SHUFFLES = 4000 };

/* 60 users with 20 different items of 83, after 42 with two each who set the numbers that the items get (by first sight).
 * Ratings are 1 .. 5. */
static void random_data(dataset *d, uint64_t order_seed)
{
    dataset_builder *b = dataset_builder_new("random");
    uint32_t order[ITEMS];
    char user[16];
    for (uint32_t i = 0; i < ITEMS; i++) order[i] = i;
    rng r = rng_make(order_seed, RNG_USER + 1);
    rng_shuffle(&r, order, ITEMS);
    for (int i = 0; i < 2 * FEW; i++) {
        snprintf(user, sizeof user, "few%d", i / 2);
        add(b, user, (int)order[i < ITEMS ? i : 0], 3, i);
    }
    r = rng_make(11, RNG_USER);
    for (int u = 0; u < USERS; u++) {
        uint32_t items[ITEMS];
        snprintf(user, sizeof user, "u%d", u);
        for (uint32_t i = 0; i < ITEMS; i++) items[i] = i;
        rng_shuffle(&r, items, ITEMS);
        for (int i = 0; i < PER_USER; i++) add(b, user, (int)items[i], (float)(1 + rng_below(&r, 5)), i);
    }
    assert_ok(dataset_builder_finish(b, false, d));
    assert_int_equal(d->rows.n_items, ITEMS);
}

/* Scores by the items' names, so that they do not depend on numbers; with few different values many tie. */
static float *random_scores(const dataset *d, uint32_t values)
{
    float *scores = test_malloc(ALL_USERS * ITEMS * sizeof *scores);
    for (uint32_t u = 0; u < ALL_USERS; u++) {
        for (uint32_t i = 0; i < ITEMS; i++) {
            int name = atoi(names_at(&d->item_ids, i).p + 1);
            rng r = {99, RNG_USER, (uint64_t)u * 1000 + (uint64_t)name * 4};
            scores[u * ITEMS + i] = (float)rng_below(&r, values) / 4;
        }
    }
    return scores;
}

/* One user the plain way: shuffle the candidates, sort them stably by score, read the list. */
static void naive_user(const float *score, const bool *masked, const bool *relevant, rng *r, int k, double out[7])
{
    uint32_t list[ITEMS];
    int n = 0, n_relevant = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (!masked[i]) list[n++] = i;
        n_relevant += relevant[i];
    }
    rng_shuffle(r, list, (size_t)n);
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && score[list[j - 1]] < score[list[j]]; j--) {
            uint32_t t = list[j];
            list[j] = list[j - 1];
            list[j - 1] = t;
        }
    double hits = 0, dcg = 0, idcg = 0, first = 0, ap = 0;
    for (int i = 0; i < k && i < n; i++) {
        if (!relevant[list[i]]) continue;
        hits++;
        dcg += 1 / log2(i + 2);
        ap += hits / (i + 1);
        if (first == 0) first = 1.0 / (i + 1);
    }
    int ideal = n_relevant < k ? n_relevant : k;
    for (int i = 0; i < ideal; i++) idcg += 1 / log2(i + 2);
    double recall = hits / n_relevant, precision = hits / k;
    double f1 = hits > 0 ? 2 * recall * precision / (recall + precision) : 0;
    double now[7] = {recall, hits > 0, dcg / idcg, first, ap / ideal, precision, f1};
    for (int j = 0; j < 7; j++) out[j] += now[j] / SHUFFLES;
}

static const char *const list_metrics = "recall@5,hit@5,ndcg@5,mrr@5,map@5,precision@5,f1@5";

static void like_shuffles(void **state)
{
    (void)state;
    dataset d;
    split s;
    protocol p;
    report r;
    random_data(&d, 1);
    float *scores = random_scores(&d, 12);
    fake f = {ITEMS, scores};
    assert_ok(split_make(
        &s, &d, &(split_options){.kind = SPLIT_RATIO_USER, .train = 5, .valid = 1, .test = 4, .random = true}));
    assert_ok(protocol_make(&p, &s, "full", list_metrics, false, 1));
    assert_ok(evaluate(
        &r, &(evaluate_request){.recommender = &scorer, .self = &f, .protocol = &p, .part = PART_TEST, .quiet = true}));
    assert_int_equal(r.n_users, ALL_USERS);
    rng shuffle = rng_make(5, RNG_USER);
    for (uint32_t u = 3; u < ALL_USERS; u += 9) {
        bool masked[ITEMS] = {false}, relevant[ITEMS] = {false};
        uint32_t had[PER_USER];
        size_t n = split_history(&s, true, u, had, NULL);
        for (size_t i = 0; i < n; i++) masked[had[i]] = true;
        for (uint64_t i = s.test.start[u]; i < s.test.start[u + 1]; i++) relevant[s.test.item[i]] = true;
        double naive[7] = {0};
        for (int t = 0; t < SHUFFLES; t++) naive_user(scores + u * ITEMS, masked, relevant, &shuffle, 5, naive);
        for (size_t j = 0; j < 7; j++) assert_near((double)r.value[u * 7 + j], naive[j], 0.03);
    }
    report_close(&r);
    protocol_close(&p);
    split_close(&s);
    dataset_close(&d);
    test_free(scores);
}

/* ---- the same numbers by other ways ------------------------------------------------------------------------------------- */

typedef struct world {
    dataset d;
    split s;
    protocol p;
    report r;
    float *scores;
} world;

static void world_make(world *w, uint64_t order, uint32_t values, const recommender *rec, const char *split_words,
                       const char *candidates, const char *metrics)
{
    split_options o = {.seed = 3};
    random_data(&w->d, order);
    w->scores = random_scores(&w->d, values);
    assert_ok(split_parse(&o, split_words));
    assert_ok(split_make(&w->s, &w->d, &o));
    assert_ok(protocol_make(&w->p, &w->s, candidates, metrics, false, 7));
    assert_ok(evaluate(&w->r, &(evaluate_request){.recommender = rec,
                                                  .self = &(fake){ITEMS, w->scores},
                                                  .protocol = &w->p,
                                                  .part = PART_TEST,
                                                  .keep_lists = true,
                                                  .quiet = true}));
}

static void world_free(world *w)
{
    report_close(&w->r);
    protocol_close(&w->p);
    split_close(&w->s);
    dataset_close(&w->d);
    test_free(w->scores);
}

static void same_values(const world *a, const world *b)
{
    assert_int_equal(a->r.n_users, b->r.n_users);
    assert_memory_equal(a->r.user, b->r.user, a->r.n_users * sizeof *a->r.user);
    for (size_t i = 0; i < a->r.n_users * a->r.n_metrics; i++) assert_true(a->r.value[i] == b->r.value[i]);
    for (size_t j = 0; j < a->r.n_metrics; j++) assert_true(a->r.mean[j] == b->r.mean[j]);
}

static void permutation_and_threads(void **state)
{
    (void)state;
    world a, b;
    int workers = par_workers();
    par_set_workers(1);
    world_make(&a, 1, 5, &scorer, "loo", "full", list_metrics); /* five values for 83 items: everything ties */
    assert_int_equal(a.r.n_users, USERS);
    assert_int_equal(a.r.users_without_target, FEW);
    par_set_workers(7);
    world_make(&b, 2, 5, &scorer, "loo", "full", list_metrics); /* the items numbered otherwise */
    same_values(&a, &b);
    par_set_workers(workers);
    world_free(&a);
    world_free(&b);
}

static void lists_like_scores(void **state)
{
    (void)state;
    world a, b;
    world_make(&a, 1, 1u << 30, &scorer, "ratio-random:5:1:4", "full", list_metrics); /* no ties */
    world_make(&b, 1, 1u << 30, &lister, "ratio-random:5:1:4", "full", list_metrics);
    same_values(&a, &b);
    assert_string_equal(a.p.id, b.p.id);
    assert_memory_equal(a.r.list, b.r.list, (size_t)a.r.n_users * a.r.k * sizeof *a.r.list);
    world_free(&a);
    world_free(&b);
}

/* 20 drawn candidates: the place of the target among them is what counting over the drawn list says, the same for any
 * thread count; what the user had is never drawn. */
static void drawn(void **state)
{
    (void)state;
    static const char *const kinds[] = {"uniform@20", "pop@20"};
    for (int kind = 0; kind < 2; kind++) {
        world w;
        world_make(&w, 1, 1u << 30, &scorer, "loo", kinds[kind], "mrr,hit@1");
        uint64_t bits[2] = {0};
        for (uint32_t i = 0; i < w.r.n_users; i++) {
            uint32_t u = w.r.user[i], target = w.s.test.item[w.s.test.start[u]], had[PER_USER], out[21];
            size_t n_had = split_history(&w.s, true, u, had, NULL);
            assert_int_equal(protocol_candidates_max(&w.p, u, 1), 21);
            size_t n = protocol_candidates(&w.p, PART_TEST, u, &target, 1, had, n_had, bits, out), above = 0, found = 0;
            assert_int_equal(n, 21);
            assert_true(bits[0] == 0 && bits[1] == 0);
            for (size_t j = 0; j < n; j++) {
                if (j) assert_true(out[j] > out[j - 1]);
                for (size_t h = 0; h < n_had; h++) assert_int_not_equal(out[j], had[h]);
                found += out[j] == target;
                above += w.scores[u * ITEMS + out[j]] > w.scores[u * ITEMS + target];
            }
            assert_int_equal(found, 1);
            assert_near((double)w.r.value[i * 2], 1.0 / ((double)above + 1), 1e-6);
        }
        world_free(&w);
    }
    world w; /* more than there is: everything that is not seen */
    world_make(&w, 1, 9, &scorer, "loo", "uniform@500", list_metrics);
    world v;
    world_make(&v, 1, 9, &scorer, "loo", "full", list_metrics);
    same_values(&w, &v);
    assert_string_not_equal(w.p.id, v.p.id);
    world_free(&w);
    world_free(&v);
}

/* ---- slates ------------------------------------------------------------------------------------------------------------ */

static void slates(void **state)
{
    (void)state;
    dataset d;
    split s;
    protocol p;
    report r;
    five_users(&d);
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}));
    /* targets of b, c and e are i5, i1 and i9; c's is not in its slate; a and d are not asked */
    const char *path = test_file("slates.tsv",
                                 "b\ti0\ti5\ti1\n{\"user\": \"c\", \"items\": [\"i2\", \"i4\"]}\r\n\ne i9 i3\n");
    float scores[5][10] = {{0}};
    scores[1][number_of(&d, "i1")] = 2; /* had before, but a slate says itself what is ranked */
    scores[1][number_of(&d, "i5")] = 1;
    scores[4][number_of(&d, "i9")] = 1;
    char words[4200];
    snprintf(words, sizeof words, "slate:%s", path);
    assert_ok(protocol_make(&p, &s, words, "mrr,recall@1", false, 1));
    assert_ok(evaluate(
        &r,
        &(evaluate_request){
            .recommender = &scorer, .self = &(fake){10, scores[0]}, .protocol = &p, .part = PART_TEST, .quiet = true}));
    assert_int_equal(r.n_users, 3);
    assert_int_equal(r.targets_not_in_slate, 1);
    assert_near(r.candidate_recall, 2.0 / 3, 1e-12);
    assert_near(r.mean[0], (0.5 + 0 + 1) / 3, 1e-7);
    assert_near(r.mean[1], 1.0 / 3, 1e-7);
    report_close(&r);
    assert_fails(evaluate(&r, &(evaluate_request){.recommender = &lister,
                                                  .self = &(fake){10, scores[0]},
                                                  .protocol = &p,
                                                  .part = PART_TEST,
                                                  .quiet = true}),
                 LOREC_USAGE, "full ranking");
    char id[128];
    strcpy(id, p.id);
    protocol_close(&p);
    snprintf(words, sizeof words, "slate:%s", test_file("slates.tsv", "b\ti0\ti5\n"));
    assert_ok(protocol_make(&p, &s, words, "mrr,recall@1", false, 1));
    assert_string_not_equal(id, p.id); /* other lists, another protocol */
    protocol_close(&p);
    static const struct {
        const char *text, *says;
    } bad[] = {{"b\ti0\tnone\n", "slates.tsv, line 1: item \"none\""},
               {"\nx\ti0\n", "line 2: user \"x\""},
               {"b\ti0\ti0\n", "\"i0\" stands twice"},
               {"b\ti0\nb\ti1\n", "two slates"},
               {"b\n", "without items"},
               {"", "no slates"},
               {"{\"user\": 1}", "line 1"},
               {"{\"user\": [], \"items\": []}", "line 1"},
               {"{\"user\": \"b\", \"items\": [1.5]}", "whole numbers"},
               {"{oops\n", "line 1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)test_file("slates.tsv", bad[i].text);
        assert_fails(protocol_make(&p, &s, words, "mrr", false, 1), LOREC_INPUT, bad[i].says);
    }
    split_close(&s);
    dataset_close(&d);
}

/* ---- what was had before, and samples of users ---------------------------------------------------------------------------- */

static void repeats(void **state)
{
    (void)state;
    dataset_builder *b = dataset_builder_new("repeats");
    static const int rows[][4] = {{0, 1, 2, 0}, {1, 2, 0, 3}, {3, 2, 1, 0}};
    for (int u = 0; u < 3; u++)
        for (int i = 0; i < 4; i++) add(b, u == 0 ? "again" : u == 1 ? "new" : "new2", rows[u][i], NAN, i);
    dataset d;
    split s;
    protocol p;
    report r;
    float scores[3][4] = {{0}};
    scores[0][0] = 1;
    assert_ok(dataset_builder_finish(b, false, &d));
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}));
    assert_ok(protocol_make(&p, &s, "full", "recall@1", false, 1));
    evaluate_request req = {
        .recommender = &scorer, .self = &(fake){4, scores[0]}, .protocol = &p, .part = PART_TEST, .quiet = true};
    assert_ok(evaluate(&r, &req));
    assert_true(r.n_users == 2 && r.repeated_targets == 1 && r.users_without_target == 1);
    report_close(&r);
    char id[128];
    strcpy(id, p.id);
    protocol_close(&p);
    assert_ok(protocol_make(&p, &s, "full", "recall@1", true, 1));
    assert_string_not_equal(id, p.id);
    assert_ok(evaluate(&r, &req));
    assert_true(r.n_users == 3 && r.repeated_targets == 0);
    assert_near((double)r.value[0], 1, 0);
    report_close(&r);
    req.max_users = 2;
    assert_ok(evaluate(&r, &req));
    assert_true(r.n_users == 2 && r.user[0] < r.user[1]);
    report_close(&r);
    protocol_close(&p);
    split_close(&s);
    dataset_close(&d);
}

/* ---- clicks and ratings ------------------------------------------------------------------------------------------------ */

static void pairs(void **state)
{
    (void)state;
    /* train 2 rows, test 4 rows for x, 2 for y (files would do the same; here by a global instant) */
    static const struct {
        const char *user;
        int item;
        float rating;
    } rows[] = {{"x", 0, 5}, {"x", 1, 5}, {"x", 2, 1}, {"x", 3, 2}, {"y", 1, 4}, {"y", 3, 3}, {"z", 0, 4}};
    dataset_builder *b = dataset_builder_new("pairs");
    add(b, "x", 4, 5, 1);
    add(b, "y", 4, 1, 1);
    for (size_t i = 0; i < 7; i++) add(b, rows[i].user, rows[i].item, rows[i].rating, 10 + (int)i);
    dataset d;
    split s;
    protocol p;
    report r;
    assert_ok(dataset_builder_finish(b, false, &d));
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_TIME, .valid_from = 10, .test_from = 10}));
    assert_ok(protocol_make(&p, &s, "full", "auc,gauc,logloss,rmse,mae", false, 1));
    assert_true(p.positive_rating == 4);
    float scores[3][5];
    static const float given[7] = {0.9f, 0.5f, 0.5f, 0.1f, 0.2f, 0.4f, 0.8f};
    for (int i = 0; i < 7; i++) {
        char id[8];
        snprintf(id, sizeof id, "i%d", rows[i].item);
        scores[rows[i].user[0] - 'x'][number_of(&d, id)] = given[i];
    }
    evaluate_request req = {
        .recommender = &answerer, .self = &(fake){5, scores[0]}, .protocol = &p, .part = PART_TEST, .quiet = true};
    assert_ok(evaluate(&r, &req));
    assert_int_equal(r.pairs, 7);
    /* positives .9 .5 .2 .8, negatives .5 .1 .4: won 3 + 2.5 + 1 + 3 of 12 */
    assert_near(r.mean[0], 9.5 / 12, 1e-12);
    /* x: positives .9 .5, negatives .5 .1: 3.5 of 4, 4 rows; y: 0 of 1, 2 rows; z: one kind only */
    assert_near(r.mean[1], (3.5 / 4 * 4 + 0) / 6, 1e-12);
    double ll = -(log(0.9) + log(0.5) + log(0.5) + log(0.9) + log(0.2) + log(0.6) + log(0.8)) / 7;
    assert_near(r.mean[2], ll, 1e-6);
    double sq = 0, ab = 0;
    for (int i = 0; i < 7; i++) {
        double off = (double)given[i] - (double)rows[i].rating;
        sq += off * off;
        ab += fabs(off);
    }
    assert_near(r.mean[3], sqrt(sq / 7), 1e-6);
    assert_near(r.mean[4], ab / 7, 1e-6);
    /* users' values average to the metric; x has 4 rows, y 2, z 1: y's part of the log-loss, by hand */
    for (size_t j = 0; j < 5; j++) {
        double sum = 0;
        for (size_t i = 0; i < 3; i++) sum += (double)r.value[i * 5 + j] / 3;
        assert_near(sum, r.mean[j], 1e-6);
    }
    assert_near((double)r.value[1 * 5 + 2], ll + 3 * (-log(0.2) - log(0.6) - 2 * ll) / 7, 1e-5);
    /* z's one positive of four, .8: above every negative */
    assert_near((double)r.value[2 * 5], 9.5 / 12 + 3 * (1 - 9.5 / 12) / 4, 1e-6);
    report_close(&r);
    req.recommender = &scorer;
    assert_fails(evaluate(&r, &req), LOREC_USAGE, "makes lists only");
    protocol_close(&p);
    split_close(&s);
    dataset_close(&d);
}

/* RecBole 1.2.0's AUC, LogLoss, RMSE and MAE of the same 1,160 labels and probabilities (29 items of 40 users). */
static void pairs_like_recbole(void **state)
{
    (void)state;
    enum { PEOPLE = 40, KINDS = 29 };
    dataset_builder *b = dataset_builder_new("recbole");
    dataset d;
    split s;
    protocol p;
    report r;
    static float scores[PEOPLE][KINDS];
    add(b, "u0", 0, 1, 1);
    for (int u = 0; u < PEOPLE; u++)
        for (int i = 0; i < KINDS; i++) { /* items are numbered 0 .. 28 by first sight */
            char user[8];
            snprintf(user, sizeof user, "u%d", u);
            add(b, user, i, (u * 31 + i * 7 * 17) % (3 + u % 4) == 0, 10 + i);
            scores[u][i] = (float)((double)((i * 7 * 577 + u * 733) % 97) / 97 * 0.98 + 0.01);
        }
    assert_ok(dataset_builder_finish(b, false, &d));
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_TIME, .valid_from = 10, .test_from = 10}));
    assert_ok(protocol_make(&p, &s, "full", "auc,logloss,rmse,mae", false, 1));
    assert_true(p.positive_rating == 0.5);
    assert_ok(evaluate(&r, &(evaluate_request){.recommender = &answerer,
                                               .self = &(fake){KINDS, scores[0]},
                                               .protocol = &p,
                                               .part = PART_TEST,
                                               .quiet = true}));
    static const double recbole[] = {0.5060218767, 0.9484470527, 0.5710810878, 0.4960371256};
    for (int j = 0; j < 4; j++) assert_near(r.mean[j], recbole[j], 2e-7);
    report_close(&r);
    protocol_close(&p);
    split_close(&s);
    dataset_close(&d);
}

/* Every allocation that fails is told as such, and nothing leaks (the sanitizer build watches). */
static void memory(void **state)
{
    (void)state;
    static const struct {
        const recommender *r;
        const char *candidates, *metrics;
    } ways[] = {{&scorer, "full", "ndcg@5,coverage@5,diversity@5"},
                {&lister, "full", "ndcg@5"},
                {&scorer, "uniform@9", "ndcg@5"},
                {&answerer, "full", "auc,gauc,rmse"}};
    dataset d;
    split s;
    random_data(&d, 1);
    float *scores = random_scores(&d, 9);
    fake f = {ITEMS, scores};
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}));
    int workers = par_workers();
    par_set_workers(1);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        size_t failed = 0;
        for (size_t n = 1;; n++) {
            protocol p;
            report r;
            (void)mem_fail_at(n, false);
            lorec_err e = protocol_make(&p, &s, ways[w].candidates, ways[w].metrics, false, 1);
            if (!e) {
                e = evaluate(
                    &r, &(evaluate_request){
                            .recommender = ways[w].r, .self = &f, .protocol = &p, .part = PART_TEST, .quiet = true});
                if (!e) report_close(&r);
                protocol_close(&p);
            }
            (void)mem_fail_at(0, false);
            if (!e) break;
            assert_int_equal(e, LOREC_RESOURCE);
            failed++;
            assert_true(n < 500);
        }
        assert_true(failed > 10);
    }
    par_set_workers(workers);
    split_close(&s);
    dataset_close(&d);
    test_free(scores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hand_computed),
        cmocka_unit_test(like_shuffles),
        cmocka_unit_test(permutation_and_threads),
        cmocka_unit_test(lists_like_scores),
        cmocka_unit_test(drawn),
        cmocka_unit_test(slates),
        cmocka_unit_test(repeats),
        cmocka_unit_test(pairs),
        cmocka_unit_test(pairs_like_recbole),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

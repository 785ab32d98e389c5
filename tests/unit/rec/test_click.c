/* Click models on data whose clicks are a matter of two features together: a group's members like one kind of item. No sum
 * of single weights can tell (LR stays at chance); every model with interactions has to. */
#include <math.h>

#include "methods/registry.h"
#include "rec/click.h"
#include "support/support.h"

enum { USERS = 120, ITEMS = 60, ROWS_EACH = 30, GROUPS = 4 };

static dataset data;
static split parts;

static slice text(char *room, size_t n, const char *fmt, int i)
{
    snprintf(room, n, fmt, i);
    return slice_of(room);
}

static int make_data(void **state)
{
    (void)state;
    char a[32], b[32];
    dataset_builder *build = dataset_builder_new("groups");
    rng r = rng_make(3, RNG_USER);
    for (int u = 0; u < USERS; u++) {
        for (int k = 0; k < ROWS_EACH; k++) {
            int item = (int)rng_below(&r, ITEMS);
            bool likes = u % GROUPS == item % GROUPS || u % GROUPS == (item + 1) % GROUPS; /* half of all pairs */
            raw_row row = {.user = text(a, sizeof a, "u%d", u),
                           .item = text(b, sizeof b, "i%d", item),
                           .rating = likes ? 5 : 1,
                           .time = k};
            if (dataset_builder_row(build, &row)) return 1;
        }
    }
    for (int u = 0; u < USERS; u++)
        if (dataset_builder_cell(build, SIDE_USER, "group", COLUMN_TOKEN, text(a, sizeof a, "u%d", u),
                                 text(b, sizeof b, "g%d", u % GROUPS), 0))
            return 1;
    for (int i = 0; i < ITEMS; i++) {
        if (dataset_builder_cell(build, SIDE_ITEM, "kind", COLUMN_TOKEN_SEQ, text(a, sizeof a, "i%d", i),
                                 text(b, sizeof b, i % 2 ? "k%d|odd" : "k%d", i % GROUPS), '|') ||
            dataset_builder_cell(build, SIDE_ITEM, "price", COLUMN_FLOAT, text(a, sizeof a, "i%d", i),
                                 text(b, sizeof b, "%d", i * i), 0))
            return 1;
    }
    split_options how;
    return dataset_builder_finish(build, false, &data) || split_parse(&how, "ratio-random:8:0:2") ||
           split_make(&parts, &data, &how);
}

static int drop_data(void **state)
{
    (void)state;
    split_close(&parts);
    dataset_close(&data);
    return 0;
}

static void feature_codes(void **state)
{
    (void)state;
    features f, back;
    assert_ok(features_make(&f, &data));
    assert_int_equal(f.n, 5); /* user, item, group, kind, price */
    uint32_t u, i;
    assert_true(dataset_find_user(&data, slice_of("u5"), &u));
    assert_ok(dataset_find_item(&data, slice_of("i3"), &i));
    pair p[2] = {{.user = u, .item = i}, {.user = NO_USER, .item = i}};
    int32_t code[64], length[10];
    int64_t n = features_fill(&f, p, 2, code, length);
    int32_t want[5] = {1, 1, 1, 2, 1}; /* i3 is of kind k3 and odd */
    assert_memory_equal(length, want, sizeof want);
    assert_int_equal(n, 12);
    assert_int_equal(code[0], u + 1);
    assert_int_equal(code[1], f.field[1].offset + i + 1);
    assert_int_equal(code[1], features_item_code(&f, i));
    assert_int_equal(code[6], 0);                              /* nobody */
    assert_int_equal(code[8], f.field[2].offset);              /* and of no group */
    assert_memory_equal(code + 3, code + 9, 3 * sizeof *code); /* but the item is the same */
    for (int64_t k = 0; k < n; k++) assert_in_range(code[k], 0, f.total - 1);

    const feature_field *price = NULL;
    for (size_t k = 0; k < f.n; k++)
        if (strcmp(f.field[k].name, "price") == 0) price = &f.field[k];
    assert_non_null(price);
    uint32_t cheap, dear;
    assert_ok(dataset_find_item(&data, slice_of("i0"), &cheap));
    assert_ok(dataset_find_item(&data, slice_of("i59"), &dear));
    assert_true(price->code[cheap] == 1 && price->code[dear] == price->vocab - 1 && price->vocab > 20);

    assert_ok(features_save(&f, test_folder()));
    assert_ok(features_load(&back, test_folder()));
    int32_t code2[64], length2[10];
    assert_int_equal(features_fill(&back, p, 2, code2, length2), n);
    assert_memory_equal(code, code2, (size_t)n * sizeof *code);
    features_free(&back);
    test_file("feature-2.code.npy", "damaged");
    assert_fails(features_load(&back, test_folder()), LOREC_INPUT, "feature-2.code");
    features_free(&f);
}

static void pairwise(void **state)
{
    (void)state;
    enum { N = 3, F = 4, D = 5 };
    float v[N * F * D], got[N];
    for (int i = 0; i < N * F * D; i++) v[i] = sinf((float)i);
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    tensor *x = click_pairwise(t, tape_f32(t, v, 3, (int64_t[]){N, F, D}), N);
    assert_ok(tape_read(t, x, got, N));
    for (int n = 0; n < N; n++) {
        double sum = 0;
        for (int a = 0; a < F; a++)
            for (int b = a + 1; b < F; b++)
                for (int d = 0; d < D; d++) sum += (double)v[(n * F + a) * D + d] * v[(n * F + b) * D + d];
        assert_near(got[n], sum, 1e-5);
    }
    tape_free(t);
}

/* The share of (click, no click) pairs of the test part in the right order. */
static double auc(const recommender *r, const void *self)
{
    pair p[USERS * ROWS_EACH];
    float got[USERS * ROWS_EACH];
    size_t n = 0;
    const interactions *x = &parts.test;
    bool liked[USERS * ROWS_EACH];
    for (uint32_t u = 0; u < x->n_users; u++)
        for (uint64_t k = x->start[u]; k < x->start[u + 1]; k++, n++) {
            uint64_t first = parts.train.start[u];
            p[n] = (pair){.user = u,
                          .item = x->item[k],
                          .row = UINT64_MAX,
                          .history = {.user = u,
                                      .items = parts.train.item + first,
                                      .n = (size_t)(parts.train.start[u + 1] - first)}};
            liked[n] = x->rating[k] > 3;
        }
    rec_session *s = rec_session_new(1);
    assert_ok(r->score_pairs(self, s, p, n, got));
    rec_session_free(s);
    double right = 0, all = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            if (!liked[i] || liked[j]) continue;
            right += got[i] > got[j] ? 1 : got[i] == got[j] ? 0.5 : 0;
            all++;
        }
    assert_true(all > 1000);
    return right / all;
}

static void *trained(const recommender *r)
{
    void *self;
    assert_ok(recommender_new(r, &self));
    assert_ok(options_set(r->options, r->n_options, self, "epochs", "30"));
    assert_ok(options_set(r->options, r->n_options, self, "train_batch_size", "256"));
    assert_ok(options_set(r->options, r->n_options, self, "learning_rate", "0.01"));
    assert_ok(r->fit(self, &(fit_context){.split = &parts, .train = &parts.train, .seed = 1}));
    return self;
}

static void interactions_matter(void **state)
{
    (void)state;
    static const char *const keys[] = {"fm", "deepfm", "dcnv2", "din"};
    const recommender *lr = registry_find("lr");
    void *self = trained(lr);
    double chance = auc(lr, self);
    assert_in_range(100 * chance, 35, 65);
    recommender_free(lr, self);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const recommender *r = registry_find(keys[i]);
        assert_non_null(r);
        self = trained(r);
        double got = auc(r, self);
        print_message("%s: auc %.3f (lr %.3f)\n", keys[i], got, chance);
        assert_true(got > 0.9);

        /* What is saved is what was trained; rankings agree with pairs; strangers get an answer. */
        void *back;
        assert_ok(recommender_save(r, self, test_path(keys[i])));
        assert_ok(recommender_load(r, &back, test_path(keys[i])));
        rec_session *s = rec_session_new(1);
        uint32_t had[] = {1, 2, 3};
        query q[2] = {{.user = 7, .items = had, .n = 3}, {.user = NO_USER}};
        float a[2 * ITEMS], b[2 * ITEMS];
        assert_ok(r->score(self, s, q, 2, a));
        assert_ok(r->score(back, s, q, 2, b));
        assert_memory_equal(a, b, sizeof a);
        for (int k = 0; k < 2 * ITEMS; k++) assert_true(isfinite(a[k]));
        rec_session_free(s);
        recommender_free(r, back);
        recommender_free(r, self);
    }
}

static void half_precision(void **state)
{
    (void)state;
    static const char *const keys[] = {"lr", "fm", "deepfm", "dcnv2", "din"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const recommender *r = registry_find(keys[i]);
        void *self;
        assert_ok(recommender_new(r, &self));
        assert_ok(options_set(r->options, r->n_options, self, "epochs", "1"));
        assert_ok(options_set(r->options, r->n_options, self, "bf16", "true"));
        assert_ok(r->fit(self, &(fit_context){.split = &parts, .train = &parts.train, .seed = 1}));
        assert_true(auc(r, self) > 0);
        recommender_free(r, self);
    }
}

static void refuses(void **state)
{
    (void)state;
    const recommender *r = registry_find("deepfm");
    void *self;
    assert_ok(recommender_new(r, &self));
    assert_ok(options_set(r->options, r->n_options, self, "hidden", "64,x"));
    assert_non_null(r->check(self));
    assert_ok(options_set(r->options, r->n_options, self, "hidden", ""));
    assert_null(r->check(self));
    uint64_t start[2] = {0};
    interactions none = {.n_users = 1, .n_items = 1, .start = start};
    assert_fails(r->fit(self, &(fit_context){.split = &parts, .train = &none}), LOREC_INPUT, "no interactions");
    recommender_free(r, self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feature_codes),  cmocka_unit_test(pairwise), cmocka_unit_test(interactions_matter),
        cmocka_unit_test(half_precision), cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, make_data, drop_data);
}

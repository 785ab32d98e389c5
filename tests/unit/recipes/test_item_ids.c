/* How items are written: every scheme gives each item a run of its own, none the beginning of another's with an end behind; what
 * the schemes promise, by hand on a few users; and the rule of the next number. */
#include "recipes/item_ids.h"
#include "support/support.h"

#include "base/mem.h"
#include "methods/registry.h"
#include "text/trie.h"

enum { USERS = 60, ITEMS = 120, EACH = 8 };

typedef struct world {
    dataset d;
    split s;
    catalogue items;
} world;
static world w;

/* Half of the users walk about the even items, the other half the odd ones. */
static void make_world(void)
{
    dataset_builder *b = dataset_builder_new("walks");
    char user[16], item[16], words[64];
    for (int i = ITEMS - 1; i >= 0; i--) { /* the data set's own numbers run the other way */
        snprintf(item, sizeof item, "i%d", i);
        snprintf(words, sizeof words, "Things|%s|Shelf %d", i % 2 ? "Odd" : "Even", i / 40);
        assert_ok(
            dataset_builder_cell(b, SIDE_ITEM, "categories", COLUMN_TOKEN_SEQ, slice_of(item), slice_of(words), '|'));
    }
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < EACH; k++) {
            snprintf(user, sizeof user, "u%d", u);
            snprintf(item, sizeof item, "i%d", 2 * ((7 * k * k + 13 * u + 5 * u * k) % (ITEMS / 2)) + u % 2);
            assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of(item), 1, k + 1}));
        }
    assert_ok(dataset_builder_finish(b, true, &w.d));
    assert_ok(split_make(&w.s, &w.d, &(split_options){.kind = SPLIT_LOO}));
    assert_ok(catalogue_make(&w.items, &w.d, &w.s.train, false));
}

static void each_item_its_own(void **state)
{
    (void)state;
    for (int scheme = 0; item_ids_schemes[scheme]; scheme++) {
        item_ids a, b;
        trie t = {0};
        item_ids_options o = {.scheme = (item_ids_scheme)scheme, .branches = 3, .leaf = 5};
        assert_ok(item_ids_make(&a, &o, &w.s, &w.s.train, &w.items, 3));
        assert_int_equal(a.n, w.d.rows.n_items);
        for (uint64_t k = 0; k < a.start[a.n]; k++) assert_in_range(a.token[k], 0, a.n_tokens - 1);
        assert_ok(trie_build(&t, a.token, a.start, a.n));
        for (uint32_t node = 0; node < t.nodes; node++) {
            size_t n;
            trie_values(&t, node, &n);
            assert_in_range(n, 0, 1);
        }
        const char *folder = test_folder();
        assert_ok(item_ids_save(&a, folder));
        assert_ok(item_ids_load(&b, folder));
        assert_memory_equal(a.token, b.token, a.start[a.n] * sizeof *a.token);
        assert_memory_equal(a.start, b.start, (a.n + 1) * sizeof *a.start);
        trie_free(&t);
        item_ids_free(&a);
        item_ids_free(&b);
    }
}

static uint32_t item_of(const char *id)
{
    uint32_t item;
    assert_ok(dataset_find_item(&w.d, slice_of(id), &item));
    return item;
}

/* The first user's walk numbers the items 0, 1 ..., to its end or to that of its training part. */
static void walks_and_their_leak(void **state)
{
    (void)state;
    uint32_t all[ITEMS], train[ITEMS];
    const uint32_t *walk = w.d.rows.item;
    assert_int_equal(w.d.rows.n_items, ITEMS);
    assert_ok(items_by_visit(&w.d.rows, 1, all));
    assert_ok(items_by_visit(&w.s.train, 1, train));
    for (uint32_t k = 0; k < EACH; k++) {
        assert_int_equal(all[walk[k]], k);
        if (k < EACH - 2) assert_int_equal(train[walk[k]], k);
    }
    assert_int_not_equal(train[walk[EACH - 1]], train[walk[EACH - 2]] + 1);
    /* the rule answers the first user's test question by the leaky numbers, and not by the others */
    for (int leaky = 0; leaky < 2; leaky++) {
        const recommender *r = registry_find("next-id");
        void *self;
        float *scores;
        uint32_t history[EACH - 1], best = 0;
        for (uint32_t k = 0; k < EACH - 1; k++) history[k] = w.d.rows.item[k];
        assert_ok(recommender_new(r, &self));
        assert_ok(options_set(r->options, r->n_options, self, "numbers", leaky ? "sequential" : "train"));
        assert_ok(r->fit(self, &(fit_context){.split = &w.s, .train = &w.s.train}));
        assert_ok(mem_new(&scores, ITEMS));
        query q[2] = {{.user = 0, .items = history, .n = EACH - 1}, {.user = NO_USER}};
        assert_ok(r->score(self, NULL, q, 1, scores));
        for (uint32_t i = 0; i < ITEMS; i++) best = scores[i] > scores[best] ? i : best;
        assert_int_equal(best == w.d.rows.item[EACH - 1], leaky);
        assert_ok(r->score(self, NULL, q + 1, 1, scores)); /* no history: all alike */
        for (uint32_t i = 0; i < ITEMS; i++) assert_near(scores[i], 0, 0);
        mem_free(scores);
        recommender_free(r, self);
    }
}

static const int32_t *path_of(const item_ids *a, const char *id)
{
    return a->token + a->start[item_of(id)];
}

static void digits_and_trees(void **state)
{
    (void)state;
    int32_t t[DIGITS_LONGEST];
    assert_int_equal(digits_write(7391, t), 2);
    assert_int_equal(t[0], 73);
    assert_int_equal(t[1], 91);
    assert_int_equal(digits_write(10, t), 1);
    assert_int_equal(digits_write(100, t), 2);
    assert_int_equal(t[1], 100); /* the single digit 0 */
    assert_int_equal(digits_write(UINT32_MAX, t), DIGITS_LONGEST);

    item_ids a;
    assert_ok(item_ids_make(&a, &(item_ids_options){.scheme = ITEM_IDS_SEMANTIC}, &w.s, &w.s.train, &w.items, 1));
    assert_int_equal(path_of(&a, "i2")[0], path_of(&a, "i3")[0]);     /* Things */
    assert_int_not_equal(path_of(&a, "i2")[1], path_of(&a, "i3")[1]); /* Even, Odd */
    assert_memory_equal(path_of(&a, "i2"), path_of(&a, "i4"), 3 * sizeof(int32_t));
    assert_int_not_equal(path_of(&a, "i2")[3], path_of(&a, "i4")[3]);
    item_ids_free(&a);

    /* two clusters are the two halves of the users; items that nobody had in training may be in either */
    item_ids_options o = {.scheme = ITEM_IDS_COLLABORATIVE, .branches = 2, .leaf = 80};
    assert_ok(item_ids_make(&a, &o, &w.s, &w.s.train, &w.items, 1));
    size_t alike = 0;
    for (int i = 0; i < ITEMS; i++) {
        char id[8];
        snprintf(id, sizeof id, "i%d", i);
        alike += path_of(&a, id)[0] == path_of(&a, i % 2 ? "i1" : "i0")[0];
    }
    print_message("%zu of %d items with their half\n", alike, ITEMS);
    assert_in_range(alike, ITEMS * 8 / 10, ITEMS);
    item_ids_free(&a);

    catalogue none = {.n = ITEMS};
    assert_ok(mem_new(&none.start, 2 * ITEMS + 1));
    none.bytes = "";
    assert_fails(item_ids_make(&a, &(item_ids_options){.scheme = ITEM_IDS_SEMANTIC}, &w.s, &w.s.train, &none, 1),
                 LOREC_INPUT, "--item-text");
    mem_free(none.start);
}

static void broken_files(void **state)
{
    (void)state;
    item_ids a, b;
    assert_ok(item_ids_make(&a, &(item_ids_options){.scheme = ITEM_IDS_RANDOM}, &w.s, &w.s.train, &w.items, 1));
    a.start[2] = a.start[1]; /* an item without a token */
    assert_ok(item_ids_save(&a, test_folder()));
    assert_fails(item_ids_load(&b, test_folder()), LOREC_INPUT, "do not fit together");
    item_ids_free(&a);
}

static int begin(void **state)
{
    (void)state;
    make_world();
    return 0;
}

static int end(void **state)
{
    (void)state;
    catalogue_free(&w.items);
    split_close(&w.s);
    dataset_close(&w.d);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_item_its_own), cmocka_unit_test(walks_and_their_leak),
                                       cmocka_unit_test(digits_and_trees), cmocka_unit_test(broken_files)};
    return cmocka_run_group_tests(tests, begin, end);
}

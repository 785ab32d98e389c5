/* Filters and graphs on a set small enough to work out by hand. */
#include "support/support.h"

#include <math.h>

#include "data/filter.h"
#include "data/graph.h"

/* a: 1 2 3 2 (the 2 twice); b: 1 2; c: 4. Ratings and times differ in each row. */
static const char small[] = "user,item,rating,timestamp\n"
                            "a,1,5,100\na,2,1,200\na,3,4,300\na,2,3,400\n"
                            "b,1,2,150\nb,2,4,250\n"
                            "c,4,3,50\n";

static void open_small(dataset *d)
{
    assert_ok(dataset_import(d, test_file("small.csv", small), NULL));
    assert_int_equal(d->rows.n, 7);
}

static long long step_count(const dataset *d, size_t step, const char *what)
{
    return json_integer_value(json_object_get(json_array_get(json_object_get(d->manifest, "filters"), step), what));
}

static void check_ids(const names *v, const char *letters)
{
    for (uint32_t i = 0; i < v->n; i++) {
        slice s = names_at(v, i);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.p[0], letters[i]);
    }
    assert_int_equal(v->n, strlen(letters));
}

static void test_rating_and_time(void **state)
{
    (void)state;
    dataset d, out;
    open_small(&d);
    assert_ok(dataset_filter(&out, &d, &(filter_options){.by_rating = true, .min_rating = 3, .max_rating = 4}));
    assert_int_equal(out.rows.n, 4); /* a3 a2 b2 c4 */
    check_ids(&out.user_ids, "abc");
    check_ids(&out.item_ids, "234");
    assert_int_equal(step_count(&out, 0, "rows"), 3);
    assert_int_equal(step_count(&out, 0, "items"), 1);
    assert_int_equal(step_count(&out, 0, "users"), 0);
    dataset_close(&out);
    assert_ok(dataset_filter(&out, &d, &(filter_options){.after = 100, .before = 250}));
    assert_int_equal(out.rows.n, 3); /* a1 a2 b1 */
    check_ids(&out.user_ids, "ab");
    assert_string_not_equal(out.sha256, d.sha256);
    dataset_close(&out);
    dataset_close(&d);
}

static void test_duplicates(void **state)
{
    (void)state;
    dataset d, first, last;
    open_small(&d);
    assert_ok(dataset_filter(&first, &d, &(filter_options){.deduplicate = FILTER_KEEP_FIRST}));
    assert_ok(dataset_filter(&last, &d, &(filter_options){.deduplicate = FILTER_KEEP_LAST}));
    assert_int_equal(first.rows.n, 6);
    assert_int_equal(last.rows.n, 6);
    assert_int_equal(first.rows.time[1], 200);
    assert_int_equal(last.rows.time[1], 300);
    assert_int_equal(last.rows.time[2], 400);
    dataset_close(&first);
    dataset_close(&last);
    dataset_close(&d);
}

/* 2-core: item 3 and 4 go, with them c; a has 1 2 2, b has 1 2: stable. 3-core for users: b goes, then item 1, then a. */
static void test_core(void **state)
{
    (void)state;
    dataset d, out, again;
    open_small(&d);
    assert_ok(dataset_filter(&out, &d, &(filter_options){.user_core = 2, .item_core = 2}));
    check_ids(&out.user_ids, "ab");
    check_ids(&out.item_ids, "12");
    assert_int_equal(out.rows.n, 5);
    assert_int_equal(step_count(&out, 0, "users"), 1);
    assert_int_equal(step_count(&out, 0, "items"), 2);
    assert_ok(dataset_filter(&again, &out, &(filter_options){.deduplicate = FILTER_KEEP_FIRST}));
    assert_int_equal(json_array_size(json_object_get(again.manifest, "filters")), 2); /* both are remembered */
    dataset_close(&again);
    dataset_close(&out);
    assert_fails(dataset_filter(&out, &d, &(filter_options){.user_core = 3, .item_core = 2}), LOREC_INPUT,
                 "core: 3 a user, 2 an item");
    assert_fails(dataset_filter(&out, &d, &(filter_options){.by_rating = true, .min_rating = 6}), LOREC_INPUT,
                 "rating from 6");
    dataset_close(&d);
}

static void test_nothing_asked(void **state)
{
    (void)state;
    dataset d, out;
    open_small(&d);
    assert_ok(dataset_filter(&out, &d, &(filter_options){0}));
    assert_string_equal(out.sha256, d.sha256);
    dataset_close(&out);
    dataset_close(&d);
    assert_ok(dataset_import(&d, test_file("pairs.txt", "a 1\na 2\nb 1\n"), NULL));
    assert_fails(dataset_filter(&out, &d, &(filter_options){.after = 5}), LOREC_USAGE, "no times");
    dataset_close(&d);
}

static void test_columns_follow(void **state)
{
    (void)state;
    dataset d, out;
    assert_ok(dataset_sample(&d, 400, 3));
    assert_ok(dataset_filter(&out, &d, &(filter_options){.user_core = 15, .item_core = 8}));
    assert_true(out.rows.n_items < d.rows.n_items && out.rows.n_users < d.rows.n_users);
    const column *tags = dataset_column(&out, SIDE_ITEM, "tags"), *old_tags = dataset_column(&d, SIDE_ITEM, "tags");
    for (uint32_t i = 0; i < out.rows.n_items; i++) {
        uint32_t old;
        assert_ok(dataset_find_item(&d, names_at(&out.item_ids, i), &old));
        slice a = dataset_title(&out, i), b = dataset_title(&d, old);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.p, b.p, a.n);
        assert_int_equal(tags->code[tags->first[i]], old_tags->code[old_tags->first[old]]);
        assert_near(dataset_column(&out, SIDE_ITEM, "price")->value[i],
                    dataset_column(&d, SIDE_ITEM, "price")->value[old], 0);
    }
    dataset_close(&out);
    dataset_close(&d);
}

/* ---- graphs ---- */

static float weight_of(const graph *g, int64_t from, int32_t to)
{
    for (int64_t e = g->start[from]; e < g->start[from + 1]; e++) {
        if (g->to[e] == to) return g->weight[e];
    }
    return 0;
}

static void test_graphs(void **state)
{
    (void)state;
    dataset d;
    graph g;
    open_small(&d); /* users a b c = 0 1 2; items 1 2 3 4 = 0 1 2 3, nodes 3 4 5 6 */
    assert_ok(graph_user_item(&g, &d.rows));
    assert_int_equal(g.nodes, 7);
    assert_int_equal(g.edges, 12); /* six pairs: the second a-2 is the same edge */
    assert_ok(graph_normalise(&g));
    assert_near(weight_of(&g, 0, 4), 1 / sqrt(3 * 2), 1e-6); /* a has three items, item 2 two users */
    assert_near(weight_of(&g, 4, 0), 1 / sqrt(3 * 2), 1e-6);
    assert_near(weight_of(&g, 2, 6), 1, 1e-6);
    graph_free(&g);
    assert_ok(graph_transitions(&g, &d.rows, 1));
    assert_near(weight_of(&g, 0, 1), 2, 0); /* 1 -> 2 by a and by b */
    assert_near(weight_of(&g, 1, 2), 1, 0);
    assert_near(weight_of(&g, 2, 1), 1, 0);
    assert_near(weight_of(&g, 1, 0), 0, 0);
    assert_int_equal(g.start[4] - g.start[3], 0); /* item 4 has no neighbour */
    graph_free(&g);
    assert_ok(graph_together(&g, &d.rows, 0));
    assert_near(weight_of(&g, 0, 1), 2, 0);
    assert_near(weight_of(&g, 0, 2), 1, 0);
    assert_int_equal(g.edges, 6);
    graph_free(&g);
    assert_ok(graph_together(&g, &d.rows, 1));
    assert_near(weight_of(&g, 0, 1), 2, 0);
    assert_int_equal(g.edges, 3);
    graph_free(&g);
    assert_fails(graph_knowledge(&g, &d), LOREC_USAGE, "no knowledge graph");
    dataset_close(&d);
}

static void test_knowledge(void **state)
{
    (void)state;
    dataset d;
    graph g;
    test_file("k.inter", "user_id:token\titem_id:token\nu\tx\nu\ty\n");
    test_file("k.kg", "head_id:token\trelation_id:token\ttail_id:token\nm1\tby\tp1\nm2\tby\tp1\nm2\tin\tg\n");
    test_file("k.link", "item_id:token\tentity_id:token\nx\tm1\ny\tm2\n");
    assert_ok(dataset_import(&d, test_path("k.inter"), NULL));
    assert_ok(graph_knowledge(&g, &d));
    assert_int_equal(g.nodes, 4); /* x y, then p1 and g */
    assert_int_equal(g.edges, 6);
    assert_int_equal(g.start[1], 1);
    assert_int_equal(g.to[0], 2); /* x by p1 */
    assert_int_equal(g.relation[0], 0);
    assert_int_equal(g.to[g.start[2]], 0); /* and back */
    assert_int_equal(g.relation[g.start[2]], 2);
    graph_free(&g);
    dataset_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rating_and_time), cmocka_unit_test(test_duplicates),     cmocka_unit_test(test_core),
        cmocka_unit_test(test_nothing_asked),   cmocka_unit_test(test_columns_follow), cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_knowledge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The probes on made data: each leak is found where it was put, and nothing is found where it was not. */
#include <math.h>

#include "base/mem.h"
#include "eval/probe.h"
#include "lm/llm.h"
#include "support/mock_server.h"
#include "support/support.h"
#include "tensor/rng.h"

enum { USERS = 200, ITEMS = 400, ROWS = 6 };

typedef struct made {
    uint32_t item[USERS][ROWS];
    int64_t time[USERS][ROWS];
    const char *title;  /* of all items, or NULL: a title of its own */
    const char *letter; /* before items' ids */
    dataset d;
    split s;
    protocol p;
    probe_findings f;
} made;

/* Every user has six different items drawn at random, the last ones after everybody's others. */
static made *clean(void)
{
    made *m;
    rng r = rng_make(5, RNG_USER);
    assert_ok(mem_new(&m, 1));
    m->letter = "";
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < ROWS; k++) {
            bool again = true;
            while (again) {
                m->item[u][k] = rng_below(&r, ITEMS);
                again = false;
                for (int j = 0; j < k; j++) again |= m->item[u][j] == m->item[u][k];
            }
            m->time[u][k] = k * 1000000 + u;
        }
    return m;
}

static void build(made *m, const char *candidates)
{
    dataset_builder *b = dataset_builder_new("made");
    rng r = rng_make(6, RNG_USER);
    uint32_t name[USERS];
    for (uint32_t u = 0; u < USERS; u++) name[u] = u;
    rng_shuffle(&r, name, USERS); /* users' numbers say nothing of the order in which they come */
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < ROWS; k++) {
            char user[16], item[24], title[40];
            snprintf(user, sizeof user, "%u", name[u] + 1);
            snprintf(item, sizeof item, "%s%u", m->letter, m->item[u][k] + 1);
            snprintf(title, sizeof title, m->title ? "%s" : "Title of %s", m->title ? m->title : item);
            raw_row row = {.user = slice_of(user), .item = slice_of(item), .rating = NAN, .time = m->time[u][k]};
            assert_ok(dataset_builder_row(b, &row));
            assert_ok(dataset_builder_cell(b, SIDE_ITEM, "title", COLUMN_TEXT, slice_of(item), slice_of(title), 0));
        }
    assert_ok(dataset_builder_finish(b, false, &m->d));
    assert_ok(split_make(&m->s, &m->d, &(split_options){.kind = SPLIT_LOO}));
    assert_ok(protocol_make(&m->p, &m->s, candidates, "ndcg@10", false, 1));
}

static void probe_all(made *m, const char *slate, const dataset *graph, llm *lm)
{
    assert_ok(probe_run(
        &m->f, &(probe_request){.protocol = &m->p, .slate = slate, .graph = graph, .lm = lm, .lines = 10, .seed = 1}));
}

static const probe_finding *found(const made *m, const char *probe)
{
    for (size_t i = 0; i < m->f.n; i++)
        if (strcmp(m->f.row[i].probe, probe) == 0) return &m->f.row[i];
    fail_msg("no finding \"%s\"", probe);
    return NULL;
}

static void assert_only_flagged(const made *m, const char *probes)
{
    for (size_t i = 0; i < m->f.n; i++) {
        bool due = strstr(probes, m->f.row[i].probe) != NULL, is = m->f.row[i].verdict == PROBE_FLAGGED;
        if (due != is)
            fail_msg("%s: %s with %g (limit %g, p %g)", m->f.row[i].probe, probe_verdicts[m->f.row[i].verdict],
                     m->f.row[i].value, m->f.row[i].limit, m->f.row[i].p);
    }
}

static void done(made *m)
{
    probe_findings_free(&m->f);
    protocol_close(&m->p);
    split_close(&m->s);
    dataset_close(&m->d);
    mem_free(m);
}

static void clean_data_has_no_flag(void **state)
{
    (void)state;
    made *m = clean();
    build(m, "uniform@50");
    probe_all(m, NULL, NULL, NULL);
    assert_only_flagged(m, "");
    assert_near(found(m, "popularity")->value, .5, .1);
    assert_near(found(m, "item-ids")->chance, 10. / ITEMS, .002);
    done(m);
}

/* P5's sequential ids: users one by one, each new item gets the next number, targets included. */
static void sequential_ids_are_found(void **state)
{
    (void)state;
    made *m = clean();
    uint32_t number[ITEMS], next = 0;
    for (int i = 0; i < ITEMS; i++) number[i] = UINT32_MAX;
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < ROWS; k++) {
            if (number[m->item[u][k]] == UINT32_MAX) number[m->item[u][k]] = next++;
            m->item[u][k] = number[m->item[u][k]];
        }
    m->letter = "item_";
    dataset_builder *b = dataset_builder_new("p5"); /* the users' numbers go up too */
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < ROWS; k++) {
            char user[16], item[24];
            snprintf(user, sizeof user, "%d", u + 1);
            snprintf(item, sizeof item, "item_%u", m->item[u][k] + 1);
            raw_row row = {.user = slice_of(user), .item = slice_of(item), .rating = NAN, .time = INT64_MIN};
            assert_ok(dataset_builder_row(b, &row));
        }
    assert_ok(dataset_builder_finish(b, false, &m->d));
    assert_ok(split_make(&m->s, &m->d, &(split_options){.kind = SPLIT_LOO}));
    assert_ok(protocol_make(&m->p, &m->s, "full", "ndcg@10", false, 1));
    probe_all(m, NULL, NULL, NULL);
    assert_only_flagged(m, "item-ids first-sight user-ids");
    assert_near(found(m, "first-sight")->value, 1, 0);
    assert_int_equal(found(m, "later-rows")->verdict, PROBE_SKIPPED);
    assert_int_equal(found(m, "titles")->verdict, PROBE_SKIPPED);
    done(m);
}

static void repeats_twins_and_titles_are_found(void **state)
{
    (void)state;
    made *m = clean();
    for (int u = 0; u < 10; u++) m->item[u][ROWS - 1] = m->item[u][0];
    for (int u = 20; u < 40; u++) memcpy(m->item[u], m->item[u + 20], sizeof m->item[u]);
    build(m, "full");
    probe_all(m, NULL, NULL, NULL);
    assert_only_flagged(m, "repeats twins");
    assert_near(found(m, "repeats")->value, 10. / USERS, 1e-9);
    assert_near(found(m, "twins")->value, 40. / USERS, 1e-9);
    done(m);

    m = clean();
    m->title = "The Same Thing";
    build(m, "full");
    probe_all(m, NULL, NULL, NULL);
    assert_only_flagged(m, "titles");
    assert_near(found(m, "titles")->value, 1, 0);
    done(m);
}

static void later_rows_are_found(void **state)
{
    (void)state;
    made *m = clean();
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < ROWS; k++)
            m->time[u][k] = (int64_t)u * 1000 + k; /* each user's life ends before the next's */
    build(m, "full");
    probe_all(m, NULL, NULL, NULL);
    assert_only_flagged(m, "later-rows");
    assert_near(found(m, "later-rows")->value, .5, .01);
    done(m);
}

static void a_graph_of_all_rows_is_found(void **state)
{
    (void)state;
    made *m = clean();
    build(m, "full");
    probe_all(m, NULL, &m->d, NULL);
    assert_only_flagged(m, "graph");
    assert_near(found(m, "graph")->value, 1, 0);
    probe_findings_free(&m->f);

    dataset_builder *b = dataset_builder_new("train"); /* the same ids, numbered otherwise, the training rows alone */
    dataset graph;
    for (uint32_t u = m->s.train.n_users; u-- > 0;)
        for (uint64_t r = m->s.train.start[u]; r < m->s.train.start[u + 1]; r++) {
            raw_row row = {.user = names_at(&m->d.user_ids, u),
                           .item = names_at(&m->d.item_ids, m->s.train.item[r]),
                           .rating = NAN,
                           .time = INT64_MIN};
            assert_ok(dataset_builder_row(b, &row));
        }
    assert_ok(dataset_builder_finish(b, false, &graph));
    probe_all(m, NULL, &graph, NULL);
    assert_only_flagged(m, "");
    dataset_close(&graph);
    done(m);
}

/* Slates of eight, the target first in each; then anywhere. */
static void places_are_found(void **state)
{
    (void)state;
    rng r = rng_make(9, RNG_USER);
    for (int first = 1; first >= 0; first--) {
        made *m = clean();
        build(m, "full");
        buf text = {0};
        for (uint32_t u = 0; u < USERS; u++) {
            uint32_t target = m->s.test.item[m->s.test.start[u]], where = first ? 0 : rng_below(&r, 8);
            slice id = names_at(&m->d.user_ids, u);
            assert_ok(buf_printf(&text, "%.*s", (int)id.n, id.p));
            for (uint32_t k = 0; k < 8; k++) {
                id = names_at(&m->d.item_ids, k == where ? target : (target + 1 + k) % m->d.rows.n_items);
                assert_ok(buf_printf(&text, "\t%.*s", (int)id.n, id.p));
            }
            assert_ok(buf_puts(&text, "\n"));
        }
        const char *path = test_file("slate.tsv", text.p);
        probe_all(m, path, NULL, NULL);
        assert_only_flagged(m, first ? "place" : "");
        assert_near(found(m, "place")->chance, 1. / 8, 1e-9);
        if (first) assert_near(found(m, "place")->value, 1, 0);
        buf_free(&text);
        done(m);
    }
}

/* A hundred users end with one item; uniform candidates are told from it by popularity alone. */
static void popular_targets_are_found(void **state)
{
    (void)state;
    made *m = clean();
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < ROWS; k++)
            if (k == u % ROWS || k == ROWS - 1) m->item[u][k] = (uint32_t)(u % 7 + (k == ROWS - 1 ? 7 : 0)) % 14;
    for (int u = 0; u < USERS; u++) /* the popular ones in training too */
        m->item[u][1] = (uint32_t)(u + 3) % 14 == m->item[u][ROWS - 1] ? (uint32_t)(u + 4) % 14
                                                                       : (uint32_t)(u + 3) % 14;
    build(m, "uniform@50");
    probe_all(m, NULL, NULL, NULL);
    assert_int_equal(found(m, "popularity")->verdict, PROBE_FLAGGED);
    assert_true(found(m, "popularity")->value > .8);
    done(m);
}

static void a_model_that_has_read_the_file_is_found(void **state)
{
    (void)state;
    for (int knows = 0; knows < 2; knows++) {
        made *m = clean();
        mock_server *server = mock_start();
        llm *lm;
        m->title = "The Same Thing";
        build(m, "full");
        for (int i = 0; i < 10; i++)
            mock_push(server, &(mock_reply){.body = knows ? "{\"choices\": [{\"text\": \"The Same Thing\\n18::\", "
                                                            "\"message\": {\"content\": \"The Same Thing\"}}]}"
                                                          : "{\"choices\": [{\"text\": \"The Same\", \"message\": "
                                                            "{\"content\": \"The Same\"}}]}"});
        assert_ok(llm_open(&lm, mock_spec(server, "#model"), &(llm_options){.concurrency = 1}));
        probe_all(m, NULL, NULL, lm);
        assert_only_flagged(m, knows ? "titles lines" : "titles");
        assert_near(found(m, "lines")->value, knows, 0);
        assert_near(found(m, "rows")->value, 0, 0);
        assert_int_equal(mock_requests(server), 20);
        assert_non_null(strstr(mock_request(server, 0), "::The Same Thing\\n"));
        llm_close(lm);
        mock_stop(server);
        done(m);
    }
}

static void findings_as_json(void **state)
{
    (void)state;
    made *m = clean();
    build(m, "full");
    probe_all(m, NULL, NULL, NULL);
    json_t *o = probe_json(&m->f);
    assert_non_null(o);
    assert_int_equal(json_array_size(o), m->f.n);
    assert_string_equal(json_string_value(json_object_get(json_array_get(o, 0), "probe")), "item-ids");
    assert_string_equal(json_string_value(json_object_get(json_array_get(o, 0), "verdict")), "clean");
    json_decref(o);
    done(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(clean_data_has_no_flag),
                                       cmocka_unit_test(sequential_ids_are_found),
                                       cmocka_unit_test(repeats_twins_and_titles_are_found),
                                       cmocka_unit_test(later_rows_are_found),
                                       cmocka_unit_test(a_graph_of_all_rows_is_found),
                                       cmocka_unit_test(places_are_found),
                                       cmocka_unit_test(popular_targets_are_found),
                                       cmocka_unit_test(a_model_that_has_read_the_file_is_found),
                                       cmocka_unit_test(findings_as_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

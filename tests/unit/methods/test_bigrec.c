/* BIGRec before a scripted server: from what was written to an order of all items. */
#include <math.h>

#include "recipes/grounding.h"
#include "support/chat_stage.h"
#include "support/support.h"

typedef struct stage {
    chat_stage chat;
    uint32_t n_items;
    float *score; /* [n_items] */
} stage;

static void open_stage(stage *g)
{
    chat_stage_open(&g->chat, "bigrec");
    g->n_items = g->chat.s.train.n_items;
    g->score = calloc(g->n_items, sizeof *g->score);
    assert_non_null(g->score);
}

static void close_stage(stage *g)
{
    chat_stage_close(&g->chat);
    free(g->score);
}

static const uint32_t history[] = {5, 17, 230};

static void ask(stage *g, const char *reply)
{
    query q = {.user = 3, .items = history, .n = 3, .now = INT64_MIN};
    chat_stage_reply(&g->chat, reply);
    assert_ok(g->chat.r->score(g->chat.self, g->chat.session, &q, 1, g->score));
    for (uint32_t i = 0; i < g->n_items; i++) assert_true(g->score[i] <= 0 && g->score[i] >= -1);
}

static bool same_text(slice a, slice b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static uint32_t first(const stage *g)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < g->n_items; i++)
        if (g->score[i] > g->score[best]) best = i;
    return best;
}

static void what_was_written_finds_its_item(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    chat_stage_fit(&g.chat);
    slice t = dataset_title(&g.chat.d, 77);
    char text[256];
    snprintf(text, sizeof text, "\"%.*s\"\nA sentence more.", (int)t.n, t.p);
    ask(&g, text);
    assert_true(g.score[77] == 0);
    assert_true(same_text(dataset_title(&g.chat.d, first(&g)), t));
    snprintf(text, sizeof text, "%.*s", (int)t.n, t.p);
    assert_true(strlen(text) > 6);
    text[2] = 'q'; /* a typo */
    ask(&g, text);
    assert_true(same_text(dataset_title(&g.chat.d, first(&g)), t));
    const char *request = mock_request(g.chat.server, 0);
    snprintf(text, sizeof text, "%.*s", (int)dataset_title(&g.chat.d, 17).n, dataset_title(&g.chat.d, 17).p);
    assert_non_null(strstr(request, text));
    ask(&g, "\n \"\" ");
    for (uint32_t i = 0; i < g.n_items; i++) assert_true(g.score[i] == 0); /* nothing written: ties */
    ask(&g, "Zzyzx Qwrk! 123");                                            /* no such thing, still an order of items */
    json_t *counts = g.chat.r->counts(g.chat.self), *replies = json_object_get(counts, "replies");
    assert_non_null(strstr(json_string_value(json_object_get(counts, "grounding")), "hashed"));
    assert_int_equal(json_integer_value(json_object_get(replies, "clean")), 1);
    assert_int_equal(json_integer_value(json_object_get(replies, "nearest")), 2);
    assert_int_equal(json_integer_value(json_object_get(replies, "empty")), 1);
    json_decref(counts);
    close_stage(&g);
}

static void a_saved_one_scores_the_same(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    chat_stage_set(&g.chat, "weight", "popularity");
    chat_stage_fit(&g.chat);
    ask(&g, "The Silent River");
    float *before = g.score;
    g.score = calloc(g.n_items, sizeof *g.score);
    const char *folder = test_folder();
    assert_ok(recommender_save(g.chat.r, g.chat.self, folder));
    rec_session_free(g.chat.session);
    recommender_free(g.chat.r, g.chat.self);
    g.chat.session = rec_session_new(1);
    assert_ok(recommender_load(g.chat.r, &g.chat.self, folder));
    ask(&g, "The Silent River");
    assert_memory_equal(before, g.score, g.n_items * sizeof *before);
    free(before);
    chat_stage_set(&g.chat, "llm", "");
    rec_session_free(g.chat.session);
    g.chat.session = rec_session_new(1);
    query q = {.user = 3, .items = history, .n = 3, .now = INT64_MIN};
    assert_fails(g.chat.r->score(g.chat.self, g.chat.session, &q, 1, g.score), LOREC_USAGE, "--llm");
    close_stage(&g);
}

static void weights_are_the_equations(void **state)
{
    (void)state;
    const uint32_t count[] = {2, 2, 10, 6};
    float signal[4], d[] = {1, 3, 3, 5}, plain[] = {1, 3, 3, 5}, large[] = {1, 3, 3, 5};
    grounding_signal(count, 4, signal);
    assert_true(signal[0] == 0 && signal[2] == 1 && signal[3] == .5f);
    grounding_weigh(plain, 4, signal, 0);
    assert_true(plain[0] == 0 && plain[1] == .5f && plain[2] == .5f && plain[3] == 1);
    grounding_weigh(d, 4, signal, 2); /* the tie of 1 and 2 goes to the popular one */
    assert_true(d[0] == 0 && d[1] == .5f && d[2] == .125f && fabsf(d[3] - 1 / 2.25f) < 1e-6f);
    grounding_weigh(large, 4, signal, 50); /* popularity's order, behind the nearest */
    assert_true(large[0] == 0 && large[2] < large[3] && large[3] < large[1]);
    float same[] = {2, 2};
    grounding_weigh(same, 2, NULL, 1);
    assert_true(same[0] == 0 && same[1] == 0);
}

/* A catalogue by hand: the sample's titles have no years. */
static void typos_and_years_do_not_matter(void **state)
{
    (void)state;
    static const char *const title[] = {"Heat (1995)",        "Matrix, The (1999)", "Toy Story (1995)",
                                        "Toy Story 2 (1999)", "Die Hard (1988)",    "Usual Suspects, The (1995)"};
    enum { N = sizeof title / sizeof *title };
    static const struct {
        const char *text;
        uint32_t item;
    } row[] = {{"The Matirx", 1}, {"toy story", 2},          {"Toy Story 2", 3},
               {"Dye Hard", 4},   {"The Usual Suspcets", 5}, {"heat", 0}};
    enum { ROWS = sizeof row / sizeof *row };
    char bytes[256] = "";
    uint64_t start[2 * N + 1] = {0};
    for (size_t i = 0; i < N; i++) {
        strcat(bytes, title[i]);
        start[i + 1] = strlen(bytes);
    }
    for (size_t i = N; i < 2 * N; i++) start[i + 1] = start[i];
    grounding *g;
    assert_ok(grounding_make(&g, &(catalogue){.n = N, .bytes = bytes, .start = start}, NULL));
    slice text[ROWS];
    float d[ROWS * N];
    for (size_t k = 0; k < ROWS; k++) text[k] = slice_of(row[k].text);
    assert_ok(grounding_distances(g, text, ROWS, d));
    for (size_t k = 0; k < ROWS; k++)
        for (uint32_t i = 0; i < N; i++)
            if (i != row[k].item) assert_true(d[k * N + row[k].item] < d[k * N + i]);
    text[0] = slice_of(title[3]);
    assert_ok(grounding_distances(g, text, 1, d));
    assert_true(d[3] == 0);
    grounding_free(g);
    assert_fails(grounding_make(&g, &(catalogue){.n = N, .bytes = bytes, .start = start}, "no/such/model"), LOREC_INPUT,
                 "no such model");
}

static void popularity_in_the_scores(void **state)
{
    (void)state;
    stage g;
    open_stage(&g);
    chat_stage_fit(&g.chat);
    uint32_t n = g.n_items, *count = calloc(n, sizeof *count);
    float *plain = calloc(n, sizeof *plain), *signal = calloc(n, sizeof *signal);
    for (uint64_t i = 0; i < g.chat.s.train.n; i++) count[g.chat.s.train.item[i]]++;
    grounding_signal(count, n, signal);
    ask(&g, "The Silent River");
    memcpy(plain, g.score, n * sizeof *plain);
    chat_stage_set(&g.chat, "weight", "popularity");
    chat_stage_set(&g.chat, "gamma", "3");
    ask(&g, "The Silent River");
    size_t moved = 0;
    for (uint32_t i = 0; i < n; i++) {
        assert_true(fabs(g.score[i] - plain[i] * pow(1 + (double)signal[i], -3)) < 1e-5);
        moved += g.score[i] != plain[i];
    }
    assert_true(moved > 0);
    free(count);
    free(plain);
    free(signal);
    close_stage(&g);
}

static void titles_of_replies(void **state)
{
    (void)state;
    static const char *const row[][2] = {{"\"Heat (1995)\"", "Heat (1995)"},
                                         {"<think>Alien?\n</think>\n\n 'Heat' \nyes", "Heat"},
                                         {"\xe2\x80\x9cHeat\xe2\x80\x9d", "Heat"},
                                         {"", ""},
                                         {"\n\n", ""}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        assert_true(same_text(grounding_title(slice_of(row[i][0])), slice_of(row[i][1])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_finds_its_item), cmocka_unit_test(a_saved_one_scores_the_same),
        cmocka_unit_test(weights_are_the_equations),       cmocka_unit_test(typos_and_years_do_not_matter),
        cmocka_unit_test(popularity_in_the_scores),        cmocka_unit_test(titles_of_replies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Search by words of titles against an obvious version that reads every title, over made catalogues that change. */
#include "base/mem.h"
#include "serve/engine/title_index.h"
#include "support/support.h"
#include "tensor/rng.h"
#include "text/words.h"

enum { ITEMS = 600, MOST = 40 };

/* As if the data had it: its title alone counts. */
static void put(live *v, int i, const char *title, bool hidden)
{
    char id[16];
    snprintf(id, sizeof id, "i%d", i);
    assert_ok(live_item_row(v, &(store_item){.id = slice_of(id),
                                             .title = slice_of(title),
                                             .comment = slice_of(""),
                                             .categories = slice_of("[]"),
                                             .labels = slice_of("{}"),
                                             .hidden = hidden}));
    v->item[i].n_words = 0;
}

/* Few letters, so that much fits. */
static void draw(rng *r, char out[64], int most_words)
{
    size_t n = 0;
    for (int w = 0, words = 1 + (int)rng_below(r, (uint32_t)most_words); w < words; w++) {
        if (w) out[n++] = ' ';
        for (int k = 0, letters = 1 + (int)rng_below(r, 5); k < letters; k++) out[n++] = "abcA1"[rng_below(r, 5)];
    }
    out[n] = 0;
}

static int fit(const char *title, const char *words)
{
    char rest[128], *word = rest;
    int worst = 2;
    if (!strcmp(title, words)) return 0;
    if (!strncmp(title, words, strlen(words))) return 1;
    snprintf(rest, sizeof rest, "%s", words);
    for (char *w; (w = strsep(&word, " "));) {
        char begun[80], padded[160];
        snprintf(begun, sizeof begun, " %s", w);
        snprintf(padded, sizeof padded, " %s", title);
        if (strstr(padded, begun)) continue;
        if (!strstr(title, w)) return 4;
        worst = 3;
    }
    return worst;
}

static char *folded(const char *text)
{
    buf b = {0};
    assert_ok(words_fold(slice_of(text), &b));
    return b.p;
}

/* All items in the order that is due; how many. */
static size_t expected(const live *v, const char *words, uint32_t *out, int *how)
{
    size_t n = 0;
    char *w = folded(words);
    for (uint32_t i = 0; i < v->items.n; i++) {
        char *title = folded(v->item[i].title);
        int f = *w ? fit(title, w) : 3;
        mem_free(title);
        if (f == 4 || v->item[i].hidden) continue;
        size_t at = n++;
        for (; at && (how[at - 1] > f || (how[at - 1] == f && v->item[out[at - 1]].popularity < v->item[i].popularity));
             at--)
            out[at] = out[at - 1], how[at] = how[at - 1];
        out[at] = i;
        how[at] = f;
    }
    mem_free(w);
    return n;
}

static void same_as_reading_all(title_index *t, const live *v, rng *r, const char *words)
{
    uint32_t due[ITEMS], got[MOST], only;
    int how[ITEMS];
    size_t found, total, n = expected(v, words, due, how), offset = rng_below(r, 3) * rng_below(r, 30),
                         most = rng_below(r, MOST);
    assert_ok(title_index_find(t, v, slice_of(words), offset, most, got, &found, &total));
    if (most) assert_int_equal(total, n);
    assert_int_equal(found, offset >= n ? 0 : n - offset < most ? n - offset : most);
    for (size_t i = 0; i < found; i++)
        if (got[i] != due[offset + i])
            fail_msg("\"%s\": place %zu is \"%s\"", words, offset + i, v->item[got[i]].title);
    assert_ok(title_index_only(t, v, slice_of(words), &only));
    bool one = n == 1 || (n > 1 && how[0] == 0 && how[1] != 0);
    assert_int_equal(only, one ? due[0] : NO_NUMBER);
}

static void finds_what_reading_all_finds(void **state)
{
    (void)state;
    live v;
    title_index t;
    rng r = rng_make(5, RNG_SPLIT);
    char text[64];
    assert_ok(live_open(&v, "read", false));
    assert_ok(title_index_open(&t));
    for (int i = 0; i < ITEMS; i++) {
        draw(&r, text, 5);
        put(&v, i, text, i % 10 == 0);
        v.item[i].popularity = rng_below(&r, 4);
    }
    for (int round = 0; round < 400; round++) {
        draw(&r, text, 3);
        same_as_reading_all(&t, &v, &r, text);
        if (round % 9 == 0) { /* some titles change, some items go or come back */
            char title[64];
            draw(&r, title, 5);
            put(&v, (int)rng_below(&r, ITEMS), title, rng_below(&r, 3) == 0);
        }
    }
    same_as_reading_all(&t, &v, &r, "");
    same_as_reading_all(&t, &v, &r, "a b c a1 a b");
    title_index_close(&t);
    live_close(&v);
}

static void as_people_write(void **state)
{
    (void)state;
    static const char *const titles[] = {"Amélie (2001)", "千と千尋の神隠し", "Ocean's Eleven", "The Matrix",
                                         "Matrix, The: Again"};
    static const struct {
        const char *words;
        size_t total;
        uint32_t first;
    } rows[] = {{"AMELIE", 1, 0}, {"amel 20", 1, 0}, {"千尋", 1, 1},        {"eleven ocean", 1, 2},
                {"oceans", 0, 0}, {"matrix", 3, 4},  {"crime thief", 1, 5}, {"the matrix", 3, 3},
                {"?!", 0, 0},     {"x", 2, 3},       {"\xff", 0, 0}};
    live v;
    title_index t;
    assert_ok(live_open(&v, "read", false));
    assert_ok(title_index_open(&t));
    for (int i = 0; i < 5; i++) put(&v, i, titles[i], false);
    assert_ok(live_item_row(&v, &(store_item){.id = slice_of("i5"),
                                              .title = slice_of("Heat"),
                                              .comment = slice_of("A thief and the matrix of a city"),
                                              .categories = slice_of("[\"Crime\"]"),
                                              .labels = slice_of("{}")}));
    assert_ok(title_index_refresh(&t, &v));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t items[6];
        size_t found, total;
        assert_ok(title_index_find(&t, &v, slice_of(rows[i].words), 0, 6, items, &found, &total));
        if (total != rows[i].total || (total && items[0] != rows[i].first))
            fail_msg("\"%s\": %zu", rows[i].words, total);
    }
    uint32_t only; /* what an item is about is no name for it */
    assert_ok(title_index_only(&t, &v, slice_of("crime thief"), &only));
    assert_int_equal(only, NO_NUMBER);
    assert_ok(title_index_only(&t, &v, slice_of("eleven"), &only));
    assert_int_equal(only, 2);
    title_index_close(&t);
    live_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_reading_all_finds),
                                       cmocka_unit_test(as_people_write)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

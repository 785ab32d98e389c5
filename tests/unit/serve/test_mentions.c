/* Titles in a conversation, and answers that name what is not there. */
#include "support/support.h"

#include "base/mem.h"
#include "serve/openai/title_check.h"

static live v;
static mentions *m;

static void add(const char *id, const char *title, uint64_t popularity)
{
    assert_ok(live_item_row(&v, &(store_item){.id = slice_of(id),
                                              .title = slice_of(title),
                                              .categories = slice_of("[\"Film Noir\"]"),
                                              .labels = slice_of("null")}));
    v.item[live_find_item(&v, slice_of(id))].popularity = popularity;
}

static int set_up(void **state)
{
    (void)state;
    assert_ok(live_open(&v, "read", false));
    add("1", "Heat (1995)", 5);
    add("2", "Matrix, The (1999)", 9);
    add("3", "Toy Story (1995)", 7);
    add("4", "Am\xc3\xa9lie (2001)", 3);
    add("5", "It (1990)", 2);
    add("6", "Toy Story 2 (1999)", 6);
    add("7", "Heat (1972)", 1);
    assert_ok(mentions_update(&m, &v));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mentions_free(m);
    live_close(&v);
    return 0;
}

static void finds(const char *text, const char *wanted)
{
    title_hits hits = {0};
    char found[128] = "";
    assert_ok(mentions_scan(m, &v, slice_of(text), &hits));
    for (size_t i = 0; i < hits.n; i++) {
        slice id = ids_name(&v.items, hits.hit[i].item);
        snprintf(found + strlen(found), sizeof found - strlen(found), "%.*s ", (int)id.n, id.p);
    }
    if (strcmp(found, wanted) != 0) fail_msg("\"%s\": %s where %s was due", text, found, wanted);
    mem_free(hits.hit);
}

static void titles_are_found_as_people_write_them(void **state)
{
    (void)state;
    finds("I loved Toy Story and the matrix, what next?", "3 "); /* one word after an article: only with a capital */
    finds("I loved toy story and The Matrix", "3 2 ");
    finds("toy story 2 was better", "6 "); /* the longest */
    finds("We saw Heat yesterday", "1 ");  /* the more popular of two */
    finds("the heat was terrible", "");
    finds("Heat, Amelie and \"It\"", "1 4 5 ");
    finds("It was good", "");
    finds("Matrix, The (1999) / Heat (1972)", "2 7 ");
    finds("AM\xc3\x89LIE (2001)", "4 ");
    finds("", "");
    finds("\xff\xfe", "");
    assert_int_equal(mentions_find(m, &v, slice_of("the MATRIX")), live_find_item(&v, slice_of("2")));
    assert_int_equal(mentions_find(m, &v, slice_of("the matrix reloaded")), NO_NUMBER);
    v.item[live_find_item(&v, slice_of("2"))].hidden = true;
    finds("I loved The Matrix", "");
    v.item[live_find_item(&v, slice_of("2"))].hidden = false;
    add("8", "Fargo (1996)", 1);
    assert_ok(mentions_update(&m, &v));
    finds("and Fargo too", "8 ");
}

static void becomes(const char *line, const char *wanted, int64_t repairs)
{
    const title_offer list[] = {{live_find_item(&v, slice_of("1")), slice_of("Heat (1995)")},
                                {live_find_item(&v, slice_of("2")), slice_of("Matrix, The (1999)")}};
    title_check c = {.mentions = m, .live = &v, .list = list, .n = 2};
    buf out = {0};
    assert_ok(title_check_line(&c, slice_of(line), &out));
    assert_string_equal(out.p, wanted);
    assert_int_equal(c.repairs, repairs);
    buf_free(&out);
}

static void invented_titles_do_not_come_through(void **state)
{
    (void)state;
    becomes("Try \"Heat (1995)\" first.", "Try \"Heat (1995)\" first.", 0);
    becomes("Try \"The Great Invention\" first.", "Try \"Heat (1995)\" first.", 1);
    becomes("Try **Nothing Real** and \"Also Not\".", "Try **Heat (1995)** and \"Matrix, The (1999)\".", 2);
    becomes("Try \"One\", \"Two\" or \"Three\".", "", 3); /* nothing is left to say: the line goes */
    becomes("1. The Great Invention (2031) - a film", "1. Heat (1995) - a film", 1);
    becomes("- Toy Story: for children", "- Toy Story: for children", 0);
    becomes("a \"slow\" film, a \"Film Noir\"", "a \"slow\" film, a \"Film Noir\"", 0);
    becomes("It is about The Matrix and so on", "It is about The Matrix and so on", 0);
    becomes("an open \"quote", "an open \"quote", 0);
    becomes("\xe2\x80\x9cNo Such Thing\xe2\x80\x9d, really", "\xe2\x80\x9cHeat (1995)\xe2\x80\x9d, really", 1);
    becomes("", "", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(titles_are_found_as_people_write_them),
                                       cmocka_unit_test(invented_titles_do_not_come_through)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

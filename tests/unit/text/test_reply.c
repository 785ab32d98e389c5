/* Replies of every kind that language models were seen to write: what is read from them, and what is counted. */
#include "support/support.h"

#include "base/mem.h"
#include "text/reply.h"

static const char *const films[] = {
    "Alien (1979)",
    "Heat (1995)",
    "Up (2009)",
    "Matrix, The (1999)",
    "Good, the Bad and the Ugly, The (1966)",
    "Am\xC3\xA9lie (2001)",
    "2001: A Space Odyssey (1968)",
    "Schindler's List (1993)",
    "E.T. the Extra-Terrestrial (1982)",
    "Thing, The (1982)",
    "Thing, The (2011)",
    "12 Monkeys (1995)",
};
enum { FILMS = sizeof films / sizeof *films };

typedef struct ranking_case {
    const char *text, *want; /* "0 1 2" */
    reply_labels labels;
    size_t wanted;
    const char *counted; /* "name name=2" */
    bool broken_off;
} ranking_case;

static const ranking_case rankings[] = {
    {"Alien (1979)\nHeat (1995)\nUp (2009)", "0 1 2", 0, 3, "clean"},
    {"1. Alien (1979)\n2. Heat (1995)\n3. Up (2009)\n", "0 1 2", 0, 3, "clean"},
    {"Sure! Here is my ranking:\n\n1. **Heat** (1995) - a classic\n2. *Alien* (1979): scary\n3) \"Up\" "
     "(2009)\n\nEnjoy!",
     "1 0 2", 0, 3, "normalised=3"},
    {"- Alien\n- Heat\n- Up", "0 1 2", 0, 3, "normalised=3"},
    {"\xE2\x80\xA2 alien\n\xE2\x80\xA2 HEAT", "0 1", 0, 3, "normalised=2 fewer"},
    {"```\n1. Alien (1979)\n2. Heat (1995)\n```", "0 1", 0, 2, "fences"},
    {"```json\n[\"Alien (1979)\", \"Heat (1995)\"]\n```", "0 1", 0, 2, "fences"},
    {"[\"Alien (1979)\", \"Heat (1995)\"]", "0 1", 0, 2, "clean"},
    {"Here you go: [\"Alien (1979)\", \"Heat (1995)\"] hope it helps", "0 1", 0, 2, "json_repairs"},
    {"['Alien (1979)', 'Schindler's List (1993)']", "0 7", 0, 2, "json_repairs=2"},
    {"[\"Alien (1979)\", \"Heat (1995)\", \"Up (20", "0 1 2", 0, 3, "json_repairs", true},
    {"{\"recommendations\": [{\"title\": \"Heat (1995)\", \"why\": \"x\"}, {\"title\": \"Alien (1979)\"}]}", "1 0", 0,
     2, "clean"},
    {"{\"movies\": [{\"why\": \"first\", \"rank\": 2, \"title\": \"Heat (1995)\"}, {\"rank\": 1, \"title\": \"Alien "
     "(1979)\"}]}",
     "0 1", 0, 2, ""},
    {"{\"1\": \"Alien (1979)\", \"2\": \"Heat (1995)\"}", "0 1", 0, 2, "clean"},
    {"{\"Alien (1979)\": 0.2, \"Heat (1995)\": 0.9}", "1 0", 0, 2, "clean"},
    {"[3] > [1] > [2]", "2 0 1", REPLY_NUMBERS, 3, "clean"},
    {"3, 1, 2", "2 0 1", REPLY_NUMBERS, 3, "clean"},
    {"[3, 1, 2]", "2 0 1", REPLY_NUMBERS, 3, "clean"},
    {"2 > 0 > 1", "2 0 1", REPLY_NUMBERS, 3, "off_by_one"},
    {"1. [2]\n2. [1]\n3. [3]", "1 0 2", REPLY_NUMBERS, 3, "clean"},
    {"C, A, B", "2 0 1", REPLY_LETTERS, 3, "clean"},
    {"C. Up (2009)\nA. Alien (1979)", "2 0", REPLY_LETTERS, 2, ""},
    {"3. Alien (1979)\n7. Heat (1995)", "0 1", 0, 2, "renumbered"},
    {"0. Alien (1979)\n1. Heat (1995)", "0 1", 0, 2, "renumbered"},
    {"1. Alien (1979)\n2. Blade Runner (1982)\n3. Heat (1995)", "0 1", 0, 3, "invented fewer"},
    {"1. Alien (1979)\n2. Alien\n3. Heat (1995)", "0 1", 0, 3, "duplicates"},
    {"1. Alien (1979)\n2. Heat (1995)\n3. Up (2009)", "0 1", 0, 2, "more"},
    {"1. Alein (1979)\n2. Schindlers Lst", "0 7", 0, 2, "nearest=2"},
    {"1. The Matrix\n2. the good the bad & the ugly\n3. Amelie", "3 4 5", 0, 3, "normalised=3"},
    {"1. 2001: A Space Odyssey (1968)\n2. 12 Monkeys (1995)", "6 11", 0, 2, "clean"},
    {"2001: A Space Odyssey (1968)\nE.T. the Extra-Terrestrial (1982)", "6 8", 0, 2, "clean"},
    {"1. ET the extra terrestrial\n2. E.T. the Extra-Terrestrial", "8", 0, 1, "duplicates"},
    {"Matrix, The (1999), Alien (1979), Good, the Bad and the Ugly, The (1966)", "3 0 4", 0, 3, "clean"},
    {"1. The Thing\n2. The Thing", "9 10", 0, 2, "ambiguous=2"},
    {"1. The Thing (2011)\n2. The Thing (1982)", "10 9", 0, 2, "normalised=2"},
    {"1. Alien (1979) 2. Heat (1995) 3. Up (2009)", "0 1 2", 0, 3, "clean"},
    {"Alien (1979) > Heat (1995) > Up (2009)", "0 1 2", 0, 3, "clean"},
    {"I would go for \"Up\" tonight.", "2", 0, 1, "normalised"},
    {"I would recommend Schindler's List, what a film.", "7", 0, 1, "normalised"},
    {"I'm sorry, but I can't help with that.", "", 0, 3, "empty refusals"},
    {"\xE6\x8A\xB1\xE6\xAD\x89\xEF\xBC\x8C\xE6\x88\x91\xE6\x97\xA0\xE6\xB3\x95\xE6\x8E\xA8\xE8\x8D\x90\xE3\x80\x82", "",
     0, 3, "empty refusals"},
    {"", "", 0, 3, "empty"},
    {"\n\n \n", "", 0, 3, "empty"},
    {"<think>1. Heat (1995)\n2. Up (2009)</think>\n1. Alien (1979)\n2. Heat (1995)", "0 1", 0, 2, "thoughts"},
    {"<think>Heat (1995)? or", "", 0, 2, "thoughts empty"},
    {"1\xE3\x80\x81\xE3\x80\x8A"
     "Alien\xE3\x80\x8B\n2\xE3\x80\x81\xE3\x80\x8AHeat\xE3\x80\x8B\xEF\xBC\x9A\xE5\xA5\xBD\xE7\x9C\x8B",
     "0 1", 0, 2, "normalised=2"},
    {"1. Alien (1979)\n2. Heat\xE4\xB8", "0 1", 0, 2, "bad_utf8"},
    {"1. Alien (1979)\n2. 2001: A Spa", "0 6", 0, 2, "broken_off", true},
    {"| # | Title |\n|---|---|\n| 1 | Alien (1979) |\n| 2 | Heat (1995) |", "0 1", 0, 2, "normalised=2"},
    {"1. Alien (1979)\r\n2. Heat (1995)\r\n", "0 1", 0, 2, "clean"},
    {"### 1. Alien (1979)\nGreat.\n### 2. Heat (1995)\nAlso great.", "0 1", 0, 2, "clean"},
    {"{\"ranking\": [2, 1]}", "1 0", REPLY_NUMBERS, 2, "clean"},
    {"{\"ranking\": [\"2\", \"1\"]}", "1 0", REPLY_NUMBERS, 2, "clean"},
    {"[99, 1, -4]", "0", REPLY_NUMBERS, 3, "invented fewer"},
    {"[[[[[[[[[[", "", 0, 1, "empty"},
    {"{\"title\": \"Alien (1979)\"", "0", 0, 1, "json_repairs"},
};

static void assert_counted(const ranking_case *c, const reply_counts *counts)
{
    json_t *all = reply_counts_json(counts);
    slice rest = slice_of(c->counted);
    while (rest.n) {
        slice word = slice_cut(&rest, ' '), name = slice_cut(&word, '=');
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)name.n, name.p);
        json_int_t n = json_integer_value(json_object_get(all, key));
        int64_t want = 0;
        if (word.n) assert_true(slice_to_i64(word, &want));
        if (!(word.n ? n == want : n > 0)) {
            char *text = json_dumps(all, 0);
            fail_msg("\"%s\": %s is %lld: %s", c->text, key, (long long)n, text);
        }
    }
    json_decref(all);
}

static void reads_rankings(void **state)
{
    (void)state;
    reply_titles *t;
    size_t wrong = 0;
    assert_ok(reply_titles_make(&t, films, FILMS));
    for (size_t i = 0; i < sizeof rankings / sizeof *rankings; i++) {
        const ranking_case *c = &rankings[i];
        reply_list l = {0};
        reply_counts counts = {0};
        char got[256] = "";
        assert_ok(reply_ranking(t, c->text, strlen(c->text),
                                &(reply_form){.wanted = c->wanted, .labels = c->labels, .broken_off = c->broken_off},
                                &l, &counts));
        for (size_t k = 0; k < l.n; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%u", k ? " " : "", l.item[k]);
        if (strcmp(got, c->want) != 0) {
            print_message("\"%s\"\n  expected %s\n  got      %s\n", c->text, c->want, got);
            wrong++;
        } else
            assert_counted(c, &counts);
        assert_int_equal(counts.replies, 1);
        reply_list_free(&l);
    }
    reply_titles_free(t);
    assert_int_equal(wrong, 0);
}

/* Every candidate, written in each usual way, is found again; nothing outside the list ever comes out. */
static void finds_its_own(void **state)
{
    (void)state;
    reply_titles *t;
    assert_ok(reply_titles_make(&t, films, FILMS));
    static const char *const ways[] = {
        "%s", "1. %s", "- **%s**", "\"%s\"", "The best: %s", "%s - because it fits", "[\"%s\"]", "{\"title\": \"%s\"}"};
    for (size_t i = 0; i < FILMS; i++) {
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            char text[256];
            int64_t item;
            snprintf(text, sizeof text, ways[w], films[i]);
            assert_ok(reply_choice(t, text, strlen(text), &(reply_form){0}, &item, NULL));
            if (item != (int64_t)i) fail_msg("%s gives %lld, not %zu", text, (long long)item, i);
        }
    }
    reply_titles_free(t);
}

static void answers_yes_or_no(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } cases[] = {
        {"Yes", 1},
        {"No.", 0},
        {"yes!", 1},
        {"**No**", 0},
        {"Yes, the user would like it", 1},
        {"No, they would not like it", 0},
        {"The user would not enjoy this", 0},
        {"The user will like this", 1},
        {"I think the answer is: no", 0},
        {"Ja", 1},
        {"Nein", 0},
        {"\xE6\x98\xAF", 1},
        {"\xE5\x90\xA6", 0},
        {"\xE4\xB8\x8D\xE4\xBC\x9A\xE5\x96\x9C\xE6\xAC\xA2", 0},
        {"true", 1},
        {"false", 0},
        {"", REPLY_NOTHING},
        {"Maybe", REPLY_NOTHING},
        {"It depends on their mood", REPLY_NOTHING},
        {"Known for its notes", REPLY_NOTHING},
        {"<think>yes yes</think>No", 0},
        {"They are unlikely to watch it", 0},
    };
    reply_counts counts = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int got;
        assert_ok(reply_yes_no(cases[i].text, strlen(cases[i].text), &got, &counts));
        if (got != cases[i].want) fail_msg("\"%s\" is read as %d", cases[i].text, got);
    }
    assert_int_equal(counts.replies, sizeof cases / sizeof *cases);
    assert_int_equal(counts.empty, 4);
}

static void reads_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double want; /* -1: none */
    } cases[] = {
        {"4", 4},
        {"4.5", 4.5},
        {"Rating: 4/5", 4},
        {"I'd say 3 out of 5", 3},
        {"**5**", 5},
        {"4,5", 4.5},
        {"four stars", 4},
        {"10/10 but 5 of 5", 5},
        {"In 1979 I'd have said 2", 2},
        {"", -1},
        {"no idea", -1},
        {"-3", -1},
        {"3-4", 3},
        {"R2D2 gets a 4", 4},
        {"Score: 4.", 4},
        {"\xE8\xAF\x84\xE5\x88\x86: 4\xE5\x88\x86", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double x;
        bool found;
        assert_ok(reply_number(cases[i].text, strlen(cases[i].text), 1, 5, &x, &found, NULL));
        if (found != (cases[i].want >= 0) || (found && x != cases[i].want))
            fail_msg("\"%s\": %d %g", cases[i].text, found, x);
    }
}

static void mends_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"a\": 1}", "{\"a\": 1}"},
        {"Sure:\n```json\n{\"a\": 1,}\n```", "{\"a\": 1}"},
        {"{'a': True, 'b': None, c: 'it''s'}", "{\"a\": true, \"b\": null, \"c\": \"it''s\"}"},
        {"{\"a\": [1, 2, {\"b\": \"x", "{\"a\": [1, 2, {\"b\": \"x\"}]}"},
        {"[1 2 3]", "[\"1 2 3\"]"},
        {"{\"a\": 1 // one\n, /* two */ \"b\": 2}", "{\"a\": 1, \"b\": 2}"},
        {"{\"a\": \"line\nbreak\"}", "{\"a\": \"line\\nbreak\"}"},
        {"{\"a\": \"\\ud83d\"}", "{\"a\": \"\xEF\xBF\xBD\"}"},
        {"{\"a\" 1, \"b\": 2}", "{\"b\": 2}"},
        {"{\"a\": NaN}", "{\"a\": null}"},
        {"{\xE2\x80\x9C"
         "a\xE2\x80\x9D: \xE2\x80\x9Cx\xE2\x80\x9D}",
         "{\"a\": \"x\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *j;
        reply_counts c = {0};
        assert_ok(reply_json(cases[i].text, strlen(cases[i].text), &j, &c));
        char *text = j ? json_dumps(j, 0) : NULL;
        if (!text || strcmp(text, cases[i].want) != 0)
            fail_msg("%s\n  expected %s\n  got %s", cases[i].text, cases[i].want, text ? text : "nothing");
        assert_int_equal(c.clean, i == 0);
        free(text);
        json_decref(j);
    }
    json_t *none;
    reply_counts c = {0};
    assert_ok(reply_json("I am sorry, no.", 15, &none, &c));
    assert_null(none);
    assert_int_equal(c.refusals, 1);
}

static void memory_runs_out(void **state)
{
    (void)state;
    static const char text[] = "```json\n{'r': ['alien', 'Haet (1995)', \"Matrix, The (1999)\"]}\n```";
    for (size_t n = 1;; n++) {
        reply_titles *t;
        reply_list l = {0};
        reply_counts c = {0};
        mem_fail_at(n, true);
        lorec_err e = reply_titles_make(&t, films, FILMS);
        if (!e) e = reply_ranking(t, text, strlen(text), &(reply_form){.wanted = 3}, &l, &c);
        mem_fail_at(0, false);
        assert_true(e == LOREC_OK || e == LOREC_RESOURCE);
        reply_list_free(&l);
        reply_titles_free(t);
        if (!e) break;
        assert_true(n < 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rankings), cmocka_unit_test(finds_its_own),   cmocka_unit_test(answers_yes_or_no),
        cmocka_unit_test(reads_numbers),  cmocka_unit_test(memory_runs_out), cmocka_unit_test(mends_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Nothing but JSON objects: what comes out of any walk is one, and every object can come out. */
#include <jansson.h>

#include "base/mem.h"
#include "lm/decode/json_only.h"
#include "support/support.h"
#include "tensor/rng.h"

static const char *const pieces[] = {"",     "{\"", "\":",   " \"",   "\", \"", "true", "fal", "se}",
                                     "null", "[[",  "]]",    "12",    ".5e",    "\\u",  "00",  "é",
                                     "{}",   "}}",  "\",\n", "\\\"x", " : ",    "0,",   "-1",  "  "};
enum { PIECES = sizeof pieces / sizeof *pieces, TOKENS = 256 + PIECES };

static json_only vocabulary(void)
{
    json_only j = {0};
    for (int c = 0; c < 256; c++) assert_ok(json_only_add(&j, (slice){&(char){(char)c}, 1}));
    for (int i = 0; i < PIECES; i++) assert_ok(json_only_add(&j, slice_of(pieces[i])));
    return j;
}

/* By single bytes; how many were taken before one was refused. */
static size_t taken(const constraint *only, slice text, bool *whole)
{
    constraint_state s;
    size_t i = 0;
    constraint_start(only, &s);
    while (i < text.n && constraint_step(only, &s, (unsigned char)text.p[i])) i++;
    *whole = i == text.n && constraint_final(only, &s);
    return i;
}

static void objects_and_others(void **state)
{
    (void)state;
    static const char *const yes[] = {"{}",
                                      " {\n}",
                                      "{\"a\":1}",
                                      "{ \"a\" : [ ] , \"b\":{\"c\":null}}",
                                      "{\"a\":[1,-0.5e+10,0,0.0,1E5,true,false,\"\\u00e9\\n\\\\\"]}",
                                      "{\"\":\"é\",\"x\":[[[]],{}]}",
                                      "{\"a\":0 }",
                                      "{\"a\":-1}"},
                             *const no[] = {"[]",
                                            "1",
                                            "{\"a\"}",
                                            "{a:1}",
                                            "{\"a\":01}",
                                            "{\"a\":1.}",
                                            "{\"a\":.5}",
                                            "{\"a\":1e}",
                                            "{\"a\":+1}",
                                            "{\"a\":1,}",
                                            "{,}",
                                            "{\"a\":[1,]}",
                                            "{\"a\":tru}",
                                            "{\"a\":nul}",
                                            "{\"a\":\"\\x\"}",
                                            "{\"a\":\"\\u12g4\"}",
                                            "{\"a\":\"\n\"}",
                                            "{\"a\":[}",
                                            "{\"a\":1]",
                                            "{}{}",
                                            "{} ",
                                            "{\"a\":--1}",
                                            "{\"a\":1 2}",
                                            "{\"a\":\"b\" \"c\"}",
                                            "{\"a\":00}",
                                            "{\"a\":1e+}",
                                            "{\"a\":-}"};
    json_only j = vocabulary();
    const constraint only = constraint_of_json(&j);
    bool whole;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        taken(&only, slice_of(yes[i]), &whole);
        if (!whole) fail_msg("refused: %s", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (taken(&only, slice_of(no[i]), &whole) == strlen(no[i])) fail_msg("taken: %s", no[i]);
    char deep[512] = "{\"a\":";
    memset(deep + 5, '[', 400);
    assert_int_equal(taken(&only, (slice){deep, 405}, &whole), 5 + JSON_DEPTH - 1);
    memset(deep, ' ', 400);
    assert_int_equal(taken(&only, (slice){deep, 400}, &whole), JSON_BLANKS);
    json_only_free(&j);
}

/* Tokens drawn among those that are allowed, those that close first after a while: the whole is an object to jansson. */
static void any_walk_is_json(void **state)
{
    (void)state;
    json_only j = vocabulary();
    const constraint only = constraint_of_json(&j);
    token_list list = {0};
    rng r = rng_make(3, RNG_SAMPLING);
    size_t ended = 0;
    for (int walk = 0; walk < 300; walk++) {
        constraint_state s;
        buf text = {0};
        constraint_start(&only, &s);
        for (int n = 0; n < 4000; n++) {
            assert_ok(constraint_allowed(&only, &s, &list));
            assert_int_equal(list.n == 0, constraint_final(&only, &s));
            if (!list.n) break;
            int32_t token = list.token[rng_below(&r, (uint32_t)list.n)];
            for (size_t i = 0; n > 30 && i < list.n; i++)
                if (strchr("\"}]", list.token[i]) && list.token[i] && rng_below(&r, 2)) token = list.token[i];
            if (token >= 0x80 && token < 256) token = 'x'; /* half a character: the text would not be UTF-8 */
            if (!constraint_step(&only, &s, token)) fail_msg("token %d is allowed and not taken", token);
            assert_ok(buf_add(&text, j.text.p + j.begin[token], j.begin[token + 1] - j.begin[token]));
        }
        if (constraint_final(&only, &s)) {
            json_error_t why;
            json_t *tree = json_loadb(text.p, text.n, JSON_ALLOW_NUL, &why);
            bool beyond = !tree && (strstr(why.text, "too big") || strstr(why.text, "overflow") ||
                                    strstr(why.text, "surrogate") || strstr(why.text, "Unicode"));
            if (!beyond && !json_is_object(tree)) fail_msg("%s in %.*s", why.text, (int)text.n, text.p);
            json_decref(tree);
            ended++;
        }
        buf_free(&text);
    }
    assert_true(ended > 200);
    token_list_free(&list);
    json_only_free(&j);
}

/* What is allowed is what can be stepped along, token by token. */
static void the_list_is_right(void **state)
{
    (void)state;
    json_only j = vocabulary();
    const constraint only = constraint_of_json(&j);
    static const char text[] = " {\"a\\u00e9\\n\" : [1.5e-3, -0, true, {\"b\":null}], \"c\":\"é\"";
    token_list list = {0};
    constraint_state s;
    constraint_start(&only, &s);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        assert_ok(constraint_allowed(&only, &s, &list));
        for (int32_t token = 0, at = 0; token < TOKENS; token++) {
            constraint_state next = s;
            bool listed = (size_t)at < list.n && list.token[at] == token;
            if (listed != constraint_step(&only, &next, token)) fail_msg("byte %zu: token %d", i, token);
            at += listed;
        }
        assert_true(constraint_step(&only, &s, (unsigned char)text[i]));
    }
    token_list_free(&list);
    json_only_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(objects_and_others), cmocka_unit_test(any_walk_is_json),
                                       cmocka_unit_test(the_list_is_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* JSON as other programs write it: numbers beyond 64 bits, what is refused and where. */
#include "support/support.h"

#include "base/json.h"

static lorec_err parse(json_t **out, const char *text)
{
    return json_parse(out, text, strlen(text), "here");
}

static void numbers_beyond_64_bits(void **state)
{
    (void)state;
    json_t *j;
    assert_ok(parse(&j, "{\"a\": 1000000000000000019884624838656, \"b\": -99999999999999999999,\n \"c\": 7}"));
    assert_near(json_number_value(json_object_get(j, "a")) / 1e30, 1, 1e-9);
    assert_near(json_number_value(json_object_get(j, "b")) / 1e20, -1, 1e-9);
    assert_int_equal(json_integer_value(json_object_get(j, "c")), 7);
    int64_t n;
    assert_fails(json_get_i64(j, "a", 0, 10, &n), LOREC_INPUT, "whole number");
    json_decref(j);
    assert_ok(parse(&j, "[18446744073709551616]"));
    json_decref(j);
}

static void refused_with_its_place(void **state)
{
    (void)state;
    json_t *j;
    assert_fails(parse(&j, "{\"a\": 1,\n \"b\": }"), LOREC_INPUT, "here, line 2");
    assert_fails(parse(&j, "[1e999]"), LOREC_INPUT, "real number overflow");
    assert_fails(parse(&j, "[99999999999999999999, x]"), LOREC_INPUT, "line 1");
    assert_fails(parse(&j, ""), LOREC_INPUT, "line 1");
    char many[2000] = "[";
    for (int i = 0; i < 40; i++) strcat(many, "99999999999999999999,");
    strcat(many, "1]");
    assert_fails(parse(&j, many), LOREC_INPUT, "too big");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_beyond_64_bits),
                                       cmocka_unit_test(refused_with_its_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

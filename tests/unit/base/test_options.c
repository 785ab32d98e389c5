#include "base/options.h"
#include "support/support.h"

typedef struct thing {
    int64_t layers;
    double rate;
    bool shuffle;
    const char *label;
    int loss;
} thing;

static const char *const losses[] = {"bce", "ce", NULL};
static const option rows[] = {
    OPTION_INT(thing, layers, 2, 1, 48, "how deep", .fast = "1"),
    OPTION_REAL(thing, rate, 1e-3, 1e-9, 1, "step size", .alias = "learning_rate"),
    OPTION_BOOL(thing, shuffle, 1, "new order each epoch"),
    OPTION_TEXT(thing, label, "none", "a name"),
    OPTION_CHOICE(thing, loss, "ce", losses, "what is descended"),
};
enum { N = sizeof rows / sizeof *rows };

static void sets(void **state)
{
    (void)state;
    thing t = {0};
    assert_ok(options_default(rows, N, &t));
    assert_int_equal(t.layers, 2);
    assert_int_equal(t.loss, 1);
    assert_string_equal(t.label, "none");
    assert_ok(options_set(rows, N, &t, "layers", "12"));
    assert_ok(options_set(rows, N, &t, "learning_rate", "0.5"));
    assert_ok(options_set(rows, N, &t, "shuffle", "false"));
    assert_ok(options_set(rows, N, &t, "label", "x y"));
    assert_ok(options_set(rows, N, &t, "loss", "bce"));
    assert_true(t.layers == 12 && t.rate == 0.5 && !t.shuffle && t.loss == 0);
    assert_fails(options_set(rows, N, &t, "layer", "1"), LOREC_USAGE, "did you mean \"layers\"");
    assert_fails(options_set(rows, N, &t, "layers", "0"), LOREC_USAGE, "from 1 to 48");
    assert_fails(options_set(rows, N, &t, "layers", "1.5"), LOREC_USAGE, "whole number");
    assert_fails(options_set(rows, N, &t, "loss", "mse"), LOREC_USAGE, "bce, ce");
    assert_fails(options_set(rows, N, &t, "shuffle", "maybe"), LOREC_USAGE, "true or false");
    assert_ok(options_fast(rows, N, &t));
    assert_int_equal(t.layers, 1);

    json_t *o = options_json(rows, N, &t);
    thing back = {0};
    assert_ok(options_default(rows, N, &back));
    assert_ok(options_from_json(rows, N, &back, o));
    assert_true(back.layers == t.layers && back.rate == t.rate && back.shuffle == t.shuffle && back.loss == t.loss);
    assert_string_equal(back.label, t.label);
    json_decref(o);
    options_free(rows, N, &t);
    options_free(rows, N, &back);
}

static void yaml(void **state)
{
    (void)state;
    const char *text = "# RecBole's words\nepochs: 5\nlearning_rate: 1e-3\neval_args:\n  split: {RS: [0.8, 0.1, 0.1]}\n"
                       "  order: RO\n  mode: full\nname: 'yes'\nnothing: ~\nflag: True\n";
    json_t *tree;
    int64_t epochs;
    double lr;
    const char *s;
    assert_ok(yaml_read(&tree, test_file("c.yaml", text)));
    assert_ok(json_get_i64(tree, "epochs", 1, 100, &epochs));
    assert_ok(json_get_f64_or(tree, "learning_rate", 0, &lr));
    assert_true(epochs == 5 && lr == 1e-3);
    assert_ok(json_get_string(tree, "name", &s));
    assert_string_equal(s, "yes");
    assert_true(json_is_true(json_object_get(tree, "flag")));
    const json_t *split = json_object_get(json_object_get(json_object_get(tree, "eval_args"), "split"), "RS");
    assert_int_equal(json_array_size(split), 3);
    assert_fails(json_get_i64(tree, "epochs", 1, 4, &epochs), LOREC_INPUT, "from 1 to 4");
    assert_fails(json_get_i64(tree, "missing", 1, 4, &epochs), LOREC_INPUT, "missing");
    json_decref(tree);
    assert_fails(yaml_read(&tree, test_file("bad.yaml", "a: [1, 2\nb: 3\n")), LOREC_INPUT, "bad.yaml, line");
    assert_fails(yaml_read(&tree, test_file("twice.yaml", "a: 1\na: 2\n")), LOREC_INPUT, "twice");
    char deep[4096] = "a: ";
    for (int i = 0; i < 1000; i++) strcat(deep, "[");
    assert_fails(yaml_read(&tree, test_file("deep.yaml", deep)), LOREC_INPUT, "deep");
    assert_ok(yaml_read(&tree, test_file("none.yaml", "")));
    assert_int_equal(json_object_size(tree), 0);
    json_decref(tree);
    assert_fails(json_read(&tree, test_file("bad.json", "{\"a\": 1,}")), LOREC_INPUT, "bad.json, line 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets), cmocka_unit_test(yaml)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

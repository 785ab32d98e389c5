/* GPT-2 against transformers' own numbers (../shared/oracle): values, every gradient, four AdamW steps. */
#include "support/support.h"

#include "lm/parity.h"

static void agrees(void **state)
{
    (void)state;
    const char *folder = shared_path("oracle/gpt2");
    if (!folder) skip_without_shared("GPT-2 against transformers");
    parity p;
    assert_ok(parity_check(&p, folder));
    assert_int_equal(p.n, 3 + 1 + 28 + 4); /* hidden states, logits, gradients, losses */
    for (size_t i = 0; i < p.n; i++)
        if (!parity_ok(&p.row[i]))
            print_error("%s: error %g, allowed %g\n", p.row[i].what, p.row[i].error, p.row[i].allowed);
    assert_int_equal(p.failed, 0);
    parity_free(&p);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    parity p;
    assert_fails(parity_check(&p, test_path("nowhere")), LOREC_INPUT, "config.json");
    test_file("config.json", "{\"model_type\": \"gpt22\"}");
    assert_fails(parity_check(&p, test_folder()), LOREC_INPUT, "gpt2");
    test_file("config.json", "{\"model_type\": \"gpt2\", \"n_embd\": 30, \"n_head\": 4}");
    assert_fails(parity_check(&p, test_folder()), LOREC_INPUT, "heads");
    test_file("config.json", "{\"model_type\": \"gpt2\", \"n_layer\": 1, \"activation_function\": \"gelu_neu\"}");
    assert_fails(parity_check(&p, test_folder()), LOREC_INPUT, "gelu_new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees), cmocka_unit_test(names_what_is_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

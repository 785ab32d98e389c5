/* Decoder-only models against transformers' own numbers (../shared/oracle): values, every gradient, four AdamW steps. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "lm/parity/parity.h"

/* Quantities: hidden states, logits, gradients, losses. */
static const struct {
    const char *name;
    size_t quantities;
} fixtures[] = {
    {"bloom", 3 + 1 + 29 + 4},       {"gemma2", 3 + 1 + 24 + 4},         {"glm", 3 + 1 + 25 + 4},
    {"gpt-neox", 3 + 1 + 28 + 4},    {"gpt2", 3 + 1 + 28 + 4},           {"llama", 3 + 1 + 21 + 4},
    {"llama3-rope", 3 + 1 + 20 + 4}, {"mistral-window", 3 + 1 + 21 + 4}, {"opt", 3 + 1 + 36 + 4},
    {"phi", 3 + 1 + 33 + 4},         {"qwen2", 3 + 1 + 26 + 4},          {"qwen3", 3 + 1 + 25 + 4},
};

/* How many quantities of a folder fall short. */
static size_t short_of(const char *folder, size_t quantities)
{
    parity p;
    assert_ok(parity_check(&p, folder));
    assert_int_equal(p.n, quantities);
    for (size_t i = 0; i < p.n; i++)
        if (!parity_ok(&p.row[i]))
            print_error("%s: %s: error %g, allowed %g\n", folder, p.row[i].what, p.row[i].error, p.row[i].allowed);
    size_t failed = p.failed;
    parity_free(&p);
    return failed;
}

static void agree(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t f = 0; f < sizeof fixtures / sizeof *fixtures; f++) {
        char path[64];
        snprintf(path, sizeof path, "oracle/%s", fixtures[f].name);
        const char *folder = shared_path(path);
        if (!folder) skip_without_shared("decoders against transformers");
        failed += short_of(folder, fixtures[f].quantities);
    }
    assert_int_equal(failed, 0);
}

/* What transformers has no class for, against a reference written from the published equations
 * (bench/peers/parity_published.py OUT 0). */
static void agree_as_published(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t quantities;
    } made[] = {{"baichuan-7b", 17}, {"baichuan2-13b", 17}, {"qwen-long", 18}, {"chatglm2", 17}, {"chatglm-6b", 23}};
    const char *source = getenv("LOREC_SOURCE_DIR");
    assert_non_null(source);
    for (size_t f = 0; f < sizeof made / sizeof *made; f++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/tests/oracle/%s", source, made[f].name);
        assert_int_equal(short_of(path, made[f].quantities), 0);
    }
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(agree), cmocka_unit_test(agree_as_published),
                                       cmocka_unit_test(names_what_is_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Encoders, encoder-decoders and image models against transformers' own numbers (../shared/oracle): values under an
 * attention mask, every gradient, four AdamW steps. */
#include "support/support.h"

#include <stdio.h>

#include "lm/parity/parity.h"

static void agrees(const char *name, size_t quantities)
{
    char path[64];
    snprintf(path, sizeof path, "oracle/%s", name);
    const char *folder = shared_path(path);
    if (!folder) skip_without_shared("models against transformers");
    parity p;
    assert_ok(parity_check(&p, folder));
    assert_int_equal(p.n, quantities);
    for (size_t i = 0; i < p.n; i++)
        if (!parity_ok(&p.row[i]))
            print_error("%s: %s: error %g, allowed %g\n", name, p.row[i].what, p.row[i].error, p.row[i].allowed);
    assert_int_equal(p.failed, 0);
    parity_free(&p);
}

/* Quantities: hidden states, logits, gradients, losses. */
static void bert(void **state)
{
    (void)state;
    agrees("bert", 3 + 1 + 42 + 4);
}

static void roberta(void **state)
{
    (void)state;
    agrees("roberta", 3 + 1 + 42 + 4);
}

static void distilbert(void **state)
{
    (void)state;
    agrees("distilbert", 3 + 1 + 41 + 4);
}

static void electra(void **state)
{
    (void)state;
    agrees("electra", 3 + 1 + 44 + 4);
}

/* Encoder and decoder hidden states, the encoder's last one, logits, gradients, losses. */
static void t5(void **state)
{
    (void)state;
    agrees("t5", 3 + 1 + 3 + 1 + 47 + 4);
}

static void flan_t5(void **state)
{
    (void)state;
    agrees("flan-t5", 3 + 1 + 3 + 1 + 51 + 4);
}

static void bart(void **state)
{
    (void)state;
    agrees("bart", 3 + 1 + 3 + 1 + 92 + 4); /* the bias of the logits has none, here and there */
}

static void vit(void **state)
{
    (void)state;
    agrees("vit", 3 + 1 + 1); /* hidden states, the last one, the pooler's output */
}

static void clip(void **state)
{
    (void)state;
    agrees("clip", 3); /* texts, images, each against each */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bert),    cmocka_unit_test(roberta), cmocka_unit_test(distilbert),
        cmocka_unit_test(electra), cmocka_unit_test(t5),      cmocka_unit_test(flan_t5),
        cmocka_unit_test(bart),    cmocka_unit_test(vit),     cmocka_unit_test(clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

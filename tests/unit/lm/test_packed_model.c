/* A model opened with its matrices packed says about what it says in f32, in every form and both layouts. */
#include "support/support.h"

#include <math.h>

#include "lm/model_folder.h"
#include "lm/session/score.h"
#include "tensor/packed.h"

enum { ROWS = 20, VOCAB = 160 };

static void logits(const lm_model *m, float *y)
{
    int32_t ids[ROWS];
    for (int i = 0; i < ROWS; i++) ids[i] = (i * 37 + 5) % VOCAB;
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, ids, ROWS), .sequences = tape_segments_even(t, 2, ROWS / 2)};
    assert_ok(tape_read(t, transformer_logits(t, m->net, transformer_hidden(t, m->net, &in)), y, ROWS * VOCAB));
    tape_free(t);
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double room; /* of the largest logit */
        elem as;
    } forms[] = {{"f32", 1e-6, ELEM_F32},
                 {"keep", 1e-6, ELEM_F32},
                 {"bf16", 0.02, ELEM_BF16},
                 {"q8", 0.03, ELEM_Q8_0},
                 {"q4", 0.35, ELEM_Q4_0}};
    const char *folder = test_folder();
    transformer_config c = {.vocab_size = VOCAB,
                            .width = 64,
                            .layers = 2,
                            .heads = 4,
                            .ffn_width = 256,
                            .max_positions = 128,
                            .activation = ACT_GELU_TANH};
    c.weights = INIT_NORMAL(0.1);
    lm_model *m;
    assert_ok(lm_model_new(&m, "gpt2", &c, 3));
    static float want[ROWS * VOCAB], got[ROWS * VOCAB];
    logits(m, want);
    assert_ok(lm_model_save(m, folder));
    lm_model_free(m);
    double most = 0;
    for (int i = 0; i < ROWS * VOCAB; i++) most = fmax(most, fabs(want[i]));
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        lm_form form;
        assert_true(lm_form_find(forms[f].name, &form));
        assert_ok(lm_model_open_as(&m, folder, form));
        tensor *w = params_find(m->params, "transformer.h.0.mlp.c_fc.weight");
        assert_int_equal(tensor_packed_as(w), forms[f].as);
        assert_int_equal(tensor_size(w, 0), 64);
        logits(m, got);
        double worst = 0;
        for (int i = 0; i < ROWS * VOCAB; i++) worst = fmax(worst, fabs((double)want[i] - got[i]));
        if (!(worst <= forms[f].room * most)) fail_msg("%s: off by %g of %g", forms[f].name, worst, most);
        lm_model_free(m);
    }
    lm_form none;
    assert_false(lm_form_find("q3", &none));
}

/* The sums of `n` continuations of two tokens, of which continuation 0 is always the same one. */
static void sums(const lm_model *m, int n, double *sum)
{
    int32_t prompt[12], token[2 * 40], length[40];
    for (int i = 0; i < 12; i++) prompt[i] = (i * 29 + 3) % VOCAB;
    for (int i = 0; i < n; i++) {
        token[2 * i] = (7 + 13 * i) % VOCAB;
        token[2 * i + 1] = (11 + 5 * i) % VOCAB;
        length[i] = 2;
    }
    lm_session *s = lm_session_new(m->net, false);
    score_ask ask = {
        .prompts = 1, .prompt = prompt, .prompt_length = &(int32_t){12}, .n = n, .token = token, .length = length};
    assert_ok(lm_score(s, &ask, sum));
    lm_session_free(s);
}

/* docs/models.md: the same call gives the same bits; a candidate among others, the same within what the form rounds. */
static void test_company(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        double room;
    } forms[] = {{"f32", 1e-4}, {"bf16", 0.05}, {"q8", 0.1}, {"q4", 0.1}};
    const char *folder = test_folder();
    transformer_config c = {
        .vocab_size = VOCAB, .width = 64, .layers = 2, .heads = 4, .ffn_width = 256, .max_positions = 128};
    c.weights = INIT_NORMAL(0.1);
    lm_model *m;
    assert_ok(lm_model_new(&m, "gpt2", &c, 3));
    assert_ok(lm_model_save(m, folder));
    lm_model_free(m);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        lm_form form;
        double alone, again, many[40];
        assert_true(lm_form_find(forms[f].form, &form));
        assert_ok(lm_model_open_as(&m, folder, form));
        sums(m, 1, &alone);
        sums(m, 1, &again);
        assert_true(alone == again);
        for (int n = 2; n <= 40; n += 19) {
            double twice[40];
            sums(m, n, many);
            sums(m, n, twice);
            assert_memory_equal(many, twice, (size_t)n * sizeof *many);
            if (!(fabs(many[0] - alone) <= forms[f].room))
                fail_msg("%s: a candidate is %g alone and %g among %d", forms[f].form, alone, many[0], n);
        }
        lm_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_company)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

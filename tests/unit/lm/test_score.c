/* Scores of continuations, contrasts and perplexities against their definitions, by plain passes over whole sequences. */
#include "lm/session/score.h"

#include "base/mem.h"
#include "lm/train/objective.h"
#include "unit/lm/tiny_lm.h"

/* log P(token[from ..] | what is before), by one plain pass for each. */
static double chain(const lm_model *m, const int32_t *token, int32_t n, int32_t from)
{
    double sum = 0;
    for (int32_t i = from; i < n; i++) {
        tape *t = tape_new(&(tape_options){0});
        float logits[TINY_VOCAB];
        double total = 0;
        tape_begin(t, 0);
        token_rows in = {.ids = tape_ids(t, token, i), .sequences = tape_segments(t, &i, 1), .last = true};
        tensor *y = transformer_logits(t, m->net, transformer_hidden(t, m->net, &in));
        assert_ok(tape_read(t, y, logits, TINY_VOCAB));
        for (int v = 0; v < TINY_VOCAB; v++) total += exp(logits[v]);
        sum += logits[token[i]] - log(total);
        tape_free(t);
    }
    return sum;
}

enum { MOST = 40 };
typedef struct texts {
    int32_t token[MOST * 12], length[MOST];
    int64_t n;
} texts;

/* Few different tokens: prefixes of each other, duplicates; lengths from `least` to `longest`. */
static void random_texts(texts *t, rng *r, int64_t n, int32_t least, int32_t longest)
{
    int64_t at = 0;
    t->n = n;
    for (int64_t i = 0; i < n; i++) {
        t->length[i] = least + (int32_t)rng_below(r, (uint32_t)(longest - least + 1));
        for (int32_t j = 0; j < t->length[i]; j++)
            t->token[at++] = (int32_t)rng_below(r, rng_below(r, 4) ? 2 : TINY_VOCAB);
    }
}

static int32_t join(const texts *a, int64_t i, const texts *b, int64_t j, int32_t *out)
{
    const int32_t *x = a->token, *y = b->token;
    for (int64_t k = 0; k < i; k++) x += a->length[k];
    for (int64_t k = 0; k < j; k++) y += b->length[k];
    memcpy(out, x, (size_t)a->length[i] * sizeof *out);
    memcpy(out + a->length[i], y, (size_t)b->length[j] * sizeof *out);
    return a->length[i] + b->length[j];
}

static void scores_by_definition(void **state)
{
    (void)state;
    static texts prompts, all;
    static double sum[MOST * MOST];
    for (uint64_t seed = 0; seed < 8; seed++) {
        lm_model *m = tiny_lm(seed, 0);
        rng r = rng_make(seed, RNG_USER);
        lm_session *s;
        lm_session_options o = {.keep = seed % 2, .rows_at_once = seed % 3 ? 5 : 0};
        if (seed >= 4) o.memory = 64 * TINY_LAYERS * 2 * TINY_WIDTH * sizeof(float); /* many calls */
        assert_ok(lm_session_open(&s, m->net, &o));
        random_texts(&prompts, &r, 1 + rng_below(&r, 4), 1, 9);
        random_texts(&all, &r, 1 + rng_below(&r, 20), 0, 8);
        score_ask ask = {.prompts = prompts.n,
                         .prompt = prompts.token,
                         .prompt_length = prompts.length,
                         .n = all.n,
                         .token = all.token,
                         .length = all.length};
        int64_t first[MOST + 1] = {0};
        bool own = seed % 4 == 1;
        for (int64_t p = 1; p <= prompts.n; p++)
            first[p] = p == prompts.n ? all.n : first[p - 1] + rng_below(&r, (uint32_t)(all.n - first[p - 1]) + 1);
        if (own) ask.first = first;
        assert_ok(lm_score(s, &ask, sum));
        for (int64_t p = 0; p < prompts.n; p++)
            for (int64_t c = own ? first[p] : 0; c < (own ? first[p + 1] : all.n); c++) {
                int32_t token[MOST], n = join(&prompts, p, &all, c, token);
                assert_near(sum[own ? c : p * all.n + c], chain(m, token, n, prompts.length[p]), 1e-4);
            }
        lm_session_free(s);
        lm_model_free(m);
    }
}

static void each_token_runs_once(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    lm_session *s = lm_session_new(m->net, false);
    int32_t prompt[] = {1, 2, 3, 4, 1, 2, 3, 5}, lengths[] = {4, 4}, token[] = {7, 8, 9, 7, 8, 10, 7, 8, 9, 11, 12};
    double sum[2 * 4];
    score_ask ask = {.prompts = 2,
                     .prompt = prompt,
                     .prompt_length = lengths,
                     .n = 4,
                     .token = token,
                     .length = (int32_t[]){3, 3, 4, 1}};
    assert_ok(lm_score(s, &ask, sum));
    /* prompts 4 + 1; after each: 7, 8 for all three, 9 for the longest; last tokens never */
    assert_int_equal(lm_session_count(s).computed, 5 + 2 * 3);
    assert_int_equal(lm_session_count(s).passes, 1);
    lm_session_free(s);
    lm_model_free(m);
}

/* Ids beyond the vocabulary are read as given vectors: where these are rows of the token table, as those tokens; in a session and
 * on a tape (a token -1 beside its vector) alike. */
static void with_extra_vectors(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    static float table[TINY_VOCAB * TINY_WIDTH], extra[2 * TINY_WIDTH], rows[7 * TINY_WIDTH];
    int32_t plain[] = {1, 5, 3, 2, 5}, with[] = {1, TINY_VOCAB + 1, TINY_VOCAB, 2, 5}, length = 5, token[] = {7, 8};
    int32_t all[] = {1, -1, -1, 2, 5, 7, 8}, seven = 7;
    const uint8_t learn[] = {0, 0, 0, 0, 0, 1, 1};
    double a, b;
    float c;
    assert_ok(tensor_read(transformer_tensor(m->net, PART_TOKENS, 0), table, TINY_VOCAB * TINY_WIDTH));
    memcpy(extra, table + 3 * TINY_WIDTH, TINY_WIDTH * sizeof *extra);
    memcpy(extra + TINY_WIDTH, table + 5 * TINY_WIDTH, TINY_WIDTH * sizeof *extra);
    memcpy(rows + TINY_WIDTH, extra + TINY_WIDTH, TINY_WIDTH * sizeof *rows);
    memcpy(rows + 2 * TINY_WIDTH, extra, TINY_WIDTH * sizeof *rows);
    lm_session *s;
    assert_ok(lm_session_open(&s, m->net, &(lm_session_options){.extra = extra, .extras = 2, .rows_at_once = 3}));
    assert_ok(lm_score(s, &(score_ask){1, plain, &length, 1, token, &(int32_t){2}, NULL}, &a));
    assert_ok(lm_score(s, &(score_ask){1, with, &length, 1, token, &(int32_t){2}, NULL}, &b));
    assert_near(a, b, 1e-5);
    with[1] = TINY_VOCAB + 2;
    assert_fails(lm_score(s, &(score_ask){1, with, &length, 1, token, &(int32_t){2}, NULL}, &b), LOREC_USAGE,
                 "token 19");
    lm_session_free(s);
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 3);
    assert_int_equal(tape_step(t), 3);
    lm_batch batch = {.n = 1,
                      .token = all,
                      .length = &seven,
                      .learn = learn,
                      .vectors = tape_f32(t, rows, 2, (int64_t[]){7, TINY_WIDTH})};
    tensor *loss = op_sum(t, objective_causal(t, &(lm_forward){.net = m->net}, &batch));
    assert_ok(tape_read(t, loss, &c, 1));
    assert_near(-c, a, 1e-4);
    tape_free(t);
    lm_model_free(m);
}

/* A LoRA acts on a session as merged into the weights (test_session_adapters.c has the others). */
static void with_adapters(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    int32_t prompt[] = {1, 2, 3, 4}, length = 4, token[] = {7, 8, 9};
    double plain, tuned, merged;
    score_ask ask = {1, prompt, &length, 1, token, &(int32_t){3}, NULL};
    adapter *a;
    assert_ok(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .rank = 2, .targets = "c_attn"}));
    tiny_draw(adapter_params(a), 3, .3);
    adapter_set set = {.item = &a, .n = 1};
    lm_session *s = lm_session_new(m->net, false), *with;
    assert_ok(lm_session_open(&with, m->net, &(lm_session_options){.adapters = &set}));
    assert_ok(lm_score(s, &ask, &plain));
    assert_ok(lm_score(with, &ask, &tuned));
    assert_ok(adapter_merge(a, 1));
    assert_ok(lm_score(s, &ask, &merged));
    assert_near(tuned, merged, 1e-4);
    assert_true(fabs(tuned - plain) > 1e-3);
    lm_session_free(with);
    adapter_free(a);
    lm_session_free(s);
    lm_model_free(m);
}

static void contrasts(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(2, 0);
    lm_session *s = lm_session_new(m->net, false);
    int32_t prompt[] = {1, 2, 3, 4, 1}, lengths[] = {3, 2}, token[4] = {1, 2, 3, 6};
    contrast c[2];
    assert_ok(lm_contrast(s, prompt, lengths, 2, 6, 9, c));
    assert_near(c[0].logp_a, chain(m, token, 4, 3), 1e-5);
    token[3] = 9;
    assert_near(c[0].logp_b, chain(m, token, 4, 3), 1e-5);
    for (int i = 0; i < 2; i++)
        assert_near(c[i].share, exp(c[i].logp_a) / (exp(c[i].logp_a) + exp(c[i].logp_b)), 1e-12);
    lm_session_free(s);
    lm_model_free(m);
}

static void perplexities(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0);
    lm_session *s = lm_session_new(m->net, false);
    int32_t token[90];
    rng r = rng_make(1, RNG_USER);
    for (int i = 0; i < 90; i++) token[i] = (int32_t)rng_below(&r, TINY_VOCAB);
    const int64_t settings[][3] = {{30, 0, 0}, {90, 0, 0}, {90, 0, 10}, {90, 20, 7}, {90, 20, 19}, {2, 0, 0}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        int64_t n = settings[i][0], context = settings[i][1] ? settings[i][1] : TINY_POSITIONS,
                stride = settings[i][2] ? settings[i][2] : context - 1, counted = 1;
        double sum = 0;
        for (int64_t begin = 0; counted < n; begin += stride) {
            int64_t end = begin + context < n ? begin + context : n;
            sum += chain(m, token + begin, (int32_t)(end - begin), (int32_t)(counted - begin));
            counted = end;
        }
        perplexity p;
        assert_ok(lm_perplexity(s, token, n, settings[i][1], settings[i][2], &p));
        assert_int_equal(p.tokens, n - 1);
        assert_near(p.log_likelihood, sum, 1e-3);
        assert_near(p.perplexity, exp(-sum / (double)(n - 1)), 1e-3);
    }
    perplexity p;
    assert_fails(lm_perplexity(s, token, 1, 0, 0, &p), LOREC_USAGE, "at least two tokens");
    assert_fails(lm_perplexity(s, token, 9, 5, 5, &p), LOREC_USAGE, "start 5 apart");
    lm_session_free(s);
    lm_model_free(m);
}

static void refuses(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0);
    lm_session *s = lm_session_new(m->net, false);
    double sum[2];
    int32_t token[] = {1, TINY_VOCAB};
    score_ask ask = {.prompts = 1,
                     .prompt = token,
                     .prompt_length = (int32_t[]){0},
                     .n = 1,
                     .token = token + 1,
                     .length = (int32_t[]){1}};
    assert_fails(lm_score(s, &ask, sum), LOREC_USAGE, "prompt 0 is empty");
    ask.prompt_length = (int32_t[]){1};
    assert_fails(lm_score(s, &ask, sum), LOREC_USAGE, "continuation 0 has token 17");
    float nan_[TINY_VOCAB * TINY_WIDTH];
    for (int i = 0; i < TINY_VOCAB * TINY_WIDTH; i++) nan_[i] = NAN;
    assert_ok(tensor_write(params_find(m->params, "transformer.wte.weight"), nan_, TINY_VOCAB * TINY_WIDTH));
    ask.token = token;
    assert_fails(lm_score(s, &ask, sum), LOREC_FAILED, "logit of token 0 is nan");
    lm_session_free(s);
    lm_model_free(m);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    int32_t prompt[] = {1, 2, 3, 4, 1, 2, 3, 5}, lengths[] = {4, 4}, token[] = {7, 8, 9, 7, 8, 10, 7, 8, 9, 11, 12};
    double sum[2 * 4];
    score_ask ask = {.prompts = 2,
                     .prompt = prompt,
                     .prompt_length = lengths,
                     .n = 4,
                     .token = token,
                     .length = (int32_t[]){3, 3, 4, 1}};
    for (size_t at = 1, failed = 1; failed; at++) {
        lm_session *s = lm_session_new(m->net, false);
        mem_fail_at(at, false);
        lorec_err e = lm_score(s, &ask, sum);
        mem_fail_at(0, false);
        failed = e != LOREC_OK;
        if (failed) assert_int_equal(e, LOREC_RESOURCE);
        assert_ok(lm_score(s, &ask, sum));
        lm_session_free(s);
    }
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores_by_definition),
                                       cmocka_unit_test(each_token_runs_once),
                                       cmocka_unit_test(with_adapters),
                                       cmocka_unit_test(with_extra_vectors),
                                       cmocka_unit_test(contrasts),
                                       cmocka_unit_test(perplexities),
                                       cmocka_unit_test(refuses),
                                       cmocka_unit_test(survives_lack_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

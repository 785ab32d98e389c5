/* Sessions: trees grown at random, with sharing, small passes and little memory, against reading everything from the start. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "lm/session/score.h"
#include "tensor/rng.h"

enum { VOCAB = 11, LONGEST = 40, MOST = 256 };

typedef struct net {
    params *ps;
    transformer *net;
} net;

/* Kinds: learned positions; rotary with grouped heads; ALiBi with a window. */
static net net_new(int kind, uint64_t seed)
{
    transformer_config c = {.vocab_size = VOCAB,
                            .width = 24,
                            .layers = 3,
                            .heads = 4,
                            .head_width = 6,
                            .kv_heads = kind == 1 ? 2 : 4,
                            .ffn_width = 32,
                            .max_positions = LONGEST,
                            .causal = true,
                            .activation = ACT_GELU_TANH,
                            .weights = INIT_NORMAL(.4)};
    transformer_name_plainly(&c);
    if (kind) c.name[PART_POSITIONS] = NULL;
    if (kind == 1) c.rope.kind = ROPE_HALF;
    if (kind == 2) {
        c.bias = BIAS_ALIBI;
        c.window = 5;
    }
    net n = {.ps = params_new(seed)};
    assert_ok(transformer_new(&n.net, n.ps, &c, ""));
    return n;
}

static void net_free(net *n)
{
    transformer_free(n->net);
    params_free(n->ps);
}

static void plain(const net *m, const int32_t *token, int32_t n, float *logits)
{
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, token, n), .sequences = tape_segments(t, &n, 1)};
    tensor *h = transformer_hidden(t, m->net, &in);
    assert_ok(tape_read(t, transformer_logits(t, m->net, op_slice(t, h, 0, n - 1, n)), logits, VOCAB));
    tape_free(t);
}

static void check(const net *m, const float *logits, const int32_t *token, int32_t n)
{
    float expected[VOCAB];
    plain(m, token, n, expected);
    for (int v = 0; v < VOCAB; v++) assert_near(logits[v], expected[v], 3e-4);
}

typedef struct text {
    int32_t token[LONGEST], n;
    int64_t branch;
} text;

/* One call of some runs after the beginning, a branch or each other. */
static void grow_once(const net *m, lm_session *s, rng *r, text *texts, size_t *n, bool branches)
{
    enum { RUNS = 5 };
    text made[RUNS];
    int64_t after[RUNS], ends[RUNS];
    int32_t tokens[RUNS * 8], lengths[RUNS], at = 0;
    uint8_t want[RUNS * 8];
    int runs = 1 + (int)rng_below(r, RUNS);
    for (int i = 0; i < runs; i++) {
        text *t = &made[i];
        *t = (text){.n = 0};
        after[i] = LM_START;
        uint32_t how = rng_below(r, 3);
        if (how == 1 && *n) {
            *t = texts[rng_below(r, (uint32_t)*n)];
            after[i] = t->branch;
        } else if (how == 2 && i) {
            int j = (int)rng_below(r, (uint32_t)i);
            *t = made[j];
            after[i] = lm_run(j);
        }
        lengths[i] = 1 + (int32_t)rng_below(r, 7);
        if (t->n + lengths[i] > LONGEST) {
            *t = (text){.n = 0};
            after[i] = LM_START;
        }
        for (int j = 0; j < lengths[i]; j++) {
            t->token[t->n++] = tokens[at] = (int32_t)rng_below(r, 3); /* few, so that much is shared */
            want[at++] = rng_below(r, 2) == 0;
        }
    }
    lm_growth g = {.n = runs, .after = after, .tokens = tokens, .lengths = lengths, .want = want};
    assert_ok(lm_session_grow(s, &g, branches ? ends : NULL));
    int64_t logits = 0;
    for (int i = 0, k = 0; i < runs; i++) {
        for (int j = 0; j < lengths[i]; j++, k++)
            if (want[k]) check(m, lm_session_logits(s, logits++), made[i].token, made[i].n - lengths[i] + j + 1);
        if (!branches) continue;
        made[i].branch = ends[i];
        assert_int_equal(lm_session_length(s, ends[i]), made[i].n);
        texts[(*n)++] = made[i];
    }
}

static void trees_equal_reading_again(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (int round = 0; round < 6; round++) {
            net m = net_new(kind, 3 + (uint64_t)round);
            rng r = rng_make((uint64_t)(kind * 10 + round), RNG_USER);
            bool keep = round % 2, little = round >= 4;
            lm_session *s;
            lm_session_options o = {.keep = keep, .rows_at_once = round % 3 ? 7 : 0};
            size_t row = 3 * 2 * (kind == 1 ? 12 : 24) * sizeof(float);
            if (little) o.memory = 330 * row;
            assert_ok(lm_session_open(&s, m.net, &o));
            static text texts[MOST];
            size_t n = 0;
            for (int call = 0; call < 40; call++) {
                grow_once(&m, s, &r, texts, &n, rng_below(&r, 4) > 0);
                while (n > (little ? 6 : 20)) { /* branches go, in no order */
                    size_t i = rng_below(&r, (uint32_t)n);
                    lm_session_drop(s, texts[i].branch);
                    texts[i] = texts[--n];
                }
            }
            if (little) assert_true(lm_session_count(s).bytes <= (330 + 64) * row);
            lm_session_free(s);
            net_free(&m);
        }
}

static void what_is_alike_runs_once(void **state)
{
    (void)state;
    net m = net_new(1, 1);
    lm_session *s;
    int32_t token[64], lengths[3] = {12, 12, 9};
    int64_t first;
    assert_ok(lm_session_open(&s, m.net, &(lm_session_options){.keep = true}));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 12; j++) token[i * 12 + j] = j < 9 ? j : i + 1;
    assert_ok(lm_session_read(s, token, lengths, 3)); /* 9 shared, the third's last is run for its logits */
    assert_int_equal(lm_session_count(s).computed, 12 + 3 + 1);
    assert_int_equal(lm_session_count(s).shared, 9 + 8);
    check(&m, lm_session_logits(s, 2), token, 9);
    assert_ok(lm_session_step(s, (int64_t[]){2, 2}, (int32_t[]){5, 5}, 2, &first)); /* two branches, one row */
    assert_int_equal(first, 3);
    check(&m, lm_session_logits(s, 1), (int32_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 5}, 10);
    lm_session_counts before = lm_session_count(s);
    assert_ok(lm_session_read(s, token, lengths, 2)); /* kept: only what is wanted */
    assert_int_equal(lm_session_count(s).computed, before.computed + 2);
    assert_int_equal(lm_session_count(s).passes, before.passes + 1);
    check(&m, lm_session_logits(s, 1), token + 12, 12);
    lm_session_free(s);

    s = lm_session_new(m.net, false); /* without: forgotten */
    assert_ok(lm_session_read(s, token, lengths, 1));
    assert_ok(lm_session_read(s, token, lengths, 1));
    assert_int_equal(lm_session_count(s).computed, 24);
    lm_session_free(s);
    net_free(&m);
}

static void memory_ends(void **state)
{
    (void)state;
    net m = net_new(0, 1);
    size_t row = 3 * 2 * 24 * sizeof(float);
    lm_session *s;
    assert_fails(lm_session_open(&s, m.net, &(lm_session_options){.memory = row}), LOREC_RESOURCE,
                 "one token take 576");
    assert_ok(lm_session_open(&s, m.net, &(lm_session_options){.memory = 21 * row, .keep = true}));
    assert_int_equal(lm_session_cost(s, 2, 3), 2 * row + 3 * VOCAB * sizeof(float));
    int32_t token[LONGEST] = {0}, n = 15, more = 6;
    int64_t first, branch;
    for (int i = 0; i < 15; i++) token[i] = i % 4;
    assert_ok(lm_session_read(s, token, &n, 1));
    lm_growth g = {.n = 1, .tokens = (int32_t[]){9, 9, 9, 9, 9, 9}, .lengths = &more};
    assert_fails(lm_session_grow(s, &g, &branch), LOREC_RESOURCE, "all 21 cached tokens are in use");
    more = 5;
    assert_ok(lm_session_grow(s, &g, &branch)); /* nothing was lost, and what was not used gave way */
    assert_ok(lm_session_step(s, (int64_t[]){branch}, (int32_t[]){1}, 0, &first));
    assert_fails(lm_session_step(s, (int64_t[]){0}, (int32_t[]){1}, 1, &first), LOREC_RESOURCE, "in use");
    lm_session_drop(s, branch);
    assert_ok(lm_session_step(s, (int64_t[]){0}, (int32_t[]){1}, 1, &first));
    token[15] = 1;
    check(&m, lm_session_logits(s, 0), token, 16);
    n = 20; /* all of it at once */
    assert_ok(lm_session_read(s, token, &n, 1));
    check(&m, lm_session_logits(s, 0), token, 20);
    assert_fails(lm_session_read(s, (int32_t[]){VOCAB}, (int32_t[]){1}, 1), LOREC_USAGE,
                 "token 11 of a model that has 11");
    assert_fails(lm_session_read(s, (int32_t[]){-1}, (int32_t[]){1}, 1), LOREC_USAGE, "token -1");
    lm_session_free(s);
    net_free(&m);
}

/* A decoder that looks at an encoder, with T5's table of distances: branches of three prompts, each against a plain pass. */
static void encoders_are_looked_at(void **state)
{
    (void)state;
    transformer_config c = {.vocab_size = VOCAB,
                            .width = 24,
                            .layers = 2,
                            .heads = 4,
                            .ffn_width = 32,
                            .max_positions = LONGEST,
                            .bias_buckets = 8,
                            .bias_max_distance = 12,
                            .bias = BIAS_TABLE,
                            .activation = ACT_RELU,
                            .weights = INIT_NORMAL(.4)};
    transformer_name_plainly(&c);
    c.name[PART_POSITIONS] = NULL;
    c.name[PART_BIAS_TABLE] = "bias.weight";
    params *ps = params_new(4);
    transformer *encoder, *decoder;
    assert_ok(transformer_new(&encoder, ps, &c, "encoder."));
    c.causal = true;
    c.name[PART_CROSS_NORM] = "blocks.%d.cross.norm.weight";
    c.name[PART_CROSS_NORM_BIAS] = "blocks.%d.cross.norm.bias";
    c.name[PART_CROSS_Q] = "blocks.%d.cross.q";
    c.name[PART_CROSS_K] = "blocks.%d.cross.k";
    c.name[PART_CROSS_V] = "blocks.%d.cross.v";
    c.name[PART_CROSS_OUT] = "blocks.%d.cross.o";
    assert_ok(transformer_new(&decoder, ps, &c, "decoder."));
    lm_session *s;
    assert_ok(lm_session_open(&s, decoder, &(lm_session_options){.encoder = encoder, .start = 1, .rows_at_once = 3}));
    static const int32_t prompt[3][5] = {{3, 4, 5, 6, 7}, {2, 2}, {9, 8, 7, 1}}, lengths[3] = {5, 2, 4};
    static const int32_t packed[] = {3, 4, 5, 6, 7, 2, 2, 9, 8, 7, 1};
    for (int round = 0; round < 2; round++) {
        int64_t ends[4], first, after[4] = {0, 1, 2, lm_run(1)};
        assert_ok(lm_session_read(s, packed, lengths, 3));
        assert_int_equal(lm_session_length(s, 1), 1);
        int32_t tokens[] = {5, 6, 5, 6, 7, 5, 6, 0, 3}, n[4] = {2, 3, 2, 2};
        lm_growth g = {.n = 4, .after = after, .tokens = tokens, .lengths = n};
        assert_ok(lm_session_grow(s, &g, ends));
        assert_ok(lm_session_step(s, (int64_t[]){ends[3]}, (int32_t[]){10}, 1, &first));
        const int32_t said[] = {1, 5, 6, 7, 0, 3, 10}, long_one = 7;
        tape *t = tape_new(&(tape_options){0});
        tape_begin(t, 0);
        token_rows read = {.ids = tape_ids(t, prompt[1], 2), .sequences = tape_segments(t, &lengths[1], 1)};
        cross_rows cross = {.memory = transformer_hidden(t, encoder, &read), .rows = read.sequences};
        token_rows in = {.ids = tape_ids(t, said, 7), .sequences = tape_segments(t, &long_one, 1), .cross = &cross};
        tensor *h = op_slice(t, transformer_hidden(t, decoder, &in), 0, 6, 7);
        float expected[VOCAB];
        assert_ok(tape_read(t, transformer_logits(t, decoder, h), expected, VOCAB));
        for (int v = 0; v < VOCAB; v++) assert_near(lm_session_logits(s, 0)[v], expected[v], 1e-4);
        float all[7 * VOCAB];
        double sum[3], chain = 0;
        assert_ok(tape_read(t, transformer_logits(t, decoder, transformer_hidden(t, decoder, &in)), all, 7 * VOCAB));
        for (int i = 0; i < 6; i++) {
            double total = 0;
            for (int v = 0; v < VOCAB; v++) total += exp(all[i * VOCAB + v]);
            chain += all[i * VOCAB + said[i + 1]] - log(total);
        }
        score_ask ask = {3, packed, lengths, 1, said + 1, &(int32_t){6}, NULL}; /* the same, as a candidate */
        assert_ok(lm_score(s, &ask, sum));
        assert_near(sum[1], chain, 1e-4);
        tape_free(t);
    }
    assert_fails(lm_session_read(s, packed, (int32_t[]){0}, 1), LOREC_USAGE, "prompt 0 is empty");
    lm_session_free(s);
    transformer_free(encoder);
    transformer_free(decoder);
    params_free(ps);
}

/* Every allocation fails in turn: an error each time, and the session still works. */
static void survives_lack_of_memory(void **state)
{
    (void)state;
    net m = net_new(1, 2);
    int32_t token[30], lengths[2] = {18, 12};
    for (int i = 0; i < 30; i++) token[i] = i % 5;
    for (size_t at = 1, failed = 1; failed; at++) {
        mem_fail_at(at, false);
        lm_session *s = lm_session_new(m.net, false);
        int64_t first;
        lorec_err e = s ? lm_session_read(s, token, lengths, 2) : LOREC_RESOURCE;
        if (!e) e = lm_session_step(s, (int64_t[]){0, 1}, (int32_t[]){3, 4}, 2, &first);
        mem_fail_at(0, false);
        failed = e != LOREC_OK;
        if (failed) assert_int_equal(e, LOREC_RESOURCE);
        if (s) assert_ok(lm_session_read(s, token, lengths, 2));
        if (s) check(&m, lm_session_logits(s, 1), token + 18, 12);
        lm_session_free(s);
    }
    net_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(trees_equal_reading_again),
                                       cmocka_unit_test(what_is_alike_runs_once), cmocka_unit_test(memory_ends),
                                       cmocka_unit_test(encoders_are_looked_at),
                                       cmocka_unit_test(survives_lack_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

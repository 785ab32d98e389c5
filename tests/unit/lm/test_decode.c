/* Decoding on small random models, against reading everything again from the start. */
#include "support/support.h"

#include <math.h>

#include "lm/decode/decode.h"
#include "lm/model_folder.h"

enum { VOCAB = 13, POSITIONS = 24 };

static lm_model *small_model(uint64_t seed, double spread)
{
    transformer_config c = {.vocab_size = VOCAB,
                            .width = 24,
                            .layers = 2,
                            .heads = 3,
                            .ffn_width = 40,
                            .max_positions = POSITIONS,
                            .activation = ACT_GELU_TANH,
                            .weights = INIT_NORMAL(spread)};
    lm_model *m;
    assert_ok(lm_model_new(&m, "gpt2", &c, seed));
    return m;
}

/* Logits after the last token, by one plain pass. */
static void plain(const lm_model *m, dtype compute, const int32_t *token, int32_t n, float *logits)
{
    tape *t = tape_new(&(tape_options){.compute = compute});
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, token, n), .sequences = tape_segments(t, &n, 1)};
    tensor *h = transformer_hidden(t, m->net, &in);
    tensor *y = transformer_logits(t, m->net, op_slice(t, h, 0, n - 1, n));
    assert_ok(tape_read(t, y, logits, VOCAB));
    tape_free(t);
}

static float largest(const float *a, const float *b, int n)
{
    float most = 0;
    for (int i = 0; i < n; i++) most = fmaxf(most, fabsf(a[i] - b[i]));
    return most;
}

/* A random tree grown in a session: every branch's logits are those of its whole sequence read at once. */
static void check_tree(dtype compute, float tolerance)
{
    lm_model *m = small_model(5, .3);
    lm_session *s = lm_session_new(m->net, compute == DTYPE_BF16);
    rng r = rng_make(11, RNG_USER);
    enum { PROMPTS = 3, STEPS = 6, EACH = 5 };
    int32_t words[PROMPTS + STEPS * EACH][POSITIONS], length[PROMPTS + STEPS * EACH], packed[64];
    float expected[VOCAB];
    for (int round = 0; round < 3; round++) { /* a session is used again */
        int64_t branches = 0, at = 0, first;
        int32_t lengths[PROMPTS] = {1, 7, 4};
        for (int p = 0; p < PROMPTS; p++, branches++) {
            length[branches] = lengths[p];
            for (int32_t i = 0; i < lengths[p]; i++) words[branches][i] = packed[at++] = (int32_t)rng_below(&r, VOCAB);
        }
        assert_ok(lm_session_read(s, packed, lengths, PROMPTS));
        for (int p = 0; p < PROMPTS; p++) {
            plain(m, compute, words[p], length[p], expected);
            assert_true(largest(lm_session_logits(s, p), expected, VOCAB) <= tolerance);
        }
        for (int step = 0; step < STEPS; step++) {
            int64_t parent[EACH];
            int32_t token[EACH];
            for (int i = 0; i < EACH; i++) {
                parent[i] = rng_below(&r, (uint32_t)branches);
                token[i] = (int32_t)rng_below(&r, VOCAB);
                memcpy(words[branches + i], words[parent[i]], sizeof words[0]);
                words[branches + i][length[parent[i]]] = token[i];
                length[branches + i] = length[parent[i]] + 1;
            }
            assert_ok(lm_session_step(s, parent, token, EACH, &first));
            assert_int_equal(first, branches);
            for (int i = 0; i < EACH; i++, branches++) {
                assert_int_equal(lm_session_length(s, branches), length[branches]);
                plain(m, compute, words[branches], length[branches], expected);
                assert_true(largest(lm_session_logits(s, i), expected, VOCAB) <= tolerance);
            }
        }
    }
    lm_session_free(s);
    lm_model_free(m);
}

static void cache_equals_reading_again(void **state)
{
    (void)state;
    check_tree(DTYPE_F32, 2e-5f);
}

static void bf16_stays_close(void **state)
{
    (void)state;
    check_tree(DTYPE_BF16, .08f); /* logits are about 1; the cache keeps keys and values as they came */
    lm_model *m = small_model(5, .3);
    float f[VOCAB], b[VOCAB], size = 0;
    plain(m, DTYPE_F32, (int32_t[]){1, 2, 3, 4, 5}, 5, f);
    plain(m, DTYPE_BF16, (int32_t[]){1, 2, 3, 4, 5}, 5, b);
    for (int i = 0; i < VOCAB; i++) size = fmaxf(size, fabsf(f[i]));
    assert_true(largest(f, b, VOCAB) < .03f * size);
    assert_true(largest(f, b, VOCAB) > 0); /* it did compute in bf16 */
    lm_model_free(m);
}

static void positions_end(void **state)
{
    (void)state;
    lm_model *m = small_model(1, .1);
    lm_session *s = lm_session_new(m->net, false);
    int32_t token[POSITIONS + 1] = {0}, n = POSITIONS;
    int64_t first;
    assert_ok(lm_session_read(s, token, &n, 1));
    assert_int_equal(lm_session_room(s, 0), 0);
    assert_fails(lm_session_step(s, (int64_t[]){0}, token, 1, &first), LOREC_USAGE, "position 24");
    assert_fails(lm_session_step(s, (int64_t[]){1}, token, 1, &first), LOREC_USAGE, "branch 1 of 1");
    n = POSITIONS + 1;
    assert_fails(lm_session_read(s, token, &n, 1), LOREC_USAGE, "position 24");
    n = 0;
    assert_fails(lm_session_read(s, token, &n, 1), LOREC_USAGE, "empty");
    lm_session_free(s);
    lm_model_free(m);
}

/* ---- constraints ------------------------------------------------------------------------------------------------------- */

typedef struct catalogue {
    int32_t token[64 * 4];
    uint64_t start[65];
    uint32_t n;
    trie trie;
} catalogue;

/* Sequences of `length` tokens, or of 1 to 4 where it is 0. */
static void random_catalogue(catalogue *c, rng *r, uint32_t length)
{
    c->n = 1 + rng_below(r, 60);
    c->start[0] = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t n = length ? length : 1 + rng_below(r, 4);
        for (uint32_t j = 0; j < n; j++)
            c->token[c->start[i] + j] = (int32_t)rng_below(r, VOCAB - 1); /* the last: end */
        c->start[i + 1] = c->start[i] + n;
    }
    assert_ok(trie_build(&c->trie, c->token, c->start, c->n));
}

/* The log probability of a sequence after a prompt, by plain passes. */
static double chain(const lm_model *m, const int32_t *prompt, int32_t n_prompt, const int32_t *token, int64_t n)
{
    int32_t word[POSITIONS];
    float logits[VOCAB];
    double sum = 0;
    memcpy(word, prompt, (size_t)n_prompt * sizeof *word);
    for (int64_t i = 0; i < n; i++) {
        double total = 0;
        plain(m, DTYPE_F32, word, n_prompt + (int32_t)i, logits);
        for (int v = 0; v < VOCAB; v++) total += exp(logits[v]);
        sum += logits[token[i]] - log(total);
        word[n_prompt + i] = token[i];
    }
    return sum;
}

static const int32_t prompts[] = {3, 1, 4, 1, 5, 9, 2};
static const int32_t prompt_lengths[] = {4, 1, 2};

static void only_the_catalogue_comes_out(void **state)
{
    (void)state;
    static catalogue c;
    const sampling wild = {.temperature = 3}, narrow = {.temperature = .7f, .top_k = 3, .top_p = .8f};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        rng r = rng_make(seed, RNG_USER);
        bool fixed = seed % 2;
        random_catalogue(&c, &r, fixed ? 3 : 0);
        constraint only = constraint_of_trie(&c.trie);
        lm_model *m = small_model(seed, .5);
        lm_session *s = lm_session_new(m->net, false);
        decode_options o = {.count = 40,
                            .max_tokens = 5,
                            .end = fixed ? -1 : VOCAB - 1,
                            .only = &only,
                            .how = seed % 3 ? wild : narrow};
        for (int beam = 0; beam < 2; beam++) {
            decoded d;
            if (beam)
                assert_ok(decode_beam(s, prompts, prompt_lengths, 3, &o, &d));
            else
                assert_ok(decode_sample(s, prompts, prompt_lengths, (uint64_t[]){1, 2, 3}, 3, &o, &d));
            assert_true(beam || d.n == 120);
            for (size_t i = 0; i < d.n; i++) {
                const hypothesis *h = &d.found[i];
                int64_t n = h->n;
                assert_true(h->complete);
                assert_true(h->logp < 0 && isfinite(h->logp));
                if (n > 0 && h->token[n - 1] == o.end) n--; /* a leaf needs none */
                uint32_t node = trie_find(&c.trie, h->token, (size_t)n);
                assert_true(node != TRIE_NONE);
                assert_int_equal(node, constraint_trie_node(&h->state));
                size_t values;
                (void)trie_values(&c.trie, node, &values);
                assert_true(values > 0);
            }
            decoded_free(&d);
        }
        lm_session_free(s);
        lm_model_free(m);
        trie_free(&c.trie);
    }
}

/* The beam as wide as the set finds all of it with the chain rule's scores, and so does decode_trie. */
static void beam_and_trie_are_exact(void **state)
{
    (void)state;
    static catalogue c;
    rng r = rng_make(99, RNG_USER);
    random_catalogue(&c, &r, 3);
    constraint only = constraint_of_trie(&c.trie);
    lm_model *m = small_model(3, .5);
    lm_session *s = lm_session_new(m->net, false);
    decode_options o = {.count = 64, .max_tokens = 3, .end = -1, .only = &only};
    decoded d;
    assert_ok(decode_beam(s, prompts, prompt_lengths, 3, &o, &d));
    uint32_t different = 0;
    for (uint32_t node = 1; node < c.trie.nodes; node++)
        different += c.trie.value_start[node + 1] > c.trie.value_start[node];
    float *logp = test_malloc(c.trie.nodes * sizeof *logp);
    const int32_t *prompt = prompts;
    for (int p = 0; p < 3; prompt += prompt_lengths[p++]) {
        assert_int_equal(d.start[p + 1] - d.start[p], different);
        assert_ok(
            decode_trie(s, prompt, prompt_lengths[p], &c.trie, p == 0 ? 1000 : p, logp)); /* 1 and 2 at once too */
        for (size_t i = d.start[p]; i < d.start[p + 1]; i++) {
            const hypothesis *h = &d.found[i];
            if (i > d.start[p]) assert_true(h[-1].logp >= h->logp);
            if (i < d.start[p] + 8) assert_near(h->logp, chain(m, prompt, prompt_lengths[p], h->token, 3), 1e-4);
            assert_near(h->logp, logp[trie_find(&c.trie, h->token, 3)], 1e-4);
        }
    }
    /* a narrow beam: no better, never more than its width */
    decoded narrow;
    o.count = 2;
    assert_ok(decode_beam(s, prompts, prompt_lengths, 3, &o, &narrow));
    for (int p = 0; p < 3; p++) {
        assert_int_equal(narrow.start[p + 1] - narrow.start[p], 2);
        assert_true(narrow.found[narrow.start[p]].logp <= d.found[d.start[p]].logp + 1e-5f);
    }
    decoded_free(&narrow);
    decoded_free(&d);
    test_free(logp);
    lm_session_free(s);
    lm_model_free(m);
    trie_free(&c.trie);
}

/* ---- sampling ------------------------------------------------------------------------------------------------------------ */

static void samples_follow_the_model(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    lm_model *m = small_model(8, .4);
    lm_session *s = lm_session_new(m->net, false);
    decode_options o = {.count = DRAWS, .max_tokens = 2, .end = -1, .how = {.temperature = 1}};
    decoded d;
    assert_ok(decode_sample(s, prompts, prompt_lengths, (uint64_t[]){42}, 1, &o, &d));
    assert_int_equal(d.n, DRAWS);
    static size_t count[VOCAB * VOCAB];
    static float logp[VOCAB * VOCAB];
    for (size_t i = 0; i < d.n; i++) {
        const hypothesis *h = &d.found[i];
        assert_true(h->complete && h->n == 2);
        count[h->token[0] * VOCAB + h->token[1]]++;
        logp[h->token[0] * VOCAB + h->token[1]] = h->logp;
    }
    double chi = 0;
    for (int i = 0; i < VOCAB * VOCAB; i++) {
        double p = chain(m, prompts, prompt_lengths[0], (int32_t[]){i / VOCAB, i % VOCAB}, 2),
               expected = exp(p) * DRAWS;
        if (count[i]) assert_near(logp[i], p, 1e-4);
        chi += ((double)count[i] - expected) * ((double)count[i] - expected) / expected;
    }
    assert_true(chi < 229); /* 168 degrees of freedom, p = .001 */
    decoded_free(&d);
    lm_session_free(s);
    lm_model_free(m);
}

/* Greedy takes the best each time; and a prompt's samples do not depend on what is asked beside it. */
static void greedy_and_alone(void **state)
{
    (void)state;
    lm_model *m = small_model(2, .5);
    lm_session *s = lm_session_new(m->net, false);
    decode_options o = {.count = 1, .max_tokens = 6, .end = -1};
    const uint64_t seeds[] = {5, 6, 7};
    decoded d;
    assert_ok(decode_sample(s, prompts, prompt_lengths, seeds, 3, &o, &d));
    int32_t word[POSITIONS];
    memcpy(word, prompts, sizeof(int32_t) * 4);
    for (int i = 0; i < 6; i++) {
        float logits[VOCAB];
        plain(m, DTYPE_F32, word, 4 + i, logits);
        int best = 0;
        for (int v = 1; v < VOCAB; v++)
            if (logits[v] > logits[best]) best = v;
        assert_int_equal(d.found[0].token[i], best);
        word[4 + i] = best;
    }
    decoded_free(&d);
    o.how.temperature = 1;
    o.count = 9;
    decoded all, alone;
    assert_ok(decode_sample(s, prompts, prompt_lengths, seeds, 3, &o, &all));
    assert_ok(decode_sample(s, prompts + 5, prompt_lengths + 2, seeds + 2, 1, &o, &alone));
    for (size_t i = 0; i < 9; i++)
        assert_memory_equal(all.found[all.start[2] + i].token, alone.found[i].token, 6 * sizeof(int32_t));
    decoded_free(&all);
    decoded_free(&alone);
    lm_session_free(s);
    lm_model_free(m);
}

static void saves_and_opens(void **state)
{
    (void)state;
    lm_model *m = small_model(4, .3), *again;
    assert_ok(lm_model_save(m, test_folder()));
    assert_ok(lm_model_open(&again, test_folder()));
    assert_int_equal(params_count(again->params), params_count(m->params));
    float a[VOCAB], b[VOCAB];
    plain(m, DTYPE_F32, prompts, 7, a);
    plain(again, DTYPE_F32, prompts, 7, b);
    assert_memory_equal(a, b, sizeof a);
    lm_model_free(again);
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_equals_reading_again),
        cmocka_unit_test(bf16_stays_close),
        cmocka_unit_test(positions_end),
        cmocka_unit_test(only_the_catalogue_comes_out),
        cmocka_unit_test(beam_and_trie_are_exact),
        cmocka_unit_test(samples_follow_the_model),
        cmocka_unit_test(greedy_and_alone),
        cmocka_unit_test(saves_and_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

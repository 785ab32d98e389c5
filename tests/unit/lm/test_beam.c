/* Beams: length normalisation, diverse groups, probabilities among what is allowed; and that nothing but the catalogue ever
 * comes out, over many random models, prompts and tries. */
#include "lm/decode/decode.h"

#include "base/mem.h"
#include "lm/session/score.h"
#include "tiny_lm.h"

enum { MOST_ITEMS = 48, DEEPEST = 12, END = TINY_VOCAB - 1 };

typedef struct catalogue {
    int32_t token[MOST_ITEMS * DEEPEST];
    uint64_t start[MOST_ITEMS + 1];
    uint32_t n;
    trie trie;
} catalogue;

/* Kinds: equal lengths; prefixes of each other; single tokens; few deep ones; duplicates. */
static void random_catalogue(catalogue *c, rng *r, int kind)
{
    c->n = 1 + rng_below(r, kind == 3 ? 4 : MOST_ITEMS - 1);
    c->start[0] = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t n = kind == 0 ? 3 : kind == 2 ? 1 : kind == 3 ? DEEPEST : 1 + rng_below(r, 5);
        for (uint32_t j = 0; j < n; j++)
            c->token[c->start[i] + j] = (int32_t)rng_below(r, kind == 1 || kind == 4 ? 3 : TINY_VOCAB - 1);
        c->start[i + 1] = c->start[i] + n;
    }
    assert_ok(trie_build(&c->trie, c->token, c->start, c->n));
}

static void check_all(const catalogue *c, const decoded *d, const decode_options *o)
{
    for (size_t i = 0; i < d->n; i++) {
        const hypothesis *h = &d->found[i];
        if (h->logp == -INFINITY) continue; /* a sample that could not be finished */
        int64_t n = h->n - (h->n > 0 && h->token[h->n - 1] == o->end);
        size_t values = 0;
        uint32_t node = trie_find(&c->trie, h->token, (size_t)n);
        assert_true(h->complete);
        assert_int_not_equal(node, TRIE_NONE);
        (void)trie_values(&c->trie, node, &values);
        assert_true(values > 0);
        assert_true(isfinite(h->logp));
    }
}

static void nothing_but_the_catalogue(void **state)
{
    (void)state;
    static catalogue c;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        rng r = rng_make(seed, RNG_USER);
        int kind = (int)(seed % 5);
        random_catalogue(&c, &r, kind);
        constraint only = constraint_of_trie(&c.trie), by_index;
        fm_index index;
        assert_ok(fm_index_build(&index, c.token, c.start, c.n));
        by_index = constraint_of_sequences(&index);
        lm_model *m = tiny_lm(seed, 0);
        lm_session *s = lm_session_new(m->net, false);
        int32_t prompt[24], lengths[3];
        int64_t at = 0;
        for (int p = 0; p < 3; p++) {
            lengths[p] = 1 + (int32_t)rng_below(&r, 8);
            for (int32_t i = 0; i < lengths[p]; i++) prompt[at++] = (int32_t)rng_below(&r, TINY_VOCAB);
        }
        for (int how = 0; how < 8; how++) { /* the last two: by an FM-index */
            decode_options o = {.count = how == 2 ? 6 : 1 + (int64_t)rng_below(&r, 12),
                                .max_tokens = 1 + (int64_t)rng_below(&r, DEEPEST + 2),
                                .end = kind == 0 || kind == 3 ? -1 : END,
                                .only = how < 6 ? &only : &by_index,
                                .among_allowed = how % 2 == 1,
                                .how = {.temperature = how == 4 ? 0 : 4, .top_p = how == 5 ? .7f : 0, .min_p = .01f}};
            decoded d;
            if (how == 2) {
                o.groups = 3;
                o.diversity = .5f;
                o.length_power = 1;
            }
            if (how < 3 || how == 6)
                assert_ok(decode_beam(s, prompt, lengths, 3, &o, &d));
            else
                assert_ok(decode_sample(s, prompt, lengths, (uint64_t[]){seed, 2, 3}, 3, &o, &d));
            check_all(&c, &d, &o);
            decoded_free(&d);
        }
        lm_session_free(s);
        lm_model_free(m);
        trie_free(&c.trie);
        fm_index_free(&index);
    }
}

/* A beam as wide as the set orders it by logp / n^power, with the end token counted. */
static void length_normalised(void **state)
{
    (void)state;
    static catalogue c;
    rng r = rng_make(5, RNG_USER);
    do {
        trie_free(&c.trie);
        random_catalogue(&c, &r, 1);
    } while (c.n < 20);
    constraint only = constraint_of_trie(&c.trie);
    lm_model *m = tiny_lm(7, 0);
    lm_session *s = lm_session_new(m->net, false);
    int32_t prompt[] = {3, 1, 4}, length = 3, leaf[DEEPEST];
    for (float power = 0; power <= 2; power += 1) {
        decode_options o = {.count = 64, .max_tokens = 6, .end = END, .only = &only, .length_power = power};
        decoded d;
        assert_ok(decode_beam(s, prompt, &length, 1, &o, &d));
        uint32_t different = 0;
        for (uint32_t node = 1; node < c.trie.nodes; node++)
            different += c.trie.value_start[node + 1] > c.trie.value_start[node];
        assert_int_equal(d.n, different);
        for (size_t i = 0; i < d.n; i++) {
            double sum;
            memcpy(leaf, d.found[i].token, (size_t)d.found[i].n * sizeof *leaf);
            score_ask ask = {1, prompt, &length, 1, leaf, &(int32_t){(int32_t)d.found[i].n}, NULL};
            assert_ok(lm_score(s, &ask, &sum));
            assert_near(d.found[i].logp, sum, 1e-4);
            if (i)
                assert_true(d.found[i - 1].logp / powf((float)d.found[i - 1].n, power) >=
                            d.found[i].logp / powf((float)d.found[i].n, power));
        }
        decoded_free(&d);
    }
    lm_session_free(s);
    lm_model_free(m);
    trie_free(&c.trie);
}

/* Nothing ends in time: the best ones as far as they came, marked; behind those that did end. */
static void unfinished_ones_are_told(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(7, 0);
    lm_session *s = lm_session_new(m->net, false);
    int32_t prompt[] = {3, 1, 4, 3, 1}, lengths[] = {3, 2};
    size_t finished = 0;
    for (int32_t end = -1; end < TINY_VOCAB; end++) {
        decode_options o = {.count = 4, .max_tokens = 3, .end = end};
        decoded d;
        assert_ok(decode_beam(s, prompt, lengths, 2, &o, &d));
        assert_int_equal(d.n, 8);
        for (size_t i = 0; i < d.n; i++) {
            const hypothesis *h = &d.found[i], *next = i % 4 < 3 ? &d.found[i + 1] : NULL;
            finished += h->complete;
            assert_int_equal(h->complete, end < 0 ? h->n == 3 : h->token[h->n - 1] == end);
            assert_true(h->complete || h->n == 3);
            if (next) assert_true(h->complete > next->complete || h->logp >= next->logp);
            if (next) assert_true(h->complete >= next->complete);
        }
        decoded_free(&d);
    }
    assert_true(finished > 8 && finished < 8 * (TINY_VOCAB + 1));
    lm_session_free(s);
    lm_model_free(m);
}

static size_t different_first_tokens(const decoded *d)
{
    bool seen[TINY_VOCAB] = {0};
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        n += !seen[d->found[i].token[0]];
        seen[d->found[i].token[0]] = true;
    }
    return n;
}

static void groups_differ(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(9, 0);
    lm_session *s = lm_session_new(m->net, false);
    int32_t prompt[] = {3, 1, 4}, length = 3;
    decode_options o = {.count = 6, .max_tokens = 3, .end = -1, .groups = 6, .diversity = 100};
    decoded apart, plain, one;
    assert_ok(decode_beam(s, prompt, &length, 1, &o, &apart));
    assert_int_equal(apart.n, 6);
    assert_int_equal(different_first_tokens(&apart), 6); /* no two groups take the same token in a step */
    o.diversity = 0;                                     /* six times the same greedy beam, given once */
    assert_ok(decode_beam(s, prompt, &length, 1, &o, &plain));
    o.count = o.groups = 1;
    assert_ok(decode_beam(s, prompt, &length, 1, &o, &one));
    assert_int_equal(plain.n, 1);
    assert_memory_equal(plain.found[0].token, one.found[0].token, 3 * sizeof(int32_t));
    assert_near(plain.found[0].logp, one.found[0].logp, 1e-5);
    decoded_free(&apart);
    decoded_free(&plain);
    decoded_free(&one);
    o.count = 5;
    o.groups = 2;
    assert_fails(decode_beam(s, prompt, &length, 1, &o, &one), LOREC_USAGE, "2 groups of equal size");
    lm_session_free(s);
    lm_model_free(m);
}

/* Among what is allowed: exp(logp) of all sequences sums to one; the picked logits give what the full ones would. */
static void among_what_is_allowed(void **state)
{
    (void)state;
    static catalogue c;
    rng r = rng_make(11, RNG_USER);
    random_catalogue(&c, &r, 0);
    constraint only = constraint_of_trie(&c.trie);
    transformer_config big = {.vocab_size = 2000,
                              .width = 16,
                              .layers = 1,
                              .heads = 2,
                              .ffn_width = 16,
                              .max_positions = 16,
                              .activation = ACT_RELU,
                              .weights = INIT_NORMAL(.3)};
    lm_model *m[2] = {tiny_lm(2, 0)};
    assert_ok(lm_model_new(&m[1], "gpt2", &big, 3)); /* 17 of 2000: here they are picked */
    for (int i = 0; i < 2; i++) {
        lm_session *s = lm_session_new(m[i]->net, false);
        int32_t prompt[] = {3, 1, 4}, length = 3;
        decode_options o = {.count = 64, .max_tokens = 3, .end = -1, .only = &only, .among_allowed = true};
        decoded d;
        double total = 0;
        assert_ok(decode_beam(s, prompt, &length, 1, &o, &d));
        for (size_t k = 0; k < d.n; k++) total += exp(d.found[k].logp);
        assert_near(total, 1, 1e-4);
        decoded_free(&d);
        lm_session_free(s);
        lm_model_free(m[i]);
    }
    trie_free(&c.trie);
}

static void what_was_said_is_less_likely(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(4, 0);
    lm_session *s = lm_session_new(m->net, false);
    int32_t prompt[] = {3, 1, 4}, length = 3;
    decode_options o = {.count = 1, .max_tokens = 8, .end = -1, .how = {.repetition = 1.8f}};
    decoded d;
    assert_ok(decode_sample(s, prompt, &length, (uint64_t[]){1}, 1, &o, &d));
    int32_t said[11] = {3, 1, 4}; /* step by step, by its definition */
    int changed = 0;
    for (int32_t n = 3; n < 11; n++) {
        assert_ok(lm_session_read(s, said, &n, 1));
        const float *logits = lm_session_logits(s, 0);
        int best = -1, plain = 0;
        float best_logit = -INFINITY;
        for (int v = 0; v < TINY_VOCAB; v++) {
            float x = logits[v];
            for (int32_t i = 0; i < n; i++)
                if (said[i] == v) {
                    x = x > 0 ? x / 1.8f : x * 1.8f;
                    break;
                }
            if (x > best_logit) {
                best_logit = x;
                best = v;
            }
            if (logits[v] > logits[plain]) plain = v;
        }
        assert_int_equal(d.found[0].token[n - 3], best);
        changed += best != plain;
        said[n] = best;
    }
    assert_true(changed > 0);
    decoded_free(&d);
    o.how.min_p = 2;
    assert_fails(decode_sample(s, prompt, &length, (uint64_t[]){1}, 1, &o, &d), LOREC_USAGE, "min_p is 2");
    lm_session_free(s);
    lm_model_free(m);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    static catalogue c;
    rng r = rng_make(12, RNG_USER);
    random_catalogue(&c, &r, 1);
    constraint only = constraint_of_trie(&c.trie);
    lm_model *m = tiny_lm(4, 0);
    int32_t prompt[] = {3, 1, 4}, length = 3;
    for (int beam = 0; beam < 2; beam++)
        for (size_t at = 1, failed = 1; failed; at++) {
            lm_session *s = lm_session_new(m->net, false);
            decode_options o = {.count = 4, .max_tokens = 4, .end = END, .only = &only, .groups = 2, .diversity = 1};
            decoded d;
            mem_fail_at(at, false);
            lorec_err e = beam ? decode_beam(s, prompt, &length, 1, &o, &d)
                               : decode_sample(s, prompt, &length, (uint64_t[]){1}, 1, &o, &d);
            mem_fail_at(0, false);
            failed = e != LOREC_OK;
            if (failed) assert_int_equal(e, LOREC_RESOURCE);
            decoded_free(&d);
            lm_session_free(s);
        }
    lm_model_free(m);
    trie_free(&c.trie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_the_catalogue), cmocka_unit_test(length_normalised),
        cmocka_unit_test(unfinished_ones_are_told),  cmocka_unit_test(groups_differ),
        cmocka_unit_test(among_what_is_allowed),     cmocka_unit_test(what_was_said_is_less_likely),
        cmocka_unit_test(survives_lack_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

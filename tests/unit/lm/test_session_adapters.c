/* Adapters in sessions: prefixes, prompts, LoRA and all of them together give the numbers of a plain pass over the whole text;
 * one a text beside others; scores, beams, the batcher; encoder-decoders. */
#include "base/mem.h"
#include "lm/decode/decode.h"
#include "lm/session/batcher.h"
#include "lm/session/score.h"
#include "tiny_lm.h"

enum { VOCAB = 11, LONGEST = 40, ITEMS = 4, LAYERS = 3, WIDTH = 24 };
typedef enum kind { LEARNED, ROTARY, WINDOWED, TABLE, PREFIX_LM, KINDS } kind;

typedef struct net {
    params *ps;
    transformer *net;
    adapter *item[ITEMS]; /* lora, prefix, prompt (PREFIX_LM: another prefix), another lora */
    int64_t items;
} net;

static net net_new(kind k, uint64_t seed)
{
    transformer_config c = {.vocab_size = VOCAB,
                            .width = WIDTH,
                            .layers = LAYERS,
                            .heads = 4,
                            .head_width = 8,
                            .kv_heads = k == ROTARY ? 2 : 4,
                            .ffn_width = 32,
                            .max_positions = LONGEST,
                            .causal = true,
                            .bias_buckets = 8,
                            .bias_max_distance = 12,
                            .activation = ACT_GELU_TANH,
                            .weights = INIT_NORMAL(.4)};
    transformer_name_plainly(&c);
    if (k != LEARNED) c.name[PART_POSITIONS] = NULL;
    if (k == ROTARY) c.rope.kind = ROPE_HALF;
    if (k == WINDOWED) {
        c.bias = BIAS_ALIBI;
        c.window = 5;
        c.attn_softcap = 3;
    }
    if (k == TABLE) {
        c.bias = BIAS_TABLE;
        c.name[PART_BIAS_TABLE] = "bias.weight";
    }
    if (k == PREFIX_LM) {
        c.rope.kind = ROPE_2D;
        c.glm = (glm_rule){.on = true, .begin = 10, .mask = 9, .gmask = 8};
    }
    net n = {.ps = params_new(seed), .items = ITEMS};
    assert_ok(transformer_new(&n.net, n.ps, &c, ""));
    static const char *const names[ITEMS] = {"lora", "prefix", "prompt", "lora"};
    for (int i = 0; i < ITEMS; i++) {
        bool prompt = i == 2;
        adapter_options o = {
            .kind = prompt && k == PREFIX_LM ? "prefix" : names[i], .rank = 2, .targets = "all", .tokens = 3 + i};
        assert_ok(adapter_new(&n.item[i], &n.net, 1, &o));
        tiny_draw(adapter_params(n.item[i]), seed + 7 + (uint64_t)i, i % 3 ? .5 : .2);
    }
    return n;
}

static void net_free(net *n)
{
    for (int i = 0; i < ITEMS; i++) adapter_free(n->item[i]);
    transformer_free(n->net);
    params_free(n->ps);
}

/* Log probabilities after each of n tokens, by one plain pass. */
static void plain(const net *m, const adapter_set *set, const int32_t *token, int32_t n, float *logp)
{
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, token, n), .sequences = tape_segments(t, &n, 1), .adapters = set};
    tensor *y = transformer_logits(t, m->net, transformer_hidden(t, m->net, &in));
    assert_ok(tape_read(t, y, logp, n * VOCAB));
    tape_free(t);
}

static void check(const net *m, const adapter_set *set, const float *logits, const int32_t *token, int32_t n)
{
    float expected[LONGEST * VOCAB];
    plain(m, set, token, n, expected);
    for (int v = 0; v < VOCAB; v++) assert_near(logits[v], expected[(n - 1) * VOCAB + v], 5e-4);
}

typedef struct grown {
    int32_t token[LONGEST], n;
    int64_t branch, item;
} grown;

static int32_t draw(kind k, rng *r, int32_t at)
{
    if (k == PREFIX_LM) return at == 3 ? 10 : at == 1 ? 8 : (int32_t)rng_below(r, 3);
    return (int32_t)rng_below(r, 3); /* few, so that much is shared */
}

static adapter_set alone(const net *m, int64_t item)
{
    return (adapter_set){.item = m->item + (item < 0 ? 0 : item), .n = item >= 0};
}

/* A call of some runs after the beginning or a branch. */
static void grow_once(kind k, const net *m, lm_session *s, const adapter_set *all, rng *r, grown *texts, size_t *n)
{
    enum { RUNS = 5 };
    grown made[RUNS];
    int64_t after[RUNS], ends[RUNS];
    int32_t packed[RUNS * 8], lengths[RUNS], item[RUNS], at = 0;
    int runs = 1 + (int)rng_below(r, RUNS);
    for (int i = 0; i < runs; i++) {
        grown *t = &made[i];
        *t = (grown){.item = (int64_t)rng_below(r, ITEMS + 1) - 1};
        after[i] = LM_START;
        if (rng_below(r, 3) && *n) {
            *t = texts[rng_below(r, (uint32_t)*n)];
            after[i] = t->branch;
        }
        lengths[i] = k == PREFIX_LM && t->n == 0 ? 5 : 1 + (int32_t)rng_below(r, 5);
        if (t->n + lengths[i] > LONGEST - 20) {
            *t = (grown){.item = -1};
            after[i] = LM_START;
            lengths[i] = 5;
        }
        item[i] = (int32_t)t->item;
        for (int j = 0; j < lengths[i]; j++, t->n++) t->token[t->n] = packed[at++] = draw(k, r, t->n);
    }
    lm_growth g = {.n = runs, .after = after, .tokens = packed, .lengths = lengths, .adapter = all ? NULL : item};
    assert_ok(lm_session_grow(s, &g, ends));
    for (int i = 0; i < runs; i++) {
        adapter_set own = alone(m, made[i].item);
        check(m, all ? all : own.n ? &own : NULL, lm_session_logits(s, i), made[i].token, made[i].n);
        made[i].branch = ends[i];
        assert_int_equal(lm_session_length(s, ends[i]), made[i].n);
        assert_int_equal(lm_session_room(s, ends[i]),
                         LONGEST - made[i].n - lm_session_before(s, (int32_t)made[i].item));
        texts[(*n)++] = made[i];
    }
}

/* Which: 0 prefix, 1 prompt, 2 everything at once, 3 one a text. */
static void trees_equal_plain_passes(void **state)
{
    (void)state;
    enum { MOST = 128 };
    static grown texts[MOST];
    for (kind k = 0; k < KINDS; k++)
        for (int which = 0; which < 4; which++)
            for (int keep = 0; keep < 2; keep++) {
                net m = net_new(k, 5 + k);
                rng r = rng_make((uint64_t)(which * 2 + keep), RNG_USER);
                adapter_set set = which < 2 ? alone(&m, 1 + which) : (adapter_set){.item = m.item, .n = ITEMS};
                lm_session_options o = {
                    .keep = keep, .adapters = &set, .adapter_each = which == 3, .rows_at_once = keep ? 4 : 0};
                size_t row = LAYERS * 2 * (k == ROTARY ? 16 : 32) * sizeof(float), n = 0;
                if (keep && which >= 2) o.memory = 800 * row; /* beginnings are evicted and made again */
                lm_session *s;
                assert_ok(lm_session_open(&s, m.net, &o));
                for (int call = 0; call < 12; call++) {
                    grow_once(k, &m, s, which == 3 ? NULL : &set, &r, texts, &n);
                    if (call % 5 == 4)
                        for (; n > 0; n--) lm_session_drop(s, texts[n - 1].branch);
                }
                lm_session_free(s);
                net_free(&m);
            }
}

/* Shared beginnings: a prompt is read once for all texts under it. */
static void prompts_run_once(void **state)
{
    (void)state;
    net m = net_new(ROTARY, 1);
    adapter_set set = alone(&m, 2);
    lm_session *s;
    assert_ok(lm_session_open(&s, m.net, &(lm_session_options){.adapters = &set, .keep = true}));
    int32_t token[] = {1, 2, 3, 1, 2, 4}, lengths[] = {3, 3};
    assert_int_equal(lm_session_before(s, -1), 5);
    for (int round = 0; round < 2; round++) assert_ok(lm_session_read(s, token, lengths, 2));
    assert_int_equal(lm_session_count(s).computed, 3 + 1 + 2); /* the last two again, for their logits */
    check(&m, &set, lm_session_logits(s, 1), token + 3, 3);
    lm_session_free(s);
    net_free(&m);
}

static double chain(const net *m, const adapter_set *set, const int32_t *token, int32_t from, int32_t n)
{
    float logits[LONGEST * VOCAB];
    double sum = 0;
    plain(m, set, token, n, logits);
    for (int32_t i = from; i < n; i++) {
        double total = 0;
        for (int v = 0; v < VOCAB; v++) total += exp(logits[(i - 1) * VOCAB + v]);
        sum += logits[(i - 1) * VOCAB + token[i]] - log(total);
    }
    return sum;
}

static void score_and_beams_under_each(void **state)
{
    (void)state;
    net m = net_new(ROTARY, 3);
    adapter_set set = {.item = m.item, .n = ITEMS};
    lm_session *s;
    assert_ok(lm_session_open(&s, m.net, &(lm_session_options){.adapters = &set, .adapter_each = true, .keep = true}));
    int32_t text[LONGEST] = {1, 2, 3, 4, 5, 6}, length = 4;
    double sums[ITEMS + 1];
    for (int32_t item = -1; item < ITEMS; item++) {
        adapter_set own = alone(&m, item), *acts = own.n ? &own : NULL;
        double sum;
        score_ask ask = {1, text, &length, 1, text + 4, &(int32_t){2}, NULL};
        assert_ok(lm_session_use(s, item));
        assert_ok(lm_score(s, &ask, &sum));
        assert_near(sum, chain(&m, acts, text, 4, 6), 1e-4);
        sums[item + 1] = sum;
        for (int32_t j = -1; j < item; j++) assert_true(fabs(sums[j + 1] - sum) > 1e-3); /* they do act */
        decode_options o = {.count = 4, .max_tokens = 3, .end = -1};
        decoded d;
        assert_ok(decode_beam(s, text, &length, 1, &o, &d));
        assert_true(d.n > 0);
        for (size_t i = 0; i < d.n; i++) {
            int32_t whole[LONGEST];
            memcpy(whole, text, 4 * sizeof *whole);
            memcpy(whole + 4, d.found[i].token, d.found[i].n * sizeof *whole);
            assert_near(d.found[i].logp, chain(&m, acts, whole, 4, 4 + (int32_t)d.found[i].n), 1e-4);
        }
        decoded_free(&d);
    }
    assert_fails(lm_session_use(s, ITEMS), LOREC_USAGE, "adapter 4 of a session that has 4");
    lm_session_free(s);
    net_free(&m);
}

typedef struct kept {
    int32_t token[16];
    size_t n;
    double sum;
    batch_reason reason;
} kept;

static void keep(void *ctx, const batch_reply *r)
{
    kept *k = ctx;
    *k = (kept){.n = r->n, .sum = r->sum, .reason = r->reason};
    assert_true(r->n <= 16);
    if (r->n) memcpy(k->token, r->token, r->n * sizeof *r->token);
}

/* Requests under other adapters in one batch: what each gets alone. */
static void switched_in_a_batch(void **state)
{
    (void)state;
    enum { N = 10 };
    net m = net_new(LEARNED, 2);
    adapter_set set = {.item = m.item, .n = ITEMS};
    lm_session *s, *other;
    batcher *b;
    const lm_session_options o = {.adapters = &set, .adapter_each = true, .keep = true};
    assert_ok(lm_session_open(&s, m.net, &o));
    assert_ok(lm_session_open(&other, m.net, &o));
    assert_ok(batcher_new(&b, s, &(batcher_options){.running = 6, .tokens_at_once = 9}));
    static const int32_t prompt[] = {1, 2, 3, 4, 5, 6};
    kept got[N];
    batch_request q[N];
    for (int i = 0; i < N; i++)
        q[i] = (batch_request){.prompt = prompt,
                               .n = 1 + i % 6,
                               .max_tokens = 8,
                               .how = {.temperature = i % 2 ? 1 : 0},
                               .seed = (uint64_t)i,
                               .adapter = i % (ITEMS + 1),
                               .done = keep,
                               .ctx = &got[i]};
    assert_ok(batcher_run(b, q, N));
    for (int i = 0; i < N; i++) {
        decode_options how = {.count = 1, .max_tokens = 8, .end = -1, .how = q[i].how};
        decoded d;
        assert_ok(lm_session_use(other, q[i].adapter - 1));
        assert_ok(decode_sample(other, prompt, &(int32_t){1 + i % 6}, &q[i].seed, 1, &how, &d));
        assert_int_equal(got[i].reason, BATCH_LENGTH);
        assert_int_equal(got[i].n, d.found[0].n);
        assert_memory_equal(got[i].token, d.found[0].token, got[i].n * sizeof(int32_t));
        assert_near(got[i].sum, d.found[0].logp, 1e-4);
        decoded_free(&d);
    }
    q[0].adapter = ITEMS + 1;
    uint64_t id;
    assert_fails(batcher_add(b, &q[0], &id), LOREC_USAGE, "adapter 4 of a session that has 4");
    batcher_free(b);
    lm_session_free(s);
    lm_session_free(other);
    net_free(&m);
}

static void encoder_decoders(void **state)
{
    (void)state;
    transformer_config c = {.vocab_size = VOCAB,
                            .width = WIDTH,
                            .layers = 2,
                            .heads = 4,
                            .ffn_width = 32,
                            .max_positions = LONGEST,
                            .activation = ACT_RELU,
                            .weights = INIT_NORMAL(.4)};
    transformer_name_plainly(&c);
    params *ps = params_new(4);
    transformer *both[2];
    assert_ok(transformer_new(&both[0], ps, &c, "encoder."));
    c.causal = true;
    c.name[PART_CROSS_NORM] = "blocks.%d.cross.norm.weight";
    c.name[PART_CROSS_NORM_BIAS] = "blocks.%d.cross.norm.bias";
    c.name[PART_CROSS_Q] = "blocks.%d.cross.q";
    c.name[PART_CROSS_K] = "blocks.%d.cross.k";
    c.name[PART_CROSS_V] = "blocks.%d.cross.v";
    c.name[PART_CROSS_OUT] = "blocks.%d.cross.o";
    assert_ok(transformer_new(&both[1], ps, &c, "decoder."));
    adapter *item[2], *none;
    assert_ok(adapter_new(&item[0], both, 2, &(adapter_options){.kind = "lora", .rank = 2, .targets = "all"}));
    assert_ok(adapter_new(&item[1], both, 2, &(adapter_options){.kind = "prefix", .tokens = 3}));
    assert_fails(adapter_new(&none, both, 2, &(adapter_options){.kind = "prompt"}), LOREC_USAGE, "prompt tuning");
    for (int i = 0; i < 2; i++) tiny_draw(adapter_params(item[i]), 8, .3);
    adapter_set set = {.item = item, .n = 2};
    static const int32_t prompt[3][5] = {{3, 4, 5, 6, 7}, {2, 2}, {9, 8, 7, 1}}, lengths[3] = {5, 2, 4};
    static const int32_t packed[] = {3, 4, 5, 6, 7, 2, 2, 9, 8, 7, 1}, said[] = {1, 5, 6, 7, 0, 3, 10};
    for (int each = 0; each < 2; each++) {
        lm_session *s;
        assert_ok(lm_session_open(
            &s, both[1],
            &(lm_session_options){
                .encoder = both[0], .start = 1, .rows_at_once = 3, .adapters = &set, .adapter_each = each}));
        static const int32_t which[3] = {1, -1, 0};
        int64_t ends[3], after[3] = {0, 1, 2};
        assert_ok(lm_session_read_each(s, packed, lengths, each ? which : NULL, 3));
        int32_t next[3 * 6], n[3] = {6, 6, 6};
        for (int i = 0; i < 18; i++) next[i] = said[1 + i % 6];
        assert_ok(lm_session_grow(s, &(lm_growth){.n = 3, .after = after, .tokens = next, .lengths = n}, ends));
        for (int p = 0; p < 3; p++) {
            adapter_set own = {.item = item + (which[p] < 0 ? 0 : which[p]), .n = which[p] >= 0};
            const adapter_set *acts = !each ? &set : own.n ? &own : NULL;
            tape *t = tape_new(&(tape_options){0});
            tape_begin(t, 0);
            token_rows read = {.ids = tape_ids(t, prompt[p], lengths[p]),
                               .sequences = tape_segments(t, &lengths[p], 1),
                               .adapters = acts};
            cross_rows cross = {.memory = transformer_hidden(t, both[0], &read), .rows = read.sequences};
            token_rows in = {.ids = tape_ids(t, said, 7),
                             .sequences = tape_segments(t, &(int32_t){7}, 1),
                             .cross = &cross,
                             .adapters = acts};
            tensor *h = op_slice(t, transformer_hidden(t, both[1], &in), 0, 6, 7);
            float expected[VOCAB];
            assert_ok(tape_read(t, transformer_logits(t, both[1], h), expected, VOCAB));
            for (int v = 0; v < VOCAB; v++) assert_near(lm_session_logits(s, p)[v], expected[v], 2e-4);
            tape_free(t);
        }
        lm_session_free(s);
    }
    for (int i = 0; i < 2; i++) adapter_free(item[i]);
    transformer_free(both[0]);
    transformer_free(both[1]);
    params_free(ps);
}

static void what_cannot_be(void **state)
{
    (void)state;
    net m = net_new(PREFIX_LM, 2), wide = net_new(LEARNED, 2);
    adapter *prompt, *whole;
    assert_ok(adapter_new(&prompt, &m.net, 1, &(adapter_options){.kind = "prompt", .tokens = 2}));
    assert_ok(adapter_new(&whole, &wide.net, 1, &(adapter_options){.kind = "prefix", .tokens = LONGEST}));
    adapter_set set = {.item = &prompt, .n = 1};
    lm_session *s;
    assert_fails(lm_session_open(&s, m.net, &(lm_session_options){.adapters = &set}), LOREC_USAGE, "take a prefix");
    assert_fails(lm_session_open(&s, m.net, &(lm_session_options){.adapter_each = true}), LOREC_USAGE, "a set of them");
    set.item = &whole;
    assert_fails(lm_session_open(&s, wide.net, &(lm_session_options){.adapters = &set}), LOREC_USAGE, "leave no room");
    adapter_free(prompt);
    adapter_free(whole);
    net_free(&m);
    net_free(&wide);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    net m = net_new(ROTARY, 2);
    adapter_set set = {.item = m.item, .n = ITEMS};
    int32_t token[30], lengths[2] = {12, 9}, item[2] = {2, 1};
    for (int i = 0; i < 30; i++) token[i] = i % 5;
    for (size_t at = 1, failed = 1; failed; at++) {
        lm_session *s;
        mem_fail_at(at, false);
        lorec_err e = lm_session_open(&s, m.net, &(lm_session_options){.adapters = &set, .adapter_each = true});
        if (!e) e = lm_session_read_each(s, token, lengths, item, 2);
        mem_fail_at(0, false);
        failed = e != LOREC_OK;
        if (failed) assert_int_equal(e, LOREC_RESOURCE);
        if (s) assert_ok(lm_session_read_each(s, token, lengths, item, 2));
        adapter_set own = alone(&m, 1);
        if (s) check(&m, &own, lm_session_logits(s, 1), token + 12, 9);
        lm_session_free(s);
    }
    net_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_equal_plain_passes),   cmocka_unit_test(prompts_run_once),
        cmocka_unit_test(score_and_beams_under_each), cmocka_unit_test(switched_in_a_batch),
        cmocka_unit_test(encoder_decoders),           cmocka_unit_test(what_cannot_be),
        cmocka_unit_test(survives_lack_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

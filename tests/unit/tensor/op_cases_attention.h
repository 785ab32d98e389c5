/* op_cases_attention.h: attention by every part of its spec, against the plain formula. */
#ifndef LOREC_TESTS_OP_CASES_ATTENTION_H
#define LOREC_TESTS_OP_CASES_ATTENTION_H

#include "op_cases.h"

/* The inputs: q, k, v, bias table, prefix_k, prefix_v. k[0] is the spec, k[1] dk, k[2] dv. */
static attention *attention_of(const trial *c)
{
    return (attention *)(intptr_t)c->k[0];
}

/* Segments of lengths up to `longest` (several, empty ones among them) or one of each given length. */
static attention *attention_setup(trial *c, int heads, int kv_heads, int64_t dk, int64_t dv, int64_t q_longest,
                                  int64_t kv_longest)
{
    attention *a = trial_block(c, sizeof *a);
    const segments *q = trial_segments(c, 0, c->n, q_longest);
    const segments *kv = kv_longest ? trial_segments(c, 1, c->n, kv_longest) : q;
    int64_t kvh = kv_heads ? kv_heads : heads;
    trial_leaf(c, 0, 2, (int64_t[]){q->rows, heads * dk}, -1.5, 1.5);
    trial_leaf(c, 1, 2, (int64_t[]){kv->rows, kvh * dk}, -1.5, 1.5);
    trial_leaf(c, 2, 2, (int64_t[]){kv->rows, kvh * dv}, -1, 1);
    *a = (attention){.heads = heads, .kv_heads = kv_heads, .q_rows = q, .kv_rows = kv_longest ? kv : NULL};
    c->k[0] = (intptr_t)a;
    c->k[1] = dk;
    c->k[2] = dv;
    c->out_count = q->rows * heads * dv;
    return a;
}

static void attention_causal(trial *c)
{
    attention_setup(c, 2, 0, 8, 8, 6, 0)->causal = true;
}

static void attention_long(trial *c) /* several tiles of queries and of keys */
{
    int64_t n = c->n;
    c->n = n > 3 ? 2 : 1;
    attention *a = attention_setup(c, 1, 0, 16, 16, 1, 0);
    int32_t *start = trial_block(c, 3 * sizeof *start);
    c->n = n;
    start[1] = (int32_t)(5 * n);
    start[2] = (int32_t)(7 * n + 1);
    c->seg[0] = (segments){.n = 2, .rows = start[2], .longest = 5 * n > 2 * n + 1 ? 5 * n : 2 * n + 1, .start = start};
    for (int i = 0; i < 3; i++) trial_leaf(c, i, 2, (int64_t[]){start[2], 16}, -1.5, 1.5);
    a->causal = true;
    c->out_count = start[2] * 16;
}

static void attention_long_window(trial *c)
{
    attention_long(c);
    attention *a = attention_of(c);
    a->window = 40;
    a->prefix = 3;
    a->softcap = 2;
}

static void attention_long_all(trial *c)
{
    attention_long(c);
    attention_of(c)->causal = false;
    attention_of(c)->bias = BIAS_ALIBI;
}

static void attention_cross(trial *c)
{
    attention *a = attention_setup(c, 4, 2, 5, 7, 4, 9);
    uint8_t *mask = trial_block(c, (size_t)c->seg[1].rows);
    for (int64_t i = 0; i < c->seg[1].rows; i++) mask[i] = rng_below(&c->r, 3) != 0;
    a->kv_mask = mask;
    a->scale = 0.7f;
}

static void attention_later(trial *c) /* causal, with more or fewer keys than queries */
{
    attention *a = attention_setup(c, 2, 1, 6, 6, 5, 8);
    a->causal = true;
    a->window = 3;
    a->softcap = 1.5f;
}

static void attention_prefix_lm(trial *c)
{
    attention *a = attention_setup(c, 1, 0, 4, 4, 7, 0);
    a->causal = true;
    a->prefix = 3;
    a->window = 2;
}

static void attention_prefixes(trial *c) /* each segment's own, some longer than it */
{
    attention *a = attention_setup(c, 2, 1, 4, 4, 7, 0);
    int32_t *prefix = trial_block(c, ((size_t)c->seg[0].n + 1) * sizeof *prefix);
    for (int64_t i = 0; i < c->seg[0].n; i++) prefix[i] = (int32_t)rng_below(&c->r, 9);
    a->causal = true;
    a->prefixes = prefix;
}

static void attention_alibi(trial *c)
{
    attention *a = attention_setup(c, 3, 0, 4, 4, 7, 0);
    a->causal = true;
    a->bias = BIAS_ALIBI;
}

static void attention_table(trial *c)
{
    attention *a = attention_setup(c, 2, 0, 4, 4, 30, 0);
    a->bias = BIAS_TABLE;
    a->bias_buckets = 8;
    a->bias_max_distance = 16;
    a->bias_bidirectional = true;
    a->scale = 1;
    trial_param(c, 3, 2, (int64_t[]){8, 2}, -1, 1);
}

static void attention_table_causal(trial *c)
{
    attention_table(c);
    attention *a = attention_of(c);
    a->bias_bidirectional = false;
    a->causal = true;
}

static void attention_prefix(trial *c)
{
    attention *a = attention_setup(c, 4, 2, 3, 5, 4, 0);
    a->causal = true;
    trial_param(c, 4, 2, (int64_t[]){11, 2 * 3}, -1, 1);
    trial_param(c, 5, 2, (int64_t[]){11, 2 * 5}, -1, 1);
}

static void attention_dropout(trial *c)
{
    attention *a = attention_setup(c, 2, 0, 4, 4, 5, 0);
    a->dropout = 0.25f;
    trial_param(c, 4, 2, (int64_t[]){2, 8}, -1, 1);
    trial_param(c, 5, 2, (int64_t[]){2, 8}, -1, 1);
}

static tensor *attention_apply(tape *t, tensor **in, const trial *c)
{
    attention a = *attention_of(c);
    a.bias_table = in[3];
    a.prefix_k = in[4];
    a.prefix_v = in[5];
    return op_attention(t, in[0], in[1], in[2], &a);
}

/* T5's function, as its paper's library states it. */
static int64_t attention_bucket(const attention *a, int64_t away)
{
    int64_t n = a->bias_buckets, first = 0, d = -away;
    if (a->bias_bidirectional) {
        n /= 2;
        if (away > 0) first = n;
        d = llabs(away);
    } else if (d < 0)
        d = 0;
    int64_t exact = n / 2;
    if (d < exact) return first + d;
    double far = log((double)d / (double)exact) / log((double)a->bias_max_distance / (double)exact) *
                 (double)(n - exact);
    int64_t at = exact + (int64_t)far;
    return first + (at < n ? at : n - 1);
}

static bool attention_sees(const attention *a, int64_t g, int64_t i, int64_t tq, int64_t j, int64_t tk, int64_t k0)
{
    int64_t at = i + tk - tq, prefix = a->prefixes ? a->prefixes[g] : a->prefix;
    if (a->kv_mask && !a->kv_mask[k0 + j]) return false;
    if (a->causal && j < prefix) return true;
    if (a->causal && j > at) return false;
    return !(a->window > 0 && at - j >= a->window);
}

static double attention_keep(const trial *c, const attention *a, int64_t row, int64_t h, int64_t j, int64_t n_prefix)
{
    if (a->dropout == 0) return 1;
    int64_t longest = c->seg[0].longest, groups = (n_prefix + 127) / 128 + (longest + 127) / 128;
    int64_t draw = j < n_prefix ? j : j - n_prefix + (n_prefix + 127) / 128 * 128; /* place in the row's draws */
    uint64_t group = (uint64_t)((row * a->heads + h) * groups + draw / 128), at = (uint64_t)draw % 128;
    uint32_t words[4];
    rng_block(3, (uint64_t)RNG_DROPOUT << 56 | 1u << 20, group * 16 + at % 16, words);
    uint32_t word = words[at % 64 / 16], bits = at < 64 ? word & 0xffff : word >> 16;
    return bits < 16384 ? 0 : 4.0 / 3;
}

static void attention_naive(const trial *c, double *const *x, double *y)
{
    const attention *a = attention_of(c);
    int64_t dk = c->k[1], dv = c->k[2], heads = a->heads, kvh = a->kv_heads ? a->kv_heads : heads,
            n_prefix = x[4] ? c->in[4].size[0] : 0;
    const segments *qs = a->q_rows, *ks = a->kv_rows ? a->kv_rows : qs;
    double *s = malloc((size_t)(ks->longest + n_prefix + 1) * sizeof *s),
           scale = a->scale ? a->scale : 1 / sqrt((double)dk);
    for (int64_t g = 0; g < qs->n; g++)
        for (int64_t h = 0; h < heads; h++)
            for (int64_t i = 0, tq = qs->start[g + 1] - qs->start[g], tk = ks->start[g + 1] - ks->start[g]; i < tq;
                 i++) {
                int64_t k0 = ks->start[g], row = qs->start[g] + i, kh = h / (heads / kvh);
                const double *q = x[0] + row * heads * dk + h * dk;
                double *out = y + row * heads * dv + h * dv, sum = 0, most = -INFINITY;
                for (int64_t j = 0; j < n_prefix + tk; j++) {
                    const double *k = j < n_prefix ? x[4] + j * kvh * dk + kh * dk
                                                   : x[1] + (k0 + j - n_prefix) * kvh * dk + kh * dk;
                    int64_t away = j - n_prefix - (i + tk - tq);
                    double dot = 0;
                    for (int64_t d = 0; d < dk; d++) dot += q[d] * k[d];
                    dot *= scale;
                    if (a->softcap > 0) dot = a->softcap * tanh(dot / a->softcap);
                    if (j >= n_prefix && a->bias == BIAS_ALIBI)
                        dot -= (heads == 3 ? (h == 0   ? 1.0 / 16
                                              : h == 1 ? 1.0 / 256
                                                       : 1.0 / 4)
                                           : 1.0 / 256) *
                               (double)llabs(away);
                    if (j >= n_prefix && a->bias == BIAS_TABLE) dot += x[3][attention_bucket(a, away) * heads + h];
                    if (j >= n_prefix && !attention_sees(a, g, i, tq, j - n_prefix, tk, k0)) dot = -INFINITY;
                    s[j] = dot;
                    most = dot > most ? dot : most;
                }
                for (int64_t j = 0; j < n_prefix + tk; j++) sum += s[j] = s[j] == -INFINITY ? 0 : exp(s[j] - most);
                for (int64_t d = 0; d < dv; d++) out[d] = 0;
                for (int64_t j = 0; j < n_prefix + tk; j++) {
                    const double *v = j < n_prefix ? x[5] + j * kvh * dv + kh * dv
                                                   : x[2] + (k0 + j - n_prefix) * kvh * dv + kh * dv;
                    double p = sum > 0 ? s[j] / sum * attention_keep(c, a, row, h, j, n_prefix) : 0;
                    for (int64_t d = 0; d < dv; d++) out[d] += p * v[d];
                }
            }
    free(s);
}

#define ATTENTION_CASE(what_, setup_, ...)                                                                             \
    {                                                                                                                  \
        "attention", what_, setup_, attention_apply, attention_naive, __VA_ARGS__                                      \
    }

static const op_case cases_attention[] = {
    ATTENTION_CASE("causal", attention_causal, .bf16 = true),
    ATTENTION_CASE("long", attention_long, .most = 63),
    ATTENTION_CASE("long, window, prefix, softcap", attention_long_window, .most = 63),
    ATTENTION_CASE("long, all seen, alibi", attention_long_all, .most = 63),
    ATTENTION_CASE("cross, grouped, masked", attention_cross, .bf16 = true),
    ATTENTION_CASE("causal, other keys, window, softcap", attention_later, .bf16 = true),
    ATTENTION_CASE("prefix language model", attention_prefix_lm, .bf16 = true),
    ATTENTION_CASE("prefixes", attention_prefixes, .bf16 = true),
    ATTENTION_CASE("alibi", attention_alibi, .bf16 = true),
    ATTENTION_CASE("bias table", attention_table, .most = 65, .several_bits = true),
    ATTENTION_CASE("bias table, causal", attention_table_causal, .most = 65, .several_bits = true),
    ATTENTION_CASE("trainable prefix", attention_prefix, .several_bits = true),
    ATTENTION_CASE("dropout", attention_dropout, .several_bits = true),
};

#endif

/* What a transformer computes: Vaswani et al. 2017 with the variations that transformer_config names. */
#include "lm/adapters/adapter.h"
#include "lm/transformer/transformer_parts.h"

static tensor *once(const transformer *m, transformer_part p)
{
    return m->part[p];
}

tensor *transformer_norm(tape *t, const transformer *m, tensor *x, tensor *gain, tensor *bias)
{
    if (!gain) return x;
    if (m->c.norm == NORM_RMS) return op_rms_norm(t, x, gain, m->c.norm_eps, m->c.norm_plus);
    return op_layer_norm(t, x, gain, bias, m->c.norm_eps);
}

/* act(x W^T + b) with a part that is there once, or x. */
tensor *transformer_dense(tape *t, const transformer *m, tensor *x, transformer_part w, activation act)
{
    if (!once(m, w)) return x;
    return op_linear(t, x, once(m, w), once(m, (transformer_part)(w + 1)), m->c.layout, act);
}

/* ---- a block --------------------------------------------------------------------------------------------------------- */

typedef struct block_use {
    tape *t;
    const transformer *m;
    const token_rows *in;
    const transformer_layer *w;
    const places *at;
    int64_t layer;
    tensor *last; /* rows to go on with, or NULL: all */
} block_use;

static tensor *part(const block_use *b, transformer_part p)
{
    return b->w->part[p - PART_FIRST_OF_BLOCK];
}

static tensor *product(const block_use *b, tensor *x, transformer_part w, activation act)
{
    tensor *weight = part(b, w), *bias = part(b, (transformer_part)(w + 1)); /* its bias is next */
    if (!b->in->adapters) return op_linear(b->t, x, weight, bias, b->m->c.layout, act);
    tensor *y = op_linear(b->t, x, weight, bias, b->m->c.layout, ACT_NONE);
    y = adapters_product(b->t, b->in, weight, x, y);
    return act == ACT_NONE ? y : op_act(b->t, y, act);
}

static tensor *of_last(const block_use *b, tensor *x)
{
    return b->last ? op_gather_rows(b->t, x, b->last) : x;
}

/* The norm of each head (Qwen 3, Phi). */
static tensor *head_norm(const block_use *b, tensor *x, transformer_part norm)
{
    if (!part(b, norm) || !x) return x;
    int64_t rows = tensor_size(x, 0), width = tensor_size(x, 1), d = b->m->c.head_width;
    x = op_reshape(b->t, x, 2, (int64_t[]){rows * (width / d), d});
    x = transformer_norm(b->t, b->m, x, part(b, norm), part(b, (transformer_part)(norm + 1)));
    return op_reshape(b->t, x, 2, (int64_t[]){rows, width});
}

/* Columns from .. to of each of x's rows cut into `groups` parts: [rows, groups * (to - from)]. */
static tensor *of_groups(tape *t, tensor *x, int64_t groups, int64_t from, int64_t to)
{
    if (!x || groups == 1) return op_slice(t, x, 1, from, to);
    int64_t rows = tensor_size(x, 0);
    x = op_reshape(t, x, 2, (int64_t[]){rows * groups, tensor_size(x, 1) / groups});
    return op_reshape(t, op_slice(t, x, 1, from, to), 2, (int64_t[]){rows, groups * (to - from)});
}

static void queries_keys_values(const block_use *b, tensor *x, tensor **q, tensor **k, tensor **v)
{
    tape *t = b->t;
    const transformer_config *c = &b->m->c;
    bool turned = b->at->position != NULL;
    if (!part(b, PART_QKV)) {
        *q = product(b, turned ? x : of_last(b, x), PART_Q, ACT_NONE);
        *k = product(b, x, PART_K, ACT_NONE);
        *v = product(b, x, PART_V, ACT_NONE);
        return;
    }
    int64_t groups = c->qkv_layout == QKV_BY_GROUP ? c->kv_heads : 1, wide = c->heads * c->head_width / groups,
            narrow = c->kv_heads * c->head_width / groups;
    tensor *all = product(b, x, PART_QKV, ACT_NONE);
    *q = of_groups(t, all, groups, 0, wide);
    *k = of_groups(t, all, groups, wide, wide + narrow);
    *v = of_groups(t, all, groups, wide + narrow, wide + 2 * narrow);
    if (!turned) *q = of_last(b, *q);
    tape_forget(t, all);
}

static tensor *attend(const block_use *b, tensor *x)
{
    tape *t = b->t;
    const transformer_config *c = &b->m->c;
    tensor *q, *k, *v;
    queries_keys_values(b, x, &q, &k, &v);
    q = head_norm(b, q, PART_Q_NORM);
    k = head_norm(b, k, PART_K_NORM);
    tensor *still_q = q, *still_k = k;
    if (b->at->position) {
        rope how = c->rope;
        how.length = b->at->length;
        q = op_rope(t, q, (int)c->heads, b->at->position, &how);
        k = op_rope(t, k, (int)c->kv_heads, b->at->position, &how);
        tape_forget(t, still_q);
        tape_forget(t, still_k);
        if (b->at->stretch) q = op_mul(t, q, b->at->stretch);
        q = of_last(b, q);
    }
    attention spec = {.heads = (int)c->heads,
                      .kv_heads = (int)c->kv_heads,
                      .scale = c->attn_scale,
                      .causal = c->causal,
                      .window = (int)transformer_window(c, b->layer),
                      .prefixes = b->at->prefix,
                      .q_rows = b->in->sequences,
                      .kv_rows = b->in->sequences,
                      .softcap = c->attn_softcap,
                      .dropout = c->attn_dropout,
                      .bias = c->bias,
                      .bias_table = once(b->m, PART_BIAS_TABLE),
                      .bias_buckets = (int)c->bias_buckets,
                      .bias_max_distance = (int)c->bias_max_distance,
                      .bias_bidirectional = !c->causal,
                      .kv_mask = b->in->mask};
    if (b->in->adapters && !b->in->view) /* otherwise they are among what the view names */
        adapters_prefix(t, b->m, b->in->adapters, b->layer, &spec.prefix_k, &spec.prefix_v);
    if (b->last) spec.q_rows = tape_segments_even(t, b->in->sequences->n, 1);
    if (b->in->cache) kv_cache_store(t, b->in->cache, b->layer, k, v, b->in->kept);
    tensor *y = b->in->view
                    ? op_attention_cached(t, q, b->in->cache, b->layer, &spec, b->last ? b->in->pick_view : b->in->view)
                    : op_attention(t, q, k, v, &spec);
    for (tensor *const *done = (tensor *[]){q, k, v, NULL}; *done; done++) tape_forget(t, *done);
    tensor *z = product(b, y, PART_OUT, ACT_NONE);
    tape_forget(t, y);
    return z;
}

/* A product of an encoder's output, whose rows are not the decoder's. */
static tensor *memory_product(const block_use *b, transformer_part w)
{
    block_use use = *b;
    token_rows in = *b->in;
    in.sequences = in.cross->rows;
    in.pick = NULL;
    use.in = &in;
    return product(&use, in.cross->memory, w, ACT_NONE);
}

/* Attention over an encoder's output: x is what of_last has left. */
static tensor *attend_across(const block_use *b, tensor *x)
{
    tape *t = b->t;
    const transformer_config *c = &b->m->c;
    const cross_rows *over = b->in->cross;
    if (!over) return tape_fail(t, err_set(LOREC_USAGE, "a decoder with cross-attention needs an encoder's output"));
    tensor *q = product(b, x, PART_CROSS_Q, ACT_NONE), *y;
    attention spec = {.heads = (int)c->heads,
                      .kv_heads = (int)c->kv_heads,
                      .scale = c->attn_scale,
                      .q_rows = b->last ? tape_segments_even(t, b->in->sequences->n, 1) : b->in->sequences,
                      .kv_rows = over->rows,
                      .dropout = c->attn_dropout,
                      .kv_mask = over->mask};
    if (over->memory) {
        tensor *k = memory_product(b, PART_CROSS_K), *v = memory_product(b, PART_CROSS_V);
        y = op_attention(t, q, k, v, &spec);
    } else {
        y = op_attention_cached(t, q, over->cache, b->layer, &spec, b->last ? over->pick_seen : over->seen);
    }
    return product(b, y, PART_CROSS_OUT, ACT_NONE);
}

void transformer_keep_cross(tape *t, const transformer *m, int64_t layer, const token_rows *in, const int32_t *row)
{
    const cross_rows *over = in->cross;
    block_use use = {.t = t, .m = m, .in = in, .w = &m->block[layer], .layer = layer};
    tensor *k = memory_product(&use, PART_CROSS_K), *v = memory_product(&use, PART_CROSS_V);
    kv_cache_store(t, over->cache, layer, k, v, row);
}

static tensor *feed(const block_use *b, tensor *x)
{
    const transformer_config *c = &b->m->c;
    tensor *y;
    if (part(b, PART_GATE_UP)) {
        tensor *both = product(b, x, PART_GATE_UP, ACT_NONE);
        tensor *gate = op_slice(b->t, both, 1, 0, c->ffn_width),
               *up = op_slice(b->t, both, 1, c->ffn_width, 2 * c->ffn_width);
        tape_forget(b->t, both);
        y = op_gated(b->t, up, gate, c->activation);
        tape_forget(b->t, up);
        tape_forget(b->t, gate);
    } else if (part(b, PART_GATE)) {
        tensor *up = product(b, x, PART_UP, ACT_NONE), *gate = product(b, x, PART_GATE, ACT_NONE);
        y = op_gated(b->t, up, gate, c->activation);
        tape_forget(b->t, up);
        tape_forget(b->t, gate);
    } else {
        y = product(b, x, PART_UP, c->activation);
    }
    y = op_dropout(b->t, y, c->ffn_dropout);
    tensor *z = product(b, y, PART_DOWN, ACT_NONE);
    tape_forget(b->t, y);
    return z;
}

static tensor *normed(const block_use *b, tensor *x, transformer_part norm)
{
    return transformer_norm(b->t, b->m, x, part(b, norm), part(b, (transformer_part)(norm + 1)));
}

/* x (or norm(x), where the residual is taken of that) + y */
static tensor *joined(const block_use *b, tensor *x, tensor *norm_x, tensor *y)
{
    const transformer_config *c = &b->m->c;
    tensor *from = c->residual_of_norm ? norm_x : x;
    if (c->residual_scale != 1) from = op_scale(b->t, from, c->residual_scale, 0);
    return op_add_dropout(b->t, from, y, c->residual_dropout);
}

/* Norms that are not there give x itself, so what a block forgets is compared with what it still needs. */
static tensor *block_pre(const block_use *b, tensor *x)
{
    tape *t = b->t;
    tensor *n = normed(b, x, PART_ATTN_NORM), *first = x;
    tensor *z = attend(b, n), *y = normed(b, z, PART_ATTN_POST_NORM);
    x = joined(b, of_last(b, x), of_last(b, n), y);
    tape_forget(t, z);
    if (y != z) tape_forget(t, y);
    if (n != first) tape_forget(t, n);
    if (part(b, PART_CROSS_NORM)) {
        n = normed(b, x, PART_CROSS_NORM);
        x = joined(b, x, n, attend_across(b, n));
    }
    tensor *middle = x;
    n = normed(b, x, PART_FFN_NORM);
    z = feed(b, n), y = normed(b, z, PART_FFN_POST_NORM);
    x = joined(b, x, n, y);
    tape_forget(t, z);
    if (y != z) tape_forget(t, y);
    tape_forget(t, n);
    if (n != middle) tape_forget(t, middle);
    return x;
}

static tensor *block_post(const block_use *b, tensor *x)
{
    float drop = b->m->c.residual_dropout;
    x = normed(b, op_add_dropout(b->t, of_last(b, x), attend(b, x), drop), PART_ATTN_NORM);
    if (part(b, PART_CROSS_NORM)) x = normed(b, op_add_dropout(b->t, x, attend_across(b, x), drop), PART_CROSS_NORM);
    return normed(b, op_add_dropout(b->t, x, feed(b, x), drop), PART_FFN_NORM);
}

static tensor *block_parallel(const block_use *b, tensor *x)
{
    float drop = b->m->c.residual_dropout;
    tensor *n = normed(b, x, PART_ATTN_NORM), *n2 = part(b, PART_FFN_NORM) ? normed(b, x, PART_FFN_NORM) : n;
    tensor *y = op_add_dropout(b->t, of_last(b, x), attend(b, n), drop);
    return op_add_dropout(b->t, y, feed(b, of_last(b, n2)), drop);
}

static tensor *block(tape *t, const transformer *m, int64_t layer, tensor *x, const token_rows *in, const places *at)
{
    if (!x) return NULL;
    block_use use = {.t = t, .m = m, .in = in, .w = &m->block[layer], .at = at, .layer = layer};
    if ((in->last || in->pick) && layer == m->c.layers - 1 && !(use.last = rows_last(t, in))) return NULL;
    switch (m->c.place) {
    case NORM_PRE:
        return block_pre(&use, x);
    case NORM_POST:
        return block_post(&use, x);
    case NORM_PARALLEL:
        return block_parallel(&use, x);
    }
    return NULL;
}

typedef struct block_call {
    const transformer *m;
    int64_t layer;
    token_rows in;
} block_call;

static tensor *block_again(tape *t, tensor *x, const void *spec)
{
    const block_call *c = spec;
    return transformer_block(t, c->m, c->layer, x, &c->in);
}

/* Each block in a stretch of the tape that is forgotten at once. */
static tensor *blocks_recomputed(tape *t, const transformer *m, int64_t from, int64_t to, tensor *x,
                                 const token_rows *in)
{
    if (in->cross)
        return tape_fail(t, err_set(LOREC_USAGE, "blocks that look at an encoder's output can not be recomputed"));
    block_call c = {.m = m, .in = *in};
    c.in.recompute = false;
    for (c.layer = from; c.layer < to; c.layer++) x = tape_recompute(t, block_again, x, &c, sizeof c);
    return x;
}

tensor *transformer_blocks(tape *t, const transformer *m, int64_t from, int64_t to, tensor *x, const token_rows *in)
{
    places at;
    if (!x) return NULL;
    if (from < 0 || from > to || to > m->c.layers)
        return tape_fail(t, err_set(LOREC_USAGE, "blocks %lld to %lld of a transformer that has %lld", (long long)from,
                                    (long long)to, (long long)m->c.layers));
    if (in->recompute) return blocks_recomputed(t, m, from, to, x, in);
    if (places_make(t, m, in, &at))
        for (int64_t layer = from; layer < to; layer++) {
            tensor *y = block(t, m, layer, x, in, &at);
            if (layer > from) tape_forget(t, x); /* the first is the caller's */
            x = y;
        }
    else
        x = NULL;
    places_free(&at);
    return x;
}

tensor *transformer_block(tape *t, const transformer *m, int64_t layer, tensor *x, const token_rows *in)
{
    return transformer_blocks(t, m, layer, layer + 1, x, in);
}

/* ---- out --------------------------------------------------------------------------------------------------------------- */

tensor *transformer_final(tape *t, const transformer *m, tensor *x)
{
    x = transformer_norm(t, m, x, once(m, PART_FINAL_NORM), once(m, PART_FINAL_NORM_BIAS));
    return transformer_dense(t, m, op_dropout(t, x, m->c.final_dropout), PART_FINAL_PROJECT, ACT_NONE);
}

tensor *transformer_hidden_at(tape *t, const transformer *m, const token_rows *in, int64_t layer)
{
    token_rows longer;
    tensor *own = NULL; /* with soft prompts: the rows that are not theirs */
    if (layer < 0 || layer > m->c.layers)
        return tape_fail(t, err_set(LOREC_USAGE, "hidden states after %lld of %lld blocks", (long long)layer,
                                    (long long)m->c.layers));
    if (in->adapters && in->sequences && adapters_prompt(t, m, in, transformer_vectors(t, m, in), &longer, &own))
        in = &longer;
    tensor *x = transformer_blocks(t, m, 0, layer, transformer_embed(t, m, in), in);
    bool all = layer == m->c.layers;
    if (all) x = transformer_final(t, m, x);
    bool fewer = in->last || in->pick;
    if (fewer && !all) return op_gather_rows(t, x, rows_last(t, in));
    return own && !fewer ? op_gather_rows(t, x, own) : x;
}

tensor *transformer_hidden(tape *t, const transformer *m, const token_rows *in)
{
    return transformer_hidden_at(t, m, in, m->c.layers);
}

static tensor *head(const transformer *m)
{
    return once(m, PART_HEAD) ? once(m, PART_HEAD) : once(m, PART_TOKENS);
}

static tensor *head_bias(tape *t, const transformer *m)
{
    tensor *b = once(m, PART_HEAD_BIAS);
    return b && m->c.head_bias_fixed ? op_reshape(t, b, 1, (int64_t[]){m->c.vocab_size}) : b;
}

/* What the table of the head is multiplied with. */
static tensor *before_head(tape *t, const transformer *m, tensor *x)
{
    if (m->c.headless || !head(m))
        return tape_fail(t,
                         err_set(LOREC_USAGE, "this model has no language-model head: it gives vectors, not tokens"));
    if (m->c.head_scale != 1) x = op_scale(t, x, m->c.head_scale, 0);
    x = transformer_dense(t, m, x, PART_HEAD_DENSE, m->c.head_activation);
    return transformer_norm(t, m, x, once(m, PART_HEAD_NORM), once(m, PART_HEAD_NORM_BIAS));
}

static tensor *soft_cap(tape *t, const transformer *m, tensor *x)
{
    float cap = m->c.logit_softcap;
    return cap > 0 ? op_scale(t, op_act(t, op_scale(t, x, 1 / cap, 0), ACT_TANH), cap, 0) : x;
}

bool transformer_picks_logits(const transformer *m)
{
    return head(m) && !m->c.unit_head;
}

tensor *transformer_logits_of(tape *t, const transformer *m, tensor *hidden, tensor *ids, int64_t k)
{
    return soft_cap(t, m, op_linear_gather(t, before_head(t, m, hidden), head(m), head_bias(t, m), ids, k));
}

tensor *transformer_logits(tape *t, const transformer *m, tensor *hidden)
{
    tensor *x = op_linear(t, before_head(t, m, hidden), head(m), head_bias(t, m), LINEAR_OUT_IN, ACT_NONE);
    if (m->c.unit_head) x = op_over_norms(t, x, head(m));
    return soft_cap(t, m, x);
}

tensor *transformer_loss(tape *t, const transformer *m, tensor *hidden, tensor *target)
{
    if (m->c.unit_head) return op_cross_entropy(t, transformer_logits(t, m, hidden), target);
    return op_linear_cross_entropy(t, before_head(t, m, hidden), head(m), head_bias(t, m), target,
                                   &(linear_ce){.softcap = m->c.logit_softcap});
}

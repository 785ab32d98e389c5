/* What a transformer computes: Vaswani et al. 2017 with the variations that transformer_config names. */
#include "base/mem.h"
#include "lm/adapter.h"
#include "lm/transformer_parts.h"

static tensor *once(const transformer *m, transformer_part p)
{
    return m->part[p];
}

static tensor *norm(tape *t, const transformer *m, tensor *x, tensor *gain, tensor *bias)
{
    if (!gain) return x;
    if (m->c.norm == NORM_RMS) return op_rms_norm(t, x, gain, m->c.norm_eps, m->c.norm_plus);
    return op_layer_norm(t, x, gain, bias, m->c.norm_eps);
}

/* act(x W^T + b) with a part that is there once, or x. */
static tensor *dense(tape *t, const transformer *m, tensor *x, transformer_part w, activation act)
{
    if (!once(m, w)) return x;
    return op_linear(t, x, once(m, w), once(m, (transformer_part)(w + 1)), m->c.layout, act);
}

/* ---- in -------------------------------------------------------------------------------------------------------------- */

/* Row numbers made here: `fill` writes n of them. */
typedef void (*fill_fn)(const token_rows *in, int32_t *rows);

static tensor *row_numbers(tape *t, const token_rows *in, int64_t n, fill_fn fill)
{
    int32_t *rows;
    if (mem_new(&rows, (size_t)n)) return tape_fail(t, LOREC_RESOURCE);
    fill(in, rows);
    tensor *x = tape_ids(t, rows, n);
    mem_free(rows);
    return x;
}

static void fill_types(const token_rows *in, int32_t *rows)
{
    for (int64_t r = 0; r < in->sequences->rows; r++) rows[r] = in->type ? in->type[r] : 0;
}

static void fill_last(const token_rows *in, int32_t *rows)
{
    for (int64_t i = 0; i < in->sequences->n; i++) rows[i] = in->sequences->start[i + 1] - 1;
}

/* Row numbers of the position table, or the positions themselves (offset 0); NULL with the tape's error. */
static tensor *positions(tape *t, const transformer *m, const token_rows *in, int64_t offset)
{
    const segments *s = in->sequences;
    int32_t *at = NULL;
    int64_t shift = in->adapters ? adapters_shift(in->adapters) : 0;
    if (mem_new(&at, (size_t)s->rows)) return tape_fail(t, LOREC_RESOURCE);
    lorec_err e = LOREC_OK;
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t r = s->start[i]; r < s->start[i + 1]; r++) {
            int64_t p = in->position ? in->position[r] : r - s->start[i];
            p += shift;
            if (p < 0 || p >= m->c.max_positions)
                e = err_set(LOREC_USAGE, "position %lld of a transformer that has %lld; shorten the input",
                            (long long)p, (long long)m->c.max_positions);
            else
                at[r] = (int32_t)(p + offset);
        }
    tensor *x = e ? tape_fail(t, e) : tape_ids(t, at, s->rows);
    mem_free(at);
    return x;
}

/* Ids, vectors or both as vectors. */
static tensor *vectors_of(tape *t, const transformer *m, const token_rows *in)
{
    if (!in->ids) return in->vectors;
    tensor *tokens = op_embed_padded(t, once(m, PART_TOKENS), in->ids, (int32_t)(m->c.padding - 1));
    return in->vectors ? op_add(t, tokens, in->vectors) : tokens;
}

tensor *transformer_embed(tape *t, const transformer *m, const token_rows *in)
{
    if (!in->sequences) return NULL; /* the tape knows why */
    tensor *x = vectors_of(t, m, in);
    if (m->c.embed_scale != 1) x = op_scale(t, x, m->c.embed_scale, 0);
    if (once(m, PART_POSITIONS))
        x = op_add(t, x, op_embed(t, once(m, PART_POSITIONS), positions(t, m, in, m->c.position_offset)));
    if (once(m, PART_TYPES))
        x = op_add(t, x, op_embed(t, once(m, PART_TYPES), row_numbers(t, in, in->sequences->rows, fill_types)));
    x = norm(t, m, x, once(m, PART_EMBED_NORM), once(m, PART_EMBED_NORM_BIAS));
    x = op_dropout(t, tape_examples(t, x, in->sequences), m->c.embed_dropout);
    return dense(t, m, x, PART_EMBED_PROJECT, ACT_NONE);
}

/* ---- a block --------------------------------------------------------------------------------------------------------- */

typedef struct block_use {
    tape *t;
    const transformer *m;
    const token_rows *in;
    const transformer_layer *w;
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

/* The RMS norm of each head (Qwen 3). */
static tensor *head_norm(const block_use *b, tensor *x, tensor *gain)
{
    if (!gain || !x) return x;
    int64_t rows = tensor_size(x, 0), width = tensor_size(x, 1), d = b->m->c.head_width;
    x = op_reshape(b->t, x, 2, (int64_t[]){rows * (width / d), d});
    x = op_rms_norm(b->t, x, gain, b->m->c.norm_eps, b->m->c.norm_plus);
    return op_reshape(b->t, x, 2, (int64_t[]){rows, width});
}

static tensor *attend(const block_use *b, tensor *x)
{
    tape *t = b->t;
    const transformer_config *c = &b->m->c;
    tensor *q, *k, *v;
    if (part(b, PART_QKV)) {
        int64_t wide = c->heads * c->head_width, narrow = c->kv_heads * c->head_width;
        tensor *qkv = product(b, x, PART_QKV, ACT_NONE);
        q = op_slice(t, qkv, 1, 0, wide);
        k = op_slice(t, qkv, 1, wide, wide + narrow);
        v = op_slice(t, qkv, 1, wide + narrow, wide + 2 * narrow);
        if (c->rope.kind == ROPE_NONE) q = of_last(b, q);
    } else {
        q = product(b, c->rope.kind == ROPE_NONE ? of_last(b, x) : x, PART_Q, ACT_NONE);
        k = product(b, x, PART_K, ACT_NONE);
        v = product(b, x, PART_V, ACT_NONE);
    }
    q = head_norm(b, q, part(b, PART_Q_NORM));
    k = head_norm(b, k, part(b, PART_K_NORM));
    if (c->rope.kind != ROPE_NONE) {
        tensor *at = positions(t, b->m, b->in, 0);
        q = of_last(b, op_rope(t, q, (int)c->heads, at, &c->rope));
        k = op_rope(t, k, (int)c->kv_heads, at, &c->rope);
    }
    attention spec = {.heads = (int)c->heads,
                      .kv_heads = (int)c->kv_heads,
                      .scale = c->attn_scale,
                      .causal = c->causal,
                      .window = (int)c->window,
                      .q_rows = b->in->sequences,
                      .kv_rows = b->in->sequences,
                      .dropout = c->attn_dropout,
                      .bias = c->bias,
                      .bias_table = once(b->m, PART_BIAS_TABLE),
                      .bias_buckets = (int)c->bias_buckets,
                      .bias_max_distance = (int)c->bias_max_distance,
                      .bias_bidirectional = !c->causal,
                      .kv_mask = b->in->mask};
    if (b->in->adapters) adapters_prefix(t, b->in, b->layer, &spec.prefix_k, &spec.prefix_v);
    if (b->last) spec.q_rows = tape_segments_even(t, b->in->sequences->n, 1);
    if (b->in->cache) kv_cache_store(t, b->in->cache, b->layer, k, v, b->in->kept);
    tensor *y = b->in->view ? op_attention_cached(t, q, b->in->cache, b->layer, &spec,
                                                  b->last ? b->in->pick_view : b->in->view)
                            : op_attention(t, q, k, v, &spec);
    return product(b, y, PART_OUT, ACT_NONE);
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
        tensor *k = product(b, over->memory, PART_CROSS_K, ACT_NONE),
               *v = product(b, over->memory, PART_CROSS_V, ACT_NONE);
        if (over->cache) kv_cache_store(t, over->cache, b->layer, k, v, over->kept);
        y = op_attention(t, q, k, v, &spec);
    } else {
        y = op_attention_cached(t, q, over->cache, b->layer, &spec, over->seen);
    }
    return product(b, y, PART_CROSS_OUT, ACT_NONE);
}

static tensor *feed(const block_use *b, tensor *x)
{
    const transformer_config *c = &b->m->c;
    tensor *y;
    if (part(b, PART_GATE))
        y = op_gated(b->t, product(b, x, PART_UP, ACT_NONE), product(b, x, PART_GATE, ACT_NONE), c->activation);
    else
        y = product(b, x, PART_UP, c->activation);
    return product(b, op_dropout(b->t, y, c->ffn_dropout), PART_DOWN, ACT_NONE);
}

tensor *transformer_block(tape *t, const transformer *m, int64_t layer, tensor *x, const token_rows *in)
{
    if (!x) return NULL;
    block_use use = {.t = t, .m = m, .in = in, .w = &m->block[layer], .layer = layer}, *b = &use;
    if (in->pick && layer == m->c.layers - 1) {
        use.last = tape_ids(t, in->pick, in->picks);
        if (!use.last) return NULL;
    } else if (in->last && layer == m->c.layers - 1) {
        for (int64_t i = 0; i < in->sequences->n; i++)
            if (in->sequences->start[i] == in->sequences->start[i + 1])
                return tape_fail(t, err_set(LOREC_USAGE, "sequence %lld is empty; it has no last token", (long long)i));
        use.last = row_numbers(t, in, in->sequences->n, fill_last);
        if (!use.last) return NULL;
    }
    float drop = m->c.residual_dropout;
    tensor *gain = part(b, PART_ATTN_NORM), *bias = part(b, PART_ATTN_NORM_BIAS);
    tensor *gain2 = part(b, PART_FFN_NORM), *bias2 = part(b, PART_FFN_NORM_BIAS);
    tensor *across = part(b, PART_CROSS_NORM), *across_bias = part(b, PART_CROSS_NORM_BIAS);
    switch (m->c.place) {
    case NORM_PRE:
        x = op_add_dropout(t, of_last(b, x), attend(b, norm(t, m, x, gain, bias)), drop);
        if (across) x = op_add_dropout(t, x, attend_across(b, norm(t, m, x, across, across_bias)), drop);
        return op_add_dropout(t, x, feed(b, norm(t, m, x, gain2, bias2)), drop);
    case NORM_POST:
        x = norm(t, m, op_add_dropout(t, of_last(b, x), attend(b, x), drop), gain, bias);
        if (across) x = norm(t, m, op_add_dropout(t, x, attend_across(b, x), drop), across, across_bias);
        return norm(t, m, op_add_dropout(t, x, feed(b, x), drop), gain2, bias2);
    case NORM_PARALLEL: {
        tensor *n = norm(t, m, x, gain, bias), *n2 = gain2 ? norm(t, m, x, gain2, bias2) : n;
        tensor *y = op_add_dropout(t, of_last(b, x), attend(b, n), drop);
        return op_add_dropout(t, y, feed(b, of_last(b, n2)), drop);
    }
    }
    return NULL;
}

/* ---- out --------------------------------------------------------------------------------------------------------------- */

tensor *transformer_final(tape *t, const transformer *m, tensor *x)
{
    x = norm(t, m, x, once(m, PART_FINAL_NORM), once(m, PART_FINAL_NORM_BIAS));
    return op_dropout(t, x, m->c.final_dropout);
}

tensor *transformer_hidden(tape *t, const transformer *m, const token_rows *in)
{
    token_rows longer;
    tensor *own = NULL; /* with soft prompts: the rows that are not theirs */
    if (in->adapters && in->sequences && adapters_prompt(t, in, vectors_of(t, m, in), &longer, &own)) in = &longer;
    tensor *x = transformer_embed(t, m, in);
    for (int64_t layer = 0; layer < m->c.layers; layer++) x = transformer_block(t, m, layer, x, in);
    x = transformer_final(t, m, x);
    return own && !in->last ? op_gather_rows(t, x, own) : x;
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
    x = dense(t, m, x, PART_HEAD_DENSE, m->c.head_activation);
    return norm(t, m, x, once(m, PART_HEAD_NORM), once(m, PART_HEAD_NORM_BIAS));
}

tensor *transformer_logits(tape *t, const transformer *m, tensor *hidden)
{
    return op_linear(t, before_head(t, m, hidden), head(m), head_bias(t, m), LINEAR_OUT_IN, ACT_NONE);
}

tensor *transformer_loss(tape *t, const transformer *m, tensor *hidden, tensor *target)
{
    return op_linear_cross_entropy(t, before_head(t, m, hidden), head(m), head_bias(t, m), target, NULL);
}

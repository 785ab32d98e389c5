/* transformer.h: one transformer for every architecture, driven by a config: what its parts are called says which parts
 * there are, a few fields say how they are joined. Recommenders (SASRec, BERT4Rec, GPTRec) and language models share it.
 *
 *     transformer_config c = {.vocab_size = v, .width = 64, .layers = 2, .heads = 2, .ffn_width = 64, .max_positions = 50,
 *                             .causal = true, .activation = ACT_RELU, .residual_dropout = .2f, .weights = INIT_NORMAL(.02)};
 *     transformer_name_plainly(&c);                            // token embeddings, learned positions, biases, final norm
 *     TRY(transformer_new(&net, params, &c, "sasrec."));       // adds its parameters, or finds those that are there
 *     token_rows in = {.ids = tape_ids(t, tokens, rows), .sequences = tape_segments(t, lengths, n)};
 *     tensor *h = transformer_hidden(t, net, &in);             // [rows, width]
 *     tensor *loss = transformer_loss(t, net, h, tape_ids(t, next, rows));   // [rows]
 *     in.last = true;                                          // to rank: only what comes after the last token
 *     tensor *scores = transformer_logits(t, net, transformer_hidden(t, net, &in));   // [n, vocab]
 *
 * Rows are packed: a sequence is a segment, nothing is padded. Layers can be run one by one (transformer_block), inputs
 * may be ids, vectors or both.
 *
 * Ownership: a transformer borrows its params, which must outlive it. It is immutable (the params may learn) and may be
 * shared by threads; what a use changes lives in the caller's tape and cache. */
#ifndef LOREC_LM_TRANSFORMER_TRANSFORMER_H
#define LOREC_LM_TRANSFORMER_TRANSFORMER_H

#include "tensor/kv_cache.h"
#include "tensor/ops.h"

/* The parts a transformer may have. A part exists when it has a name; "%d" in a name is the block's number. */
typedef enum transformer_part {
    PART_TOKENS,        /* [vocab, embed_width] */
    PART_TOKEN_PROJECT, /* [width, embed_width], of the token vectors alone; what follows then has `width`: OPT */
    PART_TOKEN_PROJECT_BIAS,
    PART_POSITIONS, /* [max_positions + position_offset, embed_width] */
    PART_TYPES,     /* [token_types, embed_width] */
    PART_EMBED_NORM,
    PART_EMBED_NORM_BIAS,
    PART_EMBED_PROJECT, /* [width, embed_width], after the norm: ELECTRA */
    PART_EMBED_PROJECT_BIAS,
    PART_BIAS_TABLE, /* [bias_buckets, heads]: T5's relative positions, shared by all blocks */
    PART_FINAL_NORM,
    PART_FINAL_NORM_BIAS,
    PART_FINAL_PROJECT, /* [embed_width, width], after the final norm: OPT */
    PART_FINAL_PROJECT_BIAS,
    PART_HEAD_DENSE, /* [embed_width, width]; present: the head reads norm(act(dense(x))), as masked language models do */
    PART_HEAD_DENSE_BIAS,
    PART_HEAD_NORM,
    PART_HEAD_NORM_BIAS,
    PART_HEAD,      /* [vocab, embed_width]; without a name the head is the token table ("tied") */
    PART_HEAD_BIAS, /* [vocab]; c->head_bias_fixed: [1, vocab], never trained (BART's final_logits_bias) */

    PART_ATTN_NORM, /* before attention (or, NORM_POST, after its residual) */
    PART_ATTN_NORM_BIAS,
    PART_QKV, /* queries, keys and values as one product, in the order of qkv_layout; or the three below */
    PART_QKV_BIAS,
    PART_Q,
    PART_Q_BIAS,
    PART_K,
    PART_K_BIAS,
    PART_V,
    PART_V_BIAS,
    PART_Q_NORM, /* [head_width]: norm of each head's query */
    PART_Q_NORM_BIAS,
    PART_K_NORM,
    PART_K_NORM_BIAS,
    PART_OUT,
    PART_OUT_BIAS,
    PART_ATTN_POST_NORM, /* NORM_PRE: of attention's output, before it joins the residual (Gemma 2) */
    PART_ATTN_POST_NORM_BIAS,
    PART_CROSS_NORM, /* the five of attention over an encoder's output, or none of them */
    PART_CROSS_NORM_BIAS,
    PART_CROSS_Q,
    PART_CROSS_Q_BIAS,
    PART_CROSS_K,
    PART_CROSS_K_BIAS,
    PART_CROSS_V,
    PART_CROSS_V_BIAS,
    PART_CROSS_OUT,
    PART_CROSS_OUT_BIAS,
    PART_FFN_NORM,
    PART_FFN_NORM_BIAS,
    PART_UP,
    PART_UP_BIAS,
    PART_GATE, /* present: down(up(x) * act(gate(x))), otherwise down(act(up(x))) */
    PART_GATE_BIAS,
    PART_GATE_UP, /* the gate, then the other, as one product; instead of PART_UP and PART_GATE */
    PART_GATE_UP_BIAS,
    PART_DOWN,
    PART_DOWN_BIAS,
    PART_FFN_POST_NORM,
    PART_FFN_POST_NORM_BIAS,
    TRANSFORMER_PARTS,
    PART_FIRST_OF_BLOCK = PART_ATTN_NORM
} transformer_part;

typedef enum norm_kind { NORM_LAYER, NORM_RMS } norm_kind;
typedef enum norm_place {
    NORM_PRE,      /* x + f(norm(x)) */
    NORM_POST,     /* norm(x + f(x)) */
    NORM_PARALLEL, /* x + attention(norm(x)) + ffn(norm'(x)); norm' is norm where PART_FFN_NORM has no name */
} norm_place;

typedef enum qkv_layout {
    QKV_SIDE_BY_SIDE, /* all queries, all keys, all values */
    QKV_BY_GROUP,     /* key head after key head: its queries, its key, its value (GPT-NeoX, BLOOM, ChatGLM-6B) */
} qkv_layout;

enum { TRANSFORMER_MAX_LAYERS = 4096 };
typedef struct layer_set {
    uint64_t bit[TRANSFORMER_MAX_LAYERS / 64];
} layer_set;
static inline bool layer_set_has(const layer_set *s, int64_t layer)
{
    return s->bit[layer / 64] >> (layer % 64) & 1;
}
static inline void layer_set_add(layer_set *s, int64_t layer)
{
    s->bit[layer / 64] |= (uint64_t)1 << (layer % 64);
}

/* GLM (Du et al., ACL 2022): a sequence's tokens before its first `begin` see each other, whatever their order; from there
 * on all stand at the position of its first gmask (or else mask) token, and a second position counts 1, 2, 3 ... */
typedef struct glm_rule {
    bool on;
    int32_t begin, mask, gmask;
} glm_rule;

typedef struct transformer_config {
    int64_t vocab_size, width, layers, heads, ffn_width, max_positions;
    int64_t kv_heads;    /* 0: heads */
    int64_t head_width;  /* 0: width / heads */
    int64_t embed_width; /* 0: width */
    int64_t token_types;
    int64_t padding;         /* 1 + the token whose row of the table gets no gradient where it is read; 0: none */
    int64_t position_offset; /* position p reads row p + offset of the table */
    const char *name[TRANSFORMER_PARTS];

    norm_kind norm;
    norm_place place;
    float norm_eps;    /* 0: 1e-5 */
    float norm_plus;   /* RMS gain is (norm_plus + gain): Gemma's 1 */
    float embed_scale; /* the token table's vectors are multiplied by it; 0: 1 */
    float attn_scale;  /* 0: 1 / sqrt(head_width) */
    bool causal;
    qkv_layout qkv_layout;
    int64_t window;  /* > 0: a token sees at most so many, itself included */
    layer_set whole; /* layers that see all in spite of `window` */
    rope rope;       /* ROPE_NONE: no rotation */
    glm_rule glm;
    float log_length; /* > 1: the query at position p is multiplied by log(p + 1) / log(log_length) where that is > 1 */
    float attn_softcap; /* > 0: scores become cap * tanh(score / cap); logit_softcap: the logits */
    float logit_softcap;
    bool residual_of_norm;                   /* NORM_PRE: norm(x) + f(norm(x)) */
    float residual_scale;                    /* what f is added to is multiplied by it; 0: 1 */
    bool unit_head;                          /* the head's rows count as unit vectors (Baichuan 2) */
    attention_bias bias;                     /* BIAS_ALIBI, BIAS_TABLE (PART_BIAS_TABLE), or none */
    int64_t bias_buckets, bias_max_distance; /* of the table; looks both ways unless causal */
    activation activation, head_activation;
    float head_scale; /* what the head reads is multiplied by it; 0: 1 */
    bool head_bias_fixed;
    bool headless; /* a body without a language-model head: logits and loss are refused */
    linear_layout layout;
    float embed_dropout, attn_dropout, residual_dropout, ffn_dropout; /* ffn: between its two products */
    float final_dropout;                                              /* after the final norm */
    init weights;        /* of tables and products; biases start at 0, gains at 1 (less norm_plus) */
    bool scale_residual; /* the products that end in the residual start smaller by sqrt(2 layers): GPT-2 */
} transformer_config;

/* Names for models of our own: token and position table, pre- or post-norm blocks with separate q, k, v, all biases, and
 * a final norm unless c->place is NORM_POST; torch's layout; tied head. Clear a name to do without the part. */
void transformer_name_plainly(transformer_config *c);

typedef struct transformer transformer;
/* Adds the parts to `ps` as "prefix" + name, or takes those of that name that are there. LOREC_INPUT for a config whose
 * numbers do not fit together, naming the field. */
lorec_err transformer_new(transformer **out, params *ps, const transformer_config *config, const char *prefix);
lorec_err transformer_check(const transformer_config *config); /* the same of the config alone */
void transformer_free(transformer *m);
const transformer_config *transformer_settings(const transformer *m);
int64_t transformer_window(const transformer_config *c, int64_t layer); /* 0: none */
int64_t transformer_out_width(const transformer_config *c);             /* of transformer_hidden's rows */
/* How many of a sequence's n tokens come first and are seen by all, and where each token stands (the two positions of
 * ROPE_2D), and entry n: where the next one will. position, block: [n + 1]. */
int32_t transformer_places(const transformer_config *c, const int32_t *token, int32_t n, int32_t *position,
                           int32_t *block);
tensor *transformer_tensor(const transformer *m, transformer_part part, int64_t layer); /* NULL: there is none */

/* What a decoder's cross-attention looks at: an encoder's output, as many segments as there are sequences; or, where
 * `memory` is NULL, what transformer_keep_cross has kept of it. */
typedef struct cross_rows {
    tensor *memory; /* [memory rows, width] */
    const segments *rows;
    const uint8_t *mask;      /* [memory rows] 0: nobody sees this one; or NULL */
    kv_cache *cache;          /* evaluation only: ... */
    const kv_view *seen;      /* ... which of its rows this call's see; */
    const kv_view *pick_seen; /* and those that are picked */
} cross_rows;

/* What goes in. */
typedef struct token_rows {
    tensor *ids;               /* [rows] i32, or NULL */
    tensor *vectors;           /* [rows, embed_width]: instead of the token table, or (with ids) added to it; or NULL */
    const segments *sequences; /* of at least one token each */
    const int32_t *position;   /* [rows], or NULL: 0, 1, 2 ... in each sequence, or as config.glm says */
    const int32_t *block_position; /* [rows] ROPE_2D: the second position; goes with `position` */
    const int32_t *prefix; /* [sequences] so many first tokens are seen by all; NULL: 0, or as config.glm says */
    const int32_t *type;   /* [rows] token types, or NULL: all 0 */
    const uint8_t *mask;   /* [rows] 0: no other token sees this one; or NULL */
    const struct adapter_set *adapters; /* what changes the weights' work in this call, or NULL */
    bool
        recompute; /* training: blocks keep nothing but their output and run again on the way back; what this struct points
                     * to then has to live until tape_begin. Not with `cross` */
    bool last;     /* the last block gives each sequence's last row only: [sequences, width] */
    kv_cache *cache;     /* evaluation only: keys and values of every row go to its rows ... */
    const int32_t *kept; /* ... [rows], and rows attend to what is cached, as the view says, */
    const kv_view *view; /* not to their own sequence: its groups are the sequences */
    const int32_t *pick; /* with a view: [picks] the rows that the last block gives, [picks, width], ... */
    int64_t picks;
    const kv_view *pick_view; /* ... and what they see; pick NULL: all */
    const cross_rows *cross;  /* for blocks with PART_CROSS_Q */
} token_rows;

/* Keys and values that a block's cross-attention makes of in->cross->memory, into in->cross->cache at row[..]. */
void transformer_keep_cross(tape *t, const transformer *m, int64_t layer, const token_rows *in, const int32_t *row);
tensor *transformer_embed(tape *t, const transformer *m, const token_rows *in); /* [rows, width] */
tensor *transformer_block(tape *t, const transformer *m, int64_t layer, tensor *x,
                          const token_rows *in); /* x's shape */
/* Blocks from .. to - 1 alone. */
tensor *transformer_blocks(tape *t, const transformer *m, int64_t from, int64_t to, tensor *x, const token_rows *in);
tensor *transformer_final(tape *t, const transformer *m, tensor *x);             /* final norm */
tensor *transformer_hidden(tape *t, const transformer *m, const token_rows *in); /* all of the above */
/* After `layer` blocks (0: what goes into the first; all: after the final norm), as transformers numbers them. */
tensor *transformer_hidden_at(tape *t, const transformer *m, const token_rows *in, int64_t layer);
tensor *transformer_logits(tape *t, const transformer *m, tensor *hidden); /* [rows, vocab] */
/* The same of given tokens only: ids [rows * k] -> [rows, k]. Not where the head is normalised as a whole (picks: false). */
tensor *transformer_logits_of(tape *t, const transformer *m, tensor *hidden, tensor *ids, int64_t k);
bool transformer_picks_logits(const transformer *m);
tensor *transformer_loss(tape *t, const transformer *m, tensor *hidden, tensor *target); /* [rows]; -1: no loss */

#endif

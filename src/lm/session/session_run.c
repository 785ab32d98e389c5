/* A session's tokens through its model: in passes of bounded size, layer by layer, so that what a pass holds is one layer's
 * activations; then logits of the wanted ones, some at a time. */
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "lm/adapters/adapter.h"
#include "lm/session/session_parts.h"

enum { LOGITS_AT_ONCE = 4 << 20 }; /* values, where they are not kept */

/* ---- a pass as the model's input ------------------------------------------------------------------------------------------- */

typedef struct pass_part {                    /* tokens begin .. end - 1 of the call */
    int64_t begin, end, group, groups, picks; /* group: the first of them */
} pass_part;

static lorec_err pass_room(session_pass *p, int64_t rows, int64_t groups)
{
    size_t g = (size_t)groups, r = (size_t)rows;
    TRY(mem_grow(&p->length, &p->length_cap, g));
    TRY(mem_grow(&p->ahead, &p->ahead_cap, g));
    TRY(mem_grow(&p->of, &p->of_cap, g));
    TRY(mem_grow(&p->first, &p->first_cap, g + 1));
    TRY(mem_grow(&p->pick_first, &p->pick_first_cap, g + 1));
    TRY(mem_grow(&p->span_start, &p->span_start_cap, g + 1));
    TRY(mem_grow(&p->seen, &p->seen_cap, r));
    TRY(mem_grow(&p->pick, &p->pick_cap, r));
    return mem_grow(&p->pick_seen, &p->pick_seen_cap, r);
}

static lorec_err add_spans(lm_session *s, place end, int64_t g)
{
    session_pass *p = &s->pass;
    size_t at = (size_t)p->span_start[g], n = prefix_tree_spans(&s->tree, end, NULL, 0);
    TRY(mem_grow(&p->span, &p->span_cap, at + n));
    prefix_tree_spans(&s->tree, end, p->span + at, n);
    p->span_start[g + 1] = (int64_t)(at + n);
    return LOREC_OK;
}

static lorec_err fill_pass(lm_session *s, int64_t *group, pass_part *part)
{
    session_pass *p = &s->pass;
    const session_rows *r = &s->rows;
    bool prefixed = transformer_settings(s->net)->glm.on;
    int64_t g = 0, i = part->begin;
    part->picks = 0;
    part->group = *group;
    p->span_start[0] = p->first[0] = p->pick_first[0] = 0;
    for (; i < part->end; g++) {
        const session_group *from = &r->group[*group];
        int64_t end = from->first + from->n < part->end ? from->first + from->n : part->end;
        int32_t sees = r->position[end - 1] + 1;
        for (int64_t k = i; prefixed && k < end; k++) sees = r->sees[k] > sees ? r->sees[k] : sees;
        TRY(add_spans(s, prefix_tree_ancestor(&s->tree, from->end, sees), g));
        p->length[g] = (int32_t)(end - i);
        p->of[g] = session_adapter_of(s, prefix_tree_variant(&s->tree, from->end));
        adapter_set acts = session_adapters(s, p->of[g]);
        p->ahead[g] = (int32_t)adapters_prefix_rows(&acts, s->net);
        for (; i < end; i++) {
            int32_t at = (int32_t)(i - part->begin);
            p->seen[at] = prefixed ? r->sees[i] : r->position[i] + 1;
            if (!r->want[i]) continue;
            p->pick[part->picks] = at;
            p->pick_seen[part->picks++] = p->seen[at];
        }
        p->first[g + 1] = (int32_t)(i - part->begin);
        p->pick_first[g + 1] = (int32_t)part->picks;
        if (i == from->first + from->n) (*group)++;
    }
    part->groups = g;
    return LOREC_OK;
}

/* What each query sees of the encoder's rows: all of its source's. */
static lorec_err fill_cross(lm_session *s, const pass_part *part, kv_view *all, kv_view *picked)
{
    session_pass *p = &s->pass;
    TRY(mem_grow(&p->cross_seen, &p->cross_seen_cap, (size_t)(part->end - part->begin)));
    TRY(mem_grow(&p->cross_pick_seen, &p->cross_pick_seen_cap, (size_t)(part->end - part->begin)));
    TRY(mem_grow(&p->cross_start, &p->cross_start_cap, (size_t)part->groups + 1));
    TRY(mem_grow(&p->cross_span, &p->cross_span_cap, (size_t)part->groups));
    for (int64_t g = 0; g <= part->groups; g++) p->cross_start[g] = g;
    for (int64_t g = 0; g < part->groups; g++) {
        const session_group *from = &s->rows.group[part->group + g];
        p->cross_span[g] = s->source[session_beginning_of(s, prefix_tree_variant(&s->tree, from->end))];
        for (int32_t i = p->first[g]; i < p->first[g + 1]; i++) p->cross_seen[i] = p->cross_span[g].n;
        for (int32_t i = p->pick_first[g]; i < p->pick_first[g + 1]; i++) p->cross_pick_seen[i] = p->cross_span[g].n;
    }
    *all = (kv_view){part->groups, p->first, p->cross_start, p->cross_span, p->cross_seen, NULL};
    *picked = (kv_view){part->groups, p->pick_first, p->cross_start, p->cross_span, p->cross_pick_seen, NULL};
    return LOREC_OK;
}

/* ---- through the layers ------------------------------------------------------------------------------------------------------ */

/* Ids beyond the vocabulary are the session's extra vectors: -1 among `words`, and a row of *vectors (NULL: there are none). */
static lorec_err part_extra(lm_session *s, const transformer_config *c, const int32_t *ids, int64_t rows,
                            int32_t *words, tensor **vectors)
{
    int64_t width = c->embed_width ? c->embed_width : c->width;
    float *vector = NULL;
    *vectors = NULL;
    for (int64_t i = 0; i < rows; i++) {
        words[i] = ids[i] < c->vocab_size ? ids[i] : -1;
        if (words[i] >= 0) continue;
        if (!vector) TRY(mem_new(&vector, (size_t)(rows * width)));
        memcpy(vector + i * width, s->opt.extra + (ids[i] - c->vocab_size) * width, (size_t)width * sizeof *vector);
    }
    if (vector)
        *vectors = op_cast(s->tape, tape_f32(s->tape, vector, 2, (int64_t[]){rows, width}),
                           s->opt.bf16 ? DTYPE_BF16 : DTYPE_F32);
    mem_free(vector);
    return tape_error(s->tape);
}

/* The first layer's input: words, extra vectors, an adapter's prompt (ids NULL), what is added to an encoder's tokens. */
static tensor *embed(lm_session *s, const transformer *net, token_rows *in, const int32_t *ids, int64_t rows,
                     const int32_t *length, int64_t groups)
{
    tape *t = s->tape;
    int32_t *words = NULL;
    lorec_err e = LOREC_OK;
    in->vectors = !ids ? adapters_prompt_vectors(t, net, in->adapters) : NULL;
    if (ids && net == s->net && s->opt.extras) {
        e = mem_new(&words, (size_t)rows);
        if (!e) e = part_extra(s, transformer_settings(net), ids, rows, words, &in->vectors);
        if (e) tape_fail(t, e);
    }
    in->ids = ids ? tape_ids(t, words ? words : ids, rows) : NULL;
    mem_free(words);
    if (net == s->opt.encoder && s->opt.encoder_vectors)
        in->vectors = s->opt.encoder_vectors(s->opt.encoder_ctx, t, ids, length, groups);
    return transformer_embed(t, net, in);
}

lorec_err session_layers(lm_session *s, const transformer *net, token_rows *in, const int32_t *ids, int64_t rows,
                         const int32_t *length, int64_t groups, float *hidden)
{
    const transformer_config *c = transformer_settings(net);
    session_pass *p = &s->pass;
    tape *t = s->tape;
    dtype between = DTYPE_F32;
    TRY(mem_grow(&p->x, &p->x_cap, (size_t)(rows * c->width)));
    for (int64_t layer = 0; layer < c->layers; layer++) {
        tape_begin(t, 0);
        in->sequences = tape_segments(t, length, groups);
        tensor *x = layer == 0 ? embed(s, net, in, ids, rows, length, groups)
                               : tape_f32(t, p->x, 2, (int64_t[]){rows, c->width});
        if (between == DTYPE_BF16) x = op_cast(t, x, between);
        x = transformer_block(t, net, layer, x, in);
        if (layer < c->layers - 1) {
            TRY(tape_read(t, x, p->x, rows * c->width));
            between = tensor_dtype(x);
            continue;
        }
        int64_t given = in->pick ? in->picks : rows;
        if (given == 0) return tape_error(t);
        TRY(tape_read(t, transformer_final(t, net, x), hidden, given * transformer_out_width(c)));
    }
    return LOREC_OK;
}

static lorec_err run_pass(lm_session *s, const pass_part *part, float *hidden)
{
    session_pass *p = &s->pass;
    const session_rows *r = &s->rows;
    kv_view all = {part->groups, p->first, p->span_start, p->span, p->seen, p->ahead},
            last = {part->groups, p->pick_first, p->span_start, p->span, p->pick_seen, p->ahead}, cross_all, cross_last;
    adapter_set set;
    cross_rows cross = {.cache = s->cross, .seen = &cross_all, .pick_seen = &cross_last};
    bool prefixed = transformer_settings(s->net)->glm.on;
    token_rows in = {.position = (prefixed ? r->at : r->position) + part->begin,
                     .block_position = prefixed ? r->block + part->begin : NULL,
                     .adapters = session_acting(s, p->of, part->groups, &set),
                     .cache = s->cache,
                     .kept = r->kept + part->begin,
                     .view = &all,
                     .pick = p->pick,
                     .picks = part->picks,
                     .pick_view = &last};
    if (s->cross) {
        TRY(fill_cross(s, part, &cross_all, &cross_last));
        in.cross = &cross;
    }
    return session_layers(s, s->net, &in, r->token + part->begin, part->end - part->begin, p->length, part->groups,
                          hidden);
}

static lorec_err run_logits(lm_session *s, lm_take take, void *ctx)
{
    int64_t vocab = lm_session_vocab(s), width = transformer_out_width(transformer_settings(s->net)),
            wanted = s->rows.wanted;
    int64_t at_once = take ? LOGITS_AT_ONCE / vocab : wanted;
    if (at_once < 16) at_once = 16;
    if (at_once > wanted) at_once = wanted;
    size_t values;
    if (!size_mul((size_t)at_once, (size_t)vocab, &values))
        return err_set(LOREC_RESOURCE, "%lld continuations at once are too many", (long long)wanted);
    TRY(mem_grow(&s->logits, &s->logits_cap, values));
    for (int64_t i = 0; i < wanted; i += at_once) {
        int64_t n = wanted - i < at_once ? wanted - i : at_once;
        tape_begin(s->tape, 0);
        tensor *h = tape_f32(s->tape, s->hidden + i * width, 2, (int64_t[]){n, width});
        TRY(tape_read(s->tape, transformer_logits(s->tape, s->net, h), s->logits, n * vocab));
        if (take) TRY(take(ctx, i, n, s->logits));
    }
    return LOREC_OK;
}

/* Only those of g->only: rows are filled up with their first token, so that each has as many. */
static lorec_err run_picked(lm_session *s, const lm_growth *g)
{
    int64_t width = transformer_out_width(transformer_settings(s->net)), wanted = s->rows.wanted, most = 1;
    for (int64_t i = 0; i < wanted; i++)
        if (g->only_start[i + 1] - g->only_start[i] > most) most = g->only_start[i + 1] - g->only_start[i];
    int32_t *ids;
    size_t values;
    if (!size_mul((size_t)wanted, (size_t)most, &values)) return err_set(LOREC_RESOURCE, "too many logits at once");
    s->picked = most;
    TRY(mem_grow(&s->logits, &s->logits_cap, values));
    TRY(mem_new(&ids, values));
    for (int64_t i = 0; i < wanted; i++)
        for (int64_t j = 0; j < most; j++) {
            int64_t at = g->only_start[i] + j;
            ids[i * most + j] = at < g->only_start[i + 1] ? g->only[at] : 0;
        }
    tape_begin(s->tape, 0);
    tensor *h = tape_f32(s->tape, s->hidden, 2, (int64_t[]){wanted, width});
    tensor *y = transformer_logits_of(s->tape, s->net, h, tape_ids(s->tape, ids, wanted * most), most);
    lorec_err e = tape_read(s->tape, y, s->logits, wanted * most);
    mem_free(ids);
    return e;
}

lorec_err session_run(lm_session *s, const lm_growth *growth)
{
    const session_rows *r = &s->rows;
    int64_t width = transformer_out_width(transformer_settings(s->net)), group = 0, wanted = 0;
    int32_t have = s->tree.rows + s->tree.rows / 2;
    if (s->tree.max_rows && have > s->tree.max_rows) have = s->tree.max_rows;
    if ((int64_t)kv_cache_bytes(s->cache) < (int64_t)s->tree.rows * (int64_t)kv_cache_row_bytes(s->cache))
        TRY(kv_cache_reserve(s->cache, have > s->tree.rows ? have : s->tree.rows));
    TRY(mem_grow(&s->hidden, &s->hidden_cap, (size_t)(r->wanted * width)));
    for (int64_t i = 0; i < r->n;) {
        TRY(cancel_check());
        pass_part part = {.begin = i, .end = r->n - i < s->opt.rows_at_once ? r->n : i + s->opt.rows_at_once};
        int64_t groups = 0;
        for (int64_t g = group; transformer_settings(s->net)->glm.on && g < r->groups && r->group[g].first < part.end;
             g++)
            if (r->group[g].first + r->group[g].n > part.end) /* a context is read at once: its tokens see each other */
                part.end = r->group[g].first + r->group[g].n;
        for (int64_t g = group; g < r->groups && r->group[g].first < part.end; g++) groups++;
        TRY(pass_room(&s->pass, part.end - i, groups));
        TRY(fill_pass(s, &group, &part));
        TRY(run_pass(s, &part, s->hidden + wanted * width));
        wanted += part.picks;
        s->count.passes++;
        i = part.end;
    }
    s->count.computed += r->n;
    if (r->wanted == 0) return LOREC_OK;
    return growth->only_start ? run_picked(s, growth) : run_logits(s, growth->take, growth->ctx);
}

#include "lm/session/session.h"

#include <string.h>

#include "base/mem.h"
#include "lm/adapters/adapter.h"
#include "lm/session/session_parts.h"

enum { ROWS_AT_ONCE = 512 };

/* ---- making one --------------------------------------------------------------------------------------------------------- */

static lorec_err check_adapters(const transformer *net, const lm_session_options *o)
{
    const transformer_config *c = transformer_settings(net);
    if (o->adapter_each && !o->adapters)
        return err_set(LOREC_USAGE, "a session of one adapter a text needs a set of them");
    if (!o->adapters) return LOREC_OK;
    if (o->adapters->n > INT16_MAX) return err_set(LOREC_USAGE, "a session has at most %d adapters", INT16_MAX);
    if (c->glm.on && adapters_prompt_rows(o->adapters, net))
        return err_set(LOREC_USAGE,
                       "this model's tokens see all of their context, so a prompt's vectors can not be read "
                       "before it; take a prefix");
    if (o->encoder && adapters_prompt_rows(o->adapters, net))
        return err_set(LOREC_USAGE, "prompt tuning of an encoder-decoder is not done here; take prefix or lora");
    if (adapters_prefix_rows(o->adapters, net) + adapters_prompt_rows(o->adapters, net) >= c->max_positions)
        return err_set(LOREC_USAGE, "the adapters' rows leave no room in the model's %lld positions",
                       (long long)c->max_positions);
    return LOREC_OK;
}

lorec_err lm_session_open(lm_session **out, const transformer *net, const lm_session_options *options)
{
    *out = NULL;
    if (!net || !transformer_settings(net)->causal)
        return err_set(LOREC_USAGE, "this model does not continue texts: it is no decoder");
    TRY(check_adapters(net, options));
    lm_session *s;
    TRY(mem_new(&s, 1));
    const transformer_config *c = transformer_settings(net);
    int64_t width = c->kv_heads * c->head_width;
    s->net = net;
    s->use = -1;
    s->opt = *options;
    if (s->opt.rows_at_once <= 0) s->opt.rows_at_once = ROWS_AT_ONCE;
    s->tape = tape_new(&(tape_options){.compute = s->opt.bf16 ? DTYPE_BF16 : DTYPE_F32});
    s->cache = kv_cache_new(c->layers, width, width);
    if (s->opt.encoder) s->cross = kv_cache_new(c->layers, width, width);
    if (!s->tape || !s->cache || (s->opt.encoder && !s->cross)) {
        lm_session_free(s);
        return LOREC_RESOURCE;
    }
    s->tree.keep = s->opt.keep && !s->opt.encoder;
    if (s->opt.memory) {
        size_t rows = s->opt.memory / kv_cache_row_bytes(s->cache);
        s->tree.max_rows = rows < INT32_MAX ? (int32_t)rows : INT32_MAX;
        if (rows < 2) {
            size_t row = kv_cache_row_bytes(s->cache);
            lm_session_free(s);
            return err_set(LOREC_RESOURCE, "keys and values of one token take %zu bytes; %zu are allowed", row,
                           options->memory);
        }
    }
    *out = s;
    return LOREC_OK;
}

lm_session *lm_session_new(const transformer *net, bool bf16)
{
    lm_session *s;
    return lm_session_open(&s, net, &(lm_session_options){.bf16 = bf16}) ? NULL : s;
}

void lm_session_free(lm_session *s)
{
    if (!s) return;
    if (s->tape) tape_free(s->tape);
    kv_cache_free(s->cache);
    kv_cache_free(s->cross);
    prefix_tree_free(&s->tree);
    session_rows *r = &s->rows;
    session_pass *p = &s->pass;
    void *const arrays[] = {s->branch,      s->hidden,
                            s->logits,      r->token,
                            r->position,    r->kept,
                            r->want,        r->at,
                            r->block,       r->sees,
                            r->group,       p->length,
                            p->first,       p->seen,
                            p->pick,        p->pick_seen,
                            p->x,           p->span,
                            p->span_start,  p->pick_first,
                            p->cross_seen,  p->cross_pick_seen,
                            p->cross_start, p->cross_span,
                            p->ahead,       p->of,
                            s->source,      s->source_adapter};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) mem_free(arrays[i]);
    mem_free(s);
}

int64_t lm_session_vocab(const lm_session *s)
{
    return transformer_settings(s->net)->vocab_size;
}

const float *lm_session_logits(const lm_session *s, int64_t i)
{
    return s->logits + i * lm_session_vocab(s);
}

const float *lm_session_picked(const lm_session *s, int64_t i)
{
    return s->logits + i * s->picked;
}

bool lm_session_picks(const lm_session *s)
{
    return transformer_picks_logits(s->net);
}

int64_t lm_session_length(const lm_session *s, int64_t b)
{
    int32_t item = session_adapter_of(s, prefix_tree_variant(&s->tree, s->branch[b]));
    return prefix_tree_length(&s->tree, s->branch[b]) - lm_session_before(s, item);
}

int64_t lm_session_room(const lm_session *s, int64_t b)
{
    return transformer_settings(s->net)->max_positions - prefix_tree_length(&s->tree, s->branch[b]);
}

const transformer *lm_session_model(const lm_session *s)
{
    return s->net;
}

bool lm_session_encodes(const lm_session *s)
{
    return s->cross != NULL;
}

int64_t lm_session_rows(const lm_session *s)
{
    return s->tree.max_rows ? s->tree.max_rows - 1 : INT32_MAX;
}

size_t lm_session_cost(const lm_session *s, int64_t tokens, int64_t logits)
{
    return (size_t)tokens * kv_cache_row_bytes(s->cache) + (size_t)logits * (size_t)lm_session_vocab(s) * sizeof(float);
}

lm_session_counts lm_session_count(const lm_session *s)
{
    lm_session_counts c = s->count;
    c.bytes = kv_cache_bytes(s->cache);
    return c;
}

/* ---- branches ------------------------------------------------------------------------------------------------------------ */

void lm_session_drop(lm_session *s, int64_t b)
{
    if (b < 0 || b >= s->branches || s->branch[b].run == BRANCH_FREE) return;
    prefix_tree_drop(&s->tree, s->branch[b]);
    s->branch[b].run = BRANCH_FREE;
    while (s->branches > 0 && s->branch[s->branches - 1].run == BRANCH_FREE) s->branches--;
}

static void drop_all(lm_session *s)
{
    while (s->branches > 0) lm_session_drop(s, s->branches - 1);
}

static int64_t branch_put(lm_session *s, int64_t from, place at)
{
    while (from < s->branches && s->branch[from].run != BRANCH_FREE) from++;
    if (from == s->branches) s->branches++;
    s->branch[from] = at;
    return from;
}

/* ---- growing: which tokens have to run ------------------------------------------------------------------------------------- */

lorec_err lm_session_has(const lm_session *s, int32_t item)
{
    int64_t n = s->opt.adapter_each ? (int64_t)s->opt.adapters->n : 0;
    if (item >= -1 && item < n) return LOREC_OK;
    return err_set(LOREC_USAGE, "adapter %d of a session that has %lld to choose from", item, (long long)n);
}

lorec_err lm_session_use(lm_session *s, int32_t item)
{
    TRY(lm_session_has(s, item));
    s->use = item;
    return LOREC_OK;
}

int32_t lm_session_used(const lm_session *s)
{
    return s->use;
}

static lorec_err check_run(const lm_session *s, const lm_growth *g, int64_t i, const int32_t *token)
{
    int64_t after = g->after ? g->after[i] : LM_START, vocab = lm_session_vocab(s);
    TRY(lm_session_has(s, g->adapter ? g->adapter[i] : -1));
    if (after == LM_START && s->cross && i >= s->sources)
        return err_set(LOREC_USAGE, "sequence %lld after %lld prompts", (long long)i, (long long)s->sources);
    if (g->lengths[i] < 1) return err_set(LOREC_USAGE, "sequence %lld is empty; it has no last token", (long long)i);
    if (after >= s->branches || (after >= 0 && s->branch[after].run == BRANCH_FREE) ||
        (after < LM_START && -2 - after >= i))
        return err_set(LOREC_USAGE, "branch %lld of %lld", (long long)after, (long long)s->branches);
    for (int32_t j = 0; j < g->lengths[i]; j++)
        if (token[j] < 0 || token[j] >= vocab + s->opt.extras)
            return err_set(LOREC_USAGE, "token %d of a model that has %lld", token[j], (long long)vocab);
    return LOREC_OK;
}

static lorec_err rows_room(session_rows *r, int64_t n)
{
    size_t need = (size_t)(r->n + n);
    TRY(mem_grow(&r->token, &r->token_cap, need));
    TRY(mem_grow(&r->position, &r->position_cap, need));
    TRY(mem_grow(&r->kept, &r->kept_cap, need));
    TRY(mem_grow(&r->want, &r->want_cap, need));
    TRY(mem_grow(&r->at, &r->at_cap, need));
    TRY(mem_grow(&r->block, &r->block_cap, need));
    TRY(mem_grow(&r->sees, &r->sees_cap, need));
    return mem_grow(&r->group, &r->group_cap, (size_t)r->groups + 1);
}

/* A prefix language model's places: they depend on the sequence's tokens so far. Those of the last n tokens go behind r->n. */
static lorec_err plan_places(lm_session *s, place before, const int32_t *token, int32_t n, int32_t skip)
{
    session_rows *r = &s->rows;
    int32_t ahead = (int32_t)lm_session_before(s, session_adapter_of(s, prefix_tree_variant(&s->tree, before)));
    int32_t have = prefix_tree_length(&s->tree, before) - ahead, all = have + n, *seq = NULL, at = 0;
    size_t spans = prefix_tree_spans(&s->tree, before, NULL, 0), room = (size_t)all + 1;
    kv_span *span = NULL;
    lorec_err e = mem_new(&seq, 3 * room);
    if (!e) e = mem_new(&span, spans);
    if (!e) {
        prefix_tree_spans(&s->tree, before, span, spans);
        for (size_t i = 0; i < spans; i++)
            for (int32_t j = 0; j < span[i].n; j++) {
                int32_t known = s->tree.token[span[i].row + j];
                if (known >= 0) seq[at++] = known; /* below 0: a prefix's row */
            }
        memcpy(seq + have, token, (size_t)n * sizeof *seq);
        int32_t *position = seq + room, *block = position + room,
                first = transformer_places(transformer_settings(s->net), seq, all, position, block);
        for (int32_t j = skip; j < n; j++) {
            int64_t k = r->n + j - skip;
            r->at[k] = position[have + j] + ahead;
            r->block[k] = block[have + j];
            r->sees[k] = ahead + (have + j < first ? first : have + j + 1);
        }
    }
    mem_free(seq);
    mem_free(span);
    return e;
}

/* Run i: what is there already is followed, what is not gets rows; from the first token whose logits are wanted on, all of
 * it runs. *at: from where it starts, then where it ends. */
static lorec_err plan_run(lm_session *s, const lm_growth *g, int64_t i, const int32_t *token, const uint8_t *want,
                          place *at)
{
    session_rows *r = &s->rows;
    int32_t n = g->lengths[i], before = prefix_tree_length(&s->tree, *at), from = 0;
    int64_t positions = transformer_settings(s->net)->max_positions;
    if (before > positions - n)
        return err_set(LOREC_USAGE, "position %lld of a transformer that has %lld; shorten the input",
                       (long long)positions, (long long)positions);
    place start = *at;
    int32_t known = (int32_t)prefix_tree_follow(&s->tree, at, token, (size_t)n);
    while (from < known && !(want ? want[from] : from == n - 1)) from++;
    s->count.shared += from;
    if (from == n) return LOREC_OK;
    TRY(rows_room(r, n - from));
    if (transformer_settings(s->net)->glm.on) TRY(plan_places(s, start, token, n, from));
    for (int32_t j = from; j < known; j++) r->kept[r->n + j - from] = TREE_SPARE_ROW;
    TRY(prefix_tree_add(&s->tree, at, token + known, (size_t)(n - known), r->kept + r->n + (known - from)));
    for (int32_t j = from; j < n; j++) {
        int64_t k = r->n + j - from;
        r->token[k] = token[j];
        r->position[k] = before + j;
        r->want[k] = want ? want[j] : j == n - 1;
        r->wanted += r->want[k];
    }
    r->group[r->groups++] = (session_group){.end = *at, .first = r->n, .n = n - from, .run = i};
    r->n += n - from;
    return LOREC_OK;
}

/* Where run i begins; an encoder-decoder's i-th looks at the i-th prompt; a prefix language model's keys depend on all of its
 * context, so that beginnings are not shared. */
static lorec_err start_of(lm_session *s, const lm_growth *g, int64_t i, place *out)
{
    int32_t item = g->adapter ? g->adapter[i] : s->use, beginning = s->cross ? (int32_t)i : 0;
    if (s->cross) item = s->source_adapter[i];
    if (transformer_settings(s->net)->glm.on)
        beginning = s->beginnings = s->beginnings == session_beginning_of(s, INT32_MAX) - 1 ? 0 : s->beginnings + 1;
    return session_start(s, session_variant(s, beginning, item), out);
}

/* Where each run that follows nothing begins, held. */
static lorec_err begin(lm_session *s, const lm_growth *g, place *start, int64_t *begun)
{
    const int32_t *token = g->tokens;
    for (int64_t i = 0; i < g->n; i++) {
        start[i] = (place){TREE_START, 0};
        TRY(check_run(s, g, i, token));
        if (!g->after || g->after[i] == LM_START) TRY(start_of(s, g, i, &start[i]));
        *begun = i + 1;
        token += g->lengths[i];
    }
    return LOREC_OK;
}

static lorec_err plan(lm_session *s, const lm_growth *g, const place *start, place *end, int64_t *held)
{
    const int32_t *token = g->tokens;
    const uint8_t *want = g->want;
    s->rows.n = s->rows.groups = s->rows.wanted = 0;
    for (int64_t i = 0; i < g->n; i++) {
        int64_t after = g->after ? g->after[i] : LM_START;
        end[i] = after >= 0 ? s->branch[after] : after == LM_START ? start[i] : end[-2 - after];
        TRY(plan_run(s, g, i, token, want, &end[i]));
        prefix_tree_hold(&s->tree, end[i]);
        *held = i + 1;
        token += g->lengths[i];
        if (want) want += g->lengths[i];
    }
    return LOREC_OK;
}

/* Branches get numbers from `from` on. */
static lorec_err grow(lm_session *s, const lm_growth *g, int64_t *branch, int64_t from)
{
    place *end, *start = NULL;
    int64_t held = 0, begun = 0;
    if (g->n == 0) return LOREC_OK;
    TRY(mem_grow(&s->branch, &s->branch_cap, (size_t)(s->branches + g->n)));
    TRY(mem_new(&end, (size_t)g->n));
    lorec_err e = mem_new(&start, (size_t)g->n);
    if (!e) e = begin(s, g, start, &begun);
    if (!e) e = plan(s, g, start, end, &held);
    if (e) {
        while (held > 0) prefix_tree_drop(&s->tree, end[--held]);
        prefix_tree_undo(&s->tree);
    } else {
        e = session_run(s, g);
        prefix_tree_commit(&s->tree);
    }
    while (begun > 0) prefix_tree_drop(&s->tree, start[--begun]);
    for (int64_t i = 0; i < held && !e; i++) {
        if (branch)
            from = (branch[i] = branch_put(s, from, end[i])) + 1;
        else
            prefix_tree_drop(&s->tree, end[i]);
    }
    if (e && held) { /* rows were given that nothing was written to */
        prefix_tree_clear(&s->tree);
        s->branches = 0;
    }
    mem_free(end);
    mem_free(start);
    return e;
}

lorec_err lm_session_grow(lm_session *s, const lm_growth *g, int64_t *branch)
{
    return grow(s, g, branch, 0);
}

lorec_err lm_session_read_each(lm_session *s, const int32_t *tokens, const int32_t *lengths, const int32_t *item,
                               int64_t n)
{
    int64_t *branch;
    int32_t *start = NULL, *ones = NULL;
    drop_all(s);
    if (n == 0) return LOREC_OK;
    TRY(mem_new(&branch, (size_t)n));
    lorec_err e = LOREC_OK;
    if (s->cross) {
        TRY_GO(e, mem_new(&start, (size_t)n), done);
        TRY_GO(e, mem_new(&ones, (size_t)n), done);
        for (int64_t i = 0; i < n; i++) {
            start[i] = s->opt.start;
            ones[i] = 1;
        }
        TRY_GO(e, session_encode(s, tokens, lengths, item, n), done);
    }
    e = lm_session_grow(
        s, &(lm_growth){.n = n, .tokens = start ? start : tokens, .lengths = ones ? ones : lengths, .adapter = item},
        branch);
done:
    mem_free(branch);
    mem_free(start);
    mem_free(ones);
    return e;
}

lorec_err lm_session_read(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n)
{
    return lm_session_read_each(s, tokens, lengths, NULL, n);
}

lorec_err lm_session_step(lm_session *s, const int64_t *parent, const int32_t *token, int64_t n, int64_t *first)
{
    int32_t *ones;
    int64_t *branch;
    *first = s->branches;
    if (n == 0) return LOREC_OK;
    TRY(mem_new(&ones, (size_t)n));
    lorec_err e = mem_new(&branch, (size_t)n);
    for (int64_t i = 0; i < n; i++) ones[i] = 1;
    if (!e) e = grow(s, &(lm_growth){.n = n, .after = parent, .tokens = token, .lengths = ones}, branch, *first);
    mem_free(ones);
    mem_free(branch);
    return e;
}

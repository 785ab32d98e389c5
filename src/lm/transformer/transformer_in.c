/* What goes into a transformer: vectors of tokens, positions and types, and where each row stands. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "lm/adapters/adapter.h"
#include "lm/transformer/transformer_parts.h"

static tensor *once(const transformer *m, transformer_part p)
{
    return m->part[p];
}

/* ---- where rows stand ------------------------------------------------------------------------------------------------- */

static int32_t index_of(const int32_t *token, int32_t n, int32_t which)
{
    int32_t i = 0;
    while (i < n && token[i] != which) i++;
    return i;
}

int32_t transformer_places(const transformer_config *c, const int32_t *token, int32_t n, int32_t *position,
                           int32_t *block)
{
    const glm_rule *g = &c->glm;
    int32_t first = g->on ? index_of(token, n, g->begin) : n, at = 0;
    if (g->on) {
        at = index_of(token, n, g->gmask);
        if (at == n) at = index_of(token, n, g->mask);
        if (at == n) at = first > 0 ? first - 1 : 0; /* no mask token: the blank is where the context ends */
    }
    for (int32_t i = 0; i <= n; i++) {
        bool after = g->on && i >= first;
        position[i] = after ? at : i;
        block[i] = after ? i - first + 1 : 0;
    }
    return g->on ? first : 0;
}

typedef struct row_places {
    int32_t *position; /* [2 rows]: the second half is the second position */
    int32_t *prefix;   /* [sequences] */
} row_places;

static lorec_err place_check(const transformer *m, int64_t p)
{
    if (p >= 0 && p < m->c.max_positions) return LOREC_OK;
    return err_set(LOREC_USAGE, "position %lld of a transformer that has %lld; shorten the input", (long long)p,
                   (long long)m->c.max_positions);
}

/* The ids of the rows, for a rule that depends on them. */
static lorec_err ids_of(const token_rows *in, int32_t **out)
{
    int64_t rows = in->sequences->rows;
    float *value = NULL;
    *out = NULL;
    if (!in->ids)
        return err_set(LOREC_USAGE, "this model's positions depend on its tokens: give ids, or positions and prefixes");
    TRY(mem_new(&value, (size_t)rows));
    lorec_err e = tensor_read(in->ids, value, rows);
    if (!e) e = mem_new(out, (size_t)rows);
    for (int64_t r = 0; r < rows && !e; r++) (*out)[r] = (int32_t)value[r]; /* below 2^24: exact */
    mem_free(value);
    return e;
}

static lorec_err place_by_tokens(const transformer *m, const token_rows *in, row_places *p)
{
    const segments *s = in->sequences;
    int32_t *ids, *at = NULL;
    TRY(ids_of(in, &ids));
    size_t room = (size_t)s->longest + 1;
    lorec_err e = mem_new(&at, 2 * room);
    if (!e) e = mem_new(&p->prefix, (size_t)s->n);
    for (int64_t i = 0; i < s->n && !e; i++) {
        int32_t first = s->start[i], n = s->start[i + 1] - first;
        p->prefix[i] = transformer_places(&m->c, ids + first, n, at, at + room);
        memcpy(p->position + first, at, (size_t)n * sizeof *at);
        memcpy(p->position + s->rows + first, at + room, (size_t)n * sizeof *at);
    }
    mem_free(ids);
    mem_free(at);
    return e;
}

static lorec_err place_rows(const transformer *m, const token_rows *in, row_places *p)
{
    const segments *s = in->sequences;
    int32_t shift = in->view ? 0 : (int32_t)adapters_prefix_rows(in->adapters, m); /* a view's positions count it */
    *p = (row_places){0};
    TRY(mem_new(&p->position, 2 * (size_t)s->rows));
    if (m->c.glm.on && !in->position) TRY(place_by_tokens(m, in, p));
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t r = s->start[i]; r < s->start[i + 1]; r++) {
            if (in->position) p->position[r] = in->position[r];
            if (in->position && in->block_position) p->position[s->rows + r] = in->block_position[r];
            if (!in->position && !m->c.glm.on) p->position[r] = r - s->start[i];
            int64_t at = (int64_t)p->position[r] + shift;
            TRY(place_check(m, at));
            TRY(place_check(m, p->position[s->rows + r]));
            p->position[r] = (int32_t)at;
        }
    if (in->prefix && !p->prefix) {
        TRY(mem_new(&p->prefix, (size_t)s->n));
        memcpy(p->prefix, in->prefix, (size_t)s->n * sizeof *p->prefix);
    }
    return LOREC_OK;
}

static void row_places_free(row_places *p)
{
    mem_free(p->position);
    mem_free(p->prefix);
}

/* Row numbers of the position table; NULL with the tape's error. */
static tensor *table_rows(tape *t, const transformer *m, const token_rows *in)
{
    row_places p;
    lorec_err e = place_rows(m, in, &p);
    for (int64_t r = 0; r < in->sequences->rows && !e; r++) p.position[r] += (int32_t)m->c.position_offset;
    tensor *x = e ? tape_fail(t, e) : tape_ids(t, p.position, in->sequences->rows);
    row_places_free(&p);
    return x;
}

/* How long each row's sequence is, a prefix included; of rows that attend to a cache, so far. */
static lorec_err lengths_of(const transformer *m, const token_rows *in, const int32_t *position, int32_t **out)
{
    const segments *s = in->sequences;
    bool cached = in->view != NULL;
    int32_t shift = (int32_t)adapters_prefix_rows(in->adapters, m);
    TRY(mem_new(out, (size_t)s->rows));
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t r = s->start[i]; r < s->start[i + 1]; r++)
            (*out)[r] = cached ? position[s->start[i + 1] - 1] + 1 : s->start[i + 1] - s->start[i] + shift;
    return LOREC_OK;
}

/* max(1, log(p + 1) / log(log_length)) a row; NULL where all are 1 (or the tape has failed). */
static tensor *log_stretch(tape *t, const transformer *m, const int32_t *position, int64_t rows)
{
    float *by;
    bool any = false;
    for (int64_t r = 0; r < rows; r++) any = any || (float)position[r] + 1 > m->c.log_length;
    if (!any) return NULL;
    if (mem_new(&by, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t r = 0; r < rows; r++)
        by[r] = fmaxf(1, (float)(log((double)position[r] + 1) / log((double)m->c.log_length)));
    tensor *x = tape_f32(t, by, 2, (int64_t[]){rows, 1});
    mem_free(by);
    return x;
}

bool places_make(tape *t, const transformer *m, const token_rows *in, places *out)
{
    const transformer_config *c = &m->c;
    *out = (places){0};
    bool turned = c->rope.kind != ROPE_NONE;
    if (!in->sequences) return tape_fail(t, err_set(LOREC_USAGE, "rows need their sequences")) != NULL;
    if (!turned && !in->prefix && !c->glm.on) return true;
    row_places p;
    int64_t rows = in->sequences->rows;
    lorec_err e = place_rows(m, in, &p);
    if (!e && turned) {
        out->position = tape_ids(t, p.position, c->rope.kind == ROPE_2D ? 2 * rows : rows);
        if (c->log_length > 1) out->stretch = log_stretch(t, m, p.position, rows);
        if (c->rope.scaling == ROPE_DYNAMIC || c->rope.scaling == ROPE_DYNAMIC_STEPS)
            e = lengths_of(m, in, p.position, &out->length);
    }
    out->prefix = p.prefix;
    p.prefix = NULL;
    row_places_free(&p);
    if (e) tape_fail(t, e);
    return !tape_error(t);
}

void places_free(places *p)
{
    mem_free(p->length);
    mem_free(p->prefix);
}

tensor *rows_last(tape *t, const token_rows *in)
{
    const segments *s = in->sequences;
    int32_t *row;
    if (in->pick) return tape_ids(t, in->pick, in->picks);
    if (mem_new(&row, (size_t)s->n)) return tape_fail(t, LOREC_RESOURCE);
    lorec_err e = LOREC_OK;
    for (int64_t i = 0; i < s->n; i++) {
        row[i] = s->start[i + 1] - 1;
        if (row[i] < s->start[i])
            e = err_set(LOREC_USAGE, "sequence %lld is empty; it has no last token", (long long)i);
    }
    tensor *x = e ? tape_fail(t, e) : tape_ids(t, row, s->n);
    mem_free(row);
    return x;
}

/* ---- vectors ------------------------------------------------------------------------------------------------------------ */

static tensor *type_rows(tape *t, const token_rows *in)
{
    int32_t *type;
    int64_t rows = in->sequences->rows;
    if (mem_new(&type, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    if (in->type) memcpy(type, in->type, (size_t)rows * sizeof *type);
    tensor *x = tape_ids(t, type, rows);
    mem_free(type);
    return x;
}

tensor *transformer_vectors(tape *t, const transformer *m, const token_rows *in)
{
    if (!in->ids) return in->vectors;
    tensor *tokens = op_embed_padded(t, once(m, PART_TOKENS), in->ids, (int32_t)(m->c.padding - 1));
    if (m->c.embed_scale != 1) tokens = op_scale(t, tokens, m->c.embed_scale, 0);
    return in->vectors ? op_add(t, tokens, in->vectors) : tokens;
}

tensor *transformer_embed(tape *t, const transformer *m, const token_rows *in)
{
    if (!in->sequences) return NULL; /* the tape knows why */
    tensor *x = transformer_vectors(t, m, in);
    x = transformer_dense(t, m, x, PART_TOKEN_PROJECT, ACT_NONE);
    if (once(m, PART_POSITIONS)) x = op_add(t, x, op_embed(t, once(m, PART_POSITIONS), table_rows(t, m, in)));
    if (once(m, PART_TYPES)) x = op_add(t, x, op_embed(t, once(m, PART_TYPES), type_rows(t, in)));
    x = transformer_norm(t, m, x, once(m, PART_EMBED_NORM), once(m, PART_EMBED_NORM_BIAS));
    x = op_dropout(t, tape_examples(t, x, in->sequences), m->c.embed_dropout);
    return transformer_dense(t, m, x, PART_EMBED_PROJECT, ACT_NONE);
}

#include "lm/session.h"

#include "base/mem.h"

typedef struct branch {
    int64_t parent; /* -1: a prompt */
    int32_t row;    /* of its token in the cache; a prompt: of its first token */
    int32_t length; /* tokens, with all before */
} branch;

struct lm_session {
    const transformer *net;
    tape *tape;
    kv_cache *cache;
    int64_t rows, branches; /* in use */
    branch *branch;
    float *logits;
    int32_t *row, *position, *seen;
    int64_t *start;
    size_t branch_cap, logits_cap, row_cap, position_cap, seen_cap, start_cap;
};

lm_session *lm_session_new(const transformer *net, bool bf16)
{
    lm_session *s;
    if (!net || !transformer_settings(net)->causal) {
        err_set(LOREC_USAGE, "this model does not continue texts: it is no decoder");
        return NULL;
    }
    if (mem_new(&s, 1)) return NULL;
    const transformer_config *c = transformer_settings(net);
    int64_t width = c->kv_heads * c->head_width;
    s->net = net;
    s->tape = tape_new(&(tape_options){.compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    s->cache = kv_cache_new(c->layers, width, width);
    if (s->tape && s->cache) return s;
    lm_session_free(s);
    return NULL;
}

void lm_session_free(lm_session *s)
{
    if (!s) return;
    if (s->tape) tape_free(s->tape);
    kv_cache_free(s->cache);
    mem_free(s->branch);
    mem_free(s->logits);
    mem_free(s->row);
    mem_free(s->position);
    mem_free(s->seen);
    mem_free(s->start);
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

int64_t lm_session_length(const lm_session *s, int64_t b)
{
    return s->branch[b].length;
}

int64_t lm_session_room(const lm_session *s, int64_t b)
{
    return transformer_settings(s->net)->max_positions - s->branch[b].length;
}

const transformer *lm_session_model(const lm_session *s)
{
    return s->net;
}

/* Room for so many more rows and branches, and the logits of the latter. */
static lorec_err reserve(lm_session *s, int64_t rows, int64_t branches)
{
    size_t values;
    if (!size_mul((size_t)branches, (size_t)lm_session_vocab(s), &values) || s->rows + rows > INT32_MAX)
        return err_set(LOREC_RESOURCE, "%lld continuations at once are too many", (long long)branches);
    TRY(mem_grow(&s->branch, &s->branch_cap, (size_t)(s->branches + branches)));
    TRY(mem_grow(&s->logits, &s->logits_cap, values));
    TRY(mem_grow(&s->row, &s->row_cap, (size_t)rows));
    TRY(mem_grow(&s->position, &s->position_cap, (size_t)rows));
    TRY(mem_grow(&s->start, &s->start_cap, (size_t)branches + 1));
    TRY(kv_cache_reserve(s->cache, s->rows + rows));
    for (int64_t i = 0; i < rows; i++) s->row[i] = (int32_t)(s->rows + i);
    return LOREC_OK;
}

static lorec_err forward(lm_session *s, const token_rows *in, int64_t n)
{
    tensor *y = transformer_logits(s->tape, s->net, transformer_hidden(s->tape, s->net, in));
    return tape_read(s->tape, y, s->logits, n * lm_session_vocab(s));
}

lorec_err lm_session_read(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n)
{
    s->rows = s->branches = 0;
    int64_t rows = 0;
    for (int64_t i = 0; i < n; i++) rows += lengths[i];
    if (n == 0) return LOREC_OK;
    TRY(reserve(s, rows, n));
    tape_begin(s->tape, 0);
    kv_view view = {.n = rows, .row = s->row};
    token_rows in = {.ids = tape_ids(s->tape, tokens, rows),
                     .sequences = tape_segments(s->tape, lengths, n),
                     .last = true,
                     .cache = s->cache,
                     .view = &view};
    TRY(forward(s, &in, n));
    for (int64_t i = 0; i < n; i++) {
        s->branch[s->branches++] = (branch){.parent = -1, .row = (int32_t)s->rows, .length = lengths[i]};
        s->rows += lengths[i];
    }
    return LOREC_OK;
}

/* The cached rows of a branch in order of position into seen[0 .. length - 1]. */
static void rows_of(const lm_session *s, int64_t b, int32_t *seen)
{
    for (; s->branch[b].parent >= 0; b = s->branch[b].parent) seen[s->branch[b].length - 1] = s->branch[b].row;
    for (int32_t i = 0; i < s->branch[b].length; i++) seen[i] = s->branch[b].row + i;
}

lorec_err lm_session_step(lm_session *s, const int64_t *parent, const int32_t *token, int64_t n, int64_t *first)
{
    *first = s->branches;
    if (n == 0) return LOREC_OK;
    TRY(reserve(s, n, n));
    int64_t seen = 0;
    for (int64_t i = 0; i < n; i++) {
        if (parent[i] < 0 || parent[i] >= s->branches)
            return err_set(LOREC_USAGE, "branch %lld of %lld", (long long)parent[i], (long long)s->branches);
        s->start[i] = seen;
        s->position[i] = s->branch[parent[i]].length;
        seen += s->position[i] + 1;
    }
    s->start[n] = seen;
    TRY(mem_grow(&s->seen, &s->seen_cap, (size_t)seen));
    for (int64_t i = 0; i < n; i++) {
        rows_of(s, parent[i], s->seen + s->start[i]);
        s->seen[s->start[i + 1] - 1] = s->row[i];
    }
    tape_begin(s->tape, 0);
    kv_view view = {.n = n, .row = s->row, .start = s->start, .seen = s->seen};
    token_rows in = {.ids = tape_ids(s->tape, token, n),
                     .sequences = tape_segments_even(s->tape, n, 1),
                     .position = s->position,
                     .cache = s->cache,
                     .view = &view};
    TRY(forward(s, &in, n));
    for (int64_t i = 0; i < n; i++)
        s->branch[s->branches++] = (branch){.parent = parent[i], .row = s->row[i], .length = s->position[i] + 1};
    s->rows += n;
    return LOREC_OK;
}

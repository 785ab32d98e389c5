/* What a language model reads before it explains: a user's and an item's own vectors (continuous), or the words of features that
 * both and then either were explained by (discrete); then the begin token and the text. */
#include <stdlib.h>

#include "base/mem.h"
#include "methods/pepler/pepler.h"

enum { LENGTH, USER, ITEM, USER_ROW, ITEM_ROW };

void pepler_rows_clear(pepler_rows *b)
{
    b->id.n = b->target.n = b->n = 0;
    b->learned = 0;
}

void pepler_rows_free(pepler_rows *b)
{
    tokens_free(&b->id);
    tokens_free(&b->target);
    mem_free(b->length);
    mem_free(b->user);
    mem_free(b->item);
    mem_free(b->user_row);
    mem_free(b->item_row);
}

/* ---- prompts ---------------------------------------------------------------------------------------------------------------- */

static bool has(const sparse *s, uint32_t row, uint32_t col)
{
    uint64_t from = row < s->rows ? s->start[row] : 0, to = row < s->rows ? s->start[row + 1] : 0;
    for (uint64_t k = from; k < to; k++)
        if (s->col[k] == col) return true;
    return false;
}

static lorec_err add_feature(const pepler *m, uint32_t feature, tokens *out)
{
    buf word = {0};
    slice w = ids_name(&m->features.words, feature);
    lorec_err e = buf_puts(&word, " ");
    if (!e) e = buf_add(&word, w.p, w.n);
    if (!e) e = tokenizer_encode(m->words, (slice){word.p, word.n}, TOKENIZER_PLAIN, out);
    buf_free(&word);
    return e;
}

/* Features of both, then of the user, then of the item. */
static lorec_err add_features(const pepler *m, uint32_t user, uint32_t item, tokens *out)
{
    const sparse *a = &m->user_features, *b = &m->item_features;
    size_t most = out->n + (size_t)m->longest;
    for (int pass = 0; pass < 3; pass++) {
        const sparse *mine = pass < 2 ? a : b, *other = pass < 2 ? b : a;
        uint32_t row = pass < 2 ? user : item, facing = pass < 2 ? item : user;
        if (row >= mine->rows) continue;
        for (uint64_t k = mine->start[row]; k < mine->start[row + 1] && out->n < most; k++)
            if (has(other, facing, mine->col[k]) == (pass == 0)) TRY(add_feature(m, mine->col[k], out));
    }
    if (out->n > most) out->n = most;
    return LOREC_OK;
}

lorec_err pepler_rows_add(const pepler *m, pepler_rows *b, uint32_t user, uint32_t item, const int32_t *word, size_t n,
                          bool whole, bool alone)
{
    size_t from = b->id.n, i = b->n;
    TRY(mem_grow(&b->length, &b->cap[LENGTH], i + 1));
    TRY(mem_grow(&b->user, &b->cap[USER], i + 1));
    TRY(mem_grow(&b->item, &b->cap[ITEM], i + 1));
    TRY(mem_grow(&b->user_row, &b->cap[USER_ROW], i + 1));
    TRY(mem_grow(&b->item_row, &b->cap[ITEM_ROW], i + 1));
    b->user[i] = (int32_t)user;
    b->item[i] = (int32_t)item;
    b->user_row[i] = (int32_t)from;
    b->item_row[i] = (int32_t)from + 1;
    if (alone)
        b->user[i] = b->item[i] = -1;
    else if (m->prompt == PEPLER_DISCRETE)
        TRY(add_features(m, user, item, &b->id));
    else
        for (int k = 0; k < 2; k++) TRY(tokens_add(&b->id, -1)); /* the two vectors stand here */
    TRY(tokens_add(&b->id, m->begin));
    for (size_t k = b->target.n; k + 1 < b->id.n; k++) TRY(tokens_add(&b->target, -1));
    for (size_t k = 0; k < n; k++) {
        TRY(tokens_add(&b->target, word[k]));
        TRY(tokens_add(&b->id, word[k]));
    }
    TRY(tokens_add(&b->target, whole ? m->end : -1));
    b->learned += (int64_t)n + whole;
    b->length[i] = (int32_t)(b->id.n - from);
    b->n++;
    return LOREC_OK;
}

/* ---- through the model ------------------------------------------------------------------------------------------------------ */

/* Texts alone stand where they will stand behind the two vectors. */
static const int32_t *behind_the_prompt(tape *t, const pepler_rows *b)
{
    int32_t *position;
    if (mem_new(&position, b->id.n)) return NULL;
    for (size_t i = 0, at = 0; i < b->n; i++)
        for (int32_t k = 0; k < b->length[i]; k++) position[at++] = k + 2;
    const int32_t *kept = tape_copy(t, position, b->id.n * sizeof *position);
    mem_free(position);
    return kept;
}

tensor *pepler_hidden(const pepler *m, tape *t, const pepler_rows *b, bool last)
{
    int64_t rows = (int64_t)b->id.n, n = (int64_t)b->n;
    token_rows in = {.ids = tape_ids(t, b->id.id, rows), .sequences = tape_segments(t, b->length, n), .last = last};
    if (m->prompt == PEPLER_CONTINUOUS && n && b->user[0] >= 0) {
        tensor *u = op_embed(t, m->user, tape_ids(t, b->user, n)), *i = op_embed(t, m->item, tape_ids(t, b->item, n));
        in.vectors = op_add(t, op_scatter_rows(t, u, tape_ids(t, b->user_row, n), rows),
                            op_scatter_rows(t, i, tape_ids(t, b->item_row, n), rows));
    }
    if (m->prompt == PEPLER_CONTINUOUS && n && b->user[0] < 0 && !(in.position = behind_the_prompt(t, b)))
        return tape_fail(t, LOREC_RESOURCE);
    return transformer_hidden(t, m->lm->net, &in);
}

tensor *pepler_loss(const pepler *m, tape *t, const pepler_rows *b)
{
    return transformer_loss(t, m->lm->net, pepler_hidden(m, t, b, false),
                            tape_ids(t, b->target.id, (int64_t)b->target.n));
}

tensor *pepler_ratings(const pepler *m, tape *t, const pepler_rows *b)
{
    int64_t n = (int64_t)b->n;
    if (m->rating == PEPLER_NO_RATING) return NULL;
    tensor *u = op_embed(t, m->user, tape_ids(t, b->user, n)), *i = op_embed(t, m->item, tape_ids(t, b->item, n));
    if (m->rating == PEPLER_MF) return op_dot(t, u, i);
    tensor *x = op_concat(t, (tensor *[]){u, i}, 2, 1);
    for (int k = 0; k < PEPLER_MLP_LAYERS; k++)
        x = op_linear(t, x, m->mlp_weight[k], m->mlp_bias[k], LINEAR_OUT_IN,
                      k + 1 < PEPLER_MLP_LAYERS ? ACT_SIGMOID : ACT_NONE);
    return op_reshape(t, x, 1, (int64_t[]){n});
}

lorec_err pepler_own_params(pepler *m, params *ps)
{
    int64_t d = transformer_settings(m->lm->net)->width, in[] = {2 * d, m->mlp_width, m->mlp_width, m->mlp_width},
            out[] = {m->mlp_width, m->mlp_width, m->mlp_width, 1};
    if (m->prompt == PEPLER_DISCRETE) return LOREC_OK;
    m->user = params_add(ps, "user_embeddings.weight", INIT_UNIFORM(.1), 2, (int64_t[]){m->n_users, d});
    m->item = params_add(ps, "item_embeddings.weight", INIT_UNIFORM(.1), 2, (int64_t[]){m->n_items, d});
    for (int k = 0; k < PEPLER_MLP_LAYERS && m->rating == PEPLER_MLP; k++) {
        char name[48];
        snprintf(name, sizeof name, "rating.%d.weight", k);
        m->mlp_weight[k] = params_add(ps, name, init_torch_linear(in[k]), 2, (int64_t[]){out[k], in[k]});
        snprintf(name, sizeof name, "rating.%d.bias", k);
        m->mlp_bias[k] = params_add(ps, name, INIT_ZERO, 1, (int64_t[]){out[k]});
    }
    return params_error(ps);
}

/* ---- texts -------------------------------------------------------------------------------------------------------------------- */

lorec_err pepler_words_open(pepler *m)
{
    if (m->vocabulary_file) {
        char *text = json_dumps(m->vocabulary_file, JSON_COMPACT);
        if (!text) return err_set(LOREC_RESOURCE, "out of memory for a tokenizer");
        lorec_err e = tokenizer_from_json(&m->words, slice_of(text), "pepler's tokenizer");
        free(text);
        TRY(e);
        if (tokenizer_find(m->words, slice_of(PEPLER_BEGIN), &m->begin) &&
            tokenizer_find(m->words, slice_of(PEPLER_END), &m->end))
            return LOREC_OK;
        return err_set(LOREC_INPUT, "pepler: its tokenizer has no %s and %s", PEPLER_BEGIN, PEPLER_END);
    }
    m->begin = tokenizer_special(m->words, TOKENIZER_BOS);
    m->end = tokenizer_special(m->words, TOKENIZER_EOS);
    if (m->begin < 0) m->begin = m->end; /* GPT-2 has one for both */
    if (m->end >= 0) return LOREC_OK;
    return err_set(LOREC_INPUT, "pepler: the model's tokenizer has no token that ends a text");
}

lorec_err pepler_texts_make(pepler_texts *out, const pepler *m, const dataset *d, const interactions *rows,
                            uint64_t seed)
{
    buf text = {0}, one = {0};
    *out = (pepler_texts){0};
    lorec_err e = explanations_make(&out->from, &m->features, d, rows, seed);
    if (!e) e = mem_new(&out->start, (size_t)out->from.n + 1);
    for (uint32_t i = 0; i < out->from.n && !e; i++) {
        size_t most = out->word.n + (size_t)m->longest;
        buf_clear(&one);
        e = buf_puts(&one, " ");
        if (!e) e = explanations_text(&out->from, i, &text);
        if (!e) e = buf_add(&one, text.p, text.n);
        if (!e) e = tokenizer_encode(m->words, (slice){one.p, one.n}, TOKENIZER_PLAIN, &out->word);
        if (out->word.n > most) out->word.n = most;
        out->start[i + 1] = out->word.n;
    }
    buf_free(&text);
    buf_free(&one);
    if (e) pepler_texts_free(out);
    return e;
}

void pepler_texts_free(pepler_texts *x)
{
    explanations_free(&x->from);
    tokens_free(&x->word);
    mem_free(x->start);
    *x = (pepler_texts){0};
}

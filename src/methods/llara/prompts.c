/* The question: titles of the history and of the candidates, after each a token that stands for the item. */
#include <string.h>

#include "base/mem.h"
#include "data/sampler.h"
#include "methods/llara/llara.h"
#include "recipes/history_fit.h"

static const char MARK = 0x1f; /* where an item's token goes in the text; titles that hold it lose it */

lorec_err llara_answers(llara *m)
{
    if (!m->lm->ends)
        return err_set(
            LOREC_INPUT,
            "llara: the tokenizer of %s names no end token, so an answer could not end; add eos_token to its "
            "tokenizer_config.json",
            m->model);
    m->end = m->lm->end[0];
    TRY(mem_new(&m->answer_at, (size_t)m->items.n + 1));
    for (uint32_t i = 0; i < m->items.n; i++) {
        TRY(lm_text_continuation(m->lm, catalogue_title(&m->items, i), &m->answer));
        TRY(tokens_add(&m->answer, m->end));
        m->answer_at[i + 1] = (int64_t)m->answer.n;
    }
    return LOREC_OK;
}

size_t llara_draw(const llara *m, uint32_t target, const uint32_t *had, size_t n_had, rng *r, uint32_t *out)
{
    const sampler all = {.n_items = m->items.n};
    size_t n = 1, wanted = (size_t)m->candidates;
    out[0] = target;
    for (size_t tries = 0; n < wanted && tries < 20 * wanted; tries++) { /* of a small catalogue fewer may be left */
        uint32_t item = sampler_draw_not(&all, r, had, n_had);
        bool there = item == UINT32_MAX;
        for (size_t i = 0; i < n && !there; i++) there = out[i] == item;
        if (!there) out[n++] = item;
    }
    rng_shuffle(r, out, n);
    return n;
}

/* ["Heat" MARK, ...]; without titles: [MARK, ...] */
static json_t *listed(const llara *m, llara_kind kind, const uint32_t *item, size_t n)
{
    json_t *list = json_array();
    buf text = {0};
    lorec_err e = list ? LOREC_OK : LOREC_RESOURCE;
    for (size_t i = 0; i < n && !e; i++) {
        slice title = catalogue_title(&m->items, item[i]);
        buf_clear(&text);
        e = kind == LLARA_ID ? LOREC_OK : buf_puts(&text, "\"");
        for (size_t k = 0; k < title.n && kind != LLARA_ID && !e; k++)
            if (title.p[k] != MARK) e = buf_add(&text, title.p + k, 1);
        if (!e && kind != LLARA_ID) e = buf_puts(&text, "\" ");
        if (!e) e = buf_add(&text, &MARK, 1);
        if (!e && json_array_append_new(list, catalogue_text((slice){text.p, text.n}))) e = LOREC_RESOURCE;
    }
    buf_free(&text);
    if (!e) return list;
    json_decref(list);
    return NULL;
}

static lorec_err write_text(const llara *m, llara_kind kind, int variant, const uint32_t *history, size_t n,
                            const uint32_t *candidate, size_t n_candidates, buf *text)
{
    json_t *values = json_pack("{s:o, s:o, s:s, s:s, s:i}", "history", listed(m, kind, history, n), "candidates",
                               listed(m, kind, candidate, n_candidates), "things", m->things, "verb", m->verb,
                               "variant", variant);
    if (!values) return err_set(LOREC_RESOURCE, "out of memory for a prompt");
    lorec_err e = prompt_fill(m->ask, values, text);
    json_decref(values);
    return e;
}

/* The text's pieces as tokens, an item's token between them: the k-th mark is the k-th item of history, then candidates. */
static lorec_err to_tokens(const llara *m, llara_kind kind, slice text, const uint32_t *history, size_t n,
                           const uint32_t *candidate, tokens *out)
{
    int64_t vocab = transformer_settings(m->lm->model->net)->vocab_size;
    for (size_t k = 0; text.n; k++) {
        const char *mark = memchr(text.p, MARK, text.n);
        size_t piece = mark ? (size_t)(mark - text.p) : text.n;
        if (k == 0)
            TRY(lm_text_prompt(m->lm, (slice){text.p, piece}, out));
        else if (piece)
            TRY(lm_text_continuation(m->lm, (slice){text.p, piece}, out));
        if (!mark) break;
        uint32_t item = k < n ? history[k] : candidate[k - n];
        TRY(tokens_add(out, (int32_t)(vocab + (kind == LLARA_TEXT ? m->items.n : item))));
        text = (slice){mark + 1, text.n - piece - 1};
    }
    return LOREC_OK;
}

typedef struct question {
    const llara *m;
    llara_kind kind;
    int variant;
    uint32_t *known; /* the history's end, [max_history] */
    const uint32_t *candidate;
    size_t n_candidates;
    buf text;
} question;

static lorec_err write_tokens(void *ctx, size_t kept, tokens *out)
{
    question *q = ctx;
    const uint32_t *before = q->known + ((size_t)q->m->max_history - kept);
    TRY(write_text(q->m, q->kind, q->variant, before, kept, q->candidate, q->n_candidates, &q->text));
    return to_tokens(q->m, q->kind, (slice){q->text.p, q->text.n}, before, kept, q->candidate, out);
}

lorec_err llara_ask(const llara *m, llara_kind kind, int variant, const uint32_t *history, size_t n,
                    const uint32_t *candidate, size_t n_candidates, tokens *out)
{
    int64_t longest = 0, positions = transformer_settings(m->lm->model->net)->max_positions;
    size_t kept = 0, most = (size_t)m->max_history;
    question q = {.m = m, .kind = kind, .variant = variant, .candidate = candidate, .n_candidates = n_candidates};
    TRY(mem_new(&q.known, most));
    for (size_t i = n; i > 0 && kept < most; i--) /* the latest, from the end */
        if (history[i - 1] < m->items.n) q.known[most - ++kept] = history[i - 1];
    for (size_t i = 0; i < n_candidates; i++) {
        int64_t length = m->answer_at[candidate[i] + 1] - m->answer_at[candidate[i]];
        longest = length > longest ? length : longest;
    }
    lorec_err e = history_fit(write_tokens, &q, kept, positions - longest, "llara", out);
    buf_free(&q.text);
    mem_free(q.known);
    return e;
}

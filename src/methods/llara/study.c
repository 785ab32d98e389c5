/* The paper's own measure: an answer is written freely, is valid where exactly one candidate's title is in it, and right where
 * that is the target. */
#include <string.h>

#include "base/mem.h"
#include "base/order.h"
#include "lm/decode/decode.h"
#include "methods/llara/llara.h"
#include "text/unicode.h"

typedef struct study {
    const llara *m;
    const study_context *c;
    lm_session *lm;
    buf *lower; /* [items] titles in small letters */
    uint32_t *history, *had, *candidate;
    tokens prompt;
    buf text, small;
    size_t asked, valid, right;
} study;

static lorec_err write_answer(study *s)
{
    const llara *m = s->m;
    const decode_options o = {.count = 1, .max_tokens = m->answer_tokens, .end = m->end};
    const uint64_t seed = s->c->seed;
    int32_t length = (int32_t)s->prompt.n;
    decoded out = {0};
    buf_clear(&s->text);
    lorec_err e = decode_sample(s->lm, s->prompt.id, &length, &seed, 1, &o, &out);
    if (!e && out.n) {
        const hypothesis *h = &out.found[0];
        size_t n = (size_t)h->n;
        while (n > 0 && h->token[n - 1] == m->end) n--;
        if (n) e = tokenizer_decode(m->lm->tokenizer, h->token, n, TOKENIZER_PLAIN, &s->text);
    }
    decoded_free(&out);
    return e;
}

/* How many of the candidates' titles the answer's first line names, and one of them. */
static lorec_err find_titles(study *s, size_t n, size_t *found, uint32_t *item)
{
    const char *line = s->text.p ? memchr(s->text.p, '\n', s->text.n) : NULL;
    slice written = {s->text.p ? s->text.p : "", line ? (size_t)(line - s->text.p) : s->text.n};
    *found = 0;
    buf_clear(&s->small);
    TRY(unicode_lower(&s->small, written));
    for (size_t i = 0; i < n; i++) {
        const buf *title = &s->lower[s->candidate[i]];
        if (!title->n || !s->small.n || !memmem(s->small.p, s->small.n, title->p, title->n)) continue;
        (*found)++;
        *item = s->candidate[i];
    }
    return LOREC_OK;
}

static lorec_err ask_user(study *s, uint32_t user)
{
    const split *sp = s->c->split;
    const llara *m = s->m;
    size_t before = split_history(sp, true, user, s->history, NULL), n_had = before, found = 0;
    uint32_t target = sp->test.item[sp->test.start[user]], item = 0;
    if (target >= m->items.n) return LOREC_OK;
    if (before) memcpy(s->had, s->history, before * sizeof *s->had);
    s->had[n_had++] = target;
    sort_u32(s->had, n_had);
    rng r = rng_make(s->c->seed, RNG_CANDIDATES + ((uint64_t)user << 32));
    size_t n = llara_draw(m, target, s->had, n_had, &r, s->candidate);
    s->prompt.n = 0;
    TRY(llara_ask(m, (llara_kind)m->prompt, 0, s->history, before, s->candidate, n, &s->prompt));
    TRY(write_answer(s));
    TRY(find_titles(s, n, &found, &item));
    s->asked++;
    s->valid += found == 1;
    s->right += found == 1 && item == target;
    return LOREC_OK;
}

static lorec_err prepare(study *s)
{
    const llara *m = s->m;
    uint64_t longest = 0;
    for (uint32_t u = 0; u < s->c->split->data->rows.n_users; u++) {
        const interactions *x = &s->c->split->data->rows;
        uint64_t n = x->start[u + 1] - x->start[u];
        longest = n > longest ? n : longest;
    }
    TRY(mem_new(&s->history, longest + 1));
    TRY(mem_new(&s->had, longest + 2));
    TRY(mem_new(&s->candidate, (size_t)m->candidates));
    TRY(mem_new(&s->lower, (size_t)m->items.n + 1));
    for (uint32_t i = 0; i < m->items.n; i++) TRY(unicode_lower(&s->lower[i], catalogue_title(&m->items, i)));
    return LOREC_OK;
}

lorec_err llara_study(const void *self, rec_session *session, const study_context *c, json_t **numbers)
{
    study s = {.m = self, .c = c};
    const interactions *test = &c->split->test;
    lorec_err e = llara_session(s.m, session, &s.lm);
    if (!e) e = prepare(&s);
    for (uint32_t u = 0; u < test->n_users && !e; u++)
        if (test->start[u + 1] > test->start[u] && (!c->max_users || s.asked < c->max_users)) e = ask_user(&s, u);
    if (!e) {
        double all = s.asked ? (double)s.asked : 1, valid = s.valid ? (double)s.valid : 1;
        *numbers = json_pack("{s:I, s:f, s:f, s:f}", "written_answers", (json_int_t)s.asked, "valid_ratio",
                             (double)s.valid / all, "written_hit@1", (double)s.right / all, "written_hit@1_of_valid",
                             (double)s.right / valid);
        if (!*numbers) e = err_set(LOREC_RESOURCE, "out of memory for a report");
    }
    for (uint32_t i = 0; s.lower && i < s.m->items.n; i++) buf_free(&s.lower[i]);
    mem_free(s.lower);
    mem_free(s.history);
    mem_free(s.had);
    mem_free(s.candidate);
    tokens_free(&s.prompt);
    buf_free(&s.text);
    buf_free(&s.small);
    return e;
}

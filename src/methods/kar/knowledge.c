/* What the language model is asked before training: what is known of each item, what each user prefers. A transcript
 * (record:FILE=SPEC) keeps every answer, so that a run that broke off goes on where it stopped. */
#include "base/mem.h"
#include "methods/kar/kar.h"
#include "recipes/catalogue.h"
#include "recipes/prompt.h"

enum { AT_ONCE = 256 }; /* requests that are in memory together */

typedef struct asking {
    kar *m;
    const fit_context *fit;
    catalogue titles;
    llm *lm;
} asking;

/* "Heat (5 of 5)", "Speed (2 of 5)" of the rows that are no examples. */
static lorec_err history_text(const asking *a, uint32_t user, buf *out)
{
    const interactions *x = a->fit->train;
    uint64_t first = x->start[user], n = kar_begin(x->start[user + 1] - first, a->m->history);
    buf_clear(out);
    TRY(buf_puts(out, n ? "" : "nothing yet"));
    for (uint64_t r = first; r < first + n; r++) {
        slice t = catalogue_title(&a->titles, x->item[r]);
        TRY(buf_printf(out, "%s\"%.*s\"", r > first ? ", " : "", (int)t.n, t.p));
        if (x->rating) TRY(buf_printf(out, " (%g)", (double)x->rating[r]));
    }
    return LOREC_OK;
}

static json_t *values_of(const asking *a, bool users, uint32_t i, const buf *history)
{
    if (users)
        return json_pack("{s:s, s:s, s:o}", "thing", a->m->thing, "factors", a->m->factors, "history",
                         catalogue_text(history->p ? (slice){history->p, history->n} : slice_of("")));
    return json_pack("{s:s, s:s, s:o, s:o}", "thing", a->m->thing, "factors", a->m->factors, "title",
                     catalogue_text(catalogue_title(&a->titles, i)), "categories",
                     catalogue_text(catalogue_categories(&a->titles, i)));
}

/* Texts of first .. first + n - 1 into text[], end to end in `all`: an item's answer; a user's history and answer. */
static lorec_err ask_some(const asking *a, const prompt *p, bool users, uint32_t first, size_t n, buf *all, size_t *end)
{
    llm_request request[AT_ONCE] = {0};
    llm_answer answer[AT_ONCE] = {0};
    buf text = {0}, history = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        if (users) e = history_text(a, first + (uint32_t)i, &history);
        json_t *values = e ? NULL : values_of(a, users, first + (uint32_t)i, &history);
        if (!e) e = prompt_fill(p, values, &text);
        json_decref(values);
        if (!e) request[i] = (llm_request){.verb = LLM_VERB_CHAT, .messages = prompt_user(text.p)};
        if (!e && !request[i].messages) e = err_set(LOREC_RESOURCE, "out of memory for a prompt");
    }
    if (!e) e = llm_use_ask(a->lm, a->m->tally, &a->m->chat, request, n, answer, users ? "kar users" : "kar items");
    for (size_t i = 0; i < n && !e; i++) {
        if (users) e = history_text(a, first + (uint32_t)i, &history);
        if (!e && users) e = buf_printf(all, "%s. ", history.p ? history.p : "");
        if (!e && answer[i].text) e = buf_add(all, answer[i].text, answer[i].n);
        end[i] = all->n;
    }
    llm_answers_free(answer, n);
    for (size_t i = 0; i < n; i++) json_decref((json_t *)(uintptr_t)request[i].messages);
    buf_free(&text);
    buf_free(&history);
    return e;
}

static lorec_err ask_all(const asking *a, bool users, uint32_t n, kar_vectors *out)
{
    prompt *p = NULL;
    buf all = {0};
    size_t *end = NULL;
    slice *text = NULL;
    lorec_err e = mem_new(&end, n);
    if (!e) e = mem_new(&text, n);
    if (!e) e = prompt_open(&p, users ? "kar/prompts/user.j2" : "kar/prompts/item.j2");
    for (uint32_t i = 0; i < n && !e; i += AT_ONCE)
        e = ask_some(a, p, users, i, n - i < AT_ONCE ? n - i : AT_ONCE, &all, end + i);
    for (uint32_t i = 0; i < n && !e && all.n; i++) {
        size_t from = i ? end[i - 1] : 0;
        text[i] = (slice){all.p + from, end[i] - from};
    }
    if (!e) e = kar_encode(a->m, text, n, &out->v);
    out->n = n;
    prompt_free(p);
    buf_free(&all);
    mem_free(end);
    mem_free(text);
    return e;
}

static void shuffle(kar_vectors *x, int64_t width, rng *r)
{
    for (uint32_t i = x->n; i > 1; i--) {
        float *a = x->v + (size_t)(i - 1) * (size_t)width, *b = x->v + (size_t)rng_below(r, i) * (size_t)width;
        for (int64_t k = 0; k < width; k++) {
            float t = a[k];
            a[k] = b[k];
            b[k] = t;
        }
    }
}

lorec_err kar_ask(kar *m, const fit_context *fit)
{
    asking a = {.m = m, .fit = fit};
    int what = m->knowledge;
    lorec_err e = catalogue_make(&a.titles, fit->split->data, fit->train, true);
    if (!e) e = llm_use_open(&a.lm, &m->chat, LLM_CHAT, "kar");
    if (!e && what != KAR_USERS) e = ask_all(&a, false, fit->train->n_items, &m->items);
    if (!e && what != KAR_ITEMS) e = ask_all(&a, true, fit->train->n_users, &m->users);
    if (!e && what == KAR_SHUFFLED) {
        rng r = rng_make(fit->seed, RNG_SHUFFLE);
        shuffle(&m->items, m->width, &r);
        shuffle(&m->users, m->width, &r);
    }
    if (a.lm) llm_close(a.lm);
    catalogue_free(&a.titles);
    return e;
}

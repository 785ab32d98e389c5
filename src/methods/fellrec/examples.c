/* What a client learns from: its own users' histories, each with the title that came next. */
#include "base/mem.h"
#include "methods/fellrec/fellrec.h"
#include "recipes/history_fit.h"
#include "recipes/places.h"

typedef struct question {
    const fellrec *m;
    const uint32_t *end; /* of the history */
    buf text;
} question;

static lorec_err write_tokens(void *ctx, size_t kept, tokens *out)
{
    question *q = ctx;
    const fellrec *m = q->m;
    json_t *values = json_pack("{s:o, s:s, s:s}", "history", catalogue_titles(&m->items, q->end - kept, kept), "things",
                               m->things, "verb", m->verb);
    if (!values) return err_set(LOREC_RESOURCE, "out of memory for a prompt");
    lorec_err e = prompt_fill(m->ask, values, &q->text);
    json_decref(values);
    return e ? e : lm_text_prompt(m->lm, (slice){q->text.p, q->text.n}, out);
}

static int64_t room_of(const fellrec *m)
{
    int64_t positions = transformer_settings(m->lm->model->net)->max_positions;
    return m->cutoff < positions ? m->cutoff : positions;
}

lorec_err fellrec_ask(const fellrec *m, const uint32_t *items, size_t n, tokens *out)
{
    question q = {.m = m};
    uint32_t *known;
    size_t kept = 0, most = (size_t)m->max_history;
    TRY(mem_new(&known, most));
    for (size_t i = n; i > 0 && kept < most; i--)
        if (items[i - 1] < m->items.n) known[most - ++kept] = items[i - 1];
    q.end = known + most;
    lorec_err e = history_fit(write_tokens, &q, kept, room_of(m) - m->answer_tokens, "fellrec", out);
    buf_free(&q.text);
    mem_free(known);
    return e;
}

/* Question, title, end. Titles longer than answer_tokens are cut. */
static lorec_err add_example(const fellrec *m, const uint32_t *history, size_t n, uint32_t target, bool all, corpus *to,
                             tokens *said)
{
    uint8_t *learn;
    if (target >= m->items.n) return LOREC_OK;
    said->n = 0;
    TRY(fellrec_ask(m, history, n, said));
    size_t asked = said->n;
    TRY(lm_text_continuation(m->lm, catalogue_title(&m->items, target), said));
    if (said->n > asked + (size_t)m->answer_tokens - 1) said->n = asked + (size_t)m->answer_tokens - 1;
    TRY(tokens_add(said, m->lm->end[0]));
    TRY(mem_new(&learn, said->n));
    for (size_t k = 0; k < said->n; k++) learn[k] = all || k >= asked;
    lorec_err e = corpus_add(to, said->id, learn, (int64_t)said->n);
    mem_free(learn);
    return e;
}

static lorec_err add_training(fellrec *m, const fit_context *c, client_texts *out, tokens *said)
{
    user_places all = {0};
    const interactions *x = c->train;
    rng r = rng_make(c->seed, RNG_SAMPLING);
    lorec_err e = user_places_find(&all, x, m->min_history, "fellrec");
    size_t k = m->examples && (size_t)m->examples < all.n ? (size_t)m->examples : all.n;
    for (size_t i = 0; i < k && !e; i++) {
        user_place p = user_places_draw(&all, i, &r);
        const uint32_t *history, *own = x->item + x->start[p.user];
        size_t n = user_places_history(x, &p, m->max_history, &history);
        size_t client = fellrec_client_of(m, own, (size_t)(x->start[p.user + 1] - x->start[p.user]));
        e = add_example(m, history, n, x->item[p.row], m->train_on_inputs, &out[client].train, said);
    }
    m->used = (int64_t)k;
    user_places_free(&all);
    return e;
}

/* The validation rows of its users, or at most as many as there are examples; what is asked of them is the title alone. */
static lorec_err add_validation(const fellrec *m, const fit_context *c, client_texts *out, tokens *said)
{
    const interactions *x = c->train, *v = &c->split->valid;
    size_t n = 0;
    for (uint32_t u = 0; u < v->n_users && u < x->n_users && n < (size_t)m->used; u++) {
        size_t had = (size_t)(x->start[u + 1] - x->start[u]);
        if (v->start[u + 1] == v->start[u] || had == 0) continue;
        const uint32_t *own = x->item + x->start[u];
        TRY(add_example(m, own, had, v->item[v->start[u]], false, &out[fellrec_client_of(m, own, had)].valid, said));
        n++;
    }
    return LOREC_OK;
}

lorec_err fellrec_examples(fellrec *m, const fit_context *c, client_texts *out)
{
    tokens said = {0};
    const interactions *x = c->train;
    TRY(mem_new(&m->client_users, m->n_clients));
    for (uint32_t u = 0; u < x->n_users; u++)
        m->client_users[fellrec_client_of(m, x->item + x->start[u], (size_t)(x->start[u + 1] - x->start[u]))]++;
    lorec_err e = add_training(m, c, out, &said);
    /* With validation folded into training there is none. */
    if (!e && c->validate) e = add_validation(m, c, out, &said);
    tokens_free(&said);
    return e;
}

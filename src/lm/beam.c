/* Beam search: every step keeps the `count` likeliest continuations of each prompt. Log probabilities only fall, so a
 * prompt is finished when its worst kept complete sequence beats its best open one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lm/growing.h"

typedef struct candidate {
    partial p;
    int32_t token;
    uint32_t from; /* the open hypothesis it continues */
    float step;
} candidate;

typedef struct beams {
    growing open, best; /* best: complete ones, `count` places a prompt; its p[].prompt is -1 where empty */
    candidate *candidate;
    size_t n, cap;
    int32_t *swap; /* the next open hypotheses' tokens */
} beams;

static int candidate_order(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    float u = x->p.logp + x->step, v = y->p.logp + y->step;
    if (u != v) return u > v ? -1 : 1;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

/* Puts a complete hypothesis in its prompt's sorted list if it is good enough. */
static void keep(beams *b, const partial *p, const int32_t *tokens)
{
    growing *g = &b->best;
    size_t base = (size_t)(p->prompt * g->o->count), end = base + (size_t)g->o->count, width = (size_t)g->o->max_tokens;
    if (p->logp == -INFINITY) return;
    size_t at = base;
    while (at < end && g->p[at].prompt >= 0 && g->p[at].logp >= p->logp) at++;
    if (at == end) return;
    memmove(g->p + at + 1, g->p + at, (end - at - 1) * sizeof *g->p);
    memmove(growing_tokens(g, at + 1), growing_tokens(g, at), (end - at - 1) * width * sizeof *tokens);
    g->p[at] = *p;
    memcpy(growing_tokens(g, at), tokens, width * sizeof *tokens);
}

static float worst_kept(const beams *b, int64_t prompt)
{
    const partial *p = &b->best.p[(prompt + 1) * b->best.o->count - 1];
    return p->prompt < 0 ? -INFINITY : p->logp;
}

/* All continuations of open hypotheses first .. end - 1 (one prompt's), best first. */
static lorec_err gather(beams *b, size_t first, size_t end)
{
    b->n = 0;
    for (size_t i = first; i < end; i++) {
        growing *g = &b->open;
        TRY(growing_choices(g, &g->p[i], &(sampling){.temperature = 1, .top_k = g->o->count + 1}));
        TRY(mem_grow(&b->candidate, &b->cap, b->n + g->choices.n));
        for (size_t c = 0; c < g->choices.n; c++)
            b->candidate[b->n++] = (candidate){g->p[i], g->choices.token[c], (uint32_t)i, g->choices.logp[c]};
    }
    if (b->n) qsort(b->candidate, b->n, sizeof *b->candidate, candidate_order);
    return LOREC_OK;
}

/* Goes on with the best of a prompt's candidates: complete ones are kept, open ones go to place *n and on. */
static lorec_err choose(beams *b, int64_t prompt, size_t *n, partial *next)
{
    growing *g = &b->open;
    size_t width = (size_t)g->o->max_tokens;
    int64_t taken = 0;
    for (size_t i = 0; i < b->n && taken < g->o->count; i++) {
        candidate *c = &b->candidate[i];
        if (c->p.logp + c->step <= worst_kept(b, prompt)) break;
        int32_t *tokens = b->swap + *n * width;
        memcpy(tokens, growing_tokens(g, c->from), width * sizeof *tokens);
        TRY(growing_take(g, &c->p, tokens, c->token, c->step));
        if (c->p.complete) keep(b, &c->p, tokens);
        taken++;
        if (c->p.done) continue;
        g->parent[*n] = c->p.parent_branch;
        g->next[*n] = c->token;
        next[(*n)++] = c->p;
    }
    return LOREC_OK;
}

static lorec_err advance(beams *b, partial *next)
{
    growing *g = &b->open;
    size_t n = 0;
    for (size_t first = 0, end; first < g->n; first = end) {
        int64_t prompt = g->p[first].prompt;
        for (end = first; end < g->n && g->p[end].prompt == prompt;) end++;
        TRY(gather(b, first, end));
        TRY(choose(b, prompt, &n, next));
    }
    int64_t from;
    TRY(lm_session_step(g->session, g->parent, g->next, (int64_t)n, &from));
    for (size_t i = 0; i < n; i++) {
        g->p[i] = next[i];
        g->p[i].call = (int64_t)i;
        g->p[i].branch = from + (int64_t)i;
    }
    int32_t *old = g->token;
    g->token = b->swap;
    b->swap = old;
    g->n = n;
    return LOREC_OK;
}

static lorec_err search(beams *b, const int32_t *tokens, const int32_t *lengths, int64_t n, partial *next)
{
    growing *g = &b->open;
    TRY(lm_session_read(g->session, tokens, lengths, n));
    for (; g->n < (size_t)n; g->n++) {
        partial *p = &g->p[g->n];
        p->prompt = p->branch = p->call = (int64_t)g->n;
        if (g->o->only) constraint_start(g->o->only, &p->state);
    }
    while (g->n > 0) TRY(advance(b, next));
    growing *best = &b->best; /* close the empty places */
    size_t kept = 0;
    for (size_t i = 0; i < best->room; i++) {
        if (best->p[i].prompt < 0) continue;
        best->p[kept] = best->p[i];
        memmove(growing_tokens(best, kept), growing_tokens(best, i), (size_t)g->o->max_tokens * sizeof *tokens);
        kept++;
    }
    best->n = kept;
    return LOREC_OK;
}

lorec_err decode_beam(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n,
                      const decode_options *options, decoded *out)
{
    *out = (decoded){0};
    beams b = {0};
    partial *next = NULL;
    size_t room;
    if (!size_mul((size_t)n, (size_t)options->count, &room)) return err_set(LOREC_RESOURCE, "too many beams at once");
    lorec_err e;
    TRY_GO(e, growing_new(&b.open, s, options, n, room), done);
    TRY_GO(e, growing_new(&b.best, s, options, n, room), done);
    TRY_GO(e, mem_new(&b.swap, room * (size_t)options->max_tokens), done);
    TRY_GO(e, mem_new(&next, room), done);
    for (size_t i = 0; i < room; i++) b.best.p[i].prompt = -1;
    TRY_GO(e, search(&b, tokens, lengths, n, next), done);
    e = growing_result(&b.best, n, out);
done:
    if (e) decoded_free(out);
    growing_free(&b.open);
    growing_free(&b.best);
    mem_free(b.swap);
    mem_free(b.candidate);
    mem_free(next);
    return e;
}

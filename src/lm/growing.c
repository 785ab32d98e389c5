#include "lm/growing.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

lorec_err growing_new(growing *g, lm_session *s, const decode_options *o, int64_t prompts, size_t room)
{
    *g = (growing){.session = s, .o = o, .room = room};
    if (o->count < 1 || o->max_tokens < 1 || prompts < 0)
        return err_set(LOREC_USAGE, "decoding needs a count and max_tokens of at least 1");
    size_t tokens;
    if (!size_mul(room, (size_t)o->max_tokens, &tokens)) return err_set(LOREC_RESOURCE, "too many sequences at once");
    TRY(mem_new(&g->p, room));
    TRY(mem_new(&g->token, tokens));
    TRY(mem_new(&g->parent, room));
    return mem_new(&g->next, room);
}

void growing_free(growing *g)
{
    mem_free(g->p);
    mem_free(g->token);
    mem_free(g->parent);
    mem_free(g->next);
    token_list_free(&g->allowed);
    choices_free(&g->choices);
}

/* Under a constraint the end token may come wherever a sequence may end. */
static lorec_err add_end(token_list *l, int32_t end)
{
    TRY(token_list_add(l, end));
    size_t i = l->n - 1;
    for (; i > 0 && l->token[i - 1] >= end; i--) {
        if (l->token[i - 1] == end) { /* the constraint names it itself */
            memmove(l->token + i, l->token + i + 1, (l->n - i - 1) * sizeof *l->token);
            l->n--;
            return LOREC_OK;
        }
        l->token[i] = l->token[i - 1];
        l->token[i - 1] = end;
    }
    return LOREC_OK;
}

lorec_err growing_choices(growing *g, const partial *p, const sampling *how)
{
    const decode_options *o = g->o;
    if (o->only) {
        TRY(constraint_allowed(o->only, &p->state, &g->allowed));
        if (o->end >= 0 && constraint_final(o->only, &p->state)) TRY(add_end(&g->allowed, o->end));
    }
    return choices_make(&g->choices, lm_session_logits(g->session, p->call), lm_session_vocab(g->session),
                        o->only ? &g->allowed : NULL, how);
}

/* Can nothing follow? */
static lorec_err at_leaf(growing *g, const partial *p, bool *leaf)
{
    TRY(constraint_allowed(g->o->only, &p->state, &g->allowed));
    *leaf = g->allowed.n == 0;
    return LOREC_OK;
}

lorec_err growing_take(growing *g, partial *p, int32_t *tokens, int32_t token, float logp)
{
    const decode_options *o = g->o;
    tokens[p->n++] = token;
    p->logp += logp;
    p->parent_branch = p->branch;
    bool ended = o->end >= 0 && token == o->end;
    if (!o->only) {
        p->complete = ended || (o->end < 0 && p->n == o->max_tokens);
    } else if (ended && constraint_final(o->only, &p->state)) {
        p->complete = true;
    } else {
        bool leaf = false;
        if (!constraint_step(o->only, &p->state, token))
            return err_set(LOREC_FAILED, "a constraint does not step along token %d that it allows", token);
        TRY(at_leaf(g, p, &leaf));
        p->complete = constraint_final(o->only, &p->state) && (leaf || p->n == o->max_tokens);
        ended = ended || leaf;
    }
    p->done = p->complete || ended || p->n == o->max_tokens;
    if (p->complete && o->only) p->logp = constraint_hypothesis(o->only, &p->state, tokens, (size_t)p->n, p->logp);
    return LOREC_OK;
}

lorec_err growing_result(const growing *g, int64_t prompts, decoded *out)
{
    *out = (decoded){.n = g->n};
    size_t tokens = g->n * (size_t)g->o->max_tokens;
    TRY(mem_new(&out->start, (size_t)prompts + 1));
    TRY(mem_new(&out->found, g->n));
    TRY(mem_new(&out->tokens, tokens));
    if (tokens) memcpy(out->tokens, g->token, tokens * sizeof *g->token);
    for (size_t i = 0; i < g->n; i++) { /* in order of prompts */
        const partial *p = &g->p[i];
        out->found[i] = (hypothesis){out->tokens + i * (size_t)g->o->max_tokens, p->n, p->logp, p->complete, p->state};
        out->start[p->prompt + 1] = i + 1;
    }
    for (int64_t p = 0; p < prompts; p++)
        if (out->start[p + 1] < out->start[p]) out->start[p + 1] = out->start[p];
    return LOREC_OK;
}

void decoded_free(decoded *d)
{
    mem_free(d->start);
    mem_free(d->found);
    mem_free(d->tokens);
    *d = (decoded){0};
}

#include "lm/session/growing.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

lorec_err growing_new(growing *g, lm_session *s, const decode_options *o, const growing_prompts *prompts, size_t room)
{
    *g = (growing){.session = s, .o = o, .prompts = *prompts, .room = room};
    if (o->count < 1 || o->max_tokens < 1 || prompts->n < 0)
        return err_set(LOREC_USAGE, "decoding needs a count and max_tokens of at least 1");
    TRY(sampling_check(&o->how));
    if (o->among_allowed && o->how.repetition != 0 && o->how.repetition != 1)
        return err_set(LOREC_USAGE, "repetition does not go with probabilities among what is allowed");
    size_t tokens, calls = room > (size_t)prompts->n ? room : (size_t)prompts->n;
    if (!size_mul(room, (size_t)o->max_tokens, &tokens)) return err_set(LOREC_RESOURCE, "too many sequences at once");
    TRY(mem_new(&g->p, room));
    TRY(mem_new(&g->token, tokens));
    TRY(mem_new(&g->parent, calls));
    TRY(mem_new(&g->state, calls));
    TRY(mem_new(&g->branch, calls));
    TRY(mem_new(&g->only_start, calls + 1));
    return mem_new(&g->next, calls);
}

void growing_free(growing *g)
{
    void *const arrays[] = {g->p, g->token, g->parent, g->next, g->state, g->branch, g->only_start, g->few, g->said};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) mem_free(arrays[i]);
    token_list_free(&g->allowed);
    token_list_free(&g->only);
    choices_free(&g->choices);
}

/* ---- calls to the session ------------------------------------------------------------------------------------------------- */

/* The lists of what may follow each call's state. Their own logits are worth it where they are few. */
static lorec_err list_allowed(growing *g, int64_t calls)
{
    int64_t most = 0;
    g->only.n = 0;
    for (int64_t i = 0; i < calls; i++) {
        TRY(constraint_allowed_or_end(g->o->only, &g->state[i], g->o->end, &g->allowed));
        for (size_t j = 0; j < g->allowed.n; j++) TRY(token_list_add(&g->only, g->allowed.token[j]));
        g->only_start[i + 1] = (int64_t)g->only.n;
        if ((int64_t)g->allowed.n > most) most = (int64_t)g->allowed.n;
    }
    g->picked = lm_session_picks(g->session) && most < lm_session_vocab(g->session) / 16;
    return LOREC_OK;
}

static bool lists(const growing *g)
{
    return g->o->only && g->o->among_allowed;
}

lorec_err growing_read(growing *g)
{
    const growing_prompts *p = &g->prompts;
    g->live = p->n;
    for (int64_t i = 0; i < p->n; i++) {
        g->branch[i] = i;
        if (g->o->only) constraint_start(g->o->only, &g->state[i]);
    }
    if (lists(g)) TRY(list_allowed(g, p->n));
    if (lists(g) && g->picked && !lm_session_encodes(g->session)) {
        TRY(lm_session_read(g->session, NULL, NULL, 0));
        lm_growth growth = {
            .n = p->n, .tokens = p->token, .lengths = p->length, .only_start = g->only_start, .only = g->only.token};
        return lm_session_grow(g->session, &growth, g->branch);
    }
    g->picked = false;
    return lm_session_read(g->session, p->token, p->length, p->n);
}

lorec_err growing_step(growing *g, int64_t calls)
{
    int64_t *branch;
    int32_t *ones = NULL;
    TRY(mem_new(&branch, (size_t)calls));
    lorec_err e = mem_new(&ones, (size_t)calls);
    for (int64_t i = 0; i < calls && !e; i++) ones[i] = 1;
    if (!e && lists(g)) e = list_allowed(g, calls);
    lm_growth growth = {.n = calls, .after = g->parent, .tokens = g->next, .lengths = ones};
    if (lists(g) && g->picked) {
        growth.only_start = g->only_start;
        growth.only = g->only.token;
    }
    if (!e) e = lm_session_grow(g->session, &growth, branch);
    for (int64_t i = 0; i < g->live && !e; i++) lm_session_drop(g->session, g->branch[i]);
    for (int64_t i = 0; i < calls && !e; i++) g->branch[i] = branch[i];
    g->live = calls;
    mem_free(branch);
    mem_free(ones);
    return e;
}

/* ---- one hypothesis --------------------------------------------------------------------------------------------------------- */

/* Logits of what may follow alone: token i of the choices then stands for the i-th of the list. */
static lorec_err choose_among(growing *g, const partial *p, const sampling *how)
{
    size_t from = (size_t)g->only_start[p->call], n = (size_t)g->only_start[p->call + 1] - from;
    const int32_t *token = g->only.token + from;
    const float *logits = g->picked ? lm_session_picked(g->session, p->call) : lm_session_logits(g->session, p->call);
    if (!g->picked) {
        TRY(mem_grow(&g->few, &g->few_cap, n));
        for (size_t i = 0; i < n; i++) g->few[i] = logits[token[i]];
        logits = g->few;
    }
    TRY(choices_make(&g->choices, logits, (int64_t)n, NULL, how));
    for (size_t i = 0; i < g->choices.n; i++) g->choices.token[i] = token[g->choices.token[i]];
    return LOREC_OK;
}

static lorec_err repeated(growing *g, const partial *p, const int32_t *tokens, const float **logits)
{
    const int32_t *prompt = g->prompts.token;
    if (g->o->how.repetition == 0 || g->o->how.repetition == 1) return LOREC_OK;
    for (int64_t i = 0; i < p->prompt; i++) prompt += g->prompts.length[i];
    size_t length = (size_t)g->prompts.length[p->prompt], n = length + (size_t)p->n;
    TRY(mem_grow(&g->said, &g->said_cap, n));
    memcpy(g->said, prompt, length * sizeof *prompt);
    if (p->n) memcpy(g->said + length, tokens, (size_t)p->n * sizeof *tokens);
    return choices_repeat(&g->choices, *logits, lm_session_vocab(g->session), g->said, n, &g->o->how, logits);
}

lorec_err growing_choices(growing *g, const partial *p, const int32_t *tokens, const sampling *how)
{
    if (lists(g)) return choose_among(g, p, how);
    if (g->o->only) TRY(constraint_allowed_or_end(g->o->only, &p->state, g->o->end, &g->allowed));
    const float *logits = lm_session_logits(g->session, p->call);
    TRY(repeated(g, p, tokens, &logits));
    return choices_make(&g->choices, logits, lm_session_vocab(g->session), g->o->only ? &g->allowed : NULL, how);
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

lorec_err growing_result(const growing *g, decoded *out)
{
    int64_t prompts = g->prompts.n;
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

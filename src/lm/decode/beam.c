/* Beam search: every step keeps the likeliest continuations of each prompt (of each of its groups). Log probabilities only
 * fall, so a group is finished when its worst kept complete sequence beats whatever its best open one could become. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lm/session/growing.h"

typedef struct candidate {
    partial p;
    int32_t token;
    uint32_t from; /* the open hypothesis it continues */
    float step, order;
} candidate;

typedef struct beams {
    growing open,
        best; /* best: complete ones, then those cut off; `width` places a group; p[].prompt is -1 where empty */
    int64_t groups, width;
    candidate *candidate;
    size_t n, cap;
    int32_t *swap; /* the next open hypotheses' tokens */
    partial *next;
    int32_t *taken; /* tokens that earlier groups of the prompt took in this step */
    size_t n_taken;
} beams;

/* What complete and open hypotheses are ordered by. */
static float rank_of(const beams *b, float logp, int64_t n)
{
    float power = b->open.o->length_power;
    return power == 0 || logp == -INFINITY ? logp : logp / powf((float)n, power);
}

static int candidate_order(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->order != y->order) return x->order > y->order ? -1 : 1;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

static partial *kept_of(const beams *b, int64_t prompt, int64_t group)
{
    return b->best.p + (prompt * b->groups + group) * b->width;
}

/* Complete ones come first. */
static bool before(const beams *b, const partial *x, const partial *y)
{
    if (x->complete != y->complete) return x->complete;
    return rank_of(b, x->logp, x->n) >= rank_of(b, y->logp, y->n);
}

/* Puts a hypothesis that is done in its group's sorted list if it is good enough. */
static void keep(beams *b, const partial *p, const int32_t *tokens)
{
    growing *g = &b->best;
    size_t base = (size_t)(kept_of(b, p->prompt, p->number) - g->p), end = base + (size_t)b->width, at = base;
    if (p->logp == -INFINITY) return;
    while (at < end && g->p[at].prompt >= 0 && before(b, &g->p[at], p)) at++;
    if (at == end) return;
    size_t width = (size_t)g->o->max_tokens;
    memmove(g->p + at + 1, g->p + at, (end - at - 1) * sizeof *g->p);
    memmove(growing_tokens(g, at + 1), growing_tokens(g, at), (end - at - 1) * width * sizeof *tokens);
    g->p[at] = *p;
    memcpy(growing_tokens(g, at), tokens, width * sizeof *tokens);
}

static float worst_kept(const beams *b, int64_t prompt, int64_t group)
{
    const partial *p = kept_of(b, prompt, group) + b->width - 1;
    return p->prompt < 0 || !p->complete ? -INFINITY : rank_of(b, p->logp, p->n);
}

/* The best rank that a sequence which begins with this log probability can still have. */
static float best_rank(const beams *b, float logp, int64_t n)
{
    int64_t longest = b->open.o->max_tokens;
    float now = rank_of(b, logp, n), then = rank_of(b, logp, longest);
    return now > then ? now : then;
}

static int taken_before(const beams *b, int32_t token)
{
    int n = 0;
    for (size_t i = 0; i < b->n_taken; i++) n += b->taken[i] == token;
    return n;
}

/* All continuations of open hypotheses first .. end - 1 (one group's), best first. */
static lorec_err gather(beams *b, size_t first, size_t end)
{
    growing *g = &b->open;
    float lambda = b->groups > 1 ? g->o->diversity : 0;
    int64_t most = b->width + 1 + (lambda > 0 ? (int64_t)b->n_taken : 0); /* a penalty brings later ones forward */
    b->n = 0;
    for (size_t i = first; i < end; i++) {
        TRY(growing_choices(g, &g->p[i], growing_tokens(g, i), &(sampling){.temperature = 1, .top_k = most}));
        TRY(mem_grow(&b->candidate, &b->cap, b->n + g->choices.n));
        for (size_t c = 0; c < g->choices.n; c++) {
            candidate *k = &b->candidate[b->n++];
            *k = (candidate){g->p[i], g->choices.token[c], (uint32_t)i, g->choices.logp[c], 0};
            k->order = k->p.logp + k->step;
            if (lambda > 0) k->order -= lambda * (float)taken_before(b, k->token);
        }
    }
    if (b->n) qsort(b->candidate, b->n, sizeof *b->candidate, candidate_order);
    return LOREC_OK;
}

/* Goes on with the best of a group's candidates: complete ones are kept, open ones go to place *n and on. */
static lorec_err choose(beams *b, int64_t prompt, int64_t group, size_t *n)
{
    growing *g = &b->open;
    size_t width = (size_t)g->o->max_tokens;
    int64_t taken = 0;
    for (size_t i = 0; i < b->n && taken < b->width; i++) {
        candidate *c = &b->candidate[i];
        if (best_rank(b, c->p.logp + c->step, c->p.n + 1) <= worst_kept(b, prompt, group)) {
            if (b->groups == 1) break;
            continue;
        }
        int32_t *tokens = b->swap + *n * width;
        memcpy(tokens, growing_tokens(g, c->from), width * sizeof *tokens);
        TRY(growing_take(g, &c->p, tokens, c->token, c->step));
        if (c->p.complete || (c->p.done && !g->o->only)) keep(b, &c->p, tokens);
        if (b->groups > 1) b->taken[b->n_taken++] = c->token;
        taken++;
        if (c->p.done) continue;
        g->parent[*n] = c->p.parent_branch;
        g->next[*n] = c->token;
        g->state[*n] = c->p.state;
        b->next[(*n)++] = c->p;
    }
    return LOREC_OK;
}

static lorec_err advance(beams *b)
{
    growing *g = &b->open;
    size_t n = 0;
    for (size_t first = 0, end; first < g->n; first = end) {
        int64_t prompt = g->p[first].prompt, group = g->p[first].number;
        for (end = first; end < g->n && g->p[end].prompt == prompt && g->p[end].number == group;) end++;
        if (first == 0 || g->p[first - 1].prompt != prompt) b->n_taken = 0;
        TRY(gather(b, first, end));
        TRY(choose(b, prompt, group, &n));
    }
    TRY(growing_step(g, (int64_t)n));
    for (size_t i = 0; i < n; i++) {
        g->p[i] = b->next[i];
        g->p[i].call = (int64_t)i;
        g->p[i].branch = g->branch[i];
    }
    int32_t *old = g->token;
    g->token = b->swap;
    b->swap = old;
    g->n = n;
    return LOREC_OK;
}

static bool same_tokens(const growing *g, size_t i, size_t j)
{
    return g->p[i].n == g->p[j].n &&
           memcmp(growing_tokens(g, i), growing_tokens(g, j), (size_t)g->p[i].n * sizeof(int32_t)) == 0;
}

/* A prompt's groups one after the other become one list, best first, each sequence once. */
static void close_ranks(beams *b)
{
    growing *g = &b->best;
    size_t width = (size_t)g->o->max_tokens, kept = 0, begin = 0;
    int32_t *held = b->swap; /* a row of scratch */
    for (size_t i = 0; i < g->room; i++) {
        if (i % (size_t)(b->groups * b->width) == 0) begin = kept;
        if (g->p[i].prompt < 0) continue;
        bool double_ = false;
        for (size_t j = begin; j < kept && b->groups > 1; j++) double_ = double_ || same_tokens(g, i, j);
        if (double_) continue;
        partial p = g->p[i];
        memcpy(held, growing_tokens(g, i), width * sizeof *held);
        size_t at = kept++;
        for (; at > begin && !before(b, &g->p[at - 1], &p); at--) {
            g->p[at] = g->p[at - 1];
            memcpy(growing_tokens(g, at), growing_tokens(g, at - 1), width * sizeof *held);
        }
        g->p[at] = p;
        memcpy(growing_tokens(g, at), held, width * sizeof *held);
    }
    g->n = kept;
}

static lorec_err search(beams *b)
{
    growing *g = &b->open;
    TRY(growing_read(g));
    for (int64_t i = 0; i < g->prompts.n; i++)
        for (int64_t group = 0; group < b->groups; group++) {
            partial *p = &g->p[g->n++];
            p->prompt = p->branch = p->call = i;
            p->number = group;
            if (g->o->only) constraint_start(g->o->only, &p->state);
        }
    while (g->n > 0) TRY(advance(b));
    close_ranks(b);
    return LOREC_OK;
}

static lorec_err prepare(beams *b, lm_session *s, const growing_prompts *prompts, const decode_options *o)
{
    size_t room;
    b->groups = o->groups > 1 ? o->groups : 1;
    if (o->count < 1 || o->count % b->groups || o->diversity < 0)
        return err_set(LOREC_USAGE, "%lld beams can not be %lld groups of equal size", (long long)o->count,
                       (long long)b->groups);
    b->width = o->count / b->groups;
    if (!size_mul((size_t)prompts->n, (size_t)o->count, &room))
        return err_set(LOREC_RESOURCE, "too many beams at once");
    TRY(growing_new(&b->open, s, o, prompts, room));
    TRY(growing_new(&b->best, s, o, prompts, room));
    TRY(mem_new(&b->swap, (room + 1) * (size_t)o->max_tokens));
    TRY(mem_new(&b->taken, (size_t)o->count));
    TRY(mem_new(&b->next, room));
    for (size_t i = 0; i < room; i++) b->best.p[i].prompt = -1;
    return LOREC_OK;
}

lorec_err decode_beam(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n,
                      const decode_options *options, decoded *out)
{
    *out = (decoded){0};
    beams b = {0};
    lorec_err e;
    TRY_GO(e, prepare(&b, s, &(growing_prompts){tokens, lengths, n}, options), done);
    TRY_GO(e, search(&b), done);
    e = growing_result(&b.best, out);
done:
    if (e) decoded_free(out);
    growing_free(&b.open);
    growing_free(&b.best);
    mem_free(b.swap);
    mem_free(b.candidate);
    mem_free(b.taken);
    mem_free(b.next);
    return e;
}

/* Sampling (greedy is its temperature 0), and the exact scores of a whole trie. */
#include "lm/decode/decode.h"

#include <math.h>

#include "base/mem.h"
#include "lm/session/growing.h"

enum { NONE = -1 };

/* Samples that stand at the same branch share its logits, its choices and, where they draw alike, its continuation. */
typedef struct groups {
    int64_t *head; /* [calls] first partial of the branch, NONE */
    int64_t *link; /* [partials] the next one of the same branch */
    size_t head_cap;
} groups;

static lorec_err group(groups *q, const growing *g, int64_t calls)
{
    TRY(mem_grow(&q->head, &q->head_cap, (size_t)calls));
    for (int64_t i = 0; i < calls; i++) q->head[i] = NONE;
    for (size_t i = g->n; i-- > 0;) {
        if (g->p[i].done) continue;
        q->link[i] = q->head[g->p[i].call];
        q->head[g->p[i].call] = (int64_t)i;
    }
    return LOREC_OK;
}

static size_t draw(const growing *g, const partial *p, uint64_t seed)
{
    rng r = rng_make(seed, RNG_SAMPLING + ((uint64_t)p->number << 32));
    r.at = (uint64_t)p->n * 2; /* two 32-bit draws a uniform */
    return choices_draw(&g->choices, &r);
}

/* One more token for every sample of a branch; asks *asked.. get what the next step computes. */
static lorec_err grow_branch(growing *g, const groups *q, int64_t first, const uint64_t *seed, int64_t *asked)
{
    const partial *head = &g->p[first];
    TRY(growing_choices(g, head, growing_tokens(g, (size_t)first), &g->o->how));
    int64_t from = *asked;
    for (int64_t i = first; i != NONE; i = q->link[i]) {
        partial *p = &g->p[i];
        if (g->choices.n == 0) {
            p->done = true;
            continue;
        }
        size_t c = draw(g, p, seed[p->prompt]);
        int32_t token = g->choices.token[c];
        TRY(growing_take(g, p, growing_tokens(g, (size_t)i), token, g->choices.logp[c]));
        if (p->done) continue;
        int64_t call = from;
        while (call < *asked && g->next[call] != token) call++;
        if (call == *asked) {
            g->next[call] = token;
            g->parent[call] = p->branch;
            g->state[call] = p->state;
            (*asked)++;
        }
        p->call = call;
    }
    return LOREC_OK;
}

static lorec_err sample_all(growing *g, groups *q, const uint64_t *seed, int64_t calls)
{
    while (calls > 0) {
        int64_t asked = 0;
        TRY(group(q, g, calls));
        for (int64_t b = 0; b < calls; b++)
            if (q->head[b] != NONE) TRY(grow_branch(g, q, q->head[b], seed, &asked));
        TRY(growing_step(g, asked));
        for (size_t i = 0; i < g->n; i++)
            if (!g->p[i].done) g->p[i].branch = g->branch[g->p[i].call];
        calls = asked;
    }
    return LOREC_OK;
}

lorec_err decode_sample(lm_session *s, const int32_t *tokens, const int32_t *lengths, const uint64_t *seed, int64_t n,
                        const decode_options *options, decoded *out)
{
    *out = (decoded){0};
    growing g;
    groups q = {0};
    size_t room;
    if (!size_mul((size_t)n, (size_t)options->count, &room)) return err_set(LOREC_RESOURCE, "too many samples at once");
    lorec_err e;
    TRY_GO(e, growing_new(&g, s, options, &(growing_prompts){tokens, lengths, n}, room), done);
    TRY_GO(e, mem_new(&q.link, room), done);
    TRY_GO(e, growing_read(&g), done);
    for (; g.n < room; g.n++) {
        partial *p = &g.p[g.n];
        p->prompt = p->branch = p->call = (int64_t)g.n / options->count;
        p->number = (int64_t)g.n % options->count;
        if (options->only) constraint_start(options->only, &p->state);
    }
    TRY_GO(e, sample_all(&g, &q, seed, n), done);
    for (size_t i = 0; i < g.n; i++)
        if (options->only && !g.p[i].complete) g.p[i].logp = -INFINITY;
    e = growing_result(&g, out);
done:
    if (e) decoded_free(out);
    growing_free(&g);
    mem_free(q.head);
    mem_free(q.link);
    return e;
}

/* ---- a whole trie -------------------------------------------------------------------------------------------------------- */

/* Children of `node`: their log probabilities from the logits of the call that computed the node. */
static lorec_err score_children(choices *c, token_list *children, lm_session *s, int64_t call, const trie *t,
                                uint32_t node, float *logp)
{
    size_t n;
    const int32_t *token = trie_next(t, node, &n);
    children->n = 0;
    for (size_t i = 0; i < n; i++) TRY(token_list_add(children, token[i]));
    TRY(choices_make(c, lm_session_logits(s, call), lm_session_vocab(s), children, &(sampling){.temperature = 1}));
    for (size_t i = 0; i < n; i++) logp[trie_child(t, node, i)] = -INFINITY;
    for (size_t i = 0; i < c->n; i++) logp[trie_step(t, node, c->token[i])] = logp[node] + c->logp[i];
    return LOREC_OK;
}

static bool inner(const trie *t, uint32_t node)
{
    return t->child[node + 1] > t->child[node];
}

lorec_err decode_trie(lm_session *s, const int32_t *tokens, int32_t length, const trie *t, int64_t at_once, float *logp)
{
    int64_t *branch = NULL, *parent = NULL, first;
    int32_t *next = NULL;
    uint32_t *who = NULL, *up = NULL;
    choices c = {0};
    token_list children = {0};
    lorec_err e;
    TRY_GO(e, mem_new(&branch, t->nodes), done);
    TRY_GO(e, mem_new(&up, t->nodes), done);
    TRY_GO(e, mem_new(&parent, (size_t)at_once), done);
    TRY_GO(e, mem_new(&next, (size_t)at_once), done);
    TRY_GO(e, mem_new(&who, (size_t)at_once), done);
    TRY_GO(e, lm_session_read(s, tokens, &length, 1), done);
    for (uint32_t node = 0; node < t->nodes; node++)
        for (uint32_t child = t->child[node]; child < t->child[node + 1]; child++) up[child] = node;
    logp[TRIE_ROOT] = 0;
    if (inner(t, TRIE_ROOT)) TRY_GO(e, score_children(&c, &children, s, 0, t, TRIE_ROOT, logp), done);
    /* Nodes are numbered by level, so a batch that stops where a parent is in the batch itself never waits for long. */
    for (uint32_t node = 1; node < t->nodes;) {
        uint32_t begin = node;
        int64_t n = 0;
        for (; node < t->nodes && n < at_once && up[node] < begin; node++) {
            if (!inner(t, node)) continue;
            parent[n] = branch[up[node]];
            next[n] = t->token[node];
            who[n++] = node;
        }
        TRY_GO(e, lm_session_step(s, parent, next, n, &first), done);
        for (int64_t i = 0; i < n; i++) {
            branch[who[i]] = first + i;
            TRY_GO(e, score_children(&c, &children, s, i, t, who[i], logp), done);
        }
    }
done:
    mem_free(branch);
    mem_free(up);
    mem_free(parent);
    mem_free(next);
    mem_free(who);
    choices_free(&c);
    token_list_free(&children);
    return e;
}

#include "lm/decode/constraint.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

lorec_err token_list_add(token_list *l, int32_t token)
{
    TRY(mem_grow(&l->token, &l->cap, l->n + 1));
    l->token[l->n++] = token;
    return LOREC_OK;
}

void token_list_free(token_list *l)
{
    mem_free(l->token);
    *l = (token_list){0};
}

void constraint_start(const constraint *c, constraint_state *s)
{
    *s = (constraint_state){{0}};
    c->verbs->start(c->self, s->w);
}

lorec_err constraint_allowed(const constraint *c, const constraint_state *s, token_list *out)
{
    out->n = 0;
    return c->verbs->allowed(c->self, s->w, out);
}

/* Into its place in the ascending list. */
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

lorec_err constraint_allowed_or_end(const constraint *c, const constraint_state *s, int32_t end, token_list *out)
{
    TRY(constraint_allowed(c, s, out));
    return end >= 0 && constraint_final(c, s) ? add_end(out, end) : LOREC_OK;
}

bool constraint_step(const constraint *c, constraint_state *s, int32_t token)
{
    return c->verbs->step(c->self, s->w, token);
}

bool constraint_final(const constraint *c, const constraint_state *s)
{
    return c->verbs->final(c->self, s->w);
}

float constraint_hypothesis(const constraint *c, const constraint_state *s, const int32_t *token, size_t n, float logp)
{
    return c->verbs->hypothesis ? c->verbs->hypothesis(c->self, s->w, token, n, logp) : logp;
}

/* ---- a trie: the state is the node ----------------------------------------------------------------------------------- */

static void trie_start(const void *self, uint64_t *state)
{
    (void)self;
    state[0] = TRIE_ROOT;
}

static lorec_err trie_allowed(const void *self, const uint64_t *state, token_list *out)
{
    size_t n;
    const int32_t *token = trie_next(self, (uint32_t)state[0], &n);
    for (size_t i = 0; i < n; i++) TRY(token_list_add(out, token[i]));
    return LOREC_OK;
}

static bool trie_advance(const void *self, uint64_t *state, int32_t token)
{
    state[0] = trie_step(self, (uint32_t)state[0], token);
    return state[0] != TRIE_NONE;
}

static bool trie_ends(const void *self, const uint64_t *state)
{
    size_t n;
    (void)trie_values(self, (uint32_t)state[0], &n);
    return n > 0;
}

constraint constraint_of_trie(const trie *t)
{
    static const constraint_verbs verbs = {
        .words = 1, .start = trie_start, .allowed = trie_allowed, .step = trie_advance, .final = trie_ends};
    return (constraint){&verbs, t};
}

uint32_t constraint_trie_node(const constraint_state *s)
{
    return (uint32_t)s->w[0];
}

/* ---- an FM-index: the state is the range of rows ------------------------------------------------------------------------- */

static fm_range range_of(const uint64_t *state)
{
    return (fm_range){(uint32_t)state[0], (uint32_t)(state[0] >> 32)};
}

static void put_range(uint64_t *state, fm_range r)
{
    state[0] = r.lo | (uint64_t)r.hi << 32;
}

static void sequences_start(const void *self, uint64_t *state)
{
    put_range(state, fm_index_beginnings(self));
}

static void pieces_start(const void *self, uint64_t *state)
{
    put_range(state, fm_index_all(self));
}

static lorec_err fm_allowed(const void *self, const uint64_t *state, token_list *out)
{
    fm_next *next = NULL;
    size_t n = 0, cap = 0;
    lorec_err e = fm_index_next(self, range_of(state), &next, &n, &cap);
    for (size_t i = 0; i < n && !e; i++) e = token_list_add(out, next[i].token);
    mem_free(next);
    return e;
}

static bool fm_advance(const void *self, uint64_t *state, int32_t token)
{
    fm_range r = fm_index_step(self, range_of(state), token);
    put_range(state, r);
    return r.lo < r.hi;
}

static bool sequences_end(const void *self, const uint64_t *state)
{
    return range_of(state).lo > 0 && fm_index_ends(self, range_of(state)) > 0;
}

static bool pieces_end(const void *self, const uint64_t *state)
{
    (void)self;
    return range_of(state).lo > 0; /* rows of sequences' ends come first: behind a token no range begins at 0 */
}

constraint constraint_of_sequences(const fm_index *f)
{
    static const constraint_verbs verbs = {
        .words = 1, .start = sequences_start, .allowed = fm_allowed, .step = fm_advance, .final = sequences_end};
    return (constraint){&verbs, f};
}

constraint constraint_of_pieces(const fm_index *f)
{
    static const constraint_verbs verbs = {
        .words = 1, .start = pieces_start, .allowed = fm_allowed, .step = fm_advance, .final = pieces_end};
    return (constraint){&verbs, f};
}

fm_range constraint_fm_range(const constraint_state *s)
{
    return range_of(s->w);
}

/* ---- two at once: the second's state lies behind the first's ----------------------------------------------------------- */

static uint64_t *behind(const constraint_pair *p, uint64_t *state)
{
    return state + p->a.verbs->words;
}

static const uint64_t *second(const constraint_pair *p, const uint64_t *state)
{
    return state + p->a.verbs->words;
}

static void both_start(const void *self, uint64_t *state)
{
    const constraint_pair *p = self;
    p->a.verbs->start(p->a.self, state);
    p->b.verbs->start(p->b.self, behind(p, state));
}

static lorec_err both_allowed(const void *self, const uint64_t *state, token_list *out)
{
    const constraint_pair *p = self;
    size_t base = out->n;
    token_list other = {0};
    TRY(p->a.verbs->allowed(p->a.self, state, out));
    lorec_err e = p->b.verbs->allowed(p->b.self, second(p, state), &other);
    size_t kept = base;
    for (size_t i = base, j = 0; e == LOREC_OK && i < out->n; i++) {
        while (j < other.n && other.token[j] < out->token[i]) j++;
        if (j < other.n && other.token[j] == out->token[i]) out->token[kept++] = out->token[i];
    }
    out->n = kept;
    token_list_free(&other);
    return e;
}

static bool both_step(const void *self, uint64_t *state, int32_t token)
{
    const constraint_pair *p = self;
    return p->a.verbs->step(p->a.self, state, token) && p->b.verbs->step(p->b.self, behind(p, state), token);
}

static bool both_final(const void *self, const uint64_t *state)
{
    const constraint_pair *p = self;
    return p->a.verbs->final(p->a.self, state) && p->b.verbs->final(p->b.self, second(p, state));
}

static float both_hypothesis(const void *self, const uint64_t *state, const int32_t *token, size_t n, float logp)
{
    const constraint_pair *p = self;
    if (p->a.verbs->hypothesis) logp = p->a.verbs->hypothesis(p->a.self, state, token, n, logp);
    if (p->b.verbs->hypothesis && logp > -INFINITY)
        logp = p->b.verbs->hypothesis(p->b.self, second(p, state), token, n, logp);
    return logp;
}

lorec_err constraint_and(constraint *out, constraint_pair *pair, constraint a, constraint b)
{
    int words = a.verbs->words + b.verbs->words;
    if (words > CONSTRAINT_WORDS)
        return err_set(LOREC_USAGE, "two constraints need %d words of state where there are %d", words,
                       (int)CONSTRAINT_WORDS);
    *pair = (constraint_pair){.a = a, .b = b};
    pair->verbs = (constraint_verbs){words, both_start, both_allowed, both_step, both_final, both_hypothesis};
    *out = (constraint){&pair->verbs, pair};
    return LOREC_OK;
}

#include "lm/session/prefix_tree.h"

#include <string.h>

#include "base/mem.h"

enum {
    LONGEST_AHEAD = 64, /* rows set aside behind a run that grows */
    SHORTEST = 32       /* a new run is at least so long, if something can be evicted for it */
};

void prefix_tree_free(prefix_tree *t)
{
    mem_free(t->run);
    mem_free(t->token);
    mem_free(t->chain);
    mem_free(t->gap);
    mem_free(t->added);
    *t = (prefix_tree){0};
}

void prefix_tree_clear(prefix_tree *t)
{
    t->runs = t->gaps = t->n_added = 0;
    t->rows = t->in_use = t->free_run = 0;
    if (t->chain) memset(t->chain, 0, t->chains * sizeof *t->chain);
}

/* ---- which run follows a place with a token ----------------------------------------------------------------------------- */

static size_t chain_of(const prefix_tree *t, place parent, int32_t token)
{
    uint64_t h = (uint64_t)(uint32_t)parent.run << 32 | (uint32_t)parent.n;
    h = (h ^ (uint64_t)(uint32_t)token * 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u;
    return (size_t)(h ^ h >> 29) & (t->chains - 1);
}

static int32_t first_token(const prefix_tree *t, const tree_run *r)
{
    return t->token[r->row];
}

static int32_t run_after(const prefix_tree *t, place at, int32_t token)
{
    if (!t->chains) return -1;
    int32_t i = t->chain[chain_of(t, at, token)] - 1;
    while (i >= 0) {
        const tree_run *r = &t->run[i];
        if (r->parent.run == at.run && r->parent.n == at.n && first_token(t, r) == token) return i;
        i = r->alike;
    }
    return -1;
}

static void chain_put(prefix_tree *t, int32_t i)
{
    int32_t *head = &t->chain[chain_of(t, t->run[i].parent, first_token(t, &t->run[i]))];
    t->run[i].alike = *head - 1;
    *head = i + 1;
}

static void chain_take(prefix_tree *t, int32_t i)
{
    int32_t *head = &t->chain[chain_of(t, t->run[i].parent, first_token(t, &t->run[i]))];
    if (*head == i + 1) {
        *head = t->run[i].alike + 1;
        return;
    }
    int32_t at = *head - 1;
    while (t->run[at].alike != i) at = t->run[at].alike;
    t->run[at].alike = t->run[i].alike;
}

static lorec_err chain_room(prefix_tree *t)
{
    if (t->runs < t->chains) return LOREC_OK;
    size_t chains = t->chains ? t->chains * 2 : 64;
    int32_t *wider;
    TRY(mem_new(&wider, chains));
    mem_free(t->chain);
    t->chain = wider;
    t->chains = chains;
    for (size_t i = 0; i < t->runs; i++)
        if (t->run[i].n > 0) chain_put(t, (int32_t)i);
    return LOREC_OK;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

static lorec_err gap_put(prefix_tree *t, int32_t row, int32_t n)
{
    if (n == 0) return LOREC_OK;
    size_t i = t->gaps;
    while (i > 0 && t->gap[i - 1].row > row) i--;
    bool left = i > 0 && t->gap[i - 1].row + t->gap[i - 1].n == row, right = i < t->gaps && row + n == t->gap[i].row;
    if (left) {
        t->gap[i - 1].n += n;
        if (right) {
            t->gap[i - 1].n += t->gap[i].n;
            memmove(t->gap + i, t->gap + i + 1, (t->gaps - i - 1) * sizeof *t->gap);
            t->gaps--;
        }
    } else if (right) {
        t->gap[i].row = row;
        t->gap[i].n += n;
    } else {
        memmove(t->gap + i + 1, t->gap + i, (t->gaps - i) * sizeof *t->gap);
        t->gap[i] = (kv_span){row, n};
        t->gaps++;
    }
    return LOREC_OK;
}

static void release_rows(prefix_tree *t, int32_t row, int32_t n)
{
    t->in_use -= n;
    (void)gap_put(t, row, n); /* there is room: run_new saw to it */
    if (t->gaps && t->gap[t->gaps - 1].row + t->gap[t->gaps - 1].n == t->rows) t->rows = t->gap[--t->gaps].row;
}

/* The first gap that has `want` rows, or the largest; t->gaps: there is none. */
static size_t best_gap(const prefix_tree *t, int32_t want)
{
    size_t best = t->gaps;
    for (size_t i = 0; i < t->gaps; i++) {
        if (best == t->gaps || t->gap[i].n > t->gap[best].n) best = i;
        if (t->gap[best].n >= want) break;
    }
    return best;
}

static int32_t fresh_rows(const prefix_tree *t)
{
    return (t->max_rows ? t->max_rows : INT32_MAX - 1024) - (t->rows ? t->rows : TREE_SPARE_ROW + 1);
}

/* How many of `want` neighbouring rows could be had now. */
static int32_t most_rows(const prefix_tree *t, int32_t want)
{
    size_t g = best_gap(t, want);
    int32_t n = g < t->gaps ? t->gap[g].n : 0, fresh = fresh_rows(t);
    if (fresh > n) n = fresh;
    return n < want ? n : want;
}

/* Takes that many; -1: there is none. */
static int32_t find_rows(prefix_tree *t, int32_t want, int32_t *n)
{
    size_t at = best_gap(t, want);
    if (t->rows == 0) t->rows = TREE_SPARE_ROW + 1;
    *n = most_rows(t, want);
    if (*n <= 0) return -1;
    if (at == t->gaps || t->gap[at].n < *n) {
        t->rows += *n;
        return t->rows - *n;
    }
    kv_span *g = &t->gap[at];
    int32_t row = g->row;
    g->row += *n;
    g->n -= *n;
    if (g->n == 0) {
        memmove(g, g + 1, (t->gaps - at - 1) * sizeof *g);
        t->gaps--;
    }
    return row;
}

/* ---- runs ------------------------------------------------------------------------------------------------------------------ */

static void run_remove(prefix_tree *t, int32_t i)
{
    tree_run *r = &t->run[i];
    chain_take(t, i);
    release_rows(t, r->row, r->room);
    place parent = r->parent;
    *r = (tree_run){.alike = t->free_run - 1};
    t->free_run = i + 1;
    if (parent.run < 0) return;
    tree_run *up = &t->run[parent.run];
    up->users--;
    if (up->users == 0 && !t->keep) run_remove(t, parent.run);
}

/* The run that was not used for longest and that nothing needs; false: there is none. */
static bool evict(prefix_tree *t)
{
    int32_t oldest = -1;
    for (size_t i = 0; i < t->runs; i++) {
        const tree_run *r = &t->run[i];
        if (r->n > 0 && r->users == 0 && (oldest < 0 || r->used < t->run[oldest].used)) oldest = (int32_t)i;
    }
    if (oldest >= 0) run_remove(t, oldest);
    return oldest >= 0;
}

static lorec_err run_new(prefix_tree *t, place parent, int32_t want, int32_t token, int32_t *out)
{
    TRY(mem_grow(&t->run, &t->run_cap, t->runs + 1));
    TRY(mem_grow(&t->gap, &t->gap_cap, t->runs + 3)); /* a gap lies between two runs */
    TRY(chain_room(t));
    prefix_tree_hold(t, parent);
    while (t->max_rows && most_rows(t, want) < want && most_rows(t, want) < SHORTEST && evict(t)) continue;
    if (parent.run >= 0) t->run[parent.run].users--;
    int32_t room, row = find_rows(t, want, &room);
    if (row < 0)
        return err_set(LOREC_RESOURCE, "all %d cached tokens are in use; give the session more memory or ask for less",
                       t->max_rows);
    lorec_err e = mem_grow(&t->token, &t->token_cap, (size_t)t->rows);
    t->in_use += room;
    if (e) {
        release_rows(t, row, room);
        return e;
    }
    int32_t i = t->free_run - 1;
    if (i >= 0)
        t->free_run = t->run[i].alike + 1;
    else
        i = (int32_t)t->runs++;
    t->run[i] = (tree_run){
        .parent = parent, .before = prefix_tree_length(t, parent), .row = row, .n = 1, .room = room, .used = ++t->now};
    t->token[row] = token;
    chain_put(t, i);
    if (parent.run >= 0) t->run[parent.run].users++;
    *out = i;
    return LOREC_OK;
}

/* ---- what the header promises ------------------------------------------------------------------------------------------ */

size_t prefix_tree_follow(prefix_tree *t, place *at, const int32_t *token, size_t n)
{
    size_t known = 0;
    while (known < n) {
        const tree_run *r = at->run >= 0 ? &t->run[at->run] : NULL;
        if (r && at->n < r->n && t->token[r->row + at->n] == token[known]) {
            at->n++;
            known++;
            continue;
        }
        int32_t next = run_after(t, *at, token[known]);
        if (next < 0) break;
        *at = (place){next, 1};
        t->run[next].used = ++t->now;
        known++;
    }
    if (at->run >= 0) t->run[at->run].used = ++t->now;
    return known;
}

/* Remembers that the run is about to grow, and keeps it from being evicted meanwhile. */
static void remember(prefix_tree *t, int32_t run, int32_t before)
{
    t->added[t->n_added++] = (place){run, before};
    t->run[run].users++;
}

lorec_err prefix_tree_add(prefix_tree *t, place *at, const int32_t *token, size_t n, int32_t *row)
{
    bool step = n == 1;
    while (n > 0) {
        TRY(mem_grow(&t->added, &t->added_cap, t->n_added + 1));
        tree_run *r = at->run >= 0 ? &t->run[at->run] : NULL;
        bool end = r && at->n == r->n;
        int32_t done = 0;
        if (end && r->n < r->room) {
            remember(t, at->run, r->n);
            r->used = ++t->now;
        } else {
            int32_t want = n < INT32_MAX ? (int32_t)n : INT32_MAX, i = -1;
            if (step && end) want = r->n < LONGEST_AHEAD / 2 ? 2 * r->n : LONGEST_AHEAD;
            TRY(run_new(t, *at, want, *token, &i));
            remember(t, i, 0);
            *at = (place){i, 1};
            r = &t->run[i];
            row[done++] = r->row;
        }
        for (; (size_t)done < n && r->n < r->room; done++) {
            t->token[r->row + r->n] = token[done];
            row[done] = r->row + r->n++;
            at->n++;
        }
        token += done;
        row += done;
        n -= (size_t)done;
    }
    return LOREC_OK;
}

void prefix_tree_commit(prefix_tree *t)
{
    while (t->n_added > 0) prefix_tree_drop(t, t->added[--t->n_added]);
}

void prefix_tree_undo(prefix_tree *t)
{
    while (t->n_added > 0) {
        place was = t->added[--t->n_added];
        tree_run *r = &t->run[was.run];
        r->users--;
        if (was.n > 0)
            r->n = was.n;
        else
            run_remove(t, was.run);
    }
}

void prefix_tree_hold(prefix_tree *t, place at)
{
    if (at.run >= 0) t->run[at.run].users++;
}

void prefix_tree_drop(prefix_tree *t, place at)
{
    if (at.run < 0) return;
    tree_run *r = &t->run[at.run];
    r->users--;
    if (r->users == 0 && !t->keep) run_remove(t, at.run);
}

int32_t prefix_tree_length(const prefix_tree *t, place at)
{
    return at.run < 0 ? 0 : t->run[at.run].before + at.n;
}

int32_t prefix_tree_row(const prefix_tree *t, place at)
{
    return t->run[at.run].row + at.n - 1;
}

int32_t prefix_tree_variant(const prefix_tree *t, place at)
{
    while (at.run >= 0) at = t->run[at.run].parent;
    return at.n;
}

place prefix_tree_ancestor(const prefix_tree *t, place at, int32_t length)
{
    while (at.run >= 0 && t->run[at.run].before >= length) at = t->run[at.run].parent;
    if (at.run >= 0) at.n = length - t->run[at.run].before;
    return at;
}

size_t prefix_tree_spans(const prefix_tree *t, place at, kv_span *out, size_t room)
{
    size_t n = 0, i;
    for (place p = at; p.run >= 0; p = t->run[p.run].parent) n++;
    i = n;
    for (place p = at; p.run >= 0; p = t->run[p.run].parent)
        if (--i < room) out[i] = (kv_span){t->run[p.run].row, p.n};
    return n;
}

/* One ask: what may be shown, filling up, ranking given candidates. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rec/topk.h"
#include "serve/engine/engine_parts.h"
#include "serve/engine/fresh.h"

/* ---- what may be shown ---------------------------------------------------------------------------------------------------- */

static bool is_excluded(const ask *a, uint32_t item)
{
    size_t lo = 0, hi = a->n_exclude;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (a->exclude[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < a->n_exclude && a->exclude[lo] == item;
}

/* Live numbers of all that the user had, of any kind, ascending. */
typedef struct seen_set {
    uint32_t *item;
    size_t n, cap;
} seen_set;

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static lorec_err seen_make(seen_set *s, const engine *g, const variant *r, const ask *a, const uint32_t *history,
                           size_t n_history)
{
    size_t live_n = a->user != NO_NUMBER ? g->live->user[a->user].n : 0;
    TRY(mem_grow(&s->item, &s->cap, n_history + live_n + a->n_history + 1));
    const live_user *u = a->user != NO_NUMBER && !a->history ? &g->live->user[a->user] : NULL;
    for (size_t i = 0; i < n_history; i++)
        if (!live_taken_back(u, r->number[history[i]], r->event_seq, INT64_MAX))
            s->item[s->n++] = r->number[history[i]];
    for (size_t i = 0; i < live_n; i++) s->item[s->n++] = g->live->user[a->user].said[i].item;
    for (size_t i = 0; i < a->n_history; i++) s->item[s->n++] = a->history[i];
    qsort(s->item, s->n, sizeof *s->item, by_number);
    return LOREC_OK;
}

static bool seen_has(const seen_set *s, uint32_t item)
{
    return s->n && bsearch(&item, s->item, s->n, sizeof item, by_number) != NULL;
}

/* -1: it may be shown. */
static int why_not(const engine *g, const ask *a, const seen_set *seen, uint32_t item)
{
    const live_item *i = &g->live->item[item];
    if (i->hidden || !i->known) return DROP_HIDDEN;
    if (is_excluded(a, item)) return DROP_EXCLUDED;
    if (a->category != NO_NUMBER && !live_in_category(g->live, item, a->category)) return DROP_CATEGORY;
    if (!a->keep_seen && seen_has(seen, item)) return DROP_SEEN;
    return -1;
}

static lorec_err drop(ask *a, uint32_t item, drop_reason why)
{
    if (why != DROP_HIDDEN && why != DROP_OFFSET) return LOREC_OK; /* the request and the state tell of the others */
    TRY(mem_grow(&a->dropped, &a->dropped_cap, a->n_dropped + 1));
    a->dropped[a->n_dropped++] = (not_listed){item, why};
    return LOREC_OK;
}

/* Items that the model does not know yet, alike to what the person had, in the order in which they are to be shown. */
typedef struct newcomers {
    const fresh_found *item;
    size_t n, at;
} newcomers;

/* Is the next place a newcomer's, and is there one? */
static bool next_newcomer(const engine *g, const ask *a, const seen_set *seen, newcomers *new, size_t place)
{
    if (!g->new_every || (place + 1) % g->new_every) return false;
    while (new->at < new->n && why_not(g, a, seen, new->item[new->at].item) >= 0) new->at++;
    return new->at < new->n;
}

static lorec_err take(const engine *g, const variant *r, ask *a, const seen_set *seen, newcomers *new,
                      const uint32_t *item, const float *score, size_t n)
{
    size_t place = 0;
    a->n_list = a->n_dropped = 0;
    mem_free(a->list);
    a->list = NULL;
    TRY(mem_new(&a->list, a->n));
    for (size_t i = 0; i < n && a->n_list < a->n; i++) {
        uint32_t number = r->number[item[i]];
        while (next_newcomer(g, a, seen, new, place) && a->n_list < a->n) {
            const fresh_found *f = &new->item[new->at++];
            if (place++ >= a->offset) a->list[a->n_list++] = (listed){f->item, f->score, SOURCE_TEXT};
        }
        if (a->n_list == a->n) break;
        int why = why_not(g, a, seen, number);
        if (why < 0 && place++ < a->offset) why = DROP_OFFSET;
        if (why >= 0)
            TRY(drop(a, number, (drop_reason)why));
        else
            a->list[a->n_list++] = (listed){number, score[i], SOURCE_MODEL};
    }
    return LOREC_OK;
}

lorec_err ask_take(engine *g, const variant *r, ask *a, const uint32_t *history, size_t n_history, const uint32_t *item,
                   const float *score, size_t n)
{
    seen_set seen = {0};
    newcomers new = {0};
    lorec_err e = seen_make(&seen, g, r, a, history, n_history);
    if (!e && g->new_every) e = fresh_follow(r->fresh, r, g->live);
    if (!e && g->new_every) e = fresh_rank(r->fresh, r, g->live, history, n_history, &new.item, &new.n);
    if (!e) e = take(g, r, a, &seen, &new, item, score, n);
    mem_free(seen.item);
    return e;
}

/* ---- without the model ------------------------------------------------------------------------------------------------------ */

bool ask_is_stranger(const engine *g, const variant *r, const ask *a)
{
    uint32_t user;
    if (a->history) {
        for (size_t i = 0; i < a->n_history; i++)
            if (r->item[a->history[i]] != NO_NUMBER) return false;
        return true;
    }
    if (a->user_id.n && dataset_find_user(&r->advisor.data, a->user_id, &user)) return false;
    return a->user == NO_NUMBER || g->live->user[a->user].n == 0;
}

static bool is_listed(const ask *a, uint32_t item)
{
    for (size_t i = 0; i < a->n_list; i++)
        if (a->list[i].item == item) return true;
    return false;
}

static lorec_err state_of_data(const engine *g, const ask *a, seen_set *seen)
{
    const variant *r = g->run[a->answered_by];
    uint32_t user;
    const interactions *x = &r->advisor.data.rows;
    const uint32_t *items = NULL;
    size_t n = 0;
    if (a->user_id.n && !a->history && dataset_find_user(&r->advisor.data, a->user_id, &user)) {
        items = x->item + x->start[user];
        n = (size_t)(x->start[user + 1] - x->start[user]);
    }
    return seen_make(seen, g, r, a, items, n);
}

static int better(const void *a, const void *b)
{
    const listed *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* Who gave candidates gets these and no others. */
static lorec_err popular_candidates(engine *g, ask *a)
{
    if (!a->list) TRY(mem_new(&a->list, a->n_candidates));
    for (size_t i = 0; i < a->n_candidates; i++) {
        uint32_t item = a->candidates[i];
        a->list[i] = (listed){item, (float)g->live->item[item].popularity, SOURCE_POPULAR};
    }
    if (a->n_candidates) qsort(a->list, a->n_candidates, sizeof *a->list, better);
    a->n_list = a->n_candidates < a->n ? a->n_candidates : a->n;
    return LOREC_OK;
}

lorec_err ask_popular(engine *g, ask *a)
{
    if (a->candidates) return popular_candidates(g, a);
    seen_set seen = {0};
    lorec_err e = state_of_data(g, a, &seen);
    if (!e && !a->list) e = mem_new(&a->list, a->n);
    size_t skip = a->n_list ? 0 : a->offset;
    for (size_t i = 0; i < g->n_popular && a->n_list < a->n && !e; i++) {
        uint32_t item = g->popular[i];
        if (why_not(g, a, &seen, item) >= 0 || is_listed(a, item)) continue;
        if (skip) {
            skip--;
            continue;
        }
        a->list[a->n_list++] = (listed){item, (float)g->live->item[item].popularity, SOURCE_POPULAR};
    }
    mem_free(seen.item);
    return e;
}

/* ---- given candidates --------------------------------------------------------------------------------------------------------- */

/* The candidates that the model knows by its scores, then those that it does not, in the order given. */
lorec_err ask_rerank(engine *g, variant *r, ask *a)
{
    const advisor *v = &r->advisor;
    uint32_t *known = NULL, *items = NULL, user = NO_USER;
    float *score = NULL;
    size_t n = 0, n_state = 0;
    lorec_err e;
    TRY_GO(e, engine_state_of_ask(g, r, a, &items, &n_state, &user), done);
    TRY_GO(e, mem_new(&known, a->n_candidates), done);
    TRY_GO(e, mem_new(&score, a->n_candidates), done);
    TRY_GO(e, mem_new(&a->list, a->n_candidates), done);
    for (size_t i = 0; i < a->n_candidates; i++)
        if (r->item[a->candidates[i]] != NO_NUMBER) known[n++] = r->item[a->candidates[i]];
    query q = {.user = user, .items = items, .n = n_state, .now = INT64_MIN};
    uint64_t start[2] = {0, n};
    if (n)
        TRY_GO(e,
               recommender_score_items(v->r, v->self, r->session[0], v->data.rows.n_items, &q, 1, start, known, score),
               done);
    a->n_list = 0;
    for (size_t i = 0; i < n; i++)
        a->list[a->n_list++] = (listed){r->number[known[i]], isnan(score[i]) ? -INFINITY : score[i], SOURCE_MODEL};
    qsort(a->list, a->n_list, sizeof *a->list, better);
    for (size_t i = 0; i < a->n_candidates; i++)
        if (r->item[a->candidates[i]] == NO_NUMBER)
            a->list[a->n_list++] = (listed){a->candidates[i], -INFINITY, SOURCE_POPULAR};
    if (a->n_list > a->n) a->n_list = a->n;
    a->state = engine_state_hash(items, n_state);
done:
    mem_free(known);
    mem_free(score);
    mem_free(items);
    return e;
}

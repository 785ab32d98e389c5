#include "serve/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "rec/topk.h"
#include "serve/engine/engine_parts.h"
#include "serve/engine/item_index.h"
#include "serve/engine/list_cache.h"

const char *const source_words[3] = {"model", "popular", "text"};
const char *const drop_words[5] = {"seen", "hidden", "category", "excluded", "offset"};

void ask_free(ask *a)
{
    mem_free(a->history);
    mem_free(a->exclude);
    mem_free(a->candidates);
    mem_free(a->list);
    mem_free(a->dropped);
    *a = (ask){0};
}

/* ---- runs ------------------------------------------------------------------------------------------------------------- */

lorec_err engine_open(engine *g, live *v)
{
    *g = (engine){.live = v, .index_from = INDEX_VALUES};
    return LOREC_OK;
}

void engine_close(engine *g)
{
    for (size_t i = 0; i < g->n; i++) variant_release(g->run[i]);
    mem_free(g->run);
    list_cache_free(&g->cache);
    mem_free(g->popular);
    mem_free(g->q);
    mem_free(g->got_item);
    mem_free(g->rows_item);
    mem_free(g->got_score);
    mem_free(g->rows_time);
    mem_free(g->found);
    mem_free(g->first);
    *g = (engine){0};
}

/* What is popular is counted from the first variant's data and the feedback since. */
static void count_popular(engine *g)
{
    const variant *r = g->run[0];
    live_count(g->live, r->number, r->rows_of, r->advisor.data.rows.n_items, r->event_seq);
    g->popular_at = 0;
    g->n_popular = 0;
}

lorec_err engine_add(engine *g, const char *run, const char *method, int64_t seed)
{
    variant *fresh, **more;
    TRY(variant_open(&fresh, g->live, run, method, seed, g->index_from));
    lorec_err e = mem_new(&more, g->n + 1);
    if (e) {
        variant_release(fresh);
        return e;
    }
    if (g->n) memcpy(more, g->run, g->n * sizeof *more);
    mem_free(g->run);
    g->run = more;
    g->run[g->n++] = fresh;
    live_write_lock(g->live);
    if (g->n == 1) count_popular(g);
    live_unlock(g->live);
    return LOREC_OK;
}

variant *engine_swap(engine *g, size_t i, variant *fresh)
{
    live_write_lock(g->live);
    variant *old = g->run[i];
    g->run[i] = fresh;
    if (i == 0) count_popular(g);
    live_unlock(g->live);
    return old;
}

variant *engine_hold(engine *g, size_t i)
{
    live_read_lock(g->live);
    variant *r = variant_hold(g->run[i]);
    live_unlock(g->live);
    return r;
}

/* ---- state ------------------------------------------------------------------------------------------------------------ */

static lorec_err rows_add(engine *g, size_t *n, uint32_t item, int64_t time)
{
    TRY(mem_grow(&g->rows_item, &g->rows_cap, *n + 1));
    TRY(mem_grow(&g->rows_time, &g->time_cap, *n + 1));
    g->rows_item[*n] = item;
    g->rows_time[(*n)++] = time;
    return LOREC_OK;
}

/* The rows that the model reads for this ask, appended to g->rows_*. */
static lorec_err state_rows(engine *g, variant *r, const ask *a, int64_t seq, size_t *n, uint32_t *user)
{
    const dataset *d = &r->advisor.data;
    *user = NO_USER;
    if (a->user_id.n) (void)dataset_find_user(d, a->user_id, user);
    if (a->history) {
        for (size_t i = 0; i < a->n_history; i++)
            if (r->item[a->history[i]] != NO_NUMBER) TRY(rows_add(g, n, r->item[a->history[i]], INT64_MIN));
        return LOREC_OK;
    }
    const live_user *u = a->user != NO_NUMBER ? &g->live->user[a->user] : NULL;
    if (*user != NO_USER)
        for (uint64_t k = d->rows.start[*user]; k < d->rows.start[*user + 1]; k++)
            if (!live_taken_back(u, r->number[d->rows.item[k]], r->event_seq, seq))
                TRY(rows_add(g, n, d->rows.item[k], d->rows.time ? d->rows.time[k] : INT64_MIN));
    for (size_t i = 0; u && i < u->n; i++)
        if (u->said[i].seq > r->event_seq && u->said[i].seq <= seq && u->said[i].type != g->live->read_type &&
            r->item[u->said[i].item] != NO_NUMBER)
            TRY(rows_add(g, n, r->item[u->said[i].item], u->said[i].time));
    return LOREC_OK;
}

uint64_t engine_state_hash(const uint32_t *items, size_t n)
{
    return n ? XXH3_64bits(items, n * sizeof *items) : 0;
}

static lorec_err state_copy(engine *g, variant *r, const ask *a, int64_t seq, uint32_t **items, size_t *n,
                            uint32_t *user)
{
    size_t rows = 0;
    *items = NULL;
    TRY(variant_items(r, g->live));
    TRY(state_rows(g, r, a, seq, &rows, user));
    TRY(mem_new(items, rows));
    if (rows) memcpy(*items, g->rows_item, rows * sizeof **items);
    *n = rows;
    return LOREC_OK;
}

lorec_err engine_state_of_ask(engine *g, variant *r, const ask *a, uint32_t **items, size_t *n, uint32_t *user)
{
    return state_copy(g, r, a, INT64_MAX, items, n, user);
}

lorec_err engine_state(engine *g, size_t i, slice user_id, int64_t seq, uint32_t **items, size_t *n)
{
    uint32_t user;
    ask a = {.user_id = user_id, .user = live_find_user(g->live, user_id)};
    return state_copy(g, g->run[i], &a, seq, items, n, &user);
}

/* ---- what is popular ----------------------------------------------------------------------------------------------------- */

static const live_item *popular_items; /* for qsort, which runs on the executor's thread alone */
static int more_popular(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    uint64_t pi = popular_items[i].popularity, pj = popular_items[j].popularity;
    if (pi != pj) return pi > pj ? -1 : 1;
    return i < j ? -1 : 1;
}

lorec_err engine_popular(engine *g)
{
    enum { AGE = 5 };
    size_t n = g->live->items.n;
    if (g->n_popular == n && clock_seconds() - g->popular_at < AGE) return LOREC_OK;
    TRY(mem_grow(&g->popular, &g->popular_cap, n));
    for (size_t i = 0; i < n; i++) g->popular[i] = (uint32_t)i;
    popular_items = g->live->item;
    qsort(g->popular, n, sizeof *g->popular, more_popular);
    g->n_popular = n;
    g->popular_at = clock_seconds();
    g->popular_seq = g->live->event_seq;
    return LOREC_OK;
}

/* ---- a batch of one variant ------------------------------------------------------------------------------------------------ */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void pick_variant(const engine *g, ask *a)
{
    if (a->variant >= 0 && (size_t)a->variant < g->n) return;
    uint64_t h = a->user_id.n ? XXH3_64bits(a->user_id.p, a->user_id.n) : 0;
    a->variant = (int)(h % (g->n_split ? g->n_split : g->n));
}

static lorec_err build_queries(engine *g, variant *r, ask **batch, size_t n, size_t *rows)
{
    TRY(mem_grow(&g->q, &g->q_cap, n));
    TRY(mem_grow(&g->first, &g->first_cap, n + 1));
    *rows = 0;
    for (size_t i = 0; i < n; i++) {
        g->first[i] = *rows;
        uint32_t user;
        TRY(state_rows(g, r, batch[i], INT64_MAX, rows, &user));
        g->q[i] = (query){.user = user, .now = INT64_MIN};
    }
    g->first[n] = *rows;
    for (size_t i = 0; i < n; i++) { /* the arrays have stopped moving */
        g->q[i].items = g->rows_item + g->first[i];
        g->q[i].n = g->first[i + 1] - g->first[i];
        bool timed = g->q[i].n && g->rows_time[g->first[i]] != INT64_MIN;
        g->q[i].times = timed ? g->rows_time + g->first[i] : NULL;
        batch[i]->state = engine_state_hash(g->q[i].items, g->q[i].n);
    }
    return LOREC_OK;
}

/* How many the model has to rank so that enough are left once those are out that may not be shown. */
static size_t need_of(const engine *g, const variant *r, const ask *a, const query *q)
{
    size_t items = r->advisor.data.rows.n_items;
    if (a->category != NO_NUMBER) return items;
    size_t seen = a->keep_seen || recommender_generates(r->advisor.r, r->advisor.self) ? 0 : q->n;
    size_t live_seen = a->user != NO_NUMBER ? g->live->user[a->user].n : 0;
    size_t k = a->n + a->offset + a->n_exclude + seen + live_seen;
    return k < items ? k : items;
}

static size_t most_needed(const engine *g, const variant *r, ask *const *batch, size_t n)
{
    size_t most = 1;
    for (size_t i = 0; i < n; i++) {
        size_t k = need_of(g, r, batch[i], &g->q[i]);
        if (k > most) most = k;
    }
    return most;
}

typedef struct list_job {
    engine *g;
    const variant *r;
    ask **batch;
    size_t k;
    bool keep, all;
} list_job;

/* By the index: what is searched for depends on this ask alone, not on who asks beside it. */
static lorec_err list_indexed(const list_job *j, size_t i, int worker, bool *done)
{
    engine *g = j->g;
    ask *a = j->batch[i];
    index_how how;
    size_t k = j->all ? j->k : need_of(g, j->r, a, &g->q[i]);
    TRY(item_index_list(j->r->index, &j->r->advisor, worker, j->r->session[worker], &g->q[i], k, g->got_item + i * j->k,
                        g->got_score + i * j->k, &g->found[i], &how));
    *done = a->indexed = how != INDEX_NOT;
    a->searched = how == INDEX_SEARCHED ? k : 0;
    return LOREC_OK;
}

static lorec_err list_some(void *ctx, size_t begin, size_t end, int worker)
{
    const list_job *j = ctx;
    const advisor *v = &j->r->advisor;
    for (size_t i = begin; i < end; i++) {
        bool done = false;
        if (j->r->index && j->keep) TRY(list_indexed(j, i, worker, &done));
        if (done) continue;
        TRY(recommender_list(v->r, v->self, j->r->session[worker], v->data.rows.n_items, &j->g->q[i], 1, j->k, j->keep,
                             j->g->got_item + i * j->k, j->g->got_score + i * j->k, &j->g->found[i]));
    }
    return LOREC_OK;
}

static lorec_err rank_lists(engine *g, variant *r, ask **batch, size_t n, size_t k, bool all)
{
    const advisor *v = &r->advisor;
    size_t values;
    if (!size_mul(n, k, &values)) return err_set(LOREC_RESOURCE, "too many lists at once");
    TRY(mem_grow(&g->got_item, &g->got_cap, values));
    TRY(mem_grow(&g->got_score, &g->score_cap, values));
    TRY(mem_grow(&g->found, &g->found_cap, n));
    bool keep = !recommender_generates(v->r, v->self);
    list_job job = {.g = g, .r = r, .batch = batch, .k = k, .keep = keep, .all = all};
    TRY(n > 1 ? par_each(n, 1, list_some, &job) : par_alone(list_some, &job));
    for (size_t i = 0; i < n; i++) {
        bool complete = (g->found[i] == k || batch[i]->searched) && !all && k < v->data.rows.n_items;
        TRY(ask_take(g, r, batch[i], g->q[i].items, g->q[i].n, g->got_item + i * k, g->got_score + i * k, g->found[i]));
        if (batch[i]->n_list < batch[i]->n && complete && keep)
            batch[i]->degraded = "again"; /* more have to be ranked */
    }
    return LOREC_OK;
}

static void fall_back(engine *g, ask **batch, size_t n, const char *degraded, const char *why)
{
    for (size_t i = 0; i < n; i++) {
        batch[i]->degraded = degraded;
        snprintf(batch[i]->why, sizeof batch[i]->why, "%s", why ? why : "");
        if (ask_popular(g, batch[i])) batch[i]->n_list = 0;
    }
}

static lorec_err answer_lists(engine *g, variant *r, ask **batch, size_t n)
{
    size_t rows, again = 0;
    TRY(build_queries(g, r, batch, n, &rows));
    TRY(rank_lists(g, r, batch, n, most_needed(g, r, batch, n), false));
    for (size_t i = 0; i < n; i++) {
        if (!batch[i]->degraded) continue;
        batch[i]->degraded = NULL;
        ask *tmp = batch[again];
        batch[again++] = batch[i];
        batch[i] = tmp;
    }
    if (!again) return LOREC_OK;
    TRY(build_queries(g, r, batch, again, &rows));
    TRY(rank_lists(g, r, batch, again, r->advisor.data.rows.n_items, true));
    for (size_t i = 0; i < again; i++) batch[i]->degraded = NULL;
    return LOREC_OK;
}

lorec_err engine_searched(engine *g, ask *a, size_t k, uint32_t **items, size_t *n)
{
    variant *r = g->run[g->n - 1];
    index_how how;
    size_t rows;
    float *scores = NULL;
    *items = NULL;
    *n = 0;
    if (!r->index) return LOREC_OK;
    TRY(variant_items(r, g->live));
    TRY(build_queries(g, r, &a, 1, &rows));
    lorec_err e = mem_new(items, k);
    if (!e) e = mem_new(&scores, k);
    if (!e) e = item_index_list(r->index, &r->advisor, 0, r->session[0], g->q, k, *items, scores, n, &how);
    for (size_t i = 0; i < *n; i++) (*items)[i] = r->number[(*items)[i]];
    mem_free(scores);
    return e;
}

static bool known_list(engine *g, const variant *r, ask *a)
{
    list_key k = list_key_of(r, g->live, a);
    return list_cache_get(&g->cache, &k, a);
}

/* The model's whole list: what the popular list filled up or took over is made anew each time. */
static void keep_list(engine *g, const variant *r, const ask *a)
{
    list_key k = list_key_of(r, g->live, a);
    g->misses++;
    if (!a->degraded && a->n_list == a->n) list_cache_put(&g->cache, &k, a);
}

static void answer_variant(engine *g, size_t which, ask **batch, size_t n)
{
    ask *lists[ENGINE_BATCH], *late[ENGINE_BATCH], *empty[ENGINE_BATCH];
    size_t n_lists = 0, n_late = 0, n_empty = 0;
    variant *r = g->run[which];
    double now = clock_seconds();
    if (variant_items(r, g->live)) {
        fall_back(g, batch, n, "model", lorec_error_message());
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ask *a = batch[i];
        a->answered_by = (int)which;
        a->event_seq = g->live->event_seq;
        a->popular_seq = g->popular_seq;
        if (a->deadline > 0 && now > a->deadline)
            late[n_late++] = a;
        else if (a->candidates) {
            if (ask_rerank(g, r, a)) fall_back(g, &a, 1, "model", lorec_error_message());
        } else if (ask_is_stranger(g, r, a))
            empty[n_empty++] = a;
        else if (known_list(g, r, a))
            g->hits++;
        else
            lists[n_lists++] = a;
    }
    if (n_lists && answer_lists(g, r, lists, n_lists)) {
        log_warn("%s: %s; the popular list was given", r->path, lorec_error_message());
        fall_back(g, lists, n_lists, "model", lorec_error_message());
    }
    for (size_t i = 0; i < n_lists; i++) keep_list(g, r, lists[i]);
    for (size_t i = 0; i < n_lists; i++) /* a list that the model could not fill */
        if (lists[i]->n_list < lists[i]->n && !lists[i]->history) (void)ask_popular(g, lists[i]);
    fall_back(g, late, n_late, "deadline", NULL);
    fall_back(g, empty, n_empty, NULL, NULL);
}

void engine_answer(engine *g, ask **batch, size_t n)
{
    ask *own[ENGINE_BATCH];
    live_read_turn(g->live);
    if (engine_popular(g)) g->n_popular = 0;
    for (size_t begin = 0; begin < n; begin += ENGINE_BATCH) {
        size_t end = begin + ENGINE_BATCH < n ? begin + ENGINE_BATCH : n;
        for (size_t i = begin; i < end; i++) {
            pick_variant(g, batch[i]);
            if (batch[i]->n_exclude) qsort(batch[i]->exclude, batch[i]->n_exclude, sizeof(uint32_t), by_number);
        }
        for (size_t which = 0; which < g->n; which++) {
            size_t k = 0;
            for (size_t i = begin; i < end; i++)
                if (batch[i]->variant == (int)which) own[k++] = batch[i];
            if (k) answer_variant(g, which, own, k);
        }
    }
    live_unlock(g->live);
}

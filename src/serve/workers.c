#include "serve/workers.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"

enum { STORE_BATCH = 256, MODEL_BATCH = 64, PAGE = 5000 };

/* ---- following the store ------------------------------------------------------------------------------------------------- */

static lorec_err see_event(void *ctx, const store_event *e)
{
    return live_event(ctx, e);
}

static lorec_err see_item(void *ctx, const store_item *i)
{
    return live_item_row(ctx, i);
}

typedef struct change_list {
    live *live;
    buf ids; /* NUL-terminated, one after the other: statements do not nest */
    int64_t seq;
    size_t n;
} change_list;

static lorec_err see_change(void *ctx, int64_t seq, bool is_item, slice id)
{
    change_list *c = ctx;
    c->seq = seq;
    c->n++;
    if (!is_item) return LOREC_OK;
    TRY(buf_add(&c->ids, id.p, id.n));
    return buf_add(&c->ids, "", 1);
}

static lorec_err follow_changes(server *s)
{
    for (bool more = true; more;) {
        change_list c = {.live = &s->live, .seq = s->live.change_seq};
        lorec_err e = store_changes_after(s->store, s->live.change_seq, PAGE, see_change, &c);
        for (size_t at = 0; at < c.ids.n && !e; at += strlen(c.ids.p + at) + 1) {
            slice id = slice_of(c.ids.p + at);
            live_write_lock(&s->live);
            live_item_gone(&s->live, id); /* unless its row says otherwise */
            e = store_item_get(s->store, id, see_item, &s->live);
            live_unlock(&s->live);
        }
        buf_free(&c.ids);
        TRY(e);
        more = c.n == PAGE;
        s->live.change_seq = c.seq;
    }
    return LOREC_OK;
}

lorec_err store_follow(server *s)
{
    for (bool more = true; more;) {
        int64_t before = s->live.event_seq;
        live_write_lock(&s->live);
        lorec_err e = store_events_after(s->store, before, PAGE, see_event, &s->live);
        live_unlock(&s->live);
        TRY(e);
        more = s->live.event_seq >= before + PAGE;
    }
    return follow_changes(s);
}

static const route *step_of(const exchange *x)
{
    return x->step ? x->step : x->route;
}

/* ---- the store's thread ------------------------------------------------------------------------------------------------------ */

/* One handler; what it wrote is undone where it fails, without the others of the batch. */
static void handle_one(server *s, exchange *x, bool inside)
{
    const route *step = step_of(x);
    lorec_err e = inside && step->writes ? store_words(s->store, "SAVEPOINT one") : LOREC_OK;
    if (!e) e = step->handle(s, x);
    if (e) exchange_fail(x, e);
    if (inside && step->writes && e) (void)store_words(s->store, "ROLLBACK TO SAVEPOINT one");
    if (inside && step->writes) (void)store_words(s->store, "RELEASE SAVEPOINT one");
}

static lorec_err write_records(server *s, const record *r)
{
    uint64_t n = 0;
    for (; r; r = r->next, n++)
        TRY(store_record_put(s->store, slice_of(r->id), r->time, (slice){r->user.p, r->user.n},
                             (slice){r->body.p, r->body.n}));
    stats_add(s->stats, STAT_RECORDS, n);
    return LOREC_OK;
}

static void one_batch(server *s, exchange **batch, size_t n)
{
    record *records = server_take_records(s);
    bool writes = records != NULL;
    for (size_t i = 0; i < n; i++) writes |= step_of(batch[i])->writes;
    lorec_err e = writes ? store_begin(s->store) : LOREC_OK;
    bool inside = writes && !e;
    for (size_t i = 0; i < n; i++) {
        if (e && step_of(batch[i])->writes)
            exchange_fail(batch[i], e);
        else
            handle_one(s, batch[i], inside);
    }
    if (inside && write_records(s, records)) log_warn("%s; slates were not recorded", lorec_error_message());
    if (inside) e = store_commit(s->store);
    if (inside && e) {
        log_warn("%s", lorec_error_message());
        for (size_t i = 0; i < n; i++)
            if (step_of(batch[i])->writes) batch[i]->status = 0, exchange_fail(batch[i], e);
        store_rollback(s->store);
    }
    atomic_store(&s->store_down, e != LOREC_OK);
    server_free_records(records);
    if (inside && !e && store_follow(s)) log_warn("%s", lorec_error_message());
    for (size_t i = 0; i < n; i++) http_done(batch[i]);
}

static void expire_records(server *s)
{
    int64_t n;
    if (s->o.keep_records_days <= 0) return;
    if (store_records_expire(s->store, server_now() - (int64_t)(s->o.keep_records_days * 86400), &n))
        log_warn("%s", lorec_error_message());
}

/* A little at a time, so that feedback never waits long. */
typedef struct sweep {
    double next;
    uint32_t user; /* of the live; 0: it begins anew */
} sweep;

static void expire_feedback(server *s, sweep *w)
{
    enum { EVENTS = 2000, USERS = 20000, PAUSE = 600 };
    double now = clock_seconds();
    if (s->o.keep_feedback_days <= 0 || now < w->next) return;
    int64_t before = server_now() - (int64_t)(s->o.keep_feedback_days * 86400), n = 0;
    lorec_err e = store_begin(s->store);
    if (!e) e = store_events_expire(s->store, before, EVENTS, &n);
    if (!e) e = store_commit(s->store);
    if (e) {
        log_warn("old feedback: %s", lorec_error_message());
        store_rollback(s->store);
    }
    live_write_lock(&s->live);
    live_expire(&s->live, before, &w->user, USERS);
    live_unlock(&s->live);
    stats_add(s->stats, STAT_EVENTS_EXPIRED, (uint64_t)n);
    w->next = now + (n == EVENTS || w->user ? .2 : PAUSE);
}

void *store_worker(void *ctx)
{
    server *s = ctx;
    exchange *batch[STORE_BATCH];
    double followed = clock_seconds(), expired = 0;
    sweep old = {0};
    for (;;) {
        size_t n = queue_take(&s->to_store, batch, STORE_BATCH, .2);
        bool closed = n == 0 && queue_is_closed(&s->to_store);
        one_batch(s, batch, n);
        double now = clock_seconds();
        if (store_shared(s->store) && now - followed > .25) {
            atomic_store(&s->store_down, store_follow(s) != LOREC_OK);
            followed = now;
        }
        if (now - expired > 3600) {
            expire_records(s);
            expired = now;
        }
        expire_feedback(s, &old);
        if (closed) return NULL;
    }
}

/* ---- the models' thread --------------------------------------------------------------------------------------------------------- */

static void free_ask(void *work)
{
    ask_free(work);
    mem_free(work);
}

static bool ask_one(server *s, exchange *x)
{
    ask *a = NULL;
    lorec_err e = mem_new(&a, 1);
    if (x->free_work) x->free_work(x->work);
    x->free_work = NULL;
    x->work = a;
    if (a) {
        x->free_work = free_ask;
        *a = (ask){.user = NO_NUMBER, .category = NO_NUMBER, .n = 10, .variant = -1, .deadline = x->deadline};
        live_read_turn(&s->live);
        e = step_of(x)->ask(s, x);
        live_unlock(&s->live);
    }
    if (e) exchange_fail(x, e);
    return !e;
}

static void one_pass(server *s, exchange **batch, size_t n)
{
    ask *asked[MODEL_BATCH];
    exchange *of[MODEL_BATCH];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (!ask_one(s, batch[i])) {
            http_done(batch[i]);
            continue;
        }
        of[k] = batch[i];
        asked[k++] = batch[i]->work;
    }
    if (!k) return;
    ask *order[MODEL_BATCH];
    for (size_t i = 0; i < k; i++) order[i] = asked[i];
    uint64_t hits = s->engine.hits, misses = s->engine.misses;
    engine_answer(&s->engine, order, k);
    stats_add(s->stats, STAT_CACHE_HITS, s->engine.hits - hits);
    stats_add(s->stats, STAT_CACHE_MISSES, s->engine.misses - misses);
    for (size_t i = 0; i < k; i++) {
        if (asked[i]->degraded) stats_add(s->stats, STAT_DEGRADED, 1);
        stats_add(s->stats, STAT_RECOMMENDED, asked[i]->n_list);
        const route *step = step_of(of[i]);
        live_read_turn(&s->live);
        lorec_err e = step->answer(s, of[i]); /* one that hands on: it may be gone already */
        live_unlock(&s->live);
        if (!e && step->hands_on) continue;
        if (e) exchange_fail(of[i], e);
        http_done(of[i]);
    }
}

/* Between two batches nobody has a list of the old one in hand. */
static void take_swap(server *s)
{
    pthread_mutex_lock(&s->swap_lock);
    if (s->fresh) variant_release(engine_swap(&s->engine, s->fresh_slot, s->fresh));
    s->fresh = NULL;
    pthread_cond_broadcast(&s->swapped);
    pthread_mutex_unlock(&s->swap_lock);
}

static size_t pass_size(size_t n, double seconds)
{
    const double pass = .02;
    size_t least = (size_t)par_workers() * 2;
    if (least > MODEL_BATCH) least = MODEL_BATCH;
    double fit = seconds > 0 ? (double)n * pass / seconds : MODEL_BATCH;
    return fit >= MODEL_BATCH ? MODEL_BATCH : fit < (double)least ? least : (size_t)fit;
}

void *model_worker(void *ctx)
{
    server *s = ctx;
    exchange *batch[MODEL_BATCH];
    size_t most = MODEL_BATCH; /* as many as take no longer than 20 ms: feedback waits for a pass to end */
    for (;;) {
        size_t n = queue_take(&s->to_model, batch, most, .05);
        take_swap(s);
        double began = clock_seconds();
        if (n) one_pass(s, batch, n);
        if (n)
            most = pass_size(n, clock_seconds() - began);
        else if (queue_is_closed(&s->to_model))
            return NULL;
    }
}

/* ---- the language model's front --------------------------------------------------------------------------------------------------- */

void *desk_worker(void *ctx)
{
    server *s = ctx;
    exchange *x;
    for (;;) {
        if (queue_take(&s->to_desk, &x, 1, 1)) {
            lorec_err e = x->route->handle(s, x); /* OK: somebody else has it now */
            if (!e) continue;
            exchange_fail(x, e);
            http_done(x);
        } else if (queue_is_closed(&s->to_desk))
            return NULL;
    }
}

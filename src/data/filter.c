#include "data/filter.h"

#include "base/log.h"
#include "base/mem.h"
#include "data/dataset_memory.h"
#include "data/subset.h"

/* The rows that are still in, and how many of them each user and item has. */
typedef struct sieve {
    const dataset *d;
    bool *keep;                  /* [rows] */
    uint64_t *of_user, *of_item; /* rows left */
    uint64_t rows;
    uint32_t users, items; /* with at least one row left */
    json_t *steps;
} sieve;

static void drop(sieve *s, uint32_t user, uint64_t row)
{
    uint32_t item = s->d->rows.item[row];
    s->keep[row] = false;
    s->rows--;
    s->users -= --s->of_user[user] == 0;
    s->items -= --s->of_item[item] == 0;
}

static lorec_err sieve_make(sieve *s, const dataset *d)
{
    const interactions *r = &d->rows;
    *s = (sieve){.d = d, .rows = r->n};
    TRY(mem_new(&s->keep, r->n));
    TRY(mem_new(&s->of_user, r->n_users));
    TRY(mem_new(&s->of_item, r->n_items));
    for (uint32_t u = 0; u < r->n_users; u++) {
        s->of_user[u] = r->start[u + 1] - r->start[u];
        s->users += s->of_user[u] > 0;
    }
    for (uint64_t i = 0; i < r->n; i++) {
        s->keep[i] = true;
        s->items += s->of_item[r->item[i]]++ == 0;
    }
    json_t *before = json_object_get(d->manifest, "filters");
    s->steps = before ? json_deep_copy(before) : json_array();
    return s->steps ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a manifest");
}

static void sieve_free(sieve *s)
{
    mem_free(s->keep);
    mem_free(s->of_user);
    mem_free(s->of_item);
    json_decref(s->steps);
}

/* ---- the steps ------------------------------------------------------------------------------------------------------------- */

static bool rating_ok(const sieve *s, const filter_options *o, uint64_t row)
{
    float x = s->d->rows.rating[row];
    return x >= o->min_rating && (o->max_rating == 0 || x <= o->max_rating); /* a missing one (NaN) is outside */
}

static bool time_ok(const sieve *s, const filter_options *o, uint64_t row)
{
    int64_t t = s->d->rows.time[row];
    return (o->after == 0 || t >= o->after) && (o->before == 0 || t < o->before);
}

typedef bool (*row_fn)(const sieve *s, const filter_options *o, uint64_t row);

static lorec_err step_rows(sieve *s, const filter_options *o, row_fn ok)
{
    const interactions *r = &s->d->rows;
    for (uint32_t u = 0; u < r->n_users; u++) {
        for (uint64_t i = r->start[u]; i < r->start[u + 1]; i++) {
            if (s->keep[i] && !ok(s, o, i)) drop(s, u, i);
        }
    }
    return LOREC_OK;
}

static lorec_err step_duplicates(sieve *s, const filter_options *o)
{
    const interactions *r = &s->d->rows;
    uint32_t *seen_by; /* 1 + the user that had the item last */
    TRY(mem_new(&seen_by, r->n_items));
    for (uint32_t u = 0; u < r->n_users; u++) {
        uint64_t begin = r->start[u], n = r->start[u + 1] - begin;
        for (uint64_t k = 0; k < n; k++) {
            uint64_t i = o->deduplicate == FILTER_KEEP_LAST ? begin + n - 1 - k : begin + k;
            if (!s->keep[i]) continue;
            if (seen_by[r->item[i]] == u + 1) drop(s, u, i);
            seen_by[r->item[i]] = u + 1;
        }
    }
    mem_free(seen_by);
    return LOREC_OK;
}

/* Until nothing changes: a user that goes may take an item below its bound, and the other way round. */
static lorec_err step_core(sieve *s, const filter_options *o)
{
    const interactions *r = &s->d->rows;
    for (uint64_t before = s->rows + 1; s->rows < before;) {
        before = s->rows;
        for (uint32_t u = 0; u < r->n_users; u++) {
            bool go = s->of_user[u] && s->of_user[u] < o->user_core;
            for (uint64_t i = r->start[u]; i < r->start[u + 1]; i++) {
                if (s->keep[i] && (go || s->of_item[r->item[i]] < o->item_core)) drop(s, u, i);
            }
        }
    }
    return LOREC_OK;
}

static lorec_err step_note(sieve *s, const sieve *before, const char *what)
{
    if (s->rows == 0)
        return err_set(LOREC_INPUT, "%s: the filter \"%s\" leaves none of %llu interactions; make it weaker",
                       s->d->name, what, (unsigned long long)before->rows);
    log_info("%s: -%u users, -%u items, -%llu interactions", what, before->users - s->users, before->items - s->items,
             (unsigned long long)(before->rows - s->rows));
    json_t *row = json_pack("{s:s, s:I, s:I, s:I}", "step", what, "users", (json_int_t)(before->users - s->users),
                            "items", (json_int_t)(before->items - s->items), "rows",
                            (json_int_t)(before->rows - s->rows));
    if (!row || json_array_append_new(s->steps, row) != 0)
        return err_set(LOREC_RESOURCE, "out of memory for a manifest");
    return LOREC_OK;
}

static lorec_err sift(sieve *s, const filter_options *o)
{
    char what[96];
    sieve before = *s;
    if (o->by_rating) {
        if (!s->d->rows.rating) return err_set(LOREC_USAGE, "%s has no ratings to filter by", s->d->name);
        if (o->max_rating)
            snprintf(what, sizeof what, "rating from %g to %g", o->min_rating, o->max_rating);
        else
            snprintf(what, sizeof what, "rating from %g", o->min_rating);
        TRY(step_rows(s, o, rating_ok));
        TRY(step_note(s, &before, what));
    }
    if (o->after || o->before) {
        if (!s->d->rows.time) return err_set(LOREC_USAGE, "%s has no times to filter by", s->d->name);
        before = *s;
        snprintf(what, sizeof what, "time from %lld to before %lld", (long long)o->after, (long long)o->before);
        if (!o->before) snprintf(what, sizeof what, "time from %lld", (long long)o->after);
        if (!o->after) snprintf(what, sizeof what, "time before %lld", (long long)o->before);
        TRY(step_rows(s, o, time_ok));
        TRY(step_note(s, &before, what));
    }
    if (o->deduplicate != FILTER_KEEP_ALL) {
        before = *s;
        TRY(step_duplicates(s, o));
        TRY(step_note(s, &before,
                      o->deduplicate == FILTER_KEEP_FIRST ? "duplicates: first kept" : "duplicates: last kept"));
    }
    if (o->user_core > 1 || o->item_core > 1) {
        before = *s;
        snprintf(what, sizeof what, "core: %u a user, %u an item", o->user_core, o->item_core);
        TRY(step_core(s, o));
        TRY(step_note(s, &before, what));
    }
    return LOREC_OK;
}

/* Users and items go when their last row went; those that never had one stay as they were. */
static lorec_err selection_of(const sieve *s, selection *keep)
{
    const interactions *r = &s->d->rows;
    TRY(mem_new(&keep->rows, s->rows));
    TRY(mem_new(&keep->users, r->n_users));
    TRY(mem_new(&keep->items, r->n_items));
    uint64_t *had;
    TRY(mem_new(&had, r->n_items));
    for (uint64_t i = 0; i < r->n; i++) {
        had[r->item[i]]++;
        if (s->keep[i]) keep->rows[keep->n_rows++] = i;
    }
    for (uint32_t u = 0; u < r->n_users; u++) {
        if (s->of_user[u] || r->start[u + 1] == r->start[u]) keep->users[keep->n_users++] = u;
    }
    for (uint32_t i = 0; i < r->n_items; i++) {
        if (s->of_item[i] || !had[i]) keep->items[keep->n_items++] = i;
    }
    mem_free(had);
    return LOREC_OK;
}

lorec_err dataset_filter(dataset *out, const dataset *d, const filter_options *options)
{
    *out = (dataset){0};
    sieve s;
    selection keep = {0};
    lorec_err e = sieve_make(&s, d);
    if (!e) e = sift(&s, options);
    if (!e) e = selection_of(&s, &keep);
    if (!e) e = dataset_subset(out, d, &keep);
    if (!e) e = json_put(out->manifest, "filters", json_incref(s.steps));
    if (e) dataset_close(out);
    selection_free(&keep);
    sieve_free(&s);
    return e;
}

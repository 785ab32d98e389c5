/* The tools. Each reads the candidates and leaves fewer, or orders them, and writes one line of what it did. */
#include "base/mem.h"
#include "methods/interecagent/interecagent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "tensor/rng.h"

enum { MOST_SEEDS = 50, LOOKED_UP = 20 };

typedef struct run {
    const interecagent *m;
    agent_desk *d;
    const query *q;
    agent_bus *bus;
    agent_counts *c;
    float *score; /* [items] */
} run;

void agent_bus_free(agent_bus *b)
{
    mem_free(b->item);
    json_decref(b->tracks);
    json_decref(b->rows);
    *b = (agent_bus){0};
}

static lorec_err track(run *r, const char *tool, size_t before)
{
    json_t *line = json_pack("{s:s, s:I, s:I}", "tool", tool, "from", (json_int_t)before, "to", (json_int_t)r->bus->n);
    if (line && json_array_append_new(r->bus->tracks, line) == 0) return LOREC_OK;
    return err_set(LOREC_RESOURCE, "out of memory for a tool's track");
}

/* ---- titles ----------------------------------------------------------------------------------------------------------------- */

/* The items that titles name: as they stand, loosely, or nearest; those of none are counted and left out. */
static lorec_err named(run *r, const json_t *titles, uint32_t *out, size_t room, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < json_array_size(titles) && *n < room; i++) {
        const char *text = json_string_value(json_array_get(titles, i));
        reply_counts counts = {0};
        int64_t item = REPLY_NOTHING;
        TRY(reply_choice(r->m->titles, text, strlen(text), &(reply_form){.wanted = 1}, &item, &counts));
        if (item == REPLY_NOTHING)
            r->c->titles_unknown++;
        else
            out[(*n)++] = (uint32_t)item;
        r->c->titles_found += item != REPLY_NOTHING;
    }
    return LOREC_OK;
}

static bool among(const uint32_t *list, size_t n, uint32_t item)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == item) return true;
    return false;
}

/* Keeps the candidates of a list, in the list's order or in their own. */
static void keep(agent_bus *b, const uint32_t *list, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < b->n; i++)
        if (among(list, n, b->item[i])) b->item[left++] = b->item[i];
    b->n = left;
}

/* ---- one by one ------------------------------------------------------------------------------------------------------------- */

static lorec_err look_up(run *r, const json_t *input)
{
    json_t *rows;
    TRY(item_sql_select(r->d->sql, slice_of(json_string_value(input)), LOOKED_UP, &rows));
    json_decref(r->bus->rows);
    r->bus->rows = rows;
    return LOREC_OK;
}

static lorec_err candidates(run *r, const json_t *input)
{
    uint32_t *item;
    size_t n, most = json_array_size(input);
    TRY(mem_new(&item, most + 1));
    lorec_err e = named(r, input, item, most, &n);
    if (!e && n == 0) e = err_set(LOREC_INPUT, "candidates: none of the titles is in the catalogue");
    if (!e) keep(r->bus, item, n);
    mem_free(item);
    return e;
}

/* By a condition; where more are left than may be, some of them, drawn (by order where the condition has one). */
static lorec_err hard_filter(run *r, const json_t *input)
{
    const interecagent *m = r->m;
    slice condition = slice_of(json_string_value(input));
    uint32_t *found, *place = NULL;
    size_t n, left = 0;
    TRY(mem_new(&found, (size_t)m->items.n + 1));
    lorec_err e = item_sql_where(r->d->sql, condition, found, m->items.n, &n, &r->c->sql_repairs);
    if (!e) e = mem_new(&place, (size_t)m->items.n + 1);
    for (size_t i = 0; i < r->bus->n && !e; i++) place[r->bus->item[i]] = 1;
    for (size_t i = 0; i < n && i < m->items.n && !e; i++)
        if (place[found[i]]) r->bus->item[left++] = found[i];
    if (!e) r->bus->n = left;
    if (!e && left > (size_t)m->most_candidates) {
        bool ordered = memmem(condition.p, condition.n, "ORDER BY", 8) ||
                       memmem(condition.p, condition.n, "order by", 8);
        rng draw = rng_make(XXH3_64bits_withSeed(condition.p, condition.n, m->seed), RNG_SAMPLING);
        if (!ordered) rng_shuffle(&draw, r->bus->item, left);
        r->bus->n = (size_t)m->most_candidates;
        r->c->capped++;
    }
    mem_free(found);
    mem_free(place);
    return e;
}

/* Scores of all items after these. */
static lorec_err score_after(run *r, const recommender *by, const void *self, const uint32_t *items, size_t n)
{
    query q = {.user = NO_USER, .items = items, .n = n, .now = INT64_MIN};
    return by->score(self, r->d->inner, &q, 1, r->score);
}

typedef struct scored {
    float score;
    uint32_t item, place;
} scored;

static int better(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* The candidates in order of r->score; equal ones as they stood. */
static lorec_err order(run *r)
{
    scored *all;
    agent_bus *b = r->bus;
    if (b->n == 0) return LOREC_OK;
    TRY(mem_new(&all, b->n));
    for (size_t i = 0; i < b->n; i++) {
        float s = r->score[b->item[i]];
        all[i] = (scored){isfinite(s) ? s : -INFINITY, b->item[i], (uint32_t)i};
    }
    qsort(all, b->n, sizeof *all, better);
    for (size_t i = 0; i < b->n; i++) b->item[i] = all[i].item;
    mem_free(all);
    return LOREC_OK;
}

static void leave_out(agent_bus *b, const uint32_t *list, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < b->n; i++)
        if (!among(list, n, b->item[i])) b->item[left++] = b->item[i];
    b->n = left;
}

static lorec_err soft_filter(run *r, const json_t *input)
{
    uint32_t seed[MOST_SEEDS];
    size_t n;
    TRY(named(r, input, seed, MOST_SEEDS, &n));
    if (n == 0) return err_set(LOREC_INPUT, "soft_filter: none of the titles is in the catalogue");
    TRY(score_after(r, r->m->similar, r->m->similar_self, seed, n));
    leave_out(r->bus, seed, n);
    TRY(order(r));
    size_t most = (size_t)ceil(r->m->keep_share * (double)r->bus->n);
    if (most < (size_t)r->m->wanted) most = (size_t)r->m->wanted;
    if (most < r->bus->n) r->bus->n = most;
    return LOREC_OK;
}

static lorec_err rank(run *r, const json_t *input)
{
    const interecagent *m = r->m;
    uint32_t prefer[MOST_SEEDS], unwanted[MOST_SEEDS];
    size_t n, bad;
    const char *by = json_string_value(json_object_get(input, "by"));
    TRY(named(r, json_object_get(input, "prefer"), prefer, MOST_SEEDS, &n));
    TRY(named(r, json_object_get(input, "unwanted"), unwanted, MOST_SEEDS, &bad));
    leave_out(r->bus, prefer, n);
    leave_out(r->bus, unwanted, bad);
    const uint32_t *after = n ? prefer : r->q->items; /* nothing is named: what the person had */
    size_t many = n ? n : r->q->n;
    if (strcmp(by, "popularity") == 0 || many == 0)
        for (uint32_t i = 0; i < m->items.n; i++) r->score[i] = logf((float)m->items.popularity[i] + 1);
    else if (strcmp(by, "similarity") == 0)
        TRY(score_after(r, m->similar, m->similar_self, after, many));
    else
        TRY(score_after(r, m->rank, m->rank_self, after, many));
    r->bus->ranked = true;
    return order(r);
}

/* ---- the whole -------------------------------------------------------------------------------------------------------------- */

static lorec_err begin(run *r, const uint32_t *slate, size_t n_slate)
{
    const interecagent *m = r->m;
    agent_bus *b = r->bus;
    *b = (agent_bus){.wanted = (size_t)m->wanted};
    TRY(mem_new(&r->score, (size_t)m->items.n + 1));
    TRY(mem_new(&b->item, (n_slate ? n_slate : m->items.n) + 1));
    if (!(b->tracks = json_array())) return err_set(LOREC_RESOURCE, "out of memory for a plan's run");
    for (size_t i = 0; i < n_slate; i++) b->item[b->n++] = slate[i];
    for (uint32_t i = 0; i < m->items.n && !n_slate; i++)
        if (!among(r->q->items, r->q->n, i)) b->item[b->n++] = i;
    return LOREC_OK;
}

static lorec_err run_step(run *r, const agent_step *s)
{
    size_t before = r->bus->n;
    lorec_err e = LOREC_OK;
    r->c->calls[s->tool]++;
    switch (s->tool) {
    case TOOL_LOOK_UP:
        e = look_up(r, s->input);
        break;
    case TOOL_CANDIDATES:
        e = candidates(r, s->input);
        break;
    case TOOL_HARD_FILTER:
        e = hard_filter(r, s->input);
        break;
    case TOOL_SOFT_FILTER:
        e = soft_filter(r, s->input);
        break;
    case TOOL_RANK:
        e = rank(r, s->input);
        break;
    default:
        r->bus->wanted = (size_t)json_integer_value(s->input);
        break;
    }
    if (!e && r->bus->n == 0 && before)
        e = err_set(LOREC_INPUT, "%s left nothing; ask for less", agent_tool_names[s->tool]);
    return e ? e : track(r, agent_tool_names[s->tool], before);
}

lorec_err agent_run(const interecagent *m, agent_desk *d, const query *q, const uint32_t *slate, size_t n_slate,
                    const agent_plan *p, agent_bus *bus, agent_counts *c)
{
    run r = {.m = m, .d = d, .q = q, .bus = bus, .c = c};
    lorec_err e = begin(&r, slate, n_slate);
    for (size_t i = 0; i < p->n && !e; i++) e = run_step(&r, &p->step[i]);
    mem_free(r.score);
    return e;
}

lorec_err agent_rank_plainly(const interecagent *m, agent_desk *d, const query *q, const uint32_t *slate,
                             size_t n_slate, agent_bus *bus, agent_counts *c)
{
    run r = {.m = m, .d = d, .q = q, .bus = bus, .c = c};
    json_t *input = json_pack("{s:s}", "by", "preference");
    lorec_err e = input ? begin(&r, slate, n_slate) : err_set(LOREC_RESOURCE, "out of memory for a ranking");
    if (!e) e = rank(&r, input);
    json_decref(input);
    mem_free(r.score);
    return e;
}

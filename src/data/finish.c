/* finish.c: a builder's rows sorted by user and time and frozen into a data set. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "data/builder.h"
#include "data/dataset_memory.h"

/* ---- times: one unit, seconds ----------------------------------------------------------------------------------------- */

/* From the size of the number alone: 1e11 s is the year 5138, 1e11 ms is 1973; below 1e8 (1973 as seconds) nothing is said. */
enum { UNIT_ANY, UNIT_S, UNIT_MS, UNIT_US, UNIT_NS, UNITS };
static const char *const unit_words[UNITS] = {"s", "s", "ms", "us", "ns"};
static const int64_t unit_size[UNITS] = {1, 1, 1000, 1000000, 1000000000};

static int unit_of(int64_t t)
{
    uint64_t size = t < 0 ? 0 - (uint64_t)t : (uint64_t)t;
    return size < 100000000u            ? UNIT_ANY
           : size < 100000000000u       ? UNIT_S
           : size < 100000000000000u    ? UNIT_MS
           : size < 100000000000000000u ? UNIT_US
                                        : UNIT_NS;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static lorec_err times_normalise(dataset_builder *b)
{
    if (!b->time) return LOREC_OK;
    uint64_t timed = 0, first[UNITS] = {0}, count[UNITS] = {0};
    for (uint64_t i = 0; i < b->n; i++) {
        if (b->time[i] == TIME_NONE) continue;
        timed++;
        int u = unit_of(b->time[i]);
        if (count[u]++ == 0) first[u] = i;
    }
    if (timed < b->n && timed > 0)
        return err_set(LOREC_INPUT,
                       "%llu of %llu rows have no time; give all of them one, or leave the time column out",
                       (unsigned long long)(b->n - timed), (unsigned long long)b->n);
    if (timed == 0) {
        mem_free(b->time);
        b->time = NULL;
        return LOREC_OK;
    }
    int unit = UNIT_ANY;
    for (int u = UNIT_S; u < UNITS; u++) {
        if (!count[u]) continue;
        if (unit != UNIT_ANY)
            return err_set(
                LOREC_INPUT,
                "times in different units: %lld (row %llu) is in %s and %lld (row %llu) in %s; convert them to one",
                (long long)b->time[first[unit]], (unsigned long long)first[unit] + 1, unit_words[unit],
                (long long)b->time[first[u]], (unsigned long long)first[u] + 1, unit_words[u]);
        unit = u;
    }
    if (unit_size[unit] != 1) {
        /* The order is decided before the digits go: the sort below sees whole units, ties keep the source's order. */
        TRY(dataset_builder_note(b, "time_unit", json_string(unit_words[unit])));
    }
    return LOREC_OK;
}

static int64_t builder_time_unit(const dataset_builder *b)
{
    const char *word = json_string_value(json_object_get(b->manifest, "time_unit"));
    for (int u = 0; word && u < UNITS; u++) {
        if (strcmp(word, unit_words[u]) == 0) return unit_size[u];
    }
    return 1;
}

/* ---- sorting ----------------------------------------------------------------------------------------------------------- */

typedef struct sorting {
    const dataset_builder *b;
    const uint64_t *start;
    uint32_t *order; /* [n] source rows, by user, then by time */
    uint32_t *item;
    float *rating;
    int64_t *time;
    int64_t unit;
} sorting;

typedef struct moment {
    int64_t time;
    uint32_t row;
} moment;

static int moment_compare(const void *a, const void *b)
{
    const moment *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static bool in_order(const int64_t *time, const uint32_t *row, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (time[row[i]] < time[row[i - 1]]) return false;
    }
    return true;
}

static lorec_err sort_users(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const sorting *s = ctx;
    const dataset_builder *b = s->b;
    moment *m = NULL;
    size_t cap = 0;
    lorec_err e = LOREC_OK;
    for (size_t u = begin; u < end; u++) {
        uint32_t *row = s->order + s->start[u];
        size_t n = (size_t)(s->start[u + 1] - s->start[u]);
        if (b->time && !in_order(b->time, row, n)) {
            TRY_GO(e, mem_grow(&m, &cap, n), done);
            for (size_t i = 0; i < n; i++) m[i] = (moment){b->time[row[i]], row[i]};
            qsort(m, n, sizeof *m, moment_compare);
            for (size_t i = 0; i < n; i++) row[i] = m[i].row;
        }
        for (size_t i = 0; i < n; i++) {
            uint64_t to = s->start[u] + i;
            s->item[to] = b->item[row[i]];
            if (s->rating) s->rating[to] = b->rating[row[i]];
            if (s->time) s->time[to] = floor_div(b->time[row[i]], s->unit);
        }
    }
done:
    mem_free(m);
    return e;
}

/* Counting sort by user: equal users keep the source's order. */
static lorec_err order_by_user(const dataset_builder *b, uint32_t n_users, uint64_t *start, uint32_t *order)
{
    uint64_t *at;
    TRY(mem_new(&at, n_users));
    for (uint64_t i = 0; i < b->n; i++) at[b->user[i]]++;
    for (uint32_t u = 0; u < n_users; u++) {
        start[u + 1] = start[u] + at[u];
        at[u] = start[u];
    }
    for (uint64_t i = 0; i < b->n; i++) order[at[b->user[i]]++] = (uint32_t)i;
    mem_free(at);
    return LOREC_OK;
}

#define keep_new(memory, out, n) (mem_new((out), (n)) ? LOREC_RESOURCE : dataset_memory_keep((memory), *(out)))

static bool any_rating(const dataset_builder *b)
{
    for (uint64_t i = 0; b->rating && i < b->n; i++) {
        if (!isnan(b->rating[i])) return true;
    }
    return false;
}

static lorec_err rows_finish(dataset_builder *b, dataset *out, uint32_t *order)
{
    uint64_t *start;
    uint32_t n_users = b->users.n;
    TRY(keep_new(out->memory, &start, (size_t)n_users + 1));
    TRY(order_by_user(b, n_users, start, order));
    mem_free(b->user); /* by now in the order: the peak stays lower */
    b->user = NULL;
    b->user_cap = 0;
    sorting s = {.b = b, .start = start, .order = order, .unit = builder_time_unit(b)};
    TRY(keep_new(out->memory, &s.item, b->n));
    if (any_rating(b)) TRY(keep_new(out->memory, &s.rating, b->n));
    if (b->time) TRY(keep_new(out->memory, &s.time, b->n));
    TRY(par_each(n_users, 64, sort_users, &s));
    out->rows = (interactions){.n_users = n_users,
                               .n_items = b->items.n,
                               .n = b->n,
                               .start = start,
                               .item = s.item,
                               .rating = s.rating,
                               .time = s.time};
    mem_free(b->item);
    mem_free(b->rating);
    mem_free(b->time);
    b->item = NULL, b->rating = NULL, b->time = NULL;
    return LOREC_OK;
}

/* ---- columns and ids ---------------------------------------------------------------------------------------------------- */

static lorec_err add_unseen(ids *seen, const ids *cells)
{
    uint32_t number;
    for (uint32_t i = 0; i < cells->n; i++) TRY(ids_add(seen, ids_name(cells, i), &number));
    return LOREC_OK;
}

static lorec_err numbers_of(const ids *cells, const ids *seen, uint32_t **number)
{
    TRY(mem_new(number, (size_t)cells->n + 1));
    for (uint32_t i = 0; i < cells->n; i++) {
        if (!ids_find(seen, ids_name(cells, i), &(*number)[i])) (*number)[i] = UINT32_MAX;
    }
    return LOREC_OK;
}

/* place[source row]: where it is after sorting. */
static lorec_err places(const uint32_t *order, uint64_t n, uint32_t **place)
{
    TRY(mem_new(place, n));
    for (uint64_t i = 0; i < n; i++) (*place)[order[i]] = (uint32_t)i;
    return LOREC_OK;
}

static lorec_err columns_finish(dataset_builder *b, dataset *out, const uint32_t *order)
{
    uint32_t *number[3] = {NULL};
    lorec_err e;
    TRY_GO(e, mem_new(&out->columns, b->n_columns), done);
    TRY_GO(e, numbers_of(&b->cell_users, &b->users, &number[SIDE_USER]), done);
    TRY_GO(e, numbers_of(&b->cell_items, &b->items, &number[SIDE_ITEM]), done);
    uint64_t size[3] = {[SIDE_USER] = b->users.n, [SIDE_ITEM] = b->items.n, [SIDE_ROW] = b->n};
    for (size_t i = 0; i < b->n_columns; i++) {
        growing_column *c = &b->columns[i];
        if (c->side == SIDE_ROW && !number[SIDE_ROW]) TRY_GO(e, places(order, b->n, &number[SIDE_ROW]), done);
        TRY_GO(e, growing_column_finish(c, number[c->side], size[c->side], out->memory, &out->columns[i]), done);
        out->n_columns = i + 1;
        growing_column_free(c);
    }
done:
    for (int side = 0; side < 3; side++) mem_free(number[side]);
    return e;
}

static lorec_err names_finish(ids *v, dataset *out, names *n)
{
    *n = (names){v->n, v->start, v->bytes};
    uint64_t *start = v->start;
    char *bytes = v->bytes;
    v->start = NULL, v->bytes = NULL;
    lorec_err e = dataset_memory_keep(out->memory, start);
    lorec_err e2 = dataset_memory_keep(out->memory, bytes);
    ids_free(v);
    return e ? e : e2;
}

static lorec_err triples_finish(dataset_builder *b, dataset *out)
{
    if (!b->n_triples) return LOREC_OK;
    out->kg = (knowledge){.n = b->n_triples, .head = b->head, .relation = b->relation, .tail = b->tail};
    uint32_t *block[] = {b->head, b->relation, b->tail};
    b->head = b->relation = b->tail = NULL;
    lorec_err e = LOREC_OK;
    for (int i = 0; i < 3; i++) {
        lorec_err kept = dataset_memory_keep(out->memory, block[i]);
        if (!e) e = kept;
    }
    TRY(e);
    TRY(names_finish(&b->entities, out, &out->kg.entities));
    return names_finish(&b->relations, out, &out->kg.relations);
}

static lorec_err manifest_finish(dataset_builder *b, dataset *out)
{
    out->manifest = b->manifest;
    b->manifest = NULL;
    json_t *m = out->manifest;
    TRY(json_put(m, "schema", json_integer(DATASET_SCHEMA)));
    TRY(json_put(m, "name", json_string(out->name)));
    TRY(json_put(m, "users", json_integer(out->rows.n_users)));
    TRY(json_put(m, "items", json_integer(out->rows.n_items)));
    TRY(json_put(m, "interactions", json_integer((json_int_t)out->rows.n)));
    return json_put(m, "sha256", json_string(out->sha256));
}

static lorec_err finish(dataset_builder *b, bool keep_unseen, dataset *out)
{
    if (b->n == 0) return err_set(LOREC_INPUT, "no interactions: there is nothing to learn from");
    TRY(times_normalise(b));
    if (keep_unseen) {
        TRY(add_unseen(&b->users, &b->cell_users));
        TRY(add_unseen(&b->items, &b->cell_items));
    }
    TRY(dataset_memory_new(out));
    TRY(mem_dup(&out->name, b->name));
    uint32_t *order;
    TRY(mem_new(&order, b->n));
    lorec_err e = rows_finish(b, out, order);
    if (!e) e = columns_finish(b, out, order);
    mem_free(order);
    TRY(e);
    TRY(names_finish(&b->users, out, &out->user_ids));
    TRY(names_finish(&b->items, out, &out->item_ids));
    TRY(triples_finish(b, out));
    TRY(dataset_hash(out));
    return manifest_finish(b, out);
}

lorec_err dataset_builder_finish(dataset_builder *b, bool keep_unseen, dataset *out)
{
    *out = (dataset){0};
    lorec_err e = finish(b, keep_unseen, out);
    dataset_builder_free(b);
    if (e) dataset_close(out);
    return e;
}

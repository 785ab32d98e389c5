#include "data/builder.h"

#include <math.h>

#include "base/mem.h"
#include "data/dataset_memory.h"

dataset_builder *dataset_builder_new(const char *name)
{
    dataset_builder *b;
    if (mem_new(&b, 1) != LOREC_OK) return NULL;
    b->manifest = json_object();
    if (!b->manifest || mem_dup(&b->name, name) != LOREC_OK) {
        if (!b->manifest) err_set(LOREC_RESOURCE, "out of memory for a manifest");
        dataset_builder_free(b);
        return NULL;
    }
    return b;
}

void dataset_builder_free(dataset_builder *b)
{
    if (!b) return;
    ids_free(&b->users);
    ids_free(&b->items);
    ids_free(&b->cell_users);
    ids_free(&b->cell_items);
    mem_free(b->user);
    mem_free(b->item);
    mem_free(b->rating);
    mem_free(b->time);
    for (size_t i = 0; i < b->n_columns; i++) growing_column_free(&b->columns[i]);
    mem_free(b->columns);
    ids_free(&b->entities);
    ids_free(&b->relations);
    mem_free(b->head);
    mem_free(b->relation);
    mem_free(b->tail);
    mem_free(b->name);
    json_decref(b->manifest);
    mem_free(b);
}

/* Room for n rows; a rating or time column appears with the first row that has one, empty for the rows before. */
static lorec_err rows_reserve(dataset_builder *b, uint64_t n, bool rated, bool timed)
{
    if (n >= UINT32_MAX) return err_set(LOREC_RESOURCE, "more than %u rows in one data set", UINT32_MAX - 1);
    TRY(mem_grow(&b->user, &b->user_cap, n));
    TRY(mem_grow(&b->item, &b->item_cap, n));
    if (b->rating || rated) {
        bool fresh = !b->rating;
        TRY(mem_grow(&b->rating, &b->rating_cap, n));
        for (uint64_t i = 0; fresh && i < b->n; i++) b->rating[i] = NAN;
    }
    if (b->time || timed) {
        bool fresh = !b->time;
        TRY(mem_grow(&b->time, &b->time_cap, n));
        for (uint64_t i = 0; fresh && i < b->n; i++) b->time[i] = TIME_NONE;
    }
    return LOREC_OK;
}

lorec_err dataset_builder_row(dataset_builder *b, const raw_row *row)
{
    TRY(rows_reserve(b, b->n + 1, !isnan(row->rating), row->time != TIME_NONE));
    TRY(ids_add(&b->users, row->user, &b->user[b->n]));
    TRY(ids_add(&b->items, row->item, &b->item[b->n]));
    if (b->rating) b->rating[b->n] = row->rating;
    if (b->time) b->time[b->n] = row->time;
    b->n++;
    return LOREC_OK;
}

static lorec_err ids_merge(ids *into, const ids *from, uint32_t **number)
{
    TRY(mem_new(number, (size_t)from->n + 1));
    for (uint32_t i = 0; i < from->n; i++) TRY(ids_add(into, ids_name(from, i), &(*number)[i]));
    return LOREC_OK;
}

/* A second file's rows behind the first's: numbers are translated by name. */
static lorec_err rows_append(dataset_builder *b, const ids *users, const ids *items, const uint32_t *user,
                             const uint32_t *item, const float *rating, const int64_t *time, uint64_t n)
{
    uint32_t *new_user = NULL, *new_item = NULL;
    lorec_err e;
    TRY_GO(e, rows_reserve(b, b->n + n, rating != NULL, time != NULL), done);
    TRY_GO(e, ids_merge(&b->users, users, &new_user), done);
    TRY_GO(e, ids_merge(&b->items, items, &new_item), done);
    for (uint64_t i = 0; i < n; i++) {
        b->user[b->n + i] = new_user[user[i]];
        b->item[b->n + i] = new_item[item[i]];
        if (b->rating) b->rating[b->n + i] = rating ? rating[i] : NAN;
        if (b->time) b->time[b->n + i] = time ? time[i] : TIME_NONE;
    }
    b->n += n;
done:
    mem_free(new_user);
    mem_free(new_item);
    return e;
}

lorec_err dataset_builder_bulk(dataset_builder *b, ids *users, ids *items, uint32_t *user, uint32_t *item,
                               float *rating, int64_t *time, uint64_t n)
{
    lorec_err e = LOREC_OK;
    if (n >= UINT32_MAX) {
        e = err_set(LOREC_RESOURCE, "more than %u rows in one data set", UINT32_MAX - 1);
    } else if (b->n == 0 && b->users.n == 0 && b->items.n == 0) {
        mem_free(b->user);
        mem_free(b->item);
        mem_free(b->rating);
        mem_free(b->time);
        b->users = *users, b->items = *items;
        b->user = user, b->item = item, b->rating = rating, b->time = time, b->n = n;
        b->user_cap = b->item_cap = n;
        b->rating_cap = rating ? n : 0;
        b->time_cap = time ? n : 0;
        *users = *items = (ids){0};
        return LOREC_OK;
    } else {
        e = rows_append(b, users, items, user, item, rating, time, n);
    }
    ids_free(users);
    ids_free(items);
    mem_free(user);
    mem_free(item);
    mem_free(rating);
    mem_free(time);
    return e;
}

lorec_err dataset_builder_triple(dataset_builder *b, slice head, slice relation, slice tail)
{
    size_t n = b->n_triples;
    TRY(mem_grow(&b->head, &b->head_cap, n + 1));
    TRY(mem_grow(&b->relation, &b->relation_cap, n + 1));
    TRY(mem_grow(&b->tail, &b->tail_cap, n + 1));
    TRY(ids_add(&b->entities, head, &b->head[n]));
    TRY(ids_add(&b->relations, relation, &b->relation[n]));
    TRY(ids_add(&b->entities, tail, &b->tail[n]));
    b->n_triples++;
    return LOREC_OK;
}

/* A name or path as it may stand in JSON, which is UTF-8 only. */
static json_t *json_path(const char *path)
{
    json_t *s = json_string(path);
    if (s) return s;
    buf b = {0};
    if (buf_add_latin1(&b, slice_of(path)) == LOREC_OK) s = json_string(b.p);
    buf_free(&b);
    return s;
}

lorec_err dataset_builder_source(dataset_builder *b, const char *path)
{
    char hex[65];
    TRY(file_sha256(path, hex));
    json_t *list = json_object_get(b->manifest, "sources");
    if (!list) {
        list = json_array();
        TRY(json_put(b->manifest, "sources", list));
    }
    json_t *one = json_pack("{s:o, s:s}", "file", json_path(path_base(path)), "sha256", hex);
    if (!one || json_array_append_new(list, one) != 0)
        return err_set(LOREC_RESOURCE, "out of memory while the manifest was written");
    return LOREC_OK;
}

lorec_err dataset_builder_note(dataset_builder *b, const char *key, json_t *value)
{
    return json_put(b->manifest, key, value);
}

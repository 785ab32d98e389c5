/* The public face of data sets (include/lorec/lorec.h) over data/. */
#include <math.h>

#include "api/handles.h"

lorec_err lorec_dataset_load(lorec_dataset **out, const char *path_or_name, const char *format)
{
    lorec_dataset *d;
    *out = NULL;
    TRY(mem_new(&d, 1));
    lorec_err e = dataset_load(&d->data, path_or_name, &(import_options){.format = format});
    if (e) {
        mem_free(d);
        return e;
    }
    *out = d;
    return LOREC_OK;
}

lorec_err lorec_dataset_save(const lorec_dataset *d, const char *folder)
{
    return dataset_save(&d->data, folder);
}

void lorec_dataset_free(lorec_dataset *d)
{
    if (!d) return;
    dataset_close(&d->data);
    mem_free(d);
}

const char *lorec_dataset_name(const lorec_dataset *d)
{
    return d->data.name;
}

uint32_t lorec_dataset_users(const lorec_dataset *d)
{
    return d->data.rows.n_users;
}

uint32_t lorec_dataset_items(const lorec_dataset *d)
{
    return d->data.rows.n_items;
}

uint64_t lorec_dataset_interactions(const lorec_dataset *d)
{
    return d->data.rows.n;
}

lorec_err lorec_dataset_columns(const lorec_dataset *d, lorec_columns *out)
{
    const interactions *x = &d->data.rows;
    lorec_columns all = {.start = x->start, .item = x->item, .rating = x->rating, .time = x->time}, given = {0};
    TRY(struct_given(&given, sizeof given, out, "lorec_columns"));
    all.size = given.size;
    memcpy(out, &all, given.size);
    return LOREC_OK;
}

static const char *name_of(const names *v, uint32_t i, size_t *n)
{
    *n = 0;
    if (i >= v->n) return NULL;
    slice s = names_at(v, i);
    *n = s.n;
    return s.p;
}

const char *lorec_dataset_user(const lorec_dataset *d, uint32_t user, size_t *n)
{
    return name_of(&d->data.user_ids, user, n);
}

const char *lorec_dataset_item(const lorec_dataset *d, uint32_t item, size_t *n)
{
    return name_of(&d->data.item_ids, item, n);
}

const char *lorec_dataset_title(const lorec_dataset *d, uint32_t item, size_t *n)
{
    *n = 0;
    if (item >= d->data.rows.n_items) return NULL;
    slice s = dataset_title(&d->data, item);
    *n = s.n;
    return s.p;
}

/* ---- rows in memory -------------------------------------------------------------------------------------------------------- */

/* Whole numbers or places in a table -> numbers by first sight, as everywhere; number[] is theirs to ours where there is a
 * table. */
static lorec_err number_ids(const char *what, const int64_t *given, uint64_t n, const char *const *table,
                            size_t n_table, ids *seen, uint32_t *out)
{
    uint32_t *number = NULL;
    lorec_err e = LOREC_OK;
    if (!given) return err_set(LOREC_USAGE, "lorec_rows.%s is missing", what);
    if (table) TRY(mem_new(&number, n_table));
    for (size_t i = 0; table && i < n_table; i++) number[i] = UINT32_MAX;
    for (uint64_t r = 0; r < n && !e; r++) {
        char text[24];
        bool inside = given[r] >= 0 && (uint64_t)given[r] < n_table;
        if (table && !inside)
            e = err_set(LOREC_INPUT, "row %llu: %s %lld is no place in a table of %zu", (unsigned long long)r, what,
                        (long long)given[r], n_table);
        else if (table && number[given[r]] != UINT32_MAX)
            out[r] = number[given[r]];
        else if (table) {
            if (!utf8_valid(slice_of(table[given[r]])))
                e = err_set(LOREC_INPUT, "row %llu: the id of its %s is not UTF-8", (unsigned long long)r, what);
            if (!e) e = ids_add(seen, slice_of(table[given[r]]), &out[r]);
            number[given[r]] = out[r];
        } else {
            int length = snprintf(text, sizeof text, "%lld", (long long)given[r]);
            e = ids_add(seen, (slice){text, (size_t)length}, &out[r]);
        }
    }
    mem_free(number);
    return e;
}

static lorec_err check_ratings(const float *rating, uint64_t n)
{
    for (uint64_t r = 0; rating && r < n; r++)
        if (isinf(rating[r]))
            return err_set(LOREC_INPUT, "row %llu: an infinite rating; NaN stands for none", (unsigned long long)r);
    return LOREC_OK;
}

static lorec_err add_rows(dataset_builder *b, const lorec_rows *x)
{
    ids users = {0}, items = {0};
    uint32_t *user = NULL, *item = NULL;
    float *rating = NULL;
    int64_t *time = NULL;
    lorec_err e;
    TRY_GO(e, check_ratings(x->rating, x->n), fail);
    TRY_GO(e, mem_new(&user, x->n), fail);
    TRY_GO(e, mem_new(&item, x->n), fail);
    if (x->rating) TRY_GO(e, mem_new(&rating, x->n), fail);
    if (x->time) TRY_GO(e, mem_new(&time, x->n), fail);
    TRY_GO(e, number_ids("user", x->user, x->n, x->user_id, x->n_user_id, &users, user), fail);
    TRY_GO(e, number_ids("item", x->item, x->n, x->item_id, x->n_item_id, &items, item), fail);
    if (rating) memcpy(rating, x->rating, x->n * sizeof *rating);
    if (time) memcpy(time, x->time, x->n * sizeof *time);
    return dataset_builder_bulk(b, &users, &items, user, item, rating, time, x->n); /* takes all of it */
fail:
    ids_free(&users);
    ids_free(&items);
    mem_free(user);
    mem_free(item);
    mem_free(rating);
    mem_free(time);
    return e;
}

static lorec_err add_titles(dataset_builder *b, const lorec_rows *x)
{
    for (size_t i = 0; x->item_id && x->item_title && i < x->n_item_id; i++) {
        if (!x->item_title[i]) continue;
        if (!utf8_valid(slice_of(x->item_title[i])))
            return err_set(LOREC_INPUT, "the title of item %s is not UTF-8", x->item_id[i]);
        TRY(dataset_builder_cell(b, SIDE_ITEM, "title", COLUMN_TEXT, slice_of(x->item_id[i]),
                                 slice_of(x->item_title[i]), 0));
    }
    return LOREC_OK;
}

lorec_err lorec_dataset_from_rows(lorec_dataset **out, const lorec_rows *rows)
{
    lorec_rows x = {0};
    *out = NULL;
    TRY(struct_given(&x, sizeof x, rows, "lorec_rows"));
    if (x.n == 0) return err_set(LOREC_INPUT, "no rows: a data set needs at least one interaction");
    if (x.n >= UINT32_MAX) return err_set(LOREC_RESOURCE, "more than %u rows in one data set", UINT32_MAX - 1);
    dataset_builder *b = dataset_builder_new(x.name ? x.name : "memory");
    if (!b) return LOREC_RESOURCE;
    lorec_dataset *d = NULL;
    lorec_err e = mem_new(&d, 1);
    if (!e) e = add_rows(b, &x);
    if (!e) e = add_titles(b, &x);
    if (!e)
        e = dataset_builder_finish(b, false, &d->data); /* frees b, also on failure */
    else
        dataset_builder_free(b);
    if (e) {
        mem_free(d);
        return e;
    }
    *out = d;
    return LOREC_OK;
}

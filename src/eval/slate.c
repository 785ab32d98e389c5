#include "eval/slate.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/order.h"

/* One line read: a user and some items at the end of `item`. */
typedef struct slate_row {
    uint32_t user;
    uint64_t start;
    uint32_t n;
} slate_row;

typedef struct slate_reader {
    const dataset *data;
    const char *path;
    size_t line;
    ids items; /* the data set's item ids, to find numbers */
    slate_row *row;
    uint32_t *item, *sorted;
    size_t n_rows, row_cap, n_items, item_cap, sorted_cap;
} slate_reader;

static lorec_err row_begin(slate_reader *r, slice user)
{
    uint32_t u;
    if (!user.n) return err_set(LOREC_INPUT, "%s, line %zu: no user", r->path, r->line);
    if (!dataset_find_user(r->data, user, &u))
        return err_set(LOREC_INPUT, "%s, line %zu: user \"%.*s\" is not in %s", r->path, r->line,
                       (int)(user.n < 80 ? user.n : 80), user.p, r->data->name);
    TRY(mem_grow(&r->row, &r->row_cap, r->n_rows + 1));
    r->row[r->n_rows++] = (slate_row){u, r->n_items, 0};
    return LOREC_OK;
}

static lorec_err row_item(slate_reader *r, slice item)
{
    uint32_t i;
    if (!ids_find(&r->items, item, &i))
        return err_set(LOREC_INPUT, "%s, line %zu: item \"%.*s\" is not in %s", r->path, r->line,
                       (int)(item.n < 80 ? item.n : 80), item.p, r->data->name);
    TRY(mem_grow(&r->item, &r->item_cap, r->n_items + 1));
    r->item[r->n_items++] = i;
    r->row[r->n_rows - 1].n++;
    return LOREC_OK;
}

static lorec_err row_of_tsv(slate_reader *r, slice line)
{
    char separator = memchr(line.p, '\t', line.n) ? '\t' : ' ';
    TRY(row_begin(r, slice_trim(slice_cut(&line, separator))));
    while (line.n) {
        slice item = slice_trim(slice_cut(&line, separator));
        if (item.n) TRY(row_item(r, item));
    }
    return LOREC_OK;
}

static lorec_err json_id(const slate_reader *r, const json_t *v, char number[24], slice *out)
{
    if (json_is_string(v)) {
        *out = (slice){json_string_value(v), json_string_length(v)};
        return LOREC_OK;
    }
    if (!json_is_integer(v))
        return err_set(LOREC_INPUT, "%s, line %zu: ids have to be strings or whole numbers", r->path, r->line);
    snprintf(number, 24, "%lld", (long long)json_integer_value(v));
    *out = slice_of(number);
    return LOREC_OK;
}

static lorec_err row_of_json(slate_reader *r, slice line)
{
    json_t *tree;
    char number[24];
    slice id;
    lorec_err e = json_parse(&tree, line.p, line.n, r->path);
    if (e) return err_context(e, "line %zu", r->line);
    const json_t *items = json_object_get(tree, "items"), *item;
    size_t i;
    if (!json_is_array(items)) {
        e = err_set(LOREC_INPUT, "%s, line %zu: {\"user\": id, \"items\": [id, ...]} is due", r->path, r->line);
        goto done;
    }
    TRY_GO(e, json_id(r, json_object_get(tree, "user"), number, &id), done);
    TRY_GO(e, row_begin(r, id), done);
    json_array_foreach(items, i, item)
    {
        TRY_GO(e, json_id(r, item, number, &id), done);
        TRY_GO(e, row_item(r, id), done);
    }
done:
    json_decref(tree);
    return e;
}

/* Checked on a sorted copy: an item that stands twice would have two places. */
static lorec_err row_end(slate_reader *r)
{
    slate_row *row = &r->row[r->n_rows - 1];
    if (!row->n) return err_set(LOREC_INPUT, "%s, line %zu: a user without items", r->path, r->line);
    TRY(mem_grow(&r->sorted, &r->sorted_cap, row->n));
    uint32_t *item = r->sorted;
    memcpy(item, r->item + row->start, row->n * sizeof *item);
    sort_u32(item, row->n);
    for (uint32_t i = 1; i < row->n; i++) {
        slice name = names_at(&r->data->item_ids, item[i]);
        if (item[i] == item[i - 1])
            return err_set(LOREC_INPUT, "%s, line %zu: item \"%.*s\" stands twice", r->path, r->line, (int)name.n,
                           name.p);
    }
    return LOREC_OK;
}

static lorec_err rows_read(slate_reader *r)
{
    lines l;
    slice line;
    TRY(lines_open(&l, r->path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        r->line = l.number;
        line = slice_trim(line);
        if (!line.n) continue;
        e = line.p[0] == '{' ? row_of_json(r, line) : row_of_tsv(r, line);
        if (!e) e = row_end(r);
    }
    if (e) {
        (void)lines_close(&l);
        return e;
    }
    TRY(lines_close(&l));
    return r->n_rows ? LOREC_OK
                     : err_set(LOREC_INPUT, "%s: no slates in it; one line a user: user item item ...", r->path);
}

/* Rows in order of the file -> lists by user. */
static lorec_err rows_by_user(slate_reader *r, protocol *p)
{
    uint32_t n_users = r->data->rows.n_users, *row_of = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&row_of, n_users), done);
    TRY_GO(e, mem_new(&p->start, (size_t)n_users + 1), done);
    TRY_GO(e, mem_new(&p->candidate, r->n_items), done);
    for (size_t i = 0; i < r->n_rows; i++) {
        slice name = names_at(&r->data->user_ids, r->row[i].user);
        if (row_of[r->row[i].user]) {
            e = err_set(LOREC_INPUT, "%s: user \"%.*s\" has two slates", r->path, (int)name.n, name.p);
            goto done;
        }
        row_of[r->row[i].user] = (uint32_t)i + 1;
    }
    for (uint32_t u = 0; u < n_users; u++) {
        p->start[u + 1] = p->start[u];
        if (!row_of[u]) continue;
        const slate_row *row = &r->row[row_of[u] - 1];
        memcpy(p->candidate + p->start[u], r->item + row->start, row->n * sizeof *p->candidate);
        sort_u32(p->candidate + p->start[u], row->n);
        p->start[u + 1] += row->n;
    }
done:
    mem_free(row_of);
    return e;
}

static void reader_free(slate_reader *r)
{
    ids_free(&r->items);
    mem_free(r->row);
    mem_free(r->item);
    mem_free(r->sorted);
}

static lorec_err reader_read(slate_reader *r)
{
    const names *known = &r->data->item_ids;
    uint32_t number;
    for (uint32_t i = 0; i < known->n; i++) TRY(ids_add(&r->items, names_at(known, i), &number));
    return rows_read(r);
}

lorec_err slate_read(protocol *p, const char *path)
{
    slate_reader r = {.data = p->split->data, .path = path};
    lorec_err e = file_sha256(path, p->slate_sha256);
    if (!e) e = reader_read(&r);
    if (!e) e = rows_by_user(&r, p);
    reader_free(&r);
    return e;
}

lorec_err slate_lists_read(slate_lists *out, const dataset *d, const char *path)
{
    *out = (slate_lists){0};
    slate_reader r = {.data = d, .path = path};
    lorec_err e = reader_read(&r);
    if (!e) e = mem_new(&out->user, r.n_rows);
    if (!e) e = mem_new(&out->start, r.n_rows + 1);
    for (size_t i = 0; i < r.n_rows && !e; i++) {
        out->user[i] = r.row[i].user;
        out->start[i + 1] = r.row[i].start + r.row[i].n; /* rows lie end to end */
    }
    if (!e) {
        out->n = r.n_rows;
        out->item = r.item;
        r.item = NULL;
    } else {
        slate_lists_free(out);
    }
    reader_free(&r);
    return e;
}

void slate_lists_free(slate_lists *l)
{
    mem_free(l->user);
    mem_free(l->start);
    mem_free(l->item);
    *l = (slate_lists){0};
}

lorec_err slate_write(const protocol *p, const char *path)
{
    const dataset *d = p->split->data;
    writer w;
    TRY(writer_open(&w, path));
    for (uint32_t u = 0; u < d->rows.n_users; u++) {
        if (p->start[u] == p->start[u + 1]) continue;
        slice id = names_at(&d->user_ids, u);
        writer_put(&w, id.p, id.n);
        for (uint64_t k = p->start[u]; k < p->start[u + 1]; k++) {
            id = names_at(&d->item_ids, p->candidate[k]);
            writer_put(&w, "\t", 1);
            writer_put(&w, id.p, id.n);
        }
        writer_put(&w, "\n", 1);
    }
    return writer_commit(&w);
}

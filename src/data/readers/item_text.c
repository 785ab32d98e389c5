#include "data/item_text.h"

#include "base/mem.h"
#include "data/readers/columns.h"
#include "data/readers/json_rows.h"

static lorec_err read_head(const char *path, buf *head)
{
    lines l;
    TRY(lines_open(&l, path));
    slice line;
    lorec_err e = LOREC_OK;
    for (int i = 0; !e && i < 64 && lines_next(&l, &line); i++) {
        e = buf_add(head, line.p, line.n);
        if (!e) e = buf_add(head, "\n", 1);
    }
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

/* Whether a row's cells are taken: it names an item, one of the interactions' unless all are kept. */
static bool wanted(const importing *in, slice who)
{
    uint32_t number;
    return who.n && (in->options->keep_unseen || ids_find(&in->builder->items, who, &number));
}

/* The column that has the most values among the interactions' item ids, in the first lines. */
static int id_column(const importing *in, const layout *l, slice head)
{
    uint32_t hits[64] = {0}, number;
    slice_cut(&head, '\n');
    while (head.n) {
        slice line = slice_cut(&head, '\n');
        for (int i = 0; i < l->n && i < 64; i++) {
            slice cell = slice_trim(slice_cut_text(&line, l->separator));
            if (cell.n >= 2 && cell.p[0] == '"' && cell.p[cell.n - 1] == '"') cell.p++, cell.n -= 2;
            hits[i] += cell.n && ids_find(&in->builder->items, cell, &number);
        }
    }
    int best = -1;
    for (int i = 0; i < l->n && i < 64; i++) {
        if (hits[i] && (best < 0 || hits[i] > hits[best])) best = i;
    }
    return best;
}

/* A cell that is a JSON or Python list, ["Beauty", "Makeup"], as words. */
static lorec_err put_list(importing *in, const char *name, slice who, slice value, buf *json, buf *flat)
{
    buf_clear(flat);
    TRY(python_to_json(json, value));
    json_t *list = json_loadb(json->p, json->n, 0, NULL);
    lorec_err e = list ? json_flatten(flat, list, LIST_SEPARATOR) : buf_add(flat, value.p, value.n);
    json_decref(list);
    if (!e)
        e = dataset_builder_cell(in->builder, SIDE_ITEM, name, COLUMN_TOKEN_SEQ, who, (slice){flat->p, flat->n},
                                 LIST_SEPARATOR);
    return e;
}

typedef struct joining {
    importing *in;
    const layout *l;
    int id;
    signed char list[ROW_COLUMNS_MAX]; /* 0: nothing seen yet, 1: lists, -1: text; settled by the first value */
    buf json, flat;
} joining;

static lorec_err take(joining *j, const table *t)
{
    const layout *l = j->l;
    slice who = t->cell[j->id];
    if (!wanted(j->in, who)) return LOREC_OK;
    for (int i = 0; i < l->n && i < ROW_COLUMNS_MAX; i++) {
        slice value = slice_trim(t->cell[i]);
        if (i == j->id || value.n == 0 || l->names[i][0] == 0) continue;
        if (!j->list[i]) j->list[i] = value.p[0] == '[' && value.p[value.n - 1] == ']' && i != l->title ? 1 : -1;
        if (j->list[i] > 0) {
            char name[128];
            snprintf(name, sizeof name, "%s", l->names[i]);
            size_t n = strlen(name);
            if (n > 5 && strcmp(name + n - 5, "_json") == 0) name[n - 5] = 0;
            TRY(put_list(j->in, name, who, value, &j->json, &j->flat));
        } else {
            TRY(dataset_builder_cell(j->in->builder, SIDE_ITEM, i == l->title ? "title" : l->names[i], COLUMN_TEXT, who,
                                     value, 0));
        }
    }
    return LOREC_OK;
}

static lorec_err take_json(importing *in, const json_rows *j, const char *path, buf *scratch)
{
    char room[32];
    slice who;
    if (j->fault) return import_bad_row(in, path, j->line, "%s", j->fault);
    /* The id is the first of the usual keys that the interactions know. */
    for (const char *const *key = json_item_keys(); *key; key++) {
        const json_t *v = json_object_get(j->object, *key);
        if (!v || !json_text(v, room, &who)) continue;
        if (wanted(in, who)) return json_item_cells(in->builder, j->object, who, scratch);
    }
    return LOREC_OK;
}

lorec_err json_items_join(importing *in, const char *path)
{
    json_rows j;
    buf scratch = {0};
    TRY(dataset_builder_source(in->builder, path));
    TRY(json_rows_open(&j, path));
    lorec_err e = LOREC_OK;
    while (!e && json_rows_next(&j)) e = take_json(in, &j, path, &scratch);
    lorec_err closed = json_rows_close(&j);
    buf_free(&scratch);
    return e ? e : closed;
}

lorec_err item_text_join(importing *in, const char *path)
{
    buf head = {0};
    layout l = {0};
    table t = {0};
    joining j = {.in = in, .l = &l};
    lorec_err e;
    TRY_GO(e, read_head(path, &head), done);
    if (head.n == 0) TRY_GO(e, err_set(LOREC_INPUT, "%s: is empty", path), done);
    if (json_looks((slice){head.p, head.n})) {
        e = json_items_join(in, path);
        goto done;
    }
    TRY_GO(e, layout_guess(&l, path, (slice){head.p, head.n}), done);
    if (!l.names)
        TRY_GO(e,
               err_set(LOREC_INPUT,
                       "%s, line 1: no header; the first line has to name the columns, as in: item_id,title", path),
               done);
    int id = id_column(in, &l, (slice){head.p, head.n});
    j.id = id >= 0 ? id : l.item >= 0 ? l.item : 0;
    TRY_GO(e, dataset_builder_source(in->builder, path), done);
    TRY_GO(e, table_open(&t, path, &(table_form){.separator = l.separator, .quoted = l.quoted}), done);
    bool header = true;
    while (!e && table_next(&t)) {
        bool skip = header;
        header = false;
        if (skip) continue;
        if (t.fault)
            e = import_bad_row(in, path, t.line, "%s", t.fault);
        else if (t.n != (size_t)l.n)
            e = import_bad_row(in, path, t.line, "%zu columns where the header has %d", t.n, l.n);
        else
            e = take(&j, &t);
    }
    lorec_err closed = table_close(&t);
    if (!e) e = closed;
done:
    buf_free(&j.json);
    buf_free(&j.flat);
    layout_free(&l);
    buf_free(&head);
    return e;
}

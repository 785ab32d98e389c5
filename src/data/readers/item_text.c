#include "data/item_text.h"

#include "base/mem.h"
#include "data/readers/columns.h"

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

static lorec_err take(importing *in, const layout *l, const table *t, int id)
{
    slice who = t->cell[id];
    uint32_t number;
    if (!in->options->keep_unseen && !ids_find(&in->builder->items, who, &number)) return LOREC_OK;
    for (int i = 0; i < l->n; i++) {
        slice value = slice_trim(t->cell[i]);
        if (i == id || value.n == 0 || l->names[i][0] == 0) continue;
        TRY(dataset_builder_cell(in->builder, SIDE_ITEM, i == l->title ? "title" : l->names[i], COLUMN_TEXT, who, value,
                                 0));
    }
    return LOREC_OK;
}

lorec_err item_text_join(importing *in, const char *path)
{
    buf head = {0};
    layout l = {0};
    table t = {0};
    lorec_err e;
    TRY_GO(e, read_head(path, &head), done);
    if (head.n == 0) TRY_GO(e, err_set(LOREC_INPUT, "%s: is empty", path), done);
    TRY_GO(e, layout_guess(&l, path, (slice){head.p, head.n}), done);
    if (!l.names)
        TRY_GO(e,
               err_set(LOREC_INPUT,
                       "%s, line 1: no header; the first line has to name the columns, as in: item_id,title", path),
               done);
    int id = id_column(in, &l, (slice){head.p, head.n});
    if (id < 0) id = l.item >= 0 ? l.item : 0;
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
            e = take(in, &l, &t, id);
    }
    lorec_err closed = table_close(&t);
    if (!e) e = closed;
done:
    layout_free(&l);
    buf_free(&head);
    return e;
}

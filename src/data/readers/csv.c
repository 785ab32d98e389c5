/* csv.c: any delimited file with one interaction a row. */
#include "base/log.h"
#include "base/mem.h"
#include "data/readers/columns.h"

static int likes(const importing *in)
{
    if (in->is_folder || (in->head.n && in->head.p[0] == '[')) return 0; /* JSON is no CSV */
    layout l;
    lorec_err e = layout_guess(&l, in->path, (slice){in->head.p, in->head.n});
    if (e) return e == LOREC_INPUT ? 0 : -1;
    const char *base = path_base(in->path);
    int likes = l.named ? 70 : name_ends(base, ".csv") || name_ends(base, ".tsv") ? 40 : 10;
    layout_free(&l);
    return likes;
}

static lorec_err note_columns(importing *in, const layout *l, int only_at)
{
    const struct {
        const char *role;
        int at;
    } used[] = {{"user", l->user}, {"item", l->item}, {"rating", l->rating}, {"time", l->time}, {"title", l->title}};
    json_t *note = json_object();
    for (size_t i = 0; note && i < sizeof used / sizeof *used; i++) {
        if (used[i].at < 0) continue;
        json_t *value = l->names ? json_string(l->names[used[i].at]) : NULL;
        json_object_set_new(note, used[i].role, value ? value : json_integer(used[i].at + 1));
    }
    TRY(dataset_builder_note(in->builder, "columns_read", note));
    json_t *unused = json_array();
    for (int i = 0; unused && l->names && i < l->n; i++) {
        bool is_used = layout_says(l, i) != COLUMN_FLOAT || !l->names[i][0] || i == only_at;
        for (size_t k = 0; k < sizeof used / sizeof *used; k++) is_used |= used[k].at == i;
        if (!is_used) json_array_append_new(unused, json_string(l->names[i]));
    }
    if (json_array_size(unused) == 0) {
        json_decref(unused);
        return LOREC_OK;
    }
    return dataset_builder_note(in->builder, "columns_unused", unused);
}

/* What the rows say of their items: the first row of each item counts. */
static lorec_err item_cells(importing *in, const layout *l, const table *t)
{
    slice item = t->cell[l->item];
    for (int i = 0; i < l->n; i++) {
        slice value = slice_trim(t->cell[i]);
        column_kind kind = layout_says(l, i);
        if (i == l->item || kind == COLUMN_FLOAT || !value.n) continue;
        TRY(dataset_builder_cell(in->builder, SIDE_ITEM, i == l->title ? "title" : l->names[i], kind, item, value,
                                 '|'));
    }
    return LOREC_OK;
}

static bool says_of_items(const layout *l)
{
    for (int i = 0; i < l->n; i++)
        if (i != l->item && layout_says(l, i) != COLUMN_FLOAT) return true;
    return false;
}

static lorec_err read_items(importing *in, const layout *l)
{
    table t;
    ids seen = {0};
    TRY(table_open(&t, in->path, &(table_form){.separator = l->separator, .quoted = l->quoted}));
    lorec_err e = LOREC_OK;
    bool first = l->header;
    while (!e && table_next(&t)) {
        uint32_t number, before = seen.n;
        bool header = first;
        first = false;
        if (header || t.fault || t.n != (size_t)l->n) continue; /* bad rows were told of when the rows were read */
        e = ids_add(&seen, t.cell[l->item], &number);
        if (!e && seen.n > before) e = item_cells(in, l, &t);
    }
    ids_free(&seen);
    lorec_err closed = table_close(&t);
    return e ? e : closed;
}

static lorec_err check(const importing *in, const layout *l)
{
    const char *lacks = l->user < 0 ? "user" : l->item < 0 ? "item" : NULL;
    if (!lacks && l->user != l->item) return LOREC_OK;
    if (!lacks) return err_set(LOREC_USAGE, "%s: user and item are the same column", in->path);
    buf b = {0};
    lorec_err e = LOREC_OK;
    for (int i = 0; !e && l->names && i < l->n && i < 20; i++) e = buf_printf(&b, "%s%s", i ? ", " : "", l->names[i]);
    if (!e)
        e = err_set(LOREC_INPUT,
                    "%s, line 1: no column looks like the %s (there are: %s); name it with --columns user=...,item=...",
                    in->path, lacks, b.p ? b.p : "");
    buf_free(&b);
    return e;
}

/* Blank lines before the header are skipped by everyone; the fast reader has to know how many. */
static uint32_t header_lines(const importing *in)
{
    uint32_t n = 0;
    slice rest = {in->head.p, in->head.n};
    while (rest.n) {
        n++;
        if (slice_trim(slice_cut(&rest, '\n')).n) break;
    }
    return n;
}

static lorec_err read_csv(importing *in)
{
    if (in->is_folder) return err_set(LOREC_USAGE, "%s: is a folder; name the file", in->path);
    layout l;
    TRY(layout_guess(&l, in->path, (slice){in->head.p, in->head.n}));
    lorec_err e = LOREC_OK;
    if (in->options->columns) {
        if (l.header && layout_known(&l, "user") < 0) l.user = -1; /* was guessed by its place */
        e = layout_set(&l, in->path, in->options->columns);
    }
    if (!e) e = check(in, &l);
    int only_at = -1;
    const char *only = NULL;
    if (!e && in->options->only) e = layout_only(&l, in->path, in->options->only, &only_at, &only);
    if (!e && !in->options->columns && l.header && layout_known(&l, "user") >= 0 && layout_known(&l, "item") < 0)
        log_info("%s: no column of item ids; those of \"%s\" are taken (--columns says otherwise)", in->path,
                 l.names[l.item]);
    else if (!e && !l.named && !in->options->columns)
        log_info("%s: %s; column %d is taken as the user, %d as the item (--columns says otherwise)", in->path,
                 l.header ? "no name in the header is known" : "no header", l.user + 1, l.item + 1);
    if (!e) e = dataset_builder_source(in->builder, in->path);
    if (!e) e = note_columns(in, &l, only_at);
    if (!e)
        e = rows_read(in, in->path,
                      &(row_form){.separator = l.separator,
                                  .quoted = l.quoted,
                                  .skip_lines = l.header ? header_lines(in) : 0,
                                  .user = l.user,
                                  .item = l.item,
                                  .rating = l.rating,
                                  .time = l.time,
                                  .only = only,
                                  .only_at = only_at,
                                  .columns = l.n});
    if (!e && says_of_items(&l)) e = read_items(in, &l);
    layout_free(&l);
    return e;
}

const reader reader_csv = {"csv", "any CSV or TSV with a user, an item, perhaps a rating and a time (see --columns)",
                           likes, read_csv};

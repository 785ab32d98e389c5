/* recbole.c: RecBole's atomic files: TAB, a typed header ("item_id:token", "title:token_seq", "price:float"), and for the
 * set X the files X.inter (or X.train.inter, X.valid.inter, X.test.inter), X.item, X.user, X.kg, X.link. */
#include <math.h>

#include "base/mem.h"
#include "data/readers.h"

enum { FIELDS_MAX = 256 };

typedef struct field {
    char *name;
    column_kind kind;
    bool float_seq; /* numbers in one cell: kept as words */
} field;
typedef struct header {
    field field[FIELDS_MAX];
    int n;
} header;

static void header_free(header *h)
{
    for (int i = 0; i < h->n; i++) mem_free(h->field[i].name);
    h->n = 0;
}

/* Titles are words in their order: text, though the files call them a sequence of tokens. */
static bool is_text(slice name)
{
    static const char *const text[] = {"title", "name", "description", "review", "summary", "text"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        size_t n = strlen(text[i]);
        if (name.n >= n && memcmp(name.p + name.n - n, text[i], n) == 0) return true;
    }
    return false;
}

static lorec_err header_read(header *h, const table *t)
{
    static const struct {
        const char *word;
        column_kind kind;
    } types[] = {{"token", COLUMN_TOKEN},
                 {"token_seq", COLUMN_TOKEN_SEQ},
                 {"float", COLUMN_FLOAT},
                 {"float_seq", COLUMN_TOKEN_SEQ}};
    if (t->fault) return err_set(LOREC_INPUT, "%s, line %llu: %s", t->path, (unsigned long long)t->line, t->fault);
    if (t->n > FIELDS_MAX) return err_set(LOREC_INPUT, "%s, line 1: more than %d fields", t->path, FIELDS_MAX);
    for (size_t i = 0; i < t->n; i++) {
        slice type = slice_trim(t->cell[i]), name = slice_cut(&type, ':');
        int kind = -1;
        for (int k = 0; k < 4; k++) kind = slice_is(type, types[k].word) ? k : kind;
        if (kind < 0 || name.n == 0)
            return err_set(LOREC_INPUT,
                           "%s, line 1, field %zu: \"%.*s\" is not name:type with token, token_seq, float or float_seq",
                           t->path, i + 1, (int)(t->cell[i].n < 60 ? t->cell[i].n : 60), t->cell[i].p);
        field *f = &h->field[i];
        *f = (field){.kind = types[kind].kind, .float_seq = kind == 3};
        if (f->kind == COLUMN_TOKEN_SEQ && is_text(name)) f->kind = COLUMN_TEXT;
        char copy[128];
        snprintf(copy, sizeof copy, "%.*s", (int)(name.n < 127 ? name.n : 127), name.p);
        TRY(mem_dup(&f->name, copy));
        h->n = (int)i + 1;
    }
    return LOREC_OK;
}

static int header_find(const header *h, const char *const *any)
{
    for (; *any; any++) {
        for (int i = 0; i < h->n; i++) {
            if (strcmp(h->field[i].name, *any) == 0) return i;
        }
    }
    return -1;
}

typedef struct atomic_file {
    importing *in;
    const char *path;
    header h;
    int user, item, rating, time; /* of an .inter; the id of an .item or .user is field 0 */
    column_side side;
} atomic_file;

static lorec_err put_field(atomic_file *a, const field *f, slice who, slice value)
{
    if (f->kind == COLUMN_FLOAT && value.n == 0) return LOREC_OK;
    return dataset_builder_cell(a->in->builder, a->side, f->name, f->kind, who, value, f->float_seq ? ',' : ' ');
}

static lorec_err check_floats(atomic_file *a, const table *t, bool *good)
{
    double value;
    for (int i = 0; *good && i < a->h.n; i++) {
        if (a->h.field[i].kind != COLUMN_FLOAT || t->cell[i].n == 0 || slice_to_f64(slice_trim(t->cell[i]), &value))
            continue;
        *good = false;
        return import_bad_row(a->in, a->path, t->line, "the field %s is not a number", a->h.field[i].name);
    }
    return LOREC_OK;
}

static lorec_err take_inter(atomic_file *a, const table *t)
{
    raw_row row = {.user = t->cell[a->user], .item = t->cell[a->item], .rating = NAN, .time = TIME_NONE};
    double rating;
    if (row.user.n == 0 || row.item.n == 0) return import_bad_row(a->in, a->path, t->line, "no user or item id");
    if (a->rating >= 0 && slice_to_f64(slice_trim(t->cell[a->rating]), &rating)) row.rating = (float)rating;
    if (a->time >= 0 && !parse_time(slice_trim(t->cell[a->time]), &row.time))
        return import_bad_row(a->in, a->path, t->line, "the time is not a number");
    TRY(dataset_builder_row(a->in->builder, &row));
    for (int i = 0; i < a->h.n; i++) {
        if (i != a->user && i != a->item && i != a->rating && i != a->time)
            TRY(put_field(a, &a->h.field[i], row.user, slice_trim(t->cell[i])));
    }
    return LOREC_OK;
}

static lorec_err take_side(atomic_file *a, const table *t)
{
    if (t->cell[0].n == 0) return import_bad_row(a->in, a->path, t->line, "no id");
    for (int i = 1; i < a->h.n; i++) TRY(put_field(a, &a->h.field[i], t->cell[0], slice_trim(t->cell[i])));
    return LOREC_OK;
}

static lorec_err take_triple(atomic_file *a, const table *t)
{
    if (t->n < 3 || !t->cell[0].n || !t->cell[1].n || !t->cell[2].n)
        return import_bad_row(a->in, a->path, t->line, "a head, a relation and a tail are needed");
    return dataset_builder_triple(a->in->builder, t->cell[0], t->cell[1], t->cell[2]);
}

typedef lorec_err (*take_fn)(atomic_file *a, const table *t);

static lorec_err read_records(atomic_file *a, take_fn take)
{
    table t;
    TRY(table_open(&t, a->path, &(table_form){.separator = "\t"}));
    lorec_err e = table_next(&t) ? header_read(&a->h, &t) : LOREC_OK;
    while (!e && table_next(&t)) {
        bool good = !t.fault && t.n == (size_t)a->h.n;
        if (t.fault)
            e = import_bad_row(a->in, a->path, t.line, "%s", t.fault);
        else if (!good)
            e = import_bad_row(a->in, a->path, t.line, "%zu fields where the header has %d", t.n, a->h.n);
        else
            e = check_floats(a, &t, &good);
        if (!e && good) e = take(a, &t);
    }
    lorec_err closed = table_close(&t);
    header_free(&a->h);
    return e ? e : closed;
}

/* Header alone, to see whether the fast way will do. */
static lorec_err inter_fields(atomic_file *a, bool *simple, int *n)
{
    static const char *const users[] = {"user_id", "session_id", NULL}, *const items[] = {"item_id", NULL},
                             *const ratings[] = {"rating", "label", NULL}, *const times[] = {"timestamp", "time", NULL};
    table t;
    TRY(table_open(&t, a->path, &(table_form){.separator = "\t"}));
    lorec_err e = LOREC_OK;
    if (table_next(&t)) e = header_read(&a->h, &t);
    lorec_err closed = table_close(&t);
    if (!e) e = closed;
    a->user = header_find(&a->h, users);
    a->item = header_find(&a->h, items);
    a->rating = header_find(&a->h, ratings);
    a->time = header_find(&a->h, times);
    *n = a->h.n;
    *simple = a->h.n == 2 + (a->rating >= 0) + (a->time >= 0);
    if (!e && a->h.n && (a->user < 0 || a->item < 0))
        e = err_set(LOREC_INPUT, "%s, line 1: no field user_id:token or item_id:token", a->path);
    header_free(&a->h);
    return e;
}

static lorec_err read_inter(importing *in, const char *path)
{
    atomic_file a = {.in = in, .path = path, .side = SIDE_ROW};
    bool simple;
    int n;
    TRY(dataset_builder_source(in->builder, path));
    TRY(inter_fields(&a, &simple, &n));
    if (n == 0) return LOREC_OK;
    if (!simple) return read_records(&a, take_inter);
    return rows_read(in, path,
                     &(row_form){.separator = "\t",
                                 .skip_lines = 1,
                                 .user = a.user,
                                 .item = a.item,
                                 .rating = a.rating,
                                 .time = a.time,
                                 .columns = n});
}

/* ---- the set's files ------------------------------------------------------------------------------------------------------- */

static int likes(const importing *in)
{
    bool there = in->is_folder ? import_find_ending(in, ".inter") != NULL : name_ends(in->path, ".inter");
    return there ? 95 : 0;
}

static lorec_err read_part(importing *in, const char *set, const char *part, const char *word, bool *found)
{
    buf name = {0}, path = {0};
    lorec_err e = buf_printf(&name, "%s%s.inter", set, part);
    const char *file = e ? NULL : import_find(in, name.p);
    *found = file != NULL;
    if (file) {
        uint64_t before = in->builder->n;
        e = import_path(in, file, &path);
        if (!e) e = read_inter(in, path.p);
        if (!e && word) e = builder_mark_rows(in->builder, "part", before, in->builder->n, word);
    }
    buf_free(&name);
    buf_free(&path);
    return e;
}

static lorec_err read_beside(importing *in, const char *set, const char *ending, column_side side, take_fn take)
{
    buf name = {0}, path = {0};
    lorec_err e = buf_printf(&name, "%s%s", set, ending);
    const char *file = e ? NULL : import_find(in, name.p);
    if (file) e = import_path(in, file, &path);
    if (file && !e) {
        atomic_file a = {.in = in, .path = path.p, .side = side};
        e = dataset_builder_source(in->builder, path.p);
        if (!e) e = read_records(&a, take);
    }
    buf_free(&name);
    buf_free(&path);
    return e;
}

/* "ml-100k" of ml-100k.inter, of ml-100k.train.inter, or of a folder that holds one set. */
static lorec_err set_name(const importing *in, buf *out, bool *one_part)
{
    const char *file = in->is_folder ? import_find_ending(in, ".inter") : path_base(in->path);
    if (!file) return err_set(LOREC_INPUT, "%s: no .inter file in this folder", in->path);
    slice name = name_plain(file);
    if (name_ends(file, ".inter")) name.n -= strlen(".inter");
    *one_part = false;
    for (const char *const *p = (const char *const[]){".train", ".valid", ".test", NULL}; *p; p++) {
        size_t n = strlen(*p);
        if (name.n <= n || memcmp(name.p + name.n - n, *p, n) != 0) continue;
        name.n -= n;
        *one_part = !in->is_folder;
        break;
    }
    return buf_add(out, name.p, name.n);
}

static lorec_err read_rows(importing *in, const char *set, bool one_part)
{
    bool found;
    if (one_part) return read_inter(in, in->path); /* the user named this part: it alone */
    TRY(read_part(in, set, "", NULL, &found));
    if (found) return LOREC_OK;
    TRY(read_part(in, set, ".train", "train", &found));
    TRY(read_part(in, set, ".valid", "valid", &found));
    return read_part(in, set, ".test", "test", &found);
}

static lorec_err read_recbole(importing *in)
{
    buf set = {0};
    bool one_part = false;
    lorec_err e = set_name(in, &set, &one_part);
    if (!e)
        e = in->is_folder || name_ends(in->path, ".inter") ? read_rows(in, set.p, one_part) : read_inter(in, in->path);
    if (!e) e = read_beside(in, set.p, ".item", SIDE_ITEM, take_side);
    if (!e) e = read_beside(in, set.p, ".user", SIDE_USER, take_side);
    if (!e) e = read_beside(in, set.p, ".kg", SIDE_ITEM, take_triple);
    if (!e) e = read_beside(in, set.p, ".link", SIDE_ITEM, take_side); /* item_id, entity_id: a column of the items */
    buf_free(&set);
    return e;
}

const reader reader_recbole = {"recbole", "RecBole atomic files: X.inter, with X.item, X.user, X.kg and X.link", likes,
                               read_recbole};

/* ml100k.c: MovieLens 100K as shipped: u.data (TAB: user item rating time), u.item and u.user (|, Latin-1), u.genre. */
#include "base/mem.h"
#include "data/readers.h"

static int likes(const importing *in)
{
    bool there = in->is_folder ? import_find(in, "u.data") != NULL
                               : slice_is(name_plain(path_base(in->path)), "u.data");
    return there ? 100 : 0;
}

/* The 19 flags of u.item in the order of u.genre; the file names them again, but the flags' order is the format's. */
static const char *const genres[] = {"unknown",   "Action",   "Adventure",   "Animation", "Children's",
                                     "Comedy",    "Crime",    "Documentary", "Drama",     "Fantasy",
                                     "Film-Noir", "Horror",   "Musical",     "Mystery",   "Romance",
                                     "Sci-Fi",    "Thriller", "War",         "Western"};
enum { GENRES = sizeof genres / sizeof *genres, ITEM_COLUMNS = 5 + GENRES };

static lorec_err take_item(importing *in, const table *t, buf *words)
{
    dataset_builder *b = in->builder;
    slice id = t->cell[0];
    buf_clear(words);
    for (int g = 0; g < GENRES; g++) {
        if (slice_is(t->cell[5 + g], "1")) TRY(buf_printf(words, "%s|", genres[g]));
    }
    TRY(dataset_builder_cell(b, SIDE_ITEM, "title", COLUMN_TEXT, id, t->cell[1], 0));
    TRY(dataset_builder_cell(b, SIDE_ITEM, "release_date", COLUMN_TOKEN, id, t->cell[2], 0));
    return dataset_builder_cell(b, SIDE_ITEM, "genres", COLUMN_TOKEN_SEQ, id,
                                (slice){words->p ? words->p : "", words->n}, '|');
}

static lorec_err take_user(importing *in, const table *t)
{
    static const char *const fields[] = {"age", "gender", "occupation", "zip_code"};
    for (int i = 0; i < 4; i++) {
        TRY(dataset_builder_cell(in->builder, SIDE_USER, fields[i], i == 0 ? COLUMN_FLOAT : COLUMN_TOKEN, t->cell[0],
                                 t->cell[1 + i], 0));
    }
    return LOREC_OK;
}

static lorec_err read_side(importing *in, const char *path, bool items)
{
    table t;
    size_t want = items ? ITEM_COLUMNS : 5;
    buf words = {0};
    TRY(table_open(&t, path, &(table_form){.separator = "|", .latin1 = true}));
    lorec_err e = LOREC_OK;
    while (!e && table_next(&t)) {
        double age;
        if (t.fault)
            e = import_bad_row(in, path, t.line, "%s", t.fault);
        else if (t.n != want || t.cell[0].n == 0)
            e = import_bad_row(in, path, t.line, "%zu columns where %zu and an id are needed", t.n, want);
        else if (!items && !slice_to_f64(t.cell[1], &age))
            e = import_bad_row(in, path, t.line, "the age is not a number");
        else
            e = items ? take_item(in, &t, &words) : take_user(in, &t);
    }
    buf_free(&words);
    lorec_err closed = table_close(&t);
    return e ? e : closed;
}

static lorec_err read_ml100k(importing *in)
{
    static const row_form form = {.separator = "\t", .user = 0, .item = 1, .rating = 2, .time = 3, .columns = 4};
    static const char *const side[] = {"u.user", "u.item"};
    const char *data = in->is_folder ? import_find(in, "u.data") : NULL;
    if (in->is_folder && !data) return err_set(LOREC_INPUT, "%s: no u.data in this folder", in->path);
    buf path = {0};
    lorec_err e = in->is_folder ? import_path(in, data, &path) : buf_puts(&path, in->path);
    if (!e) e = dataset_builder_source(in->builder, path.p);
    if (!e) e = rows_read(in, path.p, &form);
    for (int i = 0; i < 2 && !e; i++) {
        const char *name = import_find(in, side[i]);
        if (!name) continue;
        e = import_path(in, name, &path);
        if (!e) e = dataset_builder_source(in->builder, path.p);
        if (!e) e = read_side(in, path.p, i == 1);
    }
    buf_free(&path);
    return e;
}

const reader reader_ml100k = {"ml-100k", "MovieLens 100K: u.data, with u.item and u.user beside it", likes,
                              read_ml100k};

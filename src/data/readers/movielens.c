/* movielens.c: MovieLens 1M, 10M (`::` between fields, 1M in Latin-1) and the later sets (.csv with a header). */
#include "base/mem.h"
#include "data/readers/columns.h"

/* The ratings among the folder's files: "ratings.dat", or a part of it such as "ratings_first487650.dat.gz". */
static const char *find_ratings(const importing *in, const char *ending)
{
    for (size_t i = 0; i < in->n_names; i++) {
        if (strncmp(in->names[i], "ratings", 7) == 0 && name_ends(in->names[i], ending)) return in->names[i];
    }
    return NULL;
}

static int likes(const importing *in, const char *ending, const char *side)
{
    if (in->is_folder) return find_ratings(in, ending) ? 90 : 0;
    bool ratings = name_ends(in->path, ending) && strncmp(path_base(in->path), "ratings", 7) == 0;
    return ratings && import_find(in, side) ? 90 : 0;
}

static int likes_dat(const importing *in)
{
    slice rest = {in->head.p, in->head.n}, line = slice_cut(&rest, '\n');
    int n = 0;
    for (; line.n; n++) slice_cut_text(&line, "::");
    int by_name = likes(in, ".dat", "movies.dat");
    return by_name ? by_name : !in->is_folder && n >= 3 ? 80 : 0;
}

static int likes_csv(const importing *in)
{
    return likes(in, ".csv", "movies.csv");
}

/* id, title, genres: "Toy Story (1995)", "Animation|Comedy". */
static lorec_err take_movie(importing *in, const table *t)
{
    TRY(dataset_builder_cell(in->builder, SIDE_ITEM, "title", COLUMN_TEXT, t->cell[0], slice_trim(t->cell[1]), 0));
    return dataset_builder_cell(in->builder, SIDE_ITEM, "genres", COLUMN_TOKEN_SEQ, t->cell[0], t->cell[2], '|');
}

static lorec_err take_user(importing *in, const table *t)
{
    static const char *const fields[] = {"gender", "age", "occupation", "zip_code"};
    for (int i = 0; i < 4; i++) {
        TRY(dataset_builder_cell(in->builder, SIDE_USER, fields[i], i == 1 ? COLUMN_FLOAT : COLUMN_TOKEN, t->cell[0],
                                 slice_trim(t->cell[1 + i]), 0));
    }
    return LOREC_OK;
}

static lorec_err read_side(importing *in, const char *name, const table_form *form, size_t columns, bool header)
{
    buf path = {0};
    table t = {0};
    lorec_err e = LOREC_OK;
    const char *there = import_find(in, name);
    if (!there) return LOREC_OK;
    TRY_GO(e, import_path(in, there, &path), done);
    TRY_GO(e, dataset_builder_source(in->builder, path.p), done);
    TRY_GO(e, table_open(&t, path.p, form), done);
    while (!e && table_next(&t)) {
        double age;
        bool skip = header;
        header = false;
        if (skip) continue;
        if (t.fault)
            e = import_bad_row(in, path.p, t.line, "%s", t.fault);
        else if (t.n != columns || t.cell[0].n == 0)
            e = import_bad_row(in, path.p, t.line, "%zu columns where %zu and an id are needed", t.n, columns);
        else if (columns == 5 && !slice_to_f64(t.cell[2], &age))
            e = import_bad_row(in, path.p, t.line, "the age is not a number");
        else
            e = columns == 5 ? take_user(in, &t) : take_movie(in, &t);
    }
    lorec_err closed = table_close(&t);
    if (!e) e = closed;
done:
    buf_free(&path);
    return e;
}

static lorec_err read_ratings(importing *in, const char *ending, const row_form *form)
{
    const char *name = in->is_folder ? find_ratings(in, ending) : NULL;
    if (in->is_folder && !name) return err_set(LOREC_INPUT, "%s: no ratings%s in this folder", in->path, ending);
    buf path = {0};
    lorec_err e = name ? import_path(in, name, &path) : buf_puts(&path, in->path);
    if (!e) e = dataset_builder_source(in->builder, path.p);
    if (!e) e = rows_read(in, path.p, form);
    buf_free(&path);
    return e;
}

static lorec_err read_dat(importing *in)
{
    TRY(read_ratings(in, ".dat",
                     &(row_form){.separator = "::", .user = 0, .item = 1, .rating = 2, .time = 3, .columns = 4}));
    TRY(read_side(in, "movies.dat", &(table_form){.separator = "::", .latin1 = true}, 3, false));
    return read_side(in, "users.dat", &(table_form){.separator = "::", .latin1 = true}, 5, false);
}

static lorec_err read_csv(importing *in)
{
    TRY(read_ratings(in, ".csv",
                     &(row_form){.separator = ",",
                                 .quoted = true,
                                 .skip_lines = 1,
                                 .user = 0,
                                 .item = 1,
                                 .rating = 2,
                                 .time = 3,
                                 .columns = 4}));
    return read_side(in, "movies.csv", &(table_form){.separator = ",", .quoted = true}, 3, true);
}

const reader reader_ml_dat = {"ml-dat", "MovieLens 1M and 10M: ratings.dat, with movies.dat and users.dat", likes_dat,
                              read_dat};
const reader reader_ml_csv = {"ml-csv", "MovieLens 20M, 25M, latest: ratings.csv with movies.csv", likes_csv, read_csv};

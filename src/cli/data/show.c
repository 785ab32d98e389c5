/* lorec data show: counts, columns, and a few interactions with titles. */
#include "base/mem.h"
#include "cli/data/parts.h"
#include "cli/print.h"
#include "cli/term.h"

static lorec_err run(int argc, char **argv);
const command command_data_show = {
    .name = "data show",
    .summary = "what is in a data set: counts, columns, some rows with titles",
    .usage = "lorec data show PATH_OR_NAME [--rows N] [--user ID] [--item \"title or id\"]",
    .examples = "  lorec data show sample\n  lorec data show prepared/ml-100k --user 196\n",
    .run = run,
};

enum { TITLE_MAX = 60 };

typedef struct shown { /* which rows */
    uint64_t *row;
    uint32_t *user;
    size_t n;
} shown;

static lorec_err take(shown *s, size_t max, uint32_t user, uint64_t row, bool *full)
{
    *full = s->n == max;
    if (*full) return LOREC_OK;
    s->user[s->n] = user;
    s->row[s->n++] = row;
    return LOREC_OK;
}

/* One user's rows, one item's rows, or the first rows of the first users, three each. */
static lorec_err choose(shown *s, const dataset *d, const char *user, const char *item, size_t max)
{
    uint32_t u = 0, i = 0;
    bool full = false;
    if (user && !dataset_find_user(d, slice_of(user), &u))
        return err_set(LOREC_USAGE, "%s: no user has the id \"%s\"", d->name, user);
    if (item) TRY(dataset_find_item(d, slice_of(item), &i));
    TRY(mem_new(&s->row, max));
    TRY(mem_new(&s->user, max));
    uint32_t from = user ? u : 0, to = user ? u + 1 : d->rows.n_users;
    for (uint32_t v = from; v < to && !full; v++) {
        for (uint64_t r = d->rows.start[v]; r < d->rows.start[v + 1] && !full; r++) {
            if (item && d->rows.item[r] != i) continue;
            if (!user && !item && r - d->rows.start[v] >= 3) break;
            TRY(take(s, max, v, r, &full));
        }
    }
    return LOREC_OK;
}

static json_t *text_json(slice s)
{
    return json_stringn(s.p, s.n);
}

static lorec_err show_json(const dataset *d, const shown *s)
{
    json_t *list = json_array();
    for (size_t k = 0; list && k < s->n; k++) {
        uint64_t r = s->row[k];
        uint32_t item = d->rows.item[r];
        json_t *row = json_pack("{s:o, s:o, s:o}", "user", text_json(names_at(&d->user_ids, s->user[k])), "item",
                                text_json(names_at(&d->item_ids, item)), "title", text_json(dataset_title(d, item)));
        if (row && d->rows.rating) json_object_set_new(row, "rating", json_real((double)d->rows.rating[r]));
        if (row && d->rows.time) json_object_set_new(row, "time", json_integer(d->rows.time[r]));
        json_array_append_new(list, row);
    }
    return print_json_object(json_pack("{s:i, s:o, s:o}", "schema", 1, "data", data_json(d), "rows", list));
}

static lorec_err put(table *t, buf *b, slice s, size_t max)
{
    buf_clear(b);
    TRY(data_text(b, s, max));
    table_cell(t, "%s", b->p ? b->p : "");
    return LOREC_OK;
}

static lorec_err show_rows(const dataset *d, const shown *s)
{
    table t = {0};
    buf b = {0};
    lorec_err e = LOREC_OK;
    bool rated = d->rows.rating != NULL, timed = d->rows.time != NULL;
    table_cell(&t, "user"), table_cell(&t, "item"), table_cell(&t, "title");
    if (rated) table_cell(&t, "rating");
    if (timed) table_cell(&t, "time");
    table_row_end(&t);
    for (size_t k = 0; !e && k < s->n; k++) {
        uint64_t r = s->row[k];
        uint32_t item = d->rows.item[r];
        e = put(&t, &b, names_at(&d->user_ids, s->user[k]), 40);
        if (!e) e = put(&t, &b, names_at(&d->item_ids, item), 40);
        if (!e) e = put(&t, &b, dataset_title(d, item), TITLE_MAX);
        if (rated) table_cell(&t, "%g", (double)d->rows.rating[r]);
        char when[24] = "";
        if (timed) data_date(d->rows.time[r], when), table_cell(&t, "%s", when);
        table_row_end(&t);
    }
    if (!e) e = table_print(&t, stdout, "l");
    table_free(&t);
    buf_free(&b);
    return e;
}

static lorec_err show(const char *path, const import_options *import, const char *user, const char *item, size_t max,
                      bool json)
{
    dataset d;
    shown s = {0};
    TRY(dataset_load(&d, path, import));
    lorec_err e = choose(&s, &d, user, item, max);
    if (!e && json)
        e = show_json(&d, &s);
    else if (!e) {
        e = data_print(&d);
        if (s.n) putchar('\n');
        if (!e && s.n) e = show_rows(&d, &s);
    }
    mem_free(s.row);
    mem_free(s.user);
    dataset_close(&d);
    return e;
}

static lorec_err run(int argc, char **argv)
{
    import_options import = {0};
    const char *user = NULL, *item = NULL;
    int64_t n = 12;
    bool json = false;
    const arg rows[] = {
        {"rows", 'n', ARG_INT, &n, "N", "how many interactions; default 12", .min = 0, .max = 1e6},
        {"user", 'u', ARG_TEXT, &user, "ID", "those of one user, oldest first"},
        {"item", 'i', ARG_TEXT, &item, "WORDS", "those of one item: id or title"},
        {"format", 'f', ARG_TEXT, &import.format, "NAME", "the form of a raw file (`lorec data formats`)"},
        {"columns", 0, ARG_TEXT, &import.columns, "WORDS", "user=NAME,item=NAME,... of a raw CSV or TSV"},
        {"only", 0, ARG_TEXT, &import.only, "COLUMN=WORDS", "rows with one of the words there: event=cart|purchase"},
        {"item-text", 0, ARG_TEXT, &import.item_text, "FILE", "titles of a raw file's items"},
        {"skip-bad-rows", 0, ARG_FLAG, &import.skip_bad_rows, NULL, "count and skip rows that can not be read"},
        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_data_show, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, 1, "PATH_OR_NAME");
    if (!e && !a.done) e = show(a.word[0], &import, user, item, (size_t)n, json);
    args_free(&a);
    return e;
}

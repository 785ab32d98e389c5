#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/order.h"
#include "eval/lists.h"

enum { FIELDS = 6 };

static size_t fields_cut(slice line, slice field[FIELDS])
{
    char separator = memchr(line.p, '\t', line.n) ? '\t' : ' ';
    size_t n = 0;
    while (line.n && n < FIELDS) {
        slice word = slice_trim(slice_cut(&line, separator));
        if (word.n || separator == '\t') field[n++] = word; /* several blanks are one */
    }
    return n;
}

static bool is_heading(const slice *field, size_t n)
{
    return n >= 2 && (slice_is(field[0], "user") || slice_is(field[0], "user_id")) &&
           (slice_is(field[1], "item") || slice_is(field[1], "item_id"));
}

static lorec_err number_read(slice s, const char *what, double *out)
{
    if (slice_to_f64(s, out)) return LOREC_OK;
    return err_set(LOREC_INPUT, "the %s \"%.*s\" is not a number", what, (int)(s.n < 40 ? s.n : 40), s.p);
}

/* The meaning of the fields follows from their count, which the first line sets. */
static lorec_err row_read(list_row *row, const slice *field, size_t n, list_find find, void *ctx)
{
    double rank, score = 0;
    if (n == FIELDS) {
        TRY(number_read(field[4], "score", &score));
        row->key = -score;
        row->score = (float)score;
        return find(ctx, field[0], field[2], row);
    }
    row->key = row->line;
    if (n >= 3) {
        TRY(number_read(field[2], "rank", &rank));
        row->key = rank;
    }
    if (n >= 4) TRY(number_read(field[3], "score", &score));
    row->score = (float)score;
    return find(ctx, field[0], field[1], row);
}

static lorec_err rows_read(list_file *f, const char *path, list_find find, void *ctx)
{
    lines l;
    slice line, field[FIELDS];
    size_t columns = 0;
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        size_t n = fields_cut(line, field);
        if (n == 0 || (columns == 0 && is_heading(field, n))) continue;
        if (columns == 0) columns = n;
        if (columns < 2 || columns == 5)
            e = err_set(LOREC_INPUT, "%zu columns where user item [rank [score]], or TREC's six, are due", n);
        else if (n != columns)
            e = err_set(LOREC_INPUT, "%zu columns where the lines before have %zu", n, columns);
        else if (l.number > UINT32_MAX)
            e = err_set(LOREC_INPUT, "more lines than can be counted");
        else
            e = mem_grow(&f->row, &f->cap, f->n + 1);
        if (!e) {
            f->row[f->n] = (list_row){.line = (uint32_t)l.number};
            e = row_read(&f->row[f->n], field, n, find, ctx);
            f->n++;
        }
        if (e) e = err_context(e, "%s, line %zu", path, l.number);
    }
    f->ties = columns == FIELDS;
    if (e) {
        (void)lines_close(&l);
        return e;
    }
    TRY(lines_close(&l));
    return f->n ? LOREC_OK : err_set(LOREC_INPUT, "%s: no lists in it; lines of user item rank score are due", path);
}

static int by_user_item(const void *a, const void *b)
{
    const list_row *x = a, *y = b;
    if (x->user != y->user) return x->user < y->user ? -1 : 1;
    if (x->item != y->item) return x->item < y->item ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static int by_user_key(const void *a, const void *b)
{
    const list_row *x = a, *y = b;
    if (x->user != y->user) return x->user < y->user ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item; /* ties are listed by item, as recommenders list them */
}

static lorec_err rows_check(list_file *f, const char *path)
{
    qsort(f->row, f->n, sizeof *f->row, by_user_item);
    for (size_t i = 1; i < f->n; i++)
        if (f->row[i].user == f->row[i - 1].user && f->row[i].item == f->row[i - 1].item)
            return err_set(LOREC_INPUT, "%s, line %u: this user has the item already on line %u", path, f->row[i].line,
                           f->row[i - 1].line);
    qsort(f->row, f->n, sizeof *f->row, by_user_key);
    for (size_t i = 1; i < f->n && !f->ties; i++)
        if (f->row[i].user == f->row[i - 1].user && f->row[i].key == f->row[i - 1].key)
            return err_set(LOREC_INPUT, "%s, line %u: this user has rank %g already on line %u", path, f->row[i].line,
                           f->row[i].key, f->row[i - 1].line);
    return LOREC_OK;
}

lorec_err list_file_read(list_file *f, const char *path, list_find find, void *ctx)
{
    *f = (list_file){0};
    lorec_err e = rows_read(f, path, find, ctx);
    if (!e) e = rows_check(f, path);
    if (e) list_file_free(f);
    return e;
}

void list_file_free(list_file *f)
{
    mem_free(f->row);
    *f = (list_file){0};
}

size_t list_file_user(const list_file *f, uint32_t user, size_t *n)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->row[middle].user < user)
            low = middle + 1;
        else
            high = middle;
    }
    for (*n = 0; low + *n < f->n && f->row[low + *n].user == user;) (*n)++;
    return low;
}

void list_places(const list_file *f, const list_row *row, size_t n, const bool *drop, const uint32_t *relevant,
                 size_t n_relevant, place *places)
{
    for (size_t j = 0; j < n_relevant; j++) places[j] = PLACE_NOWHERE;
    uint32_t above = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        uint32_t group = 0;
        while (f->ties && end < n && row[end].key == row[i].key) end++;
        for (size_t j = i; j < end; j++) group += !(drop && drop[j]);
        for (size_t j = i; j < end; j++) {
            const uint32_t *hit = drop && drop[j] ? NULL : find_u32(row[j].item, relevant, n_relevant);
            if (hit) places[hit - relevant] = (place){above, group - 1};
        }
        above += group;
        i = end;
    }
}

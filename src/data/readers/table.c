/* table.c: records of a delimited file one after the other; for side files, headers and whatever is not large. */
#include "base/mem.h"
#include "data/readers.h"

enum { RECORD_MAX = 1 << 26 };
const char fault_utf8[] =
    "not UTF-8; convert the file with `iconv -f LATIN1 -t UTF-8 OLD > NEW` (or from what it is in)";

lorec_err import_latin1_hint(const char *path)
{
    return err_set(LOREC_INPUT, "%s: %s", path, fault_utf8);
}

lorec_err table_open(table *t, const char *path, const table_form *form)
{
    *t = (table){.form = *form};
    TRY(mem_dup(&t->path, path));
    lorec_err e = lines_open(&t->in, path);
    if (e) {
        mem_free(t->path);
        *t = (table){0};
    }
    return e;
}

static lorec_err add_cell(table *t, slice cell)
{
    TRY(mem_grow(&t->cell, &t->cap, t->n + 1));
    t->cell[t->n++] = cell;
    return LOREC_OK;
}

/* Whether the last quoted cell of the record is still open. */
static bool quote_open(slice s, char separator)
{
    bool open = false, at_start = true;
    for (size_t i = 0; i < s.n; i++) {
        if (open) {
            if (s.p[i] != '"') continue;
            if (i + 1 < s.n && s.p[i + 1] == '"')
                i++;
            else
                open = false;
        } else if (s.p[i] == '"' && at_start) {
            open = true;
        } else {
            at_start = s.p[i] == separator;
            continue;
        }
        at_start = false;
    }
    return open;
}

/* The next line, and those after it while a quoted cell goes on. */
static lorec_err next_record(table *t, slice *record, bool *found)
{
    *found = lines_next(&t->in, record);
    if (!*found) return LOREC_OK;
    t->line = t->in.number;
    if (t->line == 1 && record->n >= 3 && memcmp(record->p, "\xEF\xBB\xBF", 3) == 0) record->p += 3, record->n -= 3;
    if (!t->form.quoted || !quote_open(*record, t->form.separator[0])) return LOREC_OK;
    buf_clear(&t->record);
    TRY(buf_add(&t->record, record->p, record->n));
    slice line;
    while (t->record.n < RECORD_MAX && lines_next(&t->in, &line)) {
        TRY(buf_add(&t->record, "\n", 1));
        TRY(buf_add(&t->record, line.p, line.n));
        /* A line without a quote can not close the cell: looking again only where there is one keeps this linear. */
        if (memchr(line.p, '"', line.n) && !quote_open((slice){t->record.p, t->record.n}, t->form.separator[0])) {
            *record = (slice){t->record.p, t->record.n};
            return LOREC_OK;
        }
    }
    t->fault = "a quote that is not closed";
    *record = (slice){t->record.p, t->record.n};
    return LOREC_OK;
}

/* The text between the quotes, "" as one quote, into scratch (room is there). */
static slice unquote(table *t, slice *rest)
{
    char *to = t->scratch.p + t->scratch.n, *begin = to;
    size_t i = 1;
    for (; i < rest->n; i++) {
        if (rest->p[i] == '"') {
            if (i + 1 >= rest->n || rest->p[i + 1] != '"') break;
            i++;
        }
        *to++ = rest->p[i];
    }
    i++; /* the closing quote */
    rest->p += i < rest->n ? i : rest->n;
    rest->n -= i < rest->n ? i : rest->n;
    t->scratch.n += (size_t)(to - begin);
    return (slice){begin, (size_t)(to - begin)};
}

static lorec_err split(table *t, slice rest)
{
    const char *separator = t->form.separator;
    t->n = 0;
    t->scratch.n = 0;
    TRY(mem_grow(&t->scratch.p, &t->scratch.cap, rest.n + 1));
    for (bool more = true; more;) {
        slice cell;
        if (t->form.quoted && rest.n && rest.p[0] == '"') {
            cell = unquote(t, &rest);
            more = rest.n > 0;
            slice tail = slice_cut_text(&rest, separator);
            if (slice_trim(tail).n && !t->fault) t->fault = "text after a closing quote";
        } else {
            const char *end = rest.p + rest.n;
            cell = slice_cut_text(&rest, separator);
            more = cell.p + cell.n < end;
        }
        TRY(add_cell(t, cell));
    }
    return LOREC_OK;
}

static lorec_err to_utf8(table *t)
{
    size_t bytes = 0;
    for (size_t i = 0; i < t->n; i++) bytes += t->cell[i].n;
    buf_clear(&t->record);
    TRY(mem_grow(&t->record.p, &t->record.cap, 2 * bytes + 1)); /* so that cells stay where they are put */
    for (size_t i = 0; i < t->n; i++) {
        size_t at = t->record.n;
        TRY(buf_add_latin1(&t->record, t->cell[i]));
        t->cell[i] = (slice){t->record.p + at, t->record.n - at};
    }
    return LOREC_OK;
}

static lorec_err read_record(table *t, bool *found)
{
    slice record;
    do {
        t->fault = NULL;
        TRY(next_record(t, &record, found));
        if (!*found) return LOREC_OK;
    } while (record.n == 0 && !t->fault);
    if (memchr(record.p, 0, record.n))
        t->fault = "a NUL byte: is this a text file?";
    else if (!utf8_valid(record)) {
        if (!t->form.latin1)
            t->fault = fault_utf8;
        else {
            TRY(split(t, record));
            return to_utf8(t);
        }
    }
    return split(t, record);
}

bool table_next(table *t)
{
    bool found = false;
    if (t->ended) return false; /* also after an error, which is table_close's to tell */
    t->err = read_record(t, &found);
    t->ended = t->err || !found;
    return !t->ended;
}

lorec_err table_close(table *t)
{
    lorec_err e = t->err, closed = t->path ? lines_close(&t->in) : LOREC_OK;
    mem_free(t->path);
    mem_free(t->cell);
    buf_free(&t->record);
    buf_free(&t->scratch);
    *t = (table){0};
    return e ? e : closed;
}

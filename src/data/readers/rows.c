/* rows.c: interactions from delimited text, fast: the mapped file is cut into one piece a worker at line ends; every
 * worker numbers users and items for itself; the tables are then merged in the order of the pieces, so that numbers are
 * by first sight as if one worker had read it all. Compressed files go the same way in blocks of whole lines. */
#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "data/readers.h"

enum { BLOCK = 32 << 20, RECORD_MAX = 1 << 28, PIECE_MIN = 1 << 18, ID_MAX = 4096 };

typedef struct part { /* what one worker read of the block */
    ids users, items;
    uint32_t *user, *item;
    float *rating;
    int64_t *time;
    size_t n, left_out, user_cap, item_cap, rating_cap, time_cap;
    uint32_t *new_user, *new_item; /* merged numbers */
    buf scratch;
    uint64_t begin; /* first row in the merged arrays */
} part;

typedef struct block {
    importing *in;
    const char *path;
    const row_form *form;
    const char *text;
    size_t n;
    uint64_t first_line; /* number of the block's first line */
    bool quotes;         /* a quote is somewhere in it */
    part *parts;         /* [workers] */
    size_t n_parts;
} block;

static void part_free(part *p)
{
    ids_free(&p->users);
    ids_free(&p->items);
    mem_free(p->user);
    mem_free(p->item);
    mem_free(p->rating);
    mem_free(p->time);
    mem_free(p->new_user);
    mem_free(p->new_item);
    buf_free(&p->scratch);
    *p = (part){0};
}

static void parts_free(block *b)
{
    for (size_t i = 0; i < b->n_parts; i++) part_free(&b->parts[i]);
    mem_free(b->parts);
    b->parts = NULL;
    b->n_parts = 0;
}

/* ---- one line into cells ------------------------------------------------------------------------------------------------ */

typedef struct cells {
    slice cell[ROW_COLUMNS_MAX];
    int n;
    const char *fault;
} cells;

static void split_plain(cells *c, const char *p, const char *end, char separator, char second)
{
    c->n = 0;
    const char *start = p;
    for (;; p++) {
        if (p < end && (*p != separator || (second && (p + 1 >= end || p[1] != second)))) continue;
        if (c->n < ROW_COLUMNS_MAX) c->cell[c->n] = (slice){start, (size_t)(p - start)};
        c->n++;
        if (p >= end) return;
        if (second) p++;
        start = p + 1;
    }
}

static void split_blanks(cells *c, const char *p, const char *end)
{
    c->n = 0;
    for (;;) {
        while (p < end && (*p == ' ' || *p == '\t')) p++;
        if (p >= end) return;
        const char *start = p;
        while (p < end && *p != ' ' && *p != '\t') p++;
        if (c->n < ROW_COLUMNS_MAX) c->cell[c->n] = (slice){start, (size_t)(p - start)};
        c->n++;
    }
}

/* RFC 4180; `*at` is moved behind the record, which may hold line ends. Unescaped text goes to scratch, which has room
 * for the whole record from the start, so that earlier cells stay where they are. */
static void split_quoted(cells *c, const char **at, const char *end, char separator, char *scratch)
{
    const char *p = *at;
    c->n = 0;
    for (;;) {
        slice cell;
        if (p < end && *p == '"') {
            char *to = scratch;
            p++;
            for (;; p++) {
                if (p >= end) {
                    c->fault = "a quote that is not closed";
                    break;
                }
                if (*p == '"' && (p + 1 >= end || p[1] != '"')) break;
                if (*p == '"') p++;
                *to++ = *p;
            }
            cell = (slice){scratch, (size_t)(to - scratch)};
            scratch = to;
            if (p < end) p++;
            if (p < end && *p != separator && *p != '\n' && *p != '\r') c->fault = "text after a closing quote";
        } else {
            const char *start = p;
            while (p < end && *p != separator && *p != '\n') p++;
            size_t n = (size_t)(p - start);
            if ((p >= end || *p == '\n') && n && start[n - 1] == '\r') n--;
            cell = (slice){start, n};
        }
        while (p < end && *p != separator && *p != '\n') p++;
        if (c->n < ROW_COLUMNS_MAX) c->cell[c->n] = cell;
        c->n++;
        if (p >= end || *p == '\n') break;
        p++;
    }
    *at = p < end ? p + 1 : end;
}

/* ---- one row -------------------------------------------------------------------------------------------------------------- */

static const char *id_fault(slice id, const char *none, const char *too_long)
{
    return id.n == 0 ? none : id.n > ID_MAX ? too_long : NULL;
}

static lorec_err bad(block *b, const char *line, const char *why)
{
    uint64_t number = b->first_line;
    for (const char *p = b->text; p < line && (p = memchr(p, '\n', (size_t)(line - p))); p++) number++;
    return import_bad_row(b->in, b->path, number, "%s", why);
}

static lorec_err wrong_count(block *b, const char *line, const cells *c, int want)
{
    char why[80];
    snprintf(why, sizeof why, "%d column%s where %d are needed", c->n, c->n == 1 ? "" : "s", want);
    return bad(b, line, why);
}

static lorec_err bad_cell(block *b, const char *line, const char *what, slice cell)
{
    char why[160];
    cell = slice_trim(cell);
    snprintf(why, sizeof why, cell.n ? "%s: \"%.*s\"" : "%s: it is empty", what, (int)(cell.n < 40 ? cell.n : 40),
             cell.p);
    return bad(b, line, why);
}

/* The number of an id; rows of one user mostly follow each other. */
static inline lorec_err number_of(ids *v, slice id, slice *last, uint32_t *last_number, uint32_t *out)
{
    if (id.n == last->n && memcmp(id.p, last->p, id.n) == 0) {
        *out = *last_number;
        return LOREC_OK;
    }
    TRY(ids_add(v, id, out));
    *last = id;
    *last_number = *out;
    return LOREC_OK;
}

typedef struct reading {
    block *b;
    part *p;
    slice last_user, last_item;
    uint32_t last_user_number, last_item_number;
} reading;

static lorec_err take_row(reading *r, const cells *c, const char *line)
{
    const row_form *f = r->b->form;
    part *p = r->p;
    if (c->fault) return bad(r->b, line, c->fault);
    int largest = f->user > f->item ? f->user : f->item;
    if (f->rating > largest) largest = f->rating;
    if (f->time > largest) largest = f->time;
    if (f->only && f->only_at > largest) largest = f->only_at;
    if (f->columns ? c->n != f->columns : c->n <= largest)
        return wrong_count(r->b, line, c, f->columns ? f->columns : largest + 1);
    if (f->only && !word_among(c->cell[f->only_at], f->only)) {
        p->left_out++;
        return LOREC_OK;
    }
    slice user = c->cell[f->user], item = c->cell[f->item]; /* blanks are part of an id (RFC 4180) */
    const char *why = id_fault(user, "no user id", "a user id of more than 4096 bytes: is the separator right?");
    if (!why) why = id_fault(item, "no item id", "an item id of more than 4096 bytes: is the separator right?");
    double rating = NAN;
    int64_t time = TIME_NONE;
    if (!why && f->rating >= 0 && !parse_rating(slice_trim(c->cell[f->rating]), &rating))
        return bad_cell(r->b, line, "the rating is not a number", c->cell[f->rating]);
    if (!why && f->time >= 0 && !parse_time(slice_trim(c->cell[f->time]), &time))
        return bad_cell(r->b, line, "the time is not a number or a date such as 2024-05-31 23:59:59", c->cell[f->time]);
    if (why) return bad(r->b, line, why);
    if (p->n == p->user_cap) {
        TRY(mem_grow(&p->user, &p->user_cap, p->n + 4096));
        TRY(mem_grow(&p->item, &p->item_cap, p->user_cap));
        if (f->rating >= 0) TRY(mem_grow(&p->rating, &p->rating_cap, p->user_cap));
        if (f->time >= 0) TRY(mem_grow(&p->time, &p->time_cap, p->user_cap));
    }
    TRY(number_of(&p->users, user, &r->last_user, &r->last_user_number, &p->user[p->n]));
    TRY(number_of(&p->items, item, &r->last_item, &r->last_item_number, &p->item[p->n]));
    if (f->rating >= 0) p->rating[p->n] = (float)rating;
    if (f->time >= 0) p->time[p->n] = time;
    p->n++;
    return LOREC_OK;
}

/* Nothing to look at twice: no NUL and no byte above 127. */
static bool is_plain_ascii(const char *p, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        if ((w | (w - 0x0101010101010101u)) & 0x8080808080808080u) break; /* a high bit, or a zero byte */
    }
    for (; i < n; i++) {
        if ((signed char)p[i] <= 0) return false;
    }
    return true;
}

static const char *text_fault(slice line)
{
    if (memchr(line.p, 0, line.n)) return "a NUL byte: is this a text file?";
    return utf8_valid(line) ? NULL : fault_utf8;
}

static lorec_err read_quoted(reading *r, const char *p, const char *end)
{
    cells c;
    TRY(mem_grow(&r->p->scratch.p, &r->p->scratch.cap, (size_t)(end - p) + 1));
    while (p < end) {
        const char *line = p;
        c.fault = NULL;
        split_quoted(&c, &p, end, r->b->form->separator[0], r->p->scratch.p);
        slice all = {line, (size_t)(p - line)};
        if (slice_trim(all).n == 0) continue;
        if (!c.fault) c.fault = text_fault(all);
        r->last_user = r->last_item = (slice){"", 0}; /* scratch is used again */
        TRY(take_row(r, &c, line));
    }
    return LOREC_OK;
}

static lorec_err read_plain(reading *r, const char *p, const char *end)
{
    const row_form *f = r->b->form;
    cells c;
    bool blanks = f->separator[0] == ' ', clean = is_plain_ascii(p, (size_t)(end - p));
    while (p < end) {
        const char *line = p, *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        p = stop + 1;
        if (stop > line && stop[-1] == '\r') stop--;
        if (stop == line) continue;
        c.fault = clean ? NULL : text_fault((slice){line, (size_t)(stop - line)});
        if (blanks)
            split_blanks(&c, line, stop);
        else
            split_plain(&c, line, stop, f->separator[0], f->separator[1]);
        if (c.n == 0) continue;
        TRY(take_row(r, &c, line));
    }
    return LOREC_OK;
}

/* A piece begins behind the first line end at or after begin - 1 and ends behind the first at or after end - 1. */
static const char *line_after(const block *b, size_t at)
{
    if (at == 0) return b->text;
    const char *p = memchr(b->text + at - 1, '\n', b->n - (at - 1));
    return p ? p + 1 : b->text + b->n;
}

static lorec_err read_piece(void *ctx, size_t begin, size_t end, int worker)
{
    block *b = ctx;
    reading r = {.b = b, .p = &b->parts[worker], .last_user = {"", 0}, .last_item = {"", 0}};
    const char *from = line_after(b, begin), *to = line_after(b, end);
    return b->quotes ? read_quoted(&r, from, to) : read_plain(&r, from, to);
}

/* ---- merging ---------------------------------------------------------------------------------------------------------------- */

static lorec_err numbers_merge(ids *into, const ids *from, uint32_t **number)
{
    TRY(mem_new(number, (size_t)from->n + 1));
    for (uint32_t i = 0; i < from->n; i++) TRY(ids_add(into, ids_name(from, i), &(*number)[i]));
    return LOREC_OK;
}

typedef struct merged {
    ids users, items;
    uint32_t *user, *item;
    float *rating;
    int64_t *time;
    block *b;
} merged;

static lorec_err copy_parts(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    merged *m = ctx;
    for (size_t k = begin; k < end; k++) {
        part *p = &m->b->parts[k];
        for (size_t i = 0; i < p->n; i++) m->user[p->begin + i] = p->new_user[p->user[i]];
        for (size_t i = 0; i < p->n; i++) m->item[p->begin + i] = p->new_item[p->item[i]];
        if (p->rating) memcpy(m->rating + p->begin, p->rating, p->n * sizeof *m->rating);
        if (p->time) memcpy(m->time + p->begin, p->time, p->n * sizeof *m->time);
        part_free(p);
    }
    return LOREC_OK;
}

static lorec_err merge(merged *m, block *b, uint64_t *total)
{
    *total = 0;
    for (size_t i = 0; i < b->n_parts; i++) {
        part *p = &b->parts[i];
        atomic_fetch_add(&b->in->left_out, p->left_out);
        p->begin = *total;
        *total += p->n;
        TRY(numbers_merge(&m->users, &p->users, &p->new_user));
        TRY(numbers_merge(&m->items, &p->items, &p->new_item));
    }
    if (*total == 0) return LOREC_OK;
    m->b = b;
    TRY(mem_grow(&m->user, &(size_t){0}, *total));
    TRY(mem_grow(&m->item, &(size_t){0}, *total));
    if (b->form->rating >= 0) TRY(mem_grow(&m->rating, &(size_t){0}, *total));
    if (b->form->time >= 0) TRY(mem_grow(&m->time, &(size_t){0}, *total));
    /* Waking a team for a few rows costs more than copying them. */
    return *total < PIECE_MIN / 8 ? copy_parts(m, 0, b->n_parts, 0) : par_for(b->n_parts, 1, copy_parts, m);
}

static void merged_free(merged *m)
{
    ids_free(&m->users);
    ids_free(&m->items);
    mem_free(m->user);
    mem_free(m->item);
    mem_free(m->rating);
    mem_free(m->time);
}

/* ---- a file ------------------------------------------------------------------------------------------------------------------ */

static lorec_err block_parse(block *b)
{
    b->quotes = b->form->quoted && memchr(b->text, '"', b->n);
    TRY(mem_new(&b->parts, (size_t)par_workers()));
    b->n_parts = (size_t)par_workers();
    /* Where a record begins in quoted text is only known from the start of the file: then one worker reads. */
    return b->quotes ? read_piece(b, 0, b->n, 0) : par_for(b->n, PIECE_MIN, read_piece, b);
}

static lorec_err block_keep(block *b)
{
    merged m = {0};
    uint64_t n;
    lorec_err e = merge(&m, b, &n);
    parts_free(b);
    if (e || n == 0) {
        merged_free(&m);
        return e;
    }
    return dataset_builder_bulk(b->in->builder, &m.users, &m.items, m.user, m.item, m.rating, m.time, n);
}

static lorec_err skip_lines(block *b, uint32_t n)
{
    if (b->n >= 3 && memcmp(b->text, "\xEF\xBB\xBF", 3) == 0) b->text += 3, b->n -= 3;
    for (; n > 0 && b->n > 0; n--) {
        const char *end = memchr(b->text, '\n', b->n);
        size_t used = end ? (size_t)(end - b->text) + 1 : b->n;
        b->text += used;
        b->n -= used;
        b->first_line++;
    }
    return LOREC_OK;
}

static lorec_err read_mapped(block *b, file_map *map)
{
    b->text = (const char *)map->bytes;
    b->n = map->size;
    b->first_line = 1;
    skip_lines(b, b->form->skip_lines);
    lorec_err e = b->n ? block_parse(b) : LOREC_OK;
    file_map_close(map); /* before the merge: its pages count as ours */
    if (!e && b->n) e = block_keep(b);
    parts_free(b);
    return e;
}

static lorec_err read_blocks(block *b)
{
    lines l;
    TRY(lines_open(&l, b->path));
    buf text = {0};
    slice line;
    bool more = true, inside_quotes = false;
    uint32_t skip = b->form->skip_lines;
    lorec_err e = LOREC_OK;
    while (more && !e) {
        uint64_t first = l.number + 1;
        buf_clear(&text);
        while ((text.n < BLOCK || (inside_quotes && text.n < RECORD_MAX)) && (more = lines_next(&l, &line))) {
            TRY_GO(e, buf_add(&text, line.p, line.n), done);
            TRY_GO(e, buf_add(&text, "\n", 1), done);
            for (const char *q = line.p; b->form->quoted && (q = memchr(q, '"', line.n - (size_t)(q - line.p))); q++)
                inside_quotes = !inside_quotes;
        }
        b->text = text.p;
        b->n = text.n;
        b->first_line = first;
        if (first == 1) skip_lines(b, skip);
        if (b->n == 0) continue;
        e = block_parse(b);
        if (!e) e = block_keep(b);
        parts_free(b);
    }
done:
    buf_free(&text);
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

static bool is_compressed(const file_map *m)
{
    return (m->size >= 2 && m->bytes[0] == 0x1F && m->bytes[1] == 0x8B) ||
           (m->size >= 4 && memcmp(m->bytes, "\x28\xB5\x2F\xFD", 4) == 0);
}

lorec_err rows_read(importing *in, const char *path, const row_form *form)
{
    int needed[] = {form->user, form->item, form->rating, form->time, form->only ? form->only_at : 0};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (needed[i] >= ROW_COLUMNS_MAX)
            return err_set(LOREC_USAGE, "%s: column %d is asked for; only the first %d can be read", path,
                           needed[i] + 1, ROW_COLUMNS_MAX);
    }
    file_map map;
    TRY(file_map_open(&map, path));
    block b = {.in = in, .path = path, .form = form};
    if (!is_compressed(&map)) return read_mapped(&b, &map);
    file_map_close(&map);
    return read_blocks(&b);
}

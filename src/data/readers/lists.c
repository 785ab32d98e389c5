/* lists.c: interactions without ratings and times, the order of the file being the order of time: `user item item ...`
 * lines (S3-Rec, LightGCN; SELFRec's `user:item item ...`) and `user item` lines (SASRec). */
#include <math.h>

#include "data/readers.h"

static slice token(slice *rest)
{
    while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t')) rest->p++, rest->n--;
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t' && rest->p[n] != '\r') n++;
    slice t = {rest->p, n};
    rest->p += n;
    rest->n -= n;
    return t;
}

typedef struct shape {          /* of the file's first lines */
    int lines, pairs, min, max; /* lines in all, lines of two tokens, fewest and most tokens of a line */
    bool other;                 /* tabs, commas, quotes or braces: something else */
    bool colon;                 /* every line is `user:...` */
} shape;

static shape look(const importing *in)
{
    shape s = {.min = 1 << 30, .colon = true};
    slice rest = {in->head.p, in->head.n};
    while (rest.n) {
        slice line = slice_cut(&rest, '\n'), left = line, first;
        int n = 0;
        if (slice_trim(line).n == 0) continue;
        first = token(&left);
        for (slice t = first; t.n; t = token(&left)) n++;
        s.colon &= first.n > 0 && memchr(first.p, ':', first.n) != NULL && !memmem(line.p, line.n, "::", 2);
        for (const char *c = "\t,;|\"{"; *c; c++) s.other |= memchr(line.p, *c, line.n) != NULL;
        s.lines++;
        s.pairs += n == 2;
        s.min = n < s.min ? n : s.min;
        s.max = n > s.max ? n : s.max;
    }
    return s;
}

/* Nine lines of ten: a line too long among pairs is a bad row, not a sequence. */
static bool is_pairs(const shape *s)
{
    return s->lines && !s->other && !s->colon && s->pairs * 10 >= s->lines * 9;
}

static int likes_pairs(const importing *in)
{
    shape s = look(in);
    return is_pairs(&s) ? 60 : 0;
}

static int likes_sequences(const importing *in)
{
    shape s = look(in);
    if (!s.lines || s.other || is_pairs(&s)) return 0;
    return s.colon || s.min != s.max ? 60 : s.max > 4 ? 20 : 0;
}

static lorec_err read_pairs(importing *in)
{
    TRY(dataset_builder_source(in->builder, in->path));
    return rows_read(in, in->path,
                     &(row_form){.separator = " ", .user = 0, .item = 1, .rating = -1, .time = -1, .columns = 2});
}

static lorec_err take_line(importing *in, slice line, uint64_t number, bool colon)
{
    enum { ID_MAX = 4096 };
    if (memchr(line.p, 0, line.n)) return import_bad_row(in, in->path, number, "a NUL byte: is this a text file?");
    if (!utf8_valid(line)) return import_bad_row(in, in->path, number, "%s", fault_utf8);
    raw_row row = {.rating = NAN, .time = TIME_NONE};
    if (colon) {
        slice whole = line;
        row.user = slice_trim(slice_cut(&line, ':'));
        if (row.user.n == whole.n)
            return import_bad_row(in, in->path, number, "no colon between the user and the items");
    } else {
        row.user = token(&line);
    }
    if (row.user.n == 0 || row.user.n > ID_MAX)
        return import_bad_row(in, in->path, number, row.user.n ? "a user id of more than 4096 bytes" : "no user id");
    while ((row.item = token(&line)).n) {
        if (row.item.n > ID_MAX) return import_bad_row(in, in->path, number, "an item id of more than 4096 bytes");
        TRY(dataset_builder_row(in->builder, &row));
    }
    return LOREC_OK;
}

static lorec_err read_sequences(importing *in)
{
    bool colon = look(in).colon;
    TRY(dataset_builder_source(in->builder, in->path));
    lines l;
    TRY(lines_open(&l, in->path));
    slice line;
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        if (l.number == 1 && line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0) line.p += 3, line.n -= 3;
        if (slice_trim(line).n) e = take_line(in, line, l.number, colon);
    }
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

const reader reader_pairs = {"pairs", "`user item` lines in time order (SASRec)", likes_pairs, read_pairs};
const reader reader_sequences = {"sequences", "`user item item ...` lines in time order (S3-Rec, LightGCN)",
                                 likes_sequences, read_sequences};

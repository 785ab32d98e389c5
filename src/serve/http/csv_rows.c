#include "serve/http/csv_rows.h"

#include "base/mem.h"

void csv_rows_free(csv_rows *c)
{
    buf_free(&c->unquoted);
    *c = (csv_rows){0};
}

/* A quoted cell, `at` behind its first quote: its end in the text, its words appended to c->unquoted. */
static lorec_err quoted(csv_rows *c, slice text, size_t *at)
{
    for (;;) {
        const char *end = *at < text.n ? memchr(text.p + *at, '"', text.n - *at) : NULL;
        if (!end) return err_set(LOREC_INPUT, "line %zu: a quote is opened and not closed", c->line);
        size_t n = (size_t)(end - text.p) - *at;
        TRY(buf_add(&c->unquoted, text.p + *at, n));
        for (size_t i = 0; i < n; i++) c->lines_read += text.p[*at + i] == '\n';
        *at += n + 1;
        if (*at >= text.n || text.p[*at] != '"') return LOREC_OK;
        TRY(buf_add(&c->unquoted, "\"", 1)); /* "" is a quote */
        ++*at;
    }
}

static lorec_err read_record(csv_rows *c)
{
    slice text = c->rest;
    size_t at = 0, from[CSV_CELLS];
    bool own[CSV_CELLS], last = false;
    c->n = 0;
    buf_clear(&c->unquoted);
    TRY(buf_puts(&c->unquoted, ""));
    while (!last) {
        if (c->n == CSV_CELLS) return err_set(LOREC_INPUT, "line %zu: more than %d cells", c->line, CSV_CELLS);
        own[c->n] = at < text.n && text.p[at] == '"';
        from[c->n] = own[c->n] ? c->unquoted.n : at;
        if (own[c->n]) {
            at++;
            TRY(quoted(c, text, &at));
        } else
            while (at < text.n && text.p[at] != c->separator && text.p[at] != '\n') at++;
        size_t end = own[c->n] ? c->unquoted.n : at;
        bool crlf = at + 1 < text.n && text.p[at] == '\r' && text.p[at + 1] == '\n';
        if (own[c->n] && at < text.n && !crlf && text.p[at] != c->separator && text.p[at] != '\n')
            return err_set(LOREC_INPUT, "line %zu: something follows a closed quote", c->line);
        at += own[c->n] && crlf;
        last = at >= text.n || text.p[at] == '\n';
        if (last && !own[c->n] && end > from[c->n] && text.p[end - 1] == '\r') end--;
        c->cell[c->n] = (slice){NULL, end - from[c->n]};
        c->n++;
        if (at < text.n) at++;
    }
    for (size_t i = 0; i < c->n; i++) c->cell[i].p = (own[i] ? c->unquoted.p : text.p) + from[i];
    c->rest = (slice){text.p + at, text.n - at};
    c->lines_read++;
    return LOREC_OK;
}

lorec_err csv_next(csv_rows *c, bool *more)
{
    do {
        c->line = c->lines_read + 1;
        *more = c->rest.n > 0;
        if (!*more) return LOREC_OK;
        TRY(read_record(c));
    } while (c->n == 1 && c->cell[0].n == 0);
    return LOREC_OK;
}

static bool needs_quotes(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\n' || s.p[i] == '\r') return true;
    return false;
}

lorec_err csv_write(buf *out, const slice *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool quote = needs_quotes(cells[i]) || (n == 1 && !cells[i].n);
        if (i) TRY(buf_puts(out, ","));
        if (quote) TRY(buf_puts(out, "\""));
        for (size_t k = 0; k < cells[i].n; k++) {
            if (cells[i].p[k] == '"') TRY(buf_puts(out, "\""));
            TRY(buf_add(out, cells[i].p + k, 1));
        }
        if (quote) TRY(buf_puts(out, "\""));
    }
    return buf_puts(out, "\r\n");
}

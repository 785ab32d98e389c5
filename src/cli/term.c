#include "cli/term.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"

bool term_colour(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
    if (no && *no) return false;
    if (!kind || strcmp(kind, "dumb") == 0) return false;
    return isatty(fileno(f));
}

const char *term_bold(FILE *f)
{
    return term_colour(f) ? "\033[1m" : "";
}

const char *term_dim(FILE *f)
{
    return term_colour(f) ? "\033[2m" : "";
}

const char *term_off(FILE *f)
{
    return term_colour(f) ? "\033[0m" : "";
}

void term_seconds(char out[32], double s)
{
    if (s < 0.001)
        snprintf(out, 32, "<1 ms");
    else if (s < 0.9995)
        snprintf(out, 32, "%.0f ms", 1000 * s);
    else if (s < 10)
        snprintf(out, 32, "%.1f s", s);
    else if (s < 119.5)
        snprintf(out, 32, "%.0f s", s);
    else if (s < 7200)
        snprintf(out, 32, "%ld min %02ld s", (long)s / 60, (long)s % 60);
    else
        snprintf(out, 32, "%ld h %02ld min", (long)s / 3600, (long)s / 60 % 60);
}

size_t term_width(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0, left = strlen(text);
    while (left) {
        wchar_t c;
        size_t n = mbrtowc(&c, text, left, &state);
        if (n == 0) break;
        if (n > left) { /* not UTF-8: a column a byte */
            state = (mbstate_t){0};
            n = 1;
            width++;
        } else {
            int w = wcwidth(c);
            width += w > 0 ? (size_t)w : 0;
        }
        text += n;
        left -= n;
    }
    return width;
}

void table_cell(table *t, const char *fmt, ...)
{
    if (t->err) return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127) *p = ' '; /* a title must not steer the terminal */
    t->err = mem_grow(&t->cell, &t->cap, t->n + 1);
    if (!t->err) t->err = mem_dup(&t->cell[t->n], text);
    if (!t->err) t->n++;
}

void table_row_end(table *t)
{
    if (t->err) return;
    t->err = mem_grow(&t->row_end, &t->row_cap, t->rows + 1);
    if (!t->err) t->row_end[t->rows++] = t->n;
}

static char align_of(const char *align, size_t column)
{
    size_t n = strlen(align);
    return n == 0 ? 'l' : align[column < n ? column : n - 1];
}

static void print_cell(const table *t, FILE *f, size_t cell, size_t column, size_t width, bool last, const char *align)
{
    int pad = (int)(width - term_width(t->cell[cell]));
    if (align_of(align, column) == 'r')
        fprintf(f, "%*s%s", pad, "", t->cell[cell]);
    else
        fprintf(f, "%s%*s", t->cell[cell], last ? 0 : pad, "");
    if (!last) fputs("  ", f);
}

lorec_err table_print(const table *t, FILE *f, const char *align)
{
    if (t->err) return err_set(t->err, "out of memory while printing a table");
    size_t columns = 0, at = 0;
    for (size_t r = 0; r < t->rows; at = t->row_end[r++])
        if (t->row_end[r] - at > columns) columns = t->row_end[r] - at;
    size_t *width;
    TRY(mem_new(&width, columns));
    at = 0;
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; at < t->row_end[r]; at++, c++) {
            size_t w = term_width(t->cell[at]);
            if (w > width[c]) width[c] = w;
        }
    }
    at = 0;
    for (size_t r = 0; r < t->rows; r++) {
        if (r == 0) fputs(term_bold(f), f);
        for (size_t c = 0; at < t->row_end[r]; at++, c++)
            print_cell(t, f, at, c, width[c], at + 1 == t->row_end[r], align);
        if (r == 0) fputs(term_off(f), f);
        fputc('\n', f);
    }
    mem_free(width);
    return LOREC_OK;
}

void table_free(table *t)
{
    for (size_t i = 0; i < t->n; i++) mem_free(t->cell[i]);
    mem_free(t->cell);
    mem_free(t->row_end);
    *t = (table){0};
}

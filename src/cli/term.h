/* term.h: what a person sees: tables with aligned columns, and bold and dim text where the terminal has it.
 *
 *     table t = {0};
 *     table_cell(&t, "method"), table_cell(&t, "ndcg@10"), table_row_end(&t);
 *     table_cell(&t, "%s", key), table_cell(&t, "%.4f", x), table_row_end(&t);
 *     table_print(&t, stdout, "lr");       // l: left, r: right; the last letter goes for the remaining columns
 *     table_free(&t);
 *
 * Colours are left out when NO_COLOR is set (https://no-color.org), TERM is dumb, or the output is no terminal.
 *
 * Ownership: a table owns its cells until table_free. The first failed cell is told by table_print. */
#ifndef LOREC_CLI_TERM_H
#define LOREC_CLI_TERM_H

#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"

typedef struct table {
    char **cell;
    size_t n, cap;
    size_t *row_end; /* cells before the end of each row */
    size_t rows, row_cap;
    lorec_err err;
} table;

void table_cell(table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_row_end(table *t);
lorec_err table_print(const table *t, FILE *f, const char *align); /* the first row is the head */
void table_free(table *t);

bool term_colour(FILE *f);
const char *term_bold(FILE *f); /* the escape sequence, or "" */
const char *term_dim(FILE *f);
const char *term_off(FILE *f);

/* "<1 ms", "23 ms", "4.6 s", "3 min 20 s", "2 h 05 min" into out. */
void term_seconds(char out[32], double seconds);

/* Columns that a UTF-8 text takes on a terminal (combining marks 0, wide letters 2). */
size_t term_width(const char *text);

#endif

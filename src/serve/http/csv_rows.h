/* csv_rows.h: the records of a CSV text in memory (RFC 4180), and records written.
 *
 *     csv_rows c = {.rest = {text, n}, .separator = ','};
 *     bool more;
 *     while (!(e = csv_next(&c, &more)) && more) use(c.cell[0 .. c.n - 1], c.line);
 *     csv_rows_free(&c);
 *     TRY(csv_write(&out, slices, n));                  // quoted where it has to be, "\r\n" at the end
 *
 * Ownership: cells point into the text or into the csv_rows, and live until the next call. */
#ifndef LOREC_SERVE_HTTP_CSV_ROWS_H
#define LOREC_SERVE_HTTP_CSV_ROWS_H

#include "base/str.h"

enum { CSV_CELLS = 64 };

typedef struct csv_rows {
    slice rest;
    char separator;
    slice cell[CSV_CELLS];
    size_t n, line; /* line: of the record's begin, from 1 */
    buf unquoted;
    size_t lines_read;
} csv_rows;

/* Empty lines are passed over. LOREC_INPUT: an open quote, words behind a quote, too many cells. */
lorec_err csv_next(csv_rows *c, bool *more);
void csv_rows_free(csv_rows *c);
lorec_err csv_write(buf *out, const slice *cells, size_t n);

#endif

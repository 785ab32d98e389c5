/* convert_rows.h: inside convert.h: a weight's rows in another order and type, piece by piece; what both directions report.
 *
 *     convert_rows c = {.w = w, .x = x, .type = ELEM_Q8_0, .give = write_to_file, .ctx = &file};
 *     TRY(convert_rows_run(&c));
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_LM_CONVERT_CONVERT_ROWS_H
#define LOREC_LM_CONVERT_CONVERT_ROWS_H

#include "lm/convert/convert.h"
#include "lm/files/place.h"

typedef struct convert_rows {
    const weights *w;
    const weight *x;
    int64_t first, rows; /* of x in Hugging Face's order; rows 0: all */
    row_order order;     /* that the rows leave in */
    int64_t heads;
    bool turn; /* a matrix leaves transposed */
    float plus;
    elem type;
    lorec_err (*give)(void *ctx, const void *bytes, size_t n);
    void *ctx;
} convert_rows;

lorec_err convert_rows_run(const convert_rows *c);

/* Added to r->vocabulary: a file's name; or what the keys of a GGUF file hold. */
void convert_carried(convert_report *r, const char *what);
void convert_carried_keys(convert_report *r, const gguf *g);

#endif

#include "tensor/ops/example_rows.h"

#include <string.h>

lorec_err example_rows_of(tape *t, const tensor *x, int64_t n, example_rows *g)
{
    int64_t rows = tensor_rows(x), each = x->ndim > 1 && x->size[0] ? rows / x->size[0] : 1;
    *g = (example_rows){.n = n,
                        .start = tape_scratch(t, (size_t)(n + 2) * sizeof *g->start),
                        .row = tape_scratch(t, (size_t)rows * sizeof *g->row)};
    TRY(tape_error(t));
    memset(g->start, 0, (size_t)(n + 2) * sizeof *g->start);
    for (int64_t i = 0; i < rows; i++) { /* counts, shifted by two so that filling leaves the starts behind */
        int64_t e = x->example ? x->example[i / each] : i / each;
        if (e >= 0 && e < n) g->start[e + 2]++;
    }
    for (int64_t e = 0; e < n; e++) {
        if (g->start[e + 2] > g->most) g->most = g->start[e + 2];
        g->start[e + 2] += g->start[e + 1];
    }
    for (int64_t i = 0; i < rows; i++) {
        int64_t e = x->example ? x->example[i / each] : i / each;
        if (e >= 0 && e < n) g->row[g->start[e + 1]++] = (int32_t)i;
    }
    return LOREC_OK;
}

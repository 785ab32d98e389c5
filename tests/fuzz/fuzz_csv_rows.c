/* CSV in memory: whatever it is, records come out or it is refused; what comes out and is written comes in again the same. */
#include "serve/http/csv_rows.h"

#include <stdlib.h>

static void again(const csv_rows *c)
{
    buf text = {0};
    bool more = false;
    slice cells[CSV_CELLS];
    for (size_t i = 0; i < c->n; i++) cells[i] = c->cell[i];
    if (csv_write(&text, cells, c->n)) abort();
    csv_rows d = {.rest = {text.p, text.n}, .separator = ','};
    if (csv_next(&d, &more) || !more || d.n != c->n || d.rest.n) abort();
    for (size_t i = 0; i < d.n; i++)
        if (d.cell[i].n != cells[i].n || (d.cell[i].n && memcmp(d.cell[i].p, cells[i].p, d.cell[i].n) != 0)) abort();
    csv_rows_free(&d);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    csv_rows c = {.rest = {(const char *)data, size}, .separator = ','};
    bool more;
    while (csv_next(&c, &more) == LOREC_OK && more) again(&c);
    csv_rows_free(&c);
    return 0;
}

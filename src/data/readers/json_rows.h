/* json_rows.h: files with one JSON object (or printed Python dict) a line, or with one array of objects.
 *
 *     json_rows j;
 *     TRY(json_rows_open(&j, path));
 *     while (json_rows_next(&j)) use(j.object, j.fault);   // fault: why this line is none, or NULL
 *     TRY(json_rows_close(&j));
 *
 * Ownership: the object is the reader's until the next call. */
#ifndef LOREC_DATA_READERS_JSON_ROWS_H
#define LOREC_DATA_READERS_JSON_ROWS_H

#include "data/readers.h"

typedef struct json_rows {
    lines in;
    char *path;
    json_t *object;
    uint64_t line; /* where the object began */
    const char *fault;
    char why[256];
    buf text;
    buf array; /* the whole file, where it is one array; `at`: what was read of it */
    size_t at;
    lorec_err err;
} json_rows;

lorec_err json_rows_open(json_rows *j, const char *path);
bool json_rows_next(json_rows *j);
lorec_err json_rows_close(json_rows *j);
bool json_looks(slice head); /* it begins with an object, or with an array of them */

/* A printed Python dict as JSON text; what is neither stays neither. `out` is cleared first. */
lorec_err python_to_json(buf *out, slice in);

/* The first of the keys that is there and not null or "". */
const json_t *json_first(const json_t *object, const char *const *keys);
/* A string or whole number as text (in `room`). */
bool json_text(const json_t *v, char room[32], slice *out);
/* All strings of a value, however lists are nested, each with `between` behind it. */
enum { LIST_SEPARATOR = 0x1F };
lorec_err json_flatten(buf *out, const json_t *v, char between);
/* What an item's metadata says, as columns: title, brand, price, categories, description ... */
lorec_err json_item_cells(dataset_builder *b, const json_t *object, slice who, buf *scratch);
const char *const *json_item_keys(void);

#endif

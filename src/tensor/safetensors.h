/* safetensors.h: reading and writing safetensors (https://github.com/huggingface/safetensors, format section):
 *   1. 8 bytes, little-endian: N, the length of the header, at most 100,000,000
 *   2. N bytes JSON: {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, "__metadata__": {..}}
 *   3. the buffer: offsets relative to it, row-major, no holes, no overlaps, all of it covered
 *
 *     safetensors f;
 *     TRY(safetensors_open(&f, path));              // everything above is checked here
 *     const st_entry *e = safetensors_find(&f, "wte.weight");
 *     TRY(safetensors_read_f32(&f, e, values, n));  // F32, F16, BF16 converted
 *     safetensors_close(&f);
 *
 * Values are read by position (base/blob.h): a file that is cut off meanwhile is an error.
 *
 * Ownership: entries and bytes belong to the file until it is closed. */
#ifndef LOREC_TENSOR_SAFETENSORS_H
#define LOREC_TENSOR_SAFETENSORS_H

#include "base/blob.h"
#include "base/file.h"
#include "tensor/elem.h"

typedef struct st_entry {
    char *name;
    elem dtype; /* a plain one */
    int ndim;
    int64_t shape[8];
    size_t begin, bytes; /* in the buffer */
} st_entry;
typedef struct safetensors {
    blob file;
    bool borrowed;
    uint64_t buffer; /* where it begins in the file */
    st_entry *entry;
    size_t n;
    char **meta; /* key, value, key, value ... */
    size_t n_meta;
} safetensors;

lorec_err safetensors_open(safetensors *f, const char *path);
lorec_err safetensors_read(safetensors *f, const blob *file); /* borrowed */
lorec_err safetensors_parse(safetensors *f, const unsigned char *bytes, size_t size,
                            const char *where); /* borrowed bytes */
void safetensors_close(safetensors *f);
const st_entry *safetensors_find(const safetensors *f, const char *name);
int64_t st_entry_count(const st_entry *e);
lorec_err safetensors_read_f32(const safetensors *f, const st_entry *e, float *values, int64_t n);
const char *safetensors_meta(const safetensors *f, const char *key); /* NULL: none */

/* Writing: the header first (sizes are known), then the values in the same order. */
typedef struct st_item {
    const char *name;
    elem dtype; /* a plain one */
    int ndim;
    const int64_t *shape;
    const void *values;
} st_item;
lorec_err safetensors_write(const char *path, const st_item *items, size_t n, const char *const *meta, size_t n_meta);
/* Without values in the items: `fill` is asked for each in order and puts exactly its bytes. */
typedef lorec_err st_fill(void *ctx, size_t item, writer *out);
lorec_err safetensors_write_filled(const char *path, const st_item *items, size_t n, const char *const *meta,
                                   size_t n_meta, st_fill *fill, void *ctx);

#endif

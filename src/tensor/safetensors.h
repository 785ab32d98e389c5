/* safetensors.h: reading and writing safetensors (https://github.com/huggingface/safetensors, format section):
 *   1. 8 bytes, little-endian: N, the length of the header, at most 100,000,000
 *   2. N bytes JSON: {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, "__metadata__": {..}}
 *   3. the buffer: offsets relative to it, row-major, no holes, no overlaps, all of it covered
 *
 *     safetensors f;
 *     TRY(safetensors_open(&f, path));              // mapped; everything above is checked here
 *     const st_entry *e = safetensors_find(&f, "wte.weight");
 *     TRY(safetensors_read_f32(&f, e, values, n));  // F32, F16, BF16 converted
 *     safetensors_close(&f);
 *
 * Ownership: entries and bytes belong to the file until it is closed. */
#ifndef LOREC_TENSOR_SAFETENSORS_H
#define LOREC_TENSOR_SAFETENSORS_H

#include "base/file.h"

typedef enum st_dtype { ST_F32, ST_F16, ST_BF16, ST_F64, ST_I64, ST_I32, ST_I16, ST_I8, ST_U8, ST_BOOL } st_dtype;
typedef struct st_entry {
    char *name;
    st_dtype dtype;
    int ndim;
    int64_t shape[8];
    size_t begin, bytes; /* in the buffer */
} st_entry;
typedef struct safetensors {
    file_map map;
    bool borrowed; /* the bytes are the caller's */
    size_t buffer; /* where it begins in the map */
    st_entry *entry;
    size_t n;
    char **meta; /* key, value, key, value ... */
    size_t n_meta;
} safetensors;

lorec_err safetensors_open(safetensors *f, const char *path);
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
    st_dtype dtype;
    int ndim;
    const int64_t *shape;
    const void *values;
} st_item;
lorec_err safetensors_write(const char *path, const st_item *items, size_t n, const char *const *meta, size_t n_meta);

#endif

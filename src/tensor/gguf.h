/* gguf.h: reading and writing GGUF, llama.cpp's model files, versions 2 and 3 (little-endian):
 *   1. "GGUF", u32 version, u64 number of tensors, u64 number of keys
 *   2. keys: string, u32 type, value; a string is u64 length and bytes; an array is u32 type, u64 count, values
 *   3. tensors: string name (at most 64 bytes), u32 dimensions (at most 4), u64 sizes with the fastest first, u32 type,
 *      u64 offset in the values
 *   4. values, from the next multiple of "general.alignment" (32 unless said), each tensor at such a multiple
 *
 *     gguf g;
 *     TRY(gguf_open(&g, path));                                   // all of the above is checked here
 *     slice model;
 *     TRY(gguf_get_string(&g, "tokenizer.ggml.model", &model));   // LOREC_INPUT: missing, or of another type
 *     gguf_strings it;
 *     TRY(gguf_get_strings(&g, "tokenizer.ggml.tokens", &it));    // it.n of them
 *     for (slice s; gguf_strings_next(&it, &s);) ...
 *     gguf_close(&g);
 *
 * What describes the file is copied when it is opened; values are read by position (base/blob.h).
 *
 * Ownership: slices, keys and tensors belong to the gguf until gguf_close. It never changes; threads may share it. */
#ifndef LOREC_TENSOR_GGUF_H
#define LOREC_TENSOR_GGUF_H

#include "base/file.h"
#include "tensor/elem.h"

typedef enum gguf_type { /* as they are numbered in files */
                         GGUF_U8,
                         GGUF_I8,
                         GGUF_U16,
                         GGUF_I16,
                         GGUF_U32,
                         GGUF_I32,
                         GGUF_F32,
                         GGUF_BOOL,
                         GGUF_STRING,
                         GGUF_ARRAY,
                         GGUF_U64,
                         GGUF_I64,
                         GGUF_F64,
                         GGUF_TYPES
} gguf_type;

typedef struct gguf_key {
    slice name;
    gguf_type type;
    gguf_type item;             /* of an array */
    uint64_t n;                 /* of an array; otherwise 1 */
    const unsigned char *bytes; /* of the value, or of the array's values, as they lie in the file: unaligned */
    size_t size;
} gguf_key;

enum { GGUF_DIMS = 4, GGUF_NAME_MAX = 64 };
typedef struct gguf_tensor {
    slice name; /* without NUL */
    elem type;
    int ndim;
    int64_t size[GGUF_DIMS]; /* fastest first; 1 beyond ndim */
    uint64_t at;             /* in the file */
    size_t bytes;
} gguf_tensor;

typedef struct gguf {
    blob file;
    bool borrowed;
    int version;
    uint64_t alignment;
    gguf_key *key; /* ascending by name */
    size_t n_keys;
    gguf_tensor *tensor; /* ascending by name */
    size_t n_tensors;
    unsigned char *head; /* copy of what comes before the values */
} gguf;

lorec_err gguf_open(gguf *g, const char *path);
lorec_err gguf_read(gguf *g, const blob *file); /* borrowed */
void gguf_close(gguf *g);

/* The number of a type in files; false: none. */
bool gguf_type_of(elem t, uint32_t *out);

const gguf_key *gguf_find(const gguf *g, const char *name); /* NULL: there is none */
const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name);
const char *gguf_type_name(gguf_type t);

/* Typed getters: any width of whole number is a whole number, either width of real a real. The plain form requires the key;
 * the _or form gives the fallback where it is absent. Of another type, or out of range: LOREC_INPUT naming the key. */
lorec_err gguf_get_i64(const gguf *g, const char *name, int64_t min, int64_t max, int64_t *out);
lorec_err gguf_get_i64_or(const gguf *g, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out);
lorec_err gguf_get_f64_or(const gguf *g, const char *name, double fallback, double *out);
lorec_err gguf_get_bool_or(const gguf *g, const char *name, bool fallback, bool *out);
lorec_err gguf_get_string(const gguf *g, const char *name, slice *out);

typedef struct gguf_strings {
    size_t n; /* of the whole array */
    size_t left;
    const unsigned char *at;
} gguf_strings;
lorec_err gguf_get_strings(const gguf *g, const char *name, gguf_strings *out);
bool gguf_strings_next(gguf_strings *it, slice *out);
/* Arrays of numbers as copies, to mem_free. */
lorec_err gguf_get_f32s(const gguf *g, const char *name, float **out, size_t *n);
lorec_err gguf_get_i32s(const gguf *g, const char *name, int32_t **out, size_t *n);

/* ---- writing: version 3 --------------------------------------------------------------------------------------------------
 *
 *     gguf_writer o = {0};
 *     gguf_put_string(&o, "general.architecture", slice_of("llama"));      // a failure is kept and told by gguf_begin
 *     gguf_put_u32(&o, "llama.block_count", 22);
 *     gguf_put_tensor(&o, "token_embd.weight", ELEM_F16, 2, (int64_t[]){d, v});
 *     TRY(gguf_begin(&o, path));                        // goes to a temporary name, as base/file.h's writer
 *     TRY(gguf_values(&o, bytes, n));                   // the tensors' values in order, in pieces of any size
 *     TRY(gguf_commit(&o));                             // or gguf_abort(&o) */
typedef struct gguf_writer {
    buf keys, tensors;
    uint64_t n_keys, n_tensors;
    size_t *bytes; /* of each tensor */
    size_t bytes_cap;
    uint64_t offset;         /* where the next tensor's values will lie */
    uint64_t current, given; /* tensor whose values are being written, and how many bytes of it there are */
    writer out;
    lorec_err err;
} gguf_writer;

void gguf_put_string(gguf_writer *o, const char *name, slice value);
void gguf_put_u32(gguf_writer *o, const char *name, uint32_t value);
void gguf_put_f32(gguf_writer *o, const char *name, float value);
void gguf_put_bool(gguf_writer *o, const char *name, bool value);
void gguf_put_key(gguf_writer *o, const gguf_key *key); /* of another file, as it is */
void gguf_put_array(gguf_writer *o, const char *name, gguf_type item, const void *values, size_t n); /* of numbers */
void gguf_put_strings(gguf_writer *o, const char *name, const slice *values, size_t n);
void gguf_put_tensor(gguf_writer *o, const char *name, elem type, int ndim, const int64_t *size);

lorec_err gguf_begin(gguf_writer *o, const char *path);
lorec_err gguf_values(gguf_writer *o, const void *bytes, size_t n);
lorec_err gguf_commit(gguf_writer *o);
void gguf_abort(gguf_writer *o);

#endif

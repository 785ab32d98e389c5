/* place.h: inside weights.h: where a weight lies, and what a format has to do.
 *
 * A format is one file in lm/files/ with a `const weights_kind`, and one row in weights.c. Its `open` adds what it finds:
 *
 *     weight x = {.type = ELEM_F16, .ndim = 2, .shape = {v, d}};
 *     TRY(weights_add(w, "wte.weight", &x, &(weight_place){.parts = 1, .part = {{.file = file, .at = 4096, .rows = v}}}));
 *
 * Ownership: all that is added is copied, and the weights'. */
#ifndef LOREC_LM_FILES_PLACE_H
#define LOREC_LM_FILES_PLACE_H

#include "lm/weights.h"
#include "tensor/gguf.h"

/* How the file's rows follow each other where Hugging Face's are 0, 1, 2 ... */
typedef enum row_order {
    ROWS_SAME,
    ROWS_PAIRED, /* in each of `heads`: row i of the first half, row i of the second, row i + 1 ... (rotary by neighbours) */
    ROWS_BY_KIND, /* Hugging Face has q, k, v of head 0, then of head 1 ...; the file all q, then all k, then all v */
} row_order;

typedef struct weight_part {
    size_t file;
    uint64_t at;
    int64_t rows;
    row_order order;
    int64_t heads;
} weight_part;

enum { WEIGHT_PARTS = 3 };
typedef struct weight_place {
    int parts; /* stacked along the rows: what one format fuses, another keeps apart */
    weight_part part[WEIGHT_PARTS];
    bool by_value; /* a vector of which each value is a row of the part */
    float plus;    /* added to every value: Gemma's gains, which GGUF keeps with their 1 */
    /* Kept as another type than weight.type says: rows to f32. */
    lorec_err (*decode)(const weights *w, const weight *x, const weight_part *p, int64_t row, int64_t n, float *into);
    uint64_t extra; /* decode's own */
} weight_place;

typedef struct weights_kind {
    const char *name;
    bool (*is)(const unsigned char *head, size_t n, uint64_t size); /* head: the first n bytes, at most 64 */
    lorec_err (*open)(weights *w, const char *path, size_t file);   /* adds what this one file holds */
} weights_kind;
extern const weights_kind weights_safetensors, weights_llama2c, weights_gguf_kind, weights_torch;

lorec_err weights_open_file(weights *w, const char *path);              /* whatever kind it is */
lorec_err weights_add_file(weights *w, const char *path, size_t *file); /* one more that an open model lies in */
/* "NAME-00002-of-00003.gguf": part 2 of 3. */
bool gguf_part_of(const char *path, int64_t *number, int64_t *count);
lorec_err weights_open_folder(weights *w, const char *folder);

blob *weights_file(const weights *w, size_t file);
/* Shape, type and place are checked against the file: LOREC_INPUT. */
lorec_err weights_add(weights *w, const char *name, const weight *x, const weight_place *place);
lorec_err weights_new_gguf(weights *w, size_t file, gguf **out); /* read from the file; weights_gguf gives it */
bool weights_has(weights *w, const char *name);                  /* among what was added so far; sorts it */
void weights_set_config(weights *w, json_t *config);             /* takes it over */
lorec_err weights_set_format(weights *w, const char *name);

#endif

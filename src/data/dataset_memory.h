/* dataset_memory.h: what lies behind a data set's arrays; for the files of dataset_*.c only.
 *
 *     TRY(dataset_memory_new(d));                     // d->memory, empty
 *     TRY(dataset_memory_keep(d->memory, block));     // frees `block` at once where it can not be kept
 *     const npy *a; TRY(dataset_memory_map(d->memory, path, NPY_U32, 1, &a));
 *
 * Ownership: everything kept is released by dataset_close. */
#ifndef LOREC_DATA_DATASET_MEMORY_H
#define LOREC_DATA_DATASET_MEMORY_H

#include <pthread.h>

#include "base/npy.h"
#include "data/dataset.h"

enum { DATASET_SCHEMA = 1 };

/* Ids back to numbers: made at the first question, by whichever thread asks first. */
typedef struct lookup {
    pthread_mutex_t lock;
    ids ids;
    bool made;
} lookup;

struct dataset_memory {
    void **blocks;
    npy *maps;
    size_t n_blocks, blocks_cap, n_maps, maps_cap;
    lookup users, items;
};

lorec_err dataset_memory_new(dataset *d);
lorec_err dataset_memory_keep(struct dataset_memory *m, void *block);
lorec_err dataset_memory_map(struct dataset_memory *m, const char *path, npy_type type, npy *out);

/* sha256 over counts, ids, rows and columns, into d->sha256. */
lorec_err dataset_hash(dataset *d);

/* The file name stem of a column: "item.title", "item.odd%20name"; `out` is cleared first. */
lorec_err dataset_column_stem(buf *out, column_side side, const char *name);
const char *column_side_word(column_side side);
const char *column_kind_word(column_kind kind);

/* json_object_set_new with jansson's out-of-memory told as lorec's; `value` is stolen. */
lorec_err json_put(json_t *object, const char *key, json_t *value);

#endif

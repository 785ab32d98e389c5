/* pickle.h: the values that a pickle describes, read without running anything: of the language's opcodes only those that
 * torch.save writes for dictionaries of tensors, of its globals only the few named in pickle.c. Any other is refused by name.
 *
 *     pickle p;
 *     TRY(pickle_read(&p, bytes, n));
 *     const pickle_value *root = pickle_at(&p, p.root);
 *     for (uint32_t c = root->first; c; c = pickle_next(&p, pickle_next(&p, c)))          // of a dictionary: key, value ...
 *         use(pickle_item(&p, c), pickle_item(&p, pickle_next(&p, c)));
 *     pickle_free(&p);
 *
 * A pickle may be shared and even contain itself: whoever walks it limits the depth.
 *
 * Ownership: a pickle owns its values until pickle_free; strings point into the bytes it was read from. */
#ifndef LOREC_LM_FILES_PICKLE_H
#define LOREC_LM_FILES_PICKLE_H

#include "base/str.h"
#include "tensor/elem.h"

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_REAL,
    PICKLE_STRING,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_GLOBAL,
    PICKLE_STORAGE, /* first: ('storage', type, key, device, number of values) */
    PICKLE_TENSOR,  /* first: (storage, offset, sizes, strides, ...) */
} pickle_kind;

/* The globals that are known. */
typedef enum pickle_global {
    PICKLE_ORDERED_DICT,
    PICKLE_REBUILD_TENSOR,
    PICKLE_REBUILD_PARAMETER,
    PICKLE_SIZE,
    PICKLE_STORAGE_TYPE, /* `type` says of what */
} pickle_global;

typedef struct pickle_value {
    pickle_kind kind;
    int64_t whole; /* of a bool, int; of a global: pickle_global */
    elem type;     /* of a PICKLE_STORAGE_TYPE */
    slice text;
    uint32_t first, last; /* links of what it holds; 0: nothing */
} pickle_value;

typedef struct pickle_link {
    uint32_t value, next;
} pickle_link;

typedef struct pickle {
    pickle_value *value;
    size_t n, cap;
    pickle_link *link; /* 0 is none */
    size_t links, link_cap;
    uint32_t root;
} pickle;

lorec_err pickle_read(pickle *p, const unsigned char *bytes, size_t n);
void pickle_free(pickle *p);

static inline const pickle_value *pickle_at(const pickle *p, uint32_t value)
{
    return &p->value[value];
}
static inline const pickle_value *pickle_item(const pickle *p, uint32_t link)
{
    return &p->value[p->link[link].value];
}
static inline uint32_t pickle_next(const pickle *p, uint32_t link)
{
    return link ? p->link[link].next : 0;
}
size_t pickle_length(const pickle *p, const pickle_value *v); /* links of a tuple, list or dictionary */

#endif

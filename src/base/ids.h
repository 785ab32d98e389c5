/* ids.h: words to dense numbers and back: a vocabulary of byte strings numbered from 0 in order of first sight.
 *
 *     ids users = {0};
 *     uint32_t u;
 *     TRY(ids_add(&users, slice_of("A2SUAM1J3GNN3B"), &u));   // its number, given now if it is new
 *     ids_find(&users, slice_of("nobody"), &u);               // false
 *     slice name = ids_name(&users, u);
 *     ids_free(&users);
 *
 * Ownership: the strings are copied in; slices given out live until the next ids_add or ids_free. Reading from many
 * threads is safe while nobody adds. */
#ifndef LOREC_BASE_IDS_H
#define LOREC_BASE_IDS_H

#include "base/str.h"

typedef struct ids {
    uint32_t n;      /* how many there are; numbers are 0 .. n-1 */
    uint64_t *start; /* [n + 1] byte offsets into `bytes` */
    char *bytes;
    uint32_t *table; /* open addressing: number + 1, 0 empty */
    uint64_t *hash;  /* [n] */
    size_t start_cap, bytes_cap, hash_cap, table_size;
} ids;

lorec_err ids_add(ids *v, slice name, uint32_t *number);
bool ids_find(const ids *v, slice name, uint32_t *number);
static inline slice ids_name(const ids *v, uint32_t number)
{
    return (slice){v->bytes + v->start[number], (size_t)(v->start[number + 1] - v->start[number])};
}
lorec_err ids_reserve(ids *v, size_t n, size_t bytes);
void ids_free(ids *v);

#endif

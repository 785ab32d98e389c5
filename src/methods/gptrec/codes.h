/* codes.h: items as short sequences of tokens, from a truncated SVD of who had what (GPTRec, section 3.2):
 *   1. M: users x items, 1 where the user had the item; E = its first t right singular vectors, [items, t]
 *   2. each column of E is scaled to [0, 1] and blurred by normal noise of 1e-5, so that equal values part
 *   3. and cut into v bins that hold equally many items (+-1); token = bin + v * column
 *
 *     item_codes c;
 *     TRY(codes_svd(&c, train, 2, 2048, seed));
 *     c.token[item * c.t + j]
 *     codes_free(&c);
 *
 * Ownership: item_codes own their arrays until codes_free. */
#ifndef LOREC_METHODS_GPTREC_CODES_H
#define LOREC_METHODS_GPTREC_CODES_H

#include "data/dataset.h"
#include "text/trie.h"

typedef struct item_codes {
    uint32_t n_items, t, v;
    int32_t *token;      /* [n_items][t] */
    uint32_t *leaf;      /* [n_items] the trie's node where the item's code ends */
    trie trie;           /* of all codes; several items at one leaf are a collision */
    uint32_t collisions; /* items less different codes */
} item_codes;

lorec_err codes_svd(item_codes *out, const interactions *train, uint32_t t, uint32_t v, uint64_t seed);
/* One token an item, its number. */
lorec_err codes_identity(item_codes *out, uint32_t n_items);
lorec_err codes_save(const item_codes *c, const char *folder); /* codes.npy; v comes from the options */
lorec_err codes_load(item_codes *out, const char *folder, uint32_t t, uint32_t v); /* t 1: v is the number of items */
void codes_free(item_codes *c);

#endif

/* item_ids.h: how items are written when a language model names them: each item a short run of tokens of its own.
 *
 *     item_ids ids;
 *     TRY(item_ids_make(&ids, &(item_ids_options){.scheme = ITEM_IDS_TRAIN}, split, train, &catalogue, seed));
 *     ids.token[ids.start[item]] .. ids.token[ids.start[item + 1] - 1]         // each below ids.n_tokens; no two items alike
 *     item_ids_free(&ids);
 *
 *   sequential      numbers 1, 2 ... in the order in which a walk through the users' whole histories meets the items, validation
 *                   and test included, two digits a token: as P5 has it. The numbers tell what comes next: a leak
 *   train           the same walk through what may be learned from; items that it does not meet are numbered last, by chance
 *   random          the numbers dealt by chance
 *   independent     a token an item
 *   collaborative   items clustered by who had them: a token for the cluster of each level, a last one within the smallest
 *   semantic        a token for each level of its categories, a last one among the items of equal categories
 *
 * Sources: Geng et al., RecSys 2022 (sequential); Hua et al., How to Index Item IDs for Recommendation Foundation Models,
 * SIGIR-AP 2023 (the others). Theirs clusters by the Laplacian of the co-occurrence graph; here by the right singular vectors of
 * D_u^-1/2 X D_i^-1/2, which are its eigenvectors for the graph with weights X^T D_u^-1 X.
 *
 * Ownership: item_ids own their arrays until item_ids_free. */
#ifndef LOREC_RECIPES_ITEM_IDS_H
#define LOREC_RECIPES_ITEM_IDS_H

#include "data/split.h"
#include "recipes/catalogue.h"

typedef enum item_ids_scheme {
    ITEM_IDS_SEQUENTIAL,
    ITEM_IDS_TRAIN,
    ITEM_IDS_RANDOM,
    ITEM_IDS_INDEPENDENT,
    ITEM_IDS_COLLABORATIVE,
    ITEM_IDS_SEMANTIC
} item_ids_scheme;
extern const char *const item_ids_schemes[]; /* their names, NULL at the end: for an option */

typedef struct item_ids_options {
    item_ids_scheme scheme;
    int64_t branches,
        leaf; /* collaborative: clusters a level, and items that are not divided any more; 0: 20 and 100 */
} item_ids_options;

typedef struct item_ids {
    uint32_t n, n_tokens;
    int32_t *token;
    uint64_t *start; /* [n + 1] */
} item_ids;

/* `s` may be NULL: then train is all there is. The catalogue is read for semantic ids alone. */
lorec_err item_ids_make(item_ids *out, const item_ids_options *o, const split *s, const interactions *train,
                        const catalogue *c, uint64_t seed);
void item_ids_free(item_ids *w);
lorec_err item_ids_save(const item_ids *w, const char *folder); /* item_ids.npy, item_ids_start.npy */
lorec_err item_ids_load(item_ids *out, const char *folder);

/* number [n_items]: 0, 1 ... by a walk through the users' rows; items without a row come last, in an order of chance: the data set's
 * own is often that of a walk through all of it. */
lorec_err items_by_visit(const interactions *rows, uint64_t seed, uint32_t *number);

/* A number from 0 on as tokens: two digits each ("7391": 73, 91), an odd last one alone. Appended; at most 5. */
enum { DIGIT_TOKENS = 110, DIGITS_LONGEST = 5 }; /* 00 .. 99, then 0 .. 9 */
size_t digits_write(uint32_t number, int32_t *token);

#endif

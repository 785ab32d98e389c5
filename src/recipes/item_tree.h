/* item_tree.h: the ids of item_ids.h that are paths down a tree: of clusters, of categories.
 *
 *     item_ids ids = {.n = n, .start = zeros};             // made by item_ids_make
 *     TRY(item_tree_of_users(&ids, train, 20, 100, seed));
 *
 * A token belongs to a level of the tree, the last one of a path to no level: it is the item's number among its likes.
 *
 * Ownership: item_ids'. */
#ifndef LOREC_RECIPES_ITEM_TREE_H
#define LOREC_RECIPES_ITEM_TREE_H

#include "recipes/item_ids.h"

enum { ITEM_TREE_LEVELS = 6 }; /* a path is at most one longer */

lorec_err item_tree_of_users(item_ids *w, const interactions *train, int64_t branches, int64_t leaf, uint64_t seed);
/* LOREC_INPUT: no item has categories. */
lorec_err item_tree_of_categories(item_ids *w, const catalogue *c);

#endif

/* subset.h: some users, items and rows of a data set as a data set of its own, with its names and columns.
 *
 *     selection keep = {rows, users, items, n_rows, n_users, n_items};   // ascending; rows only of kept users and items
 *     TRY(dataset_subset(&small, &d, &keep));
 *     selection_free(&keep);
 *
 * Ownership: the selection's arrays are the caller's (selection_free); the new data set shares nothing with the old. */
#ifndef LOREC_DATA_SUBSET_H
#define LOREC_DATA_SUBSET_H

#include "data/dataset.h"

typedef struct selection {
    uint64_t *rows;
    uint32_t *users, *items;
    uint64_t n_rows;
    uint32_t n_users, n_items;
} selection;

lorec_err dataset_subset(dataset *out, const dataset *d, const selection *keep);
void selection_free(selection *keep);

#endif

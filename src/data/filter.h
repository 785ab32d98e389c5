/* filter.h: data set -> smaller data set; every step counts what it removed and writes that into the manifest.
 *
 *     filter_options f = {.min_rating = 3, .user_core = 5, .item_core = 5, .deduplicate = FILTER_KEEP_FIRST};
 *     TRY(dataset_filter(&small, &d, &f));    // small.manifest["filters"]: [{"step","users","items","rows" removed}]
 *
 * Ownership: `out` is a data set of its own; `d` is only read. */
#ifndef LOREC_DATA_FILTER_H
#define LOREC_DATA_FILTER_H

#include "data/dataset.h"

typedef enum filter_duplicates { FILTER_KEEP_ALL, FILTER_KEEP_FIRST, FILTER_KEEP_LAST } filter_duplicates;
typedef struct filter_options { /* all zero: nothing is removed */
    bool by_rating;
    double min_rating, max_rating; /* inclusive; max 0: none */
    uint32_t user_core, item_core; /* at least so many rows each, repeated until nothing changes */
    int64_t after, before;         /* time >= after, time < before; 0: open */
    filter_duplicates deduplicate; /* same user and item */
} filter_options;

/* A filter that leaves no row is LOREC_INPUT and says which step emptied it. */
lorec_err dataset_filter(dataset *out, const dataset *d, const filter_options *options);

#endif

/* export.h: what a server knows by now as a prepared data set, to train on: the data of a served run and the feedback since.
 *
 *     exported out;
 *     TRY(export_data("work/7/data", &live, variant, &out));   // variant->advisor.data, and events up to out.event_seq
 *
 * Rows of the data that were taken back are left out; so is feedback that only means "seen", and feedback on items that
 * nobody described. Values become ratings where the data has ratings and the feedback's type is "rating" or "rate".
 * Titles and categories are those of /api/item where an item was described there. The live's read lock is held for some
 * users at a time: the server goes on.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_SERVE_EXPORT_H
#define LOREC_SERVE_EXPORT_H

#include "serve/train/variant.h"

typedef struct exported {
    int64_t event_seq; /* later events are not in it */
    uint64_t rows, new_rows, new_items;
    uint32_t users, items;
} exported;

lorec_err export_data(const char *folder, live *v, const variant *base, exported *out);

#endif

/* item_text.h: titles, categories and other words about items from a file beside the interactions.
 *
 * Ownership: the file is read and closed; cells go to the builder. */
#ifndef LOREC_DATA_ITEM_TEXT_H
#define LOREC_DATA_ITEM_TEXT_H

#include "data/readers.h"

/* JSON lines, or a CSV or TSV with a header; the id column is the one whose values the interactions use. */
lorec_err item_text_join(importing *in, const char *path);
/* JSON lines: Amazon's and Steam's metadata files. */
lorec_err json_items_join(importing *in, const char *path);

#endif

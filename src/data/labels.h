/* labels.h: which rows count as a yes, for models of clicks and the metrics that judge them.
 *
 *     double from = positive_rating_default(&d.rows);     // a row is positive from this rating on
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_DATA_LABELS_H
#define LOREC_DATA_LABELS_H

#include "data/dataset.h"

/* Ratings up to 1 are labels (0.5); on scales up to 5 it is 4, on larger ones four fifths of the largest. */
double positive_rating_default(const interactions *rows);

#endif

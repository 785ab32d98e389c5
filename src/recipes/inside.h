/* inside.h: a recommender that works inside a method: its first stage, a tool, the maker of its vectors.
 *
 *     TRY(inside_fit(r, &m->first_self, c));         // with --fast's settings where the whole has them
 *     fit_context alone = inside_context(c);         // where options are set in between
 *
 * It learns from the rows that the whole learns from, with its seed. Validation and checkpoints are of the whole, not of it.
 *
 * Ownership: the fitted model is the caller's, to recommender_free, also where fitting failed. */
#ifndef LOREC_RECIPES_INSIDE_H
#define LOREC_RECIPES_INSIDE_H

#include "rec/recommender.h"

fit_context inside_context(const fit_context *whole);
lorec_err inside_fit(const recommender *r, void **self, const fit_context *whole);

#endif

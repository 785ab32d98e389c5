/* tidy.h: titles as a sentence would have them: without the year, with the article in front.
 *
 *     TRY(tidy_title(slice_of("Matrix, The (1999)"), &out));      // "The Matrix"; out is replaced
 *     TRY(catalogue_tidy(&items));                                 // every title of a catalogue
 *
 * Ownership: the buffer is the caller's. */
#ifndef LOREC_RECIPES_TIDY_H
#define LOREC_RECIPES_TIDY_H

#include "recipes/catalogue.h"

/* What stands in brackets at the end goes (year, other title); ", The", ", A", ", An", ", La", ", Le", ", Les", ", Der",
 * ", Die", ", Das", ", El", ", Il" moves to the front. A title that nothing would be left of stays as it is. */
lorec_err tidy_title(slice title, buf *out);
lorec_err catalogue_tidy(catalogue *c);

#endif

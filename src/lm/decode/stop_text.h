/* stop_text.h: text as it comes in pieces, up to the first of some stop texts, which may lie across pieces: what could be the
 * beginning of one is held back until it is known.
 *
 *     stop_text t = {.stop = stops, .stops = 2};
 *     TRY(stop_text_put(&t, piece, &certain));       // a slice of t.text, to be shown now
 *     if (t.stopped) ...                             // t.text ends before the stop text
 *     certain = stop_text_end(&t);                   // nothing more comes: what was held back
 *     stop_text_free(&t);
 *
 * Ownership: it owns its text until stop_text_free; stop texts are borrowed. */
#ifndef LOREC_LM_DECODE_STOP_TEXT_H
#define LOREC_LM_DECODE_STOP_TEXT_H

#include "base/str.h"

typedef struct stop_text {
    const char *const *stop; /* empty ones never stop */
    size_t stops;
    buf text;
    size_t given; /* bytes handed out */
    bool stopped;
} stop_text;

lorec_err stop_text_put(stop_text *t, slice piece, slice *certain); /* valid until the next put */
slice stop_text_end(stop_text *t);
void stop_text_free(stop_text *t);

#endif

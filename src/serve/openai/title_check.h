/* title_check.h: what a language model wrote, with no title in it that the catalogue does not have.
 *
 *     title_check c = {.mentions = t, .live = &live, .list = mine, .n = 10};
 *     TRY(title_check_line(&c, line, &out));        // appended; c.repairs counts what was replaced or left out
 *
 * What counts as a title: what stands in quotation marks or in bold and begins with a capital letter or a figure, and what an
 * entry of a list begins with. One that the catalogue lacks becomes the next of the list that was not named yet; where none is
 * left the line goes.
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_SERVE_OPENAI_TITLE_CHECK_H
#define LOREC_SERVE_OPENAI_TITLE_CHECK_H

#include "serve/openai/mentions.h"

enum { TITLE_CHECK_MOST = 32 };
typedef struct title_offer {
    uint32_t item;
    slice title;
} title_offer;
typedef struct title_check {
    mentions *mentions;
    live *live;              /* read-locked for each look */
    const title_offer *list; /* [n <= TITLE_CHECK_MOST] what may be named instead */
    size_t n;
    uint32_t named; /* bits of the list */
    int64_t repairs;
} title_check;

lorec_err title_check_line(title_check *c, slice line, buf *out);

#endif

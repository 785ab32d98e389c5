/* Any bytes as a model's reply: every reader answers, and only with what it was given. */
#include <stdint.h>
#include <stdlib.h>

#include "text/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const films[] = {
    "Alien (1979)",         "Heat (1995)",       "Matrix, The (1999)", "Up (2009)", "2001: A Space Odyssey (1968)",
    "Am\xC3\xA9lie (2001)", "Thing, The (1982)", "Thing, The (2011)",  "",          "12"};
enum { FILMS = sizeof films / sizeof *films };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static reply_titles *titles;
    if (!titles && reply_titles_make(&titles, films, FILMS)) abort();
    const char *text = (const char *)data;
    reply_counts counts = {0};
    reply_list l = {0};
    for (int labels = REPLY_NO_LABELS; labels <= REPLY_LETTERS; labels++) {
        const reply_form form = {.wanted = 3, .labels = (reply_labels)labels, .broken_off = size % 2};
        if (reply_ranking(titles, text, size, &form, &l, &counts)) abort();
        unsigned seen = 0;
        for (size_t i = 0; i < l.n; i++) {
            if (l.item[i] >= FILMS || seen & 1u << l.item[i]) abort();
            seen |= 1u << l.item[i];
        }
        if (l.n > 3) abort();
    }
    reply_list_free(&l);
    int yes;
    double x;
    bool found;
    json_t *j;
    if (reply_yes_no(text, size, &yes, &counts) || yes < REPLY_NOTHING || yes > 1) abort();
    if (reply_number(text, size, 1, 5, &x, &found, &counts) || (found && !(x >= 1 && x <= 5))) abort();
    if (reply_json(text, size, &j, &counts)) abort();
    json_decref(j);
    if (counts.replies != 6 || counts.clean + counts.empty > 6) abort();
    return 0;
}

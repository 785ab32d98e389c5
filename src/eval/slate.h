/* slate.h: candidate lists that were fixed in a file, so that methods which score, pick or rank can meet.
 *
 * One user a line, original ids: TSV "user<TAB>item<TAB>item ...", or JSON lines {"user": "7", "items": ["50", "1"]}.
 * A slate chooses its users: those it lacks are not asked. A target that is not in its user's list is a miss.
 *
 *     TRY(slate_read(p, "slates.tsv"));      // fills p->start, p->candidate, p->slate_sha256
 *
 * Ownership: the lists belong to the protocol. */
#ifndef LOREC_EVAL_SLATE_H
#define LOREC_EVAL_SLATE_H

#include "eval/protocol.h"

lorec_err slate_read(protocol *p, const char *path); /* an unknown or double id: LOREC_INPUT with the line */

/* The lists as they stand: in the file's order, each list's items too. For who wants to know what the places tell. */
typedef struct slate_lists {
    size_t n;
    uint32_t *user;  /* [n] */
    uint64_t *start; /* [n + 1] */
    uint32_t *item;
} slate_lists;
lorec_err slate_lists_read(slate_lists *out, const dataset *d, const char *path);
void slate_lists_free(slate_lists *l);

/* The protocol's lists as a file that slate_read takes (and other tools can rank): items in order of their ids. */
lorec_err slate_write(const protocol *p, const char *path);

#endif

/* export.h: a split and its candidates as plain files, so that other tools can train and rank on the same footing; what
 * they rank comes back through evaluate_lists.
 *
 *     TRY(split_export(&p, "exported"));
 *
 * The folder then holds train.tsv, valid.tsv, test.tsv ("user item rating time", without the columns the data lacks; by
 * user, oldest first, original ids), items.tsv (item, title) where there are titles, candidates.tsv unless every item is a candidate ("user item item ...": a slate,
 * targets among them), and manifest.json, written last.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_EVAL_EXPORT_H
#define LOREC_EVAL_EXPORT_H

#include "eval/protocol.h"

/* An id with a tab or a line break in it can not be written: LOREC_INPUT. */
lorec_err split_export(const protocol *p, const char *folder);

#endif

/* nir.h: inside nir: who the neighbours are, and what a reply of the third step says.
 *
 * Ownership: results go into the caller's lists. */
#ifndef LOREC_METHODS_NIR_H
#define LOREC_METHODS_NIR_H

#include "rec/recommender.h"
#include "rec/sparse.h"
#include "text/reply.h"

/* Who had what in the order in which it came, which ties keep. What was had twice counts once for likeness and twice for
 * the weight of an item, as the authors have it. */
typedef struct nir_rows {
    uint32_t n_users, n_items;
    uint64_t *start; /* [n_users + 1] */
    uint32_t *item;
    sparse by_item; /* [items, users] */
} nir_rows;
lorec_err nir_rows_make(nir_rows *r, const interactions *x);
void nir_rows_free(nir_rows *r);
lorec_err nir_rows_save(const nir_rows *r, const char *folder);
lorec_err nir_rows_load(nir_rows *r, const char *folder);

/* User filtering: the rows of the `neighbours` users with most items in common (the user's own row is one of them, as the
 * authors have it), weighted by their share of the common items; the items of those rows by summed weight, without what
 * was had, at most `most`. Equal weights keep the order of neighbours, and in a row that of its items. */
lorec_err nir_candidates(const nir_rows *had, const query *q, size_t neighbours, size_t most, uint32_t *candidate,
                         size_t *n);

/* "n. had - candidate" entries, one a line or all in one: the candidates (indices into `title`) in order, each once, by
 * their exact titles: the right side, or the whole of an entry that names no pair. either: then the left side too, because
 * models often put the candidate there. */
lorec_err nir_pairs(const slice *title, size_t n_titles, const char *text, size_t n, bool either, reply_list *out,
                    reply_counts *counts);

#endif

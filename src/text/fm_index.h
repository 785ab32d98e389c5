/* fm_index.h: all substrings of a set of token sequences, in about the memory of the sequences: what may follow any piece of any
 * of them, and in which it occurs (Ferragina & Manzini, FOCS 2000; for generation: Bevilacqua et al., NeurIPS 2022, SEAL).
 *
 *     fm_index f = {0};
 *     TRY(fm_index_build(&f, tokens, start, n));                // sequence i is tokens[start[i] .. start[i + 1] - 1]
 *     fm_range r = fm_index_all(&f);                            // occurrences of the empty piece: everywhere
 *     r = fm_index_step(&f, r, token);                          // of the piece with `token` behind it; empty: r.lo == r.hi
 *     TRY(fm_index_next(&f, r, &next, &n));                     // tokens that may follow somewhere, ascending, with counts
 *     n = fm_index_where(&f, r, out, room);                     // the sequences it occurs in, ascending, each once
 *     fm_index_free(&f);
 *
 * The sequences are indexed backwards, so that backward search reads a piece forwards. Ranks are kept for every token in
 * lists of positions, so a step is two binary searches.
 *
 * Ownership: an index owns its arrays until fm_index_free; it is immutable and may be shared. */
#ifndef LOREC_TEXT_FM_INDEX_H
#define LOREC_TEXT_FM_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct fm_range { /* rows of the sorted suffixes: lo .. hi - 1 */
    uint32_t lo, hi;
} fm_range;

typedef struct fm_index {
    uint32_t rows; /* tokens of all sequences, and one for the end of each */
    uint32_t sequences;
    uint32_t symbols; /* different tokens; symbol 0 is the end of a sequence, s + 1 the s-th token in order */
    int32_t *token;   /* [symbols] ascending */
    uint32_t *first;  /* [symbols + 2] rows that begin with a smaller symbol */
    uint32_t *place;  /* [rows] by symbol, ascending: the rows whose token before the suffix is that symbol */
    uint32_t *before; /* [rows] that symbol, by row */
    uint32_t *owner;  /* [rows] the sequence of the suffix */
} fm_index;

/* Tokens are 0 or more; at most 2^31 of them, sequences included (LOREC_USAGE, LOREC_RESOURCE). Empty sequences occur
 * nowhere. O(n log^2 n) time. */
lorec_err fm_index_build(fm_index *out, const int32_t *tokens, const uint64_t *start, uint32_t n);
void fm_index_free(fm_index *f);

static inline fm_range fm_index_all(const fm_index *f)
{
    return (fm_range){0, f->rows};
}
/* From the beginnings of sequences only, instead of anywhere. */
fm_range fm_index_beginnings(const fm_index *f);
uint32_t fm_index_ends(const fm_index *f, fm_range r); /* at how many places of r a sequence ends */
fm_range fm_index_step(const fm_index *f, fm_range r, int32_t token);

typedef struct fm_next {
    int32_t token;
    uint32_t count; /* how often it follows */
} fm_next;
/* Appended to *out (grown with mem_grow; the caller's, to mem_free), from *n on. */
lorec_err fm_index_next(const fm_index *f, fm_range r, fm_next **out, size_t *n, size_t *cap);

/* Numbers of the sequences that hold the piece, ascending, at most `room`; returns how many were written. Looks at every
 * occurrence. LOREC_RESOURCE as SIZE_MAX: out of memory. */
size_t fm_index_where(const fm_index *f, fm_range r, uint32_t *out, size_t room);

#endif

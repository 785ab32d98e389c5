/* prefix_tree.h: which token is in which row of a cache: sequences as a tree of runs, so that what two of them begin with
 * is kept once, token by token; what nobody uses any more stays until its rows are needed (the least recently used first).
 *
 *     prefix_tree t = {.keep = true};
 *     place at = {TREE_START, 0};                              // or any place that was given before
 *     size_t known = prefix_tree_follow(&t, &at, tokens, n);   // how many of them are there already; `at` is after them
 *     TRY(prefix_tree_add(&t, &at, tokens + known, n - known, rows));   // the others: rows to be filled
 *     prefix_tree_hold(&t, at);                                // ... until prefix_tree_drop(&t, at)
 *     prefix_tree_commit(&t);                                  // they are filled; or prefix_tree_undo: they never were
 *     prefix_tree_free(&t);
 *
 * Knows nothing of models: rows are numbers below `rows`, the high-water mark that a cache has to have room for.
 *
 * Ownership: a tree owns its arrays until prefix_tree_free. Places that are not held may go with the next add. */
#ifndef LOREC_LM_SESSION_PREFIX_TREE_H
#define LOREC_LM_SESSION_PREFIX_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/kv_cache.h"

enum { TREE_START = -1, TREE_SPARE_ROW = 0 /* never given: for what need not be kept */ };

typedef struct
    place { /* after the first n tokens of a run; run TREE_START: before the first, n: which beginning (a variant) */
    int32_t run, n;
} place;

typedef struct tree_run { /* tokens that follow each other in neighbouring rows */
    place parent;
    int32_t before; /* tokens before its first */
    int32_t row, n, room;
    int32_t users; /* held places on it, and runs that follow it */
    int32_t alike; /* the next of its hash chain, or of the free ones; -1 */
    uint64_t used; /* when last */
} tree_run;

typedef struct prefix_tree {
    bool keep;        /* what nobody holds stays */
    int32_t max_rows; /* 0: no limit */
    int32_t rows;     /* ever used: a cache needs room for so many */
    int32_t in_use;   /* rows that runs have now */
    tree_run *run;
    int32_t *token; /* [rows] */
    size_t runs, run_cap, token_cap;
    int32_t free_run; /* -1: none; number + 1, so that zeros are a tree */
    int32_t *chain;   /* hash of (parent, token) -> number + 1 */
    size_t chains;
    kv_span *gap; /* rows below `rows` that no run has, ascending */
    size_t gaps, gap_cap;
    place *added; /* since the last commit: a run and how long it was before */
    size_t n_added, added_cap;
    uint64_t now;
} prefix_tree;

void prefix_tree_free(prefix_tree *t);
void prefix_tree_clear(prefix_tree *t); /* forgets all; places are void */

/* Goes on from *at along tokens that are there; how many. */
size_t prefix_tree_follow(prefix_tree *t, place *at, const int32_t *token, size_t n);
/* Rows for n tokens after *at, where they are not yet; *at moves behind them. LOREC_RESOURCE: all rows are held; undo. */
lorec_err prefix_tree_add(prefix_tree *t, place *at, const int32_t *token, size_t n, int32_t *row);
/* What was added since the last commit or undo stays until one of them comes. Drop what is held there before an undo. */
void prefix_tree_commit(prefix_tree *t);
void prefix_tree_undo(prefix_tree *t);
void prefix_tree_hold(prefix_tree *t, place at);
void prefix_tree_drop(prefix_tree *t, place at);

int32_t prefix_tree_length(const prefix_tree *t, place at);  /* tokens before it */
int32_t prefix_tree_row(const prefix_tree *t, place at);     /* of the token before it */
int32_t prefix_tree_variant(const prefix_tree *t, place at); /* which beginning it comes from */
/* The place after `length` tokens of the sequence that ends at `at`. */
place prefix_tree_ancestor(const prefix_tree *t, place at, int32_t length);
/* Its rows in order of position; returns how many spans, at most `room` of them are written. */
size_t prefix_tree_spans(const prefix_tree *t, place at, kv_span *out, size_t room);

#endif

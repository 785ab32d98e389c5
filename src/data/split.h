/* split.h: what a method may learn from, what chooses its settings, and what it is judged by.
 *
 *     split s;
 *     TRY(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}));
 *     s.train s.valid s.test                         // interactions, by user, in time order
 *     split_close(&s);
 *
 * Ownership: a split owns its index arrays and borrows the data set, which must outlive it. Immutable, shareable. */
#ifndef LOREC_DATA_SPLIT_H
#define LOREC_DATA_SPLIT_H

#include "data/dataset.h"

typedef enum split_kind {
    SPLIT_LOO,        /* a user's last is test, the one before validation (users with fewer than 3 rows only train) */
    SPLIT_RATIO_USER, /* train:valid:test of each user's rows, rounded as RecBole does */
    SPLIT_RATIO_ALL,  /* of all rows together */
    SPLIT_TIME,       /* rows before one instant train, the next stretch validates, the rest tests */
    SPLIT_FILES       /* parts given: the data set's row column "part" (train, valid, test) */
} split_kind;
typedef struct split_options {
    split_kind kind;
    double train, valid, test; /* ratios; 0,0,0: 8:1:1 */
    bool random;               /* ratio splits: by chance (seeded) instead of by time */
    uint64_t seed;
    int64_t valid_from, test_from; /* SPLIT_TIME; 0: the ratios' quantiles of time */
} split_options;

typedef struct split {
    const dataset *data;
    split_options options;
    char id[64]; /* "loo", "ratio-user-random-0.8-0.1-0.1-s42" ...: part of the protocol's id */
    interactions train, valid, test;
    struct split_memory *memory;
} split;

/* "loo", "ratio" | "ratio:8:1:1", "ratio-random:8:1:1", "ratio-all:..", "ratio-all-random:..", "time" | "time:8:1:1" |
 * "time:VALID_FROM:TEST_FROM" (seconds since 1970 or YYYY-MM-DD), "files" -> options; LOREC_USAGE otherwise. The seed of
 * random splits stays as it is in *out when "@SEED" does not follow: "ratio-random:8:1:1@42". */
lorec_err split_parse(split_options *out, const char *words);
lorec_err split_make(split *s, const dataset *d,
                     const split_options *options); /* an empty train or test: LOREC_INPUT */
/* The same parts with validation folded into training (final fit after tuning). Shares the data set. */
lorec_err split_with_valid(split *out, const split *s);
void split_close(split *s);

/* What user u had before the part: train (valid part), or train and valid (test part), in time order. Appends to
 * items[]; returns n. `times` may be NULL. The caller's arrays hold at least the user's rows in the data set. */
size_t split_history(const split *s, bool for_test, uint32_t user, uint32_t *items, int64_t *times);

#endif

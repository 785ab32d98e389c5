/* features.h: what is known of a user and an item, as codes into one embedding table: their ids and the data set's side
 * columns. Words are codes, word lists are bags of codes, numbers are cut into equally filled bins; code 0 of each field
 * stands for what is missing or was never seen.
 *
 *     features f;
 *     TRY(features_make(&f, data));
 *     int64_t n_codes = features_fill(&f, pairs, n, code, lengths);   // bags of f.n fields for each pair, in order
 *     op_embed_bag(t, table, tape_ids(t, code, n_codes), tape_segments(t, lengths, n * f.n), true);
 *
 * Ownership: features own copies of all they need; they outlive the data set. */
#ifndef LOREC_REC_FEATURES_H
#define LOREC_REC_FEATURES_H

#include "rec/recommender.h"

typedef struct feature_field {
    char *name;
    column_side side; /* SIDE_USER or SIDE_ITEM */
    uint32_t n;       /* users or items */
    uint32_t vocab;   /* codes 0 .. vocab - 1 */
    uint32_t offset;  /* of code 0 in the shared table */
    uint64_t *first;  /* [n + 1] bags; NULL: one code each, the row's number + 1 (ids) */
    uint32_t *code;   /* [first[n]] */
} feature_field;

typedef struct features {
    uint32_t n_users, n_items, total; /* total: rows of the shared table */
    size_t n, longest;                /* fields; the most codes that one pair can have */
    feature_field *field;             /* field 0 is the user's id, field 1 the item's */
} features;

lorec_err features_make(features *f, const dataset *d);
/* code holds n * f->longest, lengths n * f->n. Returns how many codes there are. */
int64_t features_fill(const features *f, const pair *p, size_t n, int32_t *code, int32_t *lengths);
int32_t features_item_code(const features *f, uint32_t item); /* of the item's id field, in the shared table */
lorec_err features_save(const features *f, const char *folder);
lorec_err features_load(features *f, const char *folder);
void features_free(features *f);

#endif

/* builder.h: the inside of a dataset_builder, shared by builder.c, builder_columns.c, finish.c and the fast readers.
 *
 * Ownership: everything belongs to the builder until dataset_builder_finish moves it into the data set. */
#ifndef LOREC_DATA_BUILDER_H
#define LOREC_DATA_BUILDER_H

#include "data/dataset.h"

#define TIME_NONE INT64_MIN

/* A side column while it grows: cells in the order they came; for the same user, item or row the last one counts. */
typedef struct growing_column {
    char *name;
    column_side side;
    column_kind kind;
    size_t n;        /* cells */
    uint32_t *who;   /* [n] number in cell_users or cell_items, or the row */
    ids words;       /* tokens; word 0 is "" */
    uint32_t *code;  /* TOKEN [n]; TOKEN_SEQ [first[n]] */
    uint64_t *first; /* TOKEN_SEQ and TEXT: [n + 1] into code or text */
    char *text;
    float *value;
    size_t who_cap, code_cap, first_cap, text_cap, value_cap;
} growing_column;

struct dataset_builder {
    char *name;
    ids users, items;
    uint64_t n; /* rows */
    uint32_t *user, *item;
    float *rating; /* NULL as long as no row has one */
    int64_t *time; /* the same */
    size_t user_cap, item_cap, rating_cap, time_cap;
    ids cell_users, cell_items; /* who the cells are about: side files may be read before the rows */
    growing_column *columns;
    size_t n_columns, columns_cap;
    ids entities, relations; /* knowledge graph */
    uint32_t *head, *relation, *tail;
    size_t n_triples, head_cap, relation_cap, tail_cap;
    json_t *manifest;
};

/* Rows [from, to) have this word in the row column `name` (the split's part: "train", "valid", "test"). */
lorec_err builder_mark_rows(dataset_builder *b, const char *name, uint64_t from, uint64_t to, const char *word);
void growing_column_free(growing_column *c);
/* Frozen: `number[who]` says which user or item (UINT32_MAX: none) a cell belongs to; n of them. For SIDE_ROW it is
 * the place of each source row after sorting. */
lorec_err growing_column_finish(growing_column *c, const uint32_t *number, uint64_t n, struct dataset_memory *memory,
                                column *out);

#endif

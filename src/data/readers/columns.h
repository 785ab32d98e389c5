/* columns.h: which column of a delimited file is what, from its header, its look, or the user's words.
 *
 * Ownership: `names` are the layout's until layout_free. */
#ifndef LOREC_DATA_READERS_COLUMNS_H
#define LOREC_DATA_READERS_COLUMNS_H

#include "data/readers.h"

typedef struct layout {
    char separator[3];
    bool quoted, header;
    bool named;   /* the header names a user and an item in known words */
    int n;        /* columns */
    char **names; /* [n] of the header, without RecBole's ":type"; NULL where there is no header */
    int user, item, rating, time, title; /* -1: none */
} layout;

/* From the first lines of a file; `path` is only for messages. LOREC_INPUT where no two columns can be told apart. */
lorec_err layout_guess(layout *l, const char *path, slice head);
/* From the keys of a JSON object: the known words among them, no more. */
lorec_err layout_of_object(layout *l, const json_t *object);
/* "user=reviewer,item=asin": names of the header or numbers from 1. Unknown words: LOREC_USAGE with the nearest. */
lorec_err layout_set(layout *l, const char *path, const char *words);
/* The column that "event=cart|purchase" is about, and its words; no such column: LOREC_USAGE with the nearest. */
lorec_err layout_only(const layout *l, const char *path, const char *text, int *at, const char **words);
/* The column with one of the known words for "user", "item", "rating", "time", "title"; -1. */
int layout_known(const layout *l, const char *role);
/* What column i says of its row's item: the title or a description (COLUMN_TEXT), words such as its category
 * (COLUMN_TOKEN_SEQ, between "|"); COLUMN_FLOAT: nothing. */
column_kind layout_says(const layout *l, int i);
void layout_free(layout *l);

#endif

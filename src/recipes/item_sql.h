/* item_sql.h: a catalogue as one table of SQLite in memory, for conditions that a language model writes: they can read that table
 * and do nothing else, and end after a bounded number of steps.
 *
 *     item_sql *s;
 *     TRY(item_sql_open(&s, &catalogue));
 *     TRY(item_sql_where(s, slice_of("year > 1990 AND categories LIKE '%Comedy%'"), items, room, &n, &repairs));
 *     TRY(item_sql_select(s, slice_of("SELECT COUNT(*) FROM items"), 20, &rows));      // [[1682]]
 *     item_sql_close(s);
 *
 * The table: items(id, title, categories, year, popularity). The year is what stands in brackets at a title's end, or NULL;
 * popularity is the number of training rows. A column that is not there is repaired to the nearest name, once.
 *
 * Ownership: an item_sql owns its database, copies what it is made from, and belongs to one thread. */
#ifndef LOREC_RECIPES_ITEM_SQL_H
#define LOREC_RECIPES_ITEM_SQL_H

#include "recipes/catalogue.h"

typedef struct item_sql item_sql;
extern const char *const item_sql_columns; /* "id, title, categories, year, popularity" */

lorec_err item_sql_open(item_sql **out, const catalogue *c);
void item_sql_close(item_sql *s);

/* The items for which the condition holds, by number; an ORDER BY after it is followed. At most `room` are written, *n says how
 * many there are. LOREC_INPUT, saying what is wrong with it: no condition, more than one statement, anything but reading. */
lorec_err item_sql_where(item_sql *s, slice condition, uint32_t *items, size_t room, size_t *n, int64_t *repairs);
/* A whole SELECT: at most `most` rows as lists of numbers, texts and nulls. */
lorec_err item_sql_select(item_sql *s, slice statement, size_t most, json_t **rows);

#endif

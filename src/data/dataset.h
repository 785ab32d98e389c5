/* dataset.h: who did what, when: the interactions of a data set in time order, its ids, titles and side columns.
 *
 * A prepared data set is a folder, written once by dataset_save and memory-mapped by dataset_open:
 *   manifest.json                 name, source files and their sha256, every filter with what it removed, counts
 *   start.npy u64 [users + 1]     user u's interactions are rows start[u] .. start[u + 1] - 1
 *   item.npy u32 [rows]           oldest first; equal times keep the order of the source
 *   rating.npy f32, time.npy i64  [rows], seconds since 1970; absent where the source has none
 *   user_ids, item_ids            .text.npy u8 (bytes end to end) and .start.npy u64 [n + 1]
 *   kg.head kg.relation kg.tail .npy u32, kg.entities.* kg.relations.*   where the source has a knowledge graph
 *   item.FIELD.* user.FIELD.* row.FIELD.*   side columns (see `column`)
 *
 *     dataset d;
 *     TRY(dataset_open(&d, "prepared/ml-100k"));
 *     for (uint64_t r = d.rows.start[u]; r < d.rows.start[u + 1]; r++) use(d.rows.item[r]);
 *     slice title = dataset_title(&d, item);      // the title, or the original id where there is none
 *     dataset_close(&d);
 *
 * Ownership: all arrays belong to the dataset (maps or heap) until dataset_close; it is immutable and may be shared. */
#ifndef LOREC_DATA_DATASET_H
#define LOREC_DATA_DATASET_H

#include "base/ids.h"
#include "base/json.h"

/* Interactions by user. The same struct holds a whole data set and each part of a split. */
typedef struct interactions {
    uint32_t n_users, n_items;
    uint64_t n;            /* rows; start[n_users] */
    const uint64_t *start; /* [n_users + 1] */
    const uint32_t *item;  /* [n] */
    const float *rating;   /* [n] or NULL */
    const int64_t *time;   /* [n] or NULL */
    const uint64_t *row;   /* [n] the data set's row each came from, or NULL: itself */
} interactions;

typedef struct names { /* n byte strings end to end */
    uint32_t n;
    const uint64_t *start; /* [n + 1] */
    const char *bytes;
} names;
static inline slice names_at(const names *v, uint32_t i)
{
    return (slice){v->bytes + v->start[i], (size_t)(v->start[i + 1] - v->start[i])};
}

typedef enum column_kind {
    COLUMN_TOKEN,     /* one word a row: code[i] into `words`; word 0 is "" (missing) */
    COLUMN_TOKEN_SEQ, /* several: code[first[i] .. first[i + 1] - 1] */
    COLUMN_FLOAT,     /* value[i]; NaN: missing */
    COLUMN_TEXT       /* text, i: names_at(&words, i) */
} column_kind;
typedef enum column_side { SIDE_USER, SIDE_ITEM, SIDE_ROW } column_side;
typedef struct column {
    const char *name; /* as in the source: "genres", "age", "title" */
    column_side side;
    column_kind kind;
    uint64_t n; /* users, items or rows */
    names words;
    const uint32_t *code;
    const uint64_t *first;
    const float *value;
} column;

/* A knowledge graph: what is said of entities; the item column "entity_id" names an item's entity. */
typedef struct knowledge {
    uint64_t n;
    const uint32_t *head, *relation, *tail; /* [n]; entities, relations, entities */
    names entities, relations;
} knowledge;

typedef struct dataset {
    char *name;
    char sha256[65]; /* of the prepared content: ids, rows, columns; the same for the same data wherever it lies */
    interactions rows;
    names user_ids, item_ids;
    column *columns;
    size_t n_columns;
    knowledge kg; /* n 0: none */
    json_t *manifest;
    struct dataset_memory *memory; /* maps and heap blocks behind the arrays */
} dataset;

lorec_err dataset_open(dataset *d, const char *folder);
lorec_err dataset_save(const dataset *d, const char *folder); /* all or nothing: a new folder renamed into place */
void dataset_close(dataset *d);
const column *dataset_column(const dataset *d, column_side side, const char *name); /* NULL: none */
const column *dataset_categories(const dataset *d); /* of items: "categories", "genres" ...; NULL: none */
slice dataset_title(const dataset *d, uint32_t item);
bool dataset_find_user(const dataset *d, slice id, uint32_t *user);
/* An item by id, by exact title, or by the only title that contains the words (case folded); several: LOREC_USAGE
 * naming some of them; none: LOREC_USAGE with the nearest. */
lorec_err dataset_find_item(const dataset *d, slice words, uint32_t *item);

/* ---- building one (readers, filters and the sample catalogue do) ---------------------------------------------------- */

/* Rows in any order, then `finish` sorts by user and time (stable) and freezes them. Users and items are numbered by
 * first sight in the source. Items (users) that occur only in side columns are kept only when `keep_unseen`. */
typedef struct dataset_builder dataset_builder;
typedef struct raw_row {
    slice user, item;
    float rating; /* NaN: none */
    int64_t time; /* INT64_MIN: none; then the order of the source is the order */
} raw_row;
dataset_builder *dataset_builder_new(const char *name);
lorec_err dataset_builder_row(dataset_builder *b, const raw_row *row);
/* Bulk form for fast readers: numbers already given by `users` and `items`, which are moved in. Arrays are taken over. */
lorec_err dataset_builder_bulk(dataset_builder *b, ids *users, ids *items, uint32_t *user, uint32_t *item,
                               float *rating, int64_t *time, uint64_t n);
/* A cell of a side column (made on first use); `who` is the user's or item's id. Token sequences: one call, words
 * separated by `separator`. SIDE_ROW cells go with the row last added (`who` ignored). */
lorec_err dataset_builder_cell(dataset_builder *b, column_side side, const char *name, column_kind kind, slice who,
                               slice value, char separator);
lorec_err dataset_builder_triple(dataset_builder *b, slice head, slice relation, slice tail);
lorec_err dataset_builder_source(dataset_builder *b, const char *path); /* into the manifest, with its sha256 */
lorec_err dataset_builder_note(dataset_builder *b, const char *key,
                               json_t *value); /* into the manifest; steals value */
lorec_err dataset_builder_finish(dataset_builder *b, bool keep_unseen, dataset *out); /* frees b, also on failure */
void dataset_builder_free(dataset_builder *b);

/* ---- reading what is there ----------------------------------------------------------------------------------------- */

typedef struct import_options {
    const char *format;    /* NULL: guess from names and content; otherwise a name from `lorec data formats` */
    const char *columns;   /* CSV/TSV: "user=reviewer,item=asin,rating=stars,time=ts"; NULL: guess from the header */
    const char *only;      /* CSV/TSV/JSON: "event=cart|purchase": rows with one of these words there; NULL: all */
    const char *item_text; /* a TSV/CSV with an id column and titles, categories ... to join; or NULL */
    bool skip_bad_rows;    /* count and skip instead of failing at the first */
    bool review_text;      /* of files of reviews keep what was written: row columns "review" and "summary" */
    bool keep_unseen;
} import_options;
/* A raw file or folder of any known form -> a data set in memory. Errors name the file as given, line and remedy. */
lorec_err dataset_import(dataset *out, const char *path, const import_options *options);
/* The formats there are, in the order in which they are tried: name and what it is for; false behind the last one. */
bool dataset_format(size_t i, const char **name, const char **about);
/* A prepared folder, a raw file or folder, or "sample": what --data takes. */
lorec_err dataset_load(dataset *out, const char *path_or_name, const import_options *options);
/* The bundled catalogue: made from the seed, the same everywhere (sample.c says what is in it). */
lorec_err dataset_sample(dataset *out, uint32_t n_users, uint64_t seed);
lorec_err dataset_sample_named(dataset *out, const char *name); /* "sample", "sample:USERS", "sample:USERSxSEED" */

#endif

/* readers.h: raw files into a builder: the table of formats and what the readers share.
 *
 * A format is one file in readers/ and one row in readers.c:
 *     const reader reader_pairs = {"pairs", "`user item` lines in time order (SASRec)", likes, read};
 *
 * Ownership: an `importing` lives for one dataset_import; readers borrow it. */
#ifndef LOREC_DATA_READERS_H
#define LOREC_DATA_READERS_H

#include <stdatomic.h>

#include "data/builder.h"

typedef struct importing {
    const char *path; /* as the user named it */
    const import_options *options;
    bool is_folder;
    char *folder; /* the folder itself, or the one the file lies in */
    char **names; /* what is in it */
    size_t n_names;
    buf head; /* the file's first lines, decompressed; empty for a folder */
    dataset_builder *builder;
    atomic_ullong bad_rows, left_out; /* left_out: by options->only */
} importing;

typedef struct reader {
    const char *name, *about;
    /* 0: not mine; up to 100: certain. The largest reads. -1: failed (out of memory), with the message set. */
    int (*likes)(const importing *in);
    lorec_err (*read)(importing *in);
} reader;

extern const reader *const readers[];
extern const size_t n_readers;

/* The steps of dataset_import, for a reader that reads several files each in its own form. */
lorec_err importing_look(importing *in);
lorec_err import_choose(const importing *in, const reader **out);
void importing_free(importing *in);

/* ---- the files of an import ------------------------------------------------------------------------------------------- */

/* The name in the folder that is this one, or this one with .gz or .zst behind it; NULL where there is none. */
const char *import_find(const importing *in, const char *name);
/* The first name in the folder that, less .gz or .zst, ends so; or NULL. */
const char *import_find_ending(const importing *in, const char *ending);
/* folder/name, as errors show it. */
lorec_err import_path(const importing *in, const char *name, buf *path);
slice name_plain(const char *name);                   /* without .gz or .zst */
bool name_ends(const char *name, const char *ending); /* of the plain name */

/* A row that can not be used: an error with the remedy, or counted where bad rows are to be skipped. */
lorec_err import_bad_row(importing *in, const char *path, uint64_t line, const char *why, ...)
    __attribute__((format(printf, 4, 5)));

/* A whole or decimal number; an ISO date with or without a time of day (UTC); 31.05.2024 with or without one. Dates with
 * slashes and the year last are refused: whether 01/02/2024 is in January or February is not written in it. */
bool parse_time(slice s, int64_t *out);
/* Is the cell one of the words of "view|cart"? */
bool word_among(slice cell, const char *words);
/* 4, 4.5, "4,5" (no thousands are known), true or yes (1), false or no (0). */
bool parse_rating(slice s, double *out);
bool date_to_time(int64_t year, int64_t month, int64_t day, int64_t *out);

/* ---- side files and small tables: one record after the other ------------------------------------------------------------ */

typedef struct table_form {
    const char *separator; /* one or two bytes */
    bool quoted;           /* RFC 4180 */
    bool latin1;           /* cells are given out as UTF-8; otherwise the file has to be UTF-8 */
} table_form;
typedef struct table {
    lines in;
    char *path;
    table_form form;
    slice *cell; /* [n], until the next table_next */
    size_t n, cap;
    uint64_t line;     /* where the record began */
    const char *fault; /* what is wrong with this record, or NULL */
    buf record, scratch;
    bool ended;
    lorec_err err;
} table;
lorec_err table_open(table *t, const char *path, const table_form *form);
bool table_next(table *t); /* false at the end and on an error, which table_close tells */
lorec_err table_close(table *t);
lorec_err import_latin1_hint(const char *path); /* LOREC_INPUT: not UTF-8, and how to convert it */
extern const char fault_utf8[];

/* ---- interactions: large files, read by all workers ---------------------------------------------------------------------- */

typedef struct row_form {
    const char *separator; /* one or two bytes; " " stands for any run of blanks and tabs */
    bool quoted;
    uint32_t skip_lines;          /* header */
    int user, item, rating, time; /* columns from 0; -1: none */
    int columns;                  /* how many a row has to have; 0: the needed ones */
    const char *only;             /* rows with one of the words of "a|b" in column only_at; NULL: all */
    int only_at;
} row_form;
enum { ROW_COLUMNS_MAX = 256 };
lorec_err rows_read(importing *in, const char *path, const row_form *form);

#endif

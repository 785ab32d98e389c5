/* file.h: whole files, memory maps, lines of plain or compressed files, and writing that is all or nothing.
 *
 *     file_map m;
 *     TRY(file_map_open(&m, path));           // read-only; m.bytes, m.size; an empty file has size 0
 *     file_map_close(&m);
 *
 *     lines l;
 *     TRY(lines_open(&l, path));              // .gz and .zst are seen by their content, not their name
 *     slice line;
 *     while (lines_next(&l, &line)) ...       // without "\n" or "\r\n"; l.number counts from 1
 *     TRY(lines_close(&l));                   // read errors and too long lines (LINE_MAX_BYTES) are told here
 *
 *     writer w;
 *     TRY(writer_open(&w, path));             // goes to "path.tmp-PID" in the same folder
 *     writer_printf(&w, "%d\n", 3);           // a failure is kept and told at the end
 *     TRY(writer_commit(&w));                 // flush, fsync, rename, fsync of the folder: now path is the new file
 *     writer_abort(&w);                       // or: nothing happened
 *
 * Ownership: each struct owns its descriptor and memory until it is closed, committed or aborted. */
#ifndef LOREC_BASE_FILE_H
#define LOREC_BASE_FILE_H

#include <stdio.h>

#include "base/str.h"

enum { LINE_MAX_BYTES = 1 << 26 };

typedef struct file_map {
    const unsigned char *bytes;
    size_t size;
} file_map;

lorec_err file_map_open(file_map *m, const char *path);
void file_map_close(file_map *m);

lorec_err file_read(buf *out, const char *path, size_t max_bytes); /* the whole file, appended */
bool file_exists(const char *path);
bool folder_exists(const char *path);
lorec_err folder_make(const char *path);                           /* with its parents, as mkdir -p */
lorec_err folder_remove(const char *path);                         /* with all in it */
lorec_err folder_list(const char *path, char ***names, size_t *n); /* sorted, without . and ..; free with names_free */
void names_free(char **names, size_t n);
lorec_err path_join(buf *out, const char *folder, const char *name); /* out is cleared first */
const char *path_base(const char *path);                             /* the last component */
lorec_err file_sha256(const char *path, char hex[65]);

typedef struct lines {
    char *path;
    size_t number; /* of the line last given, from 1 */
    struct lines_source *source;
    lorec_err err;
} lines;

lorec_err lines_open(lines *l, const char *path);
bool lines_next(lines *l, slice *line); /* false at the end and on an error; lines_close tells which */
lorec_err lines_close(lines *l);

typedef struct writer {
    char *path, *tmp;
    FILE *f;
    lorec_err err;
} writer;

lorec_err writer_open(writer *w, const char *path);
void writer_put(writer *w, const void *bytes, size_t n);
void writer_printf(writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
lorec_err writer_commit(writer *w);
void writer_abort(writer *w);

/* Tests only: the n-th write, flush, sync or rename of a writer from now fails with ENOSPC; 0 switches it off.
 * Returns how many were counted since the last call. */
size_t file_fail_at(size_t n);

#endif

/* embedded.h: files that were built into the library (cmake/embed_files.cmake writes the tables).
 *
 *     const embedded_file *f = embedded_find(page_files, page_files_count, "index.html");   // NULL: none
 *     use(f->bytes, f->n);                                                                 // a NUL follows the bytes
 *
 * Ownership: everything is static. */
#ifndef LOREC_BASE_EMBEDDED_H
#define LOREC_BASE_EMBEDDED_H

#include <stddef.h>

typedef struct embedded_file {
    const char *name; /* below the folder that the table was made of */
    const char *bytes;
    size_t n;
} embedded_file;

const embedded_file *embedded_find(const embedded_file *files, size_t n, const char *name);

#endif

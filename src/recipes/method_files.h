/* method_files.h: the files beside the methods' code, built into the library: card.md, expect.yaml, prompts.
 *
 *     const method_file *f = method_file_find("llmrank/prompts/rank.j2");      // NULL: none
 *     use(f->bytes, f->n);                                                     // a NUL follows the bytes
 *
 * Ownership: everything is static. */
#ifndef LOREC_RECIPES_METHOD_FILES_H
#define LOREC_RECIPES_METHOD_FILES_H

#include <stddef.h>

typedef struct method_file {
    const char *name; /* below src/methods */
    const char *bytes;
    size_t n;
} method_file;

extern const method_file method_files[];
extern const size_t method_files_count;
const method_file *method_file_find(const char *name);

#endif

/* method_files.h: the files beside the methods' code, built into the library: card.md, expect.yaml, prompts.
 *
 *     const embedded_file *f = method_file_find("llmrank/prompts/rank.j2");    // NULL: none
 *
 * Ownership: everything is static. */
#ifndef LOREC_RECIPES_METHOD_FILES_H
#define LOREC_RECIPES_METHOD_FILES_H

#include "base/embedded.h"

extern const embedded_file method_files[]; /* names are below src/methods */
extern const size_t method_files_count;

static inline const embedded_file *method_file_find(const char *name)
{
    return embedded_find(method_files, method_files_count, name);
}

#endif

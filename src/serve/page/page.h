/* page.h: the page that a browser gets at "/": the files of src/serve/page, built into the library.
 *
 * The page loads nothing from elsewhere and says so by its Content-Security-Policy: scripts, styles and answers come from
 * this server or not at all, and text can not become markup (require-trusted-types-for).
 *
 * Ownership: everything is static. */
#ifndef LOREC_SERVE_PAGE_PAGE_H
#define LOREC_SERVE_PAGE_PAGE_H

#include "base/embedded.h"

extern const embedded_file page_files[]; /* names are below src/serve/page */
extern const size_t page_files_count;

#endif

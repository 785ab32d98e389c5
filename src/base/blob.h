/* blob.h: bytes that are read by position: of a file, or of memory.
 *
 *     blob b;
 *     TRY(blob_open(&b, path));                     // a regular file; b.size bytes
 *     TRY(blob_read(&b, at, into, n));              // all n of them, or LOREC_INPUT
 *     use(blob_bytes(&b, at, n));                   // where they lie: mapped, nothing is copied
 *     blob_close(&b);
 *
 * A file may be cut off by another program while it is open. blob_read then fails with a message; a mapping can not (its
 * pages are gone: SIGBUS). So whatever parses, and whatever copies anyway, calls blob_read; blob_bytes is for large values
 * that are used in place, from files that are known to stay.
 *
 * Ownership: a blob owns its descriptor and mapping until blob_close; blob_of borrows. */
#ifndef LOREC_BASE_BLOB_H
#define LOREC_BASE_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct blob {
    uint64_t size;
    const unsigned char *bytes; /* of memory; or the mapping, once it was asked for */
    bool is_file;
    int fd;
} blob; /* {0} is no bytes */

lorec_err blob_open(blob *b, const char *path);
blob blob_of(const void *bytes, size_t n);
void blob_close(blob *b);

lorec_err blob_read(const blob *b, uint64_t at, void *into, size_t n);
/* NULL (message set): outside the file, or it can not be mapped. */
const unsigned char *blob_bytes(blob *b, uint64_t at, size_t n);

#endif

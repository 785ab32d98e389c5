/* zip.h: where the entries of a zip archive lie, for archives whose entries are stored as they are: PyTorch's.
 *
 *     zip_index z;
 *     TRY(zip_open(&z, file));
 *     const zip_entry *e = zip_find(&z, "archive/data.pkl");
 *     TRY(blob_read(file, e->at, into, e->size));
 *     zip_close(&z);
 *
 * A library that unpacks streams can not say where an entry's bytes are; model weights are to be read in place, any row at
 * any time. So this reads the archive's directory and nothing else: PKWARE's APPNOTE 4.3, with the 64-bit fields.
 *
 * Ownership: names and places belong to the index until zip_close; it borrows nothing after zip_open. */
#ifndef LOREC_LM_FILES_ZIP_H
#define LOREC_LM_FILES_ZIP_H

#include "base/blob.h"
#include "base/str.h"

typedef struct zip_entry {
    slice name;
    uint64_t at, size; /* of its bytes in the file */
} zip_entry;

typedef struct zip_index {
    zip_entry *entry; /* ascending by name */
    size_t n;
    unsigned char *directory;
} zip_index;

/* LOREC_INPUT: no archive, an entry beyond the file, compressed, encrypted, or there twice. */
lorec_err zip_open(zip_index *z, const blob *file);
void zip_close(zip_index *z);
const zip_entry *zip_find(const zip_index *z, slice name); /* NULL: there is none */

#endif

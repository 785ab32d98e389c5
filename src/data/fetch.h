/* fetch.h: public data sets over the network: one file at a URL, archives unpacked, both all or nothing.
 *
 *     TRY(fetch_file("https://files.grouplens.org/datasets/movielens/ml-1m.zip", "raw/ml-1m.zip", sha256, false));
 *     TRY(archive_unpack("raw/ml-1m.zip", "raw/ml-1m"));
 *
 * Ownership: nothing is kept; partial files are removed on failure. */
#ifndef LOREC_DATA_FETCH_H
#define LOREC_DATA_FETCH_H

#include <stdbool.h>

#include "base/str.h"

/* `sha256` may be NULL: then nothing is checked. file:// only where `allow_local`. */
lorec_err fetch_file(const char *url, const char *path, const char *sha256, bool allow_local);

/* A zip or tar (compressed or not) into a new folder. Entries that are absolute, climb with "..", or are anything but
 * files and folders are refused: LOREC_INPUT, and no folder. Where all lies in one folder, that one is taken. */
lorec_err archive_unpack(const char *path, const char *folder);

typedef struct public_set {
    const char *name;    /* "ml-1m"; "amazon-2018:" takes a category behind it */
    const char *url[2];  /* with %s for the category; the second may be NULL */
    const char *sha256;  /* of the first, or NULL */
    const char *licence; /* what the user has to accept, in short, and where it stands in full */
    bool archive;
} public_set;

extern const public_set public_sets[];
extern const size_t n_public_sets;
/* "amazon-2018:All_Beauty" -> its row and "All_Beauty"; unknown: LOREC_USAGE with the nearest. */
lorec_err public_set_find(const char *name, const public_set **set, const char **category);

#endif

/* data_parts.h: what the subcommands of `lorec data` share.
 *
 * Ownership: JSON trees go to the caller. */
#ifndef LOREC_CLI_DATA_PARTS_H
#define LOREC_CLI_DATA_PARTS_H

#include "cli/args.h"
#include "data/dataset.h"

/* {"name","users","items","interactions","sha256","density","columns",...}: the "data" of every --json. */
json_t *data_json(const dataset *d);
lorec_err data_print(const dataset *d);     /* the same for people */
void data_date(int64_t time, char out[24]); /* "1997-12-04 15:55:49" */
/* At most `max` bytes of a text that came from a file, cut at a character, control characters as '?'. */
lorec_err data_text(buf *out, slice s, size_t max);
/* Saves under --out, or prepared/NAME, and says so. */
lorec_err data_save(const dataset *d, const char *out, bool json);

#endif

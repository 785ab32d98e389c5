/* print.h: results on stdout.
 *
 *     return print_json_object(json_pack("{s:i}", "schema", 1));
 *
 * Ownership: the tree is taken over, also on failure. */
#ifndef LOREC_CLI_PRINT_H
#define LOREC_CLI_PRINT_H

#include "base/json.h"

/* The one object of --json, indented, with a final newline. NULL: LOREC_RESOURCE (it could not be built). */
lorec_err print_json_object(json_t *root);

#endif

/* openapi.h: /openapi.json, made from the very tables that the server dispatches on (route.h) and reads bodies by (form.h).
 *
 *     json_t *document;
 *     TRY(openapi_document(tables, n, needs_key, &document));
 *
 * Ownership: the document is the caller's. */
#ifndef LOREC_SERVE_OPENAPI_OPENAPI_H
#define LOREC_SERVE_OPENAPI_OPENAPI_H

#include "serve/http/route.h"

typedef struct openapi_schema { /* one of components/schemas */
    const char *name, *schema;
} openapi_schema;
extern const openapi_schema openapi_schemas[]; /* openapi_schemas.c */
extern const size_t openapi_n_schemas;

lorec_err openapi_document(const route_table *const *tables, size_t n, bool needs_key, json_t **out);

#endif

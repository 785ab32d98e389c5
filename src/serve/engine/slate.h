/* slate.h: from an answered ask to what a client gets, and to the record of it.
 *
 * Ownership: trees are the caller's. */
#ifndef LOREC_SERVE_ENGINE_SLATE_H
#define LOREC_SERVE_ENGINE_SLATE_H

#include "serve/server.h"

/* {"request_id","run","variant","degraded","took_ms","items":[{"id","title","score","source","reason"}]} */
json_t *slate_json(const server *s, const exchange *x, const ask *a);
/* X-Lorec-Run, -Variant, -Degraded for routes whose body has another form. */
void slate_headers(const server *s, exchange *x, const ask *a);
/* Keeps the record (server_record): all that `lorec why` needs to make the answer again. */
void slate_record(server *s, const exchange *x, const ask *a);

#endif

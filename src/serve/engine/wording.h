/* wording.h: reasons in a language model's words, in place of the plain ones that a reply has already. It says nothing that
 * the catalogue does not have (title_check.h); where it is late, down or says nothing of use, the plain ones stay and
 * "degraded" says why.
 *
 *     TRY(wording_start(s, x, reply, items, deadline));     // reply is taken over and sent later; items is a list in it
 *
 * Each item has a "title" and a "reason"; the reply gets "reasons_by": "llm" or "rule".
 *
 * Ownership: the exchange is the wording's until it replied. After an error nothing was replied. */
#ifndef LOREC_SERVE_ENGINE_WORDING_H
#define LOREC_SERVE_ENGINE_WORDING_H

#include "serve/server.h"

lorec_err wording_start(server *s, exchange *x, json_t *reply, json_t *items, double deadline);

#endif

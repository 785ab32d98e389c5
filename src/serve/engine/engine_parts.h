/* engine_parts.h: inside the engine: one ask at a time (engine_ask.c), beside the batches of engine.c.
 *
 * Ownership: as engine.h. The live is read-locked by the caller. */
#ifndef LOREC_SERVE_ENGINE_ENGINE_PARTS_H
#define LOREC_SERVE_ENGINE_ENGINE_PARTS_H

#include "serve/engine/engine.h"

enum { ENGINE_BATCH = 64 };

lorec_err engine_popular(engine *g); /* g->popular is fresh enough */
/* What the model reads for this ask: its item numbers, to mem_free, and its user. */
lorec_err engine_state_of_ask(engine *g, variant *r, const ask *a, uint32_t **items, size_t *n, uint32_t *user);
/* From the model's ranking to the list: without what may not be shown. */
lorec_err ask_take(engine *g, const variant *r, ask *a, const uint32_t *history, size_t n_history, const uint32_t *item,
                   const float *score, size_t n);
lorec_err ask_popular(engine *g, ask *a); /* fills the list up to a->n */
lorec_err ask_rerank(engine *g, variant *r, ask *a);
bool ask_is_stranger(const engine *g, const variant *r, const ask *a); /* nobody the model could say anything about */

#endif

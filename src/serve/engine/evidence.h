/* evidence.h: why an item, from what the model does: how much its score falls when one thing of the history is taken away
 * (occlusion; Zeiler & Fergus, ECCV 2014, for pixels). Where nothing changes the score, what the texts share; where they
 * share nothing, how many had it.
 *
 *     evidence e[10];
 *     TRY(evidence_find(&engine, ask, items, n, e));           // the executor's, under the live's read lock
 *     TRY(evidence_reason(&live, &e[0], &text));               // because of "Heat (1995)" and "Casino (1995)": Crime
 *     json_t *j = evidence_json(&live, &e[0]);
 *
 * Ownership: evidence is a value. */
#ifndef LOREC_SERVE_ENGINE_EVIDENCE_H
#define LOREC_SERVE_ENGINE_EVIDENCE_H

#include "serve/engine/engine.h"

enum { EVIDENCE_MOST = 3, EVIDENCE_HISTORY = 24 };
typedef enum evidence_basis { BASIS_MODEL, BASIS_TEXT, BASIS_POPULAR } evidence_basis;
extern const char *const basis_words[3];

typedef struct evidence {
    uint32_t item; /* live numbers */
    evidence_basis basis;
    uint32_t because[EVIDENCE_MOST];
    float effect[EVIDENCE_MOST]; /* by how much the score falls without it; of texts: the share of common words */
    size_t n;
} evidence;

lorec_err evidence_find(engine *g, const ask *a, const uint32_t *items, size_t n, evidence *out);
lorec_err evidence_reason(const live *v, const evidence *e, buf *out);
/* [{"id", "title", "effect", "shared": ["Crime"]}] */
json_t *evidence_json(const live *v, const evidence *e);

#endif

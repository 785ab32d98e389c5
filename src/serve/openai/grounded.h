/* grounded.h: a chat that recommends from the catalogue (model "recommend:RUN"): what was recommended, the prompt that a
 * language model gets, the check of what it writes (title_check.h), and words for when there is none.
 *
 *     grounded *g;
 *     TRY(grounded_new(&g, &from, ask, n));                 // under the live's read lock; the slate is the ask's
 *     json_t *messages = grounded_messages(g, dialogue);    // with the list to recommend from
 *     TRY(grounded_take(g, i, piece, last, &out));          // whole lines, checked; held back until they are whole
 *     TRY(grounded_plain(g, &out));                         // without a language model
 *     grounded_free(g);
 *
 * Ownership: a grounding owns copies of all it needs until grounded_free. */
#ifndef LOREC_SERVE_OPENAI_GROUNDED_H
#define LOREC_SERVE_OPENAI_GROUNDED_H

#include "serve/engine/engine.h"
#include "serve/openai/mentions.h"

typedef struct grounded grounded;
typedef struct grounded_from {
    engine *engine;
    live *live;
    mentions *mentions;
    json_t *slate; /* what /v1/recommend would have said, taken over; or NULL (grounded_json is then of no use) */
} grounded_from;

lorec_err grounded_new(grounded **out, const grounded_from *from, const ask *a, int64_t samples);
void grounded_free(grounded *g);
json_t *grounded_messages(const grounded *g, const json_t *dialogue); /* NULL: out of memory */
lorec_err grounded_take(grounded *g, int64_t i, slice piece, bool last, buf *out);
lorec_err grounded_plain(const grounded *g, buf *out);
bool grounded_named(const grounded *g, int64_t i);   /* sample i names something of the list */
void grounded_degrade(grounded *g, const char *why); /* a static text; the first one counts */
/* {"request_id", "run", "variant", "degraded", "items", "repairs"}: beside OpenAI's fields. */
json_t *grounded_json(const grounded *g);
int64_t grounded_repairs(const grounded *g);

/* The step on the executor: history from titles in the conversation and the user, then the answer. */
extern const struct route grounded_step;

#endif

/* openai_talk.h: one chat or completion under way: from pieces of the desk to OpenAI's replies, whole or streamed.
 *
 *     openai_talk *t;
 *     TRY(openai_talk_new(&t, s, x, &ask, n_samples));
 *     TRY(openai_talk_start(t, &ask));              // OK: it is the desk's now, and the reply will come
 *     openai_talk_say(t, "From the catalogue: ...", "stop");     // or without any language model
 *
 * A talk about the catalogue (grounded.h) has every piece checked by its grounding, and falls back on the grounding's own
 * words where the language model is late, down or fails.
 *
 * Ownership: the exchange is the talk's until it replied. After an error of start or say nothing was replied, and the talk is
 * gone; after OK it frees itself. */
#ifndef LOREC_SERVE_OPENAI_TALK_H
#define LOREC_SERVE_OPENAI_TALK_H

#include "serve/openai/ask.h"
#include "serve/server.h"

typedef struct openai_talk openai_talk;
struct grounded;

lorec_err openai_talk_new(openai_talk **out, server *s, exchange *x, const openai_ask *a);
/* Asks the desk. g (or NULL) is taken over; messages: instead of the ask's, or NULL. */
lorec_err openai_talk_start(openai_talk *t, const openai_ask *a, struct grounded *g, json_t *messages);
/* The grounding's own words, at once. */
lorec_err openai_talk_say(openai_talk *t, struct grounded *g);

#endif

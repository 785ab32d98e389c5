/* served.h: what is served, by the names that clients use: the language model, the one for vectors, "recommend:RUN".
 *
 *     char id[SERVED_ID];
 *     for (size_t i = 0; served_model(s, i, id); i++) ...       // every name once
 *     int variant;
 *     if (served_recommender(s, model, &variant)) ...           // "recommend:first", "recommend:sasrec", "recommend:runs/first"
 *
 * All of it under the live's read lock: what is served can change.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_SERVE_ENGINE_SERVED_H
#define LOREC_SERVE_ENGINE_SERVED_H

#include "serve/server.h"

enum { SERVED_ID = 256 };
bool served_model(const server *s, size_t i, char id[SERVED_ID]);
bool served_recommender(const server *s, slice model, int *variant);
/* A run's folder or its method's key; *variant stays where it is not found: LOREC_INPUT with status 404. */
lorec_err served_variant(const server *s, exchange *x, slice method, int *variant);

#endif

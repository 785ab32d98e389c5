/* workers.h: inside the server: its threads.
 *
 * Ownership: as server.h. */
#ifndef LOREC_SERVE_WORKERS_H
#define LOREC_SERVE_WORKERS_H

#include "serve/server.h"

void *store_worker(void *s);
void *model_worker(void *s);
void *desk_worker(void *s);
/* What was committed since (by whom ever) into the live. */
lorec_err store_follow(server *s);
record *server_take_records(server *s);
void server_free_records(record *r);

#endif

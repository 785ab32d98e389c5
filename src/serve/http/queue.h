/* queue.h: requests waiting for a worker: bounded, first come first served, taken in batches.
 *
 *     queue q;
 *     TRY(queue_open(&q, 1024));
 *     if (!queue_put(&q, x)) ...                        // full (or closing): the caller answers 429
 *     size_t n = queue_take(&q, batch, 64, 0.2);        // waits up to 0.2 s for a first one; 0: none came
 *     queue_close(&q);                                  // waiting takers return
 *     queue_free(&q);
 *
 * Ownership: exchanges are only passed through. Any thread may put, any may take. */
#ifndef LOREC_SERVE_HTTP_QUEUE_H
#define LOREC_SERVE_HTTP_QUEUE_H

#include <pthread.h>

#include "serve/http/exchange.h"

typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t some;
    exchange *first, *last;
    size_t n, room;
    bool closed;
} queue;

lorec_err queue_open(queue *q, size_t room);
bool queue_put(queue *q, exchange *x);
size_t queue_take(queue *q, exchange **batch, size_t most, double wait_seconds);
size_t queue_length(queue *q);
bool queue_is_closed(queue *q);
void queue_close(queue *q);
void queue_free(queue *q);

#endif

#include "serve/http/queue.h"

#include <time.h>

lorec_err queue_open(queue *q, size_t room)
{
    *q = (queue){.room = room};
    pthread_condattr_t how;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    int rc = pthread_cond_init(&q->some, &how);
    pthread_condattr_destroy(&how);
    return rc ? err_set(LOREC_RESOURCE, "no condition variable for a queue") : LOREC_OK;
}

bool queue_put(queue *q, exchange *x)
{
    pthread_mutex_lock(&q->lock);
    bool taken = !q->closed && q->n < q->room;
    if (taken) {
        x->next = NULL;
        if (q->last)
            q->last->next = x;
        else
            q->first = x;
        q->last = x;
        q->n++;
        pthread_cond_signal(&q->some);
    }
    pthread_mutex_unlock(&q->lock);
    return taken;
}

size_t queue_take(queue *q, exchange **batch, size_t most, double wait_seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    long ns = until.tv_nsec + (long)((wait_seconds - (double)(long)wait_seconds) * 1e9);
    until.tv_sec += (long)wait_seconds + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->closed)
        if (pthread_cond_timedwait(&q->some, &q->lock, &until)) break;
    size_t n = 0;
    for (; q->first && n < most; n++) {
        batch[n] = q->first;
        q->first = q->first->next;
        batch[n]->next = NULL;
    }
    if (!q->first) q->last = NULL;
    q->n -= n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

size_t queue_length(queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

bool queue_is_closed(queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

void queue_close(queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->some);
    pthread_mutex_unlock(&q->lock);
}

void queue_free(queue *q)
{
    pthread_cond_destroy(&q->some);
    pthread_mutex_destroy(&q->lock);
}

#include "serve/http/http_slow.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"

struct slow_client {
    int socket;
    double until; /* 0: the request is whole, or the client was shut: nothing is waited for */
    slow_client *before, *after;
};

struct slow_watch {
    pthread_mutex_t lock;
    pthread_cond_t end;
    pthread_t thread;
    bool closing, running;
    double head, body;
    uint64_t shut;
    slow_client *first;
};

static void look(slow_watch *s)
{
    double now = clock_seconds();
    for (slow_client *c = s->first; c; c = c->after) {
        if (c->until == 0 || now < c->until) continue;
        c->until = 0;
        s->shut++;
        (void)shutdown(c->socket, SHUT_RDWR);
    }
}

static void *watch(void *ctx)
{
    slow_watch *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!s->closing) {
        struct timespec at;
        look(s);
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec++;
        pthread_cond_timedwait(&s->end, &s->lock, &at);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

lorec_err slow_open(slow_watch **out, double head, double body)
{
    slow_watch *s;
    *out = NULL;
    TRY(mem_new(&s, 1));
    s->head = head > 0 ? head : HEAD_SECONDS;
    s->body = body > 0 ? body : BODY_SECONDS;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->end, NULL);
    s->running = pthread_create(&s->thread, NULL, watch, s) == 0;
    if (!s->running) {
        slow_close(s);
        return err_set(LOREC_RESOURCE, "no thread to watch slow clients");
    }
    *out = s;
    return LOREC_OK;
}

void slow_close(slow_watch *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->end);
    pthread_mutex_unlock(&s->lock);
    if (s->running) pthread_join(s->thread, NULL);
    while (s->first) slow_end(s, s->first);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->end);
    mem_free(s);
}

slow_client *slow_begin(slow_watch *s, int socket)
{
    slow_client *c;
    if (mem_new(&c, 1)) return NULL;
    c->socket = socket;
    pthread_mutex_lock(&s->lock);
    c->until = clock_seconds() + s->head;
    c->after = s->first;
    if (s->first) s->first->before = c;
    s->first = c;
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void wait_until(slow_watch *s, slow_client *c, double until)
{
    if (!c) return;
    pthread_mutex_lock(&s->lock);
    c->until = until;
    pthread_mutex_unlock(&s->lock);
}

void slow_head(slow_watch *s, slow_client *c)
{
    wait_until(s, c, clock_seconds() + s->body);
}

void slow_whole(slow_watch *s, slow_client *c)
{
    wait_until(s, c, 0);
}

void slow_replied(slow_watch *s, slow_client *c)
{
    wait_until(s, c, clock_seconds() + s->head);
}

void slow_end(slow_watch *s, slow_client *c)
{
    if (!c) return;
    pthread_mutex_lock(&s->lock);
    if (c->before)
        c->before->after = c->after;
    else
        s->first = c->after;
    if (c->after) c->after->before = c->before;
    pthread_mutex_unlock(&s->lock);
    mem_free(c);
}

uint64_t slow_shut(slow_watch *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->shut;
    pthread_mutex_unlock(&s->lock);
    return n;
}

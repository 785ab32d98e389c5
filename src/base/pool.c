#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum {
    SPIN_NS = 200000, /* at most, and what counts as soon */
    LOOKS = 32,       /* between looks at the clock */
    TRUST = 8,        /* waits that were short, less twice the long ones: up to so many; none: sleep at once */
};

/* Where one thread waits for a word of another. */
typedef struct waiter {
    _Alignas(64) atomic_int word; /* 0: nothing yet */
    atomic_bool asleep;
    int trust;
    pthread_mutex_t lock;
    pthread_cond_t wake;
} waiter;

typedef struct worker {
    waiter go;
    int index;
} worker;

static struct {
    pthread_mutex_t owner; /* held while a task is under way */
    worker **workers;      /* [1 ..]; a running worker's own never moves */
    int count, room;       /* workers that run; 0 is the caller */
    pool_task *task;
    void *ctx;
    _Alignas(64) atomic_int left; /* of the task's workers */
    waiter done;
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER,
          .done = {.trust = TRUST, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER}};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void rest(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Until the word is set; takes it back to 0. */
static void wait_for(waiter *w)
{
    int64_t began = now_ns(), took = 0;
    while (w->trust > 0 && took < SPIN_NS) {
        for (int i = 0; i < LOOKS && !atomic_load_explicit(&w->word, memory_order_relaxed); i++) rest();
        if (atomic_load_explicit(&w->word, memory_order_acquire)) break;
        took = now_ns() - began;
    }
    if (!atomic_load_explicit(&w->word, memory_order_acquire)) {
        pthread_mutex_lock(&w->lock);
        atomic_store(&w->asleep, true);
        while (!atomic_load(&w->word)) pthread_cond_wait(&w->wake, &w->lock);
        atomic_store(&w->asleep, false);
        pthread_mutex_unlock(&w->lock);
        took = now_ns() - began;
    }
    atomic_store_explicit(&w->word, 0, memory_order_relaxed);
    w->trust += took < SPIN_NS ? 1 : -2;
    if (w->trust > TRUST) w->trust = TRUST;
    if (w->trust < 0) w->trust = 0;
}

/* A sleeper has set `asleep` before its last look at the word, so that one of the two is seen. */
static void tell(waiter *w)
{
    atomic_store(&w->word, 1);
    if (!atomic_load(&w->asleep)) return;
    pthread_mutex_lock(&w->lock);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static void *work(void *self)
{
    worker *w = self;
    for (;;) {
        wait_for(&w->go);
        pool.task(pool.ctx, w->index);
        if (atomic_fetch_sub(&pool.left, 1) == 1) tell(&pool.done);
    }
    return NULL;
}

/* ---- starting ------------------------------------------------------------------------------------------------------------ */

static _Thread_local bool under_way; /* a task of this thread's */

static void before_fork(void)
{
    if (!under_way) pthread_mutex_lock(&pool.owner);
}

static void in_parent(void)
{
    if (!under_way) pthread_mutex_unlock(&pool.owner);
}

/* Only the thread that forked is there. What the others had stays theirs, and lost. */
static void in_child(void)
{
    pool.workers = NULL;
    pool.count = pool.room = 0;
    pthread_mutex_init(&pool.owner, NULL);
}

static void once(void)
{
    pthread_atfork(before_fork, in_parent, in_child);
}

static bool start_one(void)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF};
    pthread_t thread;
    pthread_attr_t detached;
    sigset_t all, before;
    worker *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    if (!w) return false;
    *w = (worker){.go = {.trust = TRUST, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER},
                  .index = pool.count + 1};
    sigfillset(&all); /* those that are sent are the program's threads'; those of a fault are one's own */
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &detached, work, w);
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(w);
        return false;
    }
    pool.workers[pool.count++] = w;
    return true;
}

static bool start(int count)
{
    static pthread_once_t first = PTHREAD_ONCE_INIT;
    pthread_once(&first, once);
    if (count > pool.room) {
        worker **more = realloc(pool.workers, (size_t)count * sizeof(worker *));
        if (!more) return false;
        pool.workers = more;
        pool.room = count;
    }
    while (pool.count < count)
        if (!start_one()) return false;
    return true;
}

bool pool_run(int team, pool_task *task, void *ctx)
{
    if (pthread_mutex_trylock(&pool.owner) != 0) return false;
    if (team - 1 > pool.count && !start(team - 1)) {
        pthread_mutex_unlock(&pool.owner);
        return false;
    }
    pool.task = task;
    pool.ctx = ctx;
    atomic_store(&pool.left, team - 1);
    under_way = true;
    for (int w = 0; w < team - 1; w++) tell(&pool.workers[w]->go);
    task(ctx, 0);
    if (team > 1) wait_for(&pool.done);
    under_way = false;
    pthread_mutex_unlock(&pool.owner);
    return true;
}

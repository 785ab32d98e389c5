/* The public face (include/lorec/watch.h): this thread's listener and question, and what is the process's. */
#include "lorec/watch.h"

#include <stdio.h>

#include "api/handles.h"
#include "base/log.h"
#include "base/threads.h"

static _Thread_local lorec_watch watch;

static bool stop(void *ctx)
{
    (void)ctx;
    return watch.stop(watch.ctx) != 0;
}

static void line(void *ctx, log_level level, const char *text)
{
    (void)ctx;
    watch.log(watch.ctx, (int)level, text);
}

static void step(void *ctx, const progress *p, double done, const char *extra)
{
    (void)ctx;
    watch.progress(watch.ctx, p->label, done, p->total, p->unit, extra);
}

lorec_err lorec_watch_thread(const lorec_watch *w)
{
    lorec_watch now = {0};
    TRY(struct_given(&now, sizeof now, w, "lorec_watch"));
    watch = now;
    log_listener hears = {.line = watch.log ? line : NULL, .step = watch.progress ? step : NULL};
    log_listen(&hears);
    cancel_ask(watch.stop ? stop : NULL, NULL);
    return LOREC_OK;
}

void lorec_set_log_level(int level)
{
    log_set_level(level < LOG_QUIET ? LOG_QUIET : level > LOG_DEBUG ? LOG_DEBUG : (log_level)level);
}

void lorec_set_threads(int threads)
{
    par_set_workers(threads);
}

int lorec_threads(void)
{
    return par_workers();
}

/* ---- what the files of api/ share --------------------------------------------------------------------------------------- */

lorec_err struct_given(void *into, size_t size, const void *given, const char *what)
{
    size_t theirs;
    if (!given) return LOREC_OK;
    memcpy(&theirs, given, sizeof theirs);
    if (theirs < sizeof theirs || theirs > size)
        return err_set(LOREC_USAGE, "%s.size is %zu; set it to sizeof(%s)", what, theirs, what);
    memcpy(into, given, theirs);
    return LOREC_OK;
}

char *string_in(arena *a, slice s)
{
    char *text = arena_alloc(a, s.n + 1);
    if (!text) return NULL;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return text;
}

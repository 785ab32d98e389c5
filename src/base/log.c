#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static log_level level = LOG_INFO;
static FILE *copy;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool line_open; /* a progress line stands unfinished on the terminal */
static _Thread_local log_listener listener;

void log_listen(const log_listener *l)
{
    listener = l ? *l : (log_listener){0};
}

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void log_set_level(log_level l)
{
    level = l;
}

lorec_err log_set_file(const char *path)
{
    pthread_mutex_lock(&lock);
    if (copy) fclose(copy);
    copy = path ? fopen(path, "ae") : NULL;
    bool failed = path && !copy;
    pthread_mutex_unlock(&lock);
    return failed ? err_errno("%s: the log can not be written", path) : LOREC_OK;
}

static void say(log_level at, const char *prefix, const char *fmt, va_list ap)
{
    char text[4096];
    vsnprintf(text, sizeof text, fmt, ap);
    if (listener.line) listener.line(listener.ctx, at, text);
    pthread_mutex_lock(&lock);
    if (at <= level && !listener.line) {
        if (line_open) fputs("\r\033[K", stderr);
        line_open = false;
        fprintf(stderr, "%s%s\n", prefix, text);
    }
    if (copy) {
        char when[32];
        time_t now = time(NULL);
        struct tm utc;
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
        fprintf(copy, "%s %s%s\n", when, prefix, text);
        fflush(copy);
    }
    pthread_mutex_unlock(&lock);
}

#define SAY(name, at, prefix)                                                                                          \
    void name(const char *fmt, ...)                                                                                    \
    {                                                                                                                  \
        va_list ap;                                                                                                    \
        va_start(ap, fmt);                                                                                             \
        say(at, prefix, fmt, ap);                                                                                      \
        va_end(ap);                                                                                                    \
    }
SAY(log_warn, LOG_WARN, "warning: ")
SAY(log_info, LOG_INFO, "")
SAY(log_debug, LOG_DEBUG, "debug: ")

void progress_start(progress *p, const char *label, double total, const char *unit)
{
    *p = (progress){.label = label, .unit = unit, .total = total, .started = clock_seconds()};
    p->last_shown = p->started;
    if (listener.step) listener.step(listener.ctx, p, 0, "");
}

void duration_text(char *out, size_t n, double seconds)
{
    long s = seconds < 0 || seconds > 1e8 ? 0 : (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, n, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, n, "%ld:%02ld", s / 60, s % 60);
}

/* True when it is time to say something again. */
static bool due(progress *p, double now, double every)
{
    if (now - p->last_shown < every) return false;
    p->last_shown = now;
    return true;
}

static void show(progress *p, double done, double now, bool tty, const char *extra)
{
    char eta[32];
    p->shown = 1;
    double rate = now > p->started ? done / (now - p->started) : 0;
    duration_text(eta, sizeof eta, rate > 0 ? (p->total - done) / rate : 0);
    pthread_mutex_lock(&lock);
    fprintf(stderr, "%s%s %.0f/%.0f %s %3.0f%% %.4g/s eta %s %s%s", tty ? "\r\033[K" : "", p->label, done, p->total,
            p->unit, p->total > 0 ? 100 * done / p->total : 100, rate, eta, extra, tty ? "" : "\n");
    if (tty) fflush(stderr);
    line_open = tty;
    pthread_mutex_unlock(&lock);
}

void progress_step(progress *p, double done, const char *fmt, ...)
{
    double now = clock_seconds();
    bool heard = listener.step != NULL, tty = !heard && isatty(STDERR_FILENO);
    if (!heard && level < LOG_INFO) return;
    if (!due(p, now, heard ? 0.1 : tty ? 0.2 : 30)) return;
    char extra[256] = "";
    if (fmt && *fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(extra, sizeof extra, fmt, ap);
        va_end(ap);
    }
    if (heard)
        listener.step(listener.ctx, p, done, extra);
    else
        show(p, done, now, tty, extra);
}

void progress_end(progress *p)
{
    pthread_mutex_lock(&lock);
    if (p->shown && line_open) fputs("\r\033[K", stderr);
    line_open = false;
    pthread_mutex_unlock(&lock);
}

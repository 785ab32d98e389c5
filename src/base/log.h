/* log.h: what the program says while it works: lines on stderr (and in a run's log), and progress with rate and ETA.
 *
 *     log_info("read %zu rows", n);
 *     progress p;
 *     progress_start(&p, "sasrec epoch 3", batches, "batch");
 *     progress_step(&p, done, "loss %.4f", loss);      // a terminal: one line five times a second; a pipe: every 30 s
 *     progress_end(&p);
 *
 * Ownership: nothing is kept of the arguments but `label` and `unit`, which must outlive the progress. */
#ifndef LOREC_BASE_LOG_H
#define LOREC_BASE_LOG_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

typedef enum log_level { LOG_QUIET, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

void log_set_level(log_level level);
lorec_err log_set_file(const char *path); /* a copy of every line with its time; NULL closes it */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

typedef struct progress {
    const char *label, *unit;
    double total, started, last_shown;
    int shown;
} progress;

void progress_start(progress *p, const char *label, double total, const char *unit);
void progress_step(progress *p, double done, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void progress_end(progress *p);

/* Who hears the calling thread instead of stderr: an embedding program. Lines of other threads go on as without it. */
typedef struct log_listener {
    void (*line)(void *ctx, log_level level, const char *text); /* NULL: as without a listener */
    void (*step)(void *ctx, const progress *p, double done, const char *extra);
    void *ctx;
} log_listener;
void log_listen(const log_listener *l); /* copied; NULL: nobody any more */

double clock_seconds(void);                                 /* monotonic */
void duration_text(char *out, size_t room, double seconds); /* "4:05", "1:02:00" */

#endif

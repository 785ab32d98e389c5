/* err.h: raising and passing on errors inside the library.
 *
 *     if (cols < 3)
 *         return err_set(LOREC_INPUT, "%s, line %zu: %zu columns where 3 are needed; name them with --columns",
 *                        path, line, cols);
 *     TRY(file_read(...));              // hand a failure up unchanged
 *     TRY_GO(e, file_read(...), done);  // the same where there is something to release at `done:`
 *
 * Ownership: messages are copied into a buffer of the calling thread; nothing is to be freed. */
#ifndef LOREC_BASE_ERR_H
#define LOREC_BASE_ERR_H

#include <stddef.h>

#include "lorec/err.h"

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        lorec_err try_err_ = (call);                                                                                   \
        if (try_err_ != LOREC_OK) return try_err_;                                                                     \
    } while (0)

#define TRY_GO(e, call, label)                                                                                         \
    do {                                                                                                               \
        (e) = (call);                                                                                                  \
        if ((e) != LOREC_OK) goto label;                                                                               \
    } while (0)

/* Sets this thread's message and returns `code`, so that it can stand in a return statement. */
lorec_err err_set(lorec_err code, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/* Puts "text: " before the present message (the outer layer knows the file, the inner one the fault). */
lorec_err err_context(lorec_err code, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/* "what: strerror(errno)" with the kind that errno implies (ENOENT is bad input; ENOSPC, EACCES are resources). */
lorec_err err_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2), cold));

/* The nearest of `names` to `word` by edit distance, or NULL when none is near: for "did you mean". */
const char *err_nearest(const char *word, const char *const *names, size_t n);

#endif

#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 2048

static _Thread_local char message[MESSAGE_MAX];

const char *lorec_error_message(void)
{
    return message[0] ? message : "no error";
}

const char *lorec_version(void)
{
    return LOREC_VERSION;
}

lorec_err err_set(lorec_err code, const char *fmt, ...)
{
    /* Formatted aside first: an argument may point into the present message. */
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(message, text, sizeof text);
    return code;
}

lorec_err err_context(lorec_err code, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return code;
    size_t used = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    snprintf(text + used, sizeof text - used, ": %.*s", MESSAGE_MAX - 3, message);
    memcpy(message, text, sizeof text);
    return code;
}

lorec_err err_errno(const char *fmt, ...)
{
    int saved = errno;
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *why = strerrordesc_np(saved);
    lorec_err code;
    switch (saved) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
        code = LOREC_INPUT;
        break;
    case ENOSPC:
    case EDQUOT:
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EFBIG:
        code = LOREC_RESOURCE;
        break;
    case EINTR:
        code = LOREC_CANCELLED;
        break;
    default:
        code = LOREC_FAILED;
    }
    return err_set(code, "%.1800s: %s", text, why ? why : "an unknown system error");
}

/* Levenshtein distance with one row; words longer than the row are never "near". */
static size_t edit_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t na = strlen(a), nb = strlen(b);
    if (na >= MAX || nb >= MAX) return MAX;
    size_t row[MAX + 1];
    for (size_t j = 0; j <= nb; j++) row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[nb];
}

const char *err_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

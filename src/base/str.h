/* str.h: text as it is read and written: slices, a growing buffer, strict numbers.
 *
 *     slice s = slice_of("12\t3.5");
 *     slice a = slice_cut(&s, '\t');            // "12", s is now "3.5"
 *     int64_t id;
 *     if (!slice_to_i64(a, &id)) ...            // the whole slice has to be a number
 *
 *     buf b = {0};
 *     TRY(buf_printf(&b, "%s %d", name, 3));    // b.p is NUL-terminated at b.n
 *     buf_free(&b);
 *
 * Ownership: a slice borrows; a buf owns b.p until buf_free. */
#ifndef LOREC_BASE_STR_H
#define LOREC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

typedef struct slice {
    const char *p;
    size_t n;
} slice;

static inline slice slice_of(const char *text)
{
    return (slice){text, strlen(text)};
}
slice slice_cut(slice *rest, char separator);             /* the part before it; all of rest where there is none */
slice slice_cut_text(slice *rest, const char *separator); /* the same for "::" */
slice slice_trim(slice s);                                /* without blanks, tabs, CR and LF at either end */
bool slice_is(slice s, const char *text);
bool slice_to_i64(slice s, int64_t *out); /* decimal, optional sign, no blanks, in range */
bool slice_to_u64(slice s, uint64_t *out);
bool slice_to_f64(slice s, double *out); /* as strtod in the C locale; finite; the whole slice */
bool utf8_valid(slice s);

typedef struct buf {
    char *p;
    size_t n, cap;
} buf;

lorec_err buf_add(buf *b, const void *bytes, size_t n);
lorec_err buf_puts(buf *b, const char *text);
lorec_err buf_printf(buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(buf *b);
void buf_free(buf *b);

/* Latin-1 bytes as UTF-8, appended. */
lorec_err buf_add_latin1(buf *b, slice s);

#endif

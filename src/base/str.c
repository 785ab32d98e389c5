#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

slice slice_cut(slice *rest, char separator)
{
    const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    slice part = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    size_t used = at ? part.n + 1 : part.n;
    rest->p += used;
    rest->n -= used;
    return part;
}

slice slice_cut_text(slice *rest, const char *separator)
{
    size_t width = strlen(separator);
    const char *at = rest->n ? memmem(rest->p, rest->n, separator, width) : NULL;
    slice part = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    size_t used = at ? part.n + width : part.n;
    rest->p += used;
    rest->n -= used;
    return part;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

slice slice_trim(slice s)
{
    while (s.n && is_blank(s.p[0])) s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

bool slice_is(slice s, const char *text)
{
    size_t n = strlen(text);
    return s.n == n && memcmp(s.p, text, n) == 0;
}

bool slice_to_u64(slice s, uint64_t *out)
{
    if (s.n == 0 || s.n > 20) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value)) return false;
    }
    *out = value;
    return true;
}

bool slice_to_i64(slice s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) s.p++, s.n--;
    uint64_t magnitude;
    if (!slice_to_u64(s, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* Plain decimals of up to 15 digits, which are nearly all there are, without strtod's cost: exact, since the digits
 * and the power of ten are both exact doubles. */
static bool simple_decimal(slice s, double *out)
{
    static const double ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = s.n && s.p[0] == '-';
    uint64_t digits = 0;
    size_t seen = 0, after = 0;
    bool point = false;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        if (digit > 9 || ++seen > 15) return false;
        digits = digits * 10 + digit;
        after += point;
    }
    if (seen == 0) return false;
    double value = (double)digits / ten[after];
    *out = s.p[0] == '-' ? -value : value;
    return true;
}

bool slice_to_f64(slice s, double *out)
{
    if (simple_decimal(s, out)) return true;
    char text[64];
    if (s.n == 0 || s.n >= sizeof text || is_blank(s.p[0])) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    if (memchr(text, 0, s.n) || strpbrk(text, "xXpPnN")) return false; /* no hexadecimal, no nan, no inf */
    static locale_t c_locale;
    if (!c_locale) c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    char *end;
    double value = c_locale ? strtod_l(text, &end, c_locale) : strtod(text, &end);
    if (end != text + s.n || !isfinite(value)) return false;
    *out = value;
    return true;
}

bool utf8_valid(slice s)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
    while (p < end) {
        if (*p < 0x80) {
            p++;
            continue;
        }
        unsigned n = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
        if (*p < 0xC2 || *p > 0xF4 || (size_t)(end - p) <= n) return false;
        unsigned low = 0x80, high = 0xBF; /* of the second byte: no overlong forms, surrogates or planes above 16 */
        if (*p == 0xE0) low = 0xA0;
        if (*p == 0xED) high = 0x9F;
        if (*p == 0xF0) low = 0x90;
        if (*p == 0xF4) high = 0x8F;
        if (p[1] < low || p[1] > high) return false;
        for (unsigned i = 2; i <= n; i++) {
            if ((p[i] & 0xC0) != 0x80) return false;
        }
        p += n + 1;
    }
    return true;
}

lorec_err buf_add(buf *b, const void *bytes, size_t n)
{
    size_t need;
    if (!size_add(b->n, n, &need) || !size_add(need, 1, &need)) need = SIZE_MAX;
    TRY(mem_grow(&b->p, &b->cap, need));
    if (n) memcpy(b->p + b->n, bytes, n);
    b->n += n;
    b->p[b->n] = 0;
    return LOREC_OK;
}

lorec_err buf_puts(buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

lorec_err buf_printf(buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) return err_set(LOREC_FAILED, "a text could not be formatted");
    TRY(mem_grow(&b->p, &b->cap, b->n + (size_t)n + 1));
    va_start(ap, fmt);
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
    return LOREC_OK;
}

void buf_clear(buf *b)
{
    b->n = 0;
    if (b->p) b->p[0] = 0;
}

void buf_free(buf *b)
{
    mem_free(b->p);
    *b = (buf){0};
}

lorec_err buf_add_latin1(buf *b, slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char two[2] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F))};
        TRY(c < 0x80 ? buf_add(b, &s.p[i], 1) : buf_add(b, two, 2));
    }
    return LOREC_OK;
}

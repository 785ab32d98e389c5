#include "text/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/mem.h"

size_t utf8_write(char out[UTF8_MAX], uint32_t c)
{
    return (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out);
}

lorec_err utf8_put(buf *b, uint32_t c)
{
    char bytes[UTF8_MAX];
    return buf_add(b, bytes, utf8_write(bytes, c));
}

/* The length of the valid character at p (n bytes are there), or 0. */
static size_t valid_length(const char *p, size_t n)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)p, n > 4 ? 4 : (utf8proc_ssize_t)n, &c);
    return length > 0 ? (size_t)length : 0;
}

size_t utf8_partial(slice s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        const char *p = s.p + s.n - back;
        unsigned char first = (unsigned char)*p;
        if ((first & 0xC0) == 0x80) continue;
        if (first < 0xC2 || first > 0xF4 || utf8_length(first) <= back) return 0;
        /* the second byte already decides about overlong forms, surrogates and what is beyond the last plane */
        char whole[4] = {p[0], (char)0x80, (char)0x80, (char)0x80};
        if (back == 1) return 1;
        memcpy(whole, p, back);
        return valid_length(whole, utf8_length(first)) ? back : 0;
    }
    return 0;
}

/* ---- bytes that are no characters --------------------------------------------------------------------------------------- */

static bool is_byte_character(const char *p, size_t length)
{
    return length == 4 && (unsigned char)p[0] == 0xF4 && (unsigned char)p[1] == 0x8F && (unsigned char)p[2] >= 0xBC;
}

bool unicode_needs_escape(slice s)
{
    if (!utf8_valid(s)) return true;
    for (const char *p = s.p, *end = s.p + s.n; (p = p < end ? memchr(p, 0xF4, (size_t)(end - p)) : NULL); p++)
        if (is_byte_character(p, 4)) return true;
    return false;
}

lorec_err unicode_escape(buf *out, slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t length = valid_length(s.p + i, s.n - i);
        if (length && !is_byte_character(s.p + i, length)) {
            TRY(buf_add(out, s.p + i, length));
        } else {
            length = length ? length : 1;
            for (size_t k = 0; k < length; k++) TRY(utf8_put(out, UNICODE_BYTE + (unsigned char)s.p[i + k]));
        }
        i += length;
    }
    return LOREC_OK;
}

lorec_err unicode_unescape(buf *out, slice s)
{
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        const char *at = p;
        int byte = unicode_byte(utf8_next(&p));
        char one = (char)byte;
        TRY(byte < 0 ? buf_add(out, at, (size_t)(p - at)) : buf_add(out, &one, 1));
    }
    return LOREC_OK;
}

/* ---- properties --------------------------------------------------------------------------------------------------------- */

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool unicode_is_space(uint32_t c)
{
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13);
    if (c == 0x85) return true;
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

bool unicode_is_punctuation(uint32_t c)
{
    if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

bool unicode_is_mark(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME;
}

bool unicode_is_nonspacing(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_MN;
}

bool unicode_is_number(uint32_t c)
{
    if (c < 0x80) return c >= '0' && c <= '9';
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool unicode_is_other(uint32_t c)
{
    if (c < 0x80) return c < 32 || c == 127;
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_CO;
}

bool unicode_is_word(uint32_t c)
{
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    utf8proc_category_t k = category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_ND) || k == UTF8PROC_CATEGORY_NL ||
           k == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D;
}

bool unicode_is_cjk(uint32_t c)
{
    static const uint32_t range[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                        {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    if (c < range[0][0]) return false;
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (c >= range[i][0] && c <= range[i][1]) return true;
    return false;
}

/* ---- normal forms ------------------------------------------------------------------------------------------------------- */

/* Nothing below U+0300 changes under NFC, nothing of ASCII under any form. */
static bool is_normal_already(slice s, unicode_form form)
{
    unsigned char first = form == UNICODE_NFC ? 0xCC : 0x80;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= first) return false;
    return true;
}

lorec_err unicode_normalize(buf *out, slice s, unicode_form form)
{
    static const int options[] = {[UNICODE_NFC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE,
                                  [UNICODE_NFD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                  [UNICODE_NFKC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                  [UNICODE_NFKD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
    if (is_normal_already(s, form)) return buf_add(out, s.p, s.n);
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &made,
                                      (utf8proc_option_t)options[form]);
    if (n < 0) {
        free(made);
        return err_set(n == UTF8PROC_ERROR_NOMEM ? LOREC_RESOURCE : LOREC_INPUT, "Unicode normalisation: %s",
                       utf8proc_errmsg(n));
    }
    lorec_err e = buf_add(out, made, (size_t)n);
    free(made);
    return e;
}

lorec_err unicode_lower(buf *out, slice s)
{
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        const char *run = p;
        while (p < end && (unsigned char)*p < 0x80) p++;
        size_t at = out->n;
        TRY(buf_add(out, run, (size_t)(p - run)));
        for (size_t i = at; i < out->n; i++)
            if (out->p[i] >= 'A' && out->p[i] <= 'Z') out->p[i] = (char)(out->p[i] + 32);
        if (p == end) break;
        uint32_t c = utf8_next(&p);
        if (c == 0x130) /* the one character whose lower case is two: i and a dot above */
            TRY(buf_add(out, "i\xCC\x87", 3));
        else
            TRY(utf8_put(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c)));
    }
    return LOREC_OK;
}

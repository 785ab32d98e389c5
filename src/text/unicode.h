/* unicode.h: UTF-8 one character at a time, and the few properties of characters that tokenizers ask for (utf8proc's).
 *
 *     for (const char *p = s.p; p < s.p + s.n;) {
 *         uint32_t c = utf8_next(&p);                 // s has to be valid UTF-8
 *         if (!unicode_is_space(c)) TRY(utf8_put(out, c));
 *     }
 *
 * Bytes that are no UTF-8 travel through everything that wants characters as characters of their own: byte b is
 * U+10FF00 + b, at the end of the last private plane. unicode_escape puts them in (and takes real characters of that
 * range apart into such bytes, so that nothing is ambiguous); unicode_unescape turns them back.
 *
 * Ownership: everything is the caller's; nothing is kept. */
#ifndef LOREC_TEXT_UNICODE_H
#define LOREC_TEXT_UNICODE_H

#include "base/str.h"

enum { UNICODE_BYTE = 0x10FF00, UTF8_MAX = 4 };

/* The character at *p, which has to be valid UTF-8; *p moves behind it. */
static inline uint32_t utf8_next(const char **p)
{
    const unsigned char *s = (const unsigned char *)*p;
    if (s[0] < 0x80) {
        *p += 1;
        return s[0];
    }
    if (s[0] < 0xE0) {
        *p += 2;
        return (uint32_t)(s[0] & 0x1F) << 6 | (s[1] & 0x3F);
    }
    if (s[0] < 0xF0) {
        *p += 3;
        return (uint32_t)(s[0] & 0x0F) << 12 | (uint32_t)(s[1] & 0x3F) << 6 | (s[2] & 0x3F);
    }
    *p += 4;
    return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3F) << 12 | (uint32_t)(s[2] & 0x3F) << 6 | (s[3] & 0x3F);
}

static inline size_t utf8_length(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* The start of the character that ends before p; `begin` is where the text begins. */
static inline const char *utf8_previous(const char *begin, const char *p)
{
    do p--;
    while (p > begin && ((unsigned char)*p & 0xC0) == 0x80);
    return p;
}

size_t utf8_write(char out[UTF8_MAX], uint32_t c); /* how many bytes it took */
lorec_err utf8_put(buf *b, uint32_t c);

/* How many bytes at the end of s are the beginning of a character whose rest may still come: 0 to 3. */
size_t utf8_partial(slice s);

/* Characters 10FF00 to 10FFFF are bytes that are no UTF-8; the byte, or -1. */
static inline int unicode_byte(uint32_t c)
{
    return c >= UNICODE_BYTE && c <= UNICODE_BYTE + 0xFF ? (int)(c - UNICODE_BYTE) : -1;
}
bool unicode_needs_escape(slice s);            /* not valid, or holds a character of that range */
lorec_err unicode_escape(buf *out, slice s);   /* appended; now valid UTF-8 */
lorec_err unicode_unescape(buf *out, slice s); /* appended */

bool unicode_is_space(uint32_t c);       /* White_Space */
bool unicode_is_punctuation(uint32_t c); /* P*, and the ASCII marks that Unicode calls symbols */
bool unicode_is_mark(uint32_t c);        /* M* */
bool unicode_is_nonspacing(uint32_t c);  /* Mn */
bool unicode_is_number(uint32_t c);      /* N* */
bool unicode_is_other(uint32_t c);       /* Cc, Cf, Co */
bool unicode_is_word(uint32_t c);        /* Rust's \w: letters, marks, decimal digits, connectors, join controls */
bool unicode_is_cjk(uint32_t c);         /* ideographs, the ranges of BERT's tokenizer */

typedef enum unicode_form { UNICODE_NFC, UNICODE_NFD, UNICODE_NFKC, UNICODE_NFKD } unicode_form;
lorec_err unicode_normalize(buf *out, slice s, unicode_form form); /* appended; s is valid UTF-8 */
lorec_err unicode_lower(buf *out, slice s);                        /* one character at a time, no final sigma */

#endif

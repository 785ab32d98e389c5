#include "text/words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"

void word_list_free(word_list *w)
{
    mem_free(w->word);
    *w = (word_list){0};
}

/* Where words go: into a list of numbers, or into a text. */
typedef struct word_sink {
    ids *vocabulary;
    bool add;
    word_list *list;
    buf *text;
    size_t before; /* bytes of the text that were there */
} word_sink;

static lorec_err put(const word_sink *to, slice word)
{
    uint32_t number = WORD_UNKNOWN;
    if (!word.n) return LOREC_OK;
    if (to->text) {
        if (to->text->n > to->before) TRY(buf_add(to->text, " ", 1));
        return buf_add(to->text, word.p, word.n);
    }
    if (to->add)
        TRY(ids_add(to->vocabulary, word, &number));
    else if (!ids_find(to->vocabulary, word, &number))
        number = WORD_UNKNOWN;
    word_list *out = to->list;
    TRY(mem_grow(&out->word, &out->cap, out->n + 1));
    out->word[out->n++] = number;
    return LOREC_OK;
}

static bool is_ascii(slice text)
{
    unsigned char all = 0;
    for (size_t i = 0; i < text.n; i++) all |= (unsigned char)text.p[i];
    return all < 0x80;
}

/* Of ASCII all of it is the case, and most texts are ASCII. */
static char *fold_ascii(slice text)
{
    char *folded = malloc(text.n);
    for (size_t i = 0; folded && i < text.n; i++)
        folded[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] | 32) : text.p[i];
    return folded;
}

/* Folded by Unicode: compatibility forms, case, marks taken off; NULL where the text is no UTF-8 or memory is out. */
static char *fold(slice text, size_t *n)
{
    if (is_ascii(text)) {
        *n = text.n;
        return fold_ascii(text);
    }
    utf8proc_uint8_t *folded = NULL;
    const utf8proc_option_t how = UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK |
                                  UTF8PROC_IGNORE;
    utf8proc_ssize_t length = utf8proc_map((const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &folded, how);
    *n = length > 0 ? (size_t)length : 0;
    return length < 0 ? NULL : (char *)folded;
}

typedef enum kind { KIND_GAP, KIND_LETTER, KIND_ALONE } kind;

static kind kind_of(utf8proc_int32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? KIND_LETTER : KIND_GAP;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LO: /* scripts without case: most of those without spaces, and some with */
        return (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) || c >= 0x20000 ||
                       (c >= 0x0E00 && c <= 0x0EFF)
                   ? KIND_ALONE
                   : KIND_LETTER;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_MC:
        return KIND_LETTER;
    default:
        return KIND_GAP;
    }
}

static lorec_err read_folded(const char *p, size_t n, const word_sink *to)
{
    size_t begin = 0, at = 0;
    while (at < n) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)p + at, (utf8proc_ssize_t)(n - at), &c);
        if (step <= 0) step = 1, c = ' ';
        kind k = kind_of(c);
        if (k != KIND_LETTER) {
            TRY(put(to, (slice){p + begin, at - begin}));
            if (k == KIND_ALONE) TRY(put(to, (slice){p + at, (size_t)step}));
            begin = at + (size_t)step;
        }
        at += (size_t)step;
    }
    return put(to, (slice){p + begin, n - begin});
}

static lorec_err read_words(slice text, const word_sink *to)
{
    size_t n;
    if (!text.n) return LOREC_OK;
    char *folded = fold(text, &n);
    if (!folded) return read_folded(text.p, text.n, to); /* as it is: no UTF-8 */
    lorec_err e = read_folded(folded, n, to);
    free(folded);
    return e;
}

lorec_err words_read(slice text, ids *vocabulary, bool add, word_list *out)
{
    return read_words(text, &(word_sink){.vocabulary = vocabulary, .add = add, .list = out});
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A comma or colon within a number belongs to it, a full stop to all but the last piece. */
static bool is_mark(slice text, size_t at)
{
    char c = text.p[at], next = at + 1 < text.n ? text.p[at + 1] : ' ';
    if (c == ',' || c == ':') return next < '0' || next > '9';
    if (c == '.') return at + 1 == text.n;
    return c != '\0' && strchr(";@#$%&?!*[](){}<>\"", c);
}

lorec_err words_read_tokens(slice text, ids *vocabulary, bool add, word_list *out)
{
    const word_sink to = {.vocabulary = vocabulary, .add = add, .list = out};
    size_t begin = 0;
    for (size_t at = 0; at < text.n; at++) {
        bool mark = is_mark(text, at);
        if (!mark && !is_blank(text.p[at])) continue;
        TRY(put(&to, (slice){text.p + begin, at - begin}));
        if (mark) TRY(put(&to, (slice){text.p + at, 1}));
        begin = at + 1;
    }
    return put(&to, (slice){text.p + begin, text.n - begin});
}

lorec_err words_read_characters(slice text, ids *vocabulary, bool add, word_list *out)
{
    const word_sink to = {.vocabulary = vocabulary, .add = add, .list = out};
    for (size_t at = 0; at < text.n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)text.p + at, (utf8proc_ssize_t)(text.n - at),
                                                 &c);
        if (step <= 0) step = 1;
        if (step > 1 || !is_blank(text.p[at])) TRY(put(&to, (slice){text.p + at, (size_t)step}));
        at += (size_t)step;
    }
    return LOREC_OK;
}

lorec_err words_fold(slice text, buf *out)
{
    TRY(buf_puts(out, ""));
    return read_words(text, &(word_sink){.text = out, .before = out->n});
}

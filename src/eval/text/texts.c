#include "eval/text/texts.h"

#include <stdlib.h>

#include "base/mem.h"

void texts_free(texts *t)
{
    mem_free(t->word);
    mem_free(t->start);
    *t = (texts){0};
}

/* ---- cutting ---------------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_stop(char c)
{
    return c == '.' || c == ',';
}

/* The marks that mteval-v13a always sets apart: ASCII punctuation but ' - . , */
static bool stands_alone(char c)
{
    return (c >= '!' && c <= '/' && !strchr("'-.,", c)) || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

static lorec_err add_spaced(buf *out, const char *p, size_t n, bool before, bool after)
{
    if (before) TRY(buf_puts(out, " "));
    TRY(buf_add(out, p, n));
    return after ? buf_puts(out, " ") : LOREC_OK;
}

/* Line breaks, a hyphen before one, and four entities. */
static lorec_err plain_13a(slice s, buf *out)
{
    static const struct {
        const char *code, *text;
    } entity[] = {{"<skipped>", ""}, {"-\n", ""},   {"\n", " "},  {"&quot;", "\""},
                  {"&amp;", "&"},    {"&lt;", "<"}, {"&gt;", ">"}};
    buf next = {0};
    lorec_err e = buf_add(out, s.p, s.n);
    for (size_t k = 0; k < sizeof entity / sizeof *entity && !e; k++) { /* one after the other, as published */
        slice rest = {out->p, out->n};
        size_t length = strlen(entity[k].code);
        buf_clear(&next);
        while (rest.n && !e) {
            bool here = rest.n >= length && memcmp(rest.p, entity[k].code, length) == 0;
            e = here ? buf_puts(&next, entity[k].text) : buf_add(&next, rest.p, 1);
            size_t step = here ? length : 1;
            rest = (slice){rest.p + step, rest.n - step};
        }
        buf swap = *out;
        *out = next;
        next = swap;
    }
    buf_free(&next);
    return e;
}

/* One of the published substitutions, left to right and without overlap:
 *   0 marks stand alone; 1 a stop after what is no digit; 2 a stop before what is no digit; 3 a hyphen after a digit */
static lorec_err pass_13a(int pass, slice s, buf *out)
{
    for (size_t i = 0; i < s.n;) {
        const char *p = s.p + i;
        bool two = i + 1 < s.n;
        if (pass == 0) {
            bool alone = stands_alone(*p);
            TRY(add_spaced(out, p, 1, alone, alone));
            i++;
            continue;
        }
        bool first = two && !is_digit(p[0]) && is_stop(p[1]), second = two && is_stop(p[0]) && !is_digit(p[1]),
             third = two && is_digit(p[0]) && p[1] == '-';
        bool hit = pass == 1 ? first : pass == 2 ? second : third;
        TRY(add_spaced(out, p, 1, hit && pass == 2, hit));
        if (hit) TRY(add_spaced(out, p + 1, 1, false, pass != 2));
        i += hit ? 2 : 1;
    }
    return LOREC_OK;
}

static lorec_err cut_13a(slice text, buf *out)
{
    buf from = {0};
    lorec_err e = buf_puts(&from, " ");
    buf plain = {0};
    if (!e) e = plain_13a(text, &plain);
    if (!e) e = buf_add(&from, plain.p ? plain.p : "", plain.n);
    if (!e) e = buf_puts(&from, " ");
    for (int pass = 0; pass < 4 && !e; pass++) {
        buf_clear(out);
        e = pass_13a(pass, (slice){from.p, from.n}, out);
        buf swap = *out;
        *out = from;
        from = swap;
    }
    buf swap = *out;
    *out = from;
    from = swap;
    buf_free(&from);
    buf_free(&plain);
    return e;
}

/* What is no letter or digit of ASCII becomes a blank. */
static lorec_err cut_alnum(slice text, buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (!is_digit(c) && !(c >= 'a' && c <= 'z')) c = ' ';
        TRY(buf_add(out, &c, 1));
    }
    return LOREC_OK;
}

static lorec_err add_words(texts *t, ids *words, slice s)
{
    size_t at = t->start[t->n];
    for (size_t i = 0, begin; i < s.n;) {
        while (i < s.n && is_blank(s.p[i])) i++;
        for (begin = i; i < s.n && !is_blank(s.p[i]);) i++;
        if (begin == i) break;
        TRY(mem_grow(&t->word, &t->word_cap, at + 1));
        TRY(ids_add(words, (slice){s.p + begin, i - begin}, &t->word[at]));
        at++;
    }
    t->start[++t->n] = at;
    return LOREC_OK;
}

/* Room for one text more; the first begins at 0. */
static lorec_err next_text(texts *t)
{
    TRY(mem_grow(&t->start, &t->start_cap, t->n + 2));
    if (t->n == 0) t->start[0] = 0;
    return LOREC_OK;
}

lorec_err texts_add(texts *t, ids *words, slice text, text_cut how)
{
    buf cut = {0};
    lorec_err e = next_text(t);
    if (!e && how == TEXT_13A) e = cut_13a(text, &cut);
    if (!e && how == TEXT_ALNUM) e = cut_alnum(text, &cut);
    slice s = how == TEXT_SPACES ? text : (slice){cut.p, cut.n};
    if (!e) e = add_words(t, words, s);
    buf_free(&cut);
    return e;
}

lorec_err texts_add_words(texts *t, const uint32_t *word, size_t n)
{
    TRY(next_text(t));
    size_t at = t->start[t->n];
    TRY(mem_grow(&t->word, &t->word_cap, at + n));
    for (size_t i = 0; i < n; i++) t->word[at + i] = word[i];
    t->start[++t->n] = at + n;
    return LOREC_OK;
}

/* ---- n-grams ------------------------------------------------------------------------------------------------------------ */

typedef struct gram {
    const uint32_t *word;
    size_t n;
} gram;

static int gram_order(const void *a, const void *b)
{
    const gram *x = a, *y = b;
    for (size_t i = 0; i < x->n; i++)
        if (x->word[i] != y->word[i]) return x->word[i] < y->word[i] ? -1 : 1;
    return 0;
}

static lorec_err grams_sorted(text_run t, size_t n, gram **out, size_t *count)
{
    *count = t.n >= n ? t.n - n + 1 : 0;
    TRY(mem_new(out, *count));
    for (size_t i = 0; i < *count; i++) (*out)[i] = (gram){t.word + i, n};
    if (*count) qsort(*out, *count, sizeof **out, gram_order);
    return LOREC_OK;
}

lorec_err text_shared(text_run a, text_run b, size_t n, size_t *shared)
{
    gram *x = NULL, *y = NULL;
    size_t nx, ny, i = 0, j = 0;
    *shared = 0;
    lorec_err e = grams_sorted(a, n, &x, &nx);
    if (!e) e = grams_sorted(b, n, &y, &ny);
    while (!e && i < nx && j < ny) {
        int order = gram_order(&x[i], &y[j]);
        *shared += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    mem_free(x);
    mem_free(y);
    return e;
}

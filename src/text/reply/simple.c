/* Yes or no, a number, a refusal. */
#include <ctype.h>

#include "text/reply/parts.h"

static bool has(slice s, const char *word)
{
    return s.n && memmem(s.p, s.n, word, strlen(word));
}

/* `normal` is padded with a blank at each end, so that words are found whole. */
static lorec_err padded(const char *text, size_t n, buf *out, reply_counts *counts)
{
    buf clean = {0}, normal = {0};
    lorec_err e = reply_strip(text, n, &clean, counts);
    if (!e) e = reply_normal((slice){clean.p, clean.n}, &normal);
    if (!e) e = buf_printf(out, " %s ", normal.p);
    buf_free(&clean);
    buf_free(&normal);
    return e;
}

bool reply_refuses(const char *text, size_t n)
{
    static const char *const signs[] = {" im sorry ",
                                        " i am sorry ",
                                        " i cannot ",
                                        " i cant ",
                                        " unable to ",
                                        " as an ai ",
                                        " i apologize ",
                                        " i am not able ",
                                        " im not able ",
                                        " i wont ",
                                        " cannot help ",
                                        " not appropriate ",
                                        " es tut mir leid ",
                                        " ich kann nicht ",
                                        " je suis desole ",
                                        " lo siento ",
                                        " no puedo ",
                                        "\xE6\x8A\xB1\xE6\xAD\x89",
                                        "\xE6\x97\xA0\xE6\xB3\x95",
                                        "\xE4\xB8\x8D\xE8\x83\xBD",
                                        "\xE5\xAF\xB9\xE4\xB8\x8D\xE8\xB5\xB7"};
    buf words = {0};
    bool refuses = false;
    if (padded(text ? text : "", text ? n : 0, &words, NULL) == LOREC_OK)
        for (size_t i = 0; i < sizeof signs / sizeof *signs && !refuses; i++)
            refuses = has((slice){words.p, words.n}, signs[i]);
    buf_free(&words);
    return refuses;
}

static void add(reply_counts *counts, const reply_counts *now, bool found, const char *text, size_t n, bool bare)
{
    if (!counts) return;
    counts->replies++;
    counts->fences += now->fences;
    counts->thoughts += now->thoughts;
    counts->bad_utf8 += now->bad_utf8;
    counts->clean += found && bare && !now->fences && !now->thoughts && !now->bad_utf8;
    counts->empty += !found;
    counts->refusals += !found && reply_refuses(text, n);
    counts->normalised += found && !bare;
}

/* The earliest of the words, or n where there is none; *length is its own. */
static size_t first_of(slice s, const char *const *words, size_t n, size_t *length)
{
    size_t at = s.n;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(words[i]);
        const char *hit = memmem(s.p, s.n, words[i], len);
        if (!hit || (size_t)(hit - s.p) >= at) continue;
        at = (size_t)(hit - s.p);
        *length = len;
    }
    return at;
}

lorec_err reply_yes_no(const char *text, size_t n, int *out, reply_counts *counts)
{
    static const char *const no[] = {" no ",
                                     " nope ",
                                     " false ",
                                     " dislike ",
                                     " dislikes ",
                                     " nein ",
                                     " non ",
                                     " not ",
                                     " wont ",
                                     " wouldnt ",
                                     " doesnt ",
                                     " unlikely ",
                                     " never ",
                                     " negative ",
                                     "\xE4\xB8\x8D",
                                     "\xE5\x90\xA6",
                                     "\xE6\xB2\xA1\xE6\x9C\x89"};
    static const char *const yes[] = {
        " yes ",       " yeah ",     " yep ",        " true ",       " like ",       " likes ",
        " ja ",        " oui ",      " si ",         " sure ",       " likely ",     " would ",
        " will ",      " positive ", " definitely ", "\xE6\x98\xAF", "\xE4\xBC\x9A", "\xE5\x96\x9C\xE6\xAC\xA2",
        "\xE5\xAF\xB9"};
    reply_counts now = {0};
    buf words = {0};
    TRY(padded(text ? text : "", text ? n : 0, &words, &now));
    slice s = {words.p, words.n};
    size_t length = 0, yes_length = 0;
    size_t a = first_of(s, yes, sizeof yes / sizeof *yes, &yes_length),
           b = first_of(s, no, sizeof no / sizeof *no, &length);
    *out = a == s.n && b == s.n ? REPLY_NOTHING : a < b;
    /* "would not", "is not likely", "will never": the no follows the yes at once and takes it back */
    if (*out == 1 && b < s.n && b <= a + yes_length && b > a) *out = 0;
    bool bare = *out != REPLY_NOTHING && s.n <= 2 + (*out ? yes_length : length);
    add(counts, &now, *out != REPLY_NOTHING, text, n, bare);
    buf_free(&words);
    return LOREC_OK;
}

/* The number at p: digits with one point or comma among them; its length, or 0. */
static size_t number_at(const char *p, size_t n, double *out)
{
    size_t i = 0;
    char text[32];
    size_t k = 0;
    if (i < n && p[i] == '-') text[k++] = p[i++];
    size_t first = i;
    bool point = false;
    for (; i < n && k + 1 < sizeof text; i++) {
        bool mark = (p[i] == '.' || p[i] == ',') && !point && i > first && i + 1 < n &&
                    isdigit((unsigned char)p[i + 1]);
        if (!mark && !isdigit((unsigned char)p[i])) break;
        point = point || mark;
        text[k++] = mark ? '.' : p[i];
    }
    return i > first && slice_to_f64((slice){text, k}, out) ? i : 0;
}

lorec_err reply_number(const char *text, size_t n, double min, double max, double *out, bool *found,
                       reply_counts *counts)
{
    static const char *const words[] = {"zero", "one",   "two",   "three", "four", "five",
                                        "six",  "seven", "eight", "nine",  "ten"};
    reply_counts now = {0};
    buf clean = {0};
    *found = false;
    TRY(reply_strip(text, n, &clean, &now));
    slice s = slice_trim((slice){clean.p, clean.n});
    size_t i = 0, len = 0;
    for (; i < s.n && !*found; i++) {
        if (i > 0 && (isalnum((unsigned char)s.p[i - 1]) || s.p[i - 1] == '.')) continue; /* in a word or number */
        if (i > 0 && s.p[i - 1] == '-' && (i < 2 || isspace((unsigned char)s.p[i - 2]))) continue; /* below zero */
        len = number_at(s.p + i, s.n - i, out);
        *found = len && *out >= min && *out <= max;
    }
    bool bare = *found && i == 1 && len == s.n;
    if (!*found) { /* "four stars" */
        buf lower = {0};
        lorec_err e = padded(clean.p, clean.n, &lower, NULL);
        for (int w = 0; w <= 10 && !e && !*found; w++) {
            char whole[16];
            snprintf(whole, sizeof whole, " %s ", words[w]);
            *found = w >= min && w <= max && has((slice){lower.p, lower.n}, whole);
            if (*found) *out = w;
        }
        buf_free(&lower);
        if (e) {
            buf_free(&clean);
            return e;
        }
    }
    add(counts, &now, *found, text, n, bare);
    buf_free(&clean);
    return LOREC_OK;
}

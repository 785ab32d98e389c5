/* Which candidate a piece of text means. */
#include <utf8proc.h>

#include "base/ids.h"
#include "base/mem.h"
#include "text/reply/parts.h"

enum { WORDS_MAX = 48, NEAR_MAX = 1000000, TITLE_WORDS = 24, FORM_MAX = 512 };

static const char *const articles[] = {"the", "a", "an", "la", "le", "les", "el", "los", "das", "der", "die", "il"};
enum { ARTICLES = sizeof articles / sizeof *articles };

typedef struct names { /* a way to write titles, and whose it is */
    ids words;
    uint32_t *first; /* the first item of each name */
    size_t cap;
} names;

struct reply_titles {
    size_t n;
    names plain, normal, bare; /* as given; normal form; normal form without year */
    uint64_t *letters;         /* [bare names] which letters each has: see near_enough */
    uint32_t *next[3];         /* [n] the next item of the same name, or UINT32_MAX */
};

/* ---- normal forms -------------------------------------------------------------------------------------------------- */

static bool is_word(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
           (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

lorec_err reply_normal(slice text, buf *out)
{
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &folded,
                                      UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD |
                                          UTF8PROC_STRIPMARK | UTF8PROC_IGNORE);
    if (n == UTF8PROC_ERROR_NOMEM) return err_set(LOREC_RESOURCE, "out of memory");
    lorec_err e = LOREC_OK;
    bool gap = false;
    size_t begin = out->n;
    for (utf8proc_ssize_t i = 0; i < n && !e;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t len = utf8proc_iterate(folded + i, n - i, &c);
        if (len <= 0) break;
        if (c == '&') {
            e = buf_puts(out, out->n > begin ? " and" : "and");
            gap = true;
        } else if (is_word(c)) {
            if (gap && out->n > begin) e = buf_add(out, " ", 1);
            if (!e) e = buf_add(out, folded + i, (size_t)len);
            gap = false;
        } else if (c != '\'' && c != 0x2019 && c != '.')
            gap = true; /* "it's" and "its", "E.T." and "ET" are one */
        i += len;
    }
    free(folded);
    return e ? e : buf_add(out, "", 0);
}

static bool is_year(slice w)
{
    uint64_t year;
    return slice_to_u64(w, &year) && year >= 1880 && year <= 2035;
}

static size_t article_at_end(slice s)
{
    for (size_t i = 0; i < ARTICLES; i++) {
        size_t n = strlen(articles[i]);
        if (s.n > n + 1 && memcmp(s.p + s.n - n, articles[i], n) == 0 && s.p[s.n - n - 1] == ' ') return n + 1;
    }
    return 0;
}

static size_t article_at_start(slice s)
{
    for (size_t i = 0; i < ARTICLES; i++) {
        size_t n = strlen(articles[i]);
        if (s.n > n + 1 && memcmp(s.p, articles[i], n) == 0 && s.p[n] == ' ') return n + 1;
    }
    return 0;
}

/* A normal form without the article at either end ("matrix the 1999" and "the matrix 1999" are "matrix 1999"), as its name
 * and, behind it, the year; name.n + year.n bytes of `into`. */
typedef struct name_form {
    char text[FORM_MAX];
    slice whole, bare; /* with and without the year */
} name_form;

static bool form_make(name_form *f, slice s)
{
    bool dated = s.n > 5 && s.p[s.n - 5] == ' ' && is_year((slice){s.p + s.n - 4, 4});
    slice name = {s.p, dated ? s.n - 5 : s.n};
    if (s.n >= FORM_MAX || s.n == 0) return false;
    size_t cut = article_at_start(name);
    name.p += cut;
    name.n -= cut;
    if (!cut) name.n -= article_at_end(name);
    memcpy(f->text, name.p, name.n);
    if (dated) memcpy(f->text + name.n, s.p + s.n - 5, 5);
    f->bare = (slice){f->text, name.n};
    f->whole = (slice){f->text, name.n + (dated ? 5 : 0)};
    return true;
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

static lorec_err name_add(names *m, slice name, uint32_t item, uint32_t *next)
{
    uint32_t k;
    next[item] = UINT32_MAX;
    if (name.n == 0) return LOREC_OK;
    uint32_t before = m->words.n;
    TRY(ids_add(&m->words, name, &k));
    TRY(mem_grow(&m->first, &m->cap, m->words.n));
    if (m->words.n > before) {
        m->first[k] = item;
        return LOREC_OK;
    }
    uint32_t last = m->first[k];
    while (next[last] != UINT32_MAX) last = next[last];
    next[last] = item;
    return LOREC_OK;
}

static lorec_err title_add(reply_titles *t, const char *title, uint32_t i)
{
    buf normal = {0};
    name_form f = {0};
    slice s = slice_trim(slice_of(title));
    lorec_err e = utf8_valid(s) ? reply_normal(s, &normal) : LOREC_OK;
    if (!e && normal.n) form_make(&f, (slice){normal.p, normal.n});
    if (!e) e = name_add(&t->plain, s, i, t->next[0]);
    if (!e) e = name_add(&t->normal, f.whole, i, t->next[1]);
    if (!e) e = name_add(&t->bare, f.bare, i, t->next[2]);
    buf_free(&normal);
    return e;
}

/* One bit a letter. An edit changes two bits at most, so that most titles are out of reach at a glance. */
static uint64_t letters_of(slice s)
{
    uint64_t set = 0;
    for (size_t i = 0; i < s.n; i++) set |= (uint64_t)1 << ((unsigned char)s.p[i] & 63);
    return set;
}

static bool near_enough(uint64_t a, uint64_t b, size_t edits)
{
    return (size_t)__builtin_popcountll(a ^ b) <= 2 * edits;
}

lorec_err reply_titles_make(reply_titles **out, const char *const *title, size_t n)
{
    reply_titles *t = NULL;
    *out = NULL;
    if (n >= UINT32_MAX) return err_set(LOREC_USAGE, "too many titles");
    TRY(mem_new(&t, 1));
    t->n = n;
    lorec_err e = LOREC_OK;
    for (size_t k = 0; k < 3 && !e; k++) e = mem_new(&t->next[k], n);
    for (size_t i = 0; i < n && !e; i++) e = title_add(t, title[i], (uint32_t)i);
    if (!e) e = mem_new(&t->letters, t->bare.words.n);
    for (uint32_t k = 0; k < t->bare.words.n && !e; k++) t->letters[k] = letters_of(ids_name(&t->bare.words, k));
    if (e) {
        reply_titles_free(t);
        return e;
    }
    *out = t;
    return LOREC_OK;
}

void reply_titles_free(reply_titles *t)
{
    if (!t) return;
    names *all[] = {&t->plain, &t->normal, &t->bare};
    mem_free(t->letters);
    for (size_t k = 0; k < 3; k++) {
        ids_free(&all[k]->words);
        mem_free(all[k]->first);
        mem_free(t->next[k]);
    }
    mem_free(t);
}

size_t reply_titles_count(const reply_titles *t)
{
    return t->n;
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

/* An item of that name: of several the first that is not taken. */
static bool look_up(const names *m, const uint32_t *next, slice name, const unsigned char *taken, reply_found *out)
{
    uint32_t k;
    if (name.n == 0 || !ids_find(&m->words, name, &k)) return false;
    uint32_t item = m->first[k];
    out->ambiguous = next[item] != UINT32_MAX;
    while (taken && taken[item] && next[item] != UINT32_MAX) item = next[item];
    out->item = item;
    return true;
}

static bool look_up_normal(const reply_titles *t, slice text, const unsigned char *taken, reply_found *out)
{
    name_form f;
    if (!form_make(&f, text)) return false;
    out->how = REPLY_NORMALISED;
    return look_up(&t->normal, t->next[1], f.whole, taken, out) || look_up(&t->bare, t->next[2], f.bare, taken, out);
}

typedef struct word_list {
    size_t begin[WORDS_MAX], end[WORDS_MAX], n;
} word_list;

static void words_of(slice s, word_list *w)
{
    w->n = 0;
    for (size_t i = 0; i < s.n && w->n < WORDS_MAX;) {
        size_t begin = i;
        while (i < s.n && s.p[i] != ' ') i++;
        w->begin[w->n] = begin;
        w->end[w->n++] = i;
        i++;
    }
}

/* The longest title that begins at the first word, or (anywhere) the longest one of some weight: "Up" in the middle of a
 * sentence is more likely a word than the film. */
static bool look_inside(const reply_titles *t, slice text, bool anywhere, const unsigned char *taken, reply_found *out,
                        size_t *bytes)
{
    word_list w;
    words_of(text, &w);
    size_t most = w.n < TITLE_WORDS ? w.n : TITLE_WORDS;
    for (size_t len = most; len > 0; len--) {
        for (size_t i = 0; i + len <= w.n && (anywhere || i == 0); i++) {
            slice part = {text.p + w.begin[i], w.end[i + len - 1] - w.begin[i]};
            bool weighs = i == 0 ? len == w.n || len > 1 || part.n > 3 : len > 1 ? part.n > 5 : part.n > 6;
            if (!weighs || !look_up_normal(t, part, taken, out)) continue;
            *bytes = w.end[i + len - 1];
            return true;
        }
    }
    return false;
}

/* What stands between quotes or stars, where the entry has such a part: *inner is the first. */
static bool marked(slice s, slice *inner)
{
    static const char *const pairs[][2] = {{"**", "**"},
                                           {"\"", "\""},
                                           {"\xE2\x80\x9C", "\xE2\x80\x9D"},
                                           {"\xE3\x80\x8A", "\xE3\x80\x8B"},
                                           {"\xC2\xAB", "\xC2\xBB"},
                                           {"`", "`"},
                                           {"*", "*"},
                                           {"_", "_"},
                                           {"[", "]"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t a = strlen(pairs[i][0]), b = strlen(pairs[i][1]);
        const char *open = s.n > a + b ? memmem(s.p, s.n, pairs[i][0], a) : NULL;
        if (!open) continue;
        size_t left = s.n - (size_t)(open - s.p) - a;
        const char *close = memmem(open + a, left, pairs[i][1], b);
        if (!close || close == open + a) continue;
        *inner = (slice){open + a, (size_t)(close - open) - a};
        return true;
    }
    return false;
}

/* Edits between two texts (bytes inserted, left out, changed, or two swapped), or limit + 1 once there are more. */
static size_t distance(slice a, slice b, size_t limit)
{
    enum { MAX = 128 };
    size_t rows[3][MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    if (a.n > MAX || b.n > MAX || (a.n > b.n ? a.n - b.n : b.n - a.n) > limit) return limit + 1;
    for (size_t j = 0; j <= b.n; j++) last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t least = row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
            if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            row[j] = best;
            if (best < least) least = best;
        }
        if (least > limit) return limit + 1;
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.n];
}

/* The one nearest title, if it is near: one letter in eight, and no other as near. */
static bool nearest(const reply_titles *t, slice text, const unsigned char *taken, reply_found *out)
{
    name_form f;
    if (!form_make(&f, text)) return false;
    slice s = f.bare;
    size_t limit = s.n / 8 + (s.n >= 5), best = limit + 1;
    bool twice = false;
    uint32_t at = 0;
    uint64_t letters = letters_of(s);
    if (s.n < 5 || t->bare.words.n > NEAR_MAX) return false;
    for (uint32_t k = 0; k < t->bare.words.n && best > 0; k++) {
        if (!near_enough(letters, t->letters[k], limit)) continue;
        size_t d = distance(s, ids_name(&t->bare.words, k), best < limit ? best : limit);
        if (d > limit || d > best) continue;
        twice = d == best;
        best = d;
        at = k;
    }
    if (best > limit || twice) return false;
    out->how = REPLY_NEAREST;
    return look_up(&t->bare, t->next[2], ids_name(&t->bare.words, at), taken, out);
}

/* A title of which the reply's end left the beginning. */
static bool cut_title(const reply_titles *t, slice text, const unsigned char *taken, reply_found *out)
{
    int64_t found = REPLY_NOTHING;
    name_form f;
    if (text.n < 4 || !form_make(&f, text)) return false;
    for (uint32_t k = 0; k < t->normal.words.n; k++) {
        slice name = ids_name(&t->normal.words, k);
        if (name.n <= f.whole.n || memcmp(name.p, f.whole.p, f.whole.n) != 0) continue;
        if (found != REPLY_NOTHING) return false; /* of several it is none */
        found = k;
    }
    if (found == REPLY_NOTHING) return false;
    out->cut = true;
    return look_up(&t->normal, t->next[1], ids_name(&t->normal.words, (uint32_t)found), taken, out);
}

/* The entry up to where an explanation may begin. */
static slice head(slice s)
{
    static const char *const ends[] = {" - ", " \xE2\x80\x93 ", " \xE2\x80\x94 ", ": ",
                                       " (",  "\xEF\xBC\x9A",   " because ",      ";"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *at = memmem(s.p, s.n, ends[i], strlen(ends[i]));
        if (at && at > s.p) s.n = (size_t)(at - s.p);
    }
    return s;
}

static lorec_err find_normal(const reply_titles *t, slice entry, const reply_form *how, const unsigned char *taken,
                             bool last, reply_found *out)
{
    buf normal = {0}, part = {0};
    slice inner;
    size_t bytes;
    bool found = false;
    lorec_err e = reply_normal(entry, &normal);
    slice whole = {normal.p, normal.n};
    if (!e && whole.n) found = look_up_normal(t, whole, taken, out);
    if (!e && !found && marked(entry, &inner)) {
        e = reply_normal(inner, &part);
        if (!e && part.n) found = look_up_normal(t, (slice){part.p, part.n}, taken, out);
        if (!e && !found && part.n && !how->exact_only) found = nearest(t, (slice){part.p, part.n}, taken, out);
    }
    if (!e && !found && whole.n) found = look_inside(t, whole, false, taken, out, &bytes);
    if (!e && !found && whole.n && !how->exact_only) {
        buf_clear(&part);
        e = reply_normal(head(entry), &part);
        if (!e && part.n) found = nearest(t, (slice){part.p, part.n}, taken, out);
        if (!e && !found) found = nearest(t, whole, taken, out);
    }
    if (!e && !found && whole.n) found = look_inside(t, whole, true, taken, out, &bytes);
    if (!e && !found && last && whole.n) found = cut_title(t, whole, taken, out);
    if (!found) out->item = REPLY_NOTHING;
    buf_free(&normal);
    buf_free(&part);
    return e;
}

lorec_err reply_find_prefix(const reply_titles *t, slice entry, const unsigned char *taken, reply_found *out,
                            size_t *bytes)
{
    buf normal = {0};
    *out = (reply_found){.item = REPLY_NOTHING};
    *bytes = 0;
    lorec_err e = reply_normal(entry, &normal);
    if (!e && normal.n && !look_inside(t, (slice){normal.p, normal.n}, false, taken, out, bytes))
        out->item = REPLY_NOTHING;
    buf_free(&normal);
    return e;
}

lorec_err reply_find_whole(const reply_titles *t, slice entry, const unsigned char *taken, reply_found *out)
{
    buf normal = {0};
    *out = (reply_found){.item = REPLY_NOTHING};
    slice s = slice_trim(entry);
    if (look_up(&t->plain, t->next[0], s, taken, out)) return LOREC_OK;
    lorec_err e = reply_normal(s, &normal);
    if (!e && !look_up_normal(t, (slice){normal.p, normal.n}, taken, out)) out->item = REPLY_NOTHING;
    buf_free(&normal);
    return e;
}

lorec_err reply_find(const reply_titles *t, slice entry, const reply_form *form, const unsigned char *taken, bool last,
                     reply_found *out)
{
    *out = (reply_found){.item = REPLY_NOTHING};
    slice s = slice_trim(entry);
    if (look_up(&t->plain, t->next[0], s, taken, out)) return LOREC_OK;
    while (s.n > 2 && strchr("\"'*`_", s.p[0]) && s.p[s.n - 1] == s.p[0]) s = (slice){s.p + 1, s.n - 2};
    if (look_up(&t->plain, t->next[0], s, taken, out)) return LOREC_OK;
    return find_normal(t, s, form, taken, last, out);
}

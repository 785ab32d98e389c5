#include "serve/openai/title_check.h"

#include "base/mem.h"
#include "text/unicode.h"

enum { TITLE_BYTES = 160, ENTRY_WORDS = 10 };

typedef struct span {
    size_t begin, n;
} span;

/* ---- where titles stand ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *open, *close;
} marks[] = {{"\xe2\x80\x9c", "\xe2\x80\x9d"},
             {"\xe2\x80\x9e", "\xe2\x80\x9c"},
             {"\xc2\xab", "\xc2\xbb"},
             {"**", "**"},
             {"__", "__"},
             {"\"", "\""}};

static bool looks_like_title(slice s)
{
    if (!s.n || s.n > TITLE_BYTES) return false;
    const char *p = s.p;
    uint32_t c = utf8_next(&p);
    if (unicode_is_number(c)) return true;
    if (!unicode_is_word(c)) return false;
    buf low = {0};
    bool capital = unicode_lower(&low, (slice){s.p, (size_t)(p - s.p)}) == LOREC_OK &&
                   (low.n != (size_t)(p - s.p) || memcmp(low.p, s.p, low.n) != 0);
    buf_free(&low);
    return capital || c >= 0x2E80; /* scripts without case */
}

/* The next marked stretch from `at` on. */
static bool next_marked(slice line, size_t at, span *out)
{
    for (; at < line.n; at++)
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
            size_t n = strlen(marks[i].open), m = strlen(marks[i].close);
            if (line.n - at < n || memcmp(line.p + at, marks[i].open, n) != 0) continue;
            const char *from = line.p + at + n;
            const char *close = memmem(from, line.n - at - n, marks[i].close, m);
            if (!close) continue;
            *out = (span){at + n, (size_t)(close - from)};
            return true;
        }
    return false;
}

static size_t words_in(slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += s.p[i] != ' ' && (i == 0 || s.p[i - 1] == ' ');
    return n;
}

/* "1. Heat (1995) - a heist": Heat (1995). */
static bool head_of_entry(slice line, span *out)
{
    static const char *const ends[] = {" - ", ": ", " \xe2\x80\x93 ", " \xe2\x80\x94 "};
    size_t at = 0, begin;
    while (at < line.n && line.p[at] == ' ') at++;
    begin = at;
    while (at < line.n && line.p[at] >= '0' && line.p[at] <= '9') at++;
    if (at > begin) {
        if (at == line.n || (line.p[at] != '.' && line.p[at] != ')')) return false;
        at++;
    } else if (at < line.n && (line.p[at] == '-' || line.p[at] == '*')) {
        at++;
    } else
        return false;
    if (at >= line.n || line.p[at] != ' ') return false;
    while (at < line.n && line.p[at] == ' ') at++;
    size_t end = line.n;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *cut = memmem(line.p + at, line.n - at, ends[i], strlen(ends[i]));
        if (cut && (size_t)(cut - line.p) < end) end = (size_t)(cut - line.p);
    }
    slice head = slice_trim((slice){line.p + at, end - at});
    while (head.n && strchr(".,;:", head.p[head.n - 1])) head.n--;
    *out = (span){(size_t)(head.p - line.p), head.n};
    return looks_like_title(head) && words_in(head) <= ENTRY_WORDS;
}

/* ---- the catalogue ------------------------------------------------------------------------------------------------------------------ */

static bool is_category(const live *v, slice s)
{
    uint32_t number;
    return ids_find(&v->categories, s, &number);
}

/* Known, or what to put instead; n 0: nothing is left. */
static bool is_known(title_check *c, slice s)
{
    live_read_lock(c->live);
    uint32_t item = mentions_find(c->mentions, c->live, s);
    bool known = item != NO_NUMBER || is_category(c->live, s);
    live_unlock(c->live);
    for (size_t i = 0; i < c->n; i++)
        if (item != NO_NUMBER && c->list[i].item == item) c->named |= 1u << i;
    return known;
}

static slice instead(title_check *c)
{
    c->repairs++;
    for (size_t i = 0; i < c->n; i++) {
        if (c->named & 1u << i) continue;
        c->named |= 1u << i;
        return c->list[i].title;
    }
    return (slice){0};
}

/* One stretch; false: the line has to go. */
static lorec_err put(title_check *c, slice line, size_t *at, const span *s, buf *out, bool *keep)
{
    slice words = slice_trim((slice){line.p + s->begin, s->n});
    while (words.n && strchr(".,;:!?", words.p[words.n - 1])) words.n--;
    TRY(buf_add(out, line.p + *at, s->begin - *at));
    *at = s->begin + s->n;
    if (!looks_like_title(words) || is_known(c, words)) return buf_add(out, line.p + s->begin, s->n);
    slice other = instead(c);
    *keep = other.n > 0;
    return buf_add(out, other.p ? other.p : "", other.n);
}

/* Titles of the list that stand in the text without marks. */
static lorec_err note_named(title_check *c, slice text)
{
    title_hits hits = {0};
    live_read_lock(c->live);
    lorec_err e = mentions_scan(c->mentions, c->live, text, &hits);
    live_unlock(c->live);
    for (size_t k = 0; k < hits.n; k++)
        for (size_t i = 0; i < c->n; i++)
            if (c->list[i].item == hits.hit[k].item) c->named |= 1u << i;
    mem_free(hits.hit);
    return e;
}

lorec_err title_check_line(title_check *c, slice line, buf *out)
{
    size_t begin = out->n, at = 0;
    bool keep = true;
    span s;
    TRY(buf_puts(out, ""));
    bool head = head_of_entry(line, &s);
    span marked;
    if (head && !(next_marked(line, 0, &marked) && marked.begin <= s.begin + 3)) TRY(put(c, line, &at, &s, out, &keep));
    while (keep && next_marked(line, at, &s)) {
        size_t before = at;
        TRY(put(c, line, &at, &s, out, &keep));
        if (at <= before) break;
        size_t skip = line.p[at] == '*' || line.p[at] == '_' ? 2
                      : line.p[at] == '"'                    ? 1
                                                             : utf8_length((unsigned char)line.p[at]);
        if (keep) TRY(buf_add(out, line.p + at, skip));
        at += skip;
    }
    if (keep) TRY(buf_add(out, line.p + at, line.n - at));
    if (!keep) {
        out->n = begin;
        out->p[begin] = 0;
        return LOREC_OK;
    }
    return note_named(c, (slice){out->p + begin, out->n - begin});
}

/* A reply as the entries of a list. */
#include <ctype.h>

#include "base/mem.h"
#include "text/loose_json.h"
#include "text/reply/parts.h"

/* ---- what stands around the answer --------------------------------------------------------------------------------- */

static const char *last_of(slice s, const char *word)
{
    const char *found = NULL, *at = s.p;
    size_t n = strlen(word);
    while (at && (at = memmem(at, s.n - (size_t)(at - s.p), word, n))) {
        found = at;
        at += n;
    }
    return found;
}

/* Without <think> ... </think>: what a model says to itself is no answer. One that never ends has none. */
static slice without_thoughts(slice s, reply_counts *counts)
{
    static const char *const ends[] = {"</think>", "</thinking>", "</reasoning>", "<|end_of_thought|>"};
    static const char *const begins[] = {"<think>", "<thinking>", "<reasoning>", "<|begin_of_thought|>"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *end = last_of(s, ends[i]), *begin = s.n ? memmem(s.p, s.n, begins[i], strlen(begins[i])) : NULL;
        if (!end && !begin) continue;
        if (counts) counts->thoughts++;
        if (!end) return (slice){s.p, (size_t)(begin - s.p)};
        end += strlen(ends[i]);
        return (slice){end, s.n - (size_t)(end - s.p)};
    }
    return s;
}

/* The inside of the longest ``` fence, if there is one that holds something. */
static slice without_fence(slice s, reply_counts *counts)
{
    slice best = {0}, rest = s;
    bool any = false;
    while (rest.n) {
        const char *open = memmem(rest.p, rest.n, "```", 3);
        if (!open) break;
        any = true;
        slice in = {open + 3, rest.n - (size_t)(open - rest.p) - 3};
        const char *newline = in.n ? memchr(in.p, '\n', in.n) : NULL,
                   *close = in.n ? memmem(in.p, in.n, "```", 3) : NULL;
        if (newline && (!close || newline < close)) { /* the language's name */
            in.n -= (size_t)(newline + 1 - in.p);
            in.p = newline + 1;
            close = in.n ? memmem(in.p, in.n, "```", 3) : NULL;
        }
        size_t n = close ? (size_t)(close - in.p) : in.n;
        if (n > best.n) best = (slice){in.p, n};
        rest = close ? (slice){close + 3, in.n - n - 3} : (slice){0};
    }
    if (any && counts) counts->fences++;
    return any && slice_trim(best).n ? best : s;
}

lorec_err reply_strip(const char *text, size_t n, buf *out, reply_counts *counts)
{
    buf valid = {0};
    size_t mended = 0;
    lorec_err e = utf8_repair(&valid, text ? text : "", text ? n : 0, &mended);
    if (counts) counts->bad_utf8 += (int64_t)mended;
    slice s = e ? (slice){0} : without_fence(without_thoughts((slice){valid.p, valid.n}, counts), counts);
    if (!e) e = buf_add(out, s.p ? s.p : "", s.n);
    buf_free(&valid);
    return e;
}

/* ---- entries ------------------------------------------------------------------------------------------------------- */

static lorec_err push(reply_entries *l, reply_entry e)
{
    TRY(mem_grow(&l->entry, &l->cap, l->n + 1));
    l->entry[l->n++] = e;
    return LOREC_OK;
}

static slice after_bullet(slice s)
{
    static const char *const bullets[] = {"- ",           "* ", "+ ", "\xE2\x80\xA2", "\xC2\xB7", "\xE2\x80\x93 ",
                                          "\xE2\x97\x8F", "> ", "# ", "## ",          "### "};
    s = slice_trim(s);
    for (size_t i = 0; i < sizeof bullets / sizeof *bullets; i++) {
        size_t n = strlen(bullets[i]);
        if (s.n >= n && memcmp(s.p, bullets[i], n) == 0) return slice_trim((slice){s.p + n, s.n - n});
    }
    return s;
}

static bool in(char c, const char *set)
{
    return c && strchr(set, c);
}

/* "12." "12)" "(12)" "[12]" "#12" "12:" "No. 12" "**12.**" "A." "(b)" before an entry. */
reply_entry reply_label(slice line, bool letters)
{
    slice s = after_bullet(line), whole = s;
    while (s.n && in(s.p[0], "([#*")) s.p++, s.n--;
    static const char *const words[] = {"No. ",   "Rank ",   "rank ",      "Item ",       "item ",
                                        "Movie ", "Option ", "Candidate ", "\xE7\xAC\xAC"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (s.n > n && memcmp(s.p, words[i], n) == 0 && isdigit((unsigned char)s.p[n])) s.p += n, s.n -= n;
    }
    size_t digits = 0;
    int64_t number = 0;
    while (digits < s.n && digits < 9 && isdigit((unsigned char)s.p[digits]))
        number = number * 10 + (s.p[digits++] - '0');
    bool letter = letters && !digits && s.n && isalpha((unsigned char)s.p[0]) && (s.n == 1 || in(s.p[1], ".):]"));
    if (letter) {
        number = (s.p[0] | 32) - 'a' + 1;
        digits = 1;
    }
    const reply_entry unlabelled = {.text = whole, .whole = whole, .label = REPLY_NOTHING};
    if (!digits) return unlabelled;
    slice rest = {s.p + digits, s.n - digits};
    size_t marks = 0;
    while (marks < rest.n && in(rest.p[marks], ".):]*")) marks++;
    static const char ideographic[] = "\xE3\x80\x81"; /* "1、" */
    if (!marks && rest.n >= 3 && memcmp(rest.p, ideographic, 3) == 0) marks = 3;
    bool ends = marks > 0 || rest.n == 0;
    if (ends && marks < rest.n && isdigit((unsigned char)rest.p[marks]) && rest.p[0] == '.') ends = false; /* 4.5 */
    if (!ends) return unlabelled;
    rest = slice_trim((slice){rest.p + marks, rest.n - marks});
    return (reply_entry){.text = rest, .whole = whole, .label = number, .letter = letter};
}

static bool is_blank_line(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!in(s.p[i], " \t\r-=_*")) return false;
    return true;
}

/* One line with several entries: by ">" first, then ";", then ",". */
static lorec_err split_line(slice line, bool letters, reply_entries *out)
{
    static const char *const by[] = {" > ", ">", "\xE2\x86\x92", ";", "\xE3\x80\x81", "\xEF\xBC\x8C", ", ", ","};
    slice s = slice_trim(line);
    const char *separator = NULL;
    for (size_t i = 0; i < sizeof by / sizeof *by && !separator; i++)
        if (s.n && memmem(s.p, s.n, by[i], strlen(by[i]))) separator = by[i];
    if (!separator) return push(out, reply_label(s, letters));
    out->commas = separator[0] == ',';
    while (s.n) {
        slice part = slice_trim(slice_cut_text(&s, separator));
        if (part.n) TRY(push(out, reply_label(part, letters)));
    }
    return LOREC_OK;
}

/* "1. Alien 2. Heat 3. Up" on one line: cut before each number that counts on. */
static lorec_err split_numbers(slice line, reply_entries *out, bool *did)
{
    const char *cut[256];
    size_t n = 0;
    for (size_t i = 0; i < line.n && n < 256; i++) {
        if (i > 0 && !isspace((unsigned char)line.p[i - 1]) && line.p[i - 1] != '(') continue;
        size_t k = i;
        uint64_t number = 0;
        while (k < line.n && k < i + 4 && isdigit((unsigned char)line.p[k]))
            number = number * 10 + (uint64_t)(line.p[k++] - '0');
        if (k > i && k + 1 < line.n && in(line.p[k], ".)") && !isdigit((unsigned char)line.p[k + 1]) && number == n + 1)
            cut[n++] = line.p + i;
    }
    *did = n >= 2;
    for (size_t i = 0; i < n && *did; i++) {
        const char *end = i + 1 < n ? cut[i + 1] : line.p + line.n;
        TRY(push(out, reply_label((slice){cut[i], (size_t)(end - cut[i])}, false)));
    }
    return LOREC_OK;
}

lorec_err reply_split(slice text, const reply_form *form, reply_entries *out)
{
    const bool letters = form->labels == REPLY_LETTERS;
    slice rest = text, only = {0};
    size_t count = 0, labelled = 0;
    out->n = 0;
    out->numbered = out->commas = false;
    while (rest.n) {
        slice line = slice_trim(slice_cut(&rest, '\n'));
        if (is_blank_line(line)) continue;
        only = line;
        count++;
        labelled += reply_label(line, letters).label != REPLY_NOTHING;
    }
    if (count == 1) {
        bool did;
        TRY(split_numbers(only, out, &did));
        out->numbered = did;
        return did ? LOREC_OK : split_line(only, letters, out);
    }
    rest = text;
    /* Where most lines are numbered or bulleted, the others are what the model says around its list. */
    while (rest.n) {
        slice line = slice_trim(slice_cut(&rest, '\n'));
        if (is_blank_line(line)) continue;
        reply_entry e = reply_label(line, letters);
        bool bullet = after_bullet(line).n < line.n;
        if (labelled >= 2 && e.label == REPLY_NOTHING && !bullet) continue;
        TRY(push(out, e));
    }
    out->numbered = labelled >= 2;
    return LOREC_OK;
}

/* The third step's reply: "1. Cliffhanger - Die Hard 2", an entry a line, or all entries in one line of brackets. */
#include "base/mem.h"
#include "methods/nir/nir.h"

/* Entries that share a line are told by the number that opens each: " 2. ", "[2. ", ", 2. ". */
static size_t entry_end(const char *p, size_t n)
{
    for (size_t i = 1; i + 2 < n; i++) {
        if (p[i - 1] != ' ' && p[i - 1] != '[' && p[i - 1] != ',') continue;
        size_t digits = i;
        while (digits < n && p[digits] >= '0' && p[digits] <= '9') digits++;
        if (digits > i && digits - i <= 2 && digits + 1 < n && p[digits] == '.' && p[digits + 1] == ' ') return i;
    }
    return n;
}

static bool ends_word(char c)
{
    return c == ' ' || c == ',' || c == ']' || c == '[' || c == ';' || c == '.' || c == '"' || c == '\t' || c == '\r';
}

static slice bare(slice s)
{
    while (s.n && (s.p[0] == '[' || s.p[0] == ' ' || s.p[0] == '"' || s.p[0] == '\t')) s.p++, s.n--;
    while (s.n && ends_word(s.p[s.n - 1])) s.n--;
    return s;
}

static slice without_number(slice s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') i++;
    if (i && i < s.n && (s.p[i] == '.' || s.p[i] == ')')) return bare((slice){s.p + i + 1, s.n - i - 1});
    return s;
}

/* The candidate that is exactly this title, but for dots at its end, or REPLY_NOTHING. */
static int64_t exactly(const slice *title, size_t n, slice s)
{
    for (size_t i = 0; i < n && s.n; i++) {
        slice t = bare(title[i]);
        if (t.n == s.n && memcmp(t.p, s.p, s.n) == 0) return (int64_t)i;
    }
    return REPLY_NOTHING;
}

static lorec_err take(reply_list *out, int64_t item, reply_counts *counts)
{
    for (size_t i = 0; i < out->n; i++)
        if (out->item[i] == (uint32_t)item) {
            counts->duplicates++;
            return LOREC_OK;
        }
    TRY(mem_grow(&out->item, &out->cap, out->n + 1));
    out->item[out->n++] = (uint32_t)item;
    return LOREC_OK;
}

/* The candidate on the right, or the whole entry where it names no pair; then, with `either`, the one on the left. */
static lorec_err one_entry(const slice *title, size_t n, slice entry, bool either, reply_list *out,
                           reply_counts *counts)
{
    entry = without_number(bare(entry));
    if (!entry.n) return LOREC_OK;
    slice right = entry, left = slice_cut_text(&right, " - ");
    bool paired = left.n < entry.n;
    int64_t one = exactly(title, n, entry), other = REPLY_NOTHING; /* a title may hold a dash itself */
    if (one == REPLY_NOTHING && paired) {
        one = exactly(title, n, bare(right));
        if (either) other = exactly(title, n, bare(left));
    }
    if (one != REPLY_NOTHING) TRY(take(out, one, counts));
    if (other != REPLY_NOTHING) TRY(take(out, other, counts));
    if (one == REPLY_NOTHING && other == REPLY_NOTHING) counts->invented++;
    return LOREC_OK;
}

lorec_err nir_pairs(const slice *title, size_t n_titles, const char *text, size_t n, bool either, reply_list *out,
                    reply_counts *counts)
{
    slice rest = {text, n};
    counts->replies++;
    size_t before = out->n;
    while (rest.n) {
        slice line = slice_cut(&rest, '\n');
        while (line.n) {
            size_t end = entry_end(line.p, line.n);
            TRY(one_entry(title, n_titles, (slice){line.p, end}, either, out, counts));
            line = (slice){line.p + end, line.n - end};
        }
    }
    if (out->n == before) counts->empty++;
    return LOREC_OK;
}

/* Replies as lists of titles that are in no catalogue: equal where their letters and digits are. */
#include "base/mem.h"
#include "methods/fairllm/fairllm.h"
#include "text/reply/parts.h"

static bool begins(slice s, const char *with)
{
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

static slice in_quotes(slice s)
{
    static const char *const quotes[][2] = {{"\"", "\""}, {"\xE2\x80\x9C", "\xE2\x80\x9D"}};
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        if (!begins(s, quotes[i][0])) continue;
        slice rest = {s.p + strlen(quotes[i][0]), s.n - strlen(quotes[i][0])};
        slice title = slice_cut_text(&rest, quotes[i][1]);
        if (slice_trim(title).n) return title;
    }
    return (slice){0};
}

static slice before_dash(slice s)
{
    static const char *const dash[] = {" - ", " \xE2\x80\x93 ", " \xE2\x80\x94 "};
    for (size_t i = 0; i < sizeof dash / sizeof *dash; i++) {
        slice rest = s, title = slice_cut_text(&rest, dash[i]);
        if (slice_trim(title).n) s = title;
    }
    return s;
}

static lorec_err without_brackets(slice s, buf *out)
{
    int depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '(') depth++;
        if (!depth) TRY(buf_add(out, s.p + i, 1));
        if (s.p[i] == ')' && depth) depth--;
    }
    return LOREC_OK;
}

static lorec_err letters_of(slice s, buf *out)
{
    buf normal = {0};
    buf_clear(out);
    lorec_err e = buf_puts(out, ""); /* a text even where nothing is left */
    if (!e) e = reply_normal(s, &normal);
    for (size_t i = 0; i < normal.n && !e; i++)
        if (normal.p[i] != ' ') e = buf_add(out, normal.p + i, 1);
    buf_free(&normal);
    return e;
}

lorec_err fair_title(slice entry, buf *out)
{
    buf bare = {0};
    slice s = slice_trim(entry);
    while (s.n && (s.p[0] == '*' || s.p[0] == '_')) s.p++, s.n--;
    slice quoted = in_quotes(s);
    if (quoted.n)
        s = quoted;
    else
        s = before_dash(s);
    lorec_err e = without_brackets(s, &bare);
    if (!e) e = letters_of((slice){bare.p ? bare.p : "", bare.n}, out);
    if (!e && !out->n) e = letters_of(s, out); /* "(500)" is all there is */
    buf_free(&bare);
    return e;
}

static lorec_err take(fair_list *out, slice entry, ids *titles, size_t wanted, buf *room, reply_counts *now)
{
    uint32_t title;
    TRY(fair_title(entry, room));
    if (!room->n) return LOREC_OK;
    TRY(ids_add(titles, (slice){room->p, room->n}, &title));
    for (size_t i = 0; i < out->n; i++)
        if (out->item[i] == title) {
            now->duplicates++;
            return LOREC_OK;
        }
    if (out->n == wanted) {
        now->more = 1;
        return LOREC_OK;
    }
    TRY(mem_grow(&out->item, &out->cap, out->n + 1));
    out->item[out->n++] = title;
    return LOREC_OK;
}

/* A list in JSON (*tree keeps its texts), otherwise lines. */
static lorec_err entries_of(slice text, json_t **tree, reply_entries *out, reply_counts *now)
{
    reply_counts json = {0};
    slice s = slice_trim(text);
    if (begins(s, "[") || begins(s, "{")) {
        TRY(reply_json(s.p, s.n, tree, &json));
        if (*tree) TRY(reply_json_entries(*tree, out));
        now->json_repairs += json.json_repairs;
    }
    return out->n ? LOREC_OK : reply_split(text, &(reply_form){.labels = REPLY_NUMBERS}, out);
}

lorec_err fair_list_read(fair_list *out, const char *text, size_t n, ids *titles, size_t wanted, reply_counts *counts)
{
    buf clean = {0}, room = {0};
    json_t *tree = NULL;
    reply_entries found = {0};
    reply_counts now = {.replies = 1};
    out->n = 0;
    lorec_err e = reply_strip(text, n, &clean, &now);
    if (!e) e = entries_of((slice){clean.p ? clean.p : "", clean.n}, &tree, &found, &now);
    if (!e && !found.numbered && !tree && reply_refuses(text, n)) now.refusals = 1;
    for (size_t i = 0; i < found.n && !e && !now.refusals; i++)
        e = take(out, found.entry[i].text, titles, wanted, &room, &now);
    now.empty = !out->n;
    now.fewer = out->n && out->n < wanted;
    now.clean = out->n == wanted && !now.more && !now.duplicates && !now.fences && !now.thoughts && !now.bad_utf8 &&
                !now.json_repairs;
    if (!e) reply_counts_add(counts, &now);
    json_decref(tree);
    mem_free(found.entry);
    buf_free(&clean);
    buf_free(&room);
    return e;
}

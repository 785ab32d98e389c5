#include "serve/openai/grounded.h"

#include "base/mem.h"
#include "serve/engine/evidence.h"
#include "serve/openai/title_check.h"

enum { LIKED = 20 };

typedef struct sample { /* one answer of the language model */
    buf line;           /* not whole yet */
    title_check check;
} sample;

struct grounded {
    grounded_from from;
    char *liked; /* "A", "B" ... as people read it */
    bool known;  /* there is a history */
    title_offer offer[TITLE_CHECK_MOST];
    char *title[TITLE_CHECK_MOST], *reason[TITLE_CHECK_MOST], *about[TITLE_CHECK_MOST];
    size_t n;
    sample *sample; /* [n_samples] */
    int64_t n_samples;
    const char *degraded;
};

void grounded_free(grounded *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->n; i++) {
        mem_free(g->title[i]);
        mem_free(g->reason[i]);
        mem_free(g->about[i]);
    }
    for (int64_t i = 0; i < g->n_samples && g->sample; i++) buf_free(&g->sample[i].line);
    json_decref(g->from.slate);
    mem_free(g->liked);
    mem_free(g->sample);
    mem_free(g);
}

/* ---- from the slate ------------------------------------------------------------------------------------------------------------------ */

static lorec_err categories(const live *v, uint32_t item, char **out)
{
    buf text = {0};
    lorec_err e = buf_puts(&text, "");
    for (uint32_t k = 0; k < v->item[item].n_categories && !e; k++) {
        slice name = ids_name(&v->categories, v->item[item].category[k]);
        e = buf_printf(&text, "%s%.*s", k ? ", " : "", (int)name.n, name.p);
    }
    *out = text.p;
    return e;
}

static lorec_err copy_text(slice t, char **out)
{
    buf text = {0};
    TRY(buf_add(&text, t.p, t.n));
    *out = text.p;
    return LOREC_OK;
}

static lorec_err take_items(grounded *g, const ask *a)
{
    const live *v = g->from.live;
    uint32_t items[TITLE_CHECK_MOST] = {0};
    evidence why[TITLE_CHECK_MOST];
    buf reason = {0};
    size_t n = a->n_list < TITLE_CHECK_MOST ? a->n_list : TITLE_CHECK_MOST;
    for (size_t i = 0; i < n; i++) items[i] = a->list[i].item;
    lorec_err e = evidence_find(g->from.engine, a, items, n, why);
    for (size_t i = 0; i < n && !e; i++) {
        e = evidence_reason(v, &why[i], &reason);
        if (!e) e = copy_text(live_title(v, items[i]), &g->title[i]);
        g->n = i + 1;
        if (!e) e = mem_dup(&g->reason[i], reason.p);
        if (!e) e = categories(v, items[i], &g->about[i]);
        if (!e) g->offer[i] = (title_offer){items[i], slice_of(g->title[i])};
        json_t *row = json_array_get(json_object_get(g->from.slate, "items"), i);
        if (row && !e) json_object_set_new(row, "reason", json_string(g->reason[i]));
    }
    buf_free(&reason);
    return e;
}

static lorec_err take_history(grounded *g, const ask *a)
{
    buf text = {0};
    lorec_err e = buf_puts(&text, "");
    size_t from = a->n_history > LIKED ? a->n_history - LIKED : 0;
    for (size_t i = from; i < a->n_history && !e; i++) {
        slice t = live_title(g->from.live, a->history[i]);
        e = buf_printf(&text, "%s\"%.*s\"", i == from ? "" : ", ", (int)t.n, t.p);
    }
    g->known = a->n_history > 0;
    g->liked = text.p;
    return e;
}

lorec_err grounded_new(grounded **out, const grounded_from *from, const ask *a, int64_t samples)
{
    grounded *g;
    *out = NULL;
    lorec_err e = mem_new(&g, 1);
    if (e) {
        json_decref(from->slate);
        return e;
    }
    g->from = *from;
    g->degraded = a->degraded;
    e = take_items(g, a);
    if (!e) e = take_history(g, a);
    if (!e) e = mem_new(&g->sample, (size_t)samples);
    if (e) {
        grounded_free(g);
        return e;
    }
    g->n_samples = samples;
    for (int64_t i = 0; i < samples; i++)
        g->sample[i].check = (title_check){.mentions = from->mentions, .live = from->live, .list = g->offer, .n = g->n};
    *out = g;
    return LOREC_OK;
}

/* ---- for the language model ------------------------------------------------------------------------------------------------------------ */

static lorec_err write_task(const grounded *g, const json_t *dialogue, buf *out)
{
    TRY(buf_puts(out,
                 "You help somebody choose from a catalogue. Recommend only from this list, best first, each title "
                 "exactly as it stands here and in double quotation marks; name no other titles.\n"));
    for (size_t i = 0; i < g->n; i++)
        TRY(buf_printf(out, "%zu. \"%s\"%s%s (%s)\n", i + 1, g->title[i], *g->about[i] ? " - " : "", g->about[i],
                       g->reason[i]));
    if (g->known) TRY(buf_printf(out, "What they had: %s.\n", g->liked));
    TRY(buf_puts(out, "Answer in a few sentences, in the language of the last message."));
    for (size_t i = 0; i < json_array_size(dialogue); i++) {
        const json_t *m = json_array_get(dialogue, i);
        if (strcmp(json_string_value(json_object_get(m, "role")), "system") == 0)
            TRY(buf_printf(out, "\n%s", json_string_value(json_object_get(m, "content"))));
    }
    return LOREC_OK;
}

json_t *grounded_messages(const grounded *g, const json_t *dialogue)
{
    buf words = {0};
    json_t *list = json_array();
    lorec_err e = write_task(g, dialogue, &words);
    json_t *first = e ? NULL : json_pack("{s:s, s:s%}", "role", "system", "content", words.p, words.n);
    if (!first) first = json_pack("{s:s, s:s}", "role", "system", "content", "");
    buf_free(&words);
    json_array_append_new(list, first);
    for (size_t i = 0; i < json_array_size(dialogue); i++) {
        json_t *m = json_array_get(dialogue, i);
        if (strcmp(json_string_value(json_object_get(m, "role")), "system") != 0) json_array_append(list, m);
    }
    return list;
}

lorec_err grounded_take(grounded *g, int64_t i, slice piece, bool last, buf *out)
{
    sample *s = &g->sample[i];
    while (piece.n || (last && s->line.n)) {
        const char *end = piece.n ? memchr(piece.p, '\n', piece.n) : NULL;
        size_t n = end ? (size_t)(end - piece.p) : piece.n;
        if (n) TRY(buf_add(&s->line, piece.p, n));
        piece.p += end ? n + 1 : n;
        piece.n -= end ? n + 1 : n;
        if (!end && !(last && !piece.n)) return LOREC_OK;
        size_t before = out->n;
        if (s->line.n) TRY(title_check_line(&s->check, (slice){s->line.p, s->line.n}, out));
        if (end && (out->n > before || !s->line.n)) TRY(buf_puts(out, "\n")); /* a line that goes takes its end along */
        buf_clear(&s->line);
    }
    return LOREC_OK;
}

bool grounded_named(const grounded *g, int64_t i)
{
    return g->n == 0 || g->sample[i].check.named != 0;
}

/* ---- without one ------------------------------------------------------------------------------------------------------------------------- */

lorec_err grounded_plain(const grounded *g, buf *out)
{
    enum { SHOWN = 5 };
    if (g->n == 0) return buf_puts(out, "There is nothing in the catalogue to recommend.");
    TRY(buf_puts(out, g->known ? "From the catalogue, going by what you had:\n"
                               : "You have not named anything of the catalogue yet, so this is what others choose:\n"));
    for (size_t i = 0; i < g->n && i < SHOWN; i++)
        TRY(buf_printf(out, "%s%zu. \"%s\" - %s", i ? "\n" : "", i + 1, g->title[i], g->reason[i]));
    return LOREC_OK;
}

void grounded_degrade(grounded *g, const char *why)
{
    if (!g->degraded) g->degraded = why;
}

int64_t grounded_repairs(const grounded *g)
{
    int64_t n = 0;
    for (int64_t i = 0; i < g->n_samples; i++) n += g->sample[i].check.repairs;
    return n;
}

json_t *grounded_json(const grounded *g)
{
    json_t *o = json_copy(g->from.slate);
    if (!o) return NULL;
    json_object_set_new(o, "degraded", g->degraded ? json_string(g->degraded) : json_null());
    json_object_set_new(o, "repairs", json_integer((json_int_t)grounded_repairs(g)));
    return o;
}

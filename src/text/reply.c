#include "text/reply.h"

#include "base/mem.h"
#include "text/loose_json.h"
#include "text/reply/parts.h"

void reply_list_free(reply_list *l)
{
    mem_free(l->item);
    *l = (reply_list){0};
}

/* Reading one ranked reply. */
typedef struct reading {
    const reply_titles *t;
    const reply_form *form;
    reply_list *out;
    reply_counts now; /* of this reply */
    unsigned char *taken;
    bool zero_based;
} reading;

static lorec_err take(reading *r, int64_t item)
{
    if (item < 0 || (size_t)item >= reply_titles_count(r->t)) {
        r->now.invented++;
        return LOREC_OK;
    }
    if (r->taken[item]) {
        r->now.duplicates++;
        return LOREC_OK;
    }
    r->taken[item] = 1;
    TRY(mem_grow(&r->out->item, &r->out->cap, r->out->n + 1));
    r->out->item[r->out->n++] = (uint32_t)item;
    return LOREC_OK;
}

static lorec_err take_found(reading *r, const reply_found *f)
{
    r->now.normalised += f->how == REPLY_NORMALISED && !f->cut;
    r->now.nearest += f->how == REPLY_NEAREST;
    r->now.ambiguous += f->ambiguous;
    r->now.broken_off += f->cut;
    return take(r, f->item);
}

/* The number inside brackets, or alone: a label of the prompt's. */
static int64_t bare_label(slice s, const reply_form *form)
{
    while (s.n && strchr("([#*\"' ", s.p[0])) s.p++, s.n--;
    while (s.n && strchr(")]*\"'., ", s.p[s.n - 1])) s.n--;
    uint64_t number;
    if (form->labels == REPLY_LETTERS && s.n == 1 && (s.p[0] | 32) >= 'a' && (s.p[0] | 32) <= 'z')
        return (s.p[0] | 32) - 'a' + 1;
    return form->labels == REPLY_NUMBERS && slice_to_u64(s, &number) && number <= INT32_MAX ? (int64_t)number
                                                                                            : REPLY_NOTHING;
}

/* Which candidate's label an entry is, without any title: "[3]", "3", "1. [3]", or "C" where the prompt had letters. */
static int64_t label_of(const reply_entry *e, const reply_form *form)
{
    if (form->labels == REPLY_NO_LABELS) return REPLY_NOTHING;
    if (e->text.n) return bare_label(e->text, form);
    return e->label;
}

static lorec_err take_label(reading *r, int64_t label)
{
    return take(r, r->zero_based ? label : label - 1);
}

/* A list that was cut at commas which belong to a title: how many entries from i on the title at i takes, or 0. */
static lorec_err joined(reading *r, const reply_entries *l, size_t i, reply_found *f, size_t *used)
{
    *used = 0;
    for (size_t k = 2; k <= 4 && i + k <= l->n; k++) {
        const char *begin = l->entry[i].text.p;
        const reply_entry *end = &l->entry[i + k - 1], *before = &l->entry[i + k - 2];
        reply_found g;
        buf shorter = {0};
        size_t bytes;
        TRY(reply_find_prefix(r->t, (slice){begin, (size_t)(end->whole.p + end->whole.n - begin)}, r->taken, &g,
                              &bytes));
        lorec_err e = reply_normal((slice){begin, (size_t)(before->whole.p + before->whole.n - begin)}, &shorter);
        if (!e && g.item != REPLY_NOTHING && bytes > shorter.n) {
            *f = g;
            *used = k;
        }
        buf_free(&shorter);
        TRY(e);
    }
    if (!*used) return LOREC_OK;
    reply_found whole; /* as it stands, where nothing else is with it */
    const reply_entry *end = &l->entry[i + *used - 1];
    slice all = {l->entry[i].text.p, (size_t)(end->whole.p + end->whole.n - l->entry[i].text.p)};
    TRY(reply_find_whole(r->t, all, r->taken, &whole));
    if (whole.item == f->item) *f = whole;
    return LOREC_OK;
}

static lorec_err entry(reading *r, const reply_entries *l, size_t i, size_t *used)
{
    const reply_entry *e = &l->entry[i];
    reply_found f;
    bool last = r->form->broken_off && i + 1 == l->n;
    int64_t label = label_of(e, r->form);
    if (l->commas && e->text.n) {
        TRY(joined(r, l, i, &f, used));
        if (*used) return take_found(r, &f);
    }
    *used = 1;
    if (label >= 0 && label <= (int64_t)reply_titles_count(r->t)) return take_label(r, label);
    TRY(reply_find_whole(r->t, e->whole, r->taken, &f)); /* "2001: A Space Odyssey" has no label */
    if (f.item == REPLY_NOTHING && e->text.n == 0) {
        r->now.invented += label != REPLY_NOTHING;
        return LOREC_OK;
    }
    if (f.item == REPLY_NOTHING) TRY(reply_find(r->t, e->text, r->form, r->taken, last, &f));
    if (f.item != REPLY_NOTHING) return take_found(r, &f);
    if (e->letter && r->form->labels == REPLY_LETTERS) return take_label(r, e->label); /* "B. because ..." */
    r->now.invented++;
    return LOREC_OK;
}

/* Labels that begin at 0 and never reach n were counted from 0. */
static bool counts_from_zero(const reading *r, const reply_entries *l)
{
    bool zero = false, n = false;
    for (size_t i = 0; i < l->n; i++) {
        int64_t label = label_of(&l->entry[i], r->form);
        zero = zero || label == 0;
        n = n || label >= (int64_t)reply_titles_count(r->t);
    }
    return zero && !n;
}

static void check_numbers(reading *r, const reply_entries *l)
{
    for (size_t i = 0; i < l->n && l->numbered; i++) {
        if (l->entry[i].label == REPLY_NOTHING || l->entry[i].label == (int64_t)i + 1) continue;
        r->now.renumbered = 1;
        return;
    }
}

static lorec_err entries(reading *r, const reply_entries *l)
{
    r->zero_based = counts_from_zero(r, l);
    r->now.off_by_one = r->zero_based;
    check_numbers(r, l);
    for (size_t i = 0, used; i < l->n; i += used) TRY(entry(r, l, i, &used));
    return LOREC_OK;
}

/* Prose: every "quoted" or **bold** part that is a title, else the whole text as one entry. */
static lorec_err prose(reading *r, slice text)
{
    reply_found f;
    TRY(reply_find(r->t, text, r->form, r->taken, false, &f));
    return f.item != REPLY_NOTHING ? take_found(r, &f) : LOREC_OK;
}

static bool looks_like_json(slice s)
{
    s = slice_trim(s);
    return s.n &&
           (s.p[0] == '{' || (s.p[0] == '[' && s.n > 1 && !(s.p[1] >= '0' && s.p[1] <= '9' && !memchr(s.p, ',', s.n))));
}

static bool holds_json(slice s)
{
    static const char *const signs[] = {"[\"", "{\"", "[{", "['", "{'", "[\n", "{\n", "[ \"", "{ \""};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (s.n && memmem(s.p, s.n, signs[i], strlen(signs[i]))) return true;
    return looks_like_json(s);
}

static lorec_err read_text(reading *r, slice text)
{
    reply_entries l = {0};
    json_t *j = NULL;
    size_t repairs = 0;
    lorec_err e = LOREC_OK;
    lorec_err none = holds_json(text) ? loose_json_value(&j, text.p, text.n, &repairs, NULL) : LOREC_OK;
    if (none == LOREC_RESOURCE) e = none;
    if (j) {
        r->now.json_repairs += (int64_t)repairs;
        e = reply_json_entries(j, &l);
        if (!e) e = entries(r, &l);
    }
    if (!e && r->out->n == 0) { /* no JSON, or none that helps */
        r->now.invented = 0;
        e = reply_split(text, r->form, &l);
        if (!e) e = entries(r, &l);
    }
    if (!e && r->out->n == 0) e = prose(r, text);
    mem_free(l.entry);
    json_decref(j);
    return e;
}

void reply_counts_add(reply_counts *into, const reply_counts *more)
{
    int64_t *to = (int64_t *)into;
    const int64_t *from = (const int64_t *)more; /* they are int64_t from end to end */
    for (size_t i = 0; i < sizeof *into / sizeof *to; i++) to[i] += from[i];
}

static bool repaired(const reply_counts *c)
{
    return c->empty || c->refusals || c->fences || c->thoughts || c->json_repairs || c->bad_utf8 || c->broken_off ||
           c->renumbered || c->off_by_one || c->normalised || c->nearest || c->invented || c->duplicates ||
           c->ambiguous || c->fewer || c->more;
}

static void settle(reading *r, slice text, reply_counts *counts)
{
    reply_counts *c = &r->now;
    c->replies = 1;
    c->empty = r->out->n == 0;
    c->refusals = c->empty && reply_refuses(text.p, text.n);
    c->fewer = r->form->wanted && r->out->n < r->form->wanted;
    c->more = r->form->wanted && r->out->n > r->form->wanted;
    c->clean = !repaired(c);
    if (counts) reply_counts_add(counts, c);
    if (c->more) r->out->n = r->form->wanted;
}

lorec_err reply_ranking(const reply_titles *t, const char *text, size_t n, const reply_form *form, reply_list *out,
                        reply_counts *counts)
{
    reading r = {.t = t, .form = form, .out = out};
    buf clean = {0};
    out->n = 0;
    lorec_err e = mem_new(&r.taken, reply_titles_count(t) + 1);
    if (!e) e = reply_strip(text, n, &clean, &r.now);
    slice s = {clean.p, clean.n};
    if (!e) e = read_text(&r, s);
    if (!e) settle(&r, s, counts);
    mem_free(r.taken);
    buf_free(&clean);
    return e;
}

lorec_err reply_choice(const reply_titles *t, const char *text, size_t n, const reply_form *form, int64_t *out,
                       reply_counts *counts)
{
    reply_list l = {0};
    reply_form one = *form;
    one.wanted = 1;
    *out = REPLY_NOTHING;
    lorec_err e = reply_ranking(t, text, n, &one, &l, counts);
    if (!e && l.n) *out = l.item[0];
    reply_list_free(&l);
    return e;
}

lorec_err reply_json(const char *text, size_t n, json_t **out, reply_counts *counts)
{
    reply_counts now = {.replies = 1};
    size_t repairs = 0;
    buf clean = {0};
    *out = NULL;
    lorec_err e = reply_strip(text, n, &clean, &now);
    lorec_err none = e ? LOREC_OK : loose_json_value(out, clean.p, clean.n, &repairs, NULL);
    if (none == LOREC_RESOURCE) e = none;
    now.json_repairs = (int64_t)repairs;
    now.empty = *out == NULL;
    now.refusals = now.empty && reply_refuses(clean.p, clean.n);
    now.clean = !repaired(&now);
    if (!e && counts) reply_counts_add(counts, &now);
    buf_free(&clean);
    return e;
}

json_t *reply_counts_json(const reply_counts *c)
{
    static const char *const names[] = {"replies",    "clean",        "empty",    "refusals",   "fences",
                                        "thoughts",   "json_repairs", "bad_utf8", "broken_off", "renumbered",
                                        "off_by_one", "normalised",   "nearest",  "invented",   "duplicates",
                                        "ambiguous",  "fewer",        "more"};
    _Static_assert(sizeof names / sizeof *names == sizeof *c / sizeof(int64_t),
                   "one name a count, in the struct's order");
    json_t *o = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_object_set_new(o, names[i], json_integer(((const int64_t *)c)[i])) != 0) {
            json_decref(o);
            return NULL;
        }
    return o;
}

#include "serve/engine/evidence.h"

#include <math.h>

#include "base/mem.h"
#include "serve/engine/engine_parts.h"
#include "text/words.h"

const char *const basis_words[3] = {"model", "text", "popular"};

/* ---- what the model says -------------------------------------------------------------------------------------------------------- */

typedef struct occlusion {
    uint32_t *state; /* [n_state] the model's item numbers */
    size_t n_state;
    uint32_t user;
    uint32_t without[EVIDENCE_HISTORY]; /* distinct items at the end of the state */
    size_t n;
    uint32_t *rows, *candidate; /* histories, packed */
    float *score;               /* [n + 1][items] */
    query *q;
    uint64_t *start;
} occlusion;

static void occlusion_free(occlusion *o)
{
    mem_free(o->state);
    mem_free(o->rows);
    mem_free(o->candidate);
    mem_free(o->score);
    mem_free(o->q);
    mem_free(o->start);
}

static void pick_last(occlusion *o)
{
    for (size_t i = o->n_state; i-- > 0 && o->n < EVIDENCE_HISTORY;) {
        bool had = false;
        for (size_t k = 0; k < o->n && !had; k++) had = o->without[k] == o->state[i];
        if (!had) o->without[o->n++] = o->state[i];
    }
}

/* Every history at once: the whole one, then the whole one without each. */
static lorec_err score_all(const variant *r, occlusion *o, const uint32_t *known, size_t n)
{
    const advisor *v = &r->advisor;
    size_t at = 0, lists = o->n + 1;
    TRY(mem_new(&o->rows, lists * o->n_state));
    TRY(mem_new(&o->q, lists));
    TRY(mem_new(&o->start, lists + 1));
    TRY(mem_new(&o->candidate, lists * n));
    TRY(mem_new(&o->score, lists * n));
    for (size_t k = 0; k < lists; k++) {
        uint32_t *begin = o->rows + at;
        size_t had = 0;
        for (size_t i = 0; i < o->n_state; i++)
            if (k == 0 || o->state[i] != o->without[k - 1]) begin[had++] = o->state[i];
        at += had;
        o->q[k] = (query){.user = o->user, .items = begin, .n = had, .now = INT64_MIN};
        o->start[k + 1] = o->start[k] + n;
        memcpy(o->candidate + k * n, known, n * sizeof *known);
    }
    return recommender_score_items(v->r, v->self, r->session[0], v->data.rows.n_items, o->q, lists, o->start,
                                   o->candidate, o->score);
}

/* Keeps the most effective, best first. */
static void add(evidence *e, uint32_t item, float effect)
{
    size_t at = e->n < EVIDENCE_MOST ? e->n++ : EVIDENCE_MOST;
    while (at > 0 && e->effect[at - 1] < effect) {
        if (at < EVIDENCE_MOST) e->because[at] = e->because[at - 1], e->effect[at] = e->effect[at - 1];
        at--;
    }
    if (at < EVIDENCE_MOST) e->because[at] = item, e->effect[at] = effect;
}

static void read_effects(const variant *r, const occlusion *o, size_t n, size_t place, evidence *e)
{
    float whole = o->score[place], least = 1e-6f * (fabsf(whole) > 1 ? fabsf(whole) : 1);
    for (size_t k = 0; k < o->n; k++) {
        float effect = whole - o->score[(k + 1) * n + place];
        if (isfinite(effect) && effect > least) add(e, r->number[o->without[k]], effect);
    }
    if (e->n) e->basis = BASIS_MODEL;
}

/* ---- what the texts say ------------------------------------------------------------------------------------------------------------ */

static lorec_err words_of(const live *v, uint32_t item, ids *vocabulary, word_list *out)
{
    const live_item *i = &v->item[item];
    out->n = 0;
    TRY(words_read(live_title(v, item), vocabulary, true, out));
    for (uint32_t k = 0; k < i->n_categories; k++)
        TRY(words_read(ids_name(&v->categories, i->category[k]), vocabulary, true, out));
    return LOREC_OK;
}

/* Words of both among words of either. */
static float likeness(const word_list *a, const word_list *b)
{
    size_t both = 0;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (a->word[i] == b->word[k]) {
                both++;
                break;
            }
    size_t either = a->n + b->n - both;
    return either ? (float)both / (float)either : 0;
}

static lorec_err text_effects(const live *v, const variant *r, const occlusion *o, evidence *e)
{
    ids vocabulary = {0};
    word_list mine = {0}, other = {0};
    lorec_err err = words_of(v, e->item, &vocabulary, &mine);
    for (size_t k = 0; k < o->n && !err; k++) {
        uint32_t item = r->number[o->without[k]];
        if (item == e->item) continue;
        err = words_of(v, item, &vocabulary, &other);
        float like = err ? 0 : likeness(&mine, &other);
        if (like >= .2f) add(e, item, like);
    }
    if (e->n) e->basis = BASIS_TEXT;
    word_list_free(&mine);
    word_list_free(&other);
    ids_free(&vocabulary);
    return err;
}

/* ---- both ---------------------------------------------------------------------------------------------------------------------------- */

/* One whose scores cost a call of a language model each is not asked twenty times. */
static bool is_cheap(const variant *r)
{
    return !(r->advisor.r->needs & (NEED_CHAT | NEED_LOGPROBS)) && (r->advisor.r->score || r->advisor.r->score_items);
}

lorec_err evidence_find(engine *g, const ask *a, const uint32_t *items, size_t n, evidence *out)
{
    variant *r = g->run[a->answered_by];
    occlusion o = {0};
    uint32_t *known = NULL;
    size_t *place = NULL, n_known = 0;
    lorec_err e = engine_state_of_ask(g, r, a, &o.state, &o.n_state, &o.user);
    if (!e) e = mem_new(&known, n);
    if (!e) e = mem_new(&place, n);
    for (size_t i = 0; i < n && !e; i++) {
        out[i] = (evidence){.item = items[i], .basis = BASIS_POPULAR};
        place[i] = n_known;
        if (items[i] < r->n_item && r->item[items[i]] != NO_NUMBER)
            known[n_known++] = r->item[items[i]];
        else
            place[i] = SIZE_MAX;
    }
    if (!e) pick_last(&o);
    bool model = !e && o.n && n_known && is_cheap(r) && score_all(r, &o, known, n_known) == LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        if (model && place[i] != SIZE_MAX) read_effects(r, &o, n_known, place[i], &out[i]);
        if (!out[i].n) e = text_effects(g->live, r, &o, &out[i]);
    }
    mem_free(known);
    mem_free(place);
    occlusion_free(&o);
    return e;
}

/* ---- in words ------------------------------------------------------------------------------------------------------------------------ */

static bool has_category(const live_item *i, uint32_t category)
{
    for (uint32_t k = 0; k < i->n_categories; k++)
        if (i->category[k] == category) return true;
    return false;
}

/* Categories that the item shares with all that it is given for. */
static lorec_err add_shared(const live *v, const evidence *e, buf *out)
{
    const live_item *i = &v->item[e->item];
    bool first = true;
    for (uint32_t k = 0; k < i->n_categories; k++) {
        bool all = e->n > 0;
        for (size_t j = 0; j < e->n && all; j++) all = has_category(&v->item[e->because[j]], i->category[k]);
        if (!all) continue;
        slice name = ids_name(&v->categories, i->category[k]);
        TRY(buf_printf(out, "%s%.*s", first ? ": " : ", ", (int)name.n, name.p));
        first = false;
    }
    return LOREC_OK;
}

lorec_err evidence_reason(const live *v, const evidence *e, buf *out)
{
    buf_clear(out);
    if (!e->n) {
        uint64_t n = v->item[e->item].popularity;
        return n ? buf_printf(out, "chosen %llu times by others", (unsigned long long)n) : buf_puts(out, "new here");
    }
    TRY(buf_puts(out, e->basis == BASIS_MODEL ? "because of " : "like "));
    for (size_t i = 0; i < e->n; i++) {
        slice title = live_title(v, e->because[i]);
        TRY(buf_printf(out, "%s\"%.*s\"", i == 0 ? "" : i + 1 == e->n ? " and " : ", ", (int)title.n, title.p));
    }
    return add_shared(v, e, out);
}

static json_t *text(slice t)
{
    json_t *v = json_stringn(t.p, t.n);
    return v ? v : json_string("(not UTF-8)");
}

json_t *evidence_json(const live *v, const evidence *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->n; i++) {
        const live_item *of = &v->item[e->item];
        json_t *shared = json_array();
        for (uint32_t k = 0; k < of->n_categories; k++)
            if (has_category(&v->item[e->because[i]], of->category[k]))
                json_array_append_new(shared, text(ids_name(&v->categories, of->category[k])));
        json_array_append_new(list, json_pack("{s:o, s:o, s:f, s:o}", "id", text(ids_name(&v->items, e->because[i])),
                                              "title", text(live_title(v, e->because[i])), "effect",
                                              (double)e->effect[i], "shared", shared));
    }
    return list;
}

#include "serve/engine/slate.h"

#include <math.h>
#include <stdio.h>

#include "base/log.h"

static json_t *text(slice t)
{
    json_t *v = json_stringn(t.p, t.n);
    return v ? v : json_string("(not UTF-8)");
}

static json_t *score_json(float score)
{
    json_t *v = json_real((double)score);
    return v ? v : json_null(); /* not finite */
}

static json_t *degraded_json(const ask *a)
{
    return a->degraded ? json_string(a->degraded) : json_null();
}

json_t *slate_json(const server *s, const exchange *x, const ask *a)
{
    const variant *r = s->engine.run[a->answered_by];
    json_t *items = json_array();
    for (size_t i = 0; i < a->n_list; i++) {
        const listed *l = &a->list[i];
        json_array_append_new(
            items, json_pack("{s:o, s:o, s:o, s:s, s:n}", "id", text(ids_name(&s->live.items, l->item)), "title",
                             text(live_title(&s->live, l->item)), "score", score_json(l->score), "source",
                             l->source == SOURCE_MODEL ? r->advisor.r->key : source_words[l->source], "reason"));
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:f, s:o}", "request_id", x->id, "run", r->path, "variant",
                     r->advisor.r->key, "degraded", degraded_json(a), "took_ms",
                     round((clock_seconds() - x->started) * 1e5) / 100, "items", items);
}

void slate_headers(const server *s, exchange *x, const ask *a)
{
    const variant *r = s->engine.run[a->answered_by];
    (void)exchange_header(x, "X-Lorec-Run", "%s", r->path);
    (void)exchange_header(x, "X-Lorec-Variant", "%s", r->advisor.r->key);
    if (a->degraded) (void)exchange_header(x, "X-Lorec-Degraded", "%s", a->degraded);
}

/* The bits of a score: JSON's decimals are for people. */
static json_t *bits(float score)
{
    uint32_t u;
    memcpy(&u, &score, sizeof u);
    return json_integer(u);
}

static json_t *numbers(const server *s, const uint32_t *item, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, text(ids_name(&s->live.items, item[i])));
    return list;
}

void slate_record(server *s, const exchange *x, const ask *a)
{
    if (s->o.keep_records_days <= 0) return;
    const variant *r = s->engine.run[a->answered_by];
    json_t *items = json_array(), *dropped = json_array();
    for (size_t i = 0; i < a->n_list; i++)
        json_array_append_new(items, json_pack("[o, o, s]", text(ids_name(&s->live.items, a->list[i].item)),
                                               bits(a->list[i].score), source_words[a->list[i].source]));
    for (size_t i = 0; i < a->n_dropped; i++)
        json_array_append_new(dropped, json_pack("[o, s]", text(ids_name(&s->live.items, a->dropped[i].item)),
                                                 drop_words[a->dropped[i].why]));
    char state[17];
    snprintf(state, sizeof state, "%016llx", (unsigned long long)a->state);
    json_t *body = json_pack(
        "{s:s, s:s, s:s, s:I, s:s, s:o, s:s, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:b, s:o, s:o, s:o, s:f, s:n}",
        "request_id", x->id, "run", r->path, "method", r->advisor.r->key, "seed", (json_int_t)r->advisor.seed, "model",
        r->model, "user", a->user_id.n ? text(a->user_id) : json_null(), "state", state, "event_seq",
        (json_int_t)a->event_seq, "popular_seq", (json_int_t)a->popular_seq, "history",
        a->history ? numbers(s, a->history, a->n_history) : json_null(), "candidates",
        a->candidates ? numbers(s, a->candidates, a->n_candidates) : json_null(), "exclude",
        numbers(s, a->exclude, a->n_exclude), "n", (json_int_t)a->n, "offset", (json_int_t)a->offset, "keep_seen",
        a->keep_seen, "degraded", degraded_json(a), "items", items, "dropped", dropped, "propensity", 1.0,
        "transcript");
    if (body) {
        json_object_set_new(body, "popular_run", json_string(s->engine.run[0]->path));
        json_object_set_new(body, "read_type", json_string(s->read_type));
        json_object_set_new(body, "index", a->indexed ? json_integer((json_int_t)a->searched) : json_null());
        json_object_set_new(body, "unique", json_boolean(s->o.unique));
    }
    bool named = a->category < s->live.categories.n; /* or one that nothing is in */
    if (a->category != NO_NUMBER && body)
        json_object_set_new(body, "category",
                            named ? text(ids_name(&s->live.categories, a->category)) : json_string(""));
    if (body)
        server_record(s, x->id, a->user_id, body);
    else
        stats_add(s->stats, STAT_RECORDS_LOST, 1);
}

#include "serve/engine/replay.h"

#include <stdio.h>

#include "base/mem.h"
#include "serve/engine/engine_parts.h"
#include "serve/engine/fresh.h"

void replay_close(replay *r)
{
    if (r->has_engine) engine_close(&r->engine);
    if (r->has_live) live_close(&r->live);
    mem_free(r->line);
    mem_free(r->searched);
    json_decref(r->record);
    *r = (replay){0};
}

static slice text_of(const json_t *v)
{
    return json_is_string(v) ? (slice){json_string_value(v), json_string_length(v)} : (slice){"", 0};
}

static slice field_of(const replay *r, const char *key)
{
    return text_of(json_object_get(r->record, key));
}

static int64_t number_of(const replay *r, const char *key)
{
    return json_integer_value(json_object_get(r->record, key));
}

/* ---- the state of that time -------------------------------------------------------------------------------------------------- */

typedef struct until {
    live *live;
    int64_t last;
    size_t n;
} until;

static lorec_err see(void *ctx, const store_event *e)
{
    until *u = ctx;
    u->n++;
    return e->seq <= u->last ? live_event(u->live, e) : LOREC_OK;
}

static lorec_err follow_until(replay *r, store *s, int64_t last)
{
    enum { PAGE = 5000 };
    for (;;) {
        until u = {.live = &r->live, .last = last};
        TRY(store_events_after(s, r->live.event_seq, PAGE, see, &u));
        if (u.n < PAGE || r->live.event_seq >= last) return LOREC_OK;
    }
}

static lorec_err read_record(replay *r, store *s, const char *request_id)
{
    buf body = {0};
    lorec_err e = store_record_get(s, slice_of(request_id), &body);
    if (!e) e = json_parse(&r->record, body.p, body.n, "the record");
    buf_free(&body);
    return e;
}

/* The descriptions of items that the list has by their texts: as they are now. */
static lorec_err describe(void *ctx, const store_item *i)
{
    return live_item_row(ctx, i);
}

static lorec_err read_texts(replay *r, store *s)
{
    const json_t *items = json_object_get(r->record, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *entry = json_array_get(items, i);
        if (slice_is(text_of(json_array_get(entry, 2)), source_words[SOURCE_TEXT]))
            TRY(store_item_get(s, text_of(json_array_get(entry, 0)), describe, &r->live));
    }
    return LOREC_OK;
}

static lorec_err rebuild(replay *r, store *s, const char *request_id)
{
    TRY(read_record(r, s, request_id));
    const char *read_type = json_string_value(json_object_get(r->record, "read_type"));
    TRY(live_open(&r->live, read_type ? read_type : "read", json_is_true(json_object_get(r->record, "unique"))));
    r->has_live = true;
    TRY(engine_open(&r->engine, &r->live));
    r->has_engine = true;
    bool indexed = json_is_integer(
        json_object_get(r->record, "index")); /* otherwise the model's own scores were given */
    r->engine.index_from = indexed ? 0 : UINT64_MAX;
    const char *run = json_string_value(json_object_get(r->record, "run")),
               *method = json_string_value(json_object_get(r->record, "method"));
    if (!run || !method) return err_set(LOREC_INPUT, "the record of %s names no run", request_id);
    const char *counted = json_string_value(json_object_get(r->record, "popular_run"));
    if (counted && strcmp(counted, run) != 0) TRY(engine_add(&r->engine, counted, NULL, -1));
    TRY(engine_add(&r->engine, run, method, number_of(r, "seed")));
    TRY(follow_until(r, s, number_of(r, "popular_seq")));
    TRY(engine_popular(&r->engine)); /* it stays as of now: it is fresh for some seconds */
    TRY(follow_until(r, s, number_of(r, "event_seq")));
    return read_texts(r, s);
}

/* ---- the same question again ------------------------------------------------------------------------------------------------- */

static lorec_err items_of(const replay *r, const char *key, uint32_t **out, size_t *n)
{
    const json_t *list = json_object_get(r->record, key);
    *out = NULL;
    *n = 0;
    if (!json_is_array(list)) return LOREC_OK;
    TRY(mem_new(out, json_array_size(list) + 1));
    for (size_t i = 0; i < json_array_size(list); i++) {
        uint32_t item = live_find_item(&r->live, text_of(json_array_get(list, i)));
        if (item != NO_NUMBER) (*out)[(*n)++] = item;
    }
    return LOREC_OK;
}

/* Everything the model can rank, best first, nothing left out; or the candidates. */
static lorec_err rank_all(replay *r, ask *a)
{
    *a = (ask){
        .user_id = field_of(r, "user"), .category = NO_NUMBER, .keep_seen = true, .variant = (int)r->engine.n - 1};
    a->user = a->user_id.n ? live_find_user(&r->live, a->user_id) : NO_NUMBER;
    a->n = r->live.items.n;
    TRY(items_of(r, "history", &a->history, &a->n_history));
    TRY(items_of(r, "candidates", &a->candidates, &a->n_candidates));
    if (a->candidates) a->n = a->n_candidates;
    bool degraded = json_is_string(json_object_get(r->record, "degraded"));
    if (degraded) a->deadline = 1e-9; /* over: the popular list, as then */
    for (uint32_t i = 0; i < r->live.items.n; i++) r->live.item[i].known = true;
    engine_answer(&r->engine, (ask *[]){a}, 1);
    int64_t searched = number_of(r, "index");
    if (searched > 0) TRY(engine_searched(&r->engine, a, (size_t)searched, &r->searched, &r->n_searched));
    r->n_history = a->n_history;
    char state[17];
    snprintf(state, sizeof state, "%016llx", (unsigned long long)a->state);
    r->same_state = degraded || slice_is(field_of(r, "state"), state) || a->state == 0;
    r->same_model = slice_is(field_of(r, "model"), r->engine.run[r->engine.n - 1]->model);
    return LOREC_OK;
}

static float from_bits(const json_t *v)
{
    uint32_t u = (uint32_t)json_integer_value(v);
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* How alike an item that the model did not know is to what the person had had; 0: not at all, or not to be had. */
static float text_score(replay *r, const ask *a, uint32_t item)
{
    variant *v = r->engine.run[r->engine.n - 1];
    uint32_t *state, user;
    size_t n;
    float score = 0;
    if (engine_state_of_ask(&r->engine, v, a, &state, &n, &user)) return 0;
    if (fresh_score(v->fresh, v, &r->live, state, n, item, &score)) score = 0;
    mem_free(state);
    return score;
}

static bool has(const uint32_t *list, size_t n, uint32_t item)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == item) return true;
    return false;
}

static void compare_line(replay *r, const ask *a, replay_line *line, const json_t *entry)
{
    line->id = text_of(json_array_get(entry, 0));
    line->then = from_bits(json_array_get(entry, 1));
    slice from = text_of(json_array_get(entry, 2));
    line->source = slice_is(from, source_words[SOURCE_POPULAR]) ? SOURCE_POPULAR
                   : slice_is(from, source_words[SOURCE_TEXT])  ? SOURCE_TEXT
                                                                : SOURCE_MODEL;
    uint32_t item = live_find_item(&r->live, line->id);
    if (item == NO_NUMBER) return;
    line->title = live_title(&r->live, item);
    if (line->source == SOURCE_TEXT) {
        line->now = text_score(r, a, item);
        line->place = 1 + r->n_text++;
        line->same = memcmp(&line->then, &line->now, sizeof line->now) == 0;
        return;
    }
    if (line->source == SOURCE_POPULAR && !a->candidates) {
        const engine *g = &r->engine;
        line->now = (float)r->live.item[item].popularity;
        for (size_t i = 0; i < g->n_popular && !line->place; i++)
            if (g->popular[i] == item) line->place = i + 1;
        line->same = line->place && line->then == line->now;
        return;
    }
    for (size_t i = 0; i < a->n_list; i++)
        if (a->list[i].item == item) {
            line->now = a->list[i].score;
            line->place = i + 1;
        }
    line->same = line->place && memcmp(&line->then, &line->now, sizeof line->now) == 0;
    if (r->searched) line->same = line->same && has(r->searched, r->n_searched, item);
}

static bool in_list(const replay *r, const char *key, slice id)
{
    const json_t *list = json_object_get(r->record, key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        slice t = text_of(json_is_array(v) ? json_array_get(v, 0) : v);
        if (t.n == id.n && !memcmp(t.p, id.p, id.n)) return true;
    }
    return false;
}

/* What ranks above the last item listed was listed, or there was a reason. */
static lorec_err explain_rest(replay *r, const ask *a)
{
    size_t last = 0, n_state = 0;
    uint32_t *state = NULL;
    for (size_t i = 0; i < r->n; i++)
        if (r->line[i].source == SOURCE_MODEL && r->line[i].place > last) last = r->line[i].place;
    bool keep_seen = json_is_true(json_object_get(r->record, "keep_seen"));
    TRY(engine_state(&r->engine, r->engine.n - 1, a->user_id, INT64_MAX, &state, &n_state));
    const variant *v = r->engine.run[r->engine.n - 1];
    const live_user *u = a->user != NO_NUMBER ? &r->live.user[a->user] : NULL;
    for (size_t i = 0; i + 1 < last && !a->candidates; i++) {
        uint32_t item = a->list[i].item;
        slice id = ids_name(&r->live.items, item);
        bool reason = in_list(r, "items", id) || in_list(r, "dropped", id) || in_list(r, "exclude", id) ||
                      json_object_get(r->record, "category") ||
                      (r->searched && !has(r->searched, r->n_searched, item)); /* the index overlooks it, now as then */
        for (size_t k = 0; k < n_state && !reason && !keep_seen; k++) reason = v->number[state[k]] == item;
        for (size_t k = 0; u && k < u->n && !reason && !keep_seen; k++) reason = u->said[k].item == item;
        if (!reason && !keep_seen) reason = has(a->history, a->n_history, item);
        r->unexplained += !reason;
    }
    mem_free(state);
    return LOREC_OK;
}

static lorec_err compare(replay *r, const ask *a)
{
    const json_t *items = json_object_get(r->record, "items");
    TRY(mem_new(&r->line, json_array_size(items) + 1));
    r->same = r->same_model && r->same_state;
    size_t before[3] = {0};
    for (size_t i = 0; i < json_array_size(items); i++) {
        replay_line *line = &r->line[r->n++];
        compare_line(r, a, line, json_array_get(items, i));
        r->same = r->same && line->same && line->place > before[line->source];
        before[line->source] = line->place;
    }
    TRY(explain_rest(r, a));
    r->same = r->same && r->unexplained == 0;
    return LOREC_OK;
}

lorec_err replay_open(replay *r, const char *store_url, const char *request_id)
{
    *r = (replay){0};
    store *s;
    ask a = {0};
    TRY(store_open(&s, store_url));
    lorec_err e = rebuild(r, s, request_id);
    if (!e) e = rank_all(r, &a);
    if (!e) e = compare(r, &a);
    ask_free(&a);
    store_close(s);
    if (e) replay_close(r);
    return e;
}

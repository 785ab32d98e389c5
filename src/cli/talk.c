#include "cli/talk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "serve/engine/evidence.h"
#include "serve/openai/desk.h"
#include "serve/openai/grounded.h"
#include "serve/openai/mentions.h"

enum { MOST = 50, TURNS = 12 };

typedef struct numbers { /* live numbers, each once */
    uint32_t *item;
    size_t n, cap;
} numbers;

struct talk {
    live live;
    engine engine;
    mentions *mentions;
    desk *desk; /* NULL: no language model */
    const char *run;
    char *user;
    int64_t seed;
    size_t shown;
    int variant;
    numbers history, told; /* named by the person; recommended already */
    json_t *dialogue;      /* for the language model */
    ask last;              /* the last answer */
    size_t n_why;
    evidence why[MOST];
    buf text;
};

/* ---- sets of items -------------------------------------------------------------------------------------------------------- */

static lorec_err numbers_add(numbers *s, uint32_t item)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->item[i] == item) return LOREC_OK;
    TRY(mem_grow(&s->item, &s->cap, s->n + 1));
    s->item[s->n++] = item;
    return LOREC_OK;
}

static void numbers_drop(numbers *s, uint32_t item)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->item[i] != item) s->item[kept++] = s->item[i];
    s->n = kept;
}

static lorec_err numbers_copy(const numbers *s, uint32_t **out, size_t *n)
{
    TRY(mem_new(out, s->n + 1));
    if (s->n) memcpy(*out, s->item, s->n * sizeof **out);
    *n = s->n;
    return LOREC_OK;
}

/* ---- opening and closing ---------------------------------------------------------------------------------------------------- */

static lorec_err open_user(talk *t, const char *user)
{
    const dataset *d = &t->engine.run[0]->advisor.data;
    uint32_t number;
    if (!user) return LOREC_OK;
    if (!dataset_find_user(d, slice_of(user), &number))
        return err_set(LOREC_USAGE, "there is no user \"%.80s\" in %s", user, d->name);
    TRY(mem_dup(&t->user, user));
    const interactions *x = &d->rows; /* what they had is the beginning of the history */
    for (uint64_t i = x->start[number]; i < x->start[number + 1]; i++)
        TRY(numbers_add(&t->history, t->engine.run[0]->number[x->item[i]]));
    return LOREC_OK;
}

static lorec_err open_all(talk *t, const talk_options *o)
{
    TRY(live_open(&t->live, "read", false));
    TRY(engine_open(&t->engine, &t->live));
    TRY(engine_add(&t->engine, o->run, o->method, o->seed));
    TRY(open_user(t, o->user));
    live_read_lock(&t->live);
    lorec_err e = mentions_update(&t->mentions, &t->live);
    live_unlock(&t->live);
    if (!e && o->llm) e = desk_open(&t->desk, &(desk_options){.llm = o->llm});
    if (!e && t->desk && !desk_chats(t->desk))
        e = err_set(LOREC_USAGE, "%s goes on with texts only; a model with a chat template is due", o->llm);
    t->dialogue = json_array();
    return e || t->dialogue ? e : err_set(LOREC_RESOURCE, "out of memory");
}

lorec_err talk_open(talk **out, const talk_options *o)
{
    *out = NULL;
    talk *t;
    TRY(mem_new(&t, 1));
    t->run = o->run;
    t->seed = o->seed;
    t->shown = o->shown ? o->shown : 5;
    if (t->shown > MOST) t->shown = MOST;
    lorec_err e = open_all(t, o);
    if (e)
        talk_close(t);
    else
        *out = t;
    return e;
}

void talk_close(talk *t)
{
    if (!t) return;
    desk_close(t->desk);
    mentions_free(t->mentions);
    if (t->engine.live) engine_close(&t->engine);
    live_close(&t->live);
    ask_free(&t->last);
    json_decref(t->dialogue);
    mem_free(t->user);
    mem_free(t->history.item);
    mem_free(t->told.item);
    buf_free(&t->text);
    mem_free(t);
}

/* ---- what was said -------------------------------------------------------------------------------------------------------------- */

/* A line that is a title, or titles between commas; otherwise the titles in it. */
static lorec_err read_titles(talk *t, slice text, size_t *found)
{
    slice rest = text;
    title_hits hits = {0};
    lorec_err e = LOREC_OK;
    *found = 0;
    uint32_t whole = mentions_find(t->mentions, &t->live, text);
    if (whole != NO_NUMBER) return ++*found, numbers_add(&t->history, whole);
    while (rest.n && !e) {
        slice part = slice_trim(slice_cut(&rest, ','));
        uint32_t item = part.n ? mentions_find(t->mentions, &t->live, part) : NO_NUMBER;
        if (item != NO_NUMBER) ++*found, e = numbers_add(&t->history, item);
    }
    if (!e) e = mentions_scan(t->mentions, &t->live, text, &hits);
    for (size_t i = 0; i < hits.n && !e; i++) ++*found, e = numbers_add(&t->history, hits.hit[i].item);
    mem_free(hits.hit);
    return e;
}

static lorec_err remember(talk *t, const char *role, slice content)
{
    json_t *m = json_pack("{s:s, s:s%}", "role", role, "content", content.p ? content.p : "", content.n);
    if (!m || json_array_append_new(t->dialogue, m)) return err_set(LOREC_INPUT, "what was said is not UTF-8");
    while (json_array_size(t->dialogue) > 2 * TURNS) json_array_remove(t->dialogue, 0);
    return LOREC_OK;
}

/* ---- the list --------------------------------------------------------------------------------------------------------------------- */

static lorec_err list_anew(talk *t)
{
    ask *a = &t->last;
    ask_free(a);
    *a = (ask){.user = NO_NUMBER, .category = NO_NUMBER, .variant = t->variant, .n = t->shown};
    TRY(numbers_copy(&t->history, &a->history, &a->n_history));
    TRY(numbers_copy(&t->told, &a->exclude, &a->n_exclude));
    engine_answer(&t->engine, &a, 1);
    uint32_t items[MOST] = {0};
    t->n_why = a->n_list;
    for (size_t i = 0; i < a->n_list; i++) items[i] = a->list[i].item;
    live_read_lock(&t->live);
    lorec_err e = a->n_list ? evidence_find(&t->engine, a, items, a->n_list, t->why) : LOREC_OK;
    live_unlock(&t->live);
    for (size_t i = 0; i < a->n_list && !e; i++) e = numbers_add(&t->told, items[i]);
    return e;
}

/* ---- the language model -------------------------------------------------------------------------------------------------------------- */

typedef struct words { /* of one answer, from a thread of the desk */
    pthread_mutex_t lock;
    pthread_cond_t some;
    grounded *g;
    buf text; /* checked, not written yet */
    bool ended, failed;
    _Atomic bool stopped; /* somebody wants no more of it */
    char why[200];
} words;

static lorec_err take_piece(void *ctx, int64_t i, slice text, json_t *rows)
{
    words *w = ctx;
    json_decref(rows);
    pthread_mutex_lock(&w->lock);
    lorec_err e = grounded_take(w->g, i, text, false, &w->text);
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->lock);
    return e;
}

static void take_end(void *ctx, int64_t i, const desk_reply *r)
{
    words *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->failed = r->reason > DESK_FILTER || grounded_take(w->g, i, (slice){"", 0}, true, &w->text);
    snprintf(w->why, sizeof w->why, "%s",
             r->reason == DESK_FAILED && r->message ? r->message : "it did not end its answer");
    w->ended = true;
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->lock);
}

/* Ctrl-C stops this answer and nothing else: the request is taken back, and the model's thread goes on to say so. */
static void wait_for_some(words *w)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&w->some, &w->lock, &until);
    if (cancel_check() == LOREC_OK) return;
    cancel_clear();
    w->stopped = true;
}

static bool is_stopped(void *ctx)
{
    return ((words *)ctx)->stopped;
}

static lorec_err pass_on(talk *t, words *w, talk_write write, void *ctx)
{
    lorec_err e = LOREC_OK;
    for (bool ended = false; !ended;) {
        pthread_mutex_lock(&w->lock);
        while (!w->ended && !w->text.n) wait_for_some(w);
        ended = w->ended;
        buf piece = w->text;
        w->text = (buf){0};
        pthread_mutex_unlock(&w->lock);
        if (piece.n && !e) e = write(ctx, (slice){piece.p, piece.n});
        if (piece.n && !e) e = buf_add(&t->text, piece.p, piece.n);
        buf_free(&piece);
    }
    return e;
}

/* *spoken: something was written. Without an answer the list in plain words is what is left. */
static lorec_err ask_llm(talk *t, grounded *g, talk_write write, void *ctx, bool *spoken)
{
    words w = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER, .g = g};
    desk_fault fault;
    *spoken = false;
    json_t *messages = grounded_messages(g, t->dialogue);
    if (!messages) return err_set(LOREC_RESOURCE, "out of memory");
    lorec_err e = desk_ask(t->desk,
                           &(desk_request){.messages = messages,
                                           .n = 1,
                                           .temperature = 0.7,
                                           .top_p = 1,
                                           .stream = true,
                                           .piece = take_piece,
                                           .done = take_end,
                                           .left = is_stopped,
                                           .ctx = &w},
                           &fault);
    if (!e) e = pass_on(t, &w, write, ctx);
    *spoken = t->text.n > 0;
    if (!e && w.stopped) e = err_set(LOREC_CANCELLED, "stopped");
    if (!e && w.failed) log_warn("the language model: %s", w.why);
    if (!e && !w.failed && !grounded_named(g, 0)) *spoken = false;
    json_decref(messages);
    buf_free(&w.text);
    return e;
}

static lorec_err answer(talk *t, bool with_llm, talk_write write, void *ctx)
{
    grounded *g;
    bool spoken = false;
    buf plain = {0};
    buf_clear(&t->text);
    TRY(list_anew(t));
    live_read_lock(&t->live);
    lorec_err e = grounded_new(&g, &(grounded_from){&t->engine, &t->live, t->mentions, NULL}, &t->last, 1);
    live_unlock(&t->live);
    TRY(e);
    lorec_err said = with_llm && t->desk ? ask_llm(t, g, write, ctx, &spoken) : LOREC_OK;
    if (said == LOREC_CANCELLED) {
        grounded_free(g);
        TRY(remember(t, "assistant", (slice){t->text.p, t->text.n}));
        return err_set(LOREC_CANCELLED, "stopped");
    }
    if (said) log_warn("the language model: %s", lorec_error_message());
    if (!spoken && t->text.n) e = buf_puts(&plain, "\n\n");
    if (!spoken && !e) e = grounded_plain(g, &plain);
    if (!spoken && !e) e = write(ctx, (slice){plain.p, plain.n});
    if (!spoken && !e) e = buf_add(&t->text, plain.p, plain.n);
    if (!e) e = write(ctx, slice_of("\n"));
    if (!e) e = remember(t, "assistant", (slice){t->text.p, t->text.n});
    grounded_free(g);
    buf_free(&plain);
    return e;
}

lorec_err talk_say(talk *t, slice text, talk_write write, void *ctx)
{
    size_t found;
    TRY(read_titles(t, text, &found));
    TRY(remember(t, "user", text));
    if (!found && !t->desk && t->history.n)
        TRY(write(ctx, slice_of("(No title of the catalogue is in that; /help says what else there is.)\n")));
    return answer(t, true, write, ctx);
}

lorec_err talk_more(talk *t, talk_write write, void *ctx)
{
    return answer(t, false, write, ctx);
}

/* ---- questions about it -------------------------------------------------------------------------------------------------------- */

static lorec_err put_title(const talk *t, uint32_t item, buf *out)
{
    slice title = live_title(&t->live, item);
    return buf_printf(out, "\"%.*s\"", (int)title.n, title.p);
}

static lorec_err why_one(const talk *t, size_t i, buf *out)
{
    const evidence *e = &t->why[i];
    buf reason = {0};
    TRY(buf_printf(out, "%zu. ", i + 1));
    TRY(put_title(t, e->item, out));
    lorec_err err = evidence_reason(&t->live, e, &reason);
    if (!err) err = buf_printf(out, ": %s\n", reason.p);
    buf_free(&reason);
    TRY(err);
    for (size_t k = 0; k < e->n && e->basis != BASIS_POPULAR; k++) {
        TRY(buf_puts(out, "   "));
        TRY(put_title(t, e->because[k], out));
        TRY(buf_printf(out,
                       e->basis == BASIS_MODEL ? ": without it the score is lower by %.3g\n"
                                               : ": %.0f %% of the words are the same\n",
                       e->basis == BASIS_MODEL ? (double)e->effect[k] : 100 * (double)e->effect[k]));
    }
    return LOREC_OK;
}

lorec_err talk_why(const talk *t, size_t place, buf *out)
{
    if (!t->n_why) return err_set(LOREC_USAGE, "nothing was recommended yet");
    if (place > t->n_why) return err_set(LOREC_USAGE, "the last answer has %zu titles", t->n_why);
    for (size_t i = place ? place - 1 : 0; i < (place ? place : t->n_why); i++) TRY(why_one(t, i, out));
    return LOREC_OK;
}

lorec_err talk_forget(talk *t, slice title)
{
    t->told.n = 0; /* what was shown may come again */
    if (!title.n) {
        t->history.n = 0;
        json_array_clear(t->dialogue);
        return LOREC_OK;
    }
    uint32_t item = mentions_find(t->mentions, &t->live, title);
    size_t before = t->history.n;
    if (item != NO_NUMBER) numbers_drop(&t->history, item);
    if (t->history.n < before) return LOREC_OK;
    return err_set(LOREC_USAGE, "\"%.*s\" is not in your history; /history lists it",
                   (int)(title.n < 80 ? title.n : 80), title.p);
}

lorec_err talk_method(talk *t, const char *method)
{
    for (size_t i = 0; i < t->engine.n; i++)
        if (strcmp(t->engine.run[i]->advisor.r->key, method) == 0) return t->variant = (int)i, LOREC_OK;
    TRY(engine_add(&t->engine, t->run, method, t->seed));
    t->variant = (int)t->engine.n - 1;
    return LOREC_OK;
}

lorec_err talk_history(const talk *t, buf *out)
{
    if (!t->history.n) return buf_puts(out, "nothing yet\n");
    for (size_t i = 0; i < t->history.n; i++) {
        TRY(put_title(t, t->history.item[i], out));
        TRY(buf_puts(out, "\n"));
    }
    return LOREC_OK;
}

/* models/METHOD-SEED of the run's folder. */
lorec_err talk_methods(const talk *t, buf *out)
{
    char **name = NULL;
    size_t n = 0;
    buf folder = {0};
    const char *now = t->engine.run[t->variant]->advisor.r->key;
    lorec_err e = path_join(&folder, t->run, "models");
    if (!e) e = folder_list(folder.p, &name, &n);
    for (size_t i = 0; i < n && !e; i++) {
        char *dash = strrchr(name[i], '-');
        if (!dash) continue;
        *dash = 0;
        if (i && strcmp(name[i], name[i - 1]) == 0) continue; /* of another seed */
        e = buf_printf(out, "%s%s\n", name[i], strcmp(name[i], now) == 0 ? " (asked now)" : "");
    }
    names_free(name, n);
    buf_free(&folder);
    return e;
}

static json_t *text_json(slice s)
{
    json_t *v = json_stringn(s.p ? s.p : "", s.n);
    return v ? v : json_string("(not UTF-8)");
}

static json_t *item_json(const talk *t, uint32_t item)
{
    return json_pack("{s:o, s:o}", "id", text_json(ids_name(&t->live.items, item)), "title",
                     text_json(live_title(&t->live, item)));
}

json_t *talk_json(const talk *t)
{
    json_t *history = json_array(), *items = json_array();
    buf reason = {0};
    for (size_t i = 0; i < t->history.n; i++) json_array_append_new(history, item_json(t, t->history.item[i]));
    for (size_t i = 0; i < t->n_why; i++) {
        json_t *row = item_json(t, t->why[i].item);
        (void)evidence_reason(&t->live, &t->why[i], &reason);
        json_object_set_new(row, "score", json_real((double)t->last.list[i].score));
        json_object_set_new(row, "reason", text_json((slice){reason.p, reason.n}));
        json_array_append_new(items, row);
    }
    buf_free(&reason);
    return json_pack("{s:i, s:s, s:s, s:s?, s:o, s:o, s:o}", "schema", 1, "run", t->run, "method",
                     t->engine.run[t->variant]->advisor.r->key, "user", t->user, "history", history, "items", items,
                     "text", text_json((slice){t->text.p, t->text.n}));
}

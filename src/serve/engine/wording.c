#include "serve/engine/wording.h"

#include "base/mem.h"
#include "serve/http/http_stream.h"
#include "serve/openai/title_check.h"

enum { WORDED = 20, TOKENS_EACH = 48, REASON_BYTES = 400 };

typedef struct wording {
    server *s;
    exchange *x;
    json_t *reply, *items;
    buf text;
} wording;

static void wording_free(wording *w)
{
    json_decref(w->reply);
    buf_free(&w->text);
    mem_free(w);
}

/* ---- the reply ------------------------------------------------------------------------------------------------------------------- */

static void reply_now(wording *w, const char *degraded, const char *by)
{
    exchange *x = w->x;
    json_object_set_new(w->reply, "reasons_by", json_string(by));
    if (degraded) {
        stats_add(w->s->stats, STAT_DEGRADED, 1);
        if (json_is_null(json_object_get(w->reply, "degraded")))
            json_object_set_new(w->reply, "degraded", json_string(degraded));
        (void)exchange_header(x, "X-Lorec-Degraded", "%s", degraded);
    }
    lorec_err e = exchange_reply(x, 200, json_incref(w->reply));
    if (e) exchange_fail(x, e);
    wording_free(w);
    http_done(x);
}

/* "2. Because ...": its number and what follows. */
static bool numbered(slice line, size_t *number, slice *rest)
{
    line = slice_trim(line);
    size_t at = 0;
    *number = 0;
    while (at < line.n && at < 3 && line.p[at] >= '0' && line.p[at] <= '9')
        *number = *number * 10 + (size_t)(line.p[at++] - '0');
    if (at == 0 || at == line.n || !strchr(".):", line.p[at])) return false;
    *rest = slice_trim((slice){line.p + at + 1, line.n - at - 1});
    return rest->n > 0 && rest->n <= REASON_BYTES;
}

/* Each numbered line becomes a reason, if nothing in it has to be taken out. */
static size_t take_lines(wording *w)
{
    title_check check = {.mentions = w->s->mentions, .live = &w->s->live};
    slice all = {w->text.p ? w->text.p : "", w->text.n};
    buf line = {0};
    size_t taken = 0, number;
    while (all.n) {
        slice words, raw = slice_cut(&all, '\n');
        if (!numbered(raw, &number, &words) || number < 1 || number > json_array_size(w->items)) continue;
        buf_clear(&line);
        if (title_check_line(&check, words, &line) || !line.n) continue;
        json_t *item = json_array_get(w->items, number - 1), *reason = json_stringn(line.p, line.n);
        if (reason && json_object_set_new(item, "reason", reason) == 0) taken++;
    }
    stats_add(w->s->stats, STAT_TITLES_REPAIRED, (uint64_t)check.repairs);
    buf_free(&line);
    return taken;
}

/* ---- the desk's callbacks ------------------------------------------------------------------------------------------------------------ */

static lorec_err piece(void *ctx, int64_t i, slice text, json_t *rows)
{
    (void)i;
    wording *w = ctx;
    json_decref(rows);
    return buf_add(&w->text, text.p, text.n);
}

static void done(void *ctx, int64_t i, const desk_reply *r)
{
    (void)i;
    wording *w = ctx;
    stats_add(w->s->stats, STAT_TOKENS_PROMPT, (uint64_t)r->prompt_tokens);
    stats_add(w->s->stats, STAT_TOKENS_COMPLETION, (uint64_t)r->completion_tokens);
    if (r->reason == DESK_LATE)
        reply_now(w, "llm_late", "rule");
    else if (r->reason >= DESK_LEFT)
        reply_now(w, "llm_down", "rule");
    else
        reply_now(w, NULL, take_lines(w) ? "llm" : "rule");
}

static bool left(void *ctx)
{
    const wording *w = ctx;
    return http_left(w->x);
}

/* ---- asking --------------------------------------------------------------------------------------------------------------------------- */

static json_t *messages_of(const wording *w)
{
    buf text = {0};
    lorec_err e = buf_puts(&text,
                           "Say for each line in one short sentence why it may suit this person, going only by what "
                           "stands there. Answer with the same numbers, one line each, and name no other titles.\n");
    for (size_t i = 0; i < json_array_size(w->items) && i < WORDED && !e; i++) {
        const json_t *item = json_array_get(w->items, i);
        e = buf_printf(&text, "%zu. \"%s\": %s\n", i + 1, json_string_value(json_object_get(item, "title")),
                       json_string_value(json_object_get(item, "reason")));
    }
    json_t *m = e ? NULL : json_pack("[{s:s, s:s%}]", "role", "user", "content", text.p, text.n);
    buf_free(&text);
    return m;
}

lorec_err wording_start(server *s, exchange *x, json_t *reply, json_t *items, double deadline)
{
    wording *w;
    desk_fault fault;
    lorec_err e = reply ? mem_new(&w, 1) : err_set(LOREC_RESOURCE, "out of memory while answering");
    if (e) {
        json_decref(reply);
        return e;
    }
    *w = (wording){.s = s, .x = x, .reply = reply, .items = items};
    if (!desk_chats(s->desk) || !json_array_size(items)) {
        reply_now(w, NULL, "rule");
        return LOREC_OK;
    }
    size_t n = json_array_size(items) < WORDED ? json_array_size(items) : WORDED;
    json_t *messages = messages_of(w);
    const desk_request q = {.messages = messages,
                            .n = 1,
                            .max_tokens = (int64_t)n * TOKENS_EACH,
                            .deadline = deadline,
                            .piece = piece,
                            .done = done,
                            .left = left,
                            .ctx = w};
    e = messages ? desk_ask(s->desk, &q, &fault) : err_set(LOREC_RESOURCE, "out of memory");
    json_decref(messages);
    if (e)
        reply_now(w,
                  messages && fault.status == 429                         ? "llm_busy"
                  : messages && fault.status >= 400 && fault.status < 500 ? "llm_refused"
                                                                          : "llm_down",
                  "rule");
    return LOREC_OK;
}

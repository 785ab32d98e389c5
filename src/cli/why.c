/* lorec why: a served answer, computed again. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/print.h"
#include "cli/term.h"
#include "serve/engine/replay.h"

static json_t *number(float x)
{
    json_t *v = json_real((double)x);
    return v ? v : json_null();
}

static json_t *lines_json(const replay *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const replay_line *l = &r->line[i];
        json_array_append_new(list, json_pack("{s:s%, s:s%, s:s, s:o, s:o, s:I, s:b}", "id", l->id.p, l->id.n, "title",
                                              l->title.p ? l->title.p : "", l->title.n, "source",
                                              source_words[l->source], "score_then", number(l->then), "score_now",
                                              number(l->now), "place", (json_int_t)l->place, "same", l->same));
    }
    return list;
}

static lorec_err tell(const replay *r, const char *id)
{
    const json_t *c = r->record;
    const char *user = json_string_value(json_object_get(c, "user")),
               *degraded = json_string_value(json_object_get(c, "degraded"));
    printf("request %s: %s of %s (seed %lld) for %s, feedback up to event %lld\n", id,
           json_string_value(json_object_get(c, "method")), json_string_value(json_object_get(c, "run")),
           (long long)json_integer_value(json_object_get(c, "seed")), user ? user : "a session",
           (long long)json_integer_value(json_object_get(c, "event_seq")));
    if (degraded) printf("degraded (%s): the popular list was given\n", degraded);
    table t = {0};
    table_cell(&t, "rank"), table_cell(&t, "place"), table_cell(&t, "score then"), table_cell(&t, "score now"),
        table_cell(&t, "id"), table_cell(&t, "title"), table_cell(&t, "source"), table_row_end(&t);
    for (size_t i = 0; i < r->n; i++) {
        const replay_line *l = &r->line[i];
        table_cell(&t, "%zu", i + 1);
        if (l->place)
            table_cell(&t, "%zu", l->place);
        else
            table_cell(&t, "-");
        table_cell(&t, "%.9g", (double)l->then);
        table_cell(&t, "%.9g", (double)l->now);
        table_cell(&t, "%.*s", (int)l->id.n, l->id.p);
        table_cell(&t, "%.*s", (int)l->title.n, l->title.p ? l->title.p : "");
        table_cell(&t, "%s", source_words[l->source]);
        table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "rrrrl");
    table_free(&t);
    puts("\nplace: in the model's whole ranking; what lies between was had before, hidden or not asked for");
    return e;
}

static const char *difference(const replay *r)
{
    if (!r->same_model) return "the run's model is another one now";
    if (!r->same_state) return "the user's history can not be had again (forgotten or changed)";
    if (r->unexplained) return "items rank above those listed and nothing says why they were left out";
    return "scores or their order differ";
}

static lorec_err why(const char *store_url, const char *id, bool json)
{
    replay r;
    TRY(replay_open(&r, store_url, id));
    lorec_err e;
    if (json)
        e = print_json_object(json_pack("{s:i, s:b, s:b, s:b, s:I, s:o, s:O}", "schema", 1, "same", r.same,
                                        "same_model", r.same_model, "same_state", r.same_state, "unexplained",
                                        (json_int_t)r.unexplained, "items", lines_json(&r), "record", r.record));
    else
        e = tell(&r, id);
    if (!e && !r.same)
        e = err_set(LOREC_FAILED, "request %s: the answer is not the same when made again: %s", id, difference(&r));
    if (!e && !json) puts("made again: the same, bit for bit");
    replay_close(&r);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_why = {
    .name = "why",
    .summary = "how a served answer came about: its record, computed again",
    .usage = "lorec why REQUEST_ID [--store sqlite:FILE|postgresql://...] [--json]",
    .details = "The id is in the answer (request_id, X-Request-Id). The run, the feedback up to that moment and the "
               "question are\n"
               "taken from the record, the list is made again and compared bit for bit; exit code 1 where it differs. "
               "Records\n"
               "are kept for the days that `lorec serve --keep-records` says.",
    .examples = "  lorec why 4f2a6c0e91b7d35800000012 --store sqlite:shop.db\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    const char *store_url = "sqlite:lorec.db";
    bool json = false;
    const arg rows[] = {
        {"store", 's', ARG_TEXT, &store_url, "URL", "the server's store (default: sqlite:lorec.db)"},
        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_why, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, 1, "REQUEST_ID");
    if (!e && !a.done) e = why(store_url, a.word[0], json);
    args_free(&a);
    return e;
}

/* /v1/runs: the runs that are served and those that stand beside them: results for a leaderboard, training as it goes on. */
#include "runs/run_list.h"
#include "serve/gorse/gorse.h"

enum { RESULT_BYTES = 64 << 20, LOG_LINES = 40 };

/* Those that are served, and (`beside`) those in the same folders. */
static lorec_err list_runs(server *s, run_list *l, bool beside)
{
    lorec_err e = LOREC_OK;
    live_read_lock(&s->live); /* variants are exchanged under the write lock */
    for (size_t i = 0; i < s->engine.n && !e; i++)
        e = beside ? run_list_beside(l, s->engine.run[i]->path) : run_list_add(l, s->engine.run[i]->path);
    live_unlock(&s->live);
    return e;
}

static lorec_err get_runs(server *s, exchange *x)
{
    run_list served = {0}, all = {0};
    json_t *list = json_array();
    lorec_err e = list_runs(s, &served, false);
    if (!e) e = list_runs(s, &all, true);
    for (size_t i = 0; i < all.n && !e; i++) {
        json_t *row = run_summary(all.path[i]);
        if (row) json_object_set_new(row, "served", json_boolean(run_list_has(&served, slice_of(all.path[i]))));
        json_array_append_new(list, row);
    }
    run_list_free(&served);
    run_list_free(&all);
    if (!e) return exchange_reply(x, 200, json_pack("{s:o}", "runs", list));
    json_decref(list);
    return e;
}

/* Only what the list has: an address is no way to other folders. */
static lorec_err need_run(server *s, exchange *x)
{
    run_list l = {0};
    lorec_err e = list_runs(s, &l, true);
    bool has = !e && run_list_has(&l, x->part[0]);
    run_list_free(&l);
    if (e || has) return e;
    return exchange_refuse(x, 404, "there is no run \"%.*s\"; see /v1/runs", (int)x->part[0].n, x->part[0].p);
}

static lorec_err get_result(server *s, exchange *x)
{
    buf path = {0}, text = {0};
    TRY(need_run(s, x));
    lorec_err e = path_join(&path, x->part[0].p, "result.json");
    if (!e && !file_exists(path.p))
        e = exchange_refuse(x, 404, "%s is not finished; see /v1/runs/{run}/progress", x->part[0].p);
    if (!e) e = file_read(&text, path.p, RESULT_BYTES);
    if (!e) e = exchange_text(x, 200, NULL, text.p, text.n);
    buf_free(&path);
    buf_free(&text);
    return e;
}

static lorec_err get_progress(server *s, exchange *x)
{
    int64_t from, next;
    json_t *values = NULL, *said = NULL;
    TRY(exchange_int(x, "from", 0, INT64_MAX, 0, &from));
    TRY(need_run(s, x));
    lorec_err e = run_metrics(x->part[0].p, from, &values, &next);
    if (!e) e = run_log(x->part[0].p, LOG_LINES, &said);
    if (!e)
        return exchange_reply(x, 200,
                              json_pack("{s:o, s:o, s:I, s:o}", "run", run_summary(x->part[0].p), "lines", values,
                                        "next", (json_int_t)next, "log", said));
    json_decref(values);
    json_decref(said);
    return e;
}

static const form_row progress_rows[] = {{"from", FIELD_INT, 0, .min = 0, .max = 9007199254740991.0}};
static const form progress_form = {progress_rows, 1};

static const route rows[] = {
    {"GET", "/v1/runs", get_runs, ON_HTTP, .gives = "Runs",
     .about = "runs that are served, and those in the same folders"},
    {"GET", "/v1/runs/{run}/result", get_result, ON_HTTP, .gives = "{\"type\":\"object\"}",
     .about = "a finished run's numbers, as lorec run --json", .tagged = true},
    {"GET", "/v1/runs/{run}/progress", get_progress, ON_HTTP, .asks = &progress_form, .gives = "{\"type\":\"object\"}",
     .about = "its validations and last words; ?from=LINE"},
};
const route_table routes_runs = {rows, sizeof rows / sizeof *rows};

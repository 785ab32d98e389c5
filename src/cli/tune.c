/* lorec tune: the same number of trials for every method and control, judged on validation alone; the best settings of
 * each are then run once on the test part. Every trial is a line of trials.jsonl, and a stopped search goes on there. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "cli/run.h"
#include "cli/settings_args.h"
#include "cli/signals.h"
#include "cli/term.h"
#include "eval/tune.h"
#include "runs/entries.h"
#include "runs/workbench.h"

typedef struct done {   /* a line of trials.jsonl */
    const char *method; /* the registry's */
    uint64_t trial;
    bool ok;
    double value;
    json_t *set; /* ["name=value"] */
} done;

typedef struct search {
    settings s;
    workbench w;
    tune_space space;
    entries list;
    int64_t trials, seed;
    char *log; /* trials.jsonl */
    done *done;
    size_t n_done, cap_done;
    bool open, larger;
} search;

/* ---- trials kept ----------------------------------------------------------------------------------------------------- */

static lorec_err keep(search *x, const recommender *r, uint64_t number, bool ok, double value, json_t *set)
{
    TRY(mem_grow(&x->done, &x->cap_done, x->n_done + 1));
    x->done[x->n_done++] = (done){r->key, number, ok, value, json_incref(set)};
    return LOREC_OK;
}

static lorec_err read_trial(search *x, slice line, const char *protocol_id)
{
    json_t *o;
    const char *method, *status, *id;
    const recommender *r;
    int64_t number;
    double value;
    TRY(json_parse(&o, line.p, line.n, x->log));
    lorec_err e = json_get_string(o, "method", &method);
    if (!e) e = json_get_string(o, "status", &status);
    if (!e) e = json_get_string(o, "protocol", &id);
    if (!e) e = json_get_i64(o, "trial", 0, INT64_MAX, &number);
    if (!e) e = json_get_f64_or(o, "value", NAN, &value);
    if (!e && strcmp(id, protocol_id) != 0)
        e = err_set(LOREC_USAGE, "it was made under the protocol %s, not %s; take another --out", id, protocol_id);
    if (!e) e = registry_need(method, &r);
    if (!e) e = keep(x, r, (uint64_t)number, strcmp(status, "ok") == 0, value, json_object_get(o, "set"));
    json_decref(o);
    return e;
}

/* A killed search may have left a torn last line: it is cut off, whatever it is. */
static lorec_err read_trials(search *x)
{
    buf text = {0};
    lorec_err e = file_exists(x->log) ? file_read(&text, x->log, (size_t)1 << 30) : LOREC_OK;
    size_t whole = text.n;
    while (whole && text.p[whole - 1] != '\n') whole--;
    if (!e && whole < text.n && truncate(x->log, (off_t)whole)) e = err_errno("%s", x->log);
    slice rest = {text.p ? text.p : "", whole};
    for (size_t number = 1; !e && rest.n; number++) {
        slice line = slice_cut(&rest, '\n');
        if (line.n && (e = read_trial(x, line, x->w.valid.id))) e = err_context(e, "%s, line %zu", x->log, number);
    }
    buf_free(&text);
    return e;
}

static bool is_done(const search *x, const recommender *r, uint64_t number)
{
    for (size_t i = 0; i < x->n_done; i++)
        if (x->done[i].trial == number && strcmp(x->done[i].method, r->key) == 0) return true;
    return false;
}

static const done *best_of(const search *x, const recommender *r)
{
    const done *best = NULL;
    for (size_t i = 0; i < x->n_done; i++) {
        const done *d = &x->done[i];
        if (!d->ok || isnan(d->value) || strcmp(d->method, r->key) != 0) continue;
        if (!best || (x->larger ? d->value > best->value : d->value < best->value)) best = d;
    }
    return best;
}

static lorec_err write_trial(search *x, const recommender *r, uint64_t trial_number, const trial *t, json_t *set)
{
    bool ok = t->status == TRIAL_OK;
    double value = ok ? t->report.mean[0] : NAN;
    json_t *o = json_pack("{s:s, s:I, s:s, s:s, s:s?, s:s, s:o, s:f, s:O}", "method", r->key, "trial",
                          (json_int_t)trial_number, "protocol", x->w.valid.id, "status", trial_status_words[t->status],
                          "why", t->why, "metric", x->w.headline, "value",
                          ok && isfinite(value) ? json_real(value) : json_null(), "train_s", t->train_s, "set", set);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(o);
    FILE *f = text ? fopen(x->log, "ae") : NULL;
    lorec_err e = !text ? err_set(LOREC_RESOURCE, "out of memory while keeping a trial")
                  : !f  ? err_errno("%s", x->log)
                        : LOREC_OK;
    if (f) {
        int failed = fprintf(f, "%s\n", text) < 0;
        if (fclose(f) || failed) e = err_errno("%s", x->log);
    }
    free(text);
    return e ? e : keep(x, r, trial_number, ok, value, set);
}

/* ---- searching ------------------------------------------------------------------------------------------------------- */

static lorec_err try_one(search *x, const recommender *r, uint64_t number)
{
    char **drawn = NULL;
    size_t n = 0;
    text_list set = {0};
    trial t = {0};
    json_t *words = json_array();
    lorec_err e = settings_sets(&x->s, r, true, &set);
    size_t given = set.n;
    if (!e) e = tune_draw(&x->space, r, number, (uint64_t)x->seed, &drawn, &n);
    for (size_t i = 0; i < n && !e; i++) {
        e = text_list_add(&set, drawn[i]);
        json_array_append_new(words, json_string(drawn[i]));
    }
    if (!e)
        e = trial_run(&t, &(trial_request){.recommender = r,
                                           .set = set.item,
                                           .n_set = set.n,
                                           .fast = x->s.fast,
                                           .seed = (uint64_t)x->seed,
                                           .split = &x->w.split,
                                           .protocol = &x->w.valid,
                                           .part = PART_VALID,
                                           .valid = &x->w.valid,
                                           .valid_users = (uint32_t)x->s.valid_users,
                                           .memory = trial_memory_available()});
    if (!e) e = write_trial(x, r, number, &t, words);
    if (!e && t.status == TRIAL_OK)
        log_info("%s, trial %llu of %lld: %s %.4f", r->key, (unsigned long long)number + 1, (long long)x->trials,
                 x->w.headline, t.report.mean[0]);
    else if (!e)
        log_warn("%s, trial %llu: %s: %s", r->key, (unsigned long long)number + 1, trial_status_words[t.status], t.why);
    trial_free(&t);
    json_decref(words);
    tune_set_free(drawn, n);
    set.n = given; /* the rest is `drawn`, freed above */
    settings_sets_free(&set);
    return e;
}

static lorec_err try_all(search *x)
{
    for (int64_t number = 0; number < x->trials; number++) { /* round by round: a stopped search was fair so far */
        for (size_t m = 0; m < x->list.n; m++) {
            const recommender *r = x->list.at[m].r;
            if ((number && tune_space_count(&x->space, r) == 0) || is_done(x, r, (uint64_t)number)) continue;
            TRY(cancel_check());
            TRY(try_one(x, r, (uint64_t)number));
        }
    }
    return LOREC_OK;
}

/* ---- the best, on the test part -------------------------------------------------------------------------------------- */

static lorec_err use_best(search *x)
{
    table t = {0};
    lorec_err e = LOREC_OK;
    table_cell(&t, "method"), table_cell(&t, "%s (validation)", x->w.headline), table_cell(&t, "trial");
    table_cell(&t, "settings"), table_row_end(&t);
    for (size_t m = 0; m < x->list.n && !e; m++) {
        const done *best = best_of(x, x->list.at[m].r);
        if (!best) continue;
        buf words = {0};
        for (size_t i = 0; i < json_array_size(best->set) && !e; i++) {
            slice value = slice_of(json_string_value(json_array_get(best->set, i))), name = slice_cut(&value, '=');
            char key[128];
            snprintf(key, sizeof key, "%.*s", (int)name.n, name.p);
            e = settings_add_named(&x->s, x->list.at[m].r->key, key, value.p, true);
            if (!e) e = buf_printf(&words, "%s%s=%s", i ? " " : "", key, value.p);
        }
        table_cell(&t, "%s", x->list.at[m].r->key), table_cell(&t, "%.4f", best->value);
        table_cell(&t, "%llu", (unsigned long long)best->trial + 1);
        table_cell(&t, "%s", words.n ? words.p : "the defaults"), table_row_end(&t);
        buf_free(&words);
    }
    if (!e) e = table_print(&t, stderr, "lrrl"); /* talk: the result is the run's */
    table_free(&t);
    return e;
}

static lorec_err plan(search *x, const char *space)
{
    const recommender **methods;
    TRY(entries_plan(&x->list, &x->s));
    TRY(entries_methods(&x->list, &methods));
    lorec_err e = space ? tune_space_read(&x->space, space) : LOREC_OK;
    if (!e) e = tune_space_check(&x->space, methods, x->list.n);
    if (!e) e = workbench_open(&x->w, &x->s, methods, x->list.n);
    x->open = !e;
    mem_free(methods);
    TRY(e);
    if (x->w.split.valid.n == 0)
        return err_set(LOREC_INPUT, "the split %s has no validation part: there is nothing to choose settings by",
                       x->w.split.id);
    x->larger = metric_larger_is_better(x->w.valid.metrics[0].kind);
    for (size_t m = 0; m < x->list.n; m++) TRY(tune_space_default(&x->space, x->list.at[m].r));
    return LOREC_OK;
}

static lorec_err tune(search *x, const char *space, const char *out, bool resume, bool json)
{
    buf path = {0};
    TRY(plan(x, space));
    lorec_err e = folder_make(out);
    if (!e) e = path_join(&path, out, "trials.jsonl");
    if (!e) e = mem_dup(&x->log, path.p);
    if (!e && file_exists(x->log) && !resume)
        e = err_set(LOREC_USAGE, "%s holds a search; --resume goes on with it, or take another --out", out);
    if (!e) e = read_trials(x);
    signals_catch();
    if (!e) e = try_all(x);
    if (e == LOREC_CANCELLED) e = err_set(e, "stopped; the same command with --out %s --resume goes on", out);
    if (!e) e = use_best(x);
    if (!e) e = path_join(&path, out, "best");
    if (x->open) workbench_close(&x->w);
    x->open = false;
    if (!e) e = run_settings(&x->s, path.p, resume && folder_exists(path.p), json);
    buf_free(&path);
    return e;
}

static void search_free(search *x)
{
    if (x->open) workbench_close(&x->w);
    for (size_t i = 0; i < x->n_done; i++) json_decref(x->done[i].set);
    mem_free(x->done);
    entries_free(&x->list);
    mem_free(x->log);
    tune_space_free(&x->space);
    settings_free(&x->s);
}

static lorec_err run(int argc, char **argv);
const command command_tune = {
    .name = "tune",
    .summary = "search settings on validation, as long for the controls as for the methods; then judge the best",
    .usage = "lorec tune METHOD[,METHOD...] --data PATH --trials N --out DIR [options]",
    .details = "Every method and every control gets the same number of trials (a method without options gets one); the "
               "first is its\n"
               "defaults. Without --space, learning rates and penalties are drawn log-uniformly over two decades round "
               "the default,\n"
               "dropout evenly, sizes are halved and doubled. A space file has RecBole's lines:\n"
               "  learning_rate loguniform -9,-4          (natural logarithms of the ends)\n"
               "  sasrec.hidden_size choice [32,64,128]\n"
               "  dropout uniform 0.1,0.6\n"
               "Trials see the training and validation parts only. Each is a line of DIR/trials.jsonl; --resume goes "
               "on there.\n"
               "The best settings of each are then run once on the test part: DIR/best is a run folder.",
    .examples = "  lorec tune sasrec --data sample --trials 10 --out runs/tuned\n"
                "  lorec tune bpr,ease --data u.data --trials 20 --space space.txt --out runs/tuned --resume\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    const char *out = NULL, *space = NULL;
    bool json = false, resume = false;
    search x = {.trials = 10, .seed = 1};
    settings_args given = {0};
    arg rows[SETTINGS_ARGS + 6];
    settings_args_rows(&given, rows);
    arg *more = rows + SETTINGS_ARGS;
    more[0] = (arg){"trials", 't', ARG_INT, &x.trials, "N", "trials of each method and control (default: 10)", 1, 1e6};
    more[1] = (arg){"space", 0, ARG_TEXT, &space, "FILE", "where to look; without it: round the defaults"};
    more[2] = (arg){"tune-seed", 0, ARG_INT, &x.seed, "N", "seed of the draws and of the trials (default: 1)", 0, 9e15};
    more[3] = (arg){"out", 'o', ARG_TEXT, &out, "DIR", "the folder of the search"};
    more[4] = (arg){"resume", 0, ARG_FLAG, &resume, NULL, "go on with the search in --out"};
    more[5] = (arg){"json", 0, ARG_FLAG, &json, NULL, "the result of the best settings as one JSON object"};
    args a = {.command = &command_tune, .rows = rows, .n = SETTINGS_ARGS + 6};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done && !out) e = err_set(LOREC_USAGE, "--out is missing: the folder that keeps the trials");
    if (!e && !a.done) e = settings_from_args(&x.s, &given, &a);
    if (!e && !a.done) e = tune(&x, space, out, resume, json);
    search_free(&x);
    text_list_free(&given.set);
    args_free(&a);
    return e;
}

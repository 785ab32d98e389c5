/* lorec run: methods and controls on one data set under one protocol; a leaderboard and a run folder. */
#include "cli/run.h"

#include "cli/leaderboard_print.h"
#include "cli/print.h"
#include "cli/settings_args.h"
#include "cli/signals.h"
#include "cli/term.h"
#include "runs/run.h"

static void begun(void *ctx)
{
    (void)ctx;
    signals_catch();
}

lorec_err run_settings(const settings *s, const char *out, bool resume, bool json)
{
    run_result r;
    lorec_err e = run_make(&r, &(run_request){.settings = s, .out = out, .resume = resume, .begun = begun});
    if (e == LOREC_CANCELLED && r.folder)
        e = err_set(e, "stopped; what was finished is kept: the same command with --out %s --resume goes on", r.folder);
    lorec_err told = LOREC_OK;
    if (r.json && json) told = print_json_object(json_incref(r.json));
    if (r.json && !json) told = leaderboard_print(&r.board, r.headline, r.folder);
    run_result_free(&r);
    return e ? e : told;
}

/* What the run would take, and nothing else. */
static lorec_err print_dry(const json_t *list)
{
    table t = {0};
    size_t i;
    json_t *o;
    table_cell(&t, "method"), table_cell(&t, "what it would take"), table_row_end(&t);
    json_array_foreach(list, i, o)
    {
        bool first = strcmp(json_string_value(json_object_get(o, "as")), "first stage") == 0;
        table_cell(&t, "%s%s", json_string_value(json_object_get(o, "method")), first ? " (first stage)" : "");
        table_cell(&t, "%s", json_string_value(json_object_get(o, "text")));
        table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "ll");
    table_free(&t);
    return e;
}

static lorec_err dry(const settings *s, bool json)
{
    run_result r;
    signals_catch();
    lorec_err e = run_make(&r, &(run_request){.settings = s, .dry_run = true});
    if (!e && json) e = print_json_object(json_pack("{s:i, s:O}", "schema", 1, "dry_run", r.dry));
    if (!e && !json) e = print_dry(r.dry);
    run_result_free(&r);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_run = {
    .name = "run",
    .summary = "train methods beside the controls, judge them, and keep everything in a run folder",
    .usage = "lorec run METHOD[,METHOD...] --data PATH [options]",
    .details =
        "Each method is trained on the training part, stopped early by validation and judged once on the test part,\n"
        "ranking the whole catalogue. Popularity, last-item Markov, repeat and EASE run beside it as controls; "
        "differences\n"
        "are paired per user, with 95% intervals and Holm's correction. The run folder (runs/DATE-METHOD-DATA-HASH, or "
        "--out)\n"
        "holds settings, data, models, lists, numbers of every user, log and machine. Ctrl-C keeps what is finished;\n"
        "--resume goes on. The exit code is that of the first requested method that failed; controls never fail a run.",
    .examples = "  lorec run ease --data sample\n"
                "  lorec run llmrank --data ml-100k --eval ease@20 --llm http://localhost:8080/v1 --dry-run\n"
                "  lorec run sasrec,gptrec --data ratings.csv --out runs/first --seed 1,2,3\n"
                "  lorec run bpr --data u.data --split ratio-random:8:1:1 --set bpr.learning_rate=0.002\n"
                "  lorec run --config sasrec.yaml --json\n"
                "  lorec run ease --config runs/first/config.json      # repeat an earlier run\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    bool json = false, resume = false, dry_run = false;
    const char *out = NULL;
    settings s = {0};
    settings_args given = {0};
    arg rows[SETTINGS_ARGS + 4];
    settings_args_rows(&given, rows);
    rows[SETTINGS_ARGS] = (arg){"out", 'o',   ARG_TEXT,
                                &out,  "DIR", "the run folder (default: runs/DATE-METHOD-DATA-HASH)"};
    rows[SETTINGS_ARGS + 1] = (arg){
        "resume", 0,    ARG_FLAG,
        &resume,  NULL, "go on with the run in --out: finished results are kept, training goes on from its checkpoint"};
    rows[SETTINGS_ARGS + 2] = (arg){
        "dry-run",
        0,
        ARG_FLAG,
        &dry_run,
        NULL,
        "say calls, tokens, time, memory and money of each method, and stop: trainings take a few "
        "steps, servers are not asked"};
    rows[SETTINGS_ARGS + 3] = (arg){"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"};
    args a = {.command = &command_run, .rows = rows, .n = SETTINGS_ARGS + 4};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done && resume && !out) e = err_set(LOREC_USAGE, "--resume: which run? Name it with --out");
    if (!e && !a.done) e = settings_from_args(&s, &given, &a);
    if (!e && !a.done) e = dry_run ? dry(&s, json) : run_settings(&s, out, resume, json);
    settings_free(&s);
    text_list_free(&given.set);
    args_free(&a);
    return e;
}

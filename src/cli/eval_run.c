#include "cli/eval_run.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/leaderboard_print.h"
#include "cli/print.h"
#include "eval/report_json.h"
#include "runs/boards.h"
#include "runs/run_folder.h"
#include "runs/workbench.h"

typedef struct guest {
    const char *run;
    run_folder folder;
    boards kept;
    settings s;
    workbench w;
    bool open;
} guest;

/* The run's settings, but on the data that it keeps: what its filters left. */
static lorec_err settle(guest *g)
{
    buf path = {0}, names_of = {0};
    lorec_err e = settings_default(&g->s);
    if (!e) e = run_path(&path, &g->folder, "config.json");
    if (!e) e = config_read(&g->s, path.p);
    if (!e) settings_forget_source(&g->s);
    for (size_t j = 0; j < g->kept.board.n_metrics && !e; j++)
        e = buf_printf(&names_of, "%s%s", j ? "," : "", g->kept.board.metrics[j].name);
    if (!e) e = settings_set(&g->s, "metrics", names_of.p);
    if (!e) e = run_path(&path, &g->folder, "data");
    if (!e) e = settings_set(&g->s, "data", path.p);
    buf_free(&path);
    buf_free(&names_of);
    return e;
}

static lorec_err open_run(guest *g)
{
    TRY(boards_add_run(&g->kept, g->run));
    TRY(run_folder_open(&g->folder, g->run));
    TRY(settle(g));
    TRY(workbench_open(&g->w, &g->s, NULL, 0));
    g->open = true;
    const char *id = json_string_value(json_object_get(g->kept.board.protocol, "id"));
    if (id && strcmp(id, g->w.test.id) == 0) return LOREC_OK;
    return err_set(LOREC_INPUT, "%s: its data gives the protocol %s, its results were made under %s", g->run,
                   g->w.test.id, id ? id : "(none)");
}

/* Names become folders: letters, digits and a few signs stay. */
static lorec_err plain_name(char *out, size_t size, const char *name)
{
    if (!*name || strlen(name) >= size) return err_set(LOREC_USAGE, "--name \"%s\": 1 to %zu letters", name, size - 1);
    snprintf(out, size, "%s", name);
    for (char *p = out; *p; p++)
        if (*p == '/' || (unsigned char)*p <= ' ') *p = '_';
    if (registry_find(out))
        return err_set(LOREC_USAGE, "--name %s: lorec has a method of that key; take another name", out);
    return *out == '.' ? err_set(LOREC_USAGE, "--name %s: has to begin with a letter", out) : LOREC_OK;
}

static lorec_err add_lists(guest *g, const char *file, const char *name)
{
    char key[64];
    TRY(plain_name(key, sizeof key, name));
    for (size_t i = 0; i < g->kept.board.n; i++)
        if (strcmp(g->kept.board.row[i].method, key) == 0)
            return err_set(LOREC_USAGE, "%s has a row \"%s\" already; give another --name", g->run, key);
    trial t = {0};
    buf folder = {0};
    double start = clock_seconds();
    lorec_err e = evaluate_lists(&t.report, &g->w.test, PART_TEST, file);
    t.eval_s = clock_seconds() - start;
    if (!e && !(t.counts = report_counts_json(&t.report))) e = err_set(LOREC_RESOURCE, "out of memory while counting");
    if (!e && !(t.options = json_pack("{s:s}", "lists", file)))
        e = err_set(LOREC_INPUT, "%s: a name that is not UTF-8", file);
    if (!e) e = leaderboard_add(&g->kept.board, key, ROLE_METHOD, 0, &t);
    if (!e) e = run_path(&folder, &g->folder, "results/%s-0", key);
    if (!e) e = result_save(&g->kept.board, &g->kept.board.row[g->kept.board.n - 1], &t.report, g->w.data, folder.p);
    trial_free(&t);
    buf_free(&folder);
    return e;
}

static lorec_err rewrite(guest *g, bool json)
{
    buf path = {0};
    TRY(leaderboard_finish(&g->kept.board));
    json_t *root = leaderboard_json(&g->kept.board);
    if (!root) return err_set(LOREC_RESOURCE, "out of memory while building the result");
    json_object_set_new(root, "run", json_string(g->run));
    json_object_set_new(root, "headline", json_string(g->kept.headline));
    lorec_err e = run_path(&path, &g->folder, "result.json");
    if (!e) e = json_write(root, path.p);
    if (!e && json)
        e = print_json_object(json_incref(root));
    else if (!e)
        e = leaderboard_print(&g->kept.board, g->kept.headline, g->run);
    json_decref(root);
    buf_free(&path);
    return e;
}

lorec_err eval_into_run(const char *run, const text_list *lists, const text_list *names_of, bool json)
{
    guest g = {.run = run};
    lorec_err e = open_run(&g);
    for (size_t i = 0; i < lists->n && !e; i++)
        e = add_lists(&g, lists->item[i], i < names_of->n ? names_of->item[i] : path_base(lists->item[i]));
    if (!e) e = rewrite(&g, json);
    if (g.open) workbench_close(&g.w);
    settings_free(&g.s);
    run_folder_close(&g.folder);
    boards_free(&g.kept);
    return e;
}

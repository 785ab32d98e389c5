/* lorec compare: runs of one protocol in one table, as a page, Markdown and LaTeX. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/leaderboard_print.h"
#include "cli/print.h"
#include "cli/run_folder.h"
#include "eval/leaderboard.h"
#include "eval/report_write.h"

typedef struct compared {
    leaderboard board;
    bool started;
    const char *first_run;
    char *headline; /* of the first run */
} compared;

static role role_of(const json_t *entry)
{
    static const char *const yardsticks[] = {"pop", "markov", "repeat", "ease", "itemknn"};
    const char *as = json_string_value(json_object_get(entry, "role"));
    const char *method = json_string_value(json_object_get(entry, "method"));
    if (as && strcmp(as, "control") == 0) return ROLE_CONTROL;
    for (size_t i = 0; method && i < sizeof yardsticks / sizeof *yardsticks; i++)
        if (strcmp(yardsticks[i], method) == 0) return ROLE_BOTH;
    return ROLE_METHOD;
}

static const result *find(const leaderboard *b, const char *method, uint64_t seed)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->row[i].seed == seed && strcmp(b->row[i].method, method) == 0) return &b->row[i];
    return NULL;
}

/* Its name in the table: the key, unless another run has a method of that key with other options. */
static lorec_err name_in_table(const compared *c, const json_t *entry, const char *run, buf *name)
{
    const char *key = json_string_value(json_object_get(entry, "method"));
    const json_t *options = json_object_get(entry, "options");
    TRY(buf_puts(name, key));
    for (size_t i = 0; i < c->board.n; i++) {
        const result *r = &c->board.row[i];
        if (strcmp(r->method, key) != 0 || r->status != TRIAL_OK || !r->options || json_equal(r->options, options))
            continue;
        return buf_printf(name, " (%s)", path_base(run));
    }
    return LOREC_OK;
}

static lorec_err add_missing(leaderboard *b, const char *name, role as, uint64_t seed, const json_t *entry)
{
    const char *status = json_string_value(json_object_get(entry, "status"));
    const char *why = json_string_value(json_object_get(entry, "why"));
    trial t = {.status = status && strcmp(status, "skipped") == 0 ? TRIAL_SKIPPED : TRIAL_FAILED};
    TRY(mem_dup(&t.why, why ? why : "no reason is given"));
    lorec_err e = leaderboard_add(b, name, as, seed, &t);
    trial_free(&t);
    return e;
}

static lorec_err add_entry(compared *c, const run_folder *r, const json_t *entry)
{
    const char *key, *status;
    int64_t seed;
    TRY(json_get_string(entry, "method", &key));
    TRY(json_get_string(entry, "status", &status));
    TRY(json_get_i64(entry, "seed", 0, INT64_MAX, &seed));
    buf name = {0}, folder = {0};
    bool found = false;
    lorec_err e = name_in_table(c, entry, r->path, &name);
    if (!e && find(&c->board, name.p, (uint64_t)seed)) goto done; /* the same result of another run */
    if (!e && strcmp(status, "ok") != 0) {
        e = add_missing(&c->board, name.p, role_of(entry), (uint64_t)seed, entry);
        goto done;
    }
    if (!e) e = run_path(&folder, r, "results/%s-%lld", key, (long long)seed);
    if (!e) e = result_load(&c->board, folder.p, name.p, role_of(entry), &found);
    if (!e && !found) e = err_set(LOREC_INPUT, "%s is missing; the run is not whole", folder.p);
done:
    buf_free(&name);
    buf_free(&folder);
    return e;
}

static lorec_err same_protocol(const compared *c, const json_t *root, const char *run)
{
    const char *mine = json_string_value(json_object_get(c->board.protocol, "id"));
    const char *theirs = json_string_value(json_object_get(json_object_get(root, "protocol"), "id"));
    if (mine && theirs && strcmp(mine, theirs) == 0) return LOREC_OK;
    return err_set(
        LOREC_USAGE,
        "%s was made under the protocol %s, %s under %s: numbers of different protocols do not belong in one table",
        c->first_run, mine ? mine : "(none)", run, theirs ? theirs : "(none)");
}

static lorec_err add_root(compared *c, const run_folder *r, const json_t *root)
{
    if (!c->started) {
        const char *headline;
        TRY(json_get_string_or(root, "headline", "", &headline));
        TRY(mem_dup(&c->headline, headline));
        TRY(leaderboard_start_json(&c->board, root));
        c->started = true;
    } else {
        TRY(same_protocol(c, root, r->path));
    }
    const json_t *results = json_object_get(root, "results");
    for (size_t i = 0; i < json_array_size(results); i++) TRY(add_entry(c, r, json_array_get(results, i)));
    return LOREC_OK;
}

static lorec_err add_run(compared *c, const char *path)
{
    run_folder r;
    json_t *root = NULL;
    buf file = {0};
    TRY(run_folder_open(&r, path));
    if (!c->first_run) c->first_run = path;
    lorec_err e = run_path(&file, &r, "result.json");
    if (!e && !file_exists(file.p))
        e = err_set(LOREC_INPUT, "%s is not finished; go on with it by `lorec run ... --out %s --resume`", path, path);
    if (!e) e = json_read(&root, file.p);
    if (!e) e = add_root(c, &r, root);
    if (e == LOREC_INPUT) e = err_context(e, "%s", path);
    json_decref(root);
    buf_free(&file);
    run_folder_close(&r);
    return e;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static lorec_err write_one(const compared *c, const char *prefix, const char *ending,
                           lorec_err (*make)(buf *, const leaderboard *, const char *), json_t *files)
{
    buf text = {0}, path = {0};
    writer w;
    lorec_err e = make(&text, &c->board, c->headline);
    if (!e) e = buf_printf(&path, "%s.%s", prefix, ending);
    if (!e) e = writer_open(&w, path.p);
    if (!e) {
        writer_put(&w, text.p, text.n);
        e = writer_commit(&w);
    }
    if (!e) json_object_set_new(files, ending, json_string(path.p));
    buf_free(&text);
    buf_free(&path);
    return e;
}

static lorec_err write_all(const compared *c, const char *out, bool json)
{
    buf prefix = {0};
    json_t *files = json_object();
    lorec_err e = out ? buf_puts(&prefix, out) : path_join(&prefix, c->first_run, "compare");
    if (!e) e = write_one(c, prefix.p, "html", report_html, files);
    if (!e) e = write_one(c, prefix.p, "md", report_markdown, files);
    if (!e) e = write_one(c, prefix.p, "tex", report_latex, files);
    if (!e && json) {
        json_t *root = leaderboard_json(&c->board);
        if (root) json_object_set(root, "files", files);
        e = print_json_object(root);
    } else if (!e) {
        e = leaderboard_print(&c->board, c->headline, NULL);
        if (!e) printf("\n%s.html\n%s.md\n%s.tex\n", prefix.p, prefix.p, prefix.p);
    }
    json_decref(files);
    buf_free(&prefix);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_compare = {
    .name = "compare",
    .summary = "one table of several runs: a self-contained page, Markdown and LaTeX",
    .usage = "lorec compare RUN... [--out PREFIX] [--json]",
    .details =
        "Writes PREFIX.html (tables, plots, settings; nothing is loaded from elsewhere), PREFIX.md and PREFIX.tex "
        "(booktabs).\n"
        "Differences against every control are made anew, paired per user, over all runs together. Runs of different\n"
        "protocols are refused. The default PREFIX is compare in the first run's folder.",
    .examples = "  lorec compare runs/first\n"
                "  lorec compare runs/sasrec runs/gptrec --out paper/table1\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    const char *out = NULL;
    bool json = false;
    const arg rows[] = {
        {"out", 'o', ARG_TEXT, &out, "PREFIX", "where to write: PREFIX.html, PREFIX.md, PREFIX.tex"},
        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_compare, .rows = rows, .n = 2};
    compared c = {0};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, SIZE_MAX, "RUN...");
    for (size_t i = 0; i < a.n_words && !e && !a.done; i++) e = add_run(&c, a.word[i]);
    if (!e && !a.done) e = leaderboard_finish(&c.board);
    if (!e && !a.done) e = write_all(&c, out, json);
    if (c.started) leaderboard_free(&c.board);
    mem_free(c.headline);
    args_free(&a);
    return e;
}

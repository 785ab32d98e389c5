/* lorec compare: runs of one protocol in one table, as a page, Markdown and LaTeX. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/leaderboard_print.h"
#include "cli/print.h"
#include "eval/report_write.h"
#include "runs/boards.h"

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static lorec_err write_one(const boards *c, const char *prefix, const char *ending,
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

static lorec_err write_all(const boards *c, const char *out, bool json)
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
    boards c = {0};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, SIZE_MAX, "RUN...");
    for (size_t i = 0; i < a.n_words && !e && !a.done; i++) e = boards_add_run(&c, a.word[i]);
    if (!e && !a.done) e = leaderboard_finish(&c.board);
    if (!e && !a.done) e = write_all(&c, out, json);
    boards_free(&c);
    args_free(&a);
    return e;
}

/* lorec data probe: does a data set, a candidate file or a language model give answers away? */
#include <math.h>
#include <stdio.h>

#include "cli/data/parts.h"
#include "cli/print.h"
#include "cli/question.h"
#include "cli/term.h"
#include "eval/probe.h"
#include "eval/report_json.h"
#include "lm/llm.h"

typedef struct probe_words {
    question_words of;
    const char *graph, *llm, *anonymise;
    int64_t lines;
    bool json;
} probe_words;

static void number_cell(table *t, double x)
{
    if (isnan(x))
        table_cell(t, "-");
    else
        table_cell(t, x != 0 && fabs(x) < .001 ? "%.1e" : "%.3f", x);
}

static lorec_err print_findings(const probe_findings *f)
{
    table t = {0};
    table_cell(&t, "probe"), table_cell(&t, "what is measured"), table_cell(&t, "verdict"), table_cell(&t, "value");
    table_cell(&t, "chance"), table_cell(&t, "limit"), table_cell(&t, "p"), table_cell(&t, "of"), table_row_end(&t);
    for (size_t i = 0; i < f->n; i++) {
        const probe_finding *x = &f->row[i];
        table_cell(&t, "%s", x->probe);
        table_cell(&t, "%s", x->verdict == PROBE_SKIPPED ? x->why : x->measures);
        table_cell(&t, "%s", probe_verdicts[x->verdict]);
        bool skipped = x->verdict == PROBE_SKIPPED;
        number_cell(&t, skipped ? NAN : x->value);
        number_cell(&t, skipped ? NAN : x->chance);
        number_cell(&t, skipped ? NAN : x->limit);
        number_cell(&t, skipped ? NAN : x->p);
        table_cell(&t, "%llu", (unsigned long long)x->n);
        table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "lllr");
    table_free(&t);
    bool first = true;
    for (size_t i = 0; i < f->n && !e; i++) {
        if (f->row[i].verdict != PROBE_FLAGGED) continue;
        printf("%s%s: %s\n", first ? "\n" : "", f->row[i].probe, f->row[i].advice);
        first = false;
    }
    return e;
}

/* Titles that say nothing, for --item-text: what a method still finds with them it did not know from its language model. */
static lorec_err write_anonymous(const dataset *d, const char *path)
{
    writer w;
    TRY(writer_open(&w, path));
    writer_printf(&w, "item\ttitle\n");
    for (uint32_t i = 0; i < d->rows.n_items; i++) {
        slice id = names_at(&d->item_ids, i);
        writer_put(&w, id.p, id.n);
        writer_printf(&w, "\tItem %u\n", i + 1);
    }
    return writer_commit(&w);
}

static lorec_err print_all(const probe_words *w, const question *q, const probe_findings *f)
{
    if (!w->json) {
        printf("%s%s%s, %s\n\n", term_bold(stdout), q->data.name, term_off(stdout), q->protocol.id);
        return print_findings(f);
    }
    return print_json_object(json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "data", data_json(&q->data), "protocol",
                                       protocol_json(&q->protocol, 0), "probes", probe_json(f)));
}

static lorec_err probe_data(const probe_words *w)
{
    question q;
    dataset graph;
    llm *lm = NULL;
    bool with_graph = false;
    probe_findings f = {0};
    const char *slate = strncmp(w->of.candidates, "slate:", 6) == 0 ? w->of.candidates + 6 : NULL;
    TRY(question_open(&q, &w->of, "ndcg@10"));
    lorec_err e = w->graph ? dataset_load(&graph, w->graph, &(import_options){0}) : LOREC_OK;
    with_graph = w->graph && !e;
    if (!e && w->llm) e = llm_open(&lm, w->llm, &(llm_options){0});
    if (!e)
        e = probe_run(&f, &(probe_request){.protocol = &q.protocol,
                                           .slate = slate,
                                           .graph = with_graph ? &graph : NULL,
                                           .lm = lm,
                                           .lines = (uint32_t)w->lines,
                                           .seed = (uint64_t)w->of.seed});
    if (!e) e = print_all(w, &q, &f);
    if (!e && w->anonymise) e = write_anonymous(&q.data, w->anonymise);
    probe_findings_free(&f);
    if (lm) llm_close(lm);
    if (with_graph) dataset_close(&graph);
    question_close(&q);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_data_probe = {
    .name = "data probe",
    .summary = "look for answers that are given away: by ids, repeats, graphs, places, a model's memory",
    .usage = "lorec data probe PATH [--split WORDS] [--eval CANDIDATES] [--graph FILE] [--llm SPEC] [--json]",
    .details =
        "Each probe is a number beside what chance gives and a stated limit; a flag needs a value above the limit "
        "and,\n"
        "where chance could do it, p < .001. With --eval slate:FILE the places of the targets in its lists are looked "
        "at;\nwith drawn candidates and slates, how far popularity alone finds the target; with --graph, test rows "
        "among "
        "its\nedges; with --llm, whether the model completes the data's own lines. --anonymise writes titles that say "
        "nothing,\nfor a second run with --item-text: what is lost then was the model's knowledge, or its memory.",
    .examples = "  lorec data probe ml-100k\n"
                "  lorec data probe beauty.txt --eval uniform@99\n"
                "  lorec data probe ml-100k --llm local:models/qwen3 --anonymise anonymous.tsv\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    probe_words w = {.of = QUESTION_DEFAULTS, .lines = 100};
    const arg rows[] = {
        QUESTION_ARGS(w.of),
        {"item-text", 0, ARG_TEXT, &w.of.item_text, "FILE", "a TSV or CSV with item ids, titles, categories"},
        {"graph", 0, ARG_TEXT, &w.graph, "FILE", "edges that a method would use, in the same ids"},
        {"llm", 0, ARG_TEXT, &w.llm, "SPEC", "a language model to ask for the data's lines (docs/llm.md)"},
        {"lines", 0, ARG_INT, &w.lines, "N", "how many of each kind (default 100)", .min = 1, .max = 1e6},
        {"anonymise", 0, ARG_TEXT, &w.anonymise, "FILE", "write a table of titles that say nothing"},
        {"json", 0, ARG_FLAG, &w.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_data_probe, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) {
        e = args_need_words(&a, 0, 1, "PATH");
        if (!e && a.n_words) w.of.data = a.word[0];
        if (!e && !w.of.data) e = err_set(LOREC_USAGE, "lorec data probe: PATH is due");
        if (!e) e = probe_data(&w);
    }
    args_free(&a);
    return e;
}

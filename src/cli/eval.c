/* lorec eval: rows of a table from lists that were made elsewhere. */
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/data/parts.h"
#include "cli/eval_run.h"
#include "cli/print.h"
#include "cli/question.h"
#include "cli/term.h"
#include "eval/lists.h"
#include "eval/report_json.h"

typedef struct eval_words {
    question_words of;
    const char *metrics, *part, *qrels, *run;
    text_list lists, names;
    int64_t level;
    bool json;
} eval_words;

/* One file's row. */
typedef struct eval_row {
    const char *name;
    report report;
    json_t *ci;
} eval_row;

typedef struct eval_table {
    const protocol *protocol; /* NULL: qrels and runs, without a data set */
    const char *qrels;
    const metric *metrics;
    size_t n_metrics;
    eval_row *row;
    size_t n;
} eval_table;

/* ---- printing --------------------------------------------------------------------------------------------------------- */

static json_t *row_json(const eval_row *row)
{
    return json_pack("{s:s, s:s, s:s, s:n, s:n, s:o, s:O, s:{s:f}, s:o}", "method", row->name, "role", "method",
                     "status", "ok", "why", "seed", "metrics", report_metrics_json(&row->report), "ci95", row->ci,
                     "cost", "eval_s", row->report.seconds, "counts", report_counts_json(&row->report));
}

static lorec_err print_json(const eval_table *t)
{
    json_t *results = json_array(), *root;
    for (size_t i = 0; i < t->n && results; i++) json_array_append_new(results, row_json(&t->row[i]));
    uint32_t users = t->n ? t->row[0].report.n_users : 0;
    if (t->protocol)
        root = json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "data", data_json(t->protocol->split->data), "protocol",
                         protocol_json(t->protocol, users), "results", results);
    else
        root = json_pack("{s:i, s:n, s:{s:s, s:I, s:s}, s:o}", "schema", 1, "data", "protocol", "qrels", t->qrels,
                         "users", (json_int_t)users, "ties", "expected", "results", results);
    return print_json_object(root);
}

static void row_notes(const eval_row *row)
{
    const report *r = &row->report;
    if (r->missing_users)
        log_warn("%s: %llu of %u users have no list and count as misses", row->name,
                 (unsigned long long)r->missing_users, r->n_users);
    if (r->dropped_items)
        log_warn("%s: %llu listed items are no candidates (had before, or not in the slate) and were passed over",
                 row->name, (unsigned long long)r->dropped_items);
    if (r->unasked_users)
        log_warn("%s: %llu users of the file are not asked under this protocol", row->name,
                 (unsigned long long)r->unasked_users);
    if (r->repeated_targets)
        log_warn("%llu targets were had before and are not asked for; --keep-seen ranks them",
                 (unsigned long long)r->repeated_targets);
    if (r->targets_not_in_slate)
        log_warn("%.4f of the targets are in the slates; the others are misses for every row", r->candidate_recall);
}

static lorec_err print_text(const eval_table *t)
{
    table out = {0};
    table_cell(&out, "method");
    for (size_t j = 0; j < t->n_metrics; j++) table_cell(&out, "%s", t->metrics[j].name);
    table_row_end(&out);
    for (size_t i = 0; i < t->n; i++) {
        table_cell(&out, "%s", t->row[i].name);
        for (size_t j = 0; j < t->n_metrics; j++) {
            double mean = t->row[i].report.mean[j];
            const json_t *ci = json_object_get(t->row[i].ci, t->metrics[j].name);
            if (isnan(mean))
                table_cell(&out, "-");
            else if (ci)
                table_cell(&out, "%.4f [%.4f, %.4f]", mean, json_number_value(json_array_get(ci, 0)),
                           json_number_value(json_array_get(ci, 1)));
            else
                table_cell(&out, "%.4f", mean);
        }
        table_row_end(&out);
    }
    lorec_err e = table_print(&out, stdout, "lr");
    table_free(&out);
    if (t->protocol)
        printf("\n%u users of %s, protocol %s; [95 %% bootstrap interval]\n", t->row[0].report.n_users,
               t->protocol->split->data->name, t->protocol->id);
    else
        printf("\n%u queries of %s; [95 %% bootstrap interval]\n", t->row[0].report.n_users, t->qrels);
    return e;
}

/* ---- measuring --------------------------------------------------------------------------------------------------------- */

static lorec_err rows_measure(eval_table *t, const eval_words *w, part of)
{
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < w->lists.n && !e; i++) {
        eval_row *row = &t->row[i];
        row->name = i < w->names.n ? w->names.item[i] : path_base(w->lists.item[i]);
        if (t->protocol)
            e = evaluate_lists(&row->report, t->protocol, of, w->lists.item[i]);
        else
            e = evaluate_trec(&row->report, t->metrics, t->n_metrics, t->qrels, w->lists.item[i], w->level);
        if (e) break;
        t->n++; /* from here on it is to be closed */
        e = report_ci_json(&row->ci, &row->report, STATS_DRAWS, (uint64_t)w->of.seed);
        if (!e) row_notes(row);
    }
    return e;
}

static lorec_err table_make(eval_table *t, const eval_words *w, part of)
{
    TRY(mem_new(&t->row, w->lists.n));
    lorec_err e = rows_measure(t, w, of);
    if (!e) e = w->json ? print_json(t) : print_text(t);
    for (size_t i = 0; i < t->n; i++) {
        report_close(&t->row[i].report);
        json_decref(t->row[i].ci);
    }
    mem_free(t->row);
    return e;
}

static lorec_err eval_qrels(const eval_words *w)
{
    metric *metrics;
    eval_table t = {.qrels = w->qrels};
    TRY(metrics_parse(&metrics, &t.n_metrics, w->metrics ? w->metrics : "map,mrr,ndcg@10,precision@10,recall@100"));
    t.metrics = metrics;
    lorec_err e = table_make(&t, w, PART_TEST);
    mem_free(metrics);
    return e;
}

static lorec_err eval_data(const eval_words *w, part of)
{
    question q;
    TRY(question_open(&q, &w->of, w->metrics ? w->metrics : "recall@10,ndcg@10,mrr@10"));
    eval_table t = {.protocol = &q.protocol, .metrics = q.protocol.metrics, .n_metrics = q.protocol.n_metrics};
    lorec_err e = table_make(&t, w, of);
    question_close(&q);
    return e;
}

/* ---- the command -------------------------------------------------------------------------------------------------------- */

static lorec_err run(int argc, char **argv);
const command command_eval = {
    .name = "eval",
    .summary = "measure lists that were made elsewhere",
    .usage = "lorec eval --data PATH --lists FILE... [--split WORDS] [--eval CANDIDATES] [--metrics LIST] [--json]\n"
             "       lorec eval --run RUN --lists FILE... [--name NAME] [--json]\n"
             "       lorec eval --qrels FILE --lists FILE... [--metrics LIST] [--level N] [--json]",
    .details =
        "FILE holds one item a line: user item rank score (TSV), or a TREC run (qid Q0 item rank score tag). Users\n"
        "that it lacks count as misses; items that are no candidates (had before, not in the slate) are passed over;\n"
        "ids that the data lacks are errors. Equal scores of a TREC run are ties and count by expectation.",
    .examples = "  lorec eval --data ml-100k --lists theirs.tsv --metrics recall@10,ndcg@10\n"
                "  lorec eval --run runs/first --lists theirs.tsv --name theirs   # a row of that run's table\n"
                "  lorec data export-split ml-100k --eval uniform@99 --out exported   # what to rank\n"
                "  lorec eval --qrels qrels.txt --lists run1.txt --lists run2.txt --metrics map,mrr\n",
    .run = run,
};

static lorec_err check(const eval_words *w, part *of)
{
    if (!w->lists.n) return err_set(LOREC_USAGE, "lorec eval: --lists FILE is missing: what is to be measured?");
    if (!!w->of.data + !!w->qrels + !!w->run != 1)
        return err_set(LOREC_USAGE, "lorec eval: one of --data PATH, --run RUN and --qrels FILE is due");
    if (strcmp(w->part, "test") != 0 && strcmp(w->part, "valid") != 0)
        return err_set(LOREC_USAGE, "--part is test or valid, not \"%s\"", w->part);
    *of = w->part[0] == 't' ? PART_TEST : PART_VALID;
    return LOREC_OK;
}

static lorec_err run(int argc, char **argv)
{
    eval_words w = {.of = QUESTION_DEFAULTS, .part = "test", .level = 1};
    const arg rows[] = {
        QUESTION_ARGS(w.of),
        {"lists", 'l', ARG_LIST, &w.lists, "FILE", "what was ranked; may be repeated"},
        {"name", 0, ARG_LIST, &w.names, "NAME", "what the row is called; one for each --lists"},
        {"metrics", 'm', ARG_TEXT, &w.metrics, "LIST", "for example recall@10,ndcg@10,mrr@10"},
        {"part", 0, ARG_TEXT, &w.part, "PART", "test or valid (default test)"},
        {"qrels", 0, ARG_TEXT, &w.qrels, "FILE", "TREC's answers, instead of a data set"},
        {"run", 'r', ARG_TEXT, &w.run, "RUN",
         "instead of a data set: this run's data and protocol; the rows join its table"},
        {"level", 0, ARG_INT, &w.level, "N", "from this relevance on a document of the qrels is relevant (default 1)"},
        {"json", 0, ARG_FLAG, &w.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_eval, .rows = rows, .n = sizeof rows / sizeof *rows};
    part of = PART_TEST;
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) {
        e = args_need_words(&a, 0, 0, "");
        if (!e) e = check(&w, &of);
        if (!e && w.run)
            e = eval_into_run(w.run, &w.lists, &w.names, w.json);
        else if (!e)
            e = w.qrels ? eval_qrels(&w) : eval_data(&w, of);
    }
    args_free(&a);
    text_list_free(&w.lists);
    text_list_free(&w.names);
    return e;
}

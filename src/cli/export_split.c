/* lorec data export-split: the parts of a split and its candidates as plain files for other tools. */
#include <stdio.h>

#include "cli/data/parts.h"
#include "cli/print.h"
#include "cli/question.h"
#include "eval/export.h"
#include "eval/report_json.h"

typedef struct export_words {
    question_words of;
    const char *out;
    bool json;
} export_words;

static lorec_err print_done(const export_words *w, const protocol *p)
{
    const split *s = p->split;
    if (w->json)
        return print_json_object(json_pack("{s:i, s:o, s:o, s:s, s:{s:I, s:I, s:I}}", "schema", 1, "data",
                                           data_json(s->data), "protocol", protocol_json(p, 0), "out", w->out, "rows",
                                           "train", (json_int_t)s->train.n, "valid", (json_int_t)s->valid.n, "test",
                                           (json_int_t)s->test.n));
    printf("%s: train.tsv %llu rows, valid.tsv %llu, test.tsv %llu%s\nprotocol %s\n", w->out,
           (unsigned long long)s->train.n, (unsigned long long)s->valid.n, (unsigned long long)s->test.n,
           p->kind == CANDIDATES_FULL ? "; every item is a candidate" : "; candidates.tsv", p->id);
    printf("\nnext: rank with any tool, write user, item, rank, score, and\n  lorec eval --data %s --split %s --eval "
           "%s --lists "
           "FILE\n",
           w->of.data, w->of.split, p->kind == CANDIDATES_SLATE ? p->words : w->of.candidates);
    return LOREC_OK;
}

static lorec_err export_data(const export_words *w)
{
    question q;
    TRY(question_open(&q, &w->of, "ndcg@10"));
    lorec_err e = split_export(&q.protocol, w->out);
    if (!e) e = print_done(w, &q.protocol);
    question_close(&q);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_data_export_split = {
    .name = "data export-split",
    .summary = "write train, valid, test and candidates for other tools",
    .usage = "lorec data export-split PATH --out FOLDER [--split WORDS] [--eval CANDIDATES] [--seed N] [--json]",
    .details =
        "The folder gets train.tsv, valid.tsv and test.tsv (original ids, oldest first), items.tsv (titles, where "
        "there\nare any), candidates.tsv where not every item is a candidate, and manifest.json. What another tool "
        "ranks\ncomes back with `lorec eval --lists`.",
    .examples = "  lorec data export-split ml-100k --split ratio-random:8:1:1 --seed 42 --out exported\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    export_words w = {.of = QUESTION_DEFAULTS};
    const arg rows[] = {
        QUESTION_ARGS(w.of),
        {"item-text", 0, ARG_TEXT, &w.of.item_text, "FILE", "a TSV or CSV with item ids, titles, categories"},
        {"out", 'o', ARG_TEXT, &w.out, "FOLDER", "where to write; made if absent"},
        {"json", 0, ARG_FLAG, &w.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_data_export_split, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) {
        e = args_need_words(&a, 0, 1, "PATH");
        if (!e && a.n_words) w.of.data = a.word[0];
        if (!e && (!w.of.data || !w.out))
            e = err_set(LOREC_USAGE, "lorec data export-split: PATH and --out FOLDER are due");
        if (!e) e = export_data(&w);
    }
    args_free(&a);
    return e;
}

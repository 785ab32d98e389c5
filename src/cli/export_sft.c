/* lorec export-sft: prompts and answers of a method that tunes a language model, for a trainer elsewhere. */
#include <stdio.h>

#include "cli/print.h"
#include "cli/settings_args.h"
#include "runs/export_sft.h"

static lorec_err export_to(const settings *s, const char *out, bool json)
{
    sft_exported n;
    TRY(export_sft(&n, s, out));
    if (json)
        return print_json_object(json_pack("{s:i, s:s, s:I, s:I, s:b}", "schema", 1, "out", out, "train",
                                           (json_int_t)n.train, "valid", (json_int_t)n.valid, "candidates",
                                           (int)n.candidates));
    printf("%s: train.jsonl %llu lessons, valid.jsonl %llu, adapter_config.json%s\nnext: %s/README.md\n", out,
           (unsigned long long)n.train, (unsigned long long)n.valid, n.candidates ? ", candidates.tsv" : "", out);
    return LOREC_OK;
}

static lorec_err run(int argc, char **argv);
const command command_export_sft = {
    .name = "export-sft",
    .summary = "write what a method tunes its language model on, for a trainer elsewhere",
    .usage = "lorec export-sft METHOD --data PATH --out FOLDER [options of lorec run]",
    .details = "The folder gets train.jsonl and valid.jsonl (prompt and answer a line, from the training and "
               "validation parts),\n"
               "candidates.tsv where a slate or a first stage says what is ranked, adapter_config.json in peft's form "
               "and a README\n"
               "that says how to tune with them and how to judge here what comes back (--adapter, or --llm). The "
               "method's options\n"
               "decide what is in it: --set examples=0 of tallrec takes every row. No language model is needed.",
    .examples =
        "  lorec export-sft tallrec --data ml-100k --set examples=0 --out for-the-gpu\n"
        "  lorec export-sft bigrec --data beauty.txt --item-text items.tsv --eval sasrec@20 --out for-the-gpu\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    bool json = false;
    const char *out = NULL;
    settings s = {0};
    settings_args given = {0};
    arg rows[SETTINGS_ARGS + 2];
    settings_args_rows(&given, rows);
    rows[SETTINGS_ARGS] = (arg){"out", 'o', ARG_TEXT, &out, "FOLDER", "where to write; made if absent"};
    rows[SETTINGS_ARGS + 1] = (arg){"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"};
    args a = {.command = &command_export_sft, .rows = rows, .n = SETTINGS_ARGS + 2};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done && !out) e = err_set(LOREC_USAGE, "lorec export-sft: --out FOLDER is due");
    if (!e && !a.done) e = settings_from_args(&s, &given, &a);
    if (!e && !a.done) e = export_to(&s, out, json);
    settings_free(&s);
    text_list_free(&given.set);
    args_free(&a);
    return e;
}

/* lorec lm transcript: what a transcript holds; out of it and into it as JSON lines. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/print.h"
#include "lm/provider/transcript.h"

static lorec_err run(int argc, char **argv);
const command command_lm_transcript = {
    .name = "lm transcript",
    .summary = "what a transcript of a language model's answers holds; to and from JSON lines",
    .usage = "lorec lm transcript FILE [--export LINES | --import LINES] [--json]",
    .details =
        "Counts answers and tokens by model. --export writes a line {\"request\", \"answer\", \"seconds\"} an answer;\n"
        "--import takes such lines in (answers that are there already stay), so that transcripts can be merged, and\n"
        "answers that were recorded elsewhere be replayed. An imported request needs \"model\" and what it asks\n"
        "(\"verb\", \"messages\", ...), an answer its \"text\".",
    .examples = "  lorec lm transcript run.sqlite\n"
                "  lorec lm transcript run.sqlite --export run.jsonl\n"
                "  lorec lm transcript both.sqlite --import run.jsonl\n",
    .run = run,
};

/* ---- counting ------------------------------------------------------------------------------------------------------ */

static void add(json_t *o, const char *key, double more)
{
    json_object_set_new(o, key, json_real(json_number_value(json_object_get(o, key)) + more));
}

static lorec_err count(void *ctx, const char *model, const char *request, const char *answer, double seconds)
{
    (void)request;
    json_t *models = ctx, *m = json_object_get(models, model), *a;
    if (!m) {
        m = json_pack("{s:f, s:f, s:f, s:f}", "answers", 0., "prompt_tokens", 0., "completion_tokens", 0., "seconds",
                      0.);
        if (!m || json_object_set_new(models, model, m))
            return err_set(LOREC_INPUT, "a model's name is not valid UTF-8");
    }
    TRY(json_parse(&a, answer, strlen(answer), "an answer"));
    add(m, "answers", 1);
    add(m, "seconds", seconds);
    add(m, "prompt_tokens", json_number_value(json_object_get(a, "prompt_tokens")));
    add(m, "completion_tokens", json_number_value(json_object_get(a, "completion_tokens")));
    json_decref(a);
    return LOREC_OK;
}

static lorec_err show(transcript *t, bool as_json)
{
    json_t *models = json_object(), *m;
    const char *name;
    lorec_err e = transcript_each(t, count, models);
    if (!e && as_json) return print_json_object(json_pack("{s:i, s:o}", "schema", 1, "models", models));
    json_object_foreach(models, name, m)
    {
        if (e) break;
        printf("%s: %.0f answers, %.0f tokens read, %.0f written, %.1f s\n", name,
               json_number_value(json_object_get(m, "answers")), json_number_value(json_object_get(m, "prompt_tokens")),
               json_number_value(json_object_get(m, "completion_tokens")),
               json_number_value(json_object_get(m, "seconds")));
    }
    json_decref(models);
    return e;
}

/* ---- lines --------------------------------------------------------------------------------------------------------- */

static lorec_err put_line(void *ctx, const char *model, const char *request, const char *answer, double seconds)
{
    (void)model;
    writer_printf(ctx, "{\"request\":%s,\"answer\":%s,\"seconds\":%.6f}\n", request, answer, seconds);
    return LOREC_OK; /* failures are told at the end */
}

static lorec_err export_lines(transcript *t, const char *path)
{
    writer w;
    TRY(writer_open(&w, path));
    lorec_err e = transcript_each(t, put_line, &w);
    if (!e) return writer_commit(&w);
    writer_abort(&w);
    return e;
}

static lorec_err take_line(transcript *t, const json_t *line)
{
    const json_t *request = json_object_get(line, "request"), *answer = json_object_get(line, "answer");
    const char *model, *text;
    double seconds;
    unsigned char key[TRANSCRIPT_KEY];
    char *asked = NULL;
    if (!json_is_object(request) || !json_is_object(answer))
        return err_set(LOREC_INPUT, "\"request\" and \"answer\" have to be objects");
    TRY(json_get_string(request, "model", &model));
    TRY(json_get_string(answer, "text", &text));
    TRY(json_get_f64_or(line, "seconds", 0, &seconds));
    TRY(transcript_key(request, key, &asked));
    char *said = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(17));
    lorec_err e = said ? transcript_put(t, key, model, asked, said, seconds) : err_set(LOREC_RESOURCE, "out of memory");
    free(said);
    free(asked);
    return e;
}

static lorec_err import_lines(transcript *t, const char *path)
{
    lines l;
    slice line;
    lorec_err e = LOREC_OK;
    TRY(lines_open(&l, path));
    while (!e && lines_next(&l, &line)) {
        json_t *j = NULL;
        if (slice_trim(line).n == 0) continue;
        e = json_parse(&j, line.p, line.n, "the line");
        if (!e) e = take_line(t, j);
        if (e) e = err_context(e, "%s, line %zu", path, l.number);
        json_decref(j);
    }
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

static lorec_err run(int argc, char **argv)
{
    const char *to = NULL, *from = NULL;
    bool json = false;
    const arg rows[] = {
        {"export", 0, ARG_TEXT, &to, "LINES", "write every answer there"},
        {"import", 0, ARG_TEXT, &from, "LINES", "take answers in; FILE is made if absent"},
        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_lm_transcript, .rows = rows, .n = sizeof rows / sizeof *rows};
    transcript *t = NULL;
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, 1, "FILE");
    if (!e && !a.done && to && from) e = err_set(LOREC_USAGE, "--export or --import, one at a time");
    if (!e && !a.done) e = transcript_open(&t, a.word[0], from != NULL);
    if (!e && t && from) e = import_lines(t, from);
    if (!e && t && to) e = export_lines(t, to);
    if (!e && t) e = show(t, json);
    transcript_close(t);
    args_free(&a);
    return e;
}

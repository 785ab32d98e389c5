/* lorec lm score: how likely each of many candidates is after a prompt. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/lm/commands.h"
#include "cli/lm/session.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "lm/session/score.h"

static lorec_err run_score(int argc, char **argv);
const command command_lm_score = {
    .name = "lm score",
    .summary = "the log probability of each candidate after a prompt",
    .usage = "lorec lm score --model M (--prompt FILE | --prompt-text TEXT) --candidates FILE [--json]",
    .details = "The candidates are the lines of FILE; each is scored as what follows the prompt: the sum over its "
               "tokens of the\n"
               "natural log of their probabilities, and the mean of that. Prompt and candidate are tokenised apart: "
               "the ids of\n"
               "the prompt (with the model's BOS), then the ids of the candidate. So a candidate that shall be a word "
               "of its own\n"
               "brings its blank along (or the prompt ends in one); SentencePiece tokenizers put one before it by "
               "themselves.\n"
               "The prompt is the whole of its file but one line end at the end. It is computed once, what candidates "
               "begin with\n"
               "too. A prompt that is too long for the model's context loses its middle (first --keep tokens, then as "
               "many of the\n"
               "last as fit), which is said on stderr; with --refuse it is an error.\n"
               "--ends adds the end of the text to each candidate: the probability that it is said and nothing more.",
    .examples =
        "  lorec lm score --model models/tiny --prompt-text 'I liked Heat and' --candidates titles.txt --json\n",
    .run = run_score,
};

typedef struct job {
    lm_words words;
    const char *prompt_file, *prompt_text, *candidates;
    int64_t keep;
    bool refuse, ends, json;
    buf prompt;
    text_lines lines;
    tokens ids, all;
    int32_t *length;
    double *sum;
} job;

static lorec_err read_prompt(job *j)
{
    if (!j->prompt_file == !j->prompt_text)
        return err_set(LOREC_USAGE, "either --prompt FILE or --prompt-text TEXT is needed");
    if (j->prompt_text) return buf_puts(&j->prompt, j->prompt_text);
    TRY(file_read(&j->prompt, j->prompt_file, LINE_MAX_BYTES));
    if (j->prompt.n && j->prompt.p[j->prompt.n - 1] == '\n') j->prompt.n--;
    if (j->prompt.n && j->prompt.p[j->prompt.n - 1] == '\r') j->prompt.n--;
    return LOREC_OK;
}

static lorec_err tokenise(job *j)
{
    const lm_text *m = j->words.text;
    int64_t longest = 0;
    size_t cut;
    TRY(mem_new(&j->length, j->lines.n));
    TRY(mem_new(&j->sum, j->lines.n));
    for (size_t i = 0; i < j->lines.n; i++) {
        size_t from = j->all.n;
        TRY(lm_text_continuation(m, j->lines.line[i], &j->all));
        if (j->ends && m->ends == 0) return err_set(LOREC_INPUT, "the model has no end token; --ends can not be had");
        if (j->ends) TRY(tokens_add(&j->all, m->end[0]));
        j->length[i] = (int32_t)(j->all.n - from);
        if (j->length[i] > longest) longest = j->length[i];
    }
    TRY(lm_text_prompt(m, (slice){j->prompt.p, j->prompt.n}, &j->ids));
    lm_long how = {.refuse = j->refuse, .keep = j->keep, .before = lm_session_before(j->words.session, -1)};
    TRY(lm_text_fit(m, &j->ids, longest, &how, &cut));
    if (cut) log_warn("the prompt is too long for the model: %zu tokens of its middle are left out", cut);
    return LOREC_OK;
}

/* A candidate's last token is not run, so it needs no place. */
static lorec_err check_room(const job *j)
{
    const lm_model *m = j->words.text->model;
    int64_t before = m->encoder ? 1 : (int64_t)j->ids.n + lm_session_before(j->words.session, -1),
            room = transformer_settings(m->net)->max_positions - before + 1;
    for (size_t i = 0; i < j->lines.n; i++)
        if (j->length[i] > room)
            return err_set(
                LOREC_INPUT,
                "%s, line %zu: a candidate of %d tokens, where the model has room for %lld behind the prompt",
                j->candidates, i + 1, (int)j->length[i], (long long)room);
    return LOREC_OK;
}

static lorec_err score(job *j)
{
    TRY(read_prompt(j));
    TRY(text_lines_read(&j->lines, j->candidates));
    TRY(lm_words_open(&j->words, false));
    TRY(tokenise(j));
    TRY(check_room(j));
    score_ask ask = {.prompts = 1,
                     .prompt = j->ids.id,
                     .prompt_length = &(int32_t){(int32_t)j->ids.n},
                     .n = (int64_t)j->lines.n,
                     .token = j->all.id,
                     .length = j->length};
    return lm_score(j->words.session, &ask, j->sum);
}

static json_t *candidates_json(const job *j)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < j->lines.n && rows; i++)
        json_array_append_new(rows, json_pack("{s:s%, s:i, s:f, s:f}", "text", j->lines.line[i].p, j->lines.line[i].n,
                                              "tokens", (int)j->length[i], "logprob", j->sum[i], "mean_logprob",
                                              j->length[i] ? j->sum[i] / j->length[i] : 0));
    return rows ? json_pack("{s:i, s:i, s:o}", "schema", 1, "prompt_tokens", (int)j->ids.n, "candidates", rows) : NULL;
}

static lorec_err print(const job *j)
{
    if (j->json) return print_json_object(candidates_json(j));
    for (size_t i = 0; i < j->lines.n; i++)
        printf("%.6f\t%.6f\t%d\t%.*s\n", j->sum[i], j->length[i] ? j->sum[i] / j->length[i] : 0, j->length[i],
               (int)j->lines.line[i].n, j->lines.line[i].p);
    return LOREC_OK;
}

static lorec_err run_score(int argc, char **argv)
{
    job j = {.keep = 1};
    const arg rows[] = {
        LM_WORDS(&j.words),
        {"prompt", 'p', ARG_TEXT, &j.prompt_file, "FILE", "the prompt"},
        {"prompt-text", 0, ARG_TEXT, &j.prompt_text, "TEXT", "the prompt itself"},
        {"candidates", 'c', ARG_TEXT, &j.candidates, "FILE", "one candidate a line"},
        {"ends", 0, ARG_FLAG, &j.ends, NULL, "each candidate ends with the model's end token"},
        {"keep", 0, ARG_INT, &j.keep, "N", "first tokens that stay of a prompt that is too long; default 1", .min = 0,
         .max = 1 << 24},
        {"refuse", 0, ARG_FLAG, &j.refuse, NULL, "a prompt that is too long is an error"},
        {"json", 0, ARG_FLAG, &j.json, NULL, "one JSON object on stdout; otherwise lines: sum, mean, tokens, text"}};
    args a = {.command = &command_lm_score, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 0, 0, "no words"), done);
    signals_catch();
    if (!j.candidates) e = err_set(LOREC_USAGE, "--candidates FILE is needed");
    if (!e) e = score(&j);
    if (!e) e = print(&j);
done:
    lm_words_close(&j.words);
    buf_free(&j.prompt);
    text_lines_free(&j.lines);
    tokens_free(&j.ids);
    tokens_free(&j.all);
    mem_free(j.length);
    mem_free(j.sum);
    args_free(&a);
    return e;
}

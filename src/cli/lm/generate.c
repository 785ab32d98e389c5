/* lorec lm generate: what a model says after a prompt, freely or only what a list of texts allows. */
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/lm/commands.h"
#include "cli/lm/session.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "lm/decode/decode.h"
#include "lm/session/batcher.h"

static lorec_err run_generate(int argc, char **argv);
const command command_lm_generate = {
    .name = "lm generate",
    .summary = "what a model says after a prompt",
    .usage = "lorec lm generate --model M (--prompt TEXT | --prompt-file FILE) [--trie FILE] [--beam B] [-n TOKENS] "
             "[--json]",
    .details =
        "Without --temperature the likeliest token is taken each time (greedy). --temperature draws, from the --top-k\n"
        "likeliest, of those the fewest that make up --top-p, of those the ones at least --min-p times as likely as "
        "the\n"
        "best; --samples of them, each a function of --seed and its number. --beam keeps the B likeliest "
        "continuations\n"
        "and prints them all, best first, by log probability / length^--length-power; with --groups they are diverse.\n"
        "--trie: nothing comes out but lines of FILE, each as the model tokenises it by itself (see lorec lm score "
        "about\n"
        "the blank between prompt and continuation); the text printed is the line.\n"
        "A text ends with the model's end token, before a --stop text, or after -n tokens. Without --json it is "
        "printed\n"
        "while it is made. logprob is the sum of the natural logs of the tokens' probabilities among all tokens.\n"
        "A prompt that is too long for the model's context loses its middle (first --keep tokens, then as many of the\n"
        "last as fit), which is said on stderr; with --refuse it is an error.",
    .examples =
        "  lorec lm generate --model models/tiny --prompt 'Once upon a time' -n 50\n"
        "  lorec lm generate --model models/tiny --prompt 'I liked Heat. Next:' --trie titles.txt --beam 10 --json\n",
    .run = run_generate,
};

typedef struct job {
    lm_words words;
    const char *prompt_text, *prompt_file, *trie_file;
    text_list stop;
    int64_t beam, samples, tokens, seed, keep, top_k, groups, tops;
    double temperature, top_p, min_p, repetition, length_power, diversity;
    bool temperature_given, refuse, no_end, json, failed;
    buf prompt;
    text_lines lines;
    trie trie;
    constraint only;
    tokens ids;
    json_t *outputs;
    json_t *steps; /* of the sample that speaks: what --logprobs tells */
} job;

static lorec_err need(const job *j)
{
    if (!j->prompt_text == !j->prompt_file)
        return err_set(LOREC_USAGE, "either --prompt TEXT or --prompt-file FILE is needed");
    if (j->beam > 0 && (j->temperature_given || j->samples > 1 || j->stop.n || j->tops))
        return err_set(LOREC_USAGE, "--beam goes without --temperature, --samples, --stop and --logprobs");
    if (j->beam == 0 && (j->groups || j->length_power != 0))
        return err_set(LOREC_USAGE, "--groups and --length-power are for --beam");
    if (j->samples > 1 && !j->temperature_given)
        return err_set(LOREC_USAGE, "--samples needs --temperature: without it all are the same");
    return LOREC_OK;
}

static lorec_err prepare(job *j)
{
    size_t cut;
    TRY(need(j));
    if (j->prompt_text)
        TRY(buf_puts(&j->prompt, j->prompt_text));
    else
        TRY(file_read(&j->prompt, j->prompt_file, LINE_MAX_BYTES));
    if (j->trie_file) TRY(text_lines_read(&j->lines, j->trie_file));
    TRY(lm_words_open(&j->words, true));
    if (j->trie_file) {
        lorec_err e = lm_text_trie(j->words.text, j->lines.line, j->lines.n, &j->trie);
        if (e) return err_context(e, "%s", j->trie_file);
        j->only = constraint_of_trie(&j->trie);
        if (j->tokens <= 0 || j->tokens > (int64_t)j->trie.depth + 1) j->tokens = (int64_t)j->trie.depth + 1;
    }
    if (j->tokens <= 0) j->tokens = 128;
    TRY(lm_text_prompt(j->words.text, (slice){j->prompt.p ? j->prompt.p : "", j->prompt.n}, &j->ids));
    lm_long how = {.refuse = j->refuse, .keep = j->keep, .before = lm_session_before(j->words.session, -1)};
    TRY(lm_text_fit(j->words.text, &j->ids, j->tokens, &how, &cut));
    if (cut) log_warn("the prompt is too long for the model: %zu tokens of its middle are left out", cut);
    j->outputs = json_array();
    return j->outputs ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
}

/* ---- what comes out ---------------------------------------------------------------------------------------------------- */

/* Bytes that are no UTF-8 become U+FFFD: JSON can not hold them. */
static json_t *text_json(slice text)
{
    buf valid = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0, n; i < text.n && !e; i += n) {
        for (n = 1; n <= 4 && i + n <= text.n && !utf8_valid((slice){text.p + i, n});) n++;
        bool whole = n <= 4 && i + n <= text.n;
        if (!whole) n = 1;
        e = whole ? buf_add(&valid, text.p + i, n) : buf_puts(&valid, "\xEF\xBF\xBD");
    }
    json_t *out = e ? NULL : json_stringn(valid.p ? valid.p : "", valid.n);
    buf_free(&valid);
    return out;
}

static lorec_err put_output(job *j, slice text, const int32_t *id, size_t n, double logp, const char *ended,
                            json_t *steps)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < n && ids; i++) json_array_append_new(ids, json_integer(id[i]));
    json_t *row = ids ? json_pack("{s:o, s:f}", "ids", ids, "logprob", logp) : NULL;
    if (row) json_object_set_new(row, "text", text_json(text));
    if (row && ended) json_object_set_new(row, "ended", json_string(ended));
    if (row && steps) json_object_set_new(row, "logprobs", steps);
    return row && json_array_append_new(j->outputs, row) == 0 ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
}

static void say(const job *j, slice text, double logp, bool many)
{
    if (j->json) return;
    if (many) printf("%.6f\t", logp);
    fwrite(text.p, 1, text.n, stdout);
    putchar('\n');
}

/* The line of the trie file that a complete hypothesis stands for. */
static slice line_of(const job *j, const int32_t *id, size_t n)
{
    int64_t which = lm_text_choice(&j->trie, id, n);
    return which < 0 ? (slice){"", 0} : j->lines.line[which];
}

/* ---- beams ------------------------------------------------------------------------------------------------------------------ */

static lorec_err put_beam(job *j, const hypothesis *h)
{
    slice text;
    buf said = {0};
    lorec_err e = LOREC_OK;
    if (j->trie_file)
        text = line_of(j, h->token, (size_t)h->n);
    else {
        e = tokenizer_decode(j->words.text->tokenizer, h->token, (size_t)h->n, TOKENIZER_PLAIN, &said);
        text = (slice){said.p ? said.p : "", said.n};
    }
    if (!e) e = put_output(j, text, h->token, (size_t)h->n, (double)h->logp, h->complete ? "end" : "length", NULL);
    if (!e) say(j, text, (double)h->logp, true);
    buf_free(&said);
    return e;
}

static lorec_err beams(job *j)
{
    const lm_text *m = j->words.text;
    decode_options o = {.count = j->beam,
                        .max_tokens = j->tokens,
                        .end = m->ends && !j->no_end ? m->end[0] : -1,
                        .only = j->trie_file ? &j->only : NULL,
                        .how = {.repetition = (float)j->repetition},
                        .length_power = (float)j->length_power,
                        .groups = j->groups,
                        .diversity = (float)j->diversity};
    decoded d;
    lorec_err e = decode_beam(j->words.session, j->ids.id, &(int32_t){(int32_t)j->ids.n}, 1, &o, &d);
    size_t cut = 0;
    for (size_t i = 0; i < d.n && !e; i++) {
        e = put_beam(j, &d.found[i]);
        cut += !d.found[i].complete;
    }
    if (cut) log_info("%zu of %zu beams came to --n tokens before their end", cut, d.n);
    decoded_free(&d);
    return e;
}

/* ---- samples ---------------------------------------------------------------------------------------------------------------- */

static lorec_err stream(void *ctx, const batch_token *t)
{
    job *j = ctx;
    if (j->steps && t->tops) {
        json_t *top = json_array();
        for (size_t i = 0; i < t->tops && top; i++)
            json_array_append_new(
                top, json_pack("{s:i, s:f}", "id", (int)t->top[i].token, "logprob", (double)t->top[i].logp));
        json_t *step = json_pack("{s:i, s:f, s:o}", "id", (int)t->token, "logprob", (double)t->logp, "top", top);
        if (!step || json_array_append_new(j->steps, step)) return err_set(LOREC_RESOURCE, "out of memory");
    }
    if (j->json || j->trie_file || j->samples > 1) return LOREC_OK;
    fwrite(t->text.p, 1, t->text.n, stdout);
    fflush(stdout);
    return LOREC_OK;
}

static void finish(void *ctx, const batch_reply *r)
{
    static const char *const words[] = {"end", "stop", "length", "cancelled", "deadline", "failed"};
    job *j = ctx;
    json_t *steps = j->steps;
    j->steps = NULL;
    if (r->error || r->reason == BATCH_CANCELLED || (j->trie_file && !r->complete)) {
        json_decref(steps);
        if (!r->error)
            err_set(LOREC_FAILED,
                    r->reason == BATCH_CANCELLED
                        ? "stopped"
                        : "no line of %s can be said in -n %lld tokens and what the model has room for",
                    j->trie_file, (long long)j->tokens);
        if (r->error) err_set(r->error, "%s", r->message);
        j->failed = true;
        return;
    }
    slice text = j->trie_file ? line_of(j, r->token, r->n) : r->text;
    j->failed = j->failed || put_output(j, text, r->token, r->n, r->sum, words[r->reason], steps);
    if (j->trie_file || j->samples > 1)
        say(j, text, r->sum, true);
    else if (!j->json)
        putchar('\n');
}

static lorec_err samples(job *j)
{
    const lm_text *m = j->words.text;
    batcher *b;
    TRY(batcher_new(&b, j->words.session, &(batcher_options){.running = 1}));
    batch_request r = {.prompt = j->ids.id,
                       .n = (int64_t)j->ids.n,
                       .max_tokens = j->tokens,
                       .how = {.temperature = (float)j->temperature,
                               .top_k = j->top_k,
                               .top_p = (float)j->top_p,
                               .min_p = (float)j->min_p,
                               .repetition = (float)j->repetition},
                       .seed = (uint64_t)j->seed,
                       .end = m->end,
                       .ends = j->no_end ? 0 : m->ends,
                       .only = j->trie_file ? &j->only : NULL,
                       .tokenizer = m->tokenizer,
                       .stop = j->stop.item,
                       .stops = j->stop.n,
                       .tops = (size_t)j->tops,
                       .token = stream,
                       .done = finish,
                       .ctx = j};
    lorec_err e = LOREC_OK;
    for (int64_t i = 0; i < j->samples && !e && !j->failed; i++) {
        r.number = (uint64_t)i;
        j->steps = j->tops ? json_array() : NULL;
        e = batcher_run(b, &r, 1);
    }
    batcher_free(b);
    return e ? e : j->failed ? LOREC_FAILED : LOREC_OK;
}

/* ---- the command ---------------------------------------------------------------------------------------------------------------- */

static lorec_err generate(job *j)
{
    TRY(prepare(j));
    TRY(j->beam > 0 ? beams(j) : samples(j));
    if (!j->json) return LOREC_OK;
    json_t *outputs = j->outputs;
    j->outputs = NULL;
    return print_json_object(
        json_pack("{s:i, s:i, s:o}", "schema", 1, "prompt_tokens", (int)j->ids.n, "outputs", outputs));
}

static lorec_err run_generate(int argc, char **argv)
{
    job j = {.keep = 1, .samples = 1, .repetition = 1};
    const arg rows[] = {
        LM_WORDS(&j.words),
        {"prompt", 'p', ARG_TEXT, &j.prompt_text, "TEXT", "the prompt"},
        {"prompt-file", 0, ARG_TEXT, &j.prompt_file, "FILE", "the prompt is all of a file"},
        {"trie", 0, ARG_TEXT, &j.trie_file, "FILE", "only lines of FILE can come out"},
        {"beam", 'b', ARG_INT, &j.beam, "B", "so many beams", .min = 1, .max = 65536},
        {"length-power", 0, ARG_REAL, &j.length_power, "X", "beams are ordered by logprob / length^X; default 0",
         .min = 0, .max = 100},
        {"groups", 0, ARG_INT, &j.groups, "G", "diverse beams: G groups of B / G", .min = 1, .max = 65536},
        {"diversity", 0, ARG_REAL, &j.diversity, "X", "what a token costs that another group took; default 0", .min = 0,
         .max = 1e6},
        {"tokens", 'n', ARG_INT, &j.tokens, "TOKENS", "at most so many new ones; default 128, or what the trie needs",
         .min = 1, .max = 1 << 24},
        {"temperature", 't', ARG_REAL, &j.temperature, "X", "draw instead of taking the likeliest", .min = 0,
         .max = 1e6, .given = &j.temperature_given},
        {"top-k", 0, ARG_INT, &j.top_k, "K", "of the K likeliest", .min = 0, .max = 1e9},
        {"top-p", 0, ARG_REAL, &j.top_p, "P", "of the fewest with that share", .min = 0, .max = 1},
        {"min-p", 0, ARG_REAL, &j.min_p, "P", "of those at least P times as likely as the best", .min = 0, .max = 1},
        {"repetition", 0, ARG_REAL, &j.repetition, "X", "above 1: what was said becomes less likely", .min = 0.01,
         .max = 1e6},
        {"samples", 's', ARG_INT, &j.samples, "N", "so many", .min = 1, .max = 1e6},
        {"seed", 0, ARG_INT, &j.seed, "N", "of the draws; default 0", .min = 0, .max = 9e15},
        {"stop", 0, ARG_LIST, &j.stop, "TEXT", "end before TEXT; may be repeated"},
        {"no-end", 0, ARG_FLAG, &j.no_end, NULL, "the model's end token is a token like others"},
        {"logprobs", 0, ARG_INT, &j.tops, "K", "with --json: each token's log probability and the K likeliest",
         .min = 0, .max = 1000},
        {"keep", 0, ARG_INT, &j.keep, "N", "first tokens that stay of a prompt that is too long; default 1", .min = 0,
         .max = 1 << 24},
        {"refuse", 0, ARG_FLAG, &j.refuse, NULL, "a prompt that is too long is an error"},
        {"json", 0, ARG_FLAG, &j.json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_lm_generate, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 0, 0, "no words"), done);
    signals_catch();
    e = generate(&j);
done:
    lm_words_close(&j.words);
    buf_free(&j.prompt);
    text_lines_free(&j.lines);
    trie_free(&j.trie);
    tokens_free(&j.ids);
    text_list_free(&j.stop);
    json_decref(j.outputs);
    json_decref(j.steps);
    args_free(&a);
    return e;
}

/* lorec lm tokenize, lorec lm detokenize: texts to ids and back, as pipes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "text/tokenizer.h"

static lorec_err run_tokenize(int argc, char **argv);
const command command_lm_tokenize = {
    .name = "lm tokenize",
    .summary = "texts to token ids",
    .usage = "lorec lm tokenize --model FILE [--special] < TEXTS",
    .details =
        "Texts come on stdin, a NUL between them; a NUL at the very end ends the last one. Each becomes one line of\n"
        "ids with blanks between; an empty text is an empty line. Nothing is trimmed, and bytes need not be UTF-8.\n"
        "Without --special nothing is put around a text, and \"<s>\" in it is three characters.\n"
        "FILE: a model's folder, tokenizer.json, vocab.json (merges.txt beside it), vocab.txt, a SentencePiece\n"
        ".model, a .gguf (vocabularies alone too), llama2.c's tokenizer.bin.",
    .examples = "  printf 'first text\\0second text' | lorec lm tokenize --model models/qwen3\n",
    .run = run_tokenize,
};

static lorec_err run_detokenize(int argc, char **argv);
const command command_lm_detokenize = {
    .name = "lm detokenize",
    .summary = "token ids to texts",
    .usage = "lorec lm detokenize --model FILE [--special] < IDS",
    .details = "The inverse of lorec lm tokenize: each line of ids on stdin becomes a text on stdout, ended by a NUL.\n"
               "Special tokens are left out; --special writes them.",
    .examples = "  printf '9707 1879\\n' | lorec lm detokenize --model models/qwen3\n",
    .run = run_detokenize,
};

typedef struct job {
    tokenizer *tokenizer;
    unsigned flags;
    tokens ids;
    buf text;
} job;

/* ---- texts to ids -------------------------------------------------------------------------------------------------------- */

static lorec_err put_line(job *j, slice text)
{
    j->ids.n = 0;
    buf_clear(&j->text);
    TRY(tokenizer_encode(j->tokenizer, text, j->flags, &j->ids));
    for (size_t i = 0; i < j->ids.n; i++) TRY(buf_printf(&j->text, i ? " %d" : "%d", (int)j->ids.id[i]));
    TRY(buf_add(&j->text, "\n", 1));
    if (fwrite(j->text.p, 1, j->text.n, stdout) != j->text.n) return err_errno("stdout");
    return LOREC_OK;
}

static lorec_err tokenize(job *j)
{
    char *text = NULL;
    size_t cap = 0, number = 0;
    lorec_err e = LOREC_OK;
    for (ssize_t n; !e && (n = getdelim(&text, &cap, 0, stdin)) >= 0;) {
        if (n && text[n - 1] == 0) n--;
        number++;
        e = put_line(j, (slice){text, (size_t)n});
    }
    if (!e && ferror(stdin)) e = err_errno("stdin");
    free(text);
    return e ? err_context(e, "text %zu", number) : LOREC_OK;
}

/* ---- ids to texts -------------------------------------------------------------------------------------------------------- */

static lorec_err put_text(job *j, slice line)
{
    j->ids.n = 0;
    buf_clear(&j->text);
    while (line.n) {
        slice word = slice_cut(&line, ' ');
        int64_t id;
        if (word.n == 0) continue;
        if (!slice_to_i64(word, &id) || id < 0 || id > INT32_MAX)
            return err_set(LOREC_INPUT, "\"%.*s\" is not a token id", (int)(word.n > 40 ? 40 : word.n), word.p);
        TRY(tokens_add(&j->ids, (int32_t)id));
    }
    TRY(tokenizer_decode(j->tokenizer, j->ids.id, j->ids.n, j->flags, &j->text));
    TRY(buf_add(&j->text, "", 1));
    if (fwrite(j->text.p, 1, j->text.n, stdout) != j->text.n) return err_errno("stdout");
    return LOREC_OK;
}

static lorec_err detokenize(job *j)
{
    char *text = NULL;
    size_t cap = 0, number = 0;
    lorec_err e = LOREC_OK;
    for (ssize_t n; !e && (n = getline(&text, &cap, stdin)) >= 0;) {
        while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
        number++;
        e = put_text(j, (slice){text, (size_t)n});
    }
    if (!e && ferror(stdin)) e = err_errno("stdin");
    free(text);
    return e ? err_context(e, "line %zu", number) : LOREC_OK;
}

/* ---- both ---------------------------------------------------------------------------------------------------------------- */

static lorec_err run(const command *which, lorec_err (*work)(job *j), unsigned special, int argc, char **argv)
{
    const char *model = NULL;
    bool parse = false;
    const arg words[] = {{"model", 'm', ARG_TEXT, &model, "FILE", "the vocabulary: a file or a model's folder"},
                         {"special", 0, ARG_FLAG, &parse, NULL, "special tokens are parsed, put around, written"}};
    args a = {.command = which, .rows = words, .n = 2};
    job j = {0};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 0, 0, "no words"), done);
    if (!model) e = err_set(LOREC_USAGE, "--model FILE is needed");
    if (!e) e = tokenizer_open(&j.tokenizer, model);
    j.flags = parse ? special : TOKENIZER_PLAIN;
    if (!e) e = work(&j);
    if (!e && fflush(stdout)) e = err_errno("stdout");
done:
    tokens_free(&j.ids);
    buf_free(&j.text);
    tokenizer_free(j.tokenizer);
    args_free(&a);
    return e;
}

static lorec_err run_tokenize(int argc, char **argv)
{
    return run(&command_lm_tokenize, tokenize, TOKENIZER_PARSE_SPECIAL | TOKENIZER_FRAME, argc, argv);
}

static lorec_err run_detokenize(int argc, char **argv)
{
    return run(&command_lm_detokenize, detokenize, TOKENIZER_PARSE_SPECIAL, argc, argv);
}

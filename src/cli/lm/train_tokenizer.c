/* lorec lm train-tokenizer: a vocabulary of one's own from texts. */
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "text/tokenizer_train.h"

static lorec_err run(int argc, char **argv);
const command command_lm_train_tokenizer = {
    .name = "lm train-tokenizer",
    .summary = "make a vocabulary from texts: byte-level BPE or Unigram",
    .usage = "lorec lm train-tokenizer TEXTS... --out FILE [--kind bpe|unigram] [--size N] [--special TOKEN]...",
    .details =
        "TEXTS are files with one text a line (.gz and .zst are read too). FILE is written as a tokenizer.json that\n"
        "Hugging Face's tokenizers reads the same way. The same texts, in any order, give the same file.\n"
        "bpe: over bytes, words cut as GPT-2 cuts them; every text comes back as it was.\n"
        "unigram: over characters with byte fallback, spaces written as \"\xE2\x96\x81\".",
    .examples = "  lorec lm train-tokenizer titles.txt --out tokenizer.json --size 4000 --special '<|endoftext|>' "
                "--special '<pad>'\n",
    .run = run,
};

static lorec_err add_file(tokenizer_trainer *tr, const char *path, size_t *texts)
{
    lines l;
    slice line;
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    for (; !e && lines_next(&l, &line); (*texts)++) e = tokenizer_trainer_add(tr, line);
    if (e) err_context(e, "%s, line %zu", path, l.number);
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

static lorec_err make(const args *a, const tokenizer_training *s, const char *out)
{
    tokenizer_trainer *tr;
    json_t *file = NULL;
    size_t texts = 0;
    double begin = clock_seconds();
    TRY(tokenizer_trainer_new(&tr, s));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < a->n_words && !e; i++) e = add_file(tr, a->word[i], &texts);
    if (!e) e = tokenizer_trainer_finish(tr, &file);
    if (!e) e = json_write(file, out);
    if (!e) {
        const json_t *vocab = json_object_get(json_object_get(file, "model"), "vocab");
        size_t n = json_is_array(vocab) ? json_array_size(vocab) : json_object_size(vocab);
        log_info("%s: %zu tokens from %zu texts in %.1f s", out, n, texts, clock_seconds() - begin);
    }
    json_decref(file);
    tokenizer_trainer_free(tr);
    return e;
}

static lorec_err run(int argc, char **argv)
{
    const char *out = NULL, *kind = "bpe";
    int64_t size = 8000, least = 2;
    text_list special = {0};
    const arg words[] = {
        {"out", 'o', ARG_TEXT, &out, "FILE", "the tokenizer.json to write"},
        {"kind", 0, ARG_TEXT, &kind, "KIND", "bpe or unigram (bpe)"},
        {"size", 0, ARG_INT, &size, "N", "tokens, special ones and bytes included (8000)", .min = 258, .max = 4e6},
        {"special", 0, ARG_LIST, &special, "TOKEN", "a special token, in the order of their ids; may be repeated"},
        {"least", 0, ARG_INT, &least, "N", "bpe: a merge has to occur so often (2)", .min = 1, .max = 1e9}};
    args a = {.command = &command_lm_train_tokenizer, .rows = words, .n = sizeof words / sizeof *words};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 1, SIZE_MAX, "TEXTS..."), done);
    bool bpe = strcmp(kind, "bpe") == 0;
    if (!out) e = err_set(LOREC_USAGE, "--out FILE is needed");
    if (!e && !bpe && strcmp(kind, "unigram")) e = err_set(LOREC_USAGE, "--kind is \"%s\"; it is bpe or unigram", kind);
    if (!e)
        e = make(&a,
                 &(tokenizer_training){.kind = bpe ? TOKENIZER_BPE : TOKENIZER_UNIGRAM,
                                       .size = (size_t)size,
                                       .special = special.item,
                                       .n_special = special.n,
                                       .least = (uint64_t)least},
                 out);
done:
    text_list_free(&special);
    args_free(&a);
    return e;
}

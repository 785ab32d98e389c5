/* lorec lm classify: lines of text to the classes of a model that tells them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/signals.h"
#include "lm/classify.h"

static lorec_err run_classify(int argc, char **argv);
const command command_lm_classify = {
    .name = "lm classify",
    .summary = "lines of text to the classes that a model tells apart",
    .usage = "lorec lm classify --model M [options] < LINES",
    .details =
        "M is a model with a classifier: what `lorec lm train --objective classes` makes, or one of Hugging Face's "
        "for\n"
        "sequence classification (BERT, RoBERTa, DistilBERT, ELECTRA; decoders with a \"score\"). Each line of stdin "
        "is\n"
        "a text and becomes one JSON object on stdout, in order (256 lines are worked on at once):\n"
        "  {\"label\": NAME, \"probability\": P}        the most likely class; names are config.json's id2label\n"
        "  {..., \"probabilities\": {NAME: P, ...}}   with --all, and where several classes may be true at once\n"
        "  {\"value\": X}                             of a model with a single output\n"
        "With --pairs a line is two texts with a tab between them, for models of pairs (rerankers, entailment). A "
        "text\n"
        "that is too long keeps its beginning, of a pair the first text stays whole. A line in which the model has\n"
        "nothing to read (an empty one, where its tokenizer puts nothing around a text) has nulls.",
    .examples =
        "  lorec lm classify --model models/reviews < reviews.txt\n"
        "  paste queries.txt titles.txt | lorec lm classify --model models/cross-encoder --pairs > scores.jsonl\n",
    .run = run_classify,
};

enum { LINES = 256 }; /* at most at once */

typedef struct job {
    const char *model, *weights;
    classifier_options o;
    bool pairs, all;
    classifier *c;
    buf text;
    size_t end[LINES]; /* of each line in text */
    size_t n, done, nulls;
    float *logits;
} job;

/* ---- lines in ------------------------------------------------------------------------------------------------------------ */

/* Up to LINES lines, fewer where they are long; one where somebody types. */
static lorec_err read_some(job *j, bool *more)
{
    enum { ENOUGH = 1 << 16 };
    char *line = NULL;
    size_t cap = 0;
    lorec_err e = LOREC_OK;
    buf_clear(&j->text);
    j->n = 0;
    *more = true;
    size_t most = isatty(STDIN_FILENO) ? 1 : LINES;
    while (!e && j->n < most && j->text.n < ENOUGH) {
        ssize_t n = getline(&line, &cap, stdin);
        *more = n >= 0;
        if (n < 0) break;
        if (n && line[n - 1] == '\n') n--;
        if (n && line[n - 1] == '\r') n--;
        e = buf_add(&j->text, line, (size_t)n);
        j->end[j->n++] = j->text.n;
    }
    if (!e && ferror(stdin)) e = err_errno("stdin");
    free(line);
    return e;
}

static lorec_err cut_lines(const job *j, slice *first, slice *second)
{
    const char *p = j->text.p ? j->text.p : "";
    for (size_t i = 0; i < j->n; i++) {
        size_t begin = i ? j->end[i - 1] : 0;
        slice line = {p + begin, j->end[i] - begin};
        first[i] = line;
        if (!j->pairs) continue;
        if (!memchr(line.p, '\t', line.n))
            return err_set(LOREC_INPUT, "line %zu has no tab: --pairs reads two texts with a tab between them",
                           j->done + i + 1);
        first[i] = slice_cut(&line, '\t');
        second[i] = line;
    }
    return LOREC_OK;
}

/* ---- objects out --------------------------------------------------------------------------------------------------------- */

static json_t *number(float x)
{
    return isnan(x) ? json_null() : json_real((double)x);
}

static json_t *all_of(const job *j, const float *p)
{
    json_t *o = json_object();
    for (int64_t i = 0; i < classifier_classes(j->c) && o; i++)
        json_object_set_new(o, classifier_name(j->c, i), number(p[i]));
    return o;
}

static json_t *object_of(const job *j, float *row)
{
    int64_t best = 0;
    if (classifier_kind_of(j->c) == CLASSES_VALUE && classifier_classes(j->c) == 1)
        return json_pack("{s:o}", "value", number(row[0]));
    classifier_probabilities(j->c, row);
    for (int64_t i = 1; i < classifier_classes(j->c); i++)
        if (row[i] > row[best]) best = i;
    bool none = isnan(row[best]);
    json_t *o = json_pack("{s:o, s:o}", "label", none ? json_null() : json_string(classifier_name(j->c, best)),
                          "probability", number(row[best]));
    if (o && (j->all || classifier_kind_of(j->c) == CLASSES_EACH))
        json_object_set_new(o, "probabilities", all_of(j, row));
    return o;
}

static lorec_err print_some(job *j)
{
    for (size_t i = 0; i < j->n; i++) {
        float *row = j->logits + i * (size_t)classifier_classes(j->c);
        j->nulls += isnan(row[0]) != 0;
        json_t *o = object_of(j, row);
        char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
        json_decref(o);
        if (!text) return err_set(LOREC_RESOURCE, "out of memory for a line");
        bool failed = puts(text) < 0;
        free(text);
        if (failed) return err_errno("stdout");
    }
    return fflush(stdout) ? err_errno("stdout") : LOREC_OK;
}

static lorec_err classify(job *j)
{
    slice first[LINES], second[LINES];
    bool more = true;
    TRY(mem_new(&j->logits, (size_t)classifier_classes(j->c) * LINES));
    while (more) {
        TRY(read_some(j, &more));
        TRY(cut_lines(j, first, second));
        lorec_err e = classifier_logits(j->c, first, j->pairs ? second : NULL, j->n, j->logits);
        if (e) return err_context(e, "of the lines from %zu on", j->done + 1);
        TRY(print_some(j));
        j->done += j->n;
        TRY(cancel_check());
    }
    if (j->nulls) log_warn("%zu of %zu lines have no token that the model could read", j->nulls, j->done);
    return LOREC_OK;
}

static lorec_err run_classify(int argc, char **argv)
{
    job j = {.o = {.form = LM_KEEP}};
    const arg rows[] = {
        {"model", 'm', ARG_TEXT, &j.model, "M", "a model's folder"},
        {"tokenizer", 0, ARG_TEXT, &j.o.tokenizer, "FILE", "its vocabulary, where it is not in M"},
        {"adapter", 0, ARG_TEXT, &j.o.adapter, "FOLDER", "an adapter that acts on it"},
        {"pairs", 0, ARG_FLAG, &j.pairs, NULL, "lines are two texts with a tab between"},
        {"all", 0, ARG_FLAG, &j.all, NULL, "the probability of every class"},
        {"max-tokens", 0, ARG_INT, &j.o.max_tokens, "N", "cut texts there (default: where the model's positions end)",
         .min = 2, .max = 1e9},
        {"weights", 0, ARG_TEXT, &j.weights, "FORM", "keep (as the file has them), f32, bf16, q8 or q4; default keep"},
        {"bf16", 0, ARG_FLAG, &j.o.bf16, NULL, "activations in bf16 too"},
    };
    args a = {.command = &command_lm_classify, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 0, 0, "no words"), done);
    signals_catch();
    if (!j.model) TRY_GO(e, err_set(LOREC_USAGE, "--model M is needed"), done);
    if (j.weights && !lm_form_find(j.weights, &j.o.form))
        TRY_GO(e, err_set(LOREC_USAGE, "--weights %s: there are keep, f32, bf16, q8, q4", j.weights), done);
    TRY_GO(e, classifier_open(&j.c, j.model, &j.o), done);
    e = classify(&j);
done:
    classifier_free(j.c);
    buf_free(&j.text);
    mem_free(j.logits);
    args_free(&a);
    return e;
}

/* lorec data import, lorec data sample. */
#include "cli/data/parts.h"
#include "data/filter.h"
#include "data/readers.h"

static lorec_err run_import(int argc, char **argv);
const command command_data_import = {
    .name = "data import",
    .summary = "a raw file or folder into a prepared folder",
    .usage = "lorec data import PATH [--out FOLDER] [--format NAME] [--columns user=...,item=...] [filters]",
    .details =
        "Rows are sorted by user and time; ids, titles and side columns are kept; filters say what they removed.\n"
        "Bad rows are errors with the line and what is wrong; --skip-bad-rows counts and skips them.",
    .examples =
        "  lorec data import ml-100k/ --out prepared/ml-100k\n"
        "  lorec data import ratings.csv --columns user=reviewer,item=asin,time=ts --user-core 5 --item-core 5\n"
        "  lorec data import Beauty.txt.gz --item-text beauty_items.tsv.gz\n",
    .run = run_import,
};

typedef struct asked {
    import_options import;
    filter_options filter;
    const char *out, *after, *before, *duplicates;
    int64_t user_core, item_core;
    bool json, by_min, by_max;
} asked;

static lorec_err moment(const char *name, const char *text, int64_t *out)
{
    *out = 0;
    if (!text || parse_time(slice_of(text), out)) return LOREC_OK;
    return err_set(LOREC_USAGE, "--%s: \"%s\" is neither seconds since 1970 nor a date such as 2014-07-01", name, text);
}

static lorec_err settle(asked *x)
{
    TRY(moment("after", x->after, &x->filter.after));
    TRY(moment("before", x->before, &x->filter.before));
    x->filter.by_rating = x->by_min || x->by_max;
    x->filter.user_core = (uint32_t)x->user_core;
    x->filter.item_core = (uint32_t)x->item_core;
    if (!x->duplicates || strcmp(x->duplicates, "keep") == 0) return LOREC_OK;
    if (strcmp(x->duplicates, "first") == 0)
        x->filter.deduplicate = FILTER_KEEP_FIRST;
    else if (strcmp(x->duplicates, "last") == 0)
        x->filter.deduplicate = FILTER_KEEP_LAST;
    else
        return err_set(LOREC_USAGE, "--duplicates: \"%s\"; write keep, first or last", x->duplicates);
    return LOREC_OK;
}

static bool filters(const filter_options *f)
{
    return f->by_rating || f->user_core || f->item_core || f->after || f->before || f->deduplicate;
}

static lorec_err import(const asked *x, const char *path)
{
    dataset d, small;
    TRY(dataset_load(&d, path, &x->import));
    lorec_err e = LOREC_OK;
    if (filters(&x->filter)) {
        e = dataset_filter(&small, &d, &x->filter);
        dataset_close(&d);
        TRY(e);
        d = small;
    }
    e = data_save(&d, x->out, x->json);
    dataset_close(&d);
    return e;
}

static lorec_err run_import(int argc, char **argv)
{
    asked x = {0};
    const arg rows[] = {
        {"out", 'o', ARG_TEXT, &x.out, "FOLDER", "where to write; default: prepared/NAME"},
        {"format", 'f', ARG_TEXT, &x.import.format, "NAME",
         "the form of the file (`lorec data formats`); default: guessed"},
        {"columns", 0, ARG_TEXT, &x.import.columns, "WORDS",
         "user=NAME,item=NAME,rating=NAME,time=NAME,title=NAME of a CSV or TSV"},
        {"only", 0, ARG_TEXT, &x.import.only, "COLUMN=WORDS", "rows with one of the words there: event=cart|purchase"},
        {"item-text", 0, ARG_TEXT, &x.import.item_text, "FILE",
         "titles, categories ... of the items: a TSV, CSV or JSON lines"},
        {"skip-bad-rows", 0, ARG_FLAG, &x.import.skip_bad_rows, NULL, "count and skip rows that can not be read"},
        {"review-text", 0, ARG_FLAG, &x.import.review_text, NULL, "of files of reviews keep what was written"},
        {"keep-unseen", 0, ARG_FLAG, &x.import.keep_unseen, NULL, "keep users and items that never interact"},
        {"min-rating", 0, ARG_REAL, &x.filter.min_rating, "R", "only ratings of at least R", .given = &x.by_min},
        {"max-rating", 0, ARG_REAL, &x.filter.max_rating, "R", "only ratings of at most R", .given = &x.by_max},
        {"after", 0, ARG_TEXT, &x.after, "TIME", "only from this moment on: seconds, or 2014-07-01"},
        {"before", 0, ARG_TEXT, &x.before, "TIME", "only before this moment"},
        {"duplicates", 0, ARG_TEXT, &x.duplicates, "WORD", "same user and item again: keep (default), first or last"},
        {"user-core", 0, ARG_INT, &x.user_core, "N", "only users with at least N interactions", .min = 0, .max = 1e9},
        {"item-core", 0, ARG_INT, &x.item_core, "N", "only items with at least N interactions", .min = 0, .max = 1e9},
        {"json", 0, ARG_FLAG, &x.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_data_import, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, 1, "PATH");
    if (!e && !a.done) e = settle(&x);
    if (!e && !a.done) e = import(&x, a.word[0]);
    args_free(&a);
    return e;
}

static lorec_err run_sample(int argc, char **argv);
const command command_data_sample = {
    .name = "data sample",
    .summary = "the bundled catalogue, made from a seed",
    .usage = "lorec data sample [--users N] [--seed N] [--out FOLDER]",
    .details =
        "A bookshop with 600 books (titles, categories, series, seasons) and readers with tastes. `--data sample`\n"
        "uses the same without writing it; `--data sample:500x7` is 500 readers from seed 7.",
    .run = run_sample,
};

static lorec_err run_sample(int argc, char **argv)
{
    int64_t users = 0, seed = 42;
    const char *out = NULL;
    bool json = false;
    const arg rows[] = {
        {"users", 'u', ARG_INT, &users, "N", "how many readers; default 1500", .min = 1, .max = 1e7},
        {"seed", 's', ARG_INT, &seed, "N", "default 42", .min = 0, .max = 9e15},
        {"out", 'o', ARG_TEXT, &out, "FOLDER", "where to write; default: prepared/sample"},
        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_data_sample, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 0, 0, "no words");
    dataset d;
    if (!e && !a.done && !(e = dataset_sample(&d, (uint32_t)users, (uint64_t)seed))) {
        e = data_save(&d, out, json);
        dataset_close(&d);
    }
    args_free(&a);
    return e;
}

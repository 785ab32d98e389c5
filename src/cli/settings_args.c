/* The options that `lorec run` and `lorec tune` share, and how they become settings. */
#include "cli/settings_args.h"

void settings_args_rows(settings_args *a, arg rows[SETTINGS_ARGS])
{
    const arg list[] = {
        {"data", 'd', ARG_TEXT, &a->data, "PATH",
         "a prepared folder, a raw file or folder of any known form, or \"sample\""},
        {"format", 0, ARG_TEXT, &a->format, "NAME",
         "the form of a raw file, where guessing fails (`lorec data formats`)"},
        {"columns", 0, ARG_TEXT, &a->columns, "MAP", "which CSV column is what: user=a,item=b,rating=c,time=d"},
        {"only", 0, ARG_TEXT, &a->only, "COLUMN=WORDS", "rows with one of the words there: event=cart|purchase"},
        {"item-text", 0, ARG_TEXT, &a->item_text, "FILE", "a TSV or CSV with item ids, titles, categories"},
        {"skip-bad-rows", 0, ARG_FLAG, &a->skip_bad_rows, NULL,
         "count and skip bad rows instead of stopping at the first"},
        {"review-text", 0, ARG_FLAG, &a->review_text, NULL,
         "of files of reviews keep what was written (explanations learn from it)"},
        {"min-rating", 0, ARG_TEXT, &a->min_rating, "X", "keep ratings of X and more"},
        {"max-rating", 0, ARG_TEXT, &a->max_rating, "X", "keep ratings of X and less"},
        {"user-core", 0, ARG_TEXT, &a->user_core, "N", "keep users with N rows and more, until nothing changes"},
        {"item-core", 0, ARG_TEXT, &a->item_core, "N", "the same for items"},
        {"after", 0, ARG_TEXT, &a->after, "TIME",
         "keep rows from this time on: seconds since 1970, or a date such as 2014-07-01"},
        {"before", 0, ARG_TEXT, &a->before, "TIME", "keep rows before this time"},
        {"duplicates", 0, ARG_TEXT, &a->duplicates, "WHICH", "of the same user and item: keep (all), first, last"},
        {"split", 0, ARG_TEXT, &a->split, "HOW",
         "loo (default), ratio:8:1:1 by time, ratio-random:8:1:1, ratio-all:8:1:1, time, files"},
        {"split-seed", 0, ARG_TEXT, &a->split_seed, "N", "seed of a random split (default: 42)"},
        {"eval", 0, ARG_TEXT, &a->eval, "CANDIDATES",
         "full (default), uniform@99, pop@99, slate:FILE, or METHOD@20: what a method retrieves"},
        {"eval-seed", 0, ARG_TEXT, &a->eval_seed, "N", "seed of drawn candidates (default: 42)"},
        {"keep-seen", 0, ARG_FLAG, &a->keep_seen, NULL, "rank what the user had before too"},
        {"positive-rating", 0, ARG_TEXT, &a->positive_rating, "R",
         "a row is liked from this rating on (default: 4 of 5, or four fifths of the largest)"},
        {"metrics", 0, ARG_TEXT, &a->metrics, "LIST", "default: recall,ndcg,mrr,coverage; each may have its own @k"},
        {"topk", 0, ARG_TEXT, &a->topk, "LIST", "cut-offs for metrics without one (default: 10)"},
        {"valid-metric", 0, ARG_TEXT, &a->valid_metric, "METRIC", "what early stopping looks at (default: ndcg@10)"},
        {"valid-users", 0, ARG_TEXT, &a->valid_users, "N", "validate on so many users, drawn once (default: all)"},
        {"llm", 0, ARG_TEXT, &a->llm, "SPEC",
         "the language model of methods that ask one: http://HOST/v1#MODEL, local:PATH, replay:FILE, record:FILE=SPEC"},
        {"adapter", 0, ARG_TEXT, &a->adapter, "DIR",
         "an adapter in peft's form, tuned elsewhere or before: what methods that tune take instead of training, and "
         "what acts "
         "on --llm local:PATH"},
        {"test-users", 0, ARG_TEXT, &a->test_users, "N",
         "judge by so many test users, drawn once by --eval-seed: a protocol of its own (default: all)"},
        {"seed", 's', ARG_TEXT, &a->seed, "N[,N...]", "one result for each (default: 1)"},
        {"set", 0, ARG_LIST, &a->set, "K=V",
         "an option of the methods, or METHOD.K=V of one; may be repeated (`lorec methods KEY` lists them)"},
        {"config", 'c', ARG_TEXT, &a->config, "FILE", "YAML or JSON in RecBole's words; the command line wins over it"},
        {"fast", 0, ARG_FLAG, &a->fast, NULL,
         "the smallest settings that still show the point of each method; its controls stay whole"},
        {"no-controls", 0, ARG_FLAG, &a->no_controls, NULL,
         "without popularity, last-item Markov, repeat and EASE beside"},
    };
    _Static_assert(sizeof list == SETTINGS_ARGS * sizeof *list, "every row is copied");
    memcpy(rows, list, sizeof list);
}

static lorec_err give(settings *s, const char *name, const char *value)
{
    return value ? settings_set(s, name, value) : LOREC_OK;
}

lorec_err settings_from_args(settings *s, const settings_args *a, const args *words)
{
    TRY(settings_default(s));
    if (a->config) TRY(config_read(s, a->config));
    buf methods = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < words->n_words && !e; i++) e = buf_printf(&methods, "%s%s", i ? "," : "", words->word[i]);
    if (!e && words->n_words) e = settings_set(s, "methods", methods.p);
    buf_free(&methods);
    const struct {
        const char *name, *value;
    } given[] = {
        {"data", a->data},
        {"format", a->format},
        {"columns", a->columns},
        {"only", a->only},
        {"item_text", a->item_text},
        {"skip_bad_rows", a->skip_bad_rows ? "true" : NULL},
        {"review_text", a->review_text ? "true" : NULL},
        {"min_rating", a->min_rating},
        {"max_rating", a->max_rating},
        {"user_core", a->user_core},
        {"item_core", a->item_core},
        {"after", a->after},
        {"before", a->before},
        {"duplicates", a->duplicates},
        {"split", a->split},
        {"split_seed", a->split_seed},
        {"eval", a->eval},
        {"eval_seed", a->eval_seed},
        {"keep_seen", a->keep_seen ? "true" : NULL},
        {"positive_rating", a->positive_rating},
        {"metrics", a->metrics},
        {"topk", a->topk},
        {"valid_metric", a->valid_metric},
        {"valid_users", a->valid_users},
        {"test_users", a->test_users},
        {"llm", a->llm},
        {"adapter", a->adapter},
        {"seed", a->seed},
        {"fast", a->fast ? "true" : NULL},
        {"controls", a->no_controls ? "false" : NULL},
    };
    for (size_t i = 0; i < sizeof given / sizeof *given && !e; i++) e = give(s, given[i].name, given[i].value);
    for (size_t i = 0; i < a->set.n && !e; i++) e = settings_add(s, a->set.item[i], true);
    if (!e && !s->data) e = err_set(LOREC_USAGE, "--data is missing: a file, a folder, or \"sample\"");
    return e;
}

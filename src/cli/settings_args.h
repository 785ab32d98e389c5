/* settings_args.h: the options of `lorec run` and `lorec tune` that are settings: rows for args_parse, and what was given.
 *
 *     settings_args given = {0};
 *     arg rows[SETTINGS_ARGS];
 *     settings_args_rows(&given, rows);
 *     ... args_parse(&a, argc, argv) ...
 *     TRY(settings_from_args(&s, &given, &a));        // the command line over --config over the defaults
 *     text_list_free(&given.set);
 *
 * Ownership: texts are argv's; the list of --set is the caller's to free. */
#ifndef LOREC_CLI_SETTINGS_ARGS_H
#define LOREC_CLI_SETTINGS_ARGS_H

#include "cli/args.h"
#include "runs/settings.h"

typedef struct settings_args {
    const char *data, *format, *columns, *only, *item_text, *split, *eval, *positive_rating, *metrics, *topk,
        *valid_metric, *seed, *config;
    const char *min_rating, *max_rating, *user_core, *item_core, *after, *before, *duplicates, *split_seed;
    const char *eval_seed, *valid_users, *test_users, *llm, *adapter;
    bool skip_bad_rows, review_text, keep_seen, fast, no_controls;
    text_list set;
} settings_args;
enum { SETTINGS_ARGS = 32 };
void settings_args_rows(settings_args *a, arg rows[SETTINGS_ARGS]);
lorec_err settings_from_args(settings *s, const settings_args *a, const args *words);

#endif

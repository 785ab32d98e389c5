/* settings.h: everything that decides a run, from three places: the command line over a config file over the defaults.
 *
 *     settings s;
 *     TRY(settings_default(&s));
 *     TRY(config_read(&s, "sasrec.yaml"));             // RecBole's words; see config.c
 *     TRY(settings_set(&s, "split", "ratio:8:1:1"));   // what the command line says comes last and wins
 *     json_t *resolved = settings_json(&s);            // reading it back as a config file gives the same run
 *     settings_free(&s);
 *
 * Ownership: settings own their texts and lists until settings_free. */
#ifndef LOREC_RUNS_SETTINGS_H
#define LOREC_RUNS_SETTINGS_H

#include "base/options.h"
#include "base/text_list.h"
#include "data/filter.h"
#include "data/split.h"
#include "methods/registry.h"

typedef struct method_set { /* one name=value for a method, or for every requested one that has it */
    char *method;           /* NULL: any */
    char *name, *value;
    bool strict; /* has to be an option of something requested (command line); otherwise it may be idle (file) */
} method_set;

typedef struct settings {
    const char *methods; /* "ease,sasrec" */
    const char *data, *format, *columns, *only, *item_text, *llm, *adapter;
    bool skip_bad_rows, review_text;
    double min_rating, max_rating;
    int64_t user_core, item_core;
    const char *after, *before; /* a time or a date */
    int duplicates;             /* enum filter_duplicates */
    const char *split;
    int64_t split_seed; /* -1: the split's own */
    const char *eval;
    int64_t eval_seed;
    bool keep_seen;
    double positive_rating; /* 0: by the scale */
    const char *metrics, *topk, *valid_metric;
    int64_t valid_users, test_users;
    const char *seed; /* "1,2,3" */
    bool fast, controls;
    method_set *set;
    size_t n_set, set_cap;
} settings;

extern const option settings_options[];
extern const size_t settings_n_options;

lorec_err settings_default(settings *s);
void settings_free(settings *s);
lorec_err settings_set(settings *s, const char *name, const char *value); /* a row of settings_options */
/* "name=value" or "method.name=value"; unknown methods and (when strict) options are found by settings_check. */
lorec_err settings_add(settings *s, const char *words, bool strict);
lorec_err settings_add_named(settings *s, const char *method, const char *name, const char *value, bool strict);

/* The methods named, in order, each once. */
lorec_err settings_methods(const settings *s, const recommender ***list, size_t *n);
/* Every --set must be for something: LOREC_USAGE with the nearest option otherwise. */
lorec_err settings_check(const settings *s, const recommender *const *requested, size_t n);
/* "name=value" texts for one method, in order (--llm and --adapter among them: an adapter is what the option `adapter` goes on with,
 * with epochs=0, or what acts on the local model behind --llm); free with text_list_free after freeing the texts with settings_sets_free. */
lorec_err settings_sets(const settings *s, const recommender *r, bool requested, text_list *out);
lorec_err settings_sets_add(text_list *list, const char *words); /* one more */
void settings_sets_free(text_list *list);

lorec_err settings_seeds(const settings *s, uint64_t **seeds, size_t *n);
/* "recall,ndcg@5" and "10,20" -> "recall@10,recall@20,ndcg@5", lower case. */
lorec_err settings_metrics(const settings *s, buf *out);
/* Are only yes/no and rating metrics asked for (auc, logloss, rmse ...)? */
bool settings_only_pairs(const settings *s);
lorec_err settings_split(const settings *s, split_options *out);
lorec_err settings_filter(const settings *s, filter_options *out, bool *any);
/* No import options and no filters any more: for data that is prepared and filtered already. */
void settings_forget_source(settings *s);
json_t *settings_json(const settings *s); /* NULL: out of memory */

/* config.c: a YAML or JSON file in RecBole's words, on top of what is set. Unknown keys: LOREC_USAGE with the nearest. */
lorec_err config_read(settings *s, const char *path);
/* The same from a mapping. strict: an option without its method's name has to be one of something requested. */
lorec_err config_apply(settings *s, const json_t *root, bool strict);

#endif

#include "runs/settings.h"

#include <ctype.h>
#include <stdio.h>

#include "base/mem.h"
#include "data/readers.h"

static const char *const duplicate_words[] = {"keep", "first", "last", NULL};

/* Names and aliases are the words of config files too; RecBole's are aliases where they differ. */
const option settings_options[] = {
    OPTION_TEXT(settings, methods, NULL, "methods, separated by commas", .alias = "model"),
    OPTION_TEXT(settings, data, NULL, "a prepared folder, a raw file or folder, or \"sample\"", .alias = "dataset"),
    OPTION_TEXT(settings, format, NULL, "the form of the raw file; guessed otherwise"),
    OPTION_TEXT(settings, columns, NULL, "which CSV column is what: user=a,item=b,rating=c,time=d"),
    OPTION_TEXT(settings, only, NULL, "rows of a CSV or JSON with one of these words there: event=cart|purchase"),
    OPTION_TEXT(settings, item_text, NULL, "a TSV or CSV with item ids, titles, categories"),
    OPTION_BOOL(settings, skip_bad_rows, 0, "count and skip bad rows"),
    OPTION_BOOL(settings, review_text, 0, "of files of reviews keep what was written"),
    OPTION_REAL(settings, min_rating, 0, -1e9, 1e9, "keep ratings from here on; 0: all"),
    OPTION_REAL(settings, max_rating, 0, -1e9, 1e9, "keep ratings up to here; 0: all"),
    OPTION_INT(settings, user_core, 0, 0, 1e9, "keep users with so many rows"),
    OPTION_INT(settings, item_core, 0, 0, 1e9, "keep items with so many rows"),
    OPTION_TEXT(settings, after, NULL, "keep rows from this time on: seconds since 1970, or a date such as 2014-07-01"),
    OPTION_TEXT(settings, before, NULL, "keep rows before this time"),
    OPTION_CHOICE(settings, duplicates, "keep", duplicate_words,
                  "of equal user and item: keep all, the first, the last"),
    OPTION_TEXT(settings, split, "loo", "how train, validation and test are cut"),
    OPTION_INT(settings, split_seed, 42, 0, 1e15, "seed of a random split"),
    OPTION_TEXT(settings, eval, "full", "candidates that are ranked"),
    OPTION_INT(settings, eval_seed, 42, 0, 1e15, "seed of drawn candidates"),
    OPTION_BOOL(settings, keep_seen, 0, "rank what the user had before too", .alias = "repeatable"),
    OPTION_REAL(settings, positive_rating, 0, 0, 1e9,
                "a row is liked from this rating on, for click metrics and what learns from them; 0: by the scale"),
    OPTION_TEXT(settings, metrics, NULL, "what is measured, separated by commas"),
    OPTION_TEXT(settings, topk, "10", "cut-offs for metrics without their own"),
    OPTION_TEXT(settings, valid_metric, NULL, "what early stopping and tuning look at"),
    OPTION_INT(settings, valid_users, 0, 0, 4e9, "validate on so many users; 0: all"),
    OPTION_TEXT(settings, llm, NULL, "the language model of methods that ask one"),
    OPTION_TEXT(settings, adapter, NULL, "an adapter (peft's folder) instead of training, of methods that tune"),
    OPTION_INT(settings, test_users, 0, 0, 4e9, "judge by so many of the test users; 0: all"),
    OPTION_TEXT(settings, seed, "1", "seeds, separated by commas"),
    OPTION_BOOL(settings, fast, 0, "the smallest settings that still show the point"),
    OPTION_BOOL(settings, controls, 1, "put the trivial rules and EASE beside the methods"),
};
const size_t settings_n_options = sizeof settings_options / sizeof *settings_options;

lorec_err settings_default(settings *s)
{
    *s = (settings){0};
    return options_default(settings_options, settings_n_options, s);
}

void settings_free(settings *s)
{
    options_free(settings_options, settings_n_options, s);
    for (size_t i = 0; i < s->n_set; i++) {
        mem_free(s->set[i].method);
        mem_free(s->set[i].name);
        mem_free(s->set[i].value);
    }
    mem_free(s->set);
    *s = (settings){0};
}

lorec_err settings_set(settings *s, const char *name, const char *value)
{
    return options_set(settings_options, settings_n_options, s, name, value);
}

/* ---- options of methods ---------------------------------------------------------------------------------------------- */

lorec_err settings_add_named(settings *s, const char *method, const char *name, const char *value, bool strict)
{
    TRY(mem_grow(&s->set, &s->set_cap, s->n_set + 1));
    method_set *m = &s->set[s->n_set++];
    *m = (method_set){.strict = strict};
    TRY(mem_dup(&m->method, method));
    TRY(mem_dup(&m->name, name));
    return mem_dup(&m->value, value);
}

lorec_err settings_add(settings *s, const char *words, bool strict)
{
    char left[128], *dot;
    const char *equal = strchr(words, '=');
    if (!equal || equal == words || (size_t)(equal - words) >= sizeof left)
        return err_set(LOREC_USAGE, "--set %s: write name=value or method.name=value", words);
    snprintf(left, sizeof left, "%.*s", (int)(equal - words), words);
    if (!(dot = strchr(left, '.'))) return settings_add_named(s, NULL, left, equal + 1, strict);
    *dot = 0;
    const recommender *r;
    TRY(registry_need(left, &r));
    return settings_add_named(s, left, dot + 1, equal + 1, strict);
}

lorec_err settings_methods(const settings *s, const recommender ***list, size_t *n)
{
    *list = NULL;
    *n = 0;
    size_t cap = 0;
    slice rest = slice_of(s->methods ? s->methods : "");
    lorec_err e = LOREC_OK;
    while (rest.n && !e) {
        slice word = slice_trim(slice_cut(&rest, ','));
        char key[64];
        if (word.n == 0) continue;
        snprintf(key, sizeof key, "%.*s", (int)word.n, word.p);
        for (char *p = key; *p; p++) *p = (char)tolower((unsigned char)*p); /* RecBole writes SASRec */
        const recommender *r;
        e = registry_need(key, &r);
        bool known = false;
        for (size_t i = 0; !e && i < *n; i++) known |= (*list)[i] == r;
        if (!e && !known) e = mem_grow(list, &cap, *n + 1);
        if (!e && !known) (*list)[(*n)++] = r;
    }
    if (!e && *n == 0) e = err_set(LOREC_USAGE, "which method? For example: lorec run ease --data sample");
    if (e) {
        mem_free(*list);
        *list = NULL;
        *n = 0;
    }
    return e;
}

static bool has(const recommender *r, const char *name)
{
    return options_find(r->options, r->n_options, name) != NULL;
}

/* The local model of --llm, which an adapter can act on. */
static bool on_local(const settings *s, const recommender *r)
{
    return s->llm && has(r, "llm") && !has(r, "adapter") && strncmp(s->llm, "local:", 6) == 0;
}

static bool applies(const method_set *m, const recommender *r, bool requested)
{
    if (m->method) return strcmp(m->method, r->key) == 0;
    return requested && options_find(r->options, r->n_options, m->name);
}

static lorec_err check_option(const recommender *r, const char *name)
{
    if (options_find(r->options, r->n_options, name)) return LOREC_OK;
    void *self; /* its own message has the nearest name */
    TRY(recommender_new(r, &self));
    lorec_err e = options_set(r->options, r->n_options, self, name, "");
    recommender_free(r, self);
    return err_context(e, "%s", r->key);
}

lorec_err settings_check(const settings *s, const recommender *const *requested, size_t n)
{
    for (size_t i = 0; i < s->n_set; i++) {
        const method_set *m = &s->set[i];
        if (m->method) { /* known by name, whether it runs or not */
            const recommender *r;
            TRY(registry_need(m->method, &r));
            TRY(check_option(r, m->name));
        }
        bool used = m->method || !m->strict;
        for (size_t r = 0; r < n && !used; r++) used = applies(m, requested[r], true);
        if (used) continue;
        const char *near = NULL, *of = NULL;
        for (size_t r = 0; r < n && !near; r++) {
            for (size_t o = 0; o < requested[r]->n_options && !near; o++) {
                const char *name = requested[r]->options[o].name;
                near = err_nearest(m->name, &name, 1);
                of = requested[r]->key;
            }
        }
        if (near) return err_set(LOREC_USAGE, "no option \"%s\"; did you mean \"%s\" of %s?", m->name, near, of);
        return err_set(LOREC_USAGE, "no option \"%s\" in what is run; `lorec methods %s` lists what there is", m->name,
                       requested[0]->key);
    }
    bool taken = !s->adapter;
    for (size_t r = 0; r < n && !taken; r++) taken = has(requested[r], "adapter") || on_local(s, requested[r]);
    if (!taken)
        return err_set(
            LOREC_USAGE,
            "--adapter %s: nothing that is run takes one: methods that tune a model do (option adapter), and "
            "those that ask --llm local:PATH",
            s->adapter);
    return LOREC_OK;
}

static lorec_err sets_add(text_list *out, const char *name, const char *value)
{
    buf b = {0};
    lorec_err e = buf_printf(&b, "%s=%s", name, value);
    if (!e) e = text_list_add(out, b.p);
    if (e) buf_free(&b);
    return e;
}

static lorec_err adapted(const settings *s, const recommender *r, text_list *out)
{
    buf spec = {0};
    if (!on_local(s, r)) return LOREC_OK;
    lorec_err e = buf_printf(&spec, "%s%cadapter=%s", s->llm, strchr(s->llm, '?') ? '&' : '?', s->adapter);
    if (!e) e = sets_add(out, "llm", spec.p);
    buf_free(&spec);
    return e;
}

lorec_err settings_sets(const settings *s, const recommender *r, bool requested, text_list *out)
{
    if (s->llm && has(r, "llm")) TRY(sets_add(out, "llm", s->llm));
    if (s->adapter && requested && has(r, "adapter")) {
        TRY(sets_add(out, "adapter", s->adapter));
        if (has(r, "epochs")) TRY(sets_add(out, "epochs", "0"));
    }
    if (s->adapter && requested) TRY(adapted(s, r, out));
    for (size_t i = 0; i < s->n_set; i++) {
        const method_set *m = &s->set[i];
        if (applies(m, r, requested)) TRY(sets_add(out, m->name, m->value));
    }
    return LOREC_OK;
}

lorec_err settings_sets_add(text_list *list, const char *words)
{
    slice value = slice_of(words), name = slice_cut(&value, '=');
    char left[96];
    snprintf(left, sizeof left, "%.*s", (int)name.n, name.p);
    return sets_add(list, left, value.p);
}

void settings_sets_free(text_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        buf b = {.p = (char *)(uintptr_t)list->item[i]};
        buf_free(&b);
    }
    text_list_free(list);
}

/* ---- what the words mean --------------------------------------------------------------------------------------------- */

lorec_err settings_seeds(const settings *s, uint64_t **seeds, size_t *n)
{
    *seeds = NULL;
    *n = 0;
    size_t cap = 0;
    slice rest = slice_of(s->seed ? s->seed : "1");
    while (rest.n) {
        slice word = slice_trim(slice_cut(&rest, ','));
        uint64_t seed;
        lorec_err e = LOREC_OK;
        if (!slice_to_u64(word, &seed) || seed > INT64_MAX)
            e = err_set(LOREC_USAGE, "--seed %s: whole numbers separated by commas", s->seed);
        for (size_t i = 0; !e && i < *n; i++)
            if ((*seeds)[i] == seed)
                e = err_set(LOREC_USAGE, "--seed %s: %llu is there twice", s->seed, (unsigned long long)seed);
        if (!e) e = mem_grow(seeds, &cap, *n + 1);
        if (e) {
            mem_free(*seeds);
            *seeds = NULL;
            return e;
        }
        (*seeds)[(*n)++] = seed;
    }
    return *n ? LOREC_OK : err_set(LOREC_USAGE, "--seed: at least one number");
}

static lorec_err add_metric(buf *out, slice name, slice cut)
{
    if (out->n) TRY(buf_puts(out, ","));
    for (size_t i = 0; i < name.n; i++) TRY(buf_printf(out, "%c", tolower((unsigned char)name.p[i])));
    return cut.n ? buf_printf(out, "@%.*s", (int)cut.n, cut.p) : LOREC_OK;
}

static bool has_cut(slice name)
{
    static const char *const without[] = {"auc", "gauc", "logloss", "rmse", "mae"};
    if (memchr(name.p, '@', name.n)) return false;
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        if (name.n == strlen(without[i]) && strncasecmp(name.p, without[i], name.n) == 0) return false;
    return true;
}

lorec_err settings_metrics(const settings *s, buf *out)
{
    slice rest = slice_of(s->metrics && *s->metrics ? s->metrics : "recall,ndcg,mrr,coverage");
    while (rest.n) {
        slice name = slice_trim(slice_cut(&rest, ','));
        if (name.n == 0) continue;
        slice cuts = slice_of(has_cut(name) ? s->topk : "");
        if (cuts.n == 0) TRY(add_metric(out, name, cuts));
        while (cuts.n) TRY(add_metric(out, name, slice_trim(slice_cut(&cuts, ','))));
    }
    return out->n ? LOREC_OK : err_set(LOREC_USAGE, "--metrics: at least one, such as ndcg@10");
}

bool settings_only_pairs(const settings *s)
{
    slice rest = slice_of(s->metrics ? s->metrics : "");
    bool any = false;
    while (rest.n) {
        slice name = slice_trim(slice_cut(&rest, ','));
        if (name.n == 0) continue;
        if (memchr(name.p, '@', name.n) || has_cut(name)) return false;
        any = true;
    }
    return any;
}

lorec_err settings_split(const settings *s, split_options *out)
{
    *out = (split_options){.seed = (uint64_t)s->split_seed};
    return split_parse(out, s->split);
}

static lorec_err moment(const char *name, const char *text, int64_t *out)
{
    *out = 0;
    if (!text || !*text || parse_time(slice_of(text), out)) return LOREC_OK;
    return err_set(LOREC_USAGE, "--%s: \"%s\" is neither seconds since 1970 nor a date such as 2014-07-01", name, text);
}

lorec_err settings_filter(const settings *s, filter_options *out, bool *any)
{
    filter_options f = {.by_rating = s->min_rating != 0 || s->max_rating != 0,
                        .min_rating = s->min_rating != 0 ? s->min_rating : -1e30,
                        .max_rating = s->max_rating,
                        .user_core = (uint32_t)s->user_core,
                        .item_core = (uint32_t)s->item_core,
                        .deduplicate = (filter_duplicates)s->duplicates};
    TRY(moment("after", s->after, &f.after));
    TRY(moment("before", s->before, &f.before));
    *any = f.by_rating || f.user_core || f.item_core || f.after || f.before || f.deduplicate != FILTER_KEEP_ALL;
    *out = f;
    return LOREC_OK;
}

void settings_forget_source(settings *s)
{
    const char **texts[] = {&s->format, &s->columns, &s->only, &s->item_text, &s->after, &s->before};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mem_free((void *)(uintptr_t)*texts[i]);
        *texts[i] = NULL;
    }
    s->min_rating = s->max_rating = 0;
    s->user_core = s->item_core = 0;
    s->duplicates = FILTER_KEEP_ALL;
}

json_t *settings_json(const settings *s)
{
    json_t *root = options_json(settings_options, settings_n_options, s);
    for (size_t i = 0; root && i < s->n_set; i++) {
        char name[160];
        const method_set *m = &s->set[i];
        snprintf(name, sizeof name, "%s%s%s", m->method ? m->method : "", m->method ? "." : "", m->name);
        json_object_set_new(root, name, json_string(m->value));
    }
    return root;
}

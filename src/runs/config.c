/* A config file in RecBole's words (https://recbole.io, "config settings"), so that its files can be used as they are:
 *
 *     model: SASRec                       methods (a list is fine)
 *     dataset: ml-100k                    data
 *     eval_args: {split: {LS: valid_and_test}, order: TO, group_by: user, mode: full}
 *     metrics: [Recall, NDCG]             topk: [10, 20]      valid_metric: NDCG@10
 *     val_interval: {rating: "[3,inf)"}   user_inter_num_interval: "[5,inf)"
 *     threshold: {rating: 4}              positive_rating
 *     learning_rate: 0.001                any option of a method, for every requested method that has it
 *     sasrec: {hidden_size: 64}           or of one method; "sasrec.hidden_size: 64" is the same
 *
 * Keys that mean nothing here (gpu_id ...) are told and passed over; unknown ones are errors. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "runs/settings.h"

/* RecBole's words for its own machinery: paths, devices, logging, loading. They decide nothing about a result here. */
static const char *const idle[] = {
    "gpu_id",
    "use_gpu",
    "worker",
    "device",
    "state",
    "show_progress",
    "reproducibility",
    "data_path",
    "checkpoint_dir",
    "save_dataset",
    "save_dataloaders",
    "dataset_save_path",
    "dataloaders_save_path",
    "log_wandb",
    "wandb_project",
    "encoding",
    "field_separator",
    "seq_separator",
    "load_col",
    "unload_col",
    "unused_col",
    "additional_feat_suffix",
    "USER_ID_FIELD",
    "ITEM_ID_FIELD",
    "RATING_FIELD",
    "TIME_FIELD",
    "NEG_PREFIX",
    "LABEL_FIELD",
    "ITEM_LIST_LENGTH_FIELD",
    "LIST_SUFFIX",
    "POSITION_FIELD",
    "eval_batch_size",
    "valid_metric_bigger",
    "metric_decimal_place",
    "loss_decimal_place",
    "benchmark_filename",
    "alias_of_user_id",
    "alias_of_item_id",
    "shuffle",
    "train_neg_sample_args",
    "single_spec",
    "local_rank",
    "enable_amp",
    "enable_scaler",
    "transform",
    "normalize_all",
};
enum { IDLE = sizeof idle / sizeof *idle };

/* ---- scalars and lists as text --------------------------------------------------------------------------------------- */

static lorec_err scalar(const json_t *v, const char *key, buf *out)
{
    if (json_is_string(v)) return buf_puts(out, json_string_value(v));
    if (json_is_boolean(v)) return buf_puts(out, json_is_true(v) ? "true" : "false");
    if (json_is_integer(v)) return buf_printf(out, "%lld", (long long)json_integer_value(v));
    if (json_is_real(v)) return buf_printf(out, "%.17g", json_real_value(v));
    return err_set(LOREC_USAGE, "\"%s\" has to be a single value%s", key,
                   json_is_object(v)  ? ", not a mapping"
                   : json_is_array(v) ? ", not a list"
                                      : "");
}

static lorec_err text_of(const json_t *v, const char *key, buf *out)
{
    buf_clear(out);
    if (!json_is_array(v)) return scalar(v, key, out);
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i) TRY(buf_puts(out, ","));
        TRY(scalar(json_array_get(v, i), key, out));
    }
    return LOREC_OK;
}

static lorec_err set_row(settings *s, const char *name, const json_t *v)
{
    if (json_is_null(v)) return LOREC_OK;
    buf text = {0};
    lorec_err e = text_of(v, name, &text);
    if (!e) e = settings_set(s, name, text.p ? text.p : "");
    buf_free(&text);
    return e;
}

static lorec_err set_method(settings *s, const char *method, const char *name, const json_t *v, bool strict)
{
    if (json_is_null(v)) return LOREC_OK;
    buf text = {0};
    lorec_err e = text_of(v, name, &text);
    if (!e) e = settings_add_named(s, method, name, text.p ? text.p : "", strict);
    buf_free(&text);
    return e;
}

/* ---- eval_args ------------------------------------------------------------------------------------------------------- */

typedef struct eval_args {
    double ratio[3];
    bool loo, random, by_user;
} eval_args;

static lorec_err read_split(const json_t *v, eval_args *a)
{
    const json_t *rs = json_object_get(v, "RS"), *ls = json_object_get(v, "LS");
    const char *key;
    json_t *unused;
    json_object_foreach((json_t *)(uintptr_t)v, key, unused)
    {
        if (strcmp(key, "RS") != 0 && strcmp(key, "LS") != 0)
            return err_set(LOREC_USAGE, "eval_args: split: \"%s\" is neither RS (ratios) nor LS (leave one out)", key);
    }
    if (ls && !json_is_null(ls)) {
        const char *how = json_string_value(ls);
        if (!how || strcmp(how, "valid_and_test") != 0)
            return err_set(LOREC_USAGE, "eval_args: split: LS has to be valid_and_test");
        a->loo = true;
        return LOREC_OK;
    }
    if (!json_is_array(rs) || json_array_size(rs) < 2 || json_array_size(rs) > 3)
        return err_set(LOREC_USAGE, "eval_args: split: RS has to be a list such as [0.8, 0.1, 0.1]");
    size_t n = json_array_size(rs);
    for (size_t i = 0; i < n; i++) {
        size_t at = n == 2 && i == 1 ? 2 : i; /* two ratios: train and test */
        a->ratio[at] = json_number_value(json_array_get(rs, i));
        if (!(a->ratio[at] >= 0)) return err_set(LOREC_USAGE, "eval_args: split: RS: ratios are numbers from 0 on");
    }
    return LOREC_OK;
}

static lorec_err apply_split(settings *s, const eval_args *a)
{
    if (a->loo) {
        if (a->random)
            return err_set(LOREC_USAGE, "eval_args: LS with order RO: the last item is last by time; use order TO");
        return settings_set(s, "split", "loo");
    }
    char words[160];
    if (a->random && !a->by_user)
        return err_set(LOREC_USAGE, "eval_args: order RO needs group_by user; for all rows together use order TO");
    snprintf(words, sizeof words, "%s:%.9g:%.9g:%.9g",
             !a->by_user ? "ratio-all"
             : a->random ? "ratio-random"
                         : "ratio",
             a->ratio[0], a->ratio[1], a->ratio[2]);
    return settings_set(s, "split", words);
}

/* full, uni100, pop100; or {valid: .., test: ..}, of which the test's counts. */
static lorec_err read_mode(settings *s, const json_t *v)
{
    if (json_is_object(v)) v = json_object_get(v, "test");
    const char *mode = json_string_value(v);
    char words[64];
    if (!mode) return err_set(LOREC_USAGE, "eval_args: mode has to be full, uniN or popN");
    if (strcmp(mode, "full") == 0) return settings_set(s, "eval", "full");
    bool uni = strncmp(mode, "uni", 3) == 0, pop = strncmp(mode, "pop", 3) == 0;
    int64_t n;
    if ((!uni && !pop) || !slice_to_i64(slice_of(mode + 3), &n) || n < 1)
        return err_set(LOREC_USAGE, "eval_args: mode \"%s\": has to be full, uniN or popN", mode);
    snprintf(words, sizeof words, "%s@%lld", uni ? "uniform" : "pop", (long long)n);
    return settings_set(s, "eval", words);
}

static lorec_err read_eval_args(settings *s, const json_t *v)
{
    static const char *const known[] = {"split", "order", "mode", "group_by"};
    eval_args a = {.ratio = {0.8, 0.1, 0.1}, .random = true, .by_user = true}; /* RecBole's defaults */
    const char *key;
    json_t *field;
    if (!json_is_object(v))
        return err_set(LOREC_USAGE, "eval_args has to be a mapping of split, order, group_by, mode");
    json_object_foreach((json_t *)(uintptr_t)v, key, field)
    {
        const char *word = json_string_value(field);
        if (strcmp(key, "split") == 0) {
            TRY(read_split(field, &a));
        } else if (strcmp(key, "order") == 0) {
            if (!word || (strcmp(word, "RO") != 0 && strcmp(word, "TO") != 0))
                return err_set(LOREC_USAGE, "eval_args: order has to be RO (by chance) or TO (by time)");
            a.random = *word == 'R';
        } else if (strcmp(key, "group_by") == 0) {
            a.by_user = word && strcmp(word, "user") == 0;
        } else if (strcmp(key, "mode") == 0) {
            TRY(read_mode(s, field));
        } else {
            const char *near = err_nearest(key, known, 4);
            return err_set(LOREC_USAGE, "eval_args has no \"%s\"%s%s%s", key, near ? "; did you mean \"" : "",
                           near ? near : "", near ? "\"?" : "");
        }
    }
    if (a.loo && !json_object_get(v, "order")) a.random = false;
    return apply_split(s, &a);
}

/* ---- intervals ------------------------------------------------------------------------------------------------------- */

/* "[5,inf)" -> 5 and +inf; open ends are not exact for ratings, and refused. */
static lorec_err read_interval(const char *key, const char *text, double *low, double *high)
{
    char a[40], b[40], open, close;
    if (!text || sscanf(text, " %c%39[^,],%39[^])]%c", &open, a, b, &close) != 4 || (open != '[' && open != '(') ||
        (close != ']' && close != ')'))
        return err_set(LOREC_USAGE, "%s: \"%s\" is no interval such as \"[5,inf)\"", key, text ? text : "");
    slice sa = slice_trim(slice_of(a)), sb = slice_trim(slice_of(b));
    *low = -INFINITY;
    *high = INFINITY;
    bool ok = slice_is(sa, "-inf") || slice_to_f64(sa, low);
    ok = ok && (slice_is(sb, "inf") || slice_is(sb, "+inf") || slice_to_f64(sb, high));
    if (!ok) return err_set(LOREC_USAGE, "%s: \"%s\": the ends have to be numbers or inf", key, text);
    if ((open == '(' && isfinite(*low)) || (close == ')' && isfinite(*high)))
        return err_set(LOREC_USAGE, "%s: \"%s\": write the ends closed, such as \"[5,inf)\"", key, text);
    return LOREC_OK;
}

static lorec_err set_number(settings *s, const char *name, double x)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g", x);
    return settings_set(s, name, text);
}

static lorec_err read_core(settings *s, const char *key, const json_t *v, const char *name)
{
    double low, high;
    if (json_is_null(v)) return LOREC_OK;
    TRY(read_interval(key, json_string_value(v), &low, &high));
    if (isfinite(high)) return err_set(LOREC_USAGE, "%s: an upper end is not offered", key);
    return set_number(s, name, isfinite(low) ? low : 0);
}

static lorec_err read_val_interval(settings *s, const json_t *v)
{
    const char *field;
    json_t *interval_text;
    json_object_foreach((json_t *)(uintptr_t)v, field, interval_text)
    {
        double low, high;
        TRY(read_interval("val_interval", json_string_value(interval_text), &low, &high));
        if (strcmp(field, "rating") == 0) {
            if (isfinite(low)) TRY(set_number(s, "min_rating", low));
            if (isfinite(high)) TRY(set_number(s, "max_rating", high));
        } else if (strcmp(field, "timestamp") == 0) {
            if (isfinite(low)) TRY(set_number(s, "after", low));
            if (isfinite(high)) TRY(set_number(s, "before", high + 1));
        } else {
            return err_set(LOREC_USAGE, "val_interval: \"%s\" is neither rating nor timestamp", field);
        }
    }
    return LOREC_OK;
}

static lorec_err read_threshold(settings *s, const json_t *v)
{
    const json_t *from = json_object_get(v, "rating");
    if (json_object_size(v) != 1 || !json_is_number(from))
        return err_set(LOREC_USAGE, "threshold has to be a mapping such as {rating: 4}");
    return set_number(s, "positive_rating", json_number_value(from));
}

/* ---- keys ------------------------------------------------------------------------------------------------------------ */

static bool any_method_has(const char *name)
{
    for (size_t i = 0; i < registry_count(); i++)
        if (options_find(registry_at(i)->options, registry_at(i)->n_options, name)) return true;
    return false;
}

static lorec_err unknown(const char *key)
{
    const char *best = err_nearest(
        key, (const char *const[]){"eval_args", "val_interval", "user_inter_num_interval", "item_inter_num_interval"},
        4);
    for (size_t i = 0; i < settings_n_options && !best; i++) {
        const char *words[] = {settings_options[i].name, settings_options[i].alias};
        best = err_nearest(key, words, words[1] ? 2 : 1);
    }
    for (size_t i = 0; i < registry_count() && !best; i++) {
        const recommender *r = registry_at(i);
        best = err_nearest(key, &r->key, 1);
        for (size_t o = 0; o < r->n_options && !best; o++) best = err_nearest(key, &r->options[o].name, 1);
    }
    if (best) return err_set(LOREC_USAGE, "there is no setting \"%s\"; did you mean \"%s\"?", key, best);
    return err_set(LOREC_USAGE, "there is no setting \"%s\"; `lorec run --help` and `lorec methods KEY` list them",
                   key);
}

static lorec_err read_method(settings *s, const recommender *r, const json_t *v)
{
    const char *name;
    json_t *field;
    if (!json_is_object(v)) return err_set(LOREC_USAGE, "\"%s\" has to be a mapping of its options", r->key);
    json_object_foreach((json_t *)(uintptr_t)v, name, field) TRY(set_method(s, r->key, name, field, true));
    return LOREC_OK;
}

static lorec_err read_key(settings *s, const char *key, const json_t *v, bool strict)
{
    const recommender *r;
    const char *dot = strchr(key, '.');
    if (strcmp(key, "eval_args") == 0) return read_eval_args(s, v);
    if (strcmp(key, "val_interval") == 0) return json_is_null(v) ? LOREC_OK : read_val_interval(s, v);
    if (strcmp(key, "threshold") == 0) return json_is_null(v) ? LOREC_OK : read_threshold(s, v);
    if (strcmp(key, "user_inter_num_interval") == 0) return read_core(s, key, v, "user_core");
    if (strcmp(key, "item_inter_num_interval") == 0) return read_core(s, key, v, "item_core");
    if (options_find(settings_options, settings_n_options, key)) return set_row(s, key, v);
    if ((r = registry_find(key))) return read_method(s, r, v);
    if (dot) {
        char method[64];
        snprintf(method, sizeof method, "%.*s", (int)(dot - key), key);
        TRY(registry_need(method, &r));
        return set_method(s, method, dot + 1, v, true);
    }
    if (any_method_has(key)) return set_method(s, NULL, key, v, strict);
    for (size_t i = 0; i < IDLE; i++) {
        if (strcmp(idle[i], key) != 0) continue;
        log_info("config: \"%s\" means nothing here and is passed over", key);
        return LOREC_OK;
    }
    return unknown(key);
}

lorec_err config_apply(settings *s, const json_t *root, bool strict)
{
    const char *key;
    json_t *v;
    if (!json_is_object(root)) return err_set(LOREC_INPUT, "has to be a mapping of settings");
    json_object_foreach((json_t *)(uintptr_t)root, key, v) TRY(read_key(s, key, v, strict));
    return LOREC_OK;
}

lorec_err config_read(settings *s, const char *path)
{
    json_t *root = NULL;
    size_t n = strlen(path);
    TRY(n > 5 && strcmp(path + n - 5, ".json") == 0 ? json_read(&root, path) : yaml_read(&root, path));
    lorec_err e = config_apply(s, root, false);
    json_decref(root);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

#include "runs/workbench.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "eval/controls.h"
#include "runs/first_stage.h"

lorec_err workbench_load(dataset *out, const settings *s)
{
    return dataset_load(out, s->data,
                        &(import_options){.format = s->format,
                                          .columns = s->columns,
                                          .only = s->only,
                                          .item_text = s->item_text,
                                          .skip_bad_rows = s->skip_bad_rows,
                                          .review_text = s->review_text});
}

static lorec_err load(workbench *w, const settings *s, const dataset *given)
{
    double start = clock_seconds();
    if (!given) {
        if (!s->data) return err_set(LOREC_USAGE, "which data? A file, a folder, or \"sample\"");
        TRY(workbench_load(&w->source, s));
        w->has_source = true;
        given = &w->source;
    }
    w->data = given;
    bool any;
    filter_options f;
    TRY(settings_filter(s, &f, &any));
    if (any) {
        TRY(dataset_filter(&w->filtered, given, &f));
        w->has_filtered = true;
        w->data = &w->filtered;
        log_info("filters: %llu of %llu interactions are kept", (unsigned long long)w->filtered.rows.n,
                 (unsigned long long)given->rows.n);
    }
    log_info("%s: %u users, %u items, %llu interactions (%.2f s)", w->data->name, w->data->rows.n_users,
             w->data->rows.n_items, (unsigned long long)w->data->rows.n, clock_seconds() - start);
    return LOREC_OK;
}

/* Click and rating models answer yes or no; where nothing else is asked for, that is measured. */
static lorec_err choose_metrics(workbench *w, const settings *s, bool pairs, buf *names_list)
{
    if (pairs && !s->metrics)
        TRY(buf_puts(names_list, "auc,gauc,logloss"));
    else
        TRY(settings_metrics(s, names_list));
    const char *headline = s->valid_metric ? s->valid_metric : pairs ? "auc" : "ndcg@10";
    metric m;
    char lower[24];
    size_t n = strlen(headline);
    if (n >= sizeof lower) return err_set(LOREC_USAGE, "--valid-metric %s: no such metric", headline);
    for (size_t i = 0; i <= n; i++)
        lower[i] = headline[i] >= 'A' && headline[i] <= 'Z' ? (char)(headline[i] + 32) : headline[i];
    TRY(metric_parse(&m, slice_of(lower)));
    snprintf(w->headline, sizeof w->headline, "%s", m.name);
    return LOREC_OK;
}

/* The protocol that judges: candidates that a method retrieves are a slate by now. */
static lorec_err test_protocol(workbench *w, const settings *s, const char *metric_names)
{
    const recommender *r;
    int64_t n;
    buf slates = {0}, words = {0};
    bool retrieved = first_stage_is(s->eval, &r, &n);
    lorec_err e = retrieved ? first_stage_slates(&slates, s, &w->split, r, n) : LOREC_OK;
    if (!e) e = buf_printf(&words, "%s%s", retrieved ? "slate:" : s->eval, retrieved ? slates.p : "");
    if (!e) e = protocol_make(&w->test, &w->split, words.p, metric_names, s->keep_seen, (uint64_t)s->eval_seed);
    w->has_test = !e;
    if (!e && retrieved) e = protocol_set_words(&w->test, s->eval);
    if (!e && s->positive_rating > 0) e = protocol_set_positive(&w->test, s->positive_rating);
    if (!e && s->test_users) e = protocol_set_users(&w->test, (uint32_t)s->test_users);
    if (slates.n) (void)unlink(slates.p);
    buf_free(&slates);
    buf_free(&words);
    return e;
}

/* A slate is made for the test users; validation then ranks everything. What scores given candidates only (a question to a language
 * model for each of them) is validated by as many drawn ones. */
static lorec_err few_protocol(workbench *w, const settings *s)
{
    uint64_t lists = 0, items = w->test.start[w->split.train.n_users];
    for (uint32_t u = 0; u < w->split.train.n_users; u++) lists += w->test.start[u + 1] > w->test.start[u];
    char words[40];
    uint64_t mean = lists ? items / lists : 0;
    snprintf(words, sizeof words, "uniform@%llu", (unsigned long long)(mean > 2 ? mean - 1 : 1));
    TRY(protocol_make(&w->valid_few, &w->split, words, w->headline, s->keep_seen, (uint64_t)s->eval_seed));
    w->has_few = true;
    return s->positive_rating > 0 ? protocol_set_positive(&w->valid_few, s->positive_rating) : LOREC_OK;
}

static bool only_given(const recommender *r)
{
    return !r->score && !r->recommend;
}

const protocol *workbench_valid(const workbench *w, const recommender *r)
{
    return w->has_few && only_given(r) ? &w->valid_few : &w->valid;
}

/* Where few users are tested because each costs so much, no more are validated. */
uint32_t workbench_valid_users(const workbench *w, const settings *s, const recommender *r)
{
    return (uint32_t)(s->valid_users || !w->has_few || !only_given(r) ? s->valid_users : s->test_users);
}

/* What is wrong in the words alone is said before the data are read. */
static lorec_err check_words(const settings *s, const char *metric_names)
{
    metric *list = NULL;
    size_t n;
    int64_t drawn;
    bool any;
    filter_options f;
    const recommender *r;
    lorec_err e = metrics_parse(&list, &n, metric_names);
    mem_free(list);
    if (!e && !first_stage_is(s->eval, &r, &drawn)) e = protocol_check_candidates(s->eval);
    return e ? e : settings_filter(s, &f, &any);
}

lorec_err workbench_open_on(workbench *w, const settings *s, const dataset *given, const recommender *const *methods,
                            size_t n)
{
    *w = (workbench){0};
    buf metric_names = {0};
    split_options how;
    bool drawn = strncmp(s->eval, "uniform@", 8) == 0 || strncmp(s->eval, "pop@", 4) == 0;
    lorec_err e = choose_metrics(w, s, settings_only_pairs(s) || methods_only_pairs(methods, n), &metric_names);
    if (!e) e = settings_split(s, &how);
    if (!e) e = check_words(s, metric_names.p);
    if (!e) e = load(w, s, given);
    if (!e) e = split_make(&w->split, w->data, &how);
    w->has_split = !e;
    if (!e) e = test_protocol(w, s, metric_names.p);
    if (!e)
        e = protocol_make(&w->valid, &w->split, drawn ? s->eval : "full", w->headline, s->keep_seen,
                          (uint64_t)s->eval_seed);
    w->has_valid = !e;
    if (!e && s->positive_rating > 0) e = protocol_set_positive(&w->valid, s->positive_rating);
    if (!e && w->test.kind == CANDIDATES_SLATE) e = few_protocol(w, s);
    if (!e)
        log_info("%s: %llu interactions to learn from, %llu to validate on, %llu to test on", w->test.id,
                 (unsigned long long)w->split.train.n, (unsigned long long)w->split.valid.n,
                 (unsigned long long)w->split.test.n);
    buf_free(&metric_names);
    if (e) workbench_close(w);
    return e;
}

lorec_err workbench_open(workbench *w, const settings *s, const recommender *const *methods, size_t n)
{
    return workbench_open_on(w, s, NULL, methods, n);
}

void workbench_close(workbench *w)
{
    if (w->has_few) protocol_close(&w->valid_few);
    if (w->has_valid) protocol_close(&w->valid);
    if (w->has_test) protocol_close(&w->test);
    if (w->has_split) split_close(&w->split);
    if (w->has_filtered) dataset_close(&w->filtered);
    if (w->has_source) dataset_close(&w->source);
    *w = (workbench){0};
}

/* May a fresh model be put into service? */
#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "rec/topk.h"
#include "serve/train/retrain.h"

/* ---- the catalogue ---------------------------------------------------------------------------------------------------------- */

static lorec_err check_catalogue(const variant *fresh, const variant *now, const live *v, double margin, json_t *told)
{
    bool *has;
    uint64_t both = 0, all = 0;
    TRY(mem_new(&has, v->items.n));
    for (uint32_t i = 0; i < fresh->advisor.data.rows.n_items; i++) has[fresh->number[i]] = true;
    for (uint32_t i = 0; i < now->advisor.data.rows.n_items; i++) {
        if (v->item[now->number[i]].hidden) continue;
        all++;
        both += has[now->number[i]];
    }
    mem_free(has);
    double share = all ? (double)both / (double)all : 1;
    json_object_set_new(told, "catalogue", json_real(share));
    if (share >= 1 - margin) return LOREC_OK;
    return err_set(LOREC_FAILED, "it knows %.1f%% of the items that are served now", 100 * share);
}

/* ---- the metric ------------------------------------------------------------------------------------------------------------- */

/* The headline metric of a run's result for its method and seed; NaN where there is none. */
static double headline(const variant *r, char *name, size_t room)
{
    buf path = {0};
    json_t *tree = NULL;
    double value = NAN;
    lorec_err e = run_path(&path, &r->advisor.run, "result.json");
    if (!e && file_exists(path.p)) e = json_read(&tree, path.p);
    const char *metric = json_string_value(json_object_get(tree, "headline"));
    const json_t *results = json_object_get(tree, "results");
    for (size_t i = 0; !e && metric && i < json_array_size(results); i++) {
        const json_t *one = json_array_get(results, i);
        const char *method = json_string_value(json_object_get(one, "method"));
        const json_t *v = json_object_get(json_object_get(one, "metrics"), metric);
        bool same = method && strcmp(method, r->advisor.r->key) == 0 &&
                    json_integer_value(json_object_get(one, "seed")) == (json_int_t)r->advisor.seed;
        if (same && json_is_number(v)) value = json_number_value(v);
    }
    if (metric && strlen(metric) < room) memcpy(name, metric, strlen(metric) + 1);
    json_decref(tree);
    buf_free(&path);
    return value;
}

static bool smaller_is_better(const char *metric)
{
    return strncmp(metric, "rmse", 4) == 0 || strncmp(metric, "mae", 3) == 0 || strncmp(metric, "logloss", 7) == 0;
}

static lorec_err check_metric(const variant *fresh, const variant *now, double margin, json_t *told)
{
    char name[64] = "", was[64] = "";
    double got = headline(fresh, name, sizeof name), before = headline(now, was, sizeof was);
    json_object_set_new(told, "metric", json_string(name));
    json_object_set_new(told, "value", isnan(got) ? json_null() : json_real(got));
    json_object_set_new(told, "in_force", isnan(before) ? json_null() : json_real(before));
    json_object_set_new(told, "margin", json_real(margin));
    if (isnan(got)) return err_set(LOREC_FAILED, "its run has no result");
    if (isnan(before) || strcmp(name, was) != 0) return LOREC_OK; /* nothing to compare it with */
    bool fine = smaller_is_better(name) ? got <= before + fabs(before) * margin : got >= before - fabs(before) * margin;
    if (fine) return LOREC_OK;
    return err_set(LOREC_FAILED, "its %s is %.4g, that in force has %.4g, and the margin is %g%%", name, got, before,
                   100 * margin);
}

/* ---- canaries --------------------------------------------------------------------------------------------------------------- */

static lorec_err list_of(const variant *r, uint32_t user, size_t k, uint32_t *item, float *score, size_t *n)
{
    const interactions *x = &r->advisor.data.rows;
    query q = {.user = user,
               .items = x->item + x->start[user],
               .n = (size_t)(x->start[user + 1] - x->start[user]),
               .now = INT64_MIN};
    if (x->time && q.n) q.times = x->time + x->start[user];
    return recommender_list(r->advisor.r, r->advisor.self, r->session[0], x->n_items, &q, 1, k,
                            !recommender_generates(r->advisor.r, r->advisor.self), item, score, n);
}

static lorec_err check_canaries(variant *r, json_t *told)
{
    enum { CANARIES = 16, K = 10 };
    uint32_t users = r->advisor.data.rows.n_users, item[K], any, asked = 0, empty = 0;
    float score[K];
    size_t k = r->advisor.data.rows.n_items < K ? r->advisor.data.rows.n_items : K;
    for (uint32_t i = 0; i < CANARIES && i < users; i++, asked++) {
        size_t n = 0;
        uint32_t user = users <= CANARIES ? i : (uint32_t)((uint64_t)i * users / CANARIES);
        TRY(list_of(r, user, k, item, score, &n));
        for (size_t a = 0; a < n; a++) {
            if (item[a] >= r->advisor.data.rows.n_items || isnan(score[a]))
                return err_set(LOREC_FAILED, "it lists something that is no item, or has no score");
            for (size_t b = 0; b < a; b++)
                if (item[a] == item[b]) return err_set(LOREC_FAILED, "it lists an item twice");
        }
        empty += n == 0;
    }
    json_object_set_new(told, "canaries", json_integer(asked));
    (void)dataset_find_user(&r->advisor.data, slice_of(""), &any); /* its index is made now, not by the first request */
    if (asked && empty * 2 <= asked) return LOREC_OK;
    return err_set(LOREC_FAILED, "it has nothing to say to %u of %u people of its data", empty, asked);
}

typedef struct check_job {
    variant *fresh;
    const variant *now;
    live *v;
    double margin;
    json_t *told;
} check_job;

static lorec_err check_all(void *ctx, size_t begin, size_t end, int worker)
{
    (void)begin, (void)end, (void)worker;
    const check_job *j = ctx;
    live_read_lock(j->v);
    lorec_err e = check_catalogue(j->fresh, j->now, j->v, j->margin, j->told);
    live_unlock(j->v);
    TRY(e);
    TRY(check_metric(j->fresh, j->now, j->margin, j->told));
    return check_canaries(j->fresh, j->told);
}

lorec_err retrain_check(variant *fresh, const variant *now, live *v, double margin, json_t *told)
{
    check_job j = {fresh, now, v, margin, told};
    return par_alone(check_all, &j); /* the team of workers is the models' thread's */
}

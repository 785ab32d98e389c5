#include "eval/report.h"

#include <math.h>

#include "base/mem.h"

bool report_wants(const protocol *p, metric_family family)
{
    for (size_t j = 0; j < p->n_metrics; j++)
        if (metric_family_of(p->metrics[j].kind) == family) return true;
    return false;
}

uint32_t report_depth(const protocol *p)
{
    for (size_t j = 0; j < p->n_metrics; j++)
        if (metric_family_of(p->metrics[j].kind) == METRIC_OF_LISTS && p->metrics[j].k == 0) return UINT32_MAX;
    return p->max_k;
}

lorec_err report_make(report *r, const protocol *p, const questions *q, bool keep_lists)
{
    enum { LIST_K = 10 }; /* kept where no metric says how long */
    *r = (report){.metrics = p->metrics,
                  .n_metrics = p->n_metrics,
                  .n_users = q->n,
                  .users_without_target = q->users_without_target,
                  .repeated_targets = q->repeated,
                  .candidate_recall = 1};
    size_t n = q->n, cells;
    if (!size_mul(n, p->n_metrics, &cells))
        return err_set(LOREC_RESOURCE, "%zu users with %zu metrics do not fit", n, p->n_metrics);
    TRY(mem_new(&r->user, n));
    TRY(mem_new(&r->value, cells));
    TRY(mem_new(&r->mean, p->n_metrics));
    memcpy(r->user, q->user, n * sizeof *r->user);
    for (size_t i = 0; i < cells; i++) r->value[i] = NAN;
    for (size_t j = 0; j < p->n_metrics; j++) r->mean[j] = NAN;
    if (!keep_lists && !report_wants(p, METRIC_OF_SHOWN)) return LOREC_OK;
    r->k = p->max_k ? p->max_k : LIST_K;
    if (!size_mul(n, r->k, &cells)) return err_set(LOREC_RESOURCE, "%zu lists of %u items do not fit", n, r->k);
    TRY(mem_new(&r->list, cells));
    TRY(mem_new(&r->list_score, cells));
    memset(r->list, 0xff, cells * sizeof *r->list);
    return LOREC_OK;
}

void report_row(report *r, size_t i, place *places, size_t n)
{
    places_sort(places, n);
    float *value = r->value + i * r->n_metrics;
    for (size_t j = 0; j < r->n_metrics; j++) value[j] = (float)metric_of_places(&r->metrics[j], places, n);
}

void report_means(report *r)
{
    for (size_t j = 0; j < r->n_metrics; j++) {
        if (metric_family_of(r->metrics[j].kind) != METRIC_OF_LISTS) continue;
        double sum = 0;
        for (size_t i = 0; i < r->n_users; i++) sum += (double)r->value[i * r->n_metrics + j];
        r->mean[j] = sum / r->n_users;
    }
}

void report_close(report *r)
{
    mem_free(r->user);
    mem_free(r->value);
    mem_free(r->mean);
    mem_free(r->list);
    mem_free(r->list_score);
    *r = (report){0};
}

/* What came of the study: ceilings, and for each attribute and metric the spread, at every length of the list, beside chance. */
#include "base/mem.h"
#include "methods/fairllm/study.h"

static const char *const ceiling_name[CEILINGS] = {"identical", "sample", "reworded"};

static double mean_at(const study *s, int metric, size_t k, size_t col)
{
    return s->sum[metric][(k - 1) * s->columns + col] / (double)s->rows;
}

static lorec_err put(json_t *o, double x, const char *a, const char *b, const char *metric, size_t k)
{
    buf name = {0};
    lorec_err e = buf_printf(&name, "%s.%s%s%s@%zu", a, b, *b ? "." : "", metric, k);
    if (!e && json_object_set_new(o, name.p, json_real(x)) != 0)
        e = err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    buf_free(&name);
    return e;
}

/* The spread at every length of the list up to k, as {"snsr": [...], "snsv": [...]}. */
static json_t *curves(const study *s, int metric, size_t first, size_t n, double *mean)
{
    json_t *snsr = json_array(), *snsv = json_array();
    for (size_t k = 1; k <= s->k; k++) {
        for (size_t v = 0; v < n; v++) mean[v] = mean_at(s, metric, k, first + v);
        fair_spread r = fair_spread_of(mean, n);
        json_array_append_new(snsr, json_real(r.snsr));
        json_array_append_new(snsv, json_real(r.snsv));
    }
    return json_pack("{s:o, s:o}", "snsr", snsr, "snsv", snsv);
}

static json_t *by_value(const study *s, size_t first, size_t n, const double *mean)
{
    json_t *o = json_object();
    for (size_t v = 0; o && v < n; v++)
        json_object_set_new(
            o, s->value[first + v],
            json_pack("{s:f, s:I}", "similarity", mean[v], "no_list", (json_int_t)s->no_list[first + v]));
    return o;
}

/* One attribute by one metric: three flat numbers and the detail. */
static lorec_err tell(const study *s, json_t *out, const char *name, int metric, size_t first, size_t n, json_t *detail)
{
    const char *measure_name = fair_metric_name[metric];
    double *mean;
    fair_chance chance;
    TRY(mem_new(&mean, n));
    json_t *curve = curves(s, metric, first, n, mean);
    for (size_t v = 0; v < n; v++) mean[v] = mean_at(s, metric, s->k, first + v);
    fair_spread r = fair_spread_of(mean, n);
    lorec_err e = fair_chance_of(&chance, s->similarity[metric], s->rows, s->columns, first, n, s->m->rounds,
                                 s->c->seed);
    if (!e) e = put(out, r.snsr, name, "snsr", measure_name, s->k);
    if (!e) e = put(out, r.snsv, name, "snsv", measure_name, s->k);
    if (!e) e = put(out, chance.p, name, "p", measure_name, s->k);
    json_t *one = e ? NULL
                    : json_pack("{s:o, s:o, s:s, s:s, s:{s:f, s:f, s:f}}", "values", by_value(s, first, n, mean),
                                "by_k", curve, "most", s->value[first + r.most], "least", s->value[first + r.least],
                                "chance", "snsr", chance.snsr, "snsv", chance.snsv, "p", chance.p);
    if (e)
        json_decref(curve);
    else if (!one || json_object_set_new(detail, measure_name, one) != 0)
        e = err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    mem_free(mean);
    return e;
}

lorec_err study_summarise(const study *s, json_t *out)
{
    json_t *all = json_object(), *values;
    const char *name;
    size_t first = CEILINGS;
    lorec_err e = LOREC_OK;
    json_object_set_new(out, "anchors", json_integer((json_int_t)s->rows));
    json_object_set_new(out, "left_out.failed", json_integer((json_int_t)s->failed));
    json_object_set_new(out, "left_out.no_neutral_list", json_integer((json_int_t)s->mute));
    for (int c = 0; c < CEILINGS; c++)
        for (int metric = 0; metric < FAIR_METRICS && !e; metric++)
            e = put(out, mean_at(s, metric, s->k, (size_t)c), "ceiling", ceiling_name[c], fair_metric_name[metric],
                    s->k);
    json_object_foreach(s->m->table, name, values)
    {
        size_t n = json_array_size(values);
        json_t *detail = json_object();
        for (int metric = 0; metric < FAIR_METRICS && !e; metric++) e = tell(s, out, name, metric, first, n, detail);
        json_object_set_new(all, name, detail);
        first += n;
    }
    json_object_set_new(out, "attributes", all);
    return e;
}

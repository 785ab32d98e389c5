#include "eval/probe.h"

#include <math.h>

#include "base/mem.h"
#include "eval/probes/probes.h"

const char *const probe_verdicts[3] = {"clean", "FLAGGED", "skipped"};

/* Limits are in the unit of the value: shares of questions, but for user-ids (a correlation) and popularity (an AUC). */
static const struct {
    const char *probe, *measures, *advice;
    double limit;
} rows[] = {
    {"item-ids", "targets among the ten ids after the last item's",
     "shuffle the ids (or give them from the training part) before a model reads them as text", .02},
    {"first-sight", "items numbered by their first row, the test's counted",
     "ids that count all rows tell what is new in the test part: number the training part first, or shuffle", .5},
    {"user-ids", "rank correlation of users' and targets' numbers",
     "users' numbers tell items' numbers: shuffle one of them before a model reads both", .1},
    {"repeats", "targets that the user had in training",
     "drop them (the evaluator masks them unless --keep-seen), or call it repeat consumption", .01},
    {"twins", "users whose whole sequence, target included, is another user's too",
     "the same sequence under two names trains on its own answer: keep one of them", .01},
    {"titles", "targets with the title of an item of the history",
     "one thing under several ids: a method that reads titles finds it by repeating; join them", .02},
    {"later-rows", "training rows later than the question, mean share",
     "with leave-one-out a model learns from after the question: --split time has no such rows", .1},
    {"graph", "test rows that are edges of the graph", "make the graph from the training part alone", .001},
    {"place", "targets at the place of the list that most have",
     "shuffle the candidates (a retriever's own order is its skill, not a leak)", .02},
    {"popularity", "AUC of popularity alone among the candidates",
     "drawn candidates that popularity tells from targets flatter every method: rank all, or draw pop@N", .7},
    {"lines", "items' titles that the model completes from the file's order",
     "the model has read this file: compare with anonymous titles (--anonymise)", .02},
    {"rows", "rows of interactions that the model continues to the letter",
     "the model has read the interactions, the test's too: no test on this data tells anything", .02},
};

lorec_err probe_add(probe_findings *out, const char *probe, probe_finding **row)
{
    TRY(mem_grow(&out->row, &out->cap, out->n + 1));
    *row = &out->row[out->n++];
    **row = (probe_finding){.probe = probe, .measures = "", .advice = "", .p = NAN, .chance = NAN};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].probe, probe) == 0) {
            (*row)->measures = rows[i].measures;
            (*row)->advice = rows[i].advice;
            (*row)->limit = rows[i].limit;
        }
    return LOREC_OK;
}

lorec_err probe_skip(probe_findings *out, const char *probe, const char *why)
{
    probe_finding *f;
    TRY(probe_add(out, probe, &f));
    f->verdict = PROBE_SKIPPED;
    f->value = NAN;
    return mem_dup(&f->why, why);
}

void probe_judge(probe_finding *f)
{
    bool sure = isnan(f->p) || f->p < 1. / PROBE_SURE;
    f->verdict = f->n && f->value > f->limit && sure ? PROBE_FLAGGED : PROBE_CLEAN;
}

double probe_binomial(double hits, double n, double chance)
{
    double sd = sqrt(n * chance * (1 - chance));
    if (hits <= 0 || n <= 0) return 1;
    if (sd == 0) return hits > n * chance ? 0 : 1;
    return .5 * erfc((hits - .5 - n * chance) / sd / sqrt(2));
}

lorec_err probe_run(probe_findings *out, const probe_request *q)
{
    static const probe_fn all[] = {probe_ids, probe_repeats, probe_time, probe_places, probe_memory};
    *out = (probe_findings){0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lorec_err e = all[i](out, q);
        if (!e) continue;
        probe_findings_free(out);
        return e;
    }
    return LOREC_OK;
}

void probe_findings_free(probe_findings *f)
{
    for (size_t i = 0; i < f->n; i++) mem_free(f->row[i].why);
    mem_free(f->row);
    *f = (probe_findings){0};
}

static json_t *number(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

json_t *probe_json(const probe_findings *f)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < f->n; i++) {
        const probe_finding *x = &f->row[i];
        json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:f, s:o, s:I, s:s?, s:s}", "probe", x->probe, "verdict",
                              probe_verdicts[x->verdict], "measures", x->measures, "value", number(x->value), "chance",
                              number(x->chance), "limit", x->limit, "p", number(x->p), "n", (json_int_t)x->n, "why",
                              x->why, "advice", x->advice);
        if (!o || json_array_append_new(list, o)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

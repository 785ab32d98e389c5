#include "eval/controls.h"

#include <stdio.h>

#include "eval/report.h"

/* One row a control; `instead` names the one that runs when this does not fit. */
static const struct {
    const char *key, *instead;
    metric_family family;
    bool only_with_seen;
} rows[] = {
    {"pop", NULL, METRIC_OF_LISTS, false},   {"markov", NULL, METRIC_OF_LISTS, false},
    {"repeat", NULL, METRIC_OF_LISTS, true}, {"ease", "itemknn", METRIC_OF_LISTS, false},
    {"lr", NULL, METRIC_OF_PAIRS, false},
};

uint64_t controls_memory_available(void)
{
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long long kib = 0;
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) found = sscanf(line, "MemAvailable: %llu", &kib) == 1;
    if (f) fclose(f);
    return found ? (uint64_t)kib * 1024 : UINT64_MAX;
}

/* What it says of its memory, at its default settings. */
static lorec_err memory_of(const recommender *r, const fit_context *fit, uint64_t *bytes)
{
    *bytes = 0;
    if (!r->memory) return LOREC_OK;
    void *self;
    TRY(recommender_new(r, &self));
    *bytes = r->memory(self, fit);
    recommender_free(r, self);
    return LOREC_OK;
}

static void why_memory(control *c)
{
    double gib = (double)c->memory / (1 << 30);
    if (gib < 1)
        snprintf(c->why, sizeof c->why, "needs %.0f MiB", gib * 1024);
    else
        snprintf(c->why, sizeof c->why, gib < 10 ? "needs %.1f GiB" : "needs %.0f GiB", gib);
}

lorec_err controls_choose(control out[CONTROLS_MAX], size_t *n, const protocol *p, const fit_context *fit,
                          control_find find, uint64_t memory_limit)
{
    if (!memory_limit) memory_limit = controls_memory_available();
    *n = 0;
    bool lists = report_wants(p, METRIC_OF_LISTS) || report_wants(p, METRIC_OF_SHOWN);
    bool pairs = report_wants(p, METRIC_OF_PAIRS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].family == METRIC_OF_PAIRS ? !pairs : !lists) continue;
        if (rows[i].only_with_seen && !p->keep_seen) continue;
        const recommender *r = find(rows[i].key);
        if (!r) continue;
        control *c = &out[(*n)++];
        *c = (control){.recommender = r};
        TRY(memory_of(r, fit, &c->memory));
        if (c->memory <= memory_limit) continue;
        why_memory(c);
        const recommender *instead = rows[i].instead ? find(rows[i].instead) : NULL;
        if (!instead) continue;
        c = &out[(*n)++];
        *c = (control){.recommender = instead, .stands_in_for = rows[i].key};
        TRY(memory_of(instead, fit, &c->memory));
        if (c->memory > memory_limit) why_memory(c);
    }
    return LOREC_OK;
}

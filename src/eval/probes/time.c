/* Were the rows that a model learns from there when the question is asked? Leave-one-out puts a user's last row into the test
 * whenever it happened; what others did later then trains the model (Ji, Sun, Zhang, Li, TOIS 2023). */
#include <stdlib.h>

#include "base/mem.h"
#include "eval/probes/probes.h"

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* How many of the sorted times are above t. */
static uint64_t later_than(const int64_t *time, uint64_t n, int64_t t)
{
    uint64_t low = 0, high = n;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (time[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return n - low;
}

lorec_err probe_time(probe_findings *out, const probe_request *q)
{
    const split *s = q->protocol->split;
    probe_finding *f;
    int64_t *time = NULL;
    double sum = 0;
    if (!s->data->rows.time) return probe_skip(out, "later-rows", "the data has no times");
    TRY(probe_add(out, "later-rows", &f));
    TRY(mem_new(&time, (size_t)s->train.n + 1));
    if (s->train.n) {
        memcpy(time, s->train.time, (size_t)s->train.n * sizeof *time);
        qsort(time, (size_t)s->train.n, sizeof *time, by_time);
    }
    for (uint64_t r = 0; r < s->test.n && s->train.n; r++, f->n++)
        sum += (double)later_than(time, s->train.n, s->test.time[r]) / (double)s->train.n;
    f->value = f->n ? sum / (double)f->n : 0;
    probe_judge(f);
    mem_free(time);
    return LOREC_OK;
}

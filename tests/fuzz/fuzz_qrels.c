/* Any bytes as qrels, a zero byte, and a run: refused with a message, or every number is in its range. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "eval/lists.h"
#include "small_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
    size_t first = cut ? (size_t)(cut - data) : size / 2, rest = cut ? first + 1 : first;
    char qrels[64], run[64];
    metric *metrics;
    size_t n;
    report r;
    if (metrics_parse(&metrics, &n, "map,mrr,ndcg@3,hit@2,precision@5,f1@2,recall@1")) abort();
    int a = small_file(data, first, qrels), b = small_file(data + rest, size - rest, run);
    if (evaluate_trec(&r, metrics, n, qrels, run, 1)) {
        if (!lorec_error_message()[0] || r.value) abort();
    } else {
        for (size_t i = 0; i < r.n_users * r.n_metrics; i++)
            if (!(r.value[i] >= 0 && r.value[i] <= 1.000001f)) abort();
        report_close(&r);
    }
    close(a);
    close(b);
    mem_free(metrics);
    return 0;
}

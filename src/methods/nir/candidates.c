/* User filtering, as the authors' code has it: similarity is the count of common items. */
#include <stdlib.h>

#include "base/mem.h"
#include "methods/nir/nir.h"

typedef struct weighed {
    double weight;
    uint32_t number, order; /* item or user; the place that ties keep */
} weighed;

static int heavier(const void *a, const void *b)
{
    const weighed *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool had_by(const query *q, uint32_t item)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->items[i] == item) return true;
    return false;
}

static bool repeated(const query *q, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (q->items[k] == q->items[i]) return true;
    return false;
}

static void common_counts(const nir_rows *had, const query *q, weighed *user)
{
    const sparse *by_item = &had->by_item;
    for (uint32_t u = 0; u < had->n_users; u++) user[u] = (weighed){0, u, u};
    for (size_t i = 0; i < q->n; i++) {
        if (q->items[i] >= by_item->rows || repeated(q, i)) continue;
        for (uint64_t k = by_item->start[q->items[i]]; k < by_item->start[q->items[i] + 1]; k++)
            user[by_item->col[k]].weight += 1;
    }
    qsort(user, had->n_users, sizeof *user, heavier);
}

lorec_err nir_candidates(const nir_rows *had, const query *q, size_t neighbours, size_t most, uint32_t *candidate,
                         size_t *n)
{
    weighed *user = NULL, *item = NULL;
    uint32_t *place = NULL, found = 0; /* of an item in `item`, plus 1 */
    lorec_err e;
    *n = 0;
    TRY_GO(e, mem_new(&user, had->n_users), done);
    TRY_GO(e, mem_new(&item, had->n_items), done);
    TRY_GO(e, mem_new(&place, had->n_items), done);
    common_counts(had, q, user);
    if (neighbours > had->n_users) neighbours = had->n_users;
    double all = 0;
    for (size_t k = 0; k < neighbours; k++) all += user[k].weight;
    for (size_t k = 0; k < neighbours && all > 0; k++)
        for (uint64_t j = had->start[user[k].number]; j < had->start[user[k].number + 1]; j++) {
            uint32_t i = had->item[j];
            if (had_by(q, i)) continue;
            if (!place[i]) {
                item[found] = (weighed){0, i, found};
                place[i] = ++found;
            }
            item[place[i] - 1].weight += user[k].weight / all;
        }
    qsort(item, found, sizeof *item, heavier);
    for (*n = 0; *n < most && *n < found; (*n)++) candidate[*n] = item[*n].number;
done:
    mem_free(user);
    mem_free(item);
    mem_free(place);
    return e;
}

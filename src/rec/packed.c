#include "base/mem.h"
#include "rec/sequence.h"

void packed_free(packed *p)
{
    mem_free(p->length);
    mem_free(p->id);
    mem_free(p->target);
    mem_free(p->from_end);
    mem_free(p->from_start);
    mem_free(p->user);
    mem_free(p->query);
    *p = (packed){0};
}

static lorec_err room(packed *p, size_t n, size_t rows)
{
    TRY(mem_grow(&p->length, &p->length_cap, n));
    TRY(mem_grow(&p->query, &p->n_cap, n));
    TRY(mem_grow(&p->id, &p->id_cap, rows));
    TRY(mem_grow(&p->target, &p->target_cap, rows));
    TRY(mem_grow(&p->from_end, &p->end_cap, rows));
    TRY(mem_grow(&p->from_start, &p->start_cap, rows));
    return mem_grow(&p->user, &p->user_cap, rows);
}

static void number_positions(packed *p, size_t begin, size_t length)
{
    for (size_t j = 0; j < length; j++) {
        p->from_start[begin + j] = (int32_t)j;
        p->from_end[begin + j] = (int32_t)(length - 1 - j);
    }
}

/* The last max_len of each user's rows but the newest `ahead`; the target is the row `ahead` further on. */
static lorec_err pack(packed *p, const interactions *train, const uint32_t *user, const uint32_t *example, size_t n,
                      int64_t max_len, uint64_t ahead)
{
    size_t rows = 0;
    p->n = p->rows = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t u = user[example[i]];
        uint64_t had = train->start[u + 1] - train->start[u] - ahead;
        rows += (size_t)(had < (uint64_t)max_len ? had : (uint64_t)max_len);
    }
    if (rows > INT32_MAX)
        return err_set(LOREC_RESOURCE, "a batch of %zu rows is too large; a smaller train_batch_size helps", rows);
    TRY(room(p, n, rows));
    for (size_t i = 0; i < n; i++) {
        uint32_t u = user[example[i]];
        uint64_t end = train->start[u + 1] - ahead, begin = train->start[u];
        if (end - begin > (uint64_t)max_len) begin = end - (uint64_t)max_len;
        p->length[p->n++] = (int32_t)(end - begin);
        number_positions(p, p->rows, (size_t)(end - begin));
        for (uint64_t r = begin; r < end; r++, p->rows++) {
            p->id[p->rows] = (int32_t)train->item[r];
            p->target[p->rows] = (int32_t)train->item[r + ahead];
            p->user[p->rows] = u;
        }
    }
    return LOREC_OK;
}

lorec_err packed_train(packed *p, const interactions *train, const uint32_t *user, const uint32_t *example, size_t n,
                       int64_t max_len)
{
    return pack(p, train, user, example, n, max_len, 1);
}

lorec_err packed_whole(packed *p, const interactions *train, const uint32_t *user, const uint32_t *example, size_t n,
                       int64_t max_len)
{
    return pack(p, train, user, example, n, max_len, 0);
}

/* The items of a query that count: known ones, the last max_len of them. Returns how many; *from is the first's index. */
static size_t known_tail(const query *q, uint32_t n_items, size_t max_len, size_t *from)
{
    size_t found = 0;
    *from = q->n;
    while (*from > 0 && found < max_len) found += q->items[--*from] < n_items;
    return found;
}

lorec_err packed_queries(packed *p, const query *q, size_t first, size_t n, uint32_t n_items, int64_t first_item,
                         int64_t max_len, size_t max_rows, const int32_t *tail, size_t *next)
{
    p->n = p->rows = 0;
    size_t i = first;
    for (; i < n; i++) {
        size_t from, length = known_tail(&q[i], n_items, (size_t)max_len, &from);
        if (length == 0) continue;
        if (p->n > 0 && p->rows + length + (tail != NULL) > max_rows) break;
        TRY(room(p, p->n + 1, p->rows + length + 1));
        size_t begin = p->rows;
        for (size_t j = from; j < q[i].n; j++)
            if (q[i].items[j] < n_items) p->id[p->rows++] = (int32_t)(first_item + q[i].items[j]);
        if (tail) p->id[p->rows++] = *tail;
        for (size_t r = begin; r < p->rows; r++) p->target[r] = -1;
        number_positions(p, begin, p->rows - begin);
        p->query[p->n] = i;
        p->length[p->n++] = (int32_t)(p->rows - begin);
    }
    *next = i;
    return LOREC_OK;
}

lorec_err sequence_examples(uint32_t **user, size_t *n, const interactions *train, uint64_t least)
{
    *n = 0;
    TRY(mem_new(user, train->n_users));
    for (uint32_t u = 0; u < train->n_users; u++)
        if (train->start[u + 1] - train->start[u] >= least) (*user)[(*n)++] = u;
    return LOREC_OK;
}

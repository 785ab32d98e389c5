/* Histories as rows of tokens. A history that fits whole begins with the start token; a longer one is cut to its last
 * items and does not, so "start" always means the beginning. */
#include "base/mem.h"
#include "methods/gptrec/gptrec.h"

void prompts_free(prompts *p)
{
    mem_free(p->token);
    mem_free(p->target);
    mem_free(p->length);
    *p = (prompts){0};
}

void prompts_clear(prompts *p)
{
    p->n = p->rows = 0;
}

static lorec_err room(prompts *p, size_t rows)
{
    if (p->rows + rows > INT32_MAX)
        return err_set(LOREC_RESOURCE, "a batch of %zu tokens is too large; a smaller train_batch_size helps",
                       p->rows + rows);
    TRY(mem_grow(&p->token, &p->token_cap, p->rows + rows));
    TRY(mem_grow(&p->target, &p->target_cap, p->rows + rows));
    return mem_grow(&p->length, &p->length_cap, p->n + 1);
}

static void put_item(prompts *p, const gptrec *m, uint32_t item)
{
    for (uint32_t j = 0; j < m->codes.t; j++) p->token[p->rows++] = m->codes.token[(size_t)item * m->codes.t + j];
}

lorec_err prompts_add(prompts *p, const gptrec *m, const query *q, const uint32_t *more, size_t n_more)
{
    uint32_t t = m->codes.t;
    size_t known = n_more, most = (size_t)(positions(m) - (t - 1)) / t; /* the next item's first t - 1 tokens follow */
    for (size_t i = 0; i < q->n; i++) known += q->items[i] < m->codes.n_items;
    bool whole = known < (size_t)m->max_items;
    size_t skip = whole ? 0 : known - most, begin;
    TRY(room(p, (whole ? known : most) * t + 1));
    begin = p->rows;
    if (whole) p->token[p->rows++] = token_of_start(m);
    for (size_t i = 0; i < q->n; i++) {
        if (q->items[i] >= m->codes.n_items) continue;
        if (skip > 0)
            skip--;
        else
            put_item(p, m, q->items[i]);
    }
    for (size_t i = skip; i < n_more; i++) put_item(p, m, more[i]);
    p->length[p->n++] = (int32_t)(p->rows - begin);
    return LOREC_OK;
}

uint64_t window_items(const gptrec *m)
{
    return (uint64_t)(positions(m) + 1) / (uint64_t)m->tokens; /* the last token is target only */
}

lorec_err prompts_add_training(prompts *p, const gptrec *m, const uint32_t *item, uint64_t from, uint64_t end)
{
    bool whole = from == 0 && end <= (uint64_t)m->max_items;
    TRY(room(p, (size_t)(end - from) * m->codes.t + 1));
    size_t begin = p->rows;
    if (whole) p->token[p->rows++] = token_of_start(m);
    for (uint64_t i = from; i < end; i++) put_item(p, m, item[i]);
    p->rows--; /* nothing follows the last */
    for (size_t r = begin; r < p->rows; r++) p->target[r] = p->token[r + 1];
    p->length[p->n++] = (int32_t)(p->rows - begin);
    return LOREC_OK;
}

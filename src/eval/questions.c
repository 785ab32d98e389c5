#include "eval/questions.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"

static const interactions *rows_of(const protocol *p, part of)
{
    return of == PART_TEST ? &p->split->test : &p->split->valid;
}

/* The user's different targets, ascending, without those that masking takes away. */
static size_t targets_of(const protocol *p, part of, uint32_t user, uint32_t *history, uint32_t *out,
                         uint64_t *repeated)
{
    const interactions *rows = rows_of(p, of);
    size_t n = (size_t)(rows->start[user + 1] - rows->start[user]), kept = 0, n_history = 0;
    if (n) memcpy(out, rows->item + rows->start[user], n * sizeof *out);
    sort_u32(out, n);
    bool masked = !p->keep_seen && n;
    if (masked) n_history = split_history(p->split, of == PART_TEST, user, history, NULL);
    sort_u32(history, n_history);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && out[i] == out[i - 1]) continue;
        if (masked && find_u32(out[i], history, n_history))
            (*repeated)++;
        else
            history[n_history + kept] = out[i], kept++;
    }
    if (kept) memcpy(out, history + n_history, kept * sizeof *out);
    return kept;
}

static uint64_t longest_history(const interactions *rows)
{
    uint64_t most = 0;
    for (uint32_t u = 0; u < rows->n_users; u++)
        if (rows->start[u + 1] - rows->start[u] > most) most = rows->start[u + 1] - rows->start[u];
    return most;
}

/* Keeps the first max_users of a shuffle, in order of their numbers. */
static lorec_err sample_users(questions *q, uint32_t max_users, uint64_t seed)
{
    uint32_t *order;
    TRY(mem_new(&order, q->n));
    for (uint32_t i = 0; i < q->n; i++) order[i] = i;
    rng r = rng_make(seed, RNG_SHUFFLE);
    rng_shuffle(&r, order, q->n);
    sort_u32(order, max_users);
    uint64_t at = 0;
    for (uint32_t i = 0; i < max_users; i++) {
        uint64_t from = q->start[order[i]], n = q->start[order[i] + 1] - from;
        memmove(q->relevant + at, q->relevant + from, n * sizeof *q->relevant);
        q->user[i] = q->user[order[i]];
        q->start[i] = at; /* order[i] >= i: starts still needed are behind */
        at += n;
    }
    q->start[max_users] = at;
    q->n = max_users;
    mem_free(order);
    return LOREC_OK;
}

lorec_err questions_make(questions *q, const protocol *p, part of, uint32_t max_users, uint64_t seed)
{
    *q = (questions){0};
    const interactions *rows = rows_of(p, of);
    bool slates = protocol_kind(p, of) == CANDIDATES_SLATE;
    uint32_t *history = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&history, longest_history(&p->split->data->rows) + 1), done);
    TRY_GO(e, mem_new(&q->user, rows->n_users), done);
    TRY_GO(e, mem_new(&q->start, (size_t)rows->n_users + 1), done);
    TRY_GO(e, mem_new(&q->relevant, rows->n), done);
    for (uint32_t u = 0; u < rows->n_users; u++) {
        if (slates && p->start[u] == p->start[u + 1]) continue; /* a slate chooses its users */
        uint64_t at = q->start[q->n];
        uint32_t n = (uint32_t)targets_of(p, of, u, history, q->relevant + at, &q->repeated);
        if (n == 0) {
            q->users_without_target++;
            continue;
        }
        q->user[q->n++] = u;
        q->start[q->n] = at + n;
    }
    if (!max_users && of == PART_TEST) max_users = p->users, seed = p->seed;
    if (max_users && max_users < q->n) TRY_GO(e, sample_users(q, max_users, seed), done);
    for (uint32_t i = 0; i < q->n; i++)
        if (q->start[i + 1] - q->start[i] > q->most) q->most = (uint32_t)(q->start[i + 1] - q->start[i]);
    if (q->n == 0)
        e = err_set(LOREC_INPUT, "nobody can be asked: no user of the %s part of %s (split %s) has a target%s",
                    of == PART_TEST ? "test" : "validation", p->split->data->name, p->split->id,
                    q->repeated ? " that is new to them; rank what they had as well (keep seen items)" : "");
done:
    mem_free(history);
    if (e) questions_free(q);
    return e;
}

void questions_free(questions *q)
{
    mem_free(q->user);
    mem_free(q->start);
    mem_free(q->relevant);
    *q = (questions){0};
}

lorec_err query_batch_fill(query_batch *b, const protocol *p, part of, const questions *q, size_t at, size_t n)
{
    const interactions *all = &p->split->data->rows, *rows = rows_of(p, of);
    size_t most = 0, used = 0;
    for (size_t i = at; i < at + n; i++) most += (size_t)(all->start[q->user[i] + 1] - all->start[q->user[i]]);
    TRY(mem_grow(&b->query, &b->query_cap, n));
    TRY(mem_grow(&b->items, &b->items_cap, most));
    if (all->time) TRY(mem_grow(&b->times, &b->times_cap, most));
    for (size_t i = 0; i < n; i++) {
        uint32_t u = q->user[at + i];
        int64_t *times = all->time ? b->times + used : NULL;
        size_t m = split_history(p->split, of == PART_TEST, u, b->items + used, times);
        b->query[i] = (query){.user = u,
                              .items = b->items + used,
                              .times = times,
                              .n = m,
                              .now = rows->time ? rows->time[rows->start[u]] : INT64_MIN};
        used += m;
    }
    return LOREC_OK;
}

void query_batch_free(query_batch *b)
{
    mem_free(b->query);
    mem_free(b->items);
    mem_free(b->times);
    *b = (query_batch){0};
}

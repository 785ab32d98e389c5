/* Do the numbers that serve as ids tell what comes next? Methods that read ids as text (P5 and its kin) learn whatever order is
 * in them, and an order that was made from all rows holds the answers. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eval/probes/probes.h"

enum { NEXT = 10 };

typedef struct numbered {
    int64_t number;
    uint32_t at;
} numbered;

static int by_number(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* rank[i]: the place of id i among all, by number; *found false where an id is no number. A common beginning that is no
 * digit ("item_12") does not count. */
static lorec_err ranks(const names *names_of, uint32_t **rank, bool *found)
{
    numbered *x;
    *found = true;
    *rank = NULL;
    TRY(mem_new(&x, names_of->n));
    for (uint32_t i = 0; i < names_of->n && *found; i++) {
        slice id = names_at(names_of, i);
        while (id.n && !(*id.p >= '0' && *id.p <= '9')) id.p++, id.n--;
        x[i].at = i;
        *found = slice_to_i64(id, &x[i].number);
    }
    lorec_err e = *found ? mem_new(rank, names_of->n) : LOREC_OK;
    if (!e && *found) {
        qsort(x, names_of->n, sizeof *x, by_number);
        for (uint32_t i = 0; i < names_of->n; i++) (*rank)[x[i].at] = i;
    }
    mem_free(x);
    return e;
}

/* The item before each test row, or NO_ITEM. */
enum { NO_ITEM = UINT32_MAX };
static uint32_t before(const split *s, uint32_t u)
{
    const interactions *last = s->valid.start[u + 1] > s->valid.start[u] ? &s->valid : &s->train;
    return last->start[u + 1] > last->start[u] ? last->item[last->start[u + 1] - 1] : NO_ITEM;
}

/* Of two different ranks below n, drawn at random: how often is the second 1 to NEXT above the first? */
static double chance_next(uint32_t n)
{
    double pairs = 0;
    for (uint32_t d = 1; d <= NEXT && d < n; d++) pairs += n - d;
    return n > 1 ? pairs / ((double)n * (n - 1)) : 0;
}

static lorec_err next_numbers(probe_findings *out, const split *s, const uint32_t *rank)
{
    probe_finding *f;
    uint64_t hits = 0;
    TRY(probe_add(out, "item-ids", &f));
    for (uint32_t u = 0; u < s->test.n_users; u++) {
        uint64_t r = s->test.start[u];
        uint32_t had = before(s, u);
        if (r == s->test.start[u + 1] || had == NO_ITEM) continue;
        uint32_t target = rank[s->test.item[r]];
        f->n++;
        hits += target > rank[had] && target - rank[had] <= NEXT;
    }
    f->value = f->n ? (double)hits / (double)f->n : 0;
    f->chance = chance_next(s->data->rows.n_items);
    f->p = probe_binomial((double)hits, (double)f->n, f->chance);
    probe_judge(f);
    return LOREC_OK;
}

/* Items in the order in which the rows, user by user, show them for the first time: is that the order of the ids? Counted on
 * neighbours in that order whose ids are neighbours too, so that a gap does not spoil what comes behind it. */
static lorec_err first_sight(probe_findings *out, const dataset *d, const uint32_t *rank, const uint32_t *user_rank)
{
    const interactions *x = &d->rows;
    uint32_t *by_rank = NULL, last = NO_ITEM;
    uint64_t *seen = NULL, follow = 0, n = 0;
    probe_finding *f;
    lorec_err e = mem_new(&by_rank, x->n_users);
    if (!e) e = mem_new(&seen, x->n_items);
    for (uint32_t u = 0; u < x->n_users && !e; u++) by_rank[user_rank ? user_rank[u] : u] = u;
    for (uint32_t k = 0; k < x->n_users && !e; k++) {
        uint32_t u = by_rank[k];
        for (uint64_t r = x->start[u]; r < x->start[u + 1]; r++) {
            uint32_t i = x->item[r];
            if (seen[i]) continue;
            seen[i] = 1;
            n += last != NO_ITEM;
            follow += last != NO_ITEM && rank[i] == rank[last] + 1;
            last = i;
        }
    }
    if (!e) e = probe_add(out, "first-sight", &f);
    if (!e) {
        f->n = n;
        f->value = n ? (double)follow / (double)n : 0;
        f->chance = 1. / x->n_items;
        f->p = probe_binomial((double)follow, (double)n, f->chance);
        probe_judge(f);
    }
    mem_free(by_rank);
    mem_free(seen);
    return e;
}

static lorec_err numbers_of_users(probe_findings *out, const split *s, const uint32_t *item, const uint32_t *user)
{
    probe_finding *f;
    double n = 0, sum[2] = {0}, square[2] = {0}, both = 0;
    lorec_err e = probe_add(out, "user-ids", &f);
    for (uint32_t u = 0; u < s->test.n_users && !e; u++) {
        if (s->test.start[u] == s->test.start[u + 1]) continue;
        double a = user[u], b = item[s->test.item[s->test.start[u]]];
        n++;
        sum[0] += a, sum[1] += b;
        square[0] += a * a, square[1] += b * b;
        both += a * b;
    }
    if (!e) {
        double va = square[0] - sum[0] * sum[0] / n, vb = square[1] - sum[1] * sum[1] / n;
        f->n = (uint64_t)n;
        f->value = n > 2 && va > 0 && vb > 0 ? fabs(both - sum[0] * sum[1] / n) / sqrt(va * vb) : 0;
        f->chance = 0;
        f->p = erfc(f->value * sqrt(n > 1 ? n - 1 : 0) / sqrt(2)); /* of |r|, two-sided, without dependence */
        probe_judge(f);
    }
    return e;
}

lorec_err probe_ids(probe_findings *out, const probe_request *q)
{
    const split *s = q->protocol->split;
    uint32_t *item, *user = NULL;
    bool numbers, user_numbers;
    TRY(ranks(&s->data->item_ids, &item, &numbers));
    if (!numbers) {
        TRY(probe_skip(out, "item-ids", "the items' ids are no numbers"));
        TRY(probe_skip(out, "first-sight", "the items' ids are no numbers"));
        return probe_skip(out, "user-ids", "the items' ids are no numbers");
    }
    lorec_err e = ranks(&s->data->user_ids, &user, &user_numbers);
    if (!e) e = next_numbers(out, s, item);
    if (!e) e = first_sight(out, s->data, item, user);
    if (!e && user_numbers) e = numbers_of_users(out, s, item, user);
    if (!e && !user_numbers) e = probe_skip(out, "user-ids", "the users' ids are no numbers");
    mem_free(item);
    mem_free(user);
    return e;
}

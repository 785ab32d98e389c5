#include "recipes/bias_curves.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eval/metrics.h"
#include "tensor/rng.h"

enum { ROUNDS = 999 };

lorec_err bias_curves_make(bias_curves *b, const size_t *places, size_t n_places, size_t n_lists)
{
    size_t cells;
    *b = (bias_curves){.n_places = n_places, .n_lists = n_lists};
    if (!size_mul(n_places, n_lists, &cells)) return err_set(LOREC_RESOURCE, "too many lists at too many places");
    lorec_err e = mem_new(&b->at, n_places);
    if (!e) e = mem_new(&b->rank, cells);
    for (size_t i = 0; i < n_places && !e; i++) b->at[i].place = places[i];
    for (size_t i = 0; i < cells && !e; i++) b->rank[i] = NAN;
    if (e) bias_curves_free(b);
    return e;
}

void bias_curves_free(bias_curves *b)
{
    mem_free(b->at);
    mem_free(b->by);
    mem_free(b->rank);
    mem_free(b->order);
    *b = (bias_curves){0};
}

/* ---- one answer ------------------------------------------------------------------------------------------------------------- */

static void sort_by_score(uint32_t *order, const float *score, size_t n)
{
    for (size_t i = 0; i < n; i++) { /* short lists: insertion */
        size_t at = i;
        for (; at > 0 && score[i] > score[order[at - 1]]; at--) order[at] = order[at - 1];
        order[at] = (uint32_t)i;
    }
}

static void add_popularity(bias_curves *b, const uint32_t *candidate, const float *score, size_t n,
                           const uint32_t *popularity)
{
    double all = 0;
    b->ranked++;
    for (size_t from = 0, to; from < n; from = to) { /* items of one score share their ranks */
        double sum = 0;
        for (to = from; to < n && !(score[b->order[to]] < score[b->order[from]]); to++)
            sum += popularity[candidate[b->order[to]]];
        for (size_t k = from; k < to; k++) {
            b->by[k].popularity += sum / (double)(to - from);
            b->by[k].lists++;
        }
        all += sum;
    }
    b->candidates += all / (double)n;
}

lorec_err bias_curves_add(bias_curves *b, size_t list, size_t which, const uint32_t *candidate, const float *score,
                          size_t n, uint32_t target, const uint32_t *popularity)
{
    static const metric hit = {METRIC_HIT, 1, "hit@1"}, ndcg = {METRIC_NDCG, 10, "ndcg@10"};
    bias_place *at = &b->at[which];
    size_t mine = 0;
    while (mine < n && candidate[mine] != target) mine++;
    if (mine == n) return err_set(LOREC_INPUT, "a list of a study lacks its target");
    TRY(mem_grow(&b->order, &b->order_cap, n));
    if (n > b->n_ranks) {
        TRY(mem_grow(&b->by, &b->by_cap, n));
        while (b->n_ranks < n) b->by[b->n_ranks++] = (bias_rank){0};
    }
    place p = {0, 0};
    for (size_t i = 0; i < n; i++) {
        p.above += score[i] > score[mine];
        p.tied += i != mine && score[i] == score[mine];
    }
    double rank = 1 + p.above + p.tied / 2.0;
    at->lists++;
    at->hit += metric_of_places(&hit, &p, 1);
    at->ndcg += metric_of_places(&ndcg, &p, 1);
    at->rank += rank;
    at->rank_square += rank * rank;
    b->rank[list * b->n_places + which] = (float)rank;
    sort_by_score(b->order, score, n);
    if (score[b->order[0]] > score[b->order[n - 1]])
        add_popularity(b, candidate, score, n, popularity);
    else
        at->silent++;
    return LOREC_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------ */

static double spread_of(const double *sum, size_t n)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) low = fmin(low, sum[i]), high = fmax(high, sum[i]);
    return high - low;
}

/* Of the lists that were asked at every place: how often dealing their ranks anew to the places spreads the means as far. */
static lorec_err chance_of_spread(const bias_curves *b, uint64_t seed, double *p)
{
    size_t m = 0, kept = 0, as_far = 0, *at = NULL; /* at: places that some list has */
    float *rank = NULL;
    double *sum = NULL;
    lorec_err e = mem_new(&rank, b->n_lists * b->n_places);
    if (!e) e = mem_new(&sum, b->n_places);
    if (!e) e = mem_new(&at, b->n_places);
    for (size_t k = 0; k < b->n_places && !e; k++)
        if (b->at[k].lists) at[m++] = k;
    for (size_t i = 0; i < b->n_lists && !e; i++) {
        bool whole = true;
        for (size_t k = 0; k < m; k++) whole = whole && !isnan(b->rank[i * b->n_places + at[k]]);
        for (size_t k = 0; k < m && whole; k++) sum[k] += rank[kept * m + k] = b->rank[i * b->n_places + at[k]];
        kept += whole;
    }
    double seen = e ? 0 : spread_of(sum, m);
    rng r = rng_make(seed, RNG_BOOTSTRAP);
    for (int round = 0; round < ROUNDS && !e; round++) {
        for (size_t k = 0; k < m; k++) sum[k] = 0;
        for (size_t i = 0; i < kept; i++) {
            float *row = rank + i * m;
            for (size_t k = m; k > 1; k--) {
                size_t other = rng_below(&r, (uint32_t)k);
                float x = row[k - 1];
                row[k - 1] = row[other];
                row[other] = x;
            }
            for (size_t k = 0; k < m; k++) sum[k] += row[k];
        }
        as_far += spread_of(sum, m) >= seen - 1e-9;
    }
    *p = kept && m > 1 ? (1.0 + (double)as_far) / (1.0 + ROUNDS) : NAN;
    mem_free(at);
    mem_free(rank);
    mem_free(sum);
    return e;
}

static lorec_err put(json_t *o, const char *name, double value)
{
    if (isnan(value) || json_object_set_new(o, name, json_real(value)) == 0) return LOREC_OK;
    return err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
}

static json_t *position_json(const bias_curves *b)
{
    json_t *at_place = json_array(), *lists = json_array(), *hit = json_array(), *ndcg = json_array(),
           *rank = json_array(), *error = json_array(), *silent = json_array();
    for (size_t i = 0; i < b->n_places; i++) {
        const bias_place *at = &b->at[i];
        double n = (double)at->lists, mean = at->rank / n;
        if (!at->lists) continue;
        json_array_append_new(at_place, json_integer((json_int_t)at->place));
        json_array_append_new(lists, json_integer((json_int_t)at->lists));
        json_array_append_new(hit, json_real(at->hit / n));
        json_array_append_new(ndcg, json_real(at->ndcg / n));
        json_array_append_new(rank, json_real(mean));
        json_array_append_new(error, json_real(sqrt(fmax(0, at->rank_square / n - mean * mean) / n)));
        json_array_append_new(silent, json_integer((json_int_t)at->silent));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "place", at_place, "lists", lists, "hit@1", hit, "ndcg@10",
                     ndcg, "mean_rank", rank, "standard_error", error, "nothing_ranked", silent);
}

static json_t *popularity_json(const bias_curves *b)
{
    json_t *rank = json_array(), *lists = json_array(), *mean = json_array(), *ratio = json_array();
    for (size_t k = 0; k < b->n_ranks; k++) {
        const bias_rank *r = &b->by[k];
        if (!r->lists) continue;
        double x = r->popularity / (double)r->lists;
        json_array_append_new(rank, json_integer((json_int_t)k + 1));
        json_array_append_new(lists, json_integer((json_int_t)r->lists));
        json_array_append_new(mean, json_real(x));
        json_array_append_new(ratio, json_real(b->candidates > 0 ? x * (double)b->ranked / b->candidates : 0));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "rank", rank, "lists", lists, "mean_popularity", mean, "of_candidates",
                     ratio);
}

static lorec_err put_spreads(const bias_curves *b, uint64_t seed, json_t *into)
{
    double low = INFINITY, high = -INFINITY, worst = INFINITY, best = -INFINITY, p;
    for (size_t i = 0; i < b->n_places; i++) {
        double n = (double)b->at[i].lists;
        if (!b->at[i].lists) continue;
        low = fmin(low, b->at[i].rank / n), high = fmax(high, b->at[i].rank / n);
        worst = fmin(worst, b->at[i].ndcg / n), best = fmax(best, b->at[i].ndcg / n);
    }
    TRY(chance_of_spread(b, seed, &p));
    TRY(put(into, "position.ndcg@10.spread", best >= worst ? best - worst : NAN));
    TRY(put(into, "position.mean_rank.spread", high >= low ? high - low : NAN));
    return put(into, "position.p", p);
}

lorec_err bias_curves_json(const bias_curves *b, uint64_t seed, json_t *into)
{
    TRY(put_spreads(b, seed, into));
    if (b->ranked) {
        double n = (double)b->ranked, candidates = b->candidates / n, first = b->by[0].popularity / n;
        TRY(put(into, "popularity.candidates", candidates));
        TRY(put(into, "popularity.first", first));
        TRY(put(into, "popularity.first_of_candidates", candidates > 0 ? first / candidates : NAN));
    }
    if (json_object_set_new(into, "position", position_json(b)) ||
        json_object_set_new(into, "popularity", popularity_json(b)))
        return err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    return LOREC_OK;
}

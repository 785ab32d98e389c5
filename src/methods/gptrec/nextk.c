/* Next-K: the list is written item by item; each is the best one left after the history and what was recommended so far.
 * Where the window has room for the whole list, the model reads the history once and every further item costs one row;
 * where it would have to slide, positions change and the window is read again. The score of an item is the log
 * probability of the list up to it (codes of several tokens: the sum of their scores), so it falls along the list. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "methods/gptrec/gptrec.h"

enum { LISTS_AT_ONCE = 64 };

/* Up to LISTS_AT_ONCE lists in the making. */
typedef struct lists {
    const gptrec *m;
    rec_session *s;
    const query *q;
    size_t n, k;
    uint32_t *items; /* [n][k], the caller's; as scores, found */
    float *scores, *row;
    size_t *found;
    double total[LISTS_AT_ONCE];
    bool over[LISTS_AT_ONCE];
    prompts prompts;
} lists;

/* The best item that is neither in the history nor in the list; -INFINITY where none is left. `row` is written over. */
static float best_left(const lists *l, size_t i, float *row, uint32_t *item)
{
    const query *q = &l->q[i];
    for (size_t j = 0; j < q->n; j++)
        if (q->items[j] < l->m->codes.n_items) row[q->items[j]] = -INFINITY;
    for (size_t j = 0; j < l->found[i]; j++) row[l->items[i * l->k + j]] = -INFINITY;
    float best = -INFINITY;
    for (uint32_t j = 0; j < l->m->codes.n_items; j++)
        if (row[j] > best) best = row[ *item = j];
    return best;
}

/* Adds the best item left; `log_total` turns the row's values into log probabilities. */
static void extend(lists *l, size_t i, float *row, double log_total)
{
    uint32_t item = 0;
    float best = best_left(l, i, row, &item);
    if (best == -INFINITY) {
        l->over[i] = true;
        return;
    }
    l->total[i] += best - log_total;
    size_t at = i * l->k + l->found[i]++;
    l->items[at] = item;
    l->scores[at] = (float)l->total[i];
}

static double log_sum(const float *row, int64_t n)
{
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) top = row[i] > top ? row[i] : top;
    for (int64_t i = 0; i < n; i++) sum += exp(row[i] - top);
    return top + log(sum);
}

/* ---- with a cache ------------------------------------------------------------------------------------------------------- */

static bool has_room(const lists *l, size_t i)
{
    return l->m->codes.t == 1 && l->q[i].n + l->k <= (size_t)l->m->max_items;
}

static lorec_err grow_cached(lists *l, lm_session *session, const size_t *who, size_t n)
{
    int64_t branch[LISTS_AT_ONCE], vocab = lm_session_vocab(session), first = 0;
    int32_t next[LISTS_AT_ONCE];
    size_t of[LISTS_AT_ONCE]; /* the list of each of the last call's branches */
    prompts_clear(&l->prompts);
    for (size_t i = 0; i < n; i++) TRY(prompts_add(&l->prompts, l->m, &l->q[of[i] = who[i]], NULL, 0));
    TRY(lm_session_read(session, l->prompts.token, l->prompts.length, (int64_t)n));
    for (size_t step = 1; n > 0; step++) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            const float *logits = lm_session_logits(session, (int64_t)i);
            size_t list = of[i];
            double log_total = log_sum(logits, vocab);
            memcpy(l->row, logits, l->m->codes.n_items * sizeof *l->row);
            extend(l, list, l->row, log_total);
            if (l->over[list] || step == l->k) continue;
            branch[kept] = first + (int64_t)i;
            next[kept] = (int32_t)l->items[list * l->k + step - 1]; /* one token an item: its number */
            of[kept++] = list;
        }
        TRY(lm_session_step(session, branch, next, (int64_t)kept, &first));
        n = kept;
    }
    return LOREC_OK;
}

/* ---- by reading again ---------------------------------------------------------------------------------------------------- */

static lorec_err grow_again(lists *l, const size_t *who, size_t n)
{
    float *scores;
    size_t items = l->m->codes.n_items, alive[LISTS_AT_ONCE];
    TRY(mem_new(&scores, n * items));
    memcpy(alive, who, n * sizeof *who);
    lorec_err e = LOREC_OK;
    for (size_t step = 0; step < l->k && n > 0 && !e; step++) {
        size_t kept = 0;
        prompts_clear(&l->prompts);
        for (size_t i = 0; i < n && !e; i++)
            e = prompts_add(&l->prompts, l->m, &l->q[alive[i]], l->items + alive[i] * l->k, l->found[alive[i]]);
        if (!e) e = score_prompts(l->m, l->s, &l->prompts, scores);
        for (size_t i = 0; i < n && !e; i++) {
            float *row = scores + i * items;
            extend(l, alive[i], row, l->m->codes.t == 1 ? log_sum(row, (int64_t)items) : 0);
            if (!l->over[alive[i]]) alive[kept++] = alive[i];
        }
        n = kept;
    }
    mem_free(scores);
    return e;
}

/* ---- all ------------------------------------------------------------------------------------------------------------------- */

static lorec_err grow(lists *l)
{
    size_t cached[LISTS_AT_ONCE], again[LISTS_AT_ONCE], n_cached = 0, n_again = 0;
    for (size_t i = 0; i < l->n; i++)
        if (has_room(l, i))
            cached[n_cached++] = i;
        else
            again[n_again++] = i;
    if (n_cached) {
        lm_session *session = lm_session_new(l->m->model->net, l->m->train.bf16);
        lorec_err e = session ? grow_cached(l, session, cached, n_cached) : LOREC_RESOURCE;
        lm_session_free(session);
        TRY(e);
    }
    return n_again ? grow_again(l, again, n_again) : LOREC_OK;
}

lorec_err gptrec_recommend(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                           float *scores, size_t *found)
{
    const gptrec *m = self;
    float *row;
    if (k == 0) return LOREC_OK;
    TRY(mem_new(&row, m->codes.n_items));
    prompts p = {0};
    lorec_err e = LOREC_OK;
    for (size_t at = 0; at < n && !e; at += LISTS_AT_ONCE) {
        lists l = {m,
                   s,
                   q + at,
                   n - at < LISTS_AT_ONCE ? n - at : LISTS_AT_ONCE,
                   k,
                   items + at * k,
                   scores + at * k,
                   row,
                   found + at,
                   .prompts = p};
        memset(l.found, 0, l.n * sizeof *l.found);
        e = grow(&l);
        p = l.prompts;
    }
    prompts_free(&p);
    mem_free(row);
    return e;
}

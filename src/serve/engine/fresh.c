#include "serve/engine/fresh.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

void fresh_free(fresh *f)
{
    mem_free(f->item);
    mem_free(f->profile);
    mem_free(f->found);
    *f = (fresh){0};
}

static bool is_fresh(const variant *r, const live *v, uint32_t i)
{
    return v->item[i].described && !v->item[i].hidden && v->item[i].n_words && r->item[i] == NO_NUMBER;
}

lorec_err fresh_follow(fresh *f, const variant *r, const live *v)
{
    if (f->followed && f->change_seq == v->change_seq && f->n_live == v->items.n) return LOREC_OK;
    f->n = 0;
    f->followed = false;
    for (uint32_t i = v->items.n; i-- > 0 && f->n < FRESH_MOST;) {
        if (!is_fresh(r, v, i)) continue;
        TRY(mem_grow(&f->item, &f->cap, f->n + 1));
        f->item[f->n++] = i;
    }
    f->followed = true;
    f->change_seq = v->change_seq;
    f->n_live = v->items.n;
    return LOREC_OK;
}

/* The sum of the unit vectors of the last items of the history; *used of them have words. */
static lorec_err add_profile(fresh *f, const variant *r, const uint32_t *history, size_t n, size_t *used)
{
    const word_sets *s = &r->words;
    if (!f->profile) TRY(mem_new(&f->profile, ITEM_WORDS));
    *used = 0;
    for (size_t i = n > FRESH_HISTORY ? n - FRESH_HISTORY : 0; i < n; i++) {
        const uint32_t *word = s->word + s->start[history[i]];
        size_t k = (size_t)(s->start[history[i] + 1] - s->start[history[i]]);
        double square = 0;
        for (size_t w = 0; w < k; w++) square += (double)s->weight[word[w]] * (double)s->weight[word[w]];
        for (size_t w = 0; w < k; w++) f->profile[word[w]] += s->weight[word[w]] / (float)sqrt(square);
        *used += k != 0;
    }
    return LOREC_OK;
}

static void clear_profile(fresh *f, const variant *r, const uint32_t *history, size_t n)
{
    const word_sets *s = &r->words;
    for (size_t i = n > FRESH_HISTORY ? n - FRESH_HISTORY : 0; i < n; i++)
        for (uint64_t w = s->start[history[i]]; w < s->start[history[i] + 1]; w++) f->profile[s->word[w]] = 0;
}

static float likeness(const fresh *f, const variant *r, const live_item *i, size_t used)
{
    double dot = 0, square = 0;
    for (uint32_t w = 0; w < i->n_words; w++) {
        double weight = (double)r->words.weight[i->word[w]];
        dot += weight * (double)f->profile[i->word[w]];
        square += weight * weight;
    }
    return square > 0 ? (float)(dot / sqrt(square) / (double)used) : 0;
}

static int more_alike(const void *a, const void *b)
{
    const fresh_found *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

lorec_err fresh_rank(fresh *f, const variant *r, const live *v, const uint32_t *history, size_t n_history,
                     const fresh_found **found, size_t *n)
{
    size_t used;
    *n = 0;
    *found = f->found;
    if (!f->n || !n_history) return LOREC_OK;
    TRY(mem_grow(&f->found, &f->found_cap, f->n));
    *found = f->found;
    TRY(add_profile(f, r, history, n_history, &used));
    for (size_t i = 0; i < f->n && used; i++) {
        float score = likeness(f, r, &v->item[f->item[i]], used);
        if (score >= FRESH_LEAST) f->found[(*n)++] = (fresh_found){f->item[i], score};
    }
    clear_profile(f, r, history, n_history);
    if (*n) qsort(f->found, *n, sizeof *f->found, more_alike);
    return LOREC_OK;
}

lorec_err fresh_score(fresh *f, const variant *r, const live *v, const uint32_t *history, size_t n_history,
                      uint32_t item, float *score)
{
    size_t used;
    *score = 0;
    TRY(add_profile(f, r, history, n_history, &used));
    if (used) *score = likeness(f, r, &v->item[item], used);
    clear_profile(f, r, history, n_history);
    return LOREC_OK;
}

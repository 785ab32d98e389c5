/* tiny.h: small interactions for the tests of the classic models, and the steps that every one of those tests takes.
 *
 *     tiny t;
 *     tiny_from(&t, 3, 4, "0 1 2 | 1 3 | 2");         // users' items, oldest first
 *     tiny_random(&t, 40, 30, 6, 7);                  // seeded, popular items more often; some repeats
 *     void *self = tiny_fit(&recommender_ease, &t.x, "l2", "2", NULL);
 *     float *s = tiny_scores(&recommender_ease, self, &t.x, q, n);        // malloc'd
 *
 * Ownership: tiny_free; fitted models go by recommender_free. */
#ifndef LOREC_TESTS_TINY_H
#define LOREC_TESTS_TINY_H

#include "support/support.h"

#include <math.h>

#include "methods/registry.h"
#include "rec/recommender.h"
#include "tensor/rng.h"

typedef struct tiny {
    interactions x;
    uint64_t *start;
    uint32_t *item;
    int64_t *time;
    float *rating;
} tiny;

static inline void tiny_new(tiny *t, uint32_t users, uint32_t items, uint64_t rows)
{
    *t = (tiny){.x = {.n_users = users, .n_items = items, .n = rows}};
    t->start = calloc(users + 1, sizeof *t->start);
    t->item = calloc(rows + 1, sizeof *t->item);
    t->time = calloc(rows + 1, sizeof *t->time);
    t->rating = calloc(rows + 1, sizeof *t->rating);
    t->x.start = t->start, t->x.item = t->item, t->x.time = t->time, t->x.rating = t->rating;
    for (uint64_t r = 0; r < rows; r++) t->time[r] = 86400 * (int64_t)r, t->rating[r] = (float)(1 + r % 5);
}

static inline void tiny_from(tiny *t, uint32_t users, uint32_t items, const char *text)
{
    uint64_t rows = 0;
    for (const char *p = text; *p; p++) rows += *p >= '0' && *p <= '9' && (p == text || p[-1] == ' ');
    tiny_new(t, users, items, rows);
    uint64_t at = 0;
    uint32_t u = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '|')
            t->start[++u] = at;
        else if (*p >= '0' && *p <= '9' && (p == text || p[-1] == ' '))
            t->item[at++] = (uint32_t)atoi(p);
    }
    while (u < users) t->start[++u] = at;
}

static inline void tiny_random(tiny *t, uint32_t users, uint32_t items, uint32_t each, uint64_t seed)
{
    rng r = rng_make(seed, RNG_USER);
    tiny_new(t, users, items, (uint64_t)users * each);
    for (uint32_t u = 0; u < users; u++) {
        uint32_t n = 1 + rng_below(&r, 2 * each - 1);
        if (t->start[u] + n > t->x.n) n = (uint32_t)(t->x.n - t->start[u]);
        t->start[u + 1] = t->start[u] + n;
        for (uint64_t k = t->start[u]; k < t->start[u + 1]; k++) {
            double a = rng_uniform(&r);
            t->item[k] = (uint32_t)(a * a * items);
        }
    }
    t->x.n = t->start[users];
}

static inline void tiny_free(tiny *t)
{
    free(t->start), free(t->item), free(t->time), free(t->rating);
}

static inline query tiny_query(const tiny *t, uint32_t u)
{
    return (query){.user = u,
                   .items = t->item + t->start[u],
                   .times = t->time + t->start[u],
                   .n = t->start[u + 1] - t->start[u],
                   .now = INT64_MIN};
}

/* Options as name, value, ..., NULL. */
static inline void *tiny_fit(const recommender *r, const interactions *x, ...)
{
    void *self;
    assert_ok(recommender_new(r, &self));
    va_list more;
    va_start(more, x);
    for (const char *name; (name = va_arg(more, const char *));)
        assert_ok(options_set(r->options, r->n_options, self, name, va_arg(more, const char *)));
    va_end(more);
    assert_ok(r->fit(self, &(fit_context){.train = x, .seed = 42}));
    return self;
}

static inline float *tiny_scores(const recommender *r, const void *self, const interactions *x, const query *q,
                                 size_t n)
{
    float *scores = calloc(n * x->n_items + 1, sizeof *scores);
    rec_session *s = rec_session_new(1);
    assert_non_null(s);
    assert_ok(r->score(self, s, q, n, scores));
    rec_session_free(s);
    return scores;
}

/* [users, items] of 0 and 1 */
static inline double *tiny_dense(const interactions *x)
{
    double *d = calloc((size_t)x->n_users * x->n_items, sizeof *d);
    for (uint32_t u = 0; u < x->n_users; u++)
        for (uint64_t k = x->start[u]; k < x->start[u + 1]; k++) d[(size_t)u * x->n_items + x->item[k]] = 1;
    return d;
}

extern const recommender recommender_pop, recommender_recent_pop, recommender_repeat, recommender_markov,
    recommender_itemknn, recommender_userknn, recommender_slim, recommender_ease, recommender_ials, recommender_gfcf;

#endif

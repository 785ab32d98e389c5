/* made.h: small interactions with a known rule, for tests of recommenders that learn.
 *
 *     made m;
 *     made_chain(&m, 60, 20, 8);      // everybody walks through one fixed permutation of the items
 *     use(&m.x, m.next);
 *     made_free(&m);
 *
 * Ownership: a made owns its arrays. */
#ifndef LOREC_TESTS_MADE_H
#define LOREC_TESTS_MADE_H

#include "rec/recommender.h"
#include "support/support.h"

typedef struct made {
    interactions x;
    uint64_t start[1025];
    uint32_t item[1 << 16];
    uint32_t next[1024]; /* what should come next for each user */
} made;

static inline void made_begin(made *m, uint32_t users, uint32_t items)
{
    memset(m, 0, sizeof *m);
    m->x = (interactions){.n_users = users, .n_items = items, .start = m->start, .item = m->item};
}

static inline void made_add(made *m, uint32_t user, uint32_t item)
{
    m->item[m->x.n++] = item;
    m->start[user + 1] = m->x.n;
}

/* i is followed by (i + 7) mod items: one round through all items where 7 does not divide them, so that the next item is
 * none of those had while the sequence is shorter. */
static inline void made_chain(made *m, uint32_t users, uint32_t items, uint32_t length)
{
    made_begin(m, users, items);
    for (uint32_t u = 0; u < users; u++) {
        uint32_t at = (u * 13 + 5) % items;
        for (uint32_t j = 0; j < length; j++, at = (at + 7) % items) made_add(m, u, at);
        m->next[u] = at;
    }
}

/* a b a b ...: what comes next is what came before the last one, for any pair. */
static inline void made_alternating(made *m, uint32_t users, uint32_t items, uint32_t length)
{
    made_begin(m, users, items);
    for (uint32_t u = 0; u < users; u++) {
        uint32_t two[2] = {u % items, (u % items + 1 + u / items % (items - 1)) % items};
        for (uint32_t j = 0; j < length; j++) made_add(m, u, two[j % 2]);
        m->next[u] = two[length % 2];
    }
}

/* Users of group g like items of block g only; each lacks a few of them (next: one that is lacking). One item of the
 * first block is everybody's, so that popularity misleads. */
static inline void made_blocks(made *m, uint32_t users, uint32_t groups, uint32_t block)
{
    made_begin(m, users, groups * block);
    for (uint32_t u = 0; u < users; u++) {
        uint32_t g = u % groups, skip = u / groups % block;
        if (g != 0) made_add(m, u, 0);
        for (uint32_t j = 0; j < block; j++)
            if (j != skip) made_add(m, u, g * block + j);
        m->next[u] = g * block + skip;
    }
}

static inline query made_query(const made *m, uint32_t user)
{
    return (query){.user = user,
                   .items = m->item + m->start[user],
                   .n = (size_t)(m->start[user + 1] - m->start[user]),
                   .now = INT64_MIN};
}

/* Share of users whose next item is the best one (of those not had, where `unseen`). */
static inline double made_hit(const recommender *r, const void *self, const made *m, bool unseen)
{
    uint32_t n = m->x.n_users, items = m->x.n_items, hits = 0;
    query *q = malloc(n * sizeof *q);
    float *scores = malloc((size_t)n * items * sizeof *scores);
    for (uint32_t u = 0; u < n; u++) q[u] = made_query(m, u);
    rec_session *s = rec_session_new(1);
    assert_ok(r->score(self, s, q, n, scores));
    for (uint32_t u = 0; u < n; u++) {
        float *row = scores + (size_t)u * items;
        if (unseen)
            for (size_t j = 0; j < q[u].n; j++) row[q[u].items[j]] = -1e30f;
        uint32_t best = 0;
        for (uint32_t i = 1; i < items; i++)
            if (row[i] > row[best]) best = i;
        hits += best == m->next[u];
    }
    rec_session_free(s);
    free(scores);
    free(q);
    return (double)hits / n;
}

/* A fitted model with these options ("name", "value", ..., NULL). */
static inline lorec_err made_fit(const recommender *r, void **self, const fit_context *fit, const char *const *options)
{
    assert_ok(recommender_new(r, self));
    for (size_t i = 0; options && options[i]; i += 2)
        assert_ok(options_set(r->options, r->n_options, *self, options[i], options[i + 1]));
    return r->fit(*self, fit);
}

/* Scores of all users [users][items], to free(). */
static inline float *made_scores(const recommender *r, const void *self, const made *m)
{
    float *scores = malloc((size_t)m->x.n_users * m->x.n_items * sizeof *scores);
    query *q = malloc(m->x.n_users * sizeof *q);
    for (uint32_t u = 0; u < m->x.n_users; u++) q[u] = made_query(m, u);
    rec_session *s = rec_session_new(1);
    assert_ok(r->score(self, s, q, m->x.n_users, scores));
    rec_session_free(s);
    free(q);
    return scores;
}

/* save -> load gives the same bits; so does asking in other batches, with strangers and empty histories in between. */
static inline void made_check_saving(const recommender *r, const void *self, const made *m, const char *name)
{
    const char *folder = test_path(name);
    size_t n = (size_t)m->x.n_users * m->x.n_items;
    assert_ok(recommender_save(r, self, folder));
    void *again;
    assert_ok(recommender_load(r, &again, folder));
    float *a = made_scores(r, self, m), *b = made_scores(r, again, m);
    assert_memory_equal(a, b, n * sizeof *a);
    free(a);
    free(b);
    recommender_free(r, again);
}

/* Queries that have little to go by get finite scores: no history, a stranger, unknown items only. */
static inline void made_check_strangers(const recommender *r, const void *self, const made *m)
{
    uint32_t unknown = m->x.n_items + 7, some = 1;
    query q[] = {{.user = NO_USER},
                 {.user = m->x.n_users + 3, .items = &unknown, .n = 1},
                 {.user = NO_USER, .items = &some, .n = 1},
                 {.user = 0}};
    float *scores = malloc(4 * m->x.n_items * sizeof *scores);
    rec_session *s = rec_session_new(1);
    assert_ok(r->score(self, s, q, 4, scores));
    assert_ok(r->score(self, s, q, 0, scores));
    for (uint32_t i = 0; i < 4 * m->x.n_items; i++) assert_true(scores[i] > -1e30f && scores[i] < 1e30f);
    rec_session_free(s);
    free(scores);
}

#endif

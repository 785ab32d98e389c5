/* Markov: what followed the last item most often in training, smoothed towards popularity:
 *   P(j | last) = (count(last -> j) + smoothing * P(j)) / (count(last) + smoothing)       (a Dirichlet prior on each row)
 * so that an item never seen before something, an empty history and a row of few counts all fall back to Pop. */
#include "rec/arrays.h"
#include "rec/history.h"
#include "rec/sparse.h"

typedef struct markov {
    double smoothing;
    uint32_t n_items;
    float *share; /* [n_items] of all interactions */
    sparse next;  /* [n_items, n_items] counts of j right after i */
    float *total; /* [n_items] row sums of next */
} markov;

static const option markov_options[] = {
    OPTION_REAL(markov, smoothing, 1, 1e-6, 1e9, "how many observations the popularity prior counts for"),
};

static lorec_err count_transitions(sparse *out, const interactions *x)
{
    uint32_t *from = NULL, *to = NULL;
    lorec_err e;
    uint64_t n = 0;
    TRY_GO(e, mem_new(&from, x->n), done);
    TRY_GO(e, mem_new(&to, x->n), done);
    for (uint32_t u = 0; u < x->n_users; u++)
        for (uint64_t r = x->start[u] + 1; r < x->start[u + 1]; r++, n++) from[n] = x->item[r - 1], to[n] = x->item[r];
    e = sparse_from_triples(out, x->n_items, x->n_items, n, from, to, NULL);
done:
    mem_free(from);
    mem_free(to);
    return e;
}

static lorec_err row_totals(markov *m)
{
    TRY(mem_new(&m->total, m->n_items));
    for (uint32_t i = 0; i < m->n_items; i++)
        for (uint64_t k = m->next.start[i]; k < m->next.start[i + 1]; k++) m->total[i] += m->next.value[k];
    return LOREC_OK;
}

static lorec_err markov_fit(void *self, const fit_context *fit)
{
    markov *m = self;
    const interactions *x = fit->train;
    TRY(interactions_check(x));
    m->n_items = x->n_items;
    TRY(mem_new(&m->share, x->n_items));
    uint32_t *count;
    TRY(sparse_popularity(&count, x));
    for (uint32_t j = 0; j < x->n_items; j++) m->share[j] = (float)((double)count[j] / (double)x->n);
    mem_free(count);
    TRY(count_transitions(&m->next, x));
    return row_totals(m);
}

static lorec_err markov_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    (void)s;
    const markov *m = self;
    for (size_t i = 0; i < n; i++) {
        float *out = scores + i * m->n_items;
        uint32_t last = history_last(&q[i], m->n_items);
        double total = last == UINT32_MAX ? 0 : m->total[last];
        double each = 1 / (total + m->smoothing);
        for (uint32_t j = 0; j < m->n_items; j++) out[j] = (float)(m->smoothing * each) * m->share[j];
        if (last == UINT32_MAX) continue;
        for (uint64_t k = m->next.start[last]; k < m->next.start[last + 1]; k++)
            out[m->next.col[k]] += (float)(m->next.value[k] * each);
    }
    return LOREC_OK;
}

static lorec_err markov_save(const void *self, const char *folder)
{
    const markov *m = self;
    TRY(array_save(folder, "share", NPY_F32, 1, (int64_t[]){m->n_items}, m->share));
    return sparse_save(&m->next, folder, "next");
}

static lorec_err markov_load(void *self, const char *folder)
{
    markov *m = self;
    TRY(array_load_count((void **)&m->share, folder, "share", NPY_F32, &m->n_items));
    TRY(sparse_load(&m->next, folder, "next", m->n_items, true));
    if (m->next.rows != m->n_items)
        return err_set(LOREC_INPUT, "%s: share.npy and next.*.npy do not belong together", folder);
    return row_totals(m);
}

static void markov_release(void *self)
{
    markov *m = self;
    mem_free(m->share);
    mem_free(m->total);
    sparse_free(&m->next);
}

const recommender recommender_markov = {
    .key = "markov",
    .seedless = true,
    .title = "last-item transition: what most often came right after the last item",
    .family = "rule",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(markov),
    .n_items_at = offsetof(markov, n_items),
    .options = markov_options,
    .n_options = 1,
    .fit = markov_fit,
    .score = markov_score,
    .save = markov_save,
    .load = markov_load,
    .release = markov_release,
};

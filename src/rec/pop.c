/* Pop: everybody gets what most have. The rule every other row must beat. */
#include "rec/arrays.h"
#include "rec/recommender.h"
#include "rec/sparse.h"

typedef struct pop {
    uint32_t *count; /* [n_items] */
    uint32_t n_items;
} pop;

static lorec_err pop_fit(void *self, const fit_context *fit)
{
    pop *m = self;
    if (fit->train->n == 0)
        return err_set(LOREC_INPUT, "no interactions to learn from; loosen the filter or the split");
    m->n_items = fit->train->n_items;
    return sparse_popularity(&m->count, fit->train);
}

static lorec_err pop_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    (void)s, (void)q;
    const pop *m = self;
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < m->n_items; j++) scores[i * m->n_items + j] = (float)m->count[j];
    return LOREC_OK;
}

static lorec_err pop_score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                                 const uint32_t *candidate, float *scores)
{
    (void)s, (void)q;
    const pop *m = self;
    for (uint64_t c = n ? start[0] : 0; n && c < start[n]; c++)
        scores[c] = candidate[c] < m->n_items ? (float)m->count[candidate[c]] : 0;
    return LOREC_OK;
}

static lorec_err pop_save(const void *self, const char *folder)
{
    const pop *m = self;
    return array_save(folder, "count", NPY_U32, 1, (int64_t[]){m->n_items}, m->count);
}

static lorec_err pop_load(void *self, const char *folder)
{
    pop *m = self;
    return array_load_count((void **)&m->count, folder, "count", NPY_U32, &m->n_items);
}

static void pop_release(void *self)
{
    mem_free(((pop *)self)->count);
}

const recommender recommender_pop = {
    .key = "pop",
    .seedless = true,
    .title = "the most popular items, the same for everybody",
    .family = "rule",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(pop),
    .n_items_at = offsetof(pop, n_items),
    .fit = pop_fit,
    .score = pop_score,
    .score_items = pop_score_items,
    .save = pop_save,
    .load = pop_load,
    .release = pop_release,
};

/* Repeat: the user's own items again, the most frequent or the latest first; behind them, Pop. It is the rule to beat
 * where people come back to things (groceries, music, jobs) and says nothing where what was had is masked: evaluate it
 * with keep_seen. */
#include "rec/arrays.h"
#include "rec/recommender.h"
#include "rec/sparse.h"

enum { BY_FREQUENT, BY_RECENT };
static const char *const by_names[] = {"frequent", "recent", NULL};

typedef struct repeat {
    int by;
    uint32_t n_items;
    float *prior; /* [n_items] in [0, 1): popularity, to order what the user never had */
} repeat;

static const option repeat_options[] = {
    OPTION_CHOICE(repeat, by, "frequent", by_names, "own items by how often (then how lately), or by how lately"),
};

static lorec_err repeat_fit(void *self, const fit_context *fit)
{
    repeat *m = self;
    TRY(interactions_check(fit->train));
    m->n_items = fit->train->n_items;
    uint32_t *count;
    TRY(sparse_popularity(&count, fit->train));
    lorec_err e = mem_new(&m->prior, m->n_items);
    for (uint32_t j = 0; j < m->n_items && !e; j++) m->prior[j] = (float)(0.5 * count[j] / (double)fit->train->n);
    mem_free(count);
    return e;
}

static lorec_err repeat_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    (void)s;
    const repeat *m = self;
    for (size_t i = 0; i < n; i++) {
        float *out = scores + i * m->n_items;
        memcpy(out, m->prior, m->n_items * sizeof *out);
        for (size_t k = 0; k < q[i].n; k++) { /* oldest first, so the last visit settles how late */
            uint32_t item = q[i].items[k];
            if (item >= m->n_items) continue;
            float lately = (float)((double)(k + 1) / (double)(q[i].n + 1));
            float times = out[item] >= 1 ? (float)(int64_t)out[item] : 0;
            out[item] = (m->by == BY_FREQUENT ? times + 1 : 1) + lately;
        }
    }
    return LOREC_OK;
}

static lorec_err repeat_save(const void *self, const char *folder)
{
    const repeat *m = self;
    return array_save(folder, "prior", NPY_F32, 1, (int64_t[]){m->n_items}, m->prior);
}

static lorec_err repeat_load(void *self, const char *folder)
{
    repeat *m = self;
    return array_load_count((void **)&m->prior, folder, "prior", NPY_F32, &m->n_items);
}

static void repeat_release(void *self)
{
    mem_free(((repeat *)self)->prior);
}

const recommender recommender_repeat = {
    .key = "repeat",
    .seedless = true,
    .title = "the user's own items again (evaluate with keep_seen)",
    .family = "rule",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(repeat),
    .n_items_at = offsetof(repeat, n_items),
    .options = repeat_options,
    .n_options = sizeof repeat_options / sizeof *repeat_options,
    .fit = repeat_fit,
    .score = repeat_score,
    .save = repeat_save,
    .load = repeat_load,
    .release = repeat_release,
};

/* Recent Pop: what most had lately (Ji et al., SIGIR 2020: a popularity rule that knows the time is far harder to beat).
 * Counts training rows in the window_days before the question, each worth half for every half_life_days of age. The
 * question's own time is used where it is known and at_query is set; otherwise the end of the training part. */
#include <math.h>

#include "base/threads.h"
#include "rec/arrays.h"
#include "rec/recommender.h"
#include "rec/sparse.h"

typedef struct recent_pop {
    double window_days, half_life_days;
    bool at_query;
    uint32_t n_items;
    uint64_t n;
    uint32_t *item; /* [n] training rows by time */
    int64_t *time;  /* [n] */
    float *prior;   /* [n_items] share of all rows: orders what the window does not hold */
} recent_pop;

static const option recent_pop_options[] = {
    OPTION_REAL(recent_pop, window_days, 30, 0, 1e6, "how far back rows count; 0: all"),
    OPTION_REAL(recent_pop, half_life_days, 0, 0, 1e6, "age at which a row counts for half; 0: no decay"),
    OPTION_BOOL(recent_pop, at_query, 1, "count back from the question's time rather than from the end of training"),
};

static int by_time(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return x[0] != y[0] ? (x[0] > y[0]) - (x[0] < y[0]) : (x[1] > y[1]) - (x[1] < y[1]);
}

static lorec_err sort_rows(recent_pop *m, const interactions *x)
{
    uint64_t(*key)[2];
    TRY(mem_new(&key, x->n));
    for (uint64_t r = 0; r < x->n; r++) {
        key[r][0] = (uint64_t)x->time[r] ^ ((uint64_t)1 << 63); /* signed order as unsigned order */
        key[r][1] = r;
    }
    qsort(key, x->n, sizeof *key, by_time);
    lorec_err e = mem_new(&m->item, x->n);
    if (!e) e = mem_new(&m->time, x->n);
    for (uint64_t k = 0; k < x->n && !e; k++) m->item[k] = x->item[key[k][1]], m->time[k] = x->time[key[k][1]];
    mem_free(key);
    return e;
}

static lorec_err prior_of(recent_pop *m)
{
    TRY(mem_new(&m->prior, m->n_items));
    for (uint64_t k = 0; k < m->n; k++) m->prior[m->item[k]] += 1.0F / (float)(m->n + 1);
    return LOREC_OK;
}

static lorec_err recent_pop_fit(void *self, const fit_context *fit)
{
    recent_pop *m = self;
    const interactions *x = fit->train;
    TRY(interactions_check(x));
    if (!x->time) return err_set(LOREC_INPUT, "recent-pop needs times; the data set has none (use pop)");
    m->n_items = x->n_items;
    m->n = x->n;
    TRY(sort_rows(m, x));
    return prior_of(m);
}

/* The first row at or after `time`. */
static uint64_t first_at(const recent_pop *m, int64_t time)
{
    uint64_t low = 0, high = m->n;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (m->time[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void count_window(const recent_pop *m, int64_t now, float *out)
{
    for (uint32_t j = 0; j < m->n_items; j++) out[j] = m->prior[j];
    uint64_t end = now == INT64_MIN ? m->n : first_at(m, now), begin = 0;
    if (now == INT64_MIN) now = m->time[m->n - 1];
    double window = m->window_days * 86400;
    if (window > 0 && (double)now - window > (double)INT64_MIN / 2) begin = first_at(m, now - (int64_t)window);
    for (uint64_t k = begin; k < end; k++) {
        double age = (double)now - (double)m->time[k];
        out[m->item[k]] += m->half_life_days > 0 ? (float)exp2(-age / (86400 * m->half_life_days)) : 1;
    }
}

typedef struct score_job {
    const recent_pop *m;
    const query *q;
    float *scores;
} score_job;

static lorec_err score_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const score_job *w = ctx;
    for (size_t i = begin; i < end; i++)
        count_window(w->m, w->m->at_query ? w->q[i].now : INT64_MIN, w->scores + i * w->m->n_items);
    return LOREC_OK;
}

static lorec_err recent_pop_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    (void)s;
    return par_each(n, 4, score_rows, &(score_job){self, q, scores});
}

static lorec_err recent_pop_save(const void *self, const char *folder)
{
    const recent_pop *m = self;
    int64_t n = (int64_t)m->n;
    TRY(array_save(folder, "item", NPY_U32, 1, &n, m->item));
    TRY(array_save(folder, "time", NPY_I64, 1, &n, m->time));
    return array_save(folder, "items", NPY_U32, 1, (int64_t[]){1}, &m->n_items);
}

static lorec_err recent_pop_load(void *self, const char *folder)
{
    recent_pop *m = self;
    int64_t n;
    uint32_t *items;
    TRY(array_load_n((void **)&items, folder, "items", NPY_U32, 1));
    m->n_items = *items;
    mem_free(items);
    TRY(array_load((void **)&m->item, folder, "item", NPY_U32, 1, &n));
    TRY(array_load_n((void **)&m->time, folder, "time", NPY_I64, n));
    m->n = (uint64_t)n;
    bool fine = n > 0;
    for (uint64_t k = 0; k < m->n && fine; k++)
        fine = m->item[k] < m->n_items && (k == 0 || m->time[k - 1] <= m->time[k]);
    if (!fine) return err_set(LOREC_INPUT, "%s: item.npy and time.npy are not rows in time order", folder);
    return prior_of(m);
}

static void recent_pop_release(void *self)
{
    recent_pop *m = self;
    mem_free(m->item), mem_free(m->time), mem_free(m->prior);
}

const recommender recommender_recent_pop = {
    .key = "recent-pop",
    .seedless = true,
    .title = "what most people had lately",
    .family = "rule",
    .cite = "Ji et al., A Re-visit of the Popularity Baseline in Recommender Systems, SIGIR 2020",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_TIME,
    .size = sizeof(recent_pop),
    .n_items_at = offsetof(recent_pop, n_items),
    .options = recent_pop_options,
    .n_options = sizeof recent_pop_options / sizeof *recent_pop_options,
    .fit = recent_pop_fit,
    .score = recent_pop_score,
    .save = recent_pop_save,
    .load = recent_pop_load,
    .release = recent_pop_release,
};

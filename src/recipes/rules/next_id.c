/* Next ids: after the last item of the history, the items with the next numbers. No model; it shows what an order of ids gives
 * away. Where items are numbered in the order in which a walk through all users' histories meets them (P5's preparation of its
 * data, validation and test included), the answer is often the next number; numbered by the training part alone it is not. */
#include <math.h>

#include "base/mem.h"
#include "rec/arrays.h"
#include "rec/history.h"
#include "recipes/item_ids.h"

typedef struct next_id {
    int numbers;
    /* fitted */
    uint32_t n_items;
    uint32_t *number; /* [n_items] */
} next_id;

enum { NUMBERS_SEQUENTIAL, NUMBERS_TRAIN, NUMBERS_DATA };
static const char *const numbers[] = {"sequential", "train", "data", NULL};

static const option options[] = {
    OPTION_CHOICE(next_id, numbers, "sequential", numbers,
                  "by a walk through all of the data, through the training part, or as the data set numbers its items"),
};

static lorec_err fit(void *self, const fit_context *c)
{
    next_id *m = self;
    m->n_items = c->train->n_items;
    TRY(mem_new(&m->number, m->n_items));
    for (uint32_t i = 0; i < m->n_items; i++) m->number[i] = i;
    if (m->numbers == NUMBERS_DATA) return LOREC_OK;
    return items_by_visit(m->numbers == NUMBERS_SEQUENTIAL && c->split ? &c->split->data->rows : c->train, c->seed,
                          m->number);
}

/* Those that come before the last one are last themselves, the nearest first. */
static lorec_err score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const next_id *m = self;
    (void)s;
    for (size_t i = 0; i < n; i++) {
        float *row = scores + i * m->n_items;
        uint32_t last = history_last(&q[i], m->n_items);
        for (uint32_t k = 0; k < m->n_items; k++) {
            if (last == UINT32_MAX)
                row[k] = 0;
            else if (m->number[k] > m->number[last])
                row[k] = (float)(m->n_items - (m->number[k] - m->number[last]));
            else
                row[k] = -(float)(m->number[last] - m->number[k]);
        }
    }
    return LOREC_OK;
}

static lorec_err save(const void *self, const char *folder)
{
    const next_id *m = self;
    int64_t n = m->n_items;
    return array_save(folder, "number", NPY_U32, 1, &n, m->number);
}

static lorec_err load(void *self, const char *folder)
{
    next_id *m = self;
    return array_load_count((void **)&m->number, folder, "number", NPY_U32, &m->n_items);
}

static void release(void *self)
{
    mem_free(((next_id *)self)->number);
}

const recommender recommender_next_id = {
    .key = "next-id",
    .title = "Next id: the items numbered after the last one",
    .family = "rule",
    .cite = "a control for P5 (Geng et al., RecSys 2022): its sequential ids hold the test part",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(next_id),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score = score,
    .save = save,
    .load = load,
    .release = release,
    .n_items_at = offsetof(next_id, n_items),
};

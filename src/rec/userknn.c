/* UserKNN: what people of like taste had (Resnick et al., CSCW 1994; on implicit feedback). The query's history is
 * compared with every user of the training part; the k most similar vote for what they had with their similarity. The
 * user asked for is no neighbour of itself. */
#include <math.h>

#include "base/threads.h"
#include "rec/arrays.h"
#include "rec/history.h"
#include "rec/similarity.h"
#include "rec/sparse.h"
#include "rec/topk.h"

typedef struct userknn {
    int64_t k;
    similarity_spec how;
    sparse x, xt; /* [users, items], [items, users] */
} userknn;

static const option userknn_options[] = {
    OPTION_INT(userknn, k, 100, 1, 1e9, "neighbours that vote"),
    SIMILARITY_OPTIONS(userknn, how),
};

static uint64_t userknn_memory(const void *self, const fit_context *fit)
{
    (void)self;
    return fit->train->n * 12 + ((uint64_t)fit->train->n_users * (8 + 12 * (uint64_t)par_workers()));
}

static lorec_err userknn_fit(void *self, const fit_context *fit)
{
    userknn *m = self;
    TRY(sparse_from(&m->x, fit->train));
    return sparse_transpose(&m->xt, &m->x);
}

typedef struct score_job {
    const userknn *m;
    const query *q;
    const history_rows *h;
    float *scores;
} score_job;

static lorec_err score_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const score_job *w = ctx;
    const sparse *x = &w->m->x, *xt = &w->m->xt;
    size_t kept = w->m->k < x->rows ? (size_t)w->m->k : x->rows;
    float *like = NULL, *best = NULL;
    uint32_t *who = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&like, x->rows), done);
    TRY_GO(e, mem_new(&best, kept), done);
    TRY_GO(e, mem_new(&who, kept), done);
    for (size_t i = begin; i < end; i++) {
        const uint32_t *item = w->h->item + w->h->start[i];
        size_t n = w->h->start[i + 1] - w->h->start[i];
        memset(like, 0, x->rows * sizeof *like);
        for (size_t k = 0; k < n; k++)
            for (uint64_t at = xt->start[item[k]]; at < xt->start[item[k] + 1]; at++) like[xt->col[at]] += 1;
        if (w->q[i].user < x->rows) like[w->q[i].user] = 0;
        for (size_t v = 0; v < x->rows; v++)
            like[v] = like[v] > 0 ? similarity(&w->m->how, like[v], (double)n, (double)(x->start[v + 1] - x->start[v]))
                                  : -INFINITY;
        size_t found = topk_select(like, x->rows, kept, who, best);
        float *out = w->scores + i * x->cols;
        memset(out, 0, x->cols * sizeof *out);
        for (size_t k = 0; k < found; k++)
            for (uint64_t at = x->start[who[k]]; at < x->start[who[k] + 1]; at++) out[x->col[at]] += best[k];
    }
done:
    mem_free(like), mem_free(best), mem_free(who);
    return e;
}

static lorec_err userknn_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const userknn *m = self;
    arena *a = rec_session_arena(s);
    arena_reset(a);
    history_rows h;
    TRY(history_sets(a, q, n, m->x.cols, &h));
    return par_each(n, 8, score_rows, &(score_job){m, q, &h, scores});
}

static lorec_err userknn_save(const void *self, const char *folder)
{
    const userknn *m = self;
    TRY(sparse_save(&m->x, folder, "users"));
    return array_save(folder, "items", NPY_U32, 1, (int64_t[]){1}, &m->x.cols);
}

static lorec_err userknn_load(void *self, const char *folder)
{
    userknn *m = self;
    uint32_t *items;
    TRY(array_load_n((void **)&items, folder, "items", NPY_U32, 1));
    lorec_err e = sparse_load(&m->x, folder, "users", *items, false);
    mem_free(items);
    return e ? e : sparse_transpose(&m->xt, &m->x);
}

static void userknn_release(void *self)
{
    userknn *m = self;
    sparse_free(&m->x);
    sparse_free(&m->xt);
}

const recommender recommender_userknn = {
    .key = "userknn",
    .seedless = true,
    .title = "UserKNN: what people of like taste had",
    .family = "neighbours",
    .cite = "Resnick et al., CSCW 1994",
    .tasks = TASK_TOPN,
    .size = sizeof(userknn),
    .n_items_at = offsetof(userknn, x.cols),
    .options = userknn_options,
    .n_options = sizeof userknn_options / sizeof *userknn_options,
    .memory = userknn_memory,
    .fit = userknn_fit,
    .score = userknn_score,
    .save = userknn_save,
    .load = userknn_load,
    .release = userknn_release,
};

/* ItemKNN: items that the same people had (Sarwar et al., WWW 2001; Deshpande & Karypis, TOIS 2004).
 * Each item j keeps its k most similar items N(j); a user's score for j is the sum of the similarities of N(j) and what
 * the user had. */
#include <math.h>

#include "base/threads.h"
#include "rec/history.h"
#include "rec/similarity.h"
#include "rec/sparse.h"
#include "rec/topk.h"

typedef struct itemknn {
    int64_t k;
    similarity_spec how;
    sparse listed; /* [n_items, n_items] row i: the j that have i among their neighbours, with the similarity */
} itemknn;

static const option itemknn_options[] = {
    OPTION_INT(itemknn, k, 100, 1, 1e9, "neighbours kept of each item"),
    SIMILARITY_OPTIONS(itemknn, how),
};

static uint64_t itemknn_memory(const void *self, const fit_context *fit)
{
    const itemknn *m = self;
    uint64_t n = fit->train->n_items, kept = (uint64_t)m->k < n ? (uint64_t)m->k : n;
    return fit->train->n * 8 + n * kept * 8 * 2 + n * (uint64_t)par_workers() * 8;
}

/* ---- fit --------------------------------------------------------------------------------------------------------------- */

typedef struct neighbours_job {
    const itemknn *m;
    const sparse *x, *xt;
    size_t kept;    /* places for each item */
    uint32_t *item; /* [n_items, kept] */
    float *value;
    uint32_t *found; /* [n_items] */
} neighbours_job;

static double popularity_of(const sparse *xt, size_t i)
{
    return (double)(xt->start[i + 1] - xt->start[i]);
}

static lorec_err neighbours_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const neighbours_job *w = ctx;
    const sparse *x = w->x, *xt = w->xt;
    float *shared;
    TRY(mem_new(&shared, x->cols));
    for (size_t j = begin; j < end; j++) {
        memset(shared, 0, x->cols * sizeof *shared);
        for (uint64_t k = xt->start[j]; k < xt->start[j + 1]; k++) {
            uint32_t u = xt->col[k];
            for (uint64_t at = x->start[u]; at < x->start[u + 1]; at++) shared[x->col[at]] += 1;
        }
        shared[j] = 0;
        for (size_t i = 0; i < x->cols; i++)
            shared[i] = shared[i] > 0 ? similarity(&w->m->how, shared[i], popularity_of(xt, j), popularity_of(xt, i))
                                      : -INFINITY; /* never chosen */
        w->found[j] = (uint32_t)topk_select(shared, x->cols, w->kept, w->item + j * w->kept, w->value + j * w->kept);
    }
    mem_free(shared);
    return LOREC_OK;
}

/* From a list of neighbours for each item to the matrix that scoring reads: i -> those who list i. */
static lorec_err turn_lists(sparse *out, const neighbours_job *w, uint32_t n)
{
    sparse by_item = {.rows = n, .cols = n};
    lorec_err e;
    TRY_GO(e, mem_new(&by_item.start, (size_t)n + 1), done);
    for (uint32_t j = 0; j < n; j++) by_item.start[j + 1] = by_item.start[j] + w->found[j];
    by_item.n = by_item.start[n];
    for (uint32_t j = 0; j < n; j++) { /* close up in place: to the left or not at all */
        memmove(w->item + by_item.start[j], w->item + j * w->kept, w->found[j] * sizeof *w->item);
        memmove(w->value + by_item.start[j], w->value + j * w->kept, w->found[j] * sizeof *w->value);
    }
    by_item.col = w->item;
    by_item.value = w->value;
    e = sparse_transpose(out, &by_item);
done:
    mem_free(by_item.start);
    return e;
}

static lorec_err itemknn_fit(void *self, const fit_context *fit)
{
    itemknn *m = self;
    sparse x, xt = {0};
    TRY(sparse_from(&x, fit->train));
    neighbours_job w = {.m = m, .x = &x, .xt = &xt, .kept = m->k < x.cols ? (size_t)m->k : x.cols};
    lorec_err e;
    TRY_GO(e, sparse_transpose(&xt, &x), done);
    TRY_GO(e, mem_new(&w.item, x.cols * w.kept), done);
    TRY_GO(e, mem_new(&w.value, x.cols * w.kept), done);
    TRY_GO(e, mem_new(&w.found, x.cols), done);
    TRY_GO(e, par_each(x.cols, 16, neighbours_rows, &w), done);
    e = turn_lists(&m->listed, &w, x.cols);
done:
    mem_free(w.item), mem_free(w.value), mem_free(w.found);
    sparse_free(&x);
    sparse_free(&xt);
    return e;
}

/* ---- score ------------------------------------------------------------------------------------------------------------- */

static lorec_err itemknn_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    return score_by_rows(&((const itemknn *)self)->listed, s, q, n, scores);
}

/* ---- keeping ------------------------------------------------------------------------------------------------------------ */

static lorec_err itemknn_save(const void *self, const char *folder)
{
    return sparse_save(&((const itemknn *)self)->listed, folder, "neighbours");
}

static lorec_err itemknn_load(void *self, const char *folder)
{
    itemknn *m = self;
    return sparse_load_square(&m->listed, folder, "neighbours");
}

static void itemknn_release(void *self)
{
    sparse_free(&((itemknn *)self)->listed);
}

static json_t *itemknn_counts(const void *self)
{
    return json_pack("{s:I}", "neighbours", (json_int_t)((const itemknn *)self)->listed.n);
}

const recommender recommender_itemknn = {
    .key = "itemknn",
    .seedless = true,
    .title = "ItemKNN: items that the same people had",
    .family = "neighbours",
    .cite = "Sarwar et al., WWW 2001; Deshpande & Karypis, TOIS 2004",
    .tasks = TASK_TOPN,
    .size = sizeof(itemknn),
    .n_items_at = offsetof(itemknn, listed.cols),
    .options = itemknn_options,
    .n_options = sizeof itemknn_options / sizeof *itemknn_options,
    .memory = itemknn_memory,
    .fit = itemknn_fit,
    .score = itemknn_score,
    .save = itemknn_save,
    .load = itemknn_load,
    .release = itemknn_release,
    .counts = itemknn_counts,
};

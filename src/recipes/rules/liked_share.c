/* The share of liked items in what a person had lately, as the answer to every question about that person: no model, no item.
 * On TALLRec's published test files this counts to a larger AUC than every model of its tables; so whoever reads likes and
 * dislikes in a prompt has to beat it. Candidates of one person are ties. */
#include "rec/recommender.h"
#include "recipes/likes.h"

typedef struct liked_share {
    int64_t max_history;
    double liked_above;
    /* fitted */
    likes likes;
} liked_share;

static const option options[] = {
    OPTION_INT(liked_share, max_history, 10, 1, 1e6, "items of the history that are counted, the latest"),
    OPTION_REAL(liked_share, liked_above, 3, -1e9, 1e9, "an item is liked that was rated above this"),
};

static lorec_err fit(void *self, const fit_context *c)
{
    liked_share *m = self;
    return likes_make(&m->likes, c->split, c->train, m->liked_above);
}

static float share(const liked_share *m, uint32_t user, const query *q)
{
    size_t n = q->n < (size_t)m->max_history ? q->n : (size_t)m->max_history, liked = 0;
    for (size_t k = q->n - n; k < q->n; k++) liked += likes_item(&m->likes, user, q->items[k]);
    return n ? (float)liked / (float)n : .5f;
}

static lorec_err score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    (void)s;
    (void)candidate;
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = start[i]; k < start[i + 1]; k++) scores[k] = share(self, q[i].user, &q[i]);
    return LOREC_OK;
}

static lorec_err score_pairs(const void *self, rec_session *s, const pair *p, size_t n, float *probability)
{
    (void)s;
    for (size_t i = 0; i < n; i++) probability[i] = share(self, p[i].user, &p[i].history);
    return LOREC_OK;
}

static lorec_err save(const void *self, const char *folder)
{
    return likes_save(&((const liked_share *)self)->likes, folder);
}

static lorec_err load(void *self, const char *folder)
{
    return likes_load(&((liked_share *)self)->likes, folder);
}

static void release(void *self)
{
    likes_free(&((liked_share *)self)->likes);
}

const recommender recommender_liked_share = {
    .key = "liked-share",
    .seedless = true,
    .title = "Liked share: how much of the latest history was liked",
    .family = "rule",
    .cite = "a control for TALLRec (Bao et al., RecSys 2023)",
    .tasks = TASK_CLICK | TASK_TOPN,
    .size = sizeof(liked_share),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score_items = score_items,
    .score_pairs = score_pairs,
    .save = save,
    .load = load,
    .release = release,
};

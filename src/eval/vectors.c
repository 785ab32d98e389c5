/* Full ranking of users and items that are given as vectors. Each thread multiplies a tile of users with all items, and
 * ranks the tile while its scores are still in the cache. */
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "eval/rank.h"
#include "eval/rows.h"
#include "tensor/cpu/kernels.h"

enum { TILE_BYTES = 512 << 10, TILE_MIN = 8, TILE_MAX = 256 };

typedef struct vectors_job {
    const rank_vectors_request *request;
    ranking ranking;
    uint32_t *nan; /* [questions] */
} vectors_job;

/* One thread's tile: users' vectors side by side, their scores, and what they had. */
typedef struct tile {
    size_t rows;
    float *user, *scores;
    uint32_t *absent;
    query_batch batch;
    row_scratch scratch;
} tile;

static lorec_err tile_make(tile *t, const vectors_job *job)
{
    size_t n_items = job->ranking.n_items, cells;
    *t = (tile){.rows = TILE_BYTES / sizeof(float) / (n_items ? n_items : 1)};
    t->rows = t->rows < TILE_MIN ? TILE_MIN : t->rows > TILE_MAX ? TILE_MAX : t->rows;
    if (!size_mul(t->rows, n_items, &cells)) return err_set(LOREC_RESOURCE, "%zu items are too many", n_items);
    TRY(mem_new(&t->user, t->rows * job->request->d));
    TRY(mem_new(&t->scores, cells));
    TRY(mem_new(&t->absent, t->rows));
    return row_scratch_make(&t->scratch, &job->ranking);
}

static void tile_free(tile *t)
{
    mem_free(t->user);
    mem_free(t->scores);
    mem_free(t->absent);
    query_batch_free(&t->batch);
    row_scratch_free(&t->scratch);
}

static lorec_err tile_rank(tile *t, const vectors_job *job, size_t at, size_t n)
{
    const rank_vectors_request *req = job->request;
    const ranking *rk = &job->ranking;
    size_t d = req->d, n_items = rk->n_items;
    TRY(query_batch_fill(&t->batch, rk->protocol, req->part, rk->questions, at, n));
    for (size_t i = 0; i < n; i++)
        memcpy(t->user + i * d, req->user + (size_t)rk->questions->user[at + i] * d, d * sizeof(float));
    for (size_t i = 0; i < n && req->bias; i++) memcpy(t->scores + i * n_items, req->bias, n_items * sizeof(float));
    gemm_f32_serial(false, true, (int64_t)n, (int64_t)n_items, (int64_t)d, 1, t->user, (int64_t)d, req->item,
                    (int64_t)d, req->bias ? 1 : 0, t->scores, (int64_t)n_items);
    batch_rows b = {.ranking = rk,
                    .at = at,
                    .query = t->batch.query,
                    .scores = t->scores,
                    .nan = job->nan + at,
                    .absent = t->absent};
    for (size_t i = 0; i < n; i++) row_rank(&b, i, &t->scratch);
    return cancel_check();
}

static lorec_err tiles_rank(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const vectors_job *job = ctx;
    tile t;
    lorec_err e = tile_make(&t, job);
    for (size_t at = begin; at < end && !e; at += t.rows)
        e = tile_rank(&t, job, at, end - at < t.rows ? end - at : t.rows);
    tile_free(&t);
    return e;
}

lorec_err rank_vectors(report *out, const rank_vectors_request *request)
{
    const protocol *p = request->protocol;
    vectors_job job = {.request = request};
    questions q = {0};
    double started = clock_seconds();
    *out = (report){0};
    if (protocol_kind(p, request->part) != CANDIDATES_FULL)
        return err_set(LOREC_USAGE, "vectors are ranked against every item; the candidates are \"%s\"", p->words);
    lorec_err e = questions_make(&q, p, request->part, 0, 0);
    if (!e) e = report_make(out, p, &q, request->keep_lists);
    if (!e) e = mem_new(&job.nan, q.n);
    job.ranking = (ranking){p, out, &q, p->split->train.n_items, report_depth(p)};
    if (!e) e = par_for(q.n, TILE_MIN, tiles_rank, &job);
    for (size_t i = 0; i < q.n && !e; i++) out->nan_scores += job.nan[i];
    if (!e) {
        report_means(out);
        if (out->list) e = report_shown(out, p);
    }
    out->seconds = clock_seconds() - started;
    questions_free(&q);
    mem_free(job.nan);
    if (e) report_close(out);
    return e;
}

/* Lists made elsewhere under a protocol of ours: the same users, candidates and metrics as every other row. */
#include "eval/lists.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/order.h"
#include "eval/report.h"

typedef struct finder {
    const dataset *data;
    ids items;
} finder;

static lorec_err find(void *ctx, slice user, slice item, list_row *row)
{
    finder *f = ctx;
    if (!dataset_find_user(f->data, user, &row->user))
        return err_set(LOREC_INPUT, "user \"%.*s\" is not in %s", (int)(user.n < 80 ? user.n : 80), user.p,
                       f->data->name);
    if (!ids_find(&f->items, item, &row->item))
        return err_set(LOREC_INPUT, "item \"%.*s\" is not in %s", (int)(item.n < 80 ? item.n : 80), item.p,
                       f->data->name);
    return LOREC_OK;
}

/* Scratch for one user at a time. */
typedef struct lists_job {
    const protocol *p;
    part of;
    const list_file *file;
    const questions *q;
    report *r;
    query_batch batch;
    uint64_t *bits;
    uint32_t *candidate;
    bool *drop;
    place *places;
    size_t candidate_cap, drop_cap;
} lists_job;

/* Marks what may not stand in the list: had before, or not among the user's candidates. */
static lorec_err mark(lists_job *job, size_t i, const list_row *row, size_t n)
{
    const questions *q = job->q;
    const query *had = &job->batch.query[0];
    candidates_kind kind = protocol_kind(job->p, job->of);
    size_t n_relevant = (size_t)(q->start[i + 1] - q->start[i]), n_candidates = 0;
    TRY(mem_grow(&job->drop, &job->drop_cap, n));
    if (kind != CANDIDATES_FULL) {
        TRY(mem_grow(&job->candidate, &job->candidate_cap, protocol_candidates_max(job->p, q->user[i], n_relevant)));
        n_candidates = protocol_candidates(job->p, job->of, q->user[i], q->relevant + q->start[i], n_relevant,
                                           had->items, had->n, job->bits, job->candidate);
        for (size_t j = 0; j < n_relevant; j++)
            job->r->targets_not_in_slate += !find_u32(q->relevant[q->start[i] + j], job->candidate, n_candidates);
    } else if (!job->p->keep_seen) {
        for (size_t j = 0; j < had->n; j++) job->bits[had->items[j] / 64] |= (uint64_t)1 << (had->items[j] % 64);
    }
    for (size_t j = 0; j < n; j++) {
        uint32_t item = row[j].item;
        if (kind == CANDIDATES_FULL)
            job->drop[j] = job->bits[item / 64] >> (item % 64) & 1;
        else
            job->drop[j] = !find_u32(item, job->candidate, n_candidates);
        job->r->dropped_items += job->drop[j];
    }
    for (size_t j = 0; j < had->n; j++) job->bits[had->items[j] / 64] = 0;
    return LOREC_OK;
}

static lorec_err user_rank(lists_job *job, size_t i)
{
    const questions *q = job->q;
    report *r = job->r;
    size_t n, first = list_file_user(job->file, q->user[i], &n), kept = 0;
    const list_row *row = job->file->row + first;
    TRY(query_batch_fill(&job->batch, job->p, job->of, q, i, 1));
    TRY(mark(job, i, row, n));
    r->missing_users += n == 0;
    for (size_t j = 0; j < n && kept < r->k; j++) {
        if (job->drop[j]) continue;
        r->list[i * r->k + kept] = row[j].item;
        r->list_score[i * r->k + kept++] = row[j].score;
    }
    size_t n_relevant = (size_t)(q->start[i + 1] - q->start[i]);
    list_places(job->file, row, n, job->drop, q->relevant + q->start[i], n_relevant, job->places);
    report_row(r, i, job->places, n_relevant);
    return LOREC_OK;
}

static uint64_t users_unasked(const list_file *f, const questions *q)
{
    uint64_t unasked = 0;
    for (size_t i = 0; i < f->n; i++)
        if (i == 0 || f->row[i].user != f->row[i - 1].user) unasked += !find_u32(f->row[i].user, q->user, q->n);
    return unasked;
}

lorec_err evaluate_lists(report *out, const protocol *p, part of, const char *path)
{
    *out = (report){0};
    const dataset *d = p->split->data;
    double started = clock_seconds();
    if (!report_wants(p, METRIC_OF_LISTS) && !report_wants(p, METRIC_OF_SHOWN))
        return err_set(LOREC_USAGE, "lists can not be measured by %s; name metrics like recall@10", p->metrics[0].name);
    finder f = {.data = d};
    list_file file = {0};
    questions q = {0};
    lists_job job = {.p = p, .of = of, .file = &file, .q = &q, .r = out};
    lorec_err e = LOREC_OK;
    uint32_t number;
    for (uint32_t i = 0; i < d->item_ids.n && !e; i++) e = ids_add(&f.items, names_at(&d->item_ids, i), &number);
    if (!e) e = list_file_read(&file, path, find, &f);
    if (!e) e = questions_make(&q, p, of, 0, 0);
    if (!e) e = report_make(out, p, &q, true);
    if (!e) e = mem_new(&job.bits, (size_t)p->split->train.n_items / 64 + 1);
    if (!e) e = mem_new(&job.places, q.most);
    for (size_t i = 0; i < q.n && !e; i++) e = user_rank(&job, i);
    if (!e) {
        report_means(out);
        out->unasked_users = users_unasked(&file, &q);
        out->candidate_recall = 1 - (double)out->targets_not_in_slate / (double)q.start[q.n];
        e = report_shown(out, p);
    }
    out->seconds = clock_seconds() - started;
    ids_free(&f.items);
    list_file_free(&file);
    questions_free(&q);
    query_batch_free(&job.batch);
    mem_free(job.bits);
    mem_free(job.candidate);
    mem_free(job.drop);
    mem_free(job.places);
    if (e) report_close(out);
    return e;
}

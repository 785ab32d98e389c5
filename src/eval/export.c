#include "eval/export.h"

#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "eval/questions.h"

static lorec_err ids_check(const names *v, const char *what)
{
    for (uint32_t i = 0; i < v->n; i++) {
        slice id = names_at(v, i);
        for (size_t j = 0; j < id.n; j++)
            if (id.p[j] == '\t' || id.p[j] == '\n' || id.p[j] == '\r')
                return err_set(LOREC_INPUT,
                               "the %s id \"%.*s\" has a tab or a line break in it: it can not stand in a TSV file",
                               what, (int)(id.n < 80 ? id.n : 80), id.p);
    }
    return LOREC_OK;
}

static void id_put(writer *w, const names *v, uint32_t i)
{
    slice id = names_at(v, i);
    writer_put(w, id.p, id.n);
}

static lorec_err part_write(const dataset *d, const interactions *rows, const char *folder, const char *name)
{
    buf path = {0};
    writer w;
    lorec_err e = path_join(&path, folder, name);
    if (!e) e = writer_open(&w, path.p);
    buf_free(&path);
    TRY(e);
    writer_printf(&w, "user\titem%s%s\n", rows->rating ? "\trating" : "", rows->time ? "\ttime" : "");
    for (uint32_t u = 0; u < rows->n_users; u++) {
        for (uint64_t r = rows->start[u]; r < rows->start[u + 1]; r++) {
            id_put(&w, &d->user_ids, u);
            writer_put(&w, "\t", 1);
            id_put(&w, &d->item_ids, rows->item[r]);
            if (rows->rating && isnan(rows->rating[r]))
                writer_put(&w, "\t", 1);
            else if (rows->rating)
                writer_printf(&w, "\t%.9g", (double)rows->rating[r]);
            if (rows->time && rows->time[r] == INT64_MIN)
                writer_put(&w, "\t", 1);
            else if (rows->time)
                writer_printf(&w, "\t%lld", (long long)rows->time[r]);
            writer_put(&w, "\n", 1);
        }
    }
    return writer_commit(&w);
}

static bool titled(const dataset *d)
{
    for (uint32_t i = 0; i < d->rows.n_items; i++)
        if (dataset_title(d, i).p != names_at(&d->item_ids, i).p) return true; /* no title: its id, the same bytes */
    return false;
}

/* Titles are for prompts and eyes: what would break the row becomes a space. */
static void title_put(writer *w, slice title)
{
    for (size_t j = 0; j < title.n; j++) {
        char c = title.p[j];
        writer_put(w, c == '\t' || c == '\n' || c == '\r' ? " " : &c, 1);
    }
}

static lorec_err titles_write(const dataset *d, const char *folder)
{
    buf path = {0};
    writer w;
    lorec_err e = path_join(&path, folder, "items.tsv");
    if (!e) e = writer_open(&w, path.p);
    buf_free(&path);
    TRY(e);
    writer_printf(&w, "item\ttitle\n");
    for (uint32_t i = 0; i < d->rows.n_items; i++) {
        id_put(&w, &d->item_ids, i);
        writer_put(&w, "\t", 1);
        title_put(&w, dataset_title(d, i));
        writer_put(&w, "\n", 1);
    }
    return writer_commit(&w);
}

typedef struct candidates_job {
    questions q;
    query_batch batch;
    uint64_t *bits;
    uint32_t *item;
    size_t cap;
} candidates_job;

static lorec_err candidates_put(const protocol *p, candidates_job *job, writer *w, size_t i)
{
    const questions *q = &job->q;
    const dataset *d = p->split->data;
    size_t n_relevant = (size_t)(q->start[i + 1] - q->start[i]);
    TRY(query_batch_fill(&job->batch, p, PART_TEST, q, i, 1));
    TRY(mem_grow(&job->item, &job->cap, protocol_candidates_max(p, q->user[i], n_relevant)));
    size_t n = protocol_candidates(p, PART_TEST, q->user[i], q->relevant + q->start[i], n_relevant,
                                   job->batch.query[0].items, job->batch.query[0].n, job->bits, job->item);
    id_put(w, &d->user_ids, q->user[i]);
    for (size_t j = 0; j < n; j++) {
        writer_put(w, "\t", 1);
        id_put(w, &d->item_ids, job->item[j]);
    }
    writer_put(w, "\n", 1);
    return LOREC_OK;
}

static lorec_err candidates_write(const protocol *p, const char *folder)
{
    candidates_job job = {0};
    buf path = {0};
    writer w;
    lorec_err e = path_join(&path, folder, "candidates.tsv");
    if (!e) e = questions_make(&job.q, p, PART_TEST, 0, 0);
    if (!e) e = mem_new(&job.bits, (size_t)p->split->train.n_items / 64 + 1);
    if (!e) {
        e = writer_open(&w, path.p);
        for (size_t i = 0; i < job.q.n && !e; i++) {
            e = candidates_put(p, &job, &w, i);
            if (e) writer_abort(&w);
        }
        if (!e) e = writer_commit(&w);
    }
    buf_free(&path);
    questions_free(&job.q);
    query_batch_free(&job.batch);
    mem_free(job.bits);
    mem_free(job.item);
    return e;
}

static lorec_err manifest_write(const protocol *p, const char *folder)
{
    const split *s = p->split;
    const dataset *d = s->data;
    json_t *o = json_pack("{s:i, s:{s:s, s:s, s:I, s:I, s:I}, s:s, s:s, s:s, s:b, s:{s:I, s:I, s:I}}", "schema", 1,
                          "data", "name", d->name, "sha256", d->sha256, "users", (json_int_t)d->rows.n_users, "items",
                          (json_int_t)d->rows.n_items, "interactions", (json_int_t)d->rows.n, "split", s->id,
                          "protocol", p->id, "candidates", p->words, "seen_masked", !p->keep_seen, "rows", "train",
                          (json_int_t)s->train.n, "valid", (json_int_t)s->valid.n, "test", (json_int_t)s->test.n);
    if (!o) return err_set(LOREC_RESOURCE, "out of memory for the manifest");
    buf path = {0};
    lorec_err e = path_join(&path, folder, "manifest.json");
    if (!e) e = json_write(o, path.p);
    buf_free(&path);
    json_decref(o);
    return e;
}

lorec_err split_export(const protocol *p, const char *folder)
{
    const split *s = p->split;
    TRY(ids_check(&s->data->user_ids, "user"));
    TRY(ids_check(&s->data->item_ids, "item"));
    TRY(folder_make(folder));
    TRY(part_write(s->data, &s->train, folder, "train.tsv"));
    TRY(part_write(s->data, &s->valid, folder, "valid.tsv"));
    TRY(part_write(s->data, &s->test, folder, "test.tsv"));
    if (titled(s->data)) TRY(titles_write(s->data, folder));
    if (p->kind != CANDIDATES_FULL) TRY(candidates_write(p, folder));
    return manifest_write(p, folder);
}

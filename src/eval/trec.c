/* TREC's own pair of files, without a data set: answers (qrels) and a run. */
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "eval/lists.h"
#include "eval/report.h"

/* One judged document. */
typedef struct judged {
    uint32_t query, doc, line;
    bool relevant;
} judged;

typedef struct qrels {
    ids queries, docs;
    judged *row;
    size_t n, cap;
    uint32_t n_judged_queries; /* those after them only stand in the run */
} qrels;

static void qrels_free(qrels *t)
{
    ids_free(&t->queries);
    ids_free(&t->docs);
    mem_free(t->row);
}

static lorec_err judged_read(qrels *t, slice line, uint32_t number, int64_t min_relevance)
{
    slice field[5];
    size_t n = 0;
    int64_t relevance;
    for (size_t i = 0; i < line.n && n < 5;) { /* tabs and blanks in any number, as trec_eval reads them */
        while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t')) i++;
        size_t begin = i;
        while (i < line.n && line.p[i] != ' ' && line.p[i] != '\t') i++;
        if (i > begin) field[n++] = (slice){line.p + begin, i - begin};
    }
    if (n == 0) return LOREC_OK;
    if (n < 4) return err_set(LOREC_INPUT, "%zu columns where qid iteration doc relevance are due", n);
    if (!slice_to_i64(field[3], &relevance))
        return err_set(LOREC_INPUT, "the relevance \"%.*s\" is not a whole number",
                       (int)(field[3].n < 40 ? field[3].n : 40), field[3].p);
    TRY(mem_grow(&t->row, &t->cap, t->n + 1));
    judged *j = &t->row[t->n++];
    *j = (judged){.line = number, .relevant = relevance >= min_relevance};
    TRY(ids_add(&t->queries, field[0], &j->query));
    return ids_add(&t->docs, field[2], &j->doc);
}

static int by_query_doc(const void *a, const void *b)
{
    const judged *x = a, *y = b;
    if (x->query != y->query) return x->query < y->query ? -1 : 1;
    if (x->doc != y->doc) return x->doc < y->doc ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static lorec_err qrels_read(qrels *t, const char *path, int64_t min_relevance)
{
    lines l;
    slice line;
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        e = judged_read(t, line, (uint32_t)l.number, min_relevance);
        if (e) e = err_context(e, "%s, line %zu", path, l.number);
    }
    if (e) {
        (void)lines_close(&l);
        return e;
    }
    TRY(lines_close(&l));
    if (!t->n)
        return err_set(LOREC_INPUT, "%s: no judgements in it; lines of qid iteration doc relevance are due", path);
    t->n_judged_queries = t->queries.n;
    qsort(t->row, t->n, sizeof *t->row, by_query_doc);
    for (size_t i = 1; i < t->n; i++)
        if (t->row[i].query == t->row[i - 1].query && t->row[i].doc == t->row[i - 1].doc)
            return err_set(LOREC_INPUT, "%s, line %u: this query's document is judged already on line %u", path,
                           t->row[i].line, t->row[i - 1].line);
    return LOREC_OK;
}

/* Queries and their relevant documents, as users and their targets. */
static lorec_err qrels_questions(const qrels *t, questions *q)
{
    TRY(mem_new(&q->user, t->n_judged_queries));
    TRY(mem_new(&q->start, (size_t)t->n_judged_queries + 1));
    TRY(mem_new(&q->relevant, t->n));
    uint64_t at = 0;
    for (size_t i = 0; i < t->n;) {
        uint32_t topic = t->row[i].query;
        uint64_t first = at;
        for (; i < t->n && t->row[i].query == topic; i++)
            if (t->row[i].relevant) q->relevant[at++] = t->row[i].doc;
        if (at == first) {
            q->users_without_target++;
            continue;
        }
        q->user[q->n++] = topic;
        q->start[q->n] = at;
        if (at - first > q->most) q->most = (uint32_t)(at - first);
    }
    return q->n ? LOREC_OK : err_set(LOREC_INPUT, "no document of the qrels is relevant");
}

/* A run may hold queries and documents that nobody judged. */
static lorec_err find(void *ctx, slice topic, slice doc, list_row *row)
{
    qrels *t = ctx;
    TRY(ids_add(&t->queries, topic, &row->user));
    return ids_add(&t->docs, doc, &row->item);
}

lorec_err evaluate_trec(report *out, const metric *metrics, size_t n_metrics, const char *qrels_path, const char *run,
                        int64_t min_relevance)
{
    *out = (report){0};
    double started = clock_seconds();
    protocol p = {.metrics = (metric *)metrics, .n_metrics = n_metrics}; /* report_make reads these two only */
    qrels t = {0};
    list_file file = {0};
    questions q = {0};
    place *places = NULL;
    lorec_err e = LOREC_OK;
    for (size_t j = 0; j < n_metrics && !e; j++)
        if (metric_family_of(metrics[j].kind) != METRIC_OF_LISTS)
            e = err_set(LOREC_USAGE,
                        "%s needs a data set; qrels and a run give recall, ndcg, mrr, map, precision, hit and f1",
                        metrics[j].name);
    if (!e) e = qrels_read(&t, qrels_path, min_relevance);
    if (!e) e = qrels_questions(&t, &q);
    if (!e) e = list_file_read(&file, run, find, &t);
    if (!e) e = report_make(out, &p, &q, false);
    if (!e) e = mem_new(&places, q.most);
    for (size_t i = 0; i < q.n && !e; i++) {
        size_t n, first = list_file_user(&file, q.user[i], &n), n_relevant = (size_t)(q.start[i + 1] - q.start[i]);
        out->missing_users += n == 0;
        list_places(&file, file.row + first, n, NULL, q.relevant + q.start[i], n_relevant, places);
        report_row(out, i, places, n_relevant);
    }
    if (!e) report_means(out);
    out->seconds = clock_seconds() - started;
    for (size_t i = 0; i < file.n && !e; i++)
        out->unasked_users += (i == 0 || file.row[i].user != file.row[i - 1].user) &&
                              file.row[i].user >= t.n_judged_queries;
    qrels_free(&t);
    list_file_free(&file);
    questions_free(&q);
    mem_free(places);
    if (e) report_close(out);
    return e;
}

#include "eval/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/order.h"
#include "base/threads.h"
#include "eval/rows.h"
#include "rec/topk.h"

enum { SCORES_BYTES = 32 << 20, BATCH_MAX = 1024, LIST_BATCH = 256, LIST_DEPTH = 100 };

/* What one evaluation carries through its batches. */
typedef struct evaluation {
    const evaluate_request *request;
    const protocol *protocol;
    report *report;
    questions questions;
    ranking ranking;
    rec_session *session;
    query_batch batch;
    progress progress;
    uint32_t n_items, depth;
} evaluation;

static lorec_err rank_and_show(evaluation *ev, const batch_rows *b, size_t rows)
{
    TRY(batch_rank(b, rows));
    if (!ev->request->quiet) progress_step(&ev->progress, (double)(b->at + rows), " ");
    return LOREC_OK;
}

/* ---- the three ways in which a method answers ------------------------------------------------------------------------------ */

static lorec_err evaluate_full(evaluation *ev)
{
    const evaluate_request *req = ev->request;
    size_t rows = SCORES_BYTES / sizeof(float) / (ev->n_items ? ev->n_items : 1), cells;
    rows = rows < 1 ? 1 : rows > BATCH_MAX ? BATCH_MAX : rows;
    if (rows > ev->questions.n) rows = ev->questions.n;
    if (!size_mul(rows, ev->n_items, &cells)) return err_set(LOREC_RESOURCE, "%u items are too many", ev->n_items);
    batch_rows b = {.ranking = &ev->ranking};
    lorec_err e;
    TRY_GO(e, mem_new(&b.scores, cells), done);
    TRY_GO(e, mem_new(&b.nan, rows), done);
    TRY_GO(e, mem_new(&b.absent, rows), done);
    for (b.at = 0; b.at < ev->questions.n; b.at += rows) {
        size_t m = ev->questions.n - b.at < rows ? ev->questions.n - b.at : rows;
        TRY_GO(e, query_batch_fill(&ev->batch, ev->protocol, req->part, &ev->questions, b.at, m), done);
        TRY_GO(e, req->recommender->score(req->self, ev->session, ev->batch.query, m, b.scores), done);
        b.query = ev->batch.query;
        TRY_GO(e, rank_and_show(ev, &b, m), done);
    }
done:
    mem_free(b.scores);
    mem_free(b.nan);
    mem_free(b.absent);
    return e;
}

/* Candidates of the batch's users, end to end. */
typedef struct slates {
    uint64_t start[LIST_BATCH + 1];
    uint32_t *item;
    float *scores;
    uint64_t *bits;
    size_t item_cap, scores_cap;
} slates;

static lorec_err slates_fill(slates *s, const evaluation *ev, size_t at, size_t n)
{
    const questions *q = &ev->questions;
    size_t most = 0;
    for (size_t i = at; i < at + n; i++)
        most += protocol_candidates_max(ev->protocol, q->user[i], (size_t)(q->start[i + 1] - q->start[i]));
    TRY(mem_grow(&s->item, &s->item_cap, most));
    TRY(mem_grow(&s->scores, &s->scores_cap, most));
    for (size_t i = 0; i < n; i++) {
        const query *had = &ev->batch.query[i];
        s->start[i + 1] = s->start[i] + protocol_candidates(ev->protocol, ev->request->part, q->user[at + i],
                                                            q->relevant + q->start[at + i],
                                                            (size_t)(q->start[at + i + 1] - q->start[at + i]),
                                                            had->items, had->n, s->bits, s->item + s->start[i]);
    }
    return LOREC_OK;
}

static lorec_err evaluate_slates(evaluation *ev)
{
    const evaluate_request *req = ev->request;
    uint32_t nan[LIST_BATCH], absent[LIST_BATCH];
    slates *s;
    TRY(mem_new(&s, 1));
    lorec_err e;
    TRY_GO(e, mem_new(&s->bits, (size_t)ev->n_items / 64 + 1), done);
    for (size_t at = 0; at < ev->questions.n; at += LIST_BATCH) {
        size_t m = ev->questions.n - at < LIST_BATCH ? ev->questions.n - at : LIST_BATCH;
        TRY_GO(e, query_batch_fill(&ev->batch, ev->protocol, req->part, &ev->questions, at, m), done);
        TRY_GO(e, slates_fill(s, ev, at, m), done);
        TRY_GO(e,
               recommender_score_items(req->recommender, req->self, ev->session, ev->n_items, ev->batch.query, m,
                                       s->start, s->item, s->scores),
               done);
        batch_rows b = {.ranking = &ev->ranking,
                        .query = ev->batch.query,
                        .at = at,
                        .scores = s->scores,
                        .start = s->start,
                        .candidate = s->item,
                        .nan = nan,
                        .absent = absent};
        TRY_GO(e, rank_and_show(ev, &b, m), done);
    }
done:
    mem_free(s->item);
    mem_free(s->scores);
    mem_free(s->bits);
    mem_free(s);
    return e;
}

/* A list that a method made itself: its order is its ranking. Items that stand twice or do not exist count for nothing. */
static void list_rank(evaluation *ev, size_t at, uint32_t *items, const float *best, size_t n, place *places)
{
    const questions *q = &ev->questions;
    report *r = ev->report;
    size_t n_relevant = (size_t)(q->start[at + 1] - q->start[at]), kept = 0;
    const uint32_t *relevant = q->relevant + q->start[at];
    for (size_t j = 0; j < n_relevant; j++) places[j] = PLACE_NOWHERE;
    for (size_t i = 0; i < n; i++) {
        bool again = false;
        for (size_t j = 0; j < kept && !again; j++) again = items[j] == items[i];
        if (again || items[i] >= ev->n_items) {
            r->invalid_items++;
            continue;
        }
        const uint32_t *hit = find_u32(items[i], relevant, n_relevant);
        if (hit) places[hit - relevant] = (place){(uint32_t)kept, 0};
        if (r->list && kept < r->k) {
            r->list[at * r->k + kept] = items[i];
            r->list_score[at * r->k + kept] = best[i];
        }
        items[kept++] = items[i];
    }
    report_row(r, at, places, n_relevant);
}

static lorec_err evaluate_generated(evaluation *ev)
{
    const evaluate_request *req = ev->request;
    size_t k = ev->depth == UINT32_MAX || ev->depth == 0 ? LIST_DEPTH : ev->depth, found[LIST_BATCH];
    if (ev->report->list && ev->report->k > k) k = ev->report->k;
    uint32_t *items = NULL;
    float *best = NULL;
    place *places = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&items, LIST_BATCH * k), done);
    TRY_GO(e, mem_new(&best, LIST_BATCH * k), done);
    TRY_GO(e, mem_new(&places, ev->questions.most), done);
    for (size_t at = 0; at < ev->questions.n; at += LIST_BATCH) {
        size_t m = ev->questions.n - at < LIST_BATCH ? ev->questions.n - at : LIST_BATCH;
        TRY_GO(e, query_batch_fill(&ev->batch, ev->protocol, req->part, &ev->questions, at, m), done);
        TRY_GO(e,
               recommender_list(req->recommender, req->self, ev->session, ev->n_items, ev->batch.query, m, k,
                                ev->protocol->keep_seen, items, best, found),
               done);
        for (size_t i = 0; i < m; i++) list_rank(ev, at + i, items + i * k, best + i * k, found[i], places);
        if (!req->quiet) progress_step(&ev->progress, (double)(at + m), " ");
        TRY_GO(e, cancel_check(), done);
    }
done:
    mem_free(items);
    mem_free(best);
    mem_free(places);
    return e;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------- */

static lorec_err rank_lists(evaluation *ev)
{
    const recommender *r = ev->request->recommender;
    bool full = protocol_kind(ev->protocol, ev->request->part) == CANDIDATES_FULL;
    if (!full && !r->score && !r->score_items)
        return err_set(LOREC_USAGE,
                       "%s makes lists of its own and can not score given candidates; evaluate it with full ranking",
                       r->key);
    if (full && !r->score && !r->recommend)
        return err_set(LOREC_USAGE, "%s scores given candidates only; evaluate it with uniform@99, pop@99 or a slate",
                       r->key);
    if (!ev->request->quiet) progress_start(&ev->progress, r->key, ev->questions.n, "user");
    ev->session = rec_session_new(ev->request->seed);
    if (!ev->session) return err_set(LOREC_RESOURCE, "out of memory for a session");
    lorec_err e = !full                                         ? evaluate_slates(ev)
                  : recommender_generates(r, ev->request->self) ? evaluate_generated(ev)
                                                                : evaluate_full(ev);
    rec_session_free(ev->session);
    query_batch_free(&ev->batch);
    if (!ev->request->quiet) progress_end(&ev->progress);
    return e;
}

lorec_err evaluate(report *out, const evaluate_request *request)
{
    const recommender *rec = request->recommender;
    const protocol *p = request->protocol;
    evaluation ev = {
        .request = request, .protocol = p, .report = out, .n_items = p->split->train.n_items, .depth = report_depth(p)};
    double started = clock_seconds();
    *out = (report){0};
    TRY(recommender_fits(rec, request->self, ev.n_items));
    bool lists = report_wants(p, METRIC_OF_LISTS) || report_wants(p, METRIC_OF_SHOWN) || request->keep_lists;
    bool can_list = rec->score || rec->recommend || rec->score_items, can_pair = rec->score_pairs;
    /* lists that are only to be kept are no reason to fail where yes/no questions were asked for */
    if (!report_wants(p, METRIC_OF_LISTS) && !report_wants(p, METRIC_OF_SHOWN) && can_pair && !rec->score &&
        !rec->recommend && protocol_kind(p, request->part) == CANDIDATES_FULL)
        lists = false;
    if (!(lists && can_list) && !(report_wants(p, METRIC_OF_PAIRS) && can_pair) &&
        !recommender_studies(rec, request->self))
        return err_set(LOREC_USAGE, "%s can not be measured by %s%s: it %s", rec->key, p->metrics[0].name,
                       p->n_metrics > 1 ? " ..." : "",
                       can_pair ? "answers yes/no and rating questions only" : "makes lists only");
    protocol rules = *p;
    rules.keep_seen = p->keep_seen || !(lists && can_list); /* yes/no questions may be about what was had before */
    lorec_err e;
    TRY_GO(e, questions_make(&ev.questions, &rules, request->part, request->max_users, request->seed), done);
    TRY_GO(e, report_make(out, p, &ev.questions, request->keep_lists), done);
    ev.ranking = (ranking){p, out, &ev.questions, ev.n_items, ev.depth};
    if (lists && can_list) {
        TRY_GO(e, rank_lists(&ev), done);
        report_means(out);
        uint64_t targets = ev.questions.start[ev.questions.n];
        out->candidate_recall = 1 - (double)out->targets_not_in_slate / (double)targets;
        if (out->list) TRY_GO(e, report_shown(out, p), done);
    }
    if (can_pair && report_wants(p, METRIC_OF_PAIRS)) TRY_GO(e, report_pairs(out, request), done);
    out->seconds = clock_seconds() - started;
done:
    questions_free(&ev.questions);
    if (e) report_close(out);
    return e;
}

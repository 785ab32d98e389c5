/* Click and rating metrics over the rows of a part: each row is a question (user, item) with its rating as the answer.
 *   auc      P(a positive row scores above a negative one), ties one half
 *   gauc     a user's auc, averaged with the user's rows as weight; users with one kind of row only are left out
 *   logloss  mean of -ln(probability of what happened), probabilities kept 1e-15 away from 0 and 1
 *   rmse mae of predicted ratings
 * A row is positive from protocol.positive_rating on. NaN predictions are counted; auc ranks them last, the means of
 * errors become NaN.
 *
 * These are no means over users, yet users are what repeats: rows of one user go together. A user's value in the report
 * is therefore the metric plus the user's influence on it (the linear term of the delta method; for auc the clustered
 * form of DeLong's components, Obuchowski, Biometrics 1997). Such values average to the metric, and intervals and
 * paired differences made of them are those of the metric under resampling of users. */
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/order.h"
#include "base/threads.h"
#include "eval/report.h"

enum { PAIRS_BATCH = 4096 };

typedef struct answered { /* one row and what the method said */
    float score, rating;
    uint32_t asked; /* whose: an index into the users asked */
    bool positive;
} answered;

typedef struct pair_rows {
    const evaluate_request *request;
    const interactions *rows;
    questions asked; /* only its users: who has rows here */
    uint64_t *start; /* [asked.n + 1] into `row` */
    answered *row;
} pair_rows;

/* ---- asking --------------------------------------------------------------------------------------------------------- */

typedef struct pair_batch {
    query_batch users;
    pair *pair;
    float *score;
    size_t pair_cap, score_cap;
} pair_batch;

/* All rows of users from .. to - 1; each row's history is what its user had before the part. */
static lorec_err ask_users(pair_rows *p, rec_session *s, pair_batch *b, uint32_t from, uint32_t to)
{
    const evaluate_request *req = p->request;
    const interactions *rows = p->rows;
    size_t n = (size_t)(p->start[to] - p->start[from]), at = 0;
    TRY(query_batch_fill(&b->users, req->protocol, req->part, &p->asked, from, to - from));
    TRY(mem_grow(&b->pair, &b->pair_cap, n));
    TRY(mem_grow(&b->score, &b->score_cap, n));
    for (uint32_t i = from; i < to; i++) {
        uint32_t u = p->asked.user[i];
        for (uint64_t r = rows->start[u]; r < rows->start[u + 1]; r++, at++) {
            b->pair[at] = (pair){
                .user = u, .item = rows->item[r], .row = rows->row[r], .history = b->users.query[i - from]};
            b->pair[at].history.now = rows->time ? rows->time[r] : INT64_MIN;
            p->row[p->start[from] + at] = (answered){.rating = rows->rating[r],
                                                     .asked = i,
                                                     .positive = (double)rows->rating[r] >=
                                                                 req->protocol->positive_rating};
        }
    }
    for (size_t done = 0; done < n; done += PAIRS_BATCH) {
        size_t m = n - done < PAIRS_BATCH ? n - done : PAIRS_BATCH;
        TRY(req->recommender->score_pairs(req->self, s, b->pair + done, m, b->score + done));
    }
    for (size_t j = 0; j < n; j++) p->row[p->start[from] + j].score = b->score[j];
    return cancel_check();
}

static lorec_err ask_all(pair_rows *p)
{
    pair_batch b = {0};
    rec_session *s = rec_session_new(p->request->seed);
    lorec_err e = s ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a session");
    for (uint32_t from = 0, to = 0; from < p->asked.n && !e; from = to) {
        while (to < p->asked.n && (to == from || p->start[to + 1] - p->start[from] <= PAIRS_BATCH)) to++;
        e = ask_users(p, s, &b, from, to);
    }
    rec_session_free(s);
    query_batch_free(&b.users);
    mem_free(b.pair);
    mem_free(b.score);
    return e;
}

/* ---- measuring ------------------------------------------------------------------------------------------------------ */

static int by_score(const void *a, const void *b)
{
    const answered *x = a, *y = b;
    bool x_nan = isnan(x->score), y_nan = isnan(y->score);
    if (x_nan || y_nan) return (int)y_nan - (int)x_nan; /* NaN first: below everything */
    return x->score < y->score ? -1 : x->score > y->score;
}

/* Area under the ROC curve by ranks; sorts the rows. NaN where one kind is missing. With `influence` each row's part is
 * added to its user's: for a positive the share of negatives below it, less the area, over the number of positives; for
 * a negative the share of positives above it likewise. */
static double auc(answered *row, uint64_t n, double *influence)
{
    if (n > 1) qsort(row, n, sizeof *row, by_score);
    double count[2] = {0, 0}, before[2] = {0, 0}, won = 0;
    for (uint64_t i = 0; i < n; i++) count[row[i].positive]++;
    if (count[0] == 0 || count[1] == 0) return NAN;
    for (int pass = 0; pass < 1 + (influence != NULL); pass++) {
        double area = won / (count[0] * count[1]);
        before[0] = before[1] = 0;
        for (uint64_t i = 0; i < n;) {
            double here[2] = {0, 0};
            uint64_t end = i;
            for (; end < n && by_score(&row[i], &row[end]) == 0; end++) here[row[end].positive]++;
            double below = before[0] + 0.5 * here[0], above = count[1] - before[1] - 0.5 * here[1];
            if (pass == 0) won += here[1] * below;
            for (uint64_t j = i; j < end && pass == 1; j++)
                influence[row[j].asked] += row[j].positive ? (below / count[0] - area) / count[1]
                                                           : (above / count[1] - area) / count[0];
            before[0] += here[0];
            before[1] += here[1];
            i = end;
        }
    }
    return won / (count[0] * count[1]);
}

/* sum / weight over users, and each user's influence on that ratio. */
static double ratio(const pair_rows *p, const double *sum, const double *weight, double *influence)
{
    double all = 0, total = 0;
    for (uint32_t i = 0; i < p->asked.n; i++) {
        all += sum[i];
        total += weight[i];
    }
    double mean = total > 0 ? all / total : (double)NAN;
    for (uint32_t i = 0; i < p->asked.n; i++) influence[i] = (sum[i] - mean * weight[i]) / total;
    return mean;
}

static double error_of(const answered *a, metric_kind kind)
{
    double off = (double)a->score - (double)a->rating, likely = a->positive ? (double)a->score : 1 - (double)a->score;
    if (kind == METRIC_RMSE) return off * off;
    if (kind == METRIC_MAE) return fabs(off);
    return isnan(likely) ? likely : -log(fmin(fmax(likely, 1e-15), 1 - 1e-15));
}

/* What each user adds to a mean over rows: a sum and its weight. */
static void sums_of_users(pair_rows *p, metric_kind kind, double *sum, double *weight)
{
    for (uint32_t i = 0; i < p->asked.n; i++) {
        uint64_t n = p->start[i + 1] - p->start[i];
        answered *row = p->row + p->start[i];
        sum[i] = 0;
        weight[i] = (double)n;
        if (kind == METRIC_GAUC) {
            double own = auc(row, n, NULL);
            if (isnan(own)) weight[i] = 0;
            sum[i] = isnan(own) ? 0 : own * (double)n;
        }
        for (uint64_t r = 0; r < n && kind != METRIC_GAUC; r++) sum[i] += error_of(&row[r], kind);
    }
}

/* The metric, and into influence[asked.n] what each user does to it, in units of one user of n. */
static lorec_err measure(pair_rows *p, metric_kind kind, double *mean, double *influence)
{
    uint32_t n = p->asked.n;
    if (kind == METRIC_AUC) {
        *mean = auc(p->row, p->start[n], influence);
    } else {
        double *sum = NULL, *weight = NULL;
        lorec_err e = mem_new(&sum, n);
        if (!e) e = mem_new(&weight, n);
        if (!e) {
            sums_of_users(p, kind, sum, weight);
            *mean = ratio(p, sum, weight, influence);
        }
        mem_free(sum);
        mem_free(weight);
        TRY(e);
    }
    if (kind == METRIC_RMSE) { /* the root's derivative */
        *mean = sqrt(*mean);
        for (uint32_t i = 0; i < n; i++) influence[i] = *mean > 0 ? influence[i] / (2 * *mean) : 0;
    }
    for (uint32_t i = 0; i < n; i++) influence[i] *= n;
    return LOREC_OK;
}

/* Column j of the report, and its mean. */
static lorec_err column_fill(report *r, size_t j, pair_rows *p)
{
    double *influence;
    TRY(mem_new(&influence, p->asked.n));
    lorec_err e = measure(p, r->metrics[j].kind, &r->mean[j], influence);
    for (uint32_t i = 0; i < p->asked.n && !e; i++) {
        const uint32_t *at = find_u32(p->asked.user[i], r->user, r->n_users);
        if (at) r->value[(size_t)(at - r->user) * r->n_metrics + j] = (float)(r->mean[j] + influence[i]);
    }
    mem_free(influence);
    return e;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

static lorec_err rows_choose(pair_rows *p, const report *r)
{
    const interactions *rows = p->rows;
    questions *q = &p->asked;
    TRY(mem_new(&q->user, rows->n_users));
    if (p->request->max_users ||
        (p->request->part == PART_TEST && p->request->protocol->users)) { /* the sample that was asked for lists */
        memcpy(q->user, r->user, r->n_users * sizeof *q->user);
        q->n = r->n_users;
    } else {
        for (uint32_t u = 0; u < rows->n_users; u++)
            if (rows->start[u] < rows->start[u + 1]) q->user[q->n++] = u;
    }
    TRY(mem_new(&p->start, (size_t)q->n + 1));
    for (uint32_t i = 0; i < q->n; i++)
        p->start[i + 1] = p->start[i] + rows->start[q->user[i] + 1] - rows->start[q->user[i]];
    return mem_new(&p->row, p->start[q->n]);
}

lorec_err report_pairs(report *r, const evaluate_request *request)
{
    const protocol *rules = request->protocol;
    const split *s = rules->split;
    pair_rows p = {.request = request, .rows = request->part == PART_TEST ? &s->test : &s->valid};
    if (!p.rows->rating)
        return err_set(LOREC_INPUT,
                       "%s has no ratings or labels, which auc, gauc, logloss, rmse and mae are measured by",
                       s->data->name);
    lorec_err e;
    TRY_GO(e, rows_choose(&p, r), done);
    TRY_GO(e, ask_all(&p), done);
    r->pairs = p.start[p.asked.n];
    uint64_t positives = 0;
    for (uint64_t i = 0; i < r->pairs; i++) {
        positives += p.row[i].positive;
        r->nan_scores += isnan(p.row[i].score);
    }
    if (positives == 0 || positives == r->pairs)
        log_warn("all %llu rows of the part are %s (rating >= %g): auc and gauc have no meaning",
                 (unsigned long long)r->pairs, positives ? "positive" : "negative", rules->positive_rating);
    /* auc last: it sorts the rows away from their users; gauc sorts within users only */
    static const metric_kind order[] = {METRIC_LOGLOSS, METRIC_RMSE, METRIC_MAE, METRIC_GAUC, METRIC_AUC};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        for (size_t j = 0; j < r->n_metrics; j++)
            if (r->metrics[j].kind == order[i]) TRY_GO(e, column_fill(r, j, &p), done);
done:
    mem_free(p.asked.user);
    mem_free(p.start);
    mem_free(p.row);
    return e;
}

/* What P5 writes about reviews of the test part: explanations with a given feature, ratings and headlines of given reviews. */
#include <math.h>

#include "base/mem.h"
#include "methods/p5/p5.h"
#include "recipes/text_report.h"

enum { AT_ONCE = 32 };

typedef struct batch {
    p5_facts fact[AT_ONCE];
    tokens text[AT_ONCE];
    buf written[AT_ONCE];
    float rating[AT_ONCE];
    size_t n;
} batch;

static void batch_free(batch *b)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        tokens_free(&b->text[i]);
        buf_free(&b->written[i]);
    }
    mem_free(b);
}

/* ---- explanations ----------------------------------------------------------------------------------------------------------- */

static lorec_err explain(const p5 *m, rec_session *s, const explanations *x, size_t n, batch *b, text_report *r)
{
    buf meant = {0};
    lorec_err e = LOREC_OK;
    for (size_t at = 0; at < n && !e; at += b->n) {
        b->n = n - at < AT_ONCE ? n - at : AT_ONCE;
        for (size_t i = 0; i < b->n && !e; i++) {
            uint32_t k = (uint32_t)(at + i);
            b->text[i].n = 0;
            e = p5_text(m, ids_name(&x->words, x->feature[k]), m->text_tokens, &b->text[i]);
            b->fact[i] = (p5_facts){
                .user = x->user[k], .item = x->item[k], .feature = b->text[i].id, .n_feature = b->text[i].n};
        }
        if (!e) e = p5_ask_texts(m, s, P5_EXPLANATION, b->fact, b->n, b->written);
        for (size_t i = 0; i < b->n && !e; i++) {
            e = explanations_text(x, (uint32_t)(at + i), &meant);
            if (!e)
                e = text_report_add(r, (slice){b->written[i].p, b->written[i].n}, (slice){meant.p, meant.n},
                                    ids_name(&x->words, x->feature[at + i]));
        }
    }
    buf_free(&meant);
    return e;
}

static lorec_err study_explanations(const p5 *m, rec_session *s, const study_context *c, batch *b, json_t *out)
{
    explanations x;
    text_report r = {0};
    TRY(explanations_make(&x, &m->features, c->split->data, &c->split->test, c->seed));
    size_t n = c->max_users && c->max_users < x.n ? c->max_users : x.n;
    lorec_err e = explain(m, s, &x, n, b, &r);
    if (!e) e = text_report_json(&r, &m->features, "explanation", out);
    text_report_free(&r);
    explanations_free(&x);
    return e;
}

/* ---- reviews ------------------------------------------------------------------------------------------------------------------ */

typedef struct reviewed { /* of one question about reviews */
    const p5 *m;
    rec_session *s;
    const dataset *d;
    const interactions *rows;
    p5_ask ask;
    text_report report;
    double square, off;
    size_t n;
} reviewed;

static lorec_err ask_batch(reviewed *v, batch *b, const uint64_t *row)
{
    if (v->ask == P5_REVIEW_RATING) {
        TRY(p5_ask_stars(v->m, v->s, b->fact, b->n, b->rating));
        for (size_t i = 0; i < b->n; i++) {
            double error = (double)b->rating[i] - (double)v->rows->rating[row[i]];
            v->square += error * error;
            v->off += fabs(error);
        }
        return LOREC_OK;
    }
    TRY(p5_ask_texts(v->m, v->s, v->ask, b->fact, b->n, b->written));
    for (size_t i = 0; i < b->n; i++)
        TRY(text_report_add(&v->report, (slice){b->written[i].p, b->written[i].n},
                            summary_of(v->d, row_of(v->rows, row[i])), (slice){"", 0}));
    return LOREC_OK;
}

static lorec_err ask_all(reviewed *v, size_t most, batch *b)
{
    uint64_t row[AT_ONCE];
    const interactions *x = v->rows;
    b->n = 0;
    for (uint32_t u = 0; u < x->n_users; u++)
        for (uint64_t k = x->start[u]; k < x->start[u + 1] && v->n < most; k++) {
            uint64_t at = row_of(x, k);
            slice text = review_of(v->d, at);
            bool asked = text.n && (v->ask == P5_REVIEW_SUMMARY ? summary_of(v->d, at).n > 0
                                                                : x->rating && x->rating[k] >= 1 && x->rating[k] <= 5);
            if (!asked) continue;
            size_t i = b->n++;
            row[i] = k;
            v->n++;
            b->text[i].n = 0;
            TRY(p5_text(v->m, text, v->m->text_tokens, &b->text[i]));
            b->fact[i] = (p5_facts){.user = u, .item = x->item[k], .review = b->text[i].id, .n_review = b->text[i].n};
            if (b->n < AT_ONCE) continue;
            TRY(ask_batch(v, b, row));
            b->n = 0;
        }
    return b->n ? ask_batch(v, b, row) : LOREC_OK;
}

static lorec_err study_reviews(const p5 *m, rec_session *s, const study_context *c, p5_ask ask, batch *b, json_t *out)
{
    reviewed v = {.m = m, .s = s, .d = c->split->data, .rows = &c->split->test, .ask = ask};
    lorec_err e = ask_all(&v, c->max_users ? c->max_users : SIZE_MAX, b);
    if (!e && v.n && ask == P5_REVIEW_SUMMARY) e = text_report_json(&v.report, NULL, "headline", out);
    if (!e && v.n && ask == P5_REVIEW_RATING &&
        (json_object_set_new(out, "review rating rmse", json_real(sqrt(v.square / (double)v.n))) ||
         json_object_set_new(out, "review rating mae", json_real(v.off / (double)v.n)) ||
         json_object_set_new(out, "review rating n", json_integer((json_int_t)v.n))))
        e = err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    text_report_free(&v.report);
    return e;
}

lorec_err p5_study(const void *self, rec_session *s, const study_context *c, json_t **numbers)
{
    const p5 *m = self;
    batch *b;
    bool readable = has_reviews(c->split->data);
    *numbers = json_object();
    if (!*numbers) return err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    lorec_err e = mem_new(&b, 1);
    if (!e && readable && m->asks[P5_EXPLANATION]) e = study_explanations(m, s, c, b, *numbers);
    for (int a = P5_REVIEW_RATING; a <= P5_REVIEW_SUMMARY && !e && readable; a++)
        if (m->asks[a]) e = study_reviews(m, s, c, (p5_ask)a, b, *numbers);
    if (b) batch_free(b);
    if (!e) return LOREC_OK;
    json_decref(*numbers);
    *numbers = NULL;
    return e;
}

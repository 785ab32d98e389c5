#include "rec/click.h"

#include <math.h>

#include "base/mem.h"
#include "base/order.h"
#include "base/threads.h"
#include "data/labels.h"
#include "data/sampler.h"

enum { SCORE_BATCH = 4096 };

/* ---- examples -------------------------------------------------------------------------------------------------------- */

struct click_examples {
    const interactions *train;
    uint32_t *user; /* [n] of each row */
    uint32_t *row;  /* [n] of each example */
    uint64_t n;
    sampler sampler;
    uint32_t **seen; /* sorted items of each user, where negatives are drawn */
    uint32_t *sorted;
};

static void examples_free(struct click_examples *e)
{
    if (!e) return;
    sampler_free(&e->sampler);
    mem_free(e->user);
    mem_free(e->row);
    mem_free(e->sorted);
    mem_free(e);
}

static lorec_err examples_make(struct click_examples **out, const interactions *train, const uint32_t *skipped)
{
    if (train->n == 0) return err_set(LOREC_INPUT, "no interactions to learn from; loosen the filter or the split");
    if (train->n > UINT32_MAX - 1) return err_set(LOREC_RESOURCE, "more than 2^32 training rows");
    TRY(mem_new(out, 1));
    struct click_examples *x = *out;
    x->train = train;
    TRY(mem_new(&x->user, train->n));
    TRY(mem_new(&x->row, train->n));
    for (uint32_t u = 0; u < train->n_users; u++) {
        for (uint64_t r = train->start[u]; r < train->start[u + 1]; r++) {
            x->user[r] = u;
            if (!skipped || r - train->start[u] >= skipped[u]) x->row[x->n++] = (uint32_t)r;
        }
    }
    if (x->n == 0) return err_set(LOREC_INPUT, "every user's rows are history, none is left to learn from");
    if (train->rating) return LOREC_OK;
    TRY(sampler_make(&x->sampler, train, SAMPLER_UNIFORM, 1));
    TRY(mem_new(&x->sorted, train->n));
    memcpy(x->sorted, train->item, train->n * sizeof *x->sorted);
    for (uint32_t u = 0; u < train->n_users; u++)
        sort_u32(x->sorted + train->start[u], train->start[u + 1] - train->start[u]);
    return LOREC_OK;
}

static pair example_pair(const struct click_examples *x, uint32_t row, int64_t max_history)
{
    uint32_t u = x->user[row];
    uint64_t first = x->train->start[u];
    size_t n = (size_t)(row - first);
    size_t skip = n > (size_t)max_history ? n - (size_t)max_history : 0;
    return (pair){.user = u,
                  .item = x->train->item[row],
                  .row = UINT64_MAX,
                  .history = {.user = u, .items = x->train->item + first + skip, .n = n - skip, .now = INT64_MIN}};
}

/* ---- pairs on a tape --------------------------------------------------------------------------------------------------- */

static size_t history_kept(const click *m, const pair *p, size_t *skip)
{
    size_t n = p->history.n;
    *skip = n > (size_t)m->max_history ? n - (size_t)m->max_history : 0;
    return n - *skip;
}

static lorec_err batch_history(const click *m, tape *t, const pair *p, size_t n, click_batch *b)
{
    size_t total = 0, skip;
    for (size_t i = 0; i < n; i++) total += history_kept(m, &p[i], &skip);
    int32_t *code, *owner, *lengths;
    TRY(mem_new(&code, total + total + n));
    owner = code + total;
    lengths = owner + total;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t kept = history_kept(m, &p[i], &skip);
        lengths[i] = (int32_t)kept;
        for (size_t j = 0; j < kept; j++, at++) {
            code[at] = features_item_code(&m->features, p[i].history.items[skip + j]);
            owner[at] = (int32_t)i;
        }
    }
    b->history = tape_ids(t, code, (int64_t)total);
    b->history_of = tape_ids(t, owner, (int64_t)total);
    b->history_rows = tape_segments(t, lengths, (int64_t)n);
    mem_free(code);
    return tape_error(t);
}

static lorec_err batch_make(const click *m, tape *t, const pair *p, size_t n, click_batch *b)
{
    *b = (click_batch){.n = (int64_t)n, .pairs = p};
    int32_t *code, *lengths, *item;
    size_t room;
    if (!size_mul(n, m->features.longest + m->features.n + 1, &room))
        return err_set(LOREC_RESOURCE, "the batch is too large");
    TRY(mem_new(&code, room));
    lengths = code + n * m->features.longest;
    item = lengths + n * m->features.n;
    int64_t n_codes = features_fill(&m->features, p, n, code, lengths);
    for (size_t i = 0; i < n; i++) item[i] = features_item_code(&m->features, p[i].item);
    b->codes = tape_ids(t, code, n_codes);
    b->bags = tape_segments(t, lengths, (int64_t)(n * m->features.n));
    b->item = tape_ids(t, item, (int64_t)n);
    mem_free(code);
    return m->network->reads_history ? batch_history(m, t, p, n, b) : tape_error(t);
}

static tensor *pairs_logit(const click *m, tape *t, const pair *p, size_t n)
{
    click_batch b;
    lorec_err e = batch_make(m, t, p, n, &b);
    return e ? NULL : m->network->logit(m, t, &b);
}

/* ---- training ---------------------------------------------------------------------------------------------------------- */

static tensor *click_step(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    click *m = self;
    const struct click_examples *x = m->examples;
    bool rated = x->train->rating != NULL;
    size_t each = rated ? 1 : 1 + (size_t)m->negatives, total = n * each;
    pair *pairs;
    float *label;
    if (mem_new(&pairs, total)) return NULL;
    if (mem_new(&label, total)) {
        mem_free(pairs);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        pair *p = pairs + i * each;
        *p = example_pair(x, x->row[example[i]], m->max_history);
        label[i * each] = !rated || x->train->rating[x->row[example[i]]] >= m->positive_rating;
        const uint64_t *start = x->train->start;
        for (size_t k = 1; k < each; k++) {
            p[k] = *p;
            uint32_t drawn = sampler_draw_not(&x->sampler, r, x->sorted + start[p->user],
                                              start[p->user + 1] - start[p->user]);
            p[k].item = drawn == UINT32_MAX ? p->item : drawn; /* somebody who has everything teaches nothing else */
            label[i * each + k] = drawn == UINT32_MAX;
        }
    }
    tensor *logit = pairs_logit(m, t, pairs, total);
    tensor *loss = logit ? op_bce(t, logit, label, NULL, (int64_t)total) : NULL;
    mem_free(label);
    mem_free(pairs);
    return op_mean(t, loss);
}

static lorec_err click_train(click *m, const fit_context *fit)
{
    TRY(examples_make(&m->examples, fit->train, m->skipped));
    TRY(features_make(&m->features, fit->split->data));
    m->params = params_new(fit->seed);
    if (!m->params) return LOREC_RESOURCE;
    TRY(m->network->build(m));
    TRY(params_error(m->params));
    trainer_options o = trainer_options_from(&m->train, OPT_ADAM);
    trainer_report report;
    return trainer_run(&o, fit,
                       &(trainer_model){.self = m,
                                        .label = m->network->label,
                                        .params = m->params,
                                        .n_examples = m->examples->n,
                                        .step = click_step},
                       &report);
}

lorec_err click_fit(void *self, const click_network *network, const fit_context *fit)
{
    click *m = self;
    m->network = network;
    if (m->max_history == 0) m->max_history = 50;
    if (m->positive_rating == 0)
        m->positive_rating = fit->positive_rating; /* the limit by which the evaluation judges */
    if (m->positive_rating == 0)
        m->positive_rating = positive_rating_default(fit->split ? &fit->split->data->rows : fit->train);
    lorec_err e = click_train(m, fit);
    examples_free(m->examples);
    m->examples = NULL;
    return e;
}

/* ---- scoring ------------------------------------------------------------------------------------------------------------ */

static lorec_err pairs_logits(const click *m, rec_session *s, const pair *p, size_t n, float *out)
{
    tape *t = rec_session_tape(s, 0);
    if (!t) return LOREC_RESOURCE;
    for (size_t at = 0; at < n; at += SCORE_BATCH) {
        size_t k = n - at < SCORE_BATCH ? n - at : SCORE_BATCH;
        tape_begin(t, 0);
        tensor *logit = pairs_logit(m, t, p + at, k);
        TRY(tape_error(t));
        if (!logit) return LOREC_RESOURCE;
        TRY(tape_read(t, logit, out + at, (int64_t)k));
        TRY(cancel_check());
    }
    return LOREC_OK;
}

lorec_err click_score_pairs(const void *self, rec_session *s, const pair *p, size_t n, float *probability)
{
    TRY(pairs_logits(self, s, p, n, probability));
    for (size_t i = 0; i < n; i++) probability[i] = 1.0f / (1.0f + expf(-probability[i]));
    return LOREC_OK;
}

lorec_err click_score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                            const uint32_t *candidate, float *scores)
{
    pair *pairs;
    for (size_t i = 0; i < n; i++) {
        size_t k = (size_t)(start[i + 1] - start[i]);
        TRY(mem_new(&pairs, k));
        for (size_t j = 0; j < k; j++)
            pairs[j] = (pair){.user = q[i].user, .item = candidate[start[i] + j], .row = UINT64_MAX, .history = q[i]};
        lorec_err e = pairs_logits(self, s, pairs, k, scores + start[i]);
        mem_free(pairs);
        TRY(e);
    }
    return LOREC_OK;
}

lorec_err click_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const click *m = self;
    uint32_t n_items = m->features.n_items, *all;
    TRY(mem_new(&all, n_items));
    for (uint32_t i = 0; i < n_items; i++) all[i] = i;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && e == LOREC_OK; i++)
        e = click_score_items(m, s, &q[i], 1, (uint64_t[]){0, n_items}, all, scores + i * n_items);
    mem_free(all);
    return e;
}

/* ---- keeping ------------------------------------------------------------------------------------------------------------- */

lorec_err click_save(const void *self, const char *folder)
{
    const click *m = self;
    TRY(features_save(&m->features, folder));
    buf path = {0};
    lorec_err e = path_join(&path, folder, "model.safetensors");
    if (e == LOREC_OK) e = params_save(m->params, path.p);
    buf_free(&path);
    return e;
}

lorec_err click_load(void *self, const click_network *network, const char *folder)
{
    click *m = self;
    m->network = network;
    if (m->max_history == 0) m->max_history = 50;
    TRY(features_load(&m->features, folder));
    m->params = params_new(0);
    if (!m->params) return LOREC_RESOURCE;
    TRY(network->build(m));
    TRY(params_error(m->params));
    buf path = {0};
    lorec_err e = path_join(&path, folder, "model.safetensors");
    if (e == LOREC_OK) e = params_load(m->params, path.p);
    buf_free(&path);
    return e;
}

void click_release(void *self)
{
    click *m = self;
    features_free(&m->features);
    if (m->params) params_free(m->params);
    m->params = NULL;
}

json_t *click_counts(const void *self)
{
    const click *m = self;
    return json_pack("{s:I, s:I, s:I}", "parameters", m->params ? (json_int_t)params_values(m->params) : 0, "fields",
                     (json_int_t)m->features.n, "feature_values", (json_int_t)m->features.total);
}

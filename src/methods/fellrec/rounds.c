/* Rounds: every client learns on its own texts, the adapters are mixed, every client is measured on its own validation rows. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/train/objective.h"
#include "methods/fellrec/fellrec.h"
#include "tensor/rng.h"

typedef struct rounds {
    fellrec *m;
    const fit_context *fit;
    const client_texts *texts;
    wire train, measure;
    size_t n, values;    /* clients; parameters of an adapter */
    float *theta, *best; /* [n][values] */
    double *loss, *valid, *s, *w;
    uint64_t steps; /* updates of the run: dropout's counter */
    /* of the step at hand */
    int32_t *token, *length;
    uint8_t *learn;
    size_t cap[3];
} rounds;

/* ---- values of adapters ---------------------------------------------------------------------------------------------------- */

static lorec_err read_values(const adapter *a, float *to)
{
    const params *ps = adapter_params(a);
    for (size_t i = 0; i < params_count(ps); i++) {
        const tensor *p = params_at(ps, i);
        TRY(tensor_read(p, to, tensor_count(p)));
        to += tensor_count(p);
    }
    return LOREC_OK;
}

static lorec_err write_values(adapter *a, const float *from)
{
    const params *ps = adapter_params(a);
    for (size_t i = 0; i < params_count(ps); i++) {
        tensor *p = params_at(ps, i);
        TRY(tensor_write(p, from, tensor_count(p)));
        from += tensor_count(p);
    }
    return LOREC_OK;
}

/* ---- one client ------------------------------------------------------------------------------------------------------------ */

static lorec_err gather(rounds *r, const corpus *c, const uint32_t *example, size_t n, lm_batch *b)
{
    size_t rows = 0, at = 0;
    for (size_t i = 0; i < n; i++) rows += (size_t)(c->start[example[i] + 1] - c->start[example[i]]);
    TRY(mem_grow(&r->token, &r->cap[0], rows));
    TRY(mem_grow(&r->learn, &r->cap[1], rows));
    TRY(mem_grow(&r->length, &r->cap[2], n));
    for (size_t i = 0; i < n; i++) {
        size_t from = (size_t)c->start[example[i]], many = (size_t)c->start[example[i] + 1] - from;
        memcpy(r->token + at, c->token + from, many * sizeof *r->token);
        memcpy(r->learn + at, c->learn + from, many);
        r->length[i] = (int32_t)many;
        at += many;
    }
    *b = (lm_batch){.n = (int64_t)n, .token = r->token, .length = r->length, .learn = r->learn};
    return LOREC_OK;
}

/* One update from examples[0 .. n - 1]; adds the sum of their losses. */
static lorec_err update(rounds *r, size_t client, const uint32_t *example, size_t n, optimizer *o, double lr_scale,
                        double *sum)
{
    const corpus *c = &r->texts[client].train;
    int64_t all = 0;
    for (size_t i = 0; i < n; i++) all += corpus_learned(c, example[i]);
    float scale = 1.0f / (float)(all > 0 ? all : 1);
    for (size_t at = 0; at < n; at += (size_t)r->m->micro_batch) {
        size_t k = n - at < (size_t)r->m->micro_batch ? n - at : (size_t)r->m->micro_batch;
        lm_batch b;
        double loss;
        TRY(gather(r, c, example + at, k, &b));
        TRY(wire_pass(&r->train, &r->m->lora[client], &b, r->steps++, scale, &loss));
        *sum += loss / (double)scale;
    }
    return optimizer_step(o, lr_scale);
}

static lorec_err learn_locally(rounds *r, size_t client, int64_t round)
{
    fellrec *m = r->m;
    const corpus *c = &r->texts[client].train;
    uint32_t *order = NULL;
    optimizer *o = NULL;
    double sum = 0;
    uint64_t done = 0;
    r->loss[client] = 0;
    if (c->n == 0) return LOREC_OK;
    lorec_err e = mem_new(&order, (size_t)c->n);
    if (!e) { /* a new one each round: the parameters are not those that it knew */
        o = optimizer_new(adapter_params(m->lora[client]),
                          &(optimizer_options){.kind = OPT_ADAMW, .lr = m->learning_rate, .clip_norm = 1});
        if (!o) e = LOREC_RESOURCE;
    }
    for (int64_t epoch = 0; epoch < m->local_epochs && !e; epoch++) {
        uint64_t number = (uint64_t)((round * m->local_epochs + epoch) * (int64_t)r->n) + client;
        rng draw = rng_make(r->fit->seed, RNG_SHUFFLE + (number << 32));
        for (int64_t i = 0; i < c->n; i++) order[i] = (uint32_t)i;
        rng_shuffle(&draw, order, (size_t)c->n);
        sum = 0;
        for (size_t at = 0; at < (size_t)c->n && !e; at += (size_t)m->batch, done++) {
            size_t k = (size_t)c->n - at < (size_t)m->batch ? (size_t)c->n - at : (size_t)m->batch;
            bool warming = round == 0 && done < (uint64_t)m->warmup;
            e = cancel_check();
            if (!e) e = update(r, client, order + at, k, o, warming ? (double)(done + 1) / (double)m->warmup : 1, &sum);
        }
    }
    if (o) optimizer_free(o);
    mem_free(order);
    r->loss[client] = c->learned ? sum / (double)c->learned : 0;
    if (!e && !isfinite(r->loss[client]))
        e = err_set(LOREC_FAILED, "fellrec: client %zu's loss is %g; a smaller learning_rate helps", client,
                    r->loss[client]);
    return e;
}

static lorec_err measure(rounds *r, size_t client, double *loss)
{
    const corpus *c = &r->texts[client].valid;
    double sum = 0;
    *loss = NAN;
    if (c->n == 0 || c->learned == 0) return LOREC_OK;
    for (int64_t at = 0; at < c->n;) {
        uint32_t example[64];
        size_t n = 0;
        lm_batch b;
        double one;
        while (at < c->n && n < 64 && n < (size_t)r->m->micro_batch) example[n++] = (uint32_t)at++;
        TRY(gather(r, c, example, n, &b));
        TRY(wire_pass(&r->measure, &r->m->lora[client], &b, 0, 1, &one));
        TRY(cancel_check());
        sum += one;
    }
    *loss = sum / (double)c->learned;
    return LOREC_OK;
}

/* ---- all of them ----------------------------------------------------------------------------------------------------------- */

static lorec_err share(rounds *r, int64_t round)
{
    fellrec *m = r->m;
    if (m->mixing == MIX_LOCAL || m->mixing == MIX_CENTRAL) return LOREC_OK;
    for (size_t c = 0; c < r->n; c++) TRY(read_values(m->lora[c], r->theta + c * r->values));
    m->traffic.adapters_up += r->n * m->shared * sizeof(float);
    m->traffic.adapters_down += r->n * m->shared * sizeof(float);
    if (m->mixing == MIX_FEDAVG) {
        for (size_t i = 0; i < r->n * r->n; i++) r->s[i] = 1;
        for (size_t c = 0; c < r->n; c++) r->w[c] = 1;
    } else {
        m->traffic.losses_up += r->n * sizeof(float);
        fellrec_similarity(r->theta, r->n, r->values, r->s);
        fellrec_heat(r->loss, r->n, (double)(round + 1), m->heat_alpha, m->heat_beta, m->heat_temperature, r->w);
    }
    TRY(fellrec_mix(r->theta, r->n, r->values, r->s, r->w));
    for (size_t c = 0; c < r->n; c++) TRY(write_values(m->lora[c], r->theta + c * r->values));
    return LOREC_OK;
}

/* Mean over validation rows and standard deviation over clients; *any: some client has rows. */
static void sum_up(const rounds *r, double *mean, double *sd, bool *any)
{
    double sum = 0, rows = 0, plain = 0, square = 0, n = 0;
    for (size_t c = 0; c < r->n; c++) {
        double k = (double)r->texts[c].valid.n;
        if (isnan(r->valid[c])) continue;
        sum += k * r->valid[c];
        rows += k;
        plain += r->valid[c];
        square += r->valid[c] * r->valid[c];
        n++;
    }
    *any = rows > 0;
    *mean = rows > 0 ? sum / rows : NAN;
    double v = n > 0 ? square / n - plain / n * (plain / n) : NAN;
    *sd = v > 0 ? sqrt(v) : 0;
}

static lorec_err keep_best(rounds *r, int64_t round, bool *better)
{
    fellrec *m = r->m;
    double mean, sd;
    bool any;
    sum_up(r, &mean, &sd, &any);
    *better = m->best_round == 0 || !any || mean < m->best_loss;
    log_info("fellrec round %lld/%lld: validation loss %.4f, deviation over clients %.4f%s", (long long)round + 1,
             (long long)m->rounds, mean, sd, any && *better ? " *" : "");
    if (!*better) return LOREC_OK;
    m->best_round = round + 1;
    m->best_loss = mean;
    m->best_sd = sd;
    memcpy(m->client_loss, r->valid, r->n * sizeof *r->valid);
    for (size_t c = 0; c < r->n; c++) TRY(read_values(m->lora[c], r->best + c * r->values));
    return LOREC_OK;
}

static lorec_err all_rounds(rounds *r)
{
    fellrec *m = r->m;
    int64_t since = 0;
    for (int64_t round = 0; round < m->rounds && since <= m->stopping_step; round++) {
        bool better;
        for (size_t c = 0; c < r->n; c++) TRY(learn_locally(r, c, round));
        TRY(share(r, round));
        for (size_t c = 0; c < r->n; c++) TRY(measure(r, c, &r->valid[c]));
        TRY(keep_best(r, round, &better));
        since = better ? 0 : since + 1;
        m->rounds_run = round + 1;
    }
    for (size_t c = 0; c < r->n && m->best_round; c++) TRY(write_values(m->lora[c], r->best + c * r->values));
    return LOREC_OK;
}

static lorec_err prepare(rounds *r)
{
    fellrec *m = r->m;
    const transformer *net = m->lm->model->net;
    const params *ps = adapter_params(m->lora[0]);
    TRY(wire_open(&r->train, net, m->client_layers, true, m->bf16, r->fit->seed, &m->traffic));
    TRY(wire_open(&r->measure, net, m->client_layers, false, m->bf16, 0, &m->traffic));
    r->values = (size_t)params_values(ps);
    m->parameters = r->values;
    m->shared = 0;
    for (size_t i = 0; i < params_count(ps); i++)
        if (wire_client_has(&r->train, tensor_name(params_at(ps, i))))
            m->shared += (uint64_t)tensor_count(params_at(ps, i));
    TRY(mem_new(&r->theta, r->n * r->values));
    TRY(mem_new(&r->best, r->n * r->values));
    TRY(mem_new(&r->loss, r->n));
    TRY(mem_new(&r->valid, r->n));
    TRY(mem_new(&r->s, r->n * r->n));
    TRY(mem_new(&r->w, r->n));
    return mem_new(&m->client_loss, r->n);
}

lorec_err fellrec_train(fellrec *m, const fit_context *c, const client_texts *texts)
{
    rounds r = {.m = m, .fit = c, .texts = texts, .n = m->n_clients};
    lorec_err e = prepare(&r);
    if (!e && m->mixing == MIX_CENTRAL) log_info("fellrec: central training on all texts, for comparison");
    if (!e) e = all_rounds(&r);
    wire_close(&r.train);
    wire_close(&r.measure);
    void *const arrays[] = {r.theta, r.best, r.loss, r.valid, r.s, r.w, r.token, r.length, r.learn};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) mem_free(arrays[i]);
    return e;
}

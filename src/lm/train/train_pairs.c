/* Tasks whose examples are pairs of sequences, or a sequence and its class. */
#include "base/mem.h"
#include "base/threads.h"
#include "lm/train/train.h"

static int64_t length_of(const corpus *c, uint32_t example)
{
    return c->start[example + 1] - c->start[example];
}

static int64_t rows(const void *self, uint32_t example)
{
    const lm_pairs_task *t = self;
    return length_of(&t->pairs->a, example) + (t->pairs->b.n ? length_of(&t->pairs->b, example) : 0);
}

static int64_t target_tokens(const void *self, uint32_t example)
{
    const lm_pairs_task *t = self;
    return length_of(&t->pairs->b, example);
}

/* The examples' sequences of one side, one after the other. */
static lorec_err gather(pairs_step *s, const corpus *c, const uint32_t *example, size_t n, lm_batch *b)
{
    size_t all = 0, at = 0;
    for (size_t i = 0; i < n; i++) all += (size_t)length_of(c, example[i]);
    TRY(mem_grow(&s->token, &s->cap[0], all));
    TRY(mem_grow(&s->learn, &s->cap[1], all));
    TRY(mem_grow(&s->length, &s->cap[2], n));
    for (size_t i = 0; i < n; i++) {
        size_t m = (size_t)length_of(c, example[i]);
        memcpy(s->token + at, c->token + c->start[example[i]], m * sizeof *s->token);
        memcpy(s->learn + at, c->learn + c->start[example[i]], m);
        s->length[i] = (int32_t)m;
        at += m;
    }
    *b = (lm_batch){.n = (int64_t)n, .token = s->token, .length = s->length, .learn = s->learn};
    return LOREC_OK;
}

static bool gather_both(lm_pairs_task *p, tape *t, const uint32_t *example, size_t n, lm_batch *a, lm_batch *b)
{
    lorec_err e = gather(&p->step[0], &p->pairs->a, example, n, a);
    if (!e && p->pairs->b.n) e = gather(&p->step[1], &p->pairs->b, example, n, b);
    if (e) tape_fail(t, e);
    return !e;
}

/* Values of some examples, side by side; NULL: the tape has failed. */
static float *picked(lm_pairs_task *p, tape *t, const float *all, const uint32_t *example, size_t n, int which)
{
    if (mem_grow(&p->picked[which], &p->picked_cap[which], n)) {
        tape_fail(t, LOREC_RESOURCE);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) p->picked[which][i] = all[example[i]];
    return p->picked[which];
}

/* ---- losses ------------------------------------------------------------------------------------------------------------ */

static tensor *answers(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lm_pairs_task *p = self;
    lm_batch a, b;
    (void)r;
    if (!gather_both(p, t, example, n, &a, &b)) return NULL;
    return encdec_loss(t, &p->encdec,
                       &(encdec_batch){.sources = a.n,
                                       .targets = b.n,
                                       .source = a.token,
                                       .source_lengths = a.length,
                                       .target = b.token,
                                       .target_lengths = b.length,
                                       .adapters = p->forward.adapters});
}

static tensor *classes(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lm_pairs_task *p = self;
    lm_batch a, b;
    (void)r;
    if (!gather_both(p, t, example, n, &a, &b)) return NULL;
    if (mem_grow(&p->label, &p->label_cap, n)) return tape_fail(t, LOREC_RESOURCE);
    for (size_t i = 0; i < n; i++) p->label[i] = p->pairs->label[example[i]];
    return objective_classes(t, &p->forward, p->heads, &a, p->label);
}

static tensor *alike(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lm_pairs_task *p = self;
    lm_batch a, b;
    (void)r;
    if (!gather_both(p, t, example, n, &a, &b)) return NULL;
    return objective_contrast(t, &p->forward, &a, &b, p->pooling, p->temperature, p->log_scale);
}

static tensor *preferred(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lm_pairs_task *p = self;
    lm_batch a, b;
    (void)r;
    if (!gather_both(p, t, example, n, &a, &b)) return NULL;
    float *chosen = picked(p, t, p->reference[0], example, n, 0), *rejected;
    if (!chosen || !(rejected = picked(p, t, p->reference[1], example, n, 1))) return NULL;
    return objective_dpo(t, &p->forward, &a, &b, chosen, rejected, p->beta);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------------- */

static void begin(lm_pairs_task *out, const lm_forward *f, const corpus_pairs *pairs, const lm_task *task)
{
    *out = (lm_pairs_task){.forward = *f, .pairs = pairs, .task = *task};
    out->task.self = out;
    out->task.rows = rows;
    out->task.n_examples = (uint64_t)pairs->a.n;
}

lorec_err lm_answers_task(lm_pairs_task *out, const lm_model *m, const adapter_set *adapters, const corpus_pairs *pairs)
{
    begin(out, &(lm_forward){.net = m->net, .adapters = adapters}, pairs,
          &(lm_task){.name = "seq2seq", .units = target_tokens, .loss = answers});
    return encdec_of(&out->encdec, m);
}

void lm_classes_task(lm_pairs_task *out, const lm_forward *f, const lm_heads *heads, const corpus_pairs *pairs)
{
    begin(out, f, pairs, &(lm_task){.name = "classes", .loss = classes});
    out->heads = heads;
}

void lm_contrast_task(lm_pairs_task *out, const lm_forward *f, const corpus_pairs *pairs, lm_pooling pooling,
                      float temperature, tensor *log_scale)
{
    begin(out, f, pairs, &(lm_task){.name = "contrast", .loss = alike});
    out->pooling = pooling;
    out->temperature = temperature;
    out->log_scale = log_scale;
}

/* What the model, before it learns, gives each answer. */
static lorec_err refer(lm_pairs_task *p, const lm_forward *reference, bool bf16, int side)
{
    const corpus *c = side ? &p->pairs->b : &p->pairs->a;
    TRY(mem_new(&p->reference[side], (size_t)c->n));
    for (int64_t i = 0; i < c->n; i++) {
        uint32_t example = (uint32_t)i;
        lm_batch b;
        TRY(cancel_check());
        TRY(gather(&p->step[side], c, &example, 1, &b));
        TRY(objective_log_probability(reference, &b, bf16, &p->reference[side][i]));
    }
    return LOREC_OK;
}

lorec_err lm_preferred_task(lm_pairs_task *out, const lm_forward *f, const corpus_pairs *pairs, float beta, bool bf16)
{
    begin(out, f, pairs, &(lm_task){.name = "dpo", .loss = preferred});
    out->beta = beta;
    lm_forward reference = {.net = f->net};
    TRY(refer(out, &reference, bf16, 0));
    return refer(out, &reference, bf16, 1);
}

void lm_pairs_task_free(lm_pairs_task *t)
{
    for (int i = 0; i < 2; i++) {
        mem_free(t->step[i].token);
        mem_free(t->step[i].length);
        mem_free(t->step[i].learn);
        mem_free(t->picked[i]);
        mem_free(t->reference[i]);
    }
    mem_free(t->label);
    *t = (lm_pairs_task){0};
}

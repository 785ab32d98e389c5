/* Tasks whose examples are the sequences of a corpus. */
#include "base/mem.h"
#include "base/threads.h"
#include "lm/train/train.h"

static int64_t units(const void *self, uint32_t example)
{
    const lm_corpus_task *t = self;
    return corpus_learned(t->corpus, example);
}

static int64_t rows(const void *self, uint32_t example)
{
    const lm_corpus_task *t = self;
    return t->corpus->start[example + 1] - t->corpus->start[example];
}

/* The examples side by side. */
static lorec_err gather(lm_corpus_task *t, const uint32_t *example, size_t n, lm_batch *b)
{
    const corpus *c = t->corpus;
    size_t all = 0, at = 0;
    for (size_t i = 0; i < n; i++) all += (size_t)rows(t, example[i]);
    TRY(mem_grow(&t->token, &t->cap[0], all));
    TRY(mem_grow(&t->learn, &t->cap[1], all));
    TRY(mem_grow(&t->length, &t->cap[2], n));
    for (size_t i = 0; i < n; i++) {
        size_t m = (size_t)rows(t, example[i]);
        memcpy(t->token + at, c->token + c->start[example[i]], m * sizeof *t->token);
        memcpy(t->learn + at, c->learn + c->start[example[i]], m);
        t->length[i] = (int32_t)m;
        at += m;
    }
    *b = (lm_batch){.n = (int64_t)n, .token = t->token, .length = t->length, .learn = t->learn};
    return LOREC_OK;
}

static tensor *causal(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lm_corpus_task *task = self;
    lm_batch b;
    (void)r;
    if (gather(task, example, n, &b)) return tape_fail(t, LOREC_RESOURCE);
    return objective_causal(t, &task->forward, &b);
}

/* The mean over what is to be said, an example's worth of it each. */
static tensor *masked(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lm_corpus_task *task = self;
    lm_batch b;
    int64_t targets;
    if (gather(task, example, n, &b)) return tape_fail(t, LOREC_RESOURCE);
    tensor *each = objective_masked(t, &task->forward, &b, &task->masked, r, &targets);
    return op_scale(t, each, (float)n / (float)(targets > 0 ? targets : 1), 0);
}

void lm_causal_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c)
{
    *out = (lm_corpus_task){.forward = *forward, .corpus = c};
    out->task = (lm_task){
        .name = "causal", .self = out, .n_examples = (uint64_t)c->n, .units = units, .rows = rows, .loss = causal};
}

void lm_masked_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c, const masked_rule *rule)
{
    *out = (lm_corpus_task){.forward = *forward, .corpus = c, .masked = *rule};
    out->task = (lm_task){.name = "masked", .self = out, .n_examples = (uint64_t)c->n, .rows = rows, .loss = masked};
}

static tensor *distil(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lm_corpus_task *task = self;
    lm_batch b;
    (void)r;
    if (gather(task, example, n, &b)) return tape_fail(t, LOREC_RESOURCE);
    size_t values = (size_t)lm_batch_rows(&b) * (size_t)transformer_settings(task->teacher.net)->vocab_size;
    lorec_err e = mem_grow(&task->logits, &task->logits_cap, values);
    if (!e) e = objective_logits(&task->teacher, &b, task->bf16, task->logits);
    return e ? tape_fail(t, e) : objective_distil(t, &task->forward, &b, task->logits, task->temperature);
}

lorec_err lm_distil_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c, const transformer *teacher,
                         float temperature, bool bf16)
{
    int64_t mine = transformer_settings(forward->net)->vocab_size, other = transformer_settings(teacher)->vocab_size;
    lm_causal_task(out, forward, c);
    out->task.name = "distil";
    out->task.loss = distil;
    out->teacher = (lm_forward){.net = teacher};
    out->temperature = temperature;
    out->bf16 = bf16;
    if (mine == other) return LOREC_OK;
    return err_set(LOREC_INPUT, "the teacher's vocabulary has %lld tokens, the model's %lld", (long long)other,
                   (long long)mine);
}

void lm_corpus_task_free(lm_corpus_task *t)
{
    mem_free(t->logits);
    t->logits = NULL;

    mem_free(t->token);
    mem_free(t->learn);
    mem_free(t->length);
    t->token = t->length = NULL;
    t->learn = NULL;
}

/* Examples from `at` on until they have so many rows; at least one. */
static size_t some(const lm_task *t, uint32_t *example, uint64_t at, int64_t most)
{
    size_t n = 0;
    int64_t sum = 0;
    while (at + n < t->n_examples && (n == 0 || sum < most)) {
        example[n] = (uint32_t)(at + n);
        sum += t->rows(t->self, example[n++]);
    }
    return n;
}

lorec_err lm_task_loss(const lm_task *t, int64_t most, bool bf16, uint64_t seed, double *loss)
{
    tape *tp = tape_new(&(tape_options){.compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    uint32_t *example = NULL;
    lorec_err e = tp ? mem_new(&example, (size_t)t->n_examples) : LOREC_RESOURCE;
    double sum = 0, all = 0;
    rng draw = rng_make(seed, RNG_MASKING);
    for (uint64_t at = 0; at < t->n_examples && !e;) {
        size_t n = some(t, example, at, most);
        float value;
        tape_begin(tp, 0);
        tensor *each = op_sum(tp, t->loss(t->self, tp, example, n, &draw));
        e = tape_read(tp, each, &value, 1);
        sum += value;
        for (size_t i = 0; i < n; i++) all += t->units ? (double)t->units(t->self, example[i]) : 1;
        at += n;
        if (!e) e = cancel_check();
    }
    *loss = all > 0 ? sum / all : 0;
    mem_free(example);
    if (tp) tape_free(tp);
    return e;
}

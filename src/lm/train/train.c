#include "lm/train/train.h"

#include "base/log.h"
#include "base/mem.h"

typedef struct run {
    const lm_task *task;
    params *learning;
    const lm_train_options *o;
    int64_t update_units, step_units;
    double rows_an_example; /* of the step's losses */
} run;

static int64_t units_of(const run *r, const uint32_t *example, size_t n)
{
    if (!r->task->units) return (int64_t)n;
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += r->task->units(r->task->self, example[i]);
    return sum;
}

/* ---- what the loop asks -------------------------------------------------------------------------------------------------- */

static void count(void *self, const uint32_t *example, size_t n, bool first)
{
    run *r = self;
    if (first) r->update_units = 0;
    r->update_units += units_of(r, example, n);
}

/* The step's share of the update's mean: sum of its losses over all units of the update. */
static tensor *step(void *self, tape *t, const uint32_t *example, size_t n, rng *draw)
{
    run *r = self;
    tensor *each = r->task->loss(r->task->self, t, example, n, draw);
    r->step_units = units_of(r, example, n);
    if (r->o->loop.example_clip > 0) { /* every example's own mean; the loop divides by their number */
        double mean = (double)r->step_units / (double)n;
        r->rows_an_example = each ? (double)tensor_count(each) / (double)n : 1;
        return op_scale(t, each, (float)(1 / mean), 0);
    }
    return op_scale(t, op_sum(t, each), 1.0f / (float)(r->update_units > 0 ? r->update_units : 1), 0);
}

static double told(void *self, double loss)
{
    const run *r = self;
    if (r->o->loop.example_clip > 0) return loss * r->rows_an_example; /* it is the mean over rows */
    return r->step_units > 0 ? loss * (double)r->update_units / (double)r->step_units : loss;
}

/* ---- memory ----------------------------------------------------------------------------------------------------------------- */

static lorec_err probe_bytes(run *r, uint32_t example, bool bf16, double *per_row)
{
    tape *t = tape_new(&(tape_options){.train = true, .compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    if (!t) return LOREC_RESOURCE;
    tape_begin(t, 0);
    rng draw = rng_make(0, RNG_MASKING);
    r->task->loss(r->task->self, t, &example, 1, &draw);
    lorec_err e = tape_error(t);
    int64_t rows = r->task->rows(r->task->self, example);
    *per_row = rows > 0 ? (double)tape_bytes(t) / (double)rows : 0;
    tape_free(t);
    return e;
}

/* The largest step is taken to have the longest examples. */
static int64_t most_rows(const run *r)
{
    int64_t most = 0;
    for (uint64_t i = 0; i < r->task->n_examples; i++) {
        int64_t rows = r->task->rows(r->task->self, (uint32_t)i);
        most = rows > most ? rows : most;
    }
    uint64_t n = (uint64_t)r->o->loop.train_batch_size;
    return most * (int64_t)(n < r->task->n_examples ? n : r->task->n_examples);
}

static double learning_values(const params *ps)
{
    double sum = 0;
    for (size_t i = 0; i < params_count(ps); i++)
        if (!params_frozen(params_at(ps, i))) sum += (double)tensor_count(params_at(ps, i));
    return sum;
}

static lorec_err say_memory(run *r)
{
    if (!r->task->rows || r->task->n_examples == 0) return LOREC_OK;
    const optimizer_options *o = &r->o->loop.optimizer;
    double per_row, learn = learning_values(r->learning), mib = 1 << 20;
    int moments = o->kind == OPT_SGD ? o->momentum != 0 : o->kind == OPT_ADAGRAD ? 1 : 2;
    TRY(probe_bytes(r, 0, r->o->loop.bf16, &per_row));
    double rows = (double)most_rows(r), steps = per_row * rows, state = learn * 4 * (1 + moments);
    log_info(
        "%s: %.1f M of parameters learn; at most about %.0f MiB for their gradients and the optimiser, %.0f MiB for "
        "the %.0f rows of a step",
        r->task->name, learn / 1e6, state / mib, steps / mib, rows);
    if (r->o->memory_limit && state + steps > (double)r->o->memory_limit)
        return err_set(LOREC_RESOURCE,
                       "%s: training needs about %.0f MiB beside the weights and may have %.0f; a smaller batch with "
                       "more accumulated steps, or recomputed blocks, need less",
                       r->task->name, (state + steps) / mib, (double)r->o->memory_limit / mib);
    return LOREC_OK;
}

lorec_err lm_train(const lm_task *task, params *learning, const lm_train_options *options,
                   const trainer_context *context, trainer_report *report)
{
    run r = {.task = task, .learning = learning, .o = options};
    TRY(say_memory(&r));
    return trainer_loop(&options->loop, context,
                        &(trainer_model){.self = &r,
                                         .label = task->name,
                                         .params = learning,
                                         .n_examples = task->n_examples,
                                         .step = step,
                                         .count = count,
                                         .told = told},
                        report);
}

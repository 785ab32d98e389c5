#include "tensor/trainer.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rehearsal.h"
#include "base/threads.h"
#include "tensor/checkpoint.h"
#include "tensor/rng.h"

#define CHECKPOINT_SECONDS 300.0

typedef struct training {
    const trainer_options *o;
    const trainer_context *c;
    const trainer_model *m;
    uint64_t batch, batches, epoch_steps; /* batches: of one pass over the examples */
    tape *tape;
    optimizer *optimizer;
    params *best;
    uint32_t *order;
    uint64_t pass; /* the one `order` is of; UINT64_MAX: none yet */
    float *loss;
    size_t loss_cap;
    buf folder, settings;
    checkpoint disk;
    training_progress at;
    double started, earlier, saved; /* clocks: this call's start, seconds of earlier calls, the last checkpoint */
    double told;                    /* and the last line about an epoch */
    bool out_of_time, time_told;
} training;

static double seconds_spent(const training *r)
{
    return r->earlier + clock_seconds() - r->started;
}

/* ---- one update ----------------------------------------------------------------------------------------------------- */

static void order_pass(training *r, uint64_t pass)
{
    if (r->pass == pass) return;
    for (uint64_t i = 0; i < r->m->n_examples; i++) r->order[i] = (uint32_t)i;
    rng draw = rng_make(r->c->seed, RNG_SHUFFLE + (pass << 32));
    rng_shuffle(&draw, r->order, r->m->n_examples);
    r->pass = pass;
}

static lorec_err read_loss(training *r, const tensor *loss, double *mean)
{
    int64_t n = tensor_count(loss);
    TRY(mem_grow(&r->loss, &r->loss_cap, (size_t)n));
    TRY(tape_read(r->tape, loss, r->loss, n));
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += r->loss[i];
    *mean = n ? sum / (double)n : 0;
    if (isfinite(*mean)) return LOREC_OK;
    return err_set(LOREC_FAILED,
                   "%s: the loss is %g at step %" PRIu64 " (epoch %" PRId64
                   "); a smaller learning_rate or a clip_norm helps%s%s",
                   r->m->label, *mean, r->at.step, r->at.epoch + 1, r->saved > 0 ? "; the last good state is in " : "",
                   r->saved > 0 ? r->folder.p : "");
}

static const uint32_t *examples_of(training *r, uint64_t step, uint64_t *n)
{
    order_pass(r, step / r->batches);
    uint64_t begin = step % r->batches * r->batch, left = r->m->n_examples - begin;
    *n = left < r->batch ? left : r->batch;
    return r->order + begin;
}

/* Forward and backward of one batch; gradients add to what is there. */
static lorec_err one_step(training *r)
{
    uint64_t step = r->at.step, n;
    const uint32_t *example = examples_of(r, step, &n);
    tape_begin(r->tape, step);
    rng draw = rng_make(r->c->seed, RNG_NEGATIVES + ((step + 1) << 32));
    tensor *loss = r->m->step(r->m->self, r->tape, example, (size_t)n, &draw);
    TRY(tape_error(r->tape));
    if (!loss) return LOREC_RESOURCE; /* the step's own error, its message is set */
    double mean;
    TRY(read_loss(r, loss, &mean));
    TRY(r->o->example_clip > 0 ? tape_backward_clipped(r->tape, loss, r->o->example_clip)
                               : tape_backward(r->tape, loss));
    if (r->m->told) mean = r->m->told(r->m->self, mean);
    r->at.loss_sum += mean * (double)n;
    r->at.loss_examples += n;
    r->at.examples += n;
    r->at.step++;
    return LOREC_OK;
}

static lorec_err one_update(training *r, uint64_t end)
{
    uint64_t n = r->o->accumulate > 1 ? (uint64_t)r->o->accumulate : 1;
    double scale = schedule_at(&r->o->schedule, optimizer_steps(r->optimizer));
    for (uint64_t i = 0, size; r->m->count && i < n && r->at.step + i < end; i++) {
        const uint32_t *example = examples_of(r, r->at.step + i, &size);
        r->m->count(r->m->self, example, size, i == 0);
    }
    uint64_t before = r->at.examples;
    for (uint64_t i = 0; i < n && r->at.step < end; i++) TRY(one_step(r));
    if (r->o->example_clip > 0)
        TRY(params_noise_grad(r->m->params, r->o->example_clip * r->o->example_noise,
                              1 / (double)(r->at.examples - before), r->c->seed, optimizer_steps(r->optimizer)));
    lorec_err e = optimizer_step(r->optimizer, scale);
    return e ? err_context(e, "%s, step %" PRIu64, r->m->label, r->at.step) : LOREC_OK;
}

/* ---- validation ------------------------------------------------------------------------------------------------------ */

static lorec_err refresh(training *r)
{
    return r->m->ready ? r->m->ready(r->m->self) : LOREC_OK;
}

/* One line an epoch, but of short epochs one in two seconds. */
__attribute__((format(printf, 2, 3))) static void tell_epoch(training *r, const char *fmt, ...)
{
    char more[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(more, sizeof more, fmt, ap);
    va_end(ap);
    double now = clock_seconds();
    bool soon = now - r->told < 2;
    if (!soon) r->told = now;
    (soon ? log_debug : log_info)("%s epoch %" PRId64 ": loss %.4f%s", r->m->label, r->at.epoch + 1, r->at.last_loss,
                                  more);
}

static lorec_err validate(training *r)
{
    double metric;
    TRY(refresh(r));
    TRY(r->c->validate(r->c->validate_ctx, r->m->recommender ? r->m->recommender : r->m->self, &metric));
    if (isnan(metric))
        log_warn("%s: the validation metric is not a number at epoch %" PRId64, r->m->label, r->at.epoch + 1);
    bool better = r->at.best_epoch == 0 || metric > r->at.best_metric;
    if (better) {
        TRY(params_copy(r->best, r->m->params));
        r->at.best_metric = isnan(metric) ? -DBL_MAX : metric;
        r->at.best_epoch = r->at.epoch + 1;
        r->at.best_step = r->at.step;
        r->at.since_best = 0;
    } else
        r->at.since_best++;
    const char *name = r->c->valid_metric ? r->c->valid_metric : "validation";
    tell_epoch(r, ", %s %.4f%s (best %.4f at %" PRId64 ")", name, metric, better ? " *" : "", r->at.best_metric,
               r->at.best_epoch);
    return LOREC_OK;
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

static lorec_err save(training *r)
{
    if (!r->c->folder) return LOREC_OK;
    r->at.seconds = seconds_spent(r);
    TRY(checkpoint_save(&r->disk, &r->at));
    r->saved = clock_seconds();
    return LOREC_OK;
}

/* A full disk does not end a training: it goes on, and says so. */
static void save_now_and_then(training *r)
{
    double every = r->o->checkpoint_seconds > 0 ? r->o->checkpoint_seconds : CHECKPOINT_SECONDS;
    if (!r->c->folder || clock_seconds() - (r->saved > 0 ? r->saved : r->started) < every) return;
    if (save(r) == LOREC_OK) return;
    log_warn("%s; training goes on", lorec_error_message());
    r->saved = clock_seconds();
}

static lorec_err cancelled(training *r)
{
    if (!r->c->folder) return err_set(LOREC_CANCELLED, "%s: stopped at step %" PRIu64, r->m->label, r->at.step);
    TRY(save(r));
    return err_set(LOREC_CANCELLED,
                   "%s: stopped at epoch %" PRId64 ", step %" PRIu64
                   "; all of it is kept in %s: resume goes on from there",
                   r->m->label, r->at.epoch + 1, r->at.step, r->folder.p);
}

/* Once there are some steps to judge by: how long this will take at most. */
static void tell_time(training *r, uint64_t steps_here, double seconds_here)
{
    if (r->time_told || steps_here < 3 || seconds_here < 3) return;
    r->time_told = true;
    double epoch = seconds_here / (double)steps_here * (double)r->epoch_steps;
    double all = epoch * (double)(r->o->epochs - r->at.epoch);
    if (r->o->max_minutes > 0 && all > 60 * r->o->max_minutes) all = 60 * r->o->max_minutes;
    char one[32], most[32];
    duration_text(one, sizeof one, epoch);
    duration_text(most, sizeof most, all);
    log_info("%s: about %s an epoch, at most %s in all%s", r->m->label, one, most,
             r->c->validate && r->o->stopping_step > 0 ? "; validation may end it sooner" : "");
}

/* In a rehearsal a few updates are enough: the first warms up, the others tell what a step takes. Validation is not counted. */
typedef struct rehearsing {
    uint64_t warm; /* steps until the first update was done */
    double since;  /* a clock: then */
} rehearsing;

static void rehearse(training *r, rehearsing *h, uint64_t here, double started, bool last)
{
    double now = clock_seconds();
    if (!h->warm) {
        h->warm = here;
        h->since = now;
    }
    if (here < h->warm + REHEARSAL_STEPS - 1 && !last) return;
    double each = here > h->warm ? (now - h->since) / (double)(here - h->warm) : (now - started) / (double)here;
    uint64_t all = (uint64_t)r->o->epochs * r->epoch_steps;
    double left = all > r->at.step ? each * (double)(all - r->at.step) : 0;
    rehearsal_leave(r->o->max_minutes > 0 && left > 60 * r->o->max_minutes ? 60 * r->o->max_minutes : left);
    r->out_of_time = true;
}

static lorec_err one_epoch(training *r)
{
    uint64_t begin = (uint64_t)r->at.epoch * r->epoch_steps, end = begin + r->epoch_steps;
    if (r->m->epoch) TRY(r->m->epoch(r->m->self, r->at.epoch));
    char label[96];
    snprintf(label, sizeof label, "%.60s epoch %" PRId64 "/%" PRId64, r->m->label, r->at.epoch + 1, r->o->epochs);
    progress p;
    progress_start(&p, label, (double)r->epoch_steps, "step");
    uint64_t first = r->at.step;
    double started = clock_seconds();
    rehearsing h = {0};
    lorec_err e = LOREC_OK;
    while (r->at.step < end && !r->out_of_time) {
        if (cancel_check() != LOREC_OK) {
            e = cancelled(r);
            break;
        }
        e = one_update(r, end);
        if (e) break;
        if (rehearsal_now()) {
            rehearse(r, &h, r->at.step - first, started, r->at.step == end);
            continue;
        }
        tell_time(r, r->at.step - first, clock_seconds() - started);
        save_now_and_then(r);
        r->out_of_time = r->o->max_minutes > 0 && seconds_spent(r) > 60 * r->o->max_minutes;
        progress_step(&p, (double)(r->at.step - begin), "loss %.4f", r->at.loss_sum / (double)r->at.loss_examples);
    }
    progress_end(&p);
    return e;
}

static bool patience_is_out(const training *r)
{
    return r->out_of_time || (r->c->validate && r->o->stopping_step > 0 && r->at.since_best > r->o->stopping_step);
}

static lorec_err all_epochs(training *r)
{
    int64_t every = r->o->eval_step > 0 ? r->o->eval_step : 1;
    while (r->at.epoch < r->o->epochs && !patience_is_out(r)) {
        TRY(one_epoch(r));
        if (r->at.loss_examples) r->at.last_loss = r->at.loss_sum / (double)r->at.loss_examples;
        bool last = r->at.epoch + 1 == r->o->epochs || r->out_of_time;
        if (rehearsal_now()) break;
        if (r->c->validate && ((r->at.epoch + 1) % every == 0 || last)) {
            lorec_err e = validate(r);
            if (e == LOREC_CANCELLED) return cancelled(r); /* resuming validates again */
            TRY(e);
        } else
            tell_epoch(r, "%s", "");
        r->at.epoch++;
        r->at.loss_sum = 0;
        r->at.loss_examples = 0;
        save_now_and_then(r);
    }
    if (r->at.best_epoch) TRY(params_copy(r->m->params, r->best));
    TRY(refresh(r));
    r->at.done = true;
    r->at.seconds = seconds_spent(r);
    char best[64] = "";
    if (r->at.best_epoch)
        snprintf(best, sizeof best, ", best %.4f at epoch %" PRId64, r->at.best_metric, r->at.best_epoch);
    if (rehearsal_now()) return LOREC_OK;
    log_info("%s: %" PRId64 " epochs in %.1f s, %.0f examples/s%s", r->m->label, r->at.epoch, r->at.seconds,
             r->at.seconds > 0 ? (double)r->at.examples / r->at.seconds : 0, best);
    return save(r);
}

/* ---- setting up ------------------------------------------------------------------------------------------------------ */

static lorec_err params_like(params **out, const params *ps)
{
    *out = params_new(0);
    if (!*out) return LOREC_RESOURCE;
    for (size_t i = 0; i < params_count(ps); i++) {
        const tensor *p = params_at(ps, i);
        int64_t shape[TENSOR_MAX_DIMS];
        for (int d = 0; d < tensor_dims(p); d++) shape[d] = tensor_size(p, d);
        tensor *copy = params_add(*out, tensor_name(p), INIT_ZERO, tensor_dims(p), shape);
        if (copy) params_freeze(copy, true);
    }
    return params_error(*out);
}

static lorec_err describe(training *r)
{
    const trainer_options *o = r->o;
    const optimizer_options *p = &o->optimizer;
    return buf_printf(
        &r->settings,
        "%sexamples=%" PRIu64 " seed=%" PRIu64 " train_batch_size=%" PRId64 " epoch_steps=%" PRId64
        " accumulate=%" PRId64 " optimizer=%d learning_rate=%.9g weight_decay=%.9g clip_norm=%.9g schedule=%d,%" PRIu64
        ",%" PRIu64 " bf16=%d example_clip=%.9g,%.9g parameters=%" PRId64 " valid_metric=%s",
        r->c->identity ? r->c->identity : "", r->m->n_examples, r->c->seed, o->train_batch_size, o->epoch_steps,
        o->accumulate, (int)p->kind, p->lr, p->weight_decay, p->clip_norm, (int)o->schedule.kind, o->schedule.warmup,
        o->schedule.total, o->bf16, o->example_clip, o->example_noise, params_values(r->m->params),
        !r->c->validate      ? "none"
        : r->c->valid_metric ? r->c->valid_metric
                             : "some");
}

static lorec_err set_up(training *r)
{
    const trainer_options *o = r->o;
    if (r->m->n_examples == 0)
        return err_set(LOREC_INPUT,
                       "%s: there is nothing to train on: no example is left (are all users too short, or "
                       "filtered away?)",
                       r->m->label);
    if (r->m->n_examples > UINT32_MAX)
        return err_set(LOREC_RESOURCE, "%s: %" PRIu64 " training examples, at most 2^32 - 1 are possible", r->m->label,
                       r->m->n_examples);
    if (o->epochs < 1 || o->train_batch_size < 1)
        return err_set(LOREC_USAGE, "%s: epochs and train_batch_size are at least 1", r->m->label);
    TRY(params_error(r->m->params));
    r->batch = (uint64_t)o->train_batch_size;
    r->batches = (r->m->n_examples + r->batch - 1) / r->batch;
    r->epoch_steps = o->epoch_steps > 0 ? (uint64_t)o->epoch_steps : r->batches;
    r->pass = UINT64_MAX;
    TRY(mem_new(&r->order, r->m->n_examples));
    r->tape = tape_new(&(tape_options){.train = true,
                                       .compute = o->bf16 ? DTYPE_BF16 : DTYPE_F32,
                                       .seed = r->c->seed,
                                       .example_norms = o->example_clip > 0});
    if (!r->tape) return LOREC_RESOURCE;
    r->optimizer = optimizer_new(r->m->params, &o->optimizer);
    if (!r->optimizer) return LOREC_RESOURCE;
    if (r->c->validate) TRY(params_like(&r->best, r->m->params));
    TRY(describe(r));
    if (!r->c->folder) return LOREC_OK;
    TRY(path_join(&r->folder, r->c->folder, r->m->label));
    r->disk = (checkpoint){.folder = r->folder.p,
                           .settings = r->settings.p,
                           .params = r->m->params,
                           .optimizer = r->optimizer,
                           .best = r->best};
    if (!r->c->resume) return checkpoint_discard(&r->disk);
    bool found;
    TRY(checkpoint_load(&r->disk, &r->at, &found));
    if (!found) return LOREC_OK;
    r->earlier = r->at.seconds;
    log_info("%s: goes on from epoch %" PRId64 ", step %" PRIu64 " (%s)", r->m->label, r->at.epoch + 1, r->at.step,
             r->folder.p);
    return LOREC_OK;
}

lorec_err trainer_loop(const trainer_options *options, const trainer_context *context, const trainer_model *model,
                       trainer_report *report)
{
    training r = {.o = options, .c = context, .m = model, .started = clock_seconds()};
    lorec_err e = set_up(&r);
    if (e == LOREC_OK) e = r.at.done ? refresh(&r) : all_epochs(&r);
    if (e == LOREC_OK && report)
        *report = (trainer_report){.epochs = r.at.epoch,
                                   .best_epoch = r.at.best_epoch ? r.at.best_epoch : r.at.epoch,
                                   .best_metric = r.at.best_epoch ? r.at.best_metric : NAN,
                                   .last_loss = r.at.last_loss,
                                   .seconds = r.at.seconds,
                                   .examples_per_second = r.at.seconds > 0 ? (double)r.at.examples / r.at.seconds : 0,
                                   .steps = r.at.step};
    if (r.best) params_free(r.best);
    if (r.optimizer) optimizer_free(r.optimizer);
    if (r.tape) tape_free(r.tape);
    mem_free(r.order);
    mem_free(r.loss);
    buf_free(&r.folder);
    buf_free(&r.settings);
    return e;
}

json_t *trainer_report_json(const trainer_report *r, uint64_t parameters)
{
    json_t *tree = json_pack("{s:I}", "parameters", (json_int_t)parameters);
    if (!tree || r->epochs == 0) return tree;
    if (json_object_set_new(tree, "epochs", json_integer(r->epochs)) ||
        json_object_set_new(tree, "best_epoch", json_integer(r->best_epoch)) ||
        json_object_set_new(tree, "steps", json_integer((json_int_t)r->steps))) {
        json_decref(tree);
        return NULL;
    }
    return tree;
}

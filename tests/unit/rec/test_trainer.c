#include "rec/trainer.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "support/support.h"
#include "tensor/ops.h"

extern char **environ;

/* y = <w, x_i> on 40 examples whose answer is known; dropout and the step's own numbers take part, so that a resumed run
 * shows whether it draws the same. */
enum { EXAMPLES = 40, D = 6 };

typedef struct line {
    params *ps;
    tensor *w;
    uint64_t steps, seen[EXAMPLES];
    size_t last_batch;
    uint64_t nan_at;      /* the loss is NaN at that step; 0: never */
    double metric[64];    /* what validation answers, in turn; then counts down */
    int asked, cancel_at; /* cancel when asked so often */
    bool noisy;
} line;

static float feature(uint32_t i, int j)
{
    return (float)((i * 7 + (uint32_t)j * 3) % 11) / 11.0f - 0.4f;
}

static void line_new(line *l, uint64_t seed)
{
    *l = (line){.ps = params_new(seed), .noisy = true};
    l->w = params_add(l->ps, "w", INIT_NORMAL(0.1), 2, (int64_t[]){1, D});
    for (int i = 0; i < 64; i++) l->metric[i] = i;
    assert_ok(params_error(l->ps));
}

static tensor *line_step(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    line *l = self;
    float x[EXAMPLES * D], y[EXAMPLES];
    for (size_t i = 0; i < n; i++) {
        y[i] = 0.5f;
        for (int j = 0; j < D; j++) {
            x[i * D + (size_t)j] = feature(example[i], j);
            y[i] += (float)(j + 1) * feature(example[i], j);
        }
        if (l->noisy) y[i] += (float)rng_uniform(r) * 0.1f;
        l->seen[example[i]]++;
    }
    l->last_batch = n;
    if (++l->steps == l->nan_at) y[0] = NAN;
    tensor *in = tape_f32(t, x, 2, (int64_t[]){(int64_t)n, D});
    if (l->noisy) in = op_dropout(t, in, 0.2f);
    return op_mse(t, op_reshape(t, op_linear(t, in, l->w, NULL, LINEAR_OUT_IN, ACT_NONE), 1, (int64_t[]){-1}), y,
                  (int64_t)n);
}

static lorec_err line_validate(void *ctx, const void *self, double *metric)
{
    (void)self;
    line *l = ctx;
    if (++l->asked == l->cancel_at) cancel_request();
    *metric = l->metric[l->asked - 1];
    return LOREC_OK;
}

static trainer_options plain(void)
{
    return (trainer_options){.epochs = 12,
                             .train_batch_size = 16,
                             .eval_step = 1,
                             .stopping_step = 100,
                             .optimizer = {.kind = OPT_ADAM, .lr = 0.05}};
}

static lorec_err train(line *l, const trainer_options *o, const fit_context *fit, trainer_report *report)
{
    return trainer_run(
        o, fit,
        &(trainer_model){.self = l, .label = "line", .params = l->ps, .n_examples = EXAMPLES, .step = line_step},
        report);
}

static void weights(const line *l, float *out)
{
    assert_ok(tensor_read(l->w, out, D));
}

static void every_example_once_an_epoch(void **state)
{
    (void)state;
    line l;
    line_new(&l, 3);
    trainer_options o = plain();
    trainer_report r;
    assert_ok(train(&l, &o, &(fit_context){.seed = 3}, &r));
    assert_int_equal(l.steps, 12 * 3); /* 40 examples in batches of 16: 16, 16, 8 */
    assert_int_equal(l.last_batch, 8);
    for (int i = 0; i < EXAMPLES; i++) assert_int_equal(l.seen[i], 12);
    assert_int_equal(r.epochs, 12);
    assert_int_equal(r.steps, 36);
    assert_true(isfinite(r.last_loss));
    params_free(l.ps);
}

static void an_epoch_may_be_so_many_steps(void **state)
{
    (void)state;
    line l;
    line_new(&l, 3);
    trainer_options o = plain();
    o.epoch_steps = 2;
    assert_ok(train(&l, &o, &(fit_context){.seed = 3}, NULL));
    assert_int_equal(l.steps, 24); /* 8 passes of 3 batches */
    for (int i = 0; i < EXAMPLES; i++) assert_int_equal(l.seen[i], 8);
    params_free(l.ps);
}

static void it_learns(void **state)
{
    (void)state;
    line l;
    line_new(&l, 5);
    l.noisy = false;
    trainer_options o = plain();
    o.epochs = 300;
    trainer_report r;
    assert_ok(train(&l, &o, &(fit_context){.seed = 5}, &r));
    assert_true(r.last_loss < 0.3); /* what no line without a constant can get under is the 0.5 */
    params_free(l.ps);
}

/* Gradients of unreduced losses add up: two batches of 8 accumulated are one of 16. */
static void accumulation_equals_a_larger_batch(void **state)
{
    (void)state;
    line a, b;
    line_new(&a, 5);
    line_new(&b, 5);
    a.noisy = b.noisy = false;
    trainer_options o = plain();
    o.train_batch_size = 40;
    o.optimizer.lr = 0.01;
    assert_ok(train(&a, &o, &(fit_context){.seed = 5}, NULL));
    o.train_batch_size = 20;
    o.accumulate = 2;
    assert_ok(train(&b, &o, &(fit_context){.seed = 5}, NULL));
    float wa[D], wb[D];
    weights(&a, wa);
    weights(&b, wb);
    for (int i = 0; i < D; i++) assert_near(wa[i], wb[i], 1e-5);
    params_free(a.ps);
    params_free(b.ps);
}

static void the_best_is_kept_and_patience_ends_it(void **state)
{
    (void)state;
    line l, best;
    line_new(&l, 3);
    line_new(&best, 3);
    double metric[] = {0.1, 0.4, 0.3, 0.4, 0.2, 0.9};
    memcpy(l.metric, metric, sizeof metric);
    trainer_options o = plain();
    o.stopping_step = 2;
    trainer_report r;
    fit_context fit = {.seed = 3, .validate = line_validate, .validate_ctx = &l, .valid_metric = "ndcg@10"};
    assert_ok(train(&l, &o, &fit, &r));
    assert_int_equal(r.epochs, 5); /* three validations after the second were not better */
    assert_int_equal(r.best_epoch, 2);
    assert_near(r.best_metric, 0.4, 0);
    o.epochs = 2;
    assert_ok(train(&best, &o, &(fit_context){.seed = 3}, NULL));
    float a[D], b[D];
    weights(&l, a);
    weights(&best, b);
    assert_memory_equal(a, b, sizeof a);
    params_free(l.ps);
    params_free(best.ps);
}

static void bad_input_is_told(void **state)
{
    (void)state;
    line l;
    line_new(&l, 3);
    trainer_options o = plain();
    trainer_model none = {.self = &l, .label = "line", .params = l.ps, .step = line_step};
    assert_fails(trainer_run(&o, &(fit_context){.seed = 1}, &none, NULL), LOREC_INPUT, "nothing to train on");
    o.train_batch_size = 0;
    assert_fails(train(&l, &o, &(fit_context){.seed = 1}, NULL), LOREC_USAGE, "train_batch_size");
    params_free(l.ps);
}

/* ---- interrupted and resumed ------------------------------------------------------------------------------------------ */

static void reference(float *w, trainer_report *r)
{
    line l;
    line_new(&l, 9);
    trainer_options o = plain();
    fit_context fit = {.seed = 9, .validate = line_validate, .validate_ctx = &l};
    assert_ok(train(&l, &o, &fit, r));
    weights(&l, w);
    params_free(l.ps);
}

static void a_cancelled_run_resumes_to_the_same_bits(void **state)
{
    (void)state;
    trainer_report want, got;
    float a[D], b[D];
    reference(a, &want);
    const char *folder = test_path("cancelled");
    trainer_options o = plain();
    for (int part = 0; part < 3; part++) {
        line l;
        line_new(&l, part < 2 ? 1234 : 9); /* the first values do not matter: they come from the checkpoint */
        if (part == 0) {
            params_free(l.ps);
            line_new(&l, 9);
        }
        l.asked = part * 4;
        l.cancel_at = part < 2 ? part * 4 + 4 : 0;
        fit_context fit = {
            .seed = 9, .folder = folder, .resume = part > 0, .validate = line_validate, .validate_ctx = &l};
        if (part < 2)
            assert_fails(train(&l, &o, &fit, NULL), LOREC_CANCELLED, "resume");
        else
            assert_ok(train(&l, &o, &fit, &got));
        cancel_clear();
        if (part == 2) weights(&l, b);
        params_free(l.ps);
    }
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(got.steps, want.steps);
    assert_int_equal(got.best_epoch, want.best_epoch);
    assert_near(got.last_loss, want.last_loss, 0);
    /* and one that is over gives what it gave */
    line l;
    line_new(&l, 1);
    fit_context again = {.seed = 9, .folder = folder, .resume = true, .validate = line_validate, .validate_ctx = &l};
    assert_ok(train(&l, &o, &again, NULL));
    assert_int_equal(l.steps, 0);
    weights(&l, b);
    assert_memory_equal(a, b, sizeof a);
    params_free(l.ps);
}

static void other_settings_are_refused(void **state)
{
    (void)state;
    const char *folder = test_path("settings");
    trainer_options o = plain();
    line l;
    line_new(&l, 9);
    assert_ok(train(&l, &o, &(fit_context){.seed = 9, .folder = folder}, NULL));
    o.optimizer.lr = 0.5;
    fit_context fit = {.seed = 9, .folder = folder, .resume = true};
    assert_fails(train(&l, &o, &fit, NULL), LOREC_USAGE, "learning_rate=0.05");
    fit.resume = false; /* starting anew is fine */
    assert_ok(train(&l, &o, &fit, NULL));
    params_free(l.ps);
}

static void a_loss_that_is_not_finite_stops_it(void **state)
{
    (void)state;
    const char *folder = test_path("nan");
    trainer_options o = plain();
    o.checkpoint_seconds = 1e-9;
    line l, good;
    line_new(&l, 9);
    l.nan_at = 20;
    assert_fails(train(&l, &o, &(fit_context){.seed = 9, .folder = folder}, NULL), LOREC_FAILED,
                 "the loss is nan at step 19");
    /* What is on disk is the state after 19 good steps: going on from there (the fault gone) is the undisturbed run. */
    line_new(&good, 9);
    assert_ok(train(&good, &o, &(fit_context){.seed = 9, .folder = folder, .resume = true}, NULL));
    assert_int_equal(good.steps, 36 - 19);
    params_free(l.ps);
    params_free(good.ps);
}

/* Every write of a checkpoint fails in turn: the run goes on, and what is on disk can always be gone on from. */
static void a_full_disk_leaves_a_usable_checkpoint(void **state)
{
    (void)state;
    trainer_report want;
    float a[D], b[D];
    reference(a, &want);
    log_set_level(LOG_QUIET);
    trainer_options o = plain();
    o.checkpoint_seconds = 1e-9;
    for (size_t fail_at = 1; fail_at < 300; fail_at += 7) {
        char name[32];
        snprintf(name, sizeof name, "full-%zu", fail_at);
        const char *folder = test_path(name);
        line l, again;
        line_new(&l, 9);
        l.cancel_at = 7;
        fit_context fit = {.seed = 9, .folder = folder, .validate = line_validate, .validate_ctx = &l};
        file_fail_at(fail_at);
        lorec_err e = train(&l, &o, &fit, NULL);
        file_fail_at(0);
        cancel_clear();
        assert_true(e == LOREC_CANCELLED || e == LOREC_RESOURCE);
        line_new(&again, 9);
        again.asked = l.asked;
        fit.resume = true;
        fit.validate_ctx = &again;
        /* The metric is a function of the epoch here, as of a real model: tell it where the checkpoint stands. */
        for (int i = 0; i < 64; i++) again.metric[i] = i;
        assert_ok(train(&again, &o, &fit, NULL));
        weights(&again, b);
        assert_memory_equal(a, b, sizeof a);
        params_free(l.ps);
        params_free(again.ps);
    }
    log_set_level(LOG_WARN);
}

/* A process of its own that trains and is killed: run as `test_trainer train FOLDER`. */
static int train_as_child(const char *folder)
{
    log_set_level(LOG_QUIET);
    trainer_options o = plain();
    o.epochs = 4000;
    o.checkpoint_seconds = 1e-9;
    line l;
    line_new(&l, 9);
    lorec_err e = train(&l, &o, &(fit_context){.seed = 9, .folder = folder, .resume = true}, NULL);
    if (e) fprintf(stderr, "child: %s\n", lorec_error_message());
    params_free(l.ps);
    return (int)e;
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    const char *folder = test_path("killed");
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = 0;
    char *argv[] = {self, (char *)(uintptr_t) "train", (char *)(uintptr_t)folder, NULL};
    for (int i = 0; i < 12; i++) {
        pid_t child;
        assert_int_equal(posix_spawn(&child, self, NULL, NULL, argv, environ), 0);
        struct timespec wait = {.tv_nsec = 40000000 + i * 7919000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) assert_int_equal(WEXITSTATUS(status), 0);
    }
    buf path = {0};
    assert_ok(path_join(&path, folder, "line/state.json"));
    assert_true(file_exists(path.p));
    buf_free(&path);
    line l, whole;
    line_new(&l, 1);
    line_new(&whole, 9);
    trainer_options o = plain();
    o.epochs = 4000;
    log_set_level(LOG_QUIET);
    assert_ok(train(&whole, &o, &(fit_context){.seed = 9}, NULL));
    fit_context fit = {.seed = 9, .folder = folder, .resume = true};
    assert_ok(train(&l, &o, &fit, NULL));
    log_set_level(LOG_WARN);
    assert_true(l.steps < whole.steps);
    float a[D], b[D];
    weights(&l, a);
    weights(&whole, b);
    assert_memory_equal(a, b, sizeof a);
    params_free(l.ps);
    params_free(whole.ps);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "train")) return train_as_child(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_once_an_epoch),
        cmocka_unit_test(an_epoch_may_be_so_many_steps),
        cmocka_unit_test(it_learns),
        cmocka_unit_test(accumulation_equals_a_larger_batch),
        cmocka_unit_test(the_best_is_kept_and_patience_ends_it),
        cmocka_unit_test(bad_input_is_told),
        cmocka_unit_test(a_cancelled_run_resumes_to_the_same_bits),
        cmocka_unit_test(other_settings_are_refused),
        cmocka_unit_test(a_loss_that_is_not_finite_stops_it),
        cmocka_unit_test(a_full_disk_leaves_a_usable_checkpoint),
        cmocka_unit_test(killed_at_any_moment),
    };
    log_set_level(LOG_WARN);
    /* Hundreds of checkpoints are synced here: in memory where that can be had. */
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

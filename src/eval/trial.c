#include "eval/trial.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "eval/report_json.h"
#include "eval/study.h"

const char *const trial_status_words[3] = {"ok", "skipped", "failed"};

/* ---- options --------------------------------------------------------------------------------------------------------- */

static lorec_err set_one(const recommender *r, void *self, const char *words)
{
    slice rest = slice_of(words), name = slice_cut(&rest, '=');
    if (name.n == strlen(words)) return err_set(LOREC_USAGE, "\"%s\": an option is written name=value", words);
    buf b = {0};
    lorec_err e = buf_add(&b, name.p, name.n);
    if (!e) e = options_set(r->options, r->n_options, self, b.p, rest.p);
    buf_free(&b);
    return e ? err_context(e, "%s", r->key) : LOREC_OK;
}

lorec_err trial_model(const trial_request *q, void **self)
{
    const recommender *r = q->recommender;
    TRY(recommender_new(r, self));
    lorec_err e = q->fast ? options_fast(r->options, r->n_options, *self) : LOREC_OK;
    for (size_t i = 0; i < q->n_set && !e; i++) e = set_one(r, *self, q->set[i]);
    const char *wrong = !e && r->check ? r->check(*self) : NULL;
    if (wrong) e = err_set(LOREC_USAGE, "%s: %s", r->key, wrong);
    if (e) {
        recommender_free(r, *self);
        *self = NULL;
    }
    return e;
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

static uint64_t number_in(const char *path)
{
    unsigned long long n = 0;
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    if (fscanf(f, "%llu", &n) != 1) n = 0; /* "max" */
    fclose(f);
    return n;
}

static uint64_t field_in(const char *path, const char *field)
{
    FILE *f = fopen(path, "re");
    char line[256];
    unsigned long long kib = 0;
    size_t n = strlen(field);
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, field, n) == 0 && line[n] == ':') {
            kib = strtoull(line + n + 1, NULL, 10);
            break;
        }
    }
    if (f) fclose(f);
    return (uint64_t)kib << 10;
}

uint64_t trial_memory_available(void)
{
    uint64_t free_bytes = field_in("/proc/meminfo", "MemAvailable");
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max");
    uint64_t used = number_in("/sys/fs/cgroup/memory.current");
    if (limit && limit > used && limit - used < free_bytes) return limit - used;
    return free_bytes;
}

/* The peak since the last reset; Linux forgets the old one when "5" is written (proc(5)). */
void trial_peak_reset(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

uint64_t trial_peak(void)
{
    return field_in("/proc/self/status", "VmHWM");
}

static lorec_err fits(trial *t, const trial_request *q, const void *self, const fit_context *fit)
{
    const recommender *r = q->recommender;
    uint64_t bytes = r->memory ? r->memory(self, fit) : 0;
    const double gib = 1 << 30;
    if (bytes > (1u << 28))
        log_info("%s (seed %llu) needs about %.1f GiB", r->key, (unsigned long long)q->seed, (double)bytes / gib);
    if (q->memory == 0 || bytes <= q->memory) return LOREC_OK;
    char text[160];
    snprintf(text, sizeof text, "needs %.4g GiB; %.4g GiB are available", (double)bytes / gib, (double)q->memory / gib);
    t->status = TRIAL_SKIPPED;
    t->err = LOREC_RESOURCE;
    return mem_dup(&t->why, text);
}

/* ---- fitting and judging --------------------------------------------------------------------------------------------- */

static lorec_err validate(void *ctx, const void *self, double *value)
{
    const trial_request *q = ctx;
    report r;
    TRY(cancel_check());
    TRY(evaluate(&r, &(evaluate_request){.recommender = q->recommender,
                                         .self = self,
                                         .protocol = q->valid,
                                         .part = PART_VALID,
                                         .quiet = true,
                                         .seed = q->seed,
                                         .max_users = q->valid_users}));
    *value = metric_larger_is_better(r.metrics[0].kind) ? r.mean[0] : -r.mean[0];
    if (q->note) q->note(q->note_ctx, r.metrics[0].name, r.mean[0]);
    report_close(&r);
    return LOREC_OK;
}

/* What the evaluator left out or dropped, and what the method itself counts. */
static json_t *count_all(const trial_request *q, const void *self, const report *r, json_t *study)
{
    json_t *counts = report_counts_json(r), *own = q->recommender->counts ? q->recommender->counts(self) : NULL;
    if (counts && own) json_object_update(counts, own);
    json_decref(own);
    if (counts && study) json_object_set(counts, "study", study);
    return counts;
}

static lorec_err work(trial *t, const trial_request *q, void *self)
{
    const recommender *r = q->recommender;
    fit_context fit = {.split = q->split,
                       .train = &q->split->train,
                       .seed = q->seed,
                       .positive_rating = q->protocol ? q->protocol->positive_rating : 0,
                       .fast = q->fast,
                       .folder = q->checkpoint,
                       .resume = q->resume};
    if (q->valid && q->split->valid.n) {
        fit.validate = validate;
        fit.validate_ctx = (void *)(uintptr_t)q;
        fit.valid_metric = q->valid->metrics[0].name;
    }
    if (!(t->options = options_json(r->options, r->n_options, self)))
        return err_set(LOREC_RESOURCE, "out of memory while writing down the options of %s", r->key);
    TRY(fits(t, q, self, &fit));
    if (t->status == TRIAL_SKIPPED) return LOREC_OK;
    double start = clock_seconds();
    TRY(r->fit(self, &fit));
    t->train_s = clock_seconds() - start;
    if (q->save_to) TRY(recommender_save(r, self, q->save_to));
    TRY(cancel_check());
    start = clock_seconds();
    TRY(evaluate(&t->report, &(evaluate_request){.recommender = r,
                                                 .self = self,
                                                 .protocol = q->protocol,
                                                 .part = q->part,
                                                 .keep_lists = q->keep_lists,
                                                 .seed = q->seed}));
    TRY(study_run(&t->study, r, self, q->protocol, q->seed,
                  q->fast)); /* the method's own numbers, told with its counts */
    t->eval_s = clock_seconds() - start;
    if (t->report.nan_scores)
        log_warn("%s gave %llu scores that are no numbers; they rank last", r->key,
                 (unsigned long long)t->report.nan_scores);
    if (!(t->counts = count_all(q, self, &t->report, t->study)))
        return err_set(LOREC_RESOURCE, "out of memory while counting");
    return LOREC_OK;
}

lorec_err trial_run(trial *out, const trial_request *q)
{
    *out = (trial){0};
    void *self = NULL;
    trial_peak_reset();
    lorec_err e = trial_model(q, &self);
    if (!e) e = work(out, q, self);
    recommender_free(q->recommender, self);
    out->rss = trial_peak();
    if (e == LOREC_OK) return LOREC_OK;
    out->status = TRIAL_FAILED;
    out->err = e;
    lorec_err copied = mem_dup(&out->why, lorec_error_message());
    if (e == LOREC_CANCELLED || copied) {
        trial_free(out);
        return e == LOREC_CANCELLED ? e : copied;
    }
    return LOREC_OK;
}

void trial_free(trial *t)
{
    report_close(&t->report);
    json_decref(t->options);
    json_decref(t->counts);
    json_decref(t->study);
    mem_free(t->why);
    *t = (trial){0};
}

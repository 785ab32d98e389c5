/* One training, step by step. */
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/train/retrain_parts.h"

enum { ATTEMPTS = 5, TAIL = 400 };

lorec_err retrain_job_path(const retrainer *t, buf *out, const char *name)
{
    char run[32];
    snprintf(run, sizeof run, "run-%d", t->models.job.attempts);
    return models_path(out, &t->models, strcmp(name, "run") == 0 ? run : name);
}

static lorec_err remove_below(const retrainer *t, const char *name)
{
    buf path = {0};
    lorec_err e = retrain_job_path(t, &path, name);
    if (!e && folder_exists(path.p)) e = folder_remove(path.p);
    buf_free(&path);
    return e;
}

/* ---- one training, step by step -------------------------------------------------------------------------------------------- */

static void set_stage(retrainer *t, stage at)
{
    pthread_mutex_lock(&t->lock);
    t->at = at;
    pthread_mutex_unlock(&t->lock);
}

/* `how` NULL: by the error in hand. What the training left behind goes, its output stays. */
static void end_job(retrainer *t, const char *how, json_t *told)
{
    training *job = &t->models.job;
    json_t *last = json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:o?}", "id", job->id, "run",
                             t->models.slot[job->slot].run, "state", how ? how : "failed", "why",
                             how && strcmp(how, "adopted") == 0 ? NULL : lorec_error_message(), "began",
                             (json_int_t)job->began, "ended", (json_int_t)server_now(), "check", told);
    if (!how || strcmp(how, "adopted") != 0) log_warn("training %s: %s", job->id, lorec_error_message());
    child_stop(&job->child, 5);
    (void)remove_below(t, "data");
    if (!how || strcmp(how, "adopted") != 0) (void)remove_below(t, "run");
    pthread_mutex_lock(&t->lock);
    json_decref(t->models.last);
    t->models.last = last;
    models_job_end(&t->models);
    t->at = STAGE_IDLE;
    if (models_save(&t->models)) log_warn("%s", lorec_error_message());
    pthread_mutex_unlock(&t->lock);
    models_sweep(&t->models, t->o.keep_days);
}

/* The settings of the run in force for the exported data: it is prepared and filtered already. */
static lorec_err write_config(const retrainer *t, const variant *base)
{
    static const char *const of_source[] = {"format",        "columns",    "only",       "item_text",
                                            "skip_bad_rows", "min_rating", "max_rating", "user_core",
                                            "item_core",     "after",      "before",     "duplicates"};
    json_t *config = json_deep_copy(base->advisor.run.config);
    if (!config) return err_set(LOREC_RESOURCE, "out of memory for the settings of a training");
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)base->advisor.seed);
    for (size_t i = 0; i < sizeof of_source / sizeof *of_source; i++) json_object_del(config, of_source[i]);
    json_object_set_new(config, "methods", json_string(base->advisor.r->key));
    json_object_set_new(config, "seed", json_string(seed));
    json_object_set_new(config, "controls", json_false());
    buf path = {0};
    lorec_err e = retrain_job_path(t, &path, "data");
    if (!e) json_object_set_new(config, "data", json_string(path.p));
    if (!e) e = retrain_job_path(t, &path, "config.json");
    if (!e) e = json_write(config, path.p);
    json_decref(config);
    buf_free(&path);
    return e;
}

static lorec_err export_job(retrainer *t)
{
    buf path = {0};
    variant *base = engine_hold(&t->s->engine, t->models.job.slot);
    exported data;
    TRY(remove_below(t, "data"));
    lorec_err e = models_path(&path, &t->models, "");
    if (!e) e = folder_make(path.p);
    if (!e) e = retrain_job_path(t, &path, "data");
    if (!e) e = export_data(path.p, &t->s->live, base, &data);
    if (!e) e = write_config(t, base);
    variant_release(base);
    buf_free(&path);
    TRY(e);
    pthread_mutex_lock(&t->lock);
    t->data = data;
    t->models.job.event_seq = data.event_seq;
    t->models.job.attempts = 1;
    e = models_save(&t->models);
    pthread_mutex_unlock(&t->lock);
    return e;
}

static lorec_err start_child(retrainer *t)
{
    buf config = {0}, out = {0}, said = {0};
    child c = {0};
    lorec_err e = retrain_job_path(t, &config, "config.json");
    if (!e) e = retrain_job_path(t, &out, "run");
    if (!e) e = retrain_job_path(t, &said, "out.txt");
    const char *argv[] = {t->program, "run", "--config", config.p, "--out", out.p, "--resume", NULL};
    if (!e) e = child_start(&c, argv, said.p, &t->o.limits);
    buf_free(&config);
    buf_free(&out);
    buf_free(&said);
    TRY(e);
    log_info("training %s: process %d", t->models.job.id, (int)c.pid);
    pthread_mutex_lock(&t->lock);
    t->models.job.child = c;
    e = models_save(&t->models);
    pthread_mutex_unlock(&t->lock);
    return e;
}

/* The end of what a failed training said. */
static lorec_err why_it_failed(const retrainer *t, int code)
{
    buf path = {0}, said = {0};
    if (retrain_job_path(t, &path, "out.txt") == LOREC_OK && file_exists(path.p))
        (void)file_read(&said, path.p, 1 << 26);
    slice all = {said.p ? said.p : "", said.n};
    if (all.n > TAIL) all = (slice){all.p + all.n - TAIL, TAIL};
    lorec_err e = code == 128 + SIGXCPU
                      ? err_set(LOREC_FAILED, "it used up its %.0f s of processor time", t->o.limits.cpu_seconds)
                      : err_set(LOREC_FAILED, "`lorec run` ended with %d: %.*s", code, (int)slice_trim(all).n,
                                slice_trim(all).p);
    buf_free(&path);
    buf_free(&said);
    return e;
}

static bool has_result(const retrainer *t)
{
    buf path = {0};
    bool there = false;
    if (retrain_job_path(t, &path, "run") == LOREC_OK && buf_puts(&path, "/result.json") == LOREC_OK)
        there = file_exists(path.p);
    buf_free(&path);
    return there;
}

/* What became of the child. *done: there is a result to look at. */
static lorec_err watch(retrainer *t, bool *done)
{
    int code = 0;
    training *job = &t->models.job;
    *done = false;
    if (job->child.pid) {
        pthread_mutex_lock(&t->lock);
        child_state at = child_look(&job->child, &code);
        pthread_mutex_unlock(&t->lock);
        if (at == CHILD_RUNS) return LOREC_OK;
        if (at == CHILD_ENDED && code) return why_it_failed(t, code);
    } else if (!has_result(t)) {
        pthread_mutex_lock(&t->lock);
        job->attempts++; /* a server was killed before it had noted the process: that one keeps its folder */
        pthread_mutex_unlock(&t->lock);
    }
    *done = has_result(t);
    if (*done) return LOREC_OK;
    if (job->attempts >= ATTEMPTS) return err_set(LOREC_FAILED, "it was begun %d times and never ended", ATTEMPTS);
    return start_child(t);
}

static lorec_err write_mark(const retrainer *t, const char *run)
{
    const training *job = &t->models.job;
    json_t *tree = json_pack("{s:I, s:s, s:I}", "event_seq", (json_int_t)job->event_seq, "from",
                             t->models.slot[job->slot].current, "time", (json_int_t)server_now());
    buf path = {0};
    lorec_err e = tree ? path_join(&path, run, "served.json") : err_set(LOREC_RESOURCE, "out of memory");
    if (!e) e = json_write(tree, path.p);
    json_decref(tree);
    buf_free(&path);
    return e;
}

/* On disk first: a server that is killed between the two comes up with the new one. */
static void adopt(retrainer *t, const char *run, variant *fresh, json_t *told)
{
    training *job = &t->models.job;
    size_t slot = job->slot;
    pthread_mutex_lock(&t->lock);
    lorec_err e = models_adopt(&t->models, slot, run);
    pthread_mutex_unlock(&t->lock);
    if (!e) e = server_swap(t->s, slot, fresh);
    if (e) variant_release(fresh);
    if (!e) log_info("training %s: %s is in force", job->id, run);
    end_job(t, e ? NULL : "adopted", told);
}

static void check_job(retrainer *t)
{
    buf run = {0};
    variant *fresh = NULL, *now = engine_hold(&t->s->engine, t->models.job.slot);
    json_t *told = json_object();
    set_stage(t, STAGE_CHECK);
    lorec_err e = retrain_job_path(t, &run, "run");
    if (!e) e = write_mark(t, run.p);
    if (!e)
        e = variant_open(&fresh, &t->s->live, run.p, now->advisor.r->key, (int64_t)now->advisor.seed,
                         t->s->engine.index_from);
    if (!e) e = retrain_check(fresh, now, &t->s->live, t->models.job.margin, told);
    variant_release(now);
    if (e) {
        variant_release(fresh);
        end_job(t, "refused", told);
    } else
        adopt(t, run.p, fresh, told);
    buf_free(&run);
}

void retrain_advance(retrainer *t)
{
    bool done = false;
    lorec_err e = LOREC_OK;
    if (!t->models.job.attempts) {
        set_stage(t, STAGE_EXPORT);
        e = export_job(t);
        if (!e) e = start_child(t);
    } else {
        set_stage(t, STAGE_TRAIN);
        e = watch(t, &done);
    }
    if (e)
        end_job(t, NULL, NULL);
    else if (done)
        check_job(t);
}

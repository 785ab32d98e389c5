#include "serve/train/retrain.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/train/retrain_parts.h"

/* ---- the folder ----------------------------------------------------------------------------------------------------------- */

/* One server a folder. The lock goes with the process, however it ends. */
bool retrain_own(retrainer *t)
{
    buf path = {0};
    char pid[24];
    if (t->owner || !t->o.folder) return t->owner;
    lorec_err e = folder_make(t->o.folder);
    if (!e) e = path_join(&path, t->o.folder, "lock");
    t->lock_file = !e ? open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
    t->owner = t->lock_file >= 0 && flock(t->lock_file, LOCK_EX | LOCK_NB) == 0;
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (t->owner && (ftruncate(t->lock_file, 0) || pwrite(t->lock_file, pid, (size_t)n, 0) != n))
        log_warn("%s could not be written", path.p);
    if (!t->owner && t->lock_file >= 0) {
        close(t->lock_file);
        t->lock_file = -1;
    }
    buf_free(&path);
    return t->owner;
}

/* ---- opening -------------------------------------------------------------------------------------------------------------- */

static lorec_err own_program(char **out)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return err_errno("/proc/self/exe");
    path[n] = 0;
    return mem_dup(out, path);
}

static lorec_err open_all(retrainer *t, const char *const *runs, size_t n)
{
    TRY(t->o.program ? mem_dup(&t->program, t->o.program) : own_program(&t->program));
    TRY(models_open(&t->models, t->o.folder, runs, n));
    t->o.folder = t->models.folder; /* a copy */
    if (t->o.folder && folder_exists(t->o.folder) && !retrain_own(t))
        log_warn("%s belongs to another server: this one does not train; give it a --work folder of its own",
                 t->o.folder);
    return LOREC_OK;
}

lorec_err retrain_open(retrainer **out, server *s, const retrain_options *o, const char *const *runs, size_t n)
{
    retrainer *t;
    *out = NULL;
    TRY(mem_new(&t, 1));
    t->s = s;
    t->o = *o;
    t->roll_back = NO_SLOT;
    t->lock_file = -1;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->some, NULL);
    lorec_err e = open_all(t, runs, n);
    if (e)
        retrain_close(t);
    else
        *out = t;
    return e;
}

const char *retrain_run(const retrainer *t, size_t i, int attempt)
{
    const model_slot *m = &t->models.slot[i];
    const char *order[] = {m->current, m->previous ? m->previous : m->run, m->run};
    return attempt < 3 ? order[attempt] : NULL;
}

const char *retrain_name(const retrainer *t, size_t slot)
{
    return t->models.slot[slot].run;
}

bool retrain_slot(const retrainer *t, const char *run, size_t *slot)
{
    for (*slot = 0; *slot < t->models.n; ++*slot)
        if (strcmp(t->models.slot[*slot].run, run) == 0) return true;
    return false;
}

/* ---- back, and again -------------------------------------------------------------------------------------------------------- */

/* What the state says into service, where it is another than what is there. */
static void bring_up(retrainer *t, size_t slot)
{
    variant *fresh, *now = engine_hold(&t->s->engine, slot);
    lorec_err e = variant_open(&fresh, &t->s->live, t->models.slot[slot].current, NULL, -1, t->s->engine.index_from);
    if (e) {
        log_warn("%s stays in force: %s", now->path, lorec_error_message());
        variant_release(now);
        return;
    }
    bool same = strcmp(fresh->model, now->model) == 0 && strcmp(fresh->path, now->path) == 0;
    variant_release(now);
    if (!same) log_info("%s is in force", fresh->path);
    if (same || server_swap(t->s, slot, fresh)) variant_release(fresh);
}

static void roll_back(retrainer *t, size_t slot)
{
    pthread_mutex_lock(&t->lock);
    lorec_err e = models_rollback(&t->models, slot);
    pthread_mutex_unlock(&t->lock);
    if (e)
        log_warn("%s", lorec_error_message());
    else
        bring_up(t, slot);
}

/* FOLDER/rollback names runs, a line each: `lorec serve --rollback` asks a running server so. */
static void asked_outside(retrainer *t)
{
    buf path = {0}, text = {0};
    size_t slot;
    if (!t->owner || path_join(&path, t->o.folder, "rollback") || !file_exists(path.p) ||
        file_read(&text, path.p, 1 << 20)) {
        buf_free(&path);
        return;
    }
    (void)unlink(path.p);
    for (slice rest = {text.p, text.n}; rest.n;) {
        slice line = slice_trim(slice_cut(&rest, '\n'));
        buf_clear(&path);
        if (line.n && buf_add(&path, line.p, line.n) == LOREC_OK && retrain_slot(t, path.p, &slot)) roll_back(t, slot);
    }
    buf_free(&path);
    buf_free(&text);
}

static void reload(retrainer *t)
{
    asked_outside(t);
    for (size_t i = 0; i < t->models.n; i++) bring_up(t, i);
}

static void *work(void *ctx)
{
    retrainer *t = ctx;
    pthread_mutex_lock(&t->lock);
    while (!t->closing) {
        bool again = t->reload, job = t->models.job.id != NULL;
        int back = t->roll_back;
        t->reload = false;
        t->roll_back = NO_SLOT;
        pthread_mutex_unlock(&t->lock);
        if (again) reload(t);
        if (back != NO_SLOT) roll_back(t, (size_t)back);
        if (job) retrain_advance(t);
        pthread_mutex_lock(&t->lock);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 200000000;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        if (t->closing || t->reload || t->roll_back != NO_SLOT) continue;
        if (t->models.job.id)
            pthread_cond_timedwait(&t->some, &t->lock, &until);
        else
            pthread_cond_wait(&t->some, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

lorec_err retrain_start(retrainer *t)
{
    if (t->models.job.id && !t->owner) models_job_end(&t->models); /* the owner's */
    if (pthread_create(&t->thread, NULL, work, t)) return err_set(LOREC_RESOURCE, "no thread for training");
    t->running = true;
    return LOREC_OK;
}

void retrain_close(retrainer *t)
{
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    t->closing = true;
    pthread_cond_signal(&t->some);
    pthread_mutex_unlock(&t->lock);
    if (t->running) pthread_join(t->thread, NULL);
    child_stop(&t->models.job.child, 10); /* it keeps a checkpoint; the job is taken up at the next start */
    models_close(&t->models);
    if (t->lock_file >= 0) close(t->lock_file);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->some);
    mem_free(t->program);
    mem_free(t);
}

/* ---- what is asked ---------------------------------------------------------------------------------------------------------- */

/* A name by the moment that no folder has yet. */
static lorec_err new_id(retrainer *t, char **out)
{
    char when[32], id[48];
    time_t now = time(NULL);
    struct tm utc;
    buf path = {0};
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", gmtime_r(&now, &utc));
    lorec_err e = LOREC_OK;
    for (int i = 1; i < 1000 && !e; i++) {
        snprintf(id, sizeof id, i == 1 ? "%s" : "%s-%d", when, i);
        e = path_join(&path, t->o.folder, id);
        if (!e && !folder_exists(path.p)) break;
    }
    buf_free(&path);
    TRY(e);
    return mem_dup(out, id);
}

static lorec_err begin(retrainer *t, size_t slot, double margin)
{
    if (!t->o.folder)
        return err_set(LOREC_USAGE, "a store in memory keeps no models: start with --store sqlite:FILE or --work DIR");
    if (t->models.job.id) return err_set(LOREC_USAGE, "training %s is under way", t->models.job.id);
    if (!retrain_own(t)) return err_set(LOREC_USAGE, "%s belongs to another server", t->o.folder);
    char *id;
    TRY(new_id(t, &id));
    t->models.job = (training){.id = id, .slot = slot, .began = server_now(), .margin = margin};
    t->at = STAGE_EXPORT;
    t->data = (exported){0};
    lorec_err e = models_save(&t->models);
    if (e) models_job_end(&t->models);
    return e;
}

lorec_err retrain_train(retrainer *t, size_t slot, double margin)
{
    pthread_mutex_lock(&t->lock);
    lorec_err e = begin(t, slot, margin < 0 ? t->o.margin : margin);
    pthread_cond_signal(&t->some);
    pthread_mutex_unlock(&t->lock);
    return e;
}

lorec_err retrain_rollback(retrainer *t, size_t slot)
{
    lorec_err e = LOREC_OK;
    pthread_mutex_lock(&t->lock);
    const model_slot *m = &t->models.slot[slot];
    if (!m->previous)
        e = err_set(LOREC_USAGE, "%s: there is no model before %s", m->run, m->current);
    else if (!retrain_own(t))
        e = err_set(LOREC_USAGE, "%s belongs to another server", t->o.folder);
    else
        t->roll_back = (int)slot;
    pthread_cond_signal(&t->some);
    pthread_mutex_unlock(&t->lock);
    return e;
}

void retrain_reload(retrainer *t)
{
    pthread_mutex_lock(&t->lock);
    t->reload = true;
    pthread_cond_signal(&t->some);
    pthread_mutex_unlock(&t->lock);
}

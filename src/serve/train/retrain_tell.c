/* What is told of trainings, and what other processes may ask. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/train/retrain_parts.h"

static const char *const stage_words[] = {"idle", "exporting", "training", "checking"};

/* ---- telling ---------------------------------------------------------------------------------------------------------------- */

/* The last line of a file of the job's run; NULL where there is none. */
static json_t *last_line(const retrainer *t, const char *name, size_t *n_lines)
{
    buf path = {0}, text = {0};
    *n_lines = 0;
    lorec_err e = retrain_job_path(t, &path, "run");
    if (!e) e = buf_printf(&path, "/%s", name);
    if (!e && file_exists(path.p)) e = file_read(&text, path.p, 1 << 26);
    slice rest = {text.p ? text.p : "", text.n}, last = {"", 0};
    while (!e && rest.n) {
        slice line = slice_cut(&rest, '\n');
        if (line.n) last = line, ++*n_lines;
    }
    json_t *v = last.n ? json_stringn(last.p, last.n) : NULL;
    buf_free(&path);
    buf_free(&text);
    return v;
}

static json_t *progress_json(const retrainer *t)
{
    size_t n = 0, m = 0;
    json_t *said = last_line(t, "log.txt", &n), *noted = last_line(t, "metrics.jsonl", &m);
    json_t *metric = noted ? json_loads(json_string_value(noted), 0, NULL) : NULL;
    json_decref(noted);
    return json_pack("{s:I, s:o?, s:o?, s:f}", "validations", (json_int_t)m, "last", metric, "log", said,
                     "resident_mib", child_resident(&t->models.job.child) / (1 << 20));
}

static json_t *models_json(const retrainer *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->models.n; i++) {
        const model_slot *m = &t->models.slot[i];
        variant *r = engine_hold(&t->s->engine, i);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:I}", "run", m->run, "method",
                                              r->advisor.r->key, "in_force", r->path, "previous", m->previous, "model",
                                              r->model, "event_seq", (json_int_t)r->event_seq));
        variant_release(r);
    }
    return list;
}

static json_t *job_json(const retrainer *t)
{
    const training *job = &t->models.job;
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:o}", "id", job->id, "run", t->models.slot[job->slot].run,
        "began", (json_int_t)job->began, "seconds", (json_int_t)(server_now() - job->began), "attempts", job->attempts,
        "event_seq", (json_int_t)job->event_seq, "users", (json_int_t)t->data.users, "items", (json_int_t)t->data.items,
        "rows", (json_int_t)t->data.rows, "new_rows", (json_int_t)t->data.new_rows, "progress", progress_json(t));
}

json_t *retrain_status(retrainer *t)
{
    pthread_mutex_lock(&t->lock);
    bool on = t->models.job.id != NULL;
    const child_limits *l = &t->o.limits;
    json_t *tree = json_pack("{s:s, s:o, s:o, s:O?, s:{s:f, s:i, s:f, s:f}}", "state", on ? stage_words[t->at] : "idle",
                             "training", on ? job_json(t) : json_null(), "models", models_json(t), "last",
                             t->models.last, "limits", "memory_bytes", l->memory, "threads", l->threads, "cpu_seconds",
                             l->cpu_seconds, "margin", t->o.margin);
    pthread_mutex_unlock(&t->lock);
    return tree;
}

/* ---- from another process ---------------------------------------------------------------------------------------------------- */

/* The process that has the folder's lock; 0: none. */
static pid_t owner_of(const char *folder)
{
    buf path = {0};
    char text[24] = "";
    int fd = path_join(&path, folder, "lock") == LOREC_OK ? open(path.p, O_RDWR | O_CLOEXEC) : -1;
    bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (held && read(fd, text, sizeof text - 1) < 0) text[0] = 0;
    if (fd >= 0) close(fd);
    buf_free(&path);
    return held ? (pid_t)strtol(text, NULL, 10) : 0;
}

static lorec_err ask_owner(const char *folder, const models *before, pid_t pid)
{
    enum { WAIT = 100 };
    buf path = {0};
    writer w;
    TRY(path_join(&path, folder, "rollback"));
    lorec_err e = writer_open(&w, path.p);
    for (size_t i = 0; i < before->n && !e; i++) writer_printf(&w, "%s\n", before->slot[i].run);
    if (!e) e = writer_commit(&w);
    if (!e && kill(pid, SIGHUP)) e = err_errno("the server, process %d", (int)pid);
    for (int i = 0; i < WAIT && !e && file_exists(path.p); i++) usleep(100000);
    if (!e && file_exists(path.p)) e = err_set(LOREC_FAILED, "the server, process %d, does not react", (int)pid);
    usleep(200000); /* it writes state.json after it has read this */
    buf_free(&path);
    return e;
}

static lorec_err roll_all(models *m, const char *folder)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->slot[i].previous)
            return err_set(LOREC_USAGE, "%s: there is no model before %s", m->slot[i].run, m->slot[i].current);
    pid_t pid = owner_of(folder);
    if (pid > 0) {
        TRY(ask_owner(folder, m, pid));
        return models_reread(m);
    }
    for (size_t i = 0; i < m->n; i++) TRY(models_rollback(m, i));
    return LOREC_OK;
}

lorec_err retrain_rollback_outside(const char *folder, const char *const *runs, size_t n, json_t **told)
{
    models m;
    *told = NULL;
    if (!folder) return err_set(LOREC_USAGE, "a store in memory keeps no models");
    TRY(models_open(&m, folder, runs, n));
    lorec_err e = roll_all(&m, folder);
    if (!e) *told = json_array();
    for (size_t i = 0; i < m.n && *told; i++)
        json_array_append_new(*told, json_pack("{s:s, s:s, s:s?}", "run", m.slot[i].run, "in_force", m.slot[i].current,
                                               "previous", m.slot[i].previous));
    models_close(&m);
    return e;
}

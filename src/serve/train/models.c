#include "serve/train/models.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"

static void slot_free(model_slot *s)
{
    mem_free(s->run);
    mem_free(s->current);
    mem_free(s->previous);
}

void models_job_end(models *m)
{
    mem_free(m->job.id);
    m->job = (training){0};
}

void models_close(models *m)
{
    for (size_t i = 0; i < m->n; i++) slot_free(&m->slot[i]);
    models_job_end(m);
    mem_free(m->slot);
    mem_free(m->folder);
    json_decref(m->last);
    *m = (models){0};
}

/* ---- the file --------------------------------------------------------------------------------------------------------------- */

static lorec_err set(char **text, const char *value)
{
    char *copy;
    TRY(mem_dup(&copy, value));
    mem_free(*text);
    *text = copy;
    return LOREC_OK;
}

static lorec_err read_slot(models *m, const json_t *entry)
{
    const char *run, *current, *previous;
    TRY(json_get_string(entry, "run", &run));
    TRY(json_get_string(entry, "current", &current));
    TRY(json_get_string_or(entry, "previous", NULL, &previous));
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->slot[i].run, run) != 0) continue;
        TRY(set(&m->slot[i].current, current));
        TRY(set(&m->slot[i].previous, previous));
    }
    return LOREC_OK;
}

static lorec_err read_job(models *m, const json_t *job)
{
    const char *id, *run;
    int64_t attempts, pid, started;
    training t = {0};
    if (!json_is_object(job)) return LOREC_OK;
    TRY(json_get_string(job, "id", &id));
    TRY(json_get_string(job, "run", &run));
    TRY(json_get_i64(job, "event_seq", 0, INT64_MAX, &t.event_seq));
    TRY(json_get_i64(job, "began", 0, INT64_MAX, &t.began));
    TRY(json_get_i64(job, "attempts", 0, 1000, &attempts));
    TRY(json_get_f64_or(job, "margin", .05, &t.margin));
    TRY(json_get_i64_or(job, "pid", 0, INT32_MAX, 0, &pid));
    TRY(json_get_i64_or(job, "pid_started", 0, INT64_MAX, 0, &started));
    t.attempts = (int)attempts;
    t.child = (child){(pid_t)pid, (uint64_t)started};
    while (t.slot < m->n && strcmp(m->slot[t.slot].run, run) != 0) t.slot++;
    if (t.slot == m->n || strchr(id, '/') || strcmp(id, "..") == 0) return LOREC_OK; /* it is not served any more */
    TRY(mem_dup(&t.id, id));
    models_job_end(m);
    m->job = t;
    return LOREC_OK;
}

static lorec_err read_state(models *m, bool with_job)
{
    buf path = {0};
    json_t *tree = NULL;
    lorec_err e = path_join(&path, m->folder, "state.json");
    if (!e && file_exists(path.p)) e = json_read(&tree, path.p);
    const json_t *slots = json_object_get(tree, "models"), *last = json_object_get(tree, "last");
    for (size_t i = 0; i < json_array_size(slots) && !e; i++) e = read_slot(m, json_array_get(slots, i));
    if (!e && with_job) e = read_job(m, json_object_get(tree, "job"));
    if (!e && json_is_object(last)) {
        json_decref(m->last);
        m->last = json_deep_copy(last);
    }
    if (e) e = err_context(e, "%s", path.p);
    json_decref(tree);
    buf_free(&path);
    return e;
}

static lorec_err open_all(models *m, const char *folder, const char *const *runs, size_t n)
{
    TRY(mem_dup(&m->folder, folder));
    TRY(mem_new(&m->slot, n));
    for (; m->n < n; m->n++) {
        TRY(mem_dup(&m->slot[m->n].run, runs[m->n]));
        TRY(mem_dup(&m->slot[m->n].current, runs[m->n]));
    }
    return folder ? read_state(m, true) : LOREC_OK;
}

lorec_err models_open(models *m, const char *folder, const char *const *runs, size_t n)
{
    *m = (models){0};
    lorec_err e = open_all(m, folder, runs, n);
    if (e) models_close(m);
    return e;
}

lorec_err models_reread(models *m)
{
    return m->folder ? read_state(m, false) : LOREC_OK;
}

static json_t *job_json(const models *m)
{
    const training *t = &m->job;
    if (!t->id) return json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:i, s:f, s:I, s:I}", "id", t->id, "run", m->slot[t->slot].run, "event_seq",
                     (json_int_t)t->event_seq, "began", (json_int_t)t->began, "attempts", t->attempts, "margin",
                     t->margin, "pid", (json_int_t)t->child.pid, "pid_started", (json_int_t)t->child.started);
}

lorec_err models_save(const models *m)
{
    if (!m->folder) return err_set(LOREC_USAGE, "a store in memory keeps no models; name one: --store sqlite:FILE");
    json_t *slots = json_array();
    for (size_t i = 0; i < m->n; i++) {
        const model_slot *s = &m->slot[i];
        json_array_append_new(
            slots, json_pack("{s:s, s:s, s:s?}", "run", s->run, "current", s->current, "previous", s->previous));
    }
    json_t *tree = json_pack("{s:i, s:o, s:o, s:O?}", "schema", 1, "models", slots, "job", job_json(m), "last",
                             m->last);
    if (!tree) return err_set(LOREC_RESOURCE, "out of memory while writing which models are in force");
    buf path = {0};
    lorec_err e = folder_make(m->folder);
    if (!e) e = path_join(&path, m->folder, "state.json");
    if (!e) e = json_write(tree, path.p);
    json_decref(tree);
    buf_free(&path);
    return e;
}

/* ---- changes ---------------------------------------------------------------------------------------------------------------- */

lorec_err models_adopt(models *m, size_t slot, const char *run)
{
    model_slot *s = &m->slot[slot];
    char *fresh;
    TRY(mem_dup(&fresh, run));
    mem_free(s->previous);
    s->previous = s->current;
    s->current = fresh;
    return models_save(m);
}

lorec_err models_rollback(models *m, size_t slot)
{
    model_slot *s = &m->slot[slot];
    if (!s->previous) return err_set(LOREC_USAGE, "%s: there is no model before %s", s->run, s->current);
    char *was = s->current;
    s->current = s->previous;
    s->previous = was;
    return models_save(m);
}

lorec_err models_path(buf *out, const models *m, const char *name)
{
    buf folder = {0};
    lorec_err e = path_join(&folder, m->folder, m->job.id);
    if (!e) e = path_join(out, folder.p, name);
    buf_free(&folder);
    return e;
}

static bool starts_with(const char *text, const char *folder, const char *name)
{
    size_t n = strlen(folder), m = strlen(name);
    return text && strncmp(text, folder, n) == 0 && text[n] == '/' && strncmp(text + n + 1, name, m) == 0 &&
           text[n + 1 + m] == '/';
}

/* Folders of trainings that nothing refers to go when they are older than the records. */
void models_sweep(const models *m, double days)
{
    char **names;
    size_t n;
    buf path = {0};
    struct stat about;
    if (folder_list(m->folder, &names, &n)) return;
    for (size_t i = 0; i < n; i++) {
        bool used = m->job.id && strcmp(m->job.id, names[i]) == 0;
        for (size_t k = 0; k < m->n; k++)
            used |= starts_with(m->slot[k].current, m->folder, names[i]) ||
                    starts_with(m->slot[k].previous, m->folder, names[i]);
        if (used || path_join(&path, m->folder, names[i]) || !folder_exists(path.p) || stat(path.p, &about)) continue;
        if (difftime(time(NULL), about.st_mtime) > days * 86400) (void)folder_remove(path.p);
    }
    buf_free(&path);
    names_free(names, n);
}

#include "runs/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "runs/machine.h"

lorec_err run_path(buf *out, const run_folder *r, const char *fmt, ...)
{
    char below[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(below, sizeof below, fmt, ap);
    va_end(ap);
    return path_join(out, r->path, below);
}

/* ---- making one ------------------------------------------------------------------------------------------------------ */

/* Settings that may change between a run and its continuation: they say what more is wanted, not what a result is. */
static bool may_differ(const char *key)
{
    return strcmp(key, "methods") == 0 || strcmp(key, "seed") == 0 || strcmp(key, "controls") == 0 ||
           strchr(key, '.') || strcmp(key, "data") == 0; /* its content is checked through the protocol's id */
}

static lorec_err same_config(const json_t *old, const json_t *now, const char *path)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)now, key, v)
    {
        const json_t *was = json_object_get(old, key);
        if (may_differ(key) || !was || json_equal(was, v)) continue;
        char *a = json_dumps(was, JSON_ENCODE_ANY), *b = json_dumps(v, JSON_ENCODE_ANY);
        lorec_err e = err_set(LOREC_USAGE, "%s was made with %s = %s, not %s; take another --out, or the same settings",
                              path, key, a ? a : "?", b ? b : "?");
        free(a);
        free(b);
        return e;
    }
    return LOREC_OK;
}

static lorec_err write_env(const run_folder *r)
{
    machine m;
    machine_look(&m);
    json_t *env = machine_json(&m);
    if (!env) return err_set(LOREC_RESOURCE, "out of memory while writing env.json");
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    json_object_set_new(env, "started", json_string(when));
    buf path = {0};
    lorec_err e = run_path(&path, r, "env.json");
    if (!e) e = json_write(env, path.p);
    buf_free(&path);
    json_decref(env);
    return e;
}

static lorec_err default_path(buf *out, const char *hint)
{
    char when[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    TRY(buf_printf(out, "runs/%s-%s", when, hint));
    if (!file_exists(out->p) && !folder_exists(out->p)) return LOREC_OK;
    size_t n = out->n;
    for (int i = 2; i < 1000; i++) { /* two runs in one second */
        out->n = n;
        TRY(buf_printf(out, "-%d", i));
        if (!folder_exists(out->p)) return LOREC_OK;
    }
    return err_set(LOREC_FAILED, "%s: taken; name a folder with --out", out->p);
}

/* config.json. Data that came from memory are those that the run keeps: repeating it reads them there. */
static lorec_err write_config(const run_folder *r, const json_t *config, const char *path)
{
    if (json_object_get(config, "data")) return json_write(config, path);
    buf data = {0};
    char *from = realpath(r->path, NULL);
    json_t *whole = json_copy((json_t *)(uintptr_t)config);
    lorec_err e = path_join(&data, from ? from : r->path, "data");
    if (!e && (!whole || json_object_set_new(whole, "data", json_string(data.p))))
        e = err_set(LOREC_RESOURCE, "%s: out of memory, or a name that is not UTF-8", path);
    if (!e) e = json_write(whole, path);
    json_decref(whole);
    free(from);
    buf_free(&data);
    return e;
}

/* Held until the folder is closed, or the process ends in whatever way. File systems without locks have to do without. */
static lorec_err lock(run_folder *r)
{
    int fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_errno("%s", r->path);
    if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
        close(fd);
        return err_set(LOREC_FAILED, "%s: another lorec is at work on it; wait for that one, or take another --out",
                       r->path);
    }
    r->lock = fd;
    return LOREC_OK;
}

static lorec_err prepare(run_folder *r, bool resume, const json_t *config)
{
    buf path = {0};
    lorec_err e = run_path(&path, r, "config.json");
    bool there = !e && file_exists(path.p);
    if (!e && there && !resume)
        e = err_set(LOREC_USAGE, "%s holds a run; --resume goes on with it, or take another --out", r->path);
    if (!e && there) {
        e = json_read(&r->config, path.p);
        if (!e) e = same_config(r->config, config, r->path);
    }
    if (!e && !there && folder_exists(r->path)) {
        char **list;
        size_t n = 0;
        e = folder_list(r->path, &list, &n);
        if (!e) names_free(list, n);
        if (!e && n) e = err_set(LOREC_USAGE, "%s is not empty and no run; take another --out", r->path);
    }
    if (!e) e = folder_make(r->path);
    if (!e) e = lock(r);
    if (!e) e = write_env(r);
    if (!e) e = write_config(r, config, path.p);
    if (!e) e = run_path(&path, r, "log.txt");
    if (!e) e = log_set_file(path.p);
    r->logging = !e;
    buf_free(&path);
    return e;
}

lorec_err run_folder_make(run_folder *r, const char *out, const char *hint, bool resume, const json_t *config)
{
    *r = (run_folder){0};
    buf path = {0};
    lorec_err e = out ? buf_puts(&path, out) : default_path(&path, hint);
    if (!e) e = mem_dup(&r->path, path.p);
    buf_free(&path);
    for (size_t n = !e ? strlen(r->path) : 0; n > 1 && r->path[n - 1] == '/'; n--) r->path[n - 1] = 0;
    if (!e) e = prepare(r, resume, config);
    if (e) run_folder_close(r);
    return e;
}

lorec_err run_folder_data(run_folder *r, const dataset *d)
{
    buf path = {0};
    lorec_err e = run_path(&path, r, "data");
    if (!e && !folder_exists(path.p)) e = dataset_save(d, path.p);
    if (!e) e = run_path(&path, r, "manifest.json");
    if (!e && d->manifest) e = json_write(d->manifest, path.p);
    buf_free(&path);
    return e;
}

lorec_err run_folder_open(run_folder *r, const char *path)
{
    *r = (run_folder){0};
    buf file = {0};
    TRY(mem_dup(&r->path, path));
    lorec_err e = run_path(&file, r, "config.json");
    if (!e && !folder_exists(path)) e = err_set(LOREC_INPUT, "%s: there is no such run folder", path);
    if (!e && !file_exists(file.p)) e = err_set(LOREC_INPUT, "%s is no run: it has no config.json", path);
    if (!e) e = json_read(&r->config, file.p);
    buf_free(&file);
    if (e) run_folder_close(r);
    return e;
}

void run_folder_close(run_folder *r)
{
    if (r->logging) (void)log_set_file(NULL);
    if (r->lock) close(r->lock);
    mem_free(r->path);
    json_decref(r->config);
    *r = (run_folder){0};
}

/* ---- small files ----------------------------------------------------------------------------------------------------- */

lorec_err run_folder_note(const run_folder *r, json_t *line)
{
    buf path = {0};
    lorec_err e = run_path(&path, r, "metrics.jsonl");
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    if (!e && !text) e = err_set(LOREC_RESOURCE, "out of memory while noting a metric");
    FILE *f = !e ? fopen(path.p, "ae") : NULL;
    if (!e && !f) e = err_errno("%s", path.p);
    if (f) {
        int failed = fprintf(f, "%s\n", text) < 0;
        if (fclose(f) || failed) e = err_errno("%s", path.p);
    }
    free(text);
    json_decref(line);
    buf_free(&path);
    return e;
}

lorec_err run_folder_link(const run_folder *r, const char *target, const char *name)
{
    buf path = {0};
    lorec_err e = run_path(&path, r, "%s", name);
    if (!e) e = folder_remove(path.p); /* a link itself, not what it leads to */
    if (!e) {
        if (symlink(target, path.p)) e = err_errno("%s", path.p);
    }
    buf_free(&path);
    return e;
}

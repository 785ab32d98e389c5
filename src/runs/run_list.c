#include "runs/run_list.h"

#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"

enum { LOG_TAIL = 64 << 10 };

void run_list_free(run_list *l)
{
    for (size_t i = 0; i < l->n; i++) mem_free(l->path[i]);
    mem_free(l->path);
    *l = (run_list){0};
}

bool run_list_has(const run_list *l, slice path)
{
    for (size_t i = 0; i < l->n; i++)
        if (slice_is(path, l->path[i])) return true;
    return false;
}

lorec_err run_list_add(run_list *l, const char *run)
{
    size_t n = strlen(run);
    while (n > 1 && run[n - 1] == '/') n--;
    if (run_list_has(l, (slice){run, n})) return LOREC_OK;
    TRY(mem_grow(&l->path, &l->cap, l->n + 1));
    TRY(mem_new(&l->path[l->n], n + 1));
    memcpy(l->path[l->n++], run, n);
    return LOREC_OK;
}

static bool is_run(const char *folder)
{
    buf file = {0};
    bool is = path_join(&file, folder, "config.json") == LOREC_OK && file_exists(file.p);
    buf_free(&file);
    return is;
}

/* "runs/first" stands in "runs"; a bare "first" has no folder that anybody named, so nothing stands beside it. */
static lorec_err add_neighbours(run_list *l, slice run)
{
    char **name = NULL;
    size_t n = 0;
    buf parent = {0}, path = {0};
    while (run.n > 1 && run.p[run.n - 1] == '/') run.n--;
    while (run.n && run.p[run.n - 1] != '/') run.n--;
    if (!run.n) return LOREC_OK;
    while (run.n > 1 && run.p[run.n - 1] == '/') run.n--;
    lorec_err e = buf_add(&parent, run.p, run.n);
    if (!e) e = folder_list(parent.p, &name, &n);
    for (size_t i = 0; i < n && !e; i++) {
        e = path_join(&path, parent.p, name[i]);
        if (!e && is_run(path.p)) e = run_list_add(l, path.p);
    }
    names_free(name, n);
    buf_free(&parent);
    buf_free(&path);
    return e;
}

lorec_err run_list_beside(run_list *l, const char *run)
{
    TRY(run_list_add(l, run));
    return add_neighbours(l, slice_of(run));
}

/* ---- what is in one ------------------------------------------------------------------------------------------------------- */

static bool stat_of(const char *folder, const char *name, struct stat *st)
{
    buf file = {0};
    bool is = path_join(&file, folder, name) == LOREC_OK && stat(file.p, st) == 0;
    buf_free(&file);
    return is;
}

static json_t *quiet_seconds(const char *path)
{
    struct stat st;
    if (!stat_of(path, "log.txt", &st)) return json_null();
    time_t now = time(NULL);
    return json_integer(now > st.st_mtime ? (json_int_t)(now - st.st_mtime) : 0);
}

json_t *run_summary(const char *path)
{
    buf file = {0};
    json_t *config = NULL;
    struct stat st;
    if (path_join(&file, path, "config.json") || json_read(&config, file.p)) config = NULL;
    const json_t *methods = json_object_get(config, "methods"), *data = json_object_get(config, "data");
    json_t *o = json_pack("{s:s, s:O?, s:O?, s:b, s:o}", "run", path, "methods", methods, "data", data, "finished",
                          stat_of(path, "result.json", &st), "quiet_s", quiet_seconds(path));
    json_decref(config);
    buf_free(&file);
    return o;
}

lorec_err run_metrics(const char *path, int64_t from, json_t **out, int64_t *next)
{
    buf file = {0};
    lines l;
    slice line;
    *out = NULL;
    *next = 0;
    json_t *list = json_array();
    lorec_err e = list ? path_join(&file, path, "metrics.jsonl") : err_set(LOREC_RESOURCE, "out of memory");
    if (!e && file_exists(file.p)) {
        e = lines_open(&l, file.p);
        if (!e) {
            for (; lines_next(&l, &line); ++*next) {
                if (*next < from) continue;
                json_t *row = json_loadb(line.p, line.n, 0, NULL);
                if (!row) break; /* the run is just writing it */
                json_array_append_new(list, row);
            }
            e = lines_close(&l);
        }
    }
    if (e)
        json_decref(list);
    else
        *out = list;
    buf_free(&file);
    return e;
}

/* The end of a file that may be long. */
static lorec_err read_tail(const char *path, buf *out)
{
    FILE *f = fopen(path, "re");
    if (!f) return LOREC_OK; /* nothing was said yet */
    char part[4096];
    if (fseek(f, -LOG_TAIL, SEEK_END)) rewind(f); /* shorter than that */
    lorec_err e = LOREC_OK;
    for (size_t n; !e && (n = fread(part, 1, sizeof part, f)) > 0;) e = buf_add(out, part, n);
    fclose(f);
    return e;
}

lorec_err run_log(const char *path, size_t n, json_t **out)
{
    buf file = {0}, text = {0};
    *out = json_array();
    lorec_err e = *out ? path_join(&file, path, "log.txt") : err_set(LOREC_RESOURCE, "out of memory");
    if (!e) e = read_tail(file.p, &text);
    slice rest = {text.p, text.n};
    while (!e && rest.n) {
        slice line = slice_cut(&rest, '\n');
        json_t *row = json_stringn(line.p, line.n);
        if (row) json_array_append_new(*out, row); /* a cut line may be no UTF-8 */
        if (json_array_size(*out) > n) json_array_remove(*out, 0);
    }
    buf_free(&file);
    buf_free(&text);
    return e;
}

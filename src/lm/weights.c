#include "lm/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "lm/files/place.h"

static const weights_kind *const kinds[] = {&weights_safetensors, &weights_gguf_kind, &weights_torch, &weights_llama2c};
enum { KINDS = sizeof kinds / sizeof *kinds, HEAD = 64 };

struct weights {
    char *folder, *format;
    json_t *config;
    blob *file;
    size_t files, file_cap;
    gguf *gguf;
    weight *at;
    size_t n, cap;
    bool sorted;
};

void weights_close(weights *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->files; i++) blob_close(&w->file[i]);
    for (size_t i = 0; i < w->n; i++) {
        mem_free((void *)(uintptr_t)w->at[i].name);
        mem_free((void *)(uintptr_t)w->at[i].place);
    }
    if (w->gguf) gguf_close(w->gguf);
    mem_free(w->gguf);
    json_decref(w->config);
    mem_free(w->folder);
    mem_free(w->format);
    mem_free(w->file);
    mem_free(w->at);
    mem_free(w);
}

/* ---- what formats add ---------------------------------------------------------------------------------------------------- */

blob *weights_file(const weights *w, size_t file)
{
    return &w->file[file];
}

lorec_err weights_new_gguf(weights *w, size_t file, gguf **out)
{
    if (w->gguf) return err_set(LOREC_INPUT, "a second GGUF file where one is the model");
    TRY(mem_new(&w->gguf, 1));
    *out = w->gguf;
    return gguf_read(w->gguf, &w->file[file]);
}

const gguf *weights_gguf(const weights *w)
{
    return w->gguf;
}

void weights_set_config(weights *w, json_t *config)
{
    json_decref(w->config);
    w->config = config;
}

lorec_err weights_set_format(weights *w, const char *name)
{
    mem_free(w->format);
    return mem_dup(&w->format, name);
}

static int64_t row_values(const weight *x)
{
    return x->ndim ? x->shape[x->ndim - 1] : 1;
}

/* The product of the sizes does not overflow, rows are whole blocks, and every part lies inside its file. */
static lorec_err check(const weights *w, const weight *x, const weight_place *place)
{
    size_t values = 1, row;
    if (x->ndim < 0 || x->ndim > WEIGHT_DIMS) return err_set(LOREC_INPUT, "%d dimensions", x->ndim);
    for (int d = 0; d < x->ndim; d++) /* a size of 0 must not hide the overflow of others */
        if (x->shape[d] < 0 || !size_mul(values, x->shape[d] ? (size_t)x->shape[d] : 1, &values) ||
            values > INT64_MAX / 8)
            return err_set(LOREC_INPUT, "the shape's product is beyond what can be addressed");
    int64_t rows = 0;
    if (!elem_size(x->type, place->by_value ? 1 : row_values(x), &row))
        return err_set(LOREC_INPUT, "rows of %lld values are no whole number of %s blocks of %d",
                       (long long)row_values(x), elem_name(x->type), elem_block(x->type));
    for (int i = 0; i < place->parts; i++) {
        const weight_part *p = &place->part[i];
        size_t bytes;
        if (p->rows < 0 || __builtin_add_overflow(rows, p->rows, &rows)) return err_set(LOREC_INPUT, "bad rows");
        int64_t group = p->order == ROWS_PAIRED ? 2 : p->order == ROWS_BY_KIND ? 3 : 1;
        if (p->order != ROWS_SAME && (p->heads <= 0 || p->rows % p->heads || p->rows / p->heads % group))
            return err_set(LOREC_INPUT, "%lld rows do not divide into %lld heads", (long long)p->rows,
                           (long long)p->heads);
        if (place->decode) continue; /* it has checked */
        if (!size_mul((size_t)p->rows, row, &bytes) || p->at > w->file[p->file].size ||
            bytes > w->file[p->file].size - p->at)
            return err_set(LOREC_INPUT, "its %lld rows at offset %llu do not fit into the file of %llu bytes",
                           (long long)p->rows, (unsigned long long)p->at, (unsigned long long)w->file[p->file].size);
    }
    int64_t due = place->by_value ? x->shape[0] : weight_rows(x);
    return rows == due
               ? LOREC_OK
               : err_set(LOREC_INPUT, "its parts have %lld rows and its shape %lld", (long long)rows, (long long)due);
}

lorec_err weights_add(weights *w, const char *name, const weight *x, const weight_place *place)
{
    lorec_err e = check(w, x, place);
    if (e) return err_context(e, "the tensor %.200s", name);
    TRY(mem_grow(&w->at, &w->cap, w->n + 1));
    weight mine = *x;
    char *text;
    weight_place *where;
    TRY(mem_dup(&text, name));
    e = mem_new(&where, 1);
    if (e) {
        mem_free(text);
        return e;
    }
    *where = *place;
    mine.name = text;
    mine.place = where;
    w->at[w->n++] = mine;
    w->sorted = false;
    return LOREC_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const weight *)a)->name, ((const weight *)b)->name);
}

bool weights_has(weights *w, const char *name)
{
    if (!w->sorted && w->n) qsort(w->at, w->n, sizeof *w->at, by_name);
    w->sorted = true;
    return weights_find(w, name);
}

/* ---- opening ------------------------------------------------------------------------------------------------------------- */

static lorec_err open_kind(weights *w, const char *path, size_t file)
{
    const blob *b = &w->file[file];
    unsigned char head[HEAD];
    size_t n = b->size < HEAD ? (size_t)b->size : HEAD;
    TRY(blob_read(b, 0, head, n));
    for (size_t k = 0; k < KINDS; k++)
        if (kinds[k]->is(head, n, b->size)) {
            if (!w->format) TRY(weights_set_format(w, kinds[k]->name));
            return kinds[k]->open(w, path, file);
        }
    buf known = {0};
    lorec_err e = LOREC_OK;
    for (size_t k = 0; k < KINDS && !e; k++) e = buf_printf(&known, "%s%s", k ? ", " : "", kinds[k]->name);
    if (!e) e = err_set(LOREC_INPUT, "this is no model file of a known kind (%s)", known.p);
    buf_free(&known);
    return e;
}

lorec_err weights_add_file(weights *w, const char *path, size_t *file)
{
    TRY(mem_grow(&w->file, &w->file_cap, w->files + 1));
    TRY(blob_open(&w->file[w->files], path));
    *file = w->files++;
    return LOREC_OK;
}

lorec_err weights_open_file(weights *w, const char *path)
{
    size_t file;
    TRY(weights_add_file(w, path, &file));
    lorec_err e = open_kind(w, path, file);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

static lorec_err sort(weights *w)
{
    weights_has(w, "");
    for (size_t i = 1; i < w->n; i++)
        if (strcmp(w->at[i - 1].name, w->at[i].name) == 0)
            return err_set(LOREC_INPUT, "there are two tensors named %.200s", w->at[i].name);
    return LOREC_OK;
}

/* A file of values alone may have a config.json beside it. */
static lorec_err open_lone(weights *w, const char *path)
{
    size_t n = (size_t)(path_base(path) - path);
    buf folder = {0}, config = {0};
    lorec_err e = buf_add(&folder, n ? path : ".", n ? n : 1);
    if (!e) e = mem_dup(&w->folder, folder.p);
    if (!e) e = weights_open_file(w, path);
    if (!e && !w->config) e = path_join(&config, folder.p, "config.json");
    if (!e && !w->config && file_exists(config.p)) e = json_read(&w->config, config.p);
    buf_free(&folder);
    buf_free(&config);
    return e;
}

lorec_err weights_open(weights **out, const char *path)
{
    *out = NULL;
    weights *w;
    TRY(mem_new(&w, 1));
    lorec_err e;
    if (folder_exists(path)) {
        e = mem_dup(&w->folder, path);
        if (!e) e = weights_open_folder(w, path);
    } else if (access(path, F_OK) != 0 && errno == ENOENT) {
        e = err_set(LOREC_INPUT, "%s: there is no such model: neither a folder with config.json nor a file", path);
    } else {
        e = open_lone(w, path);
    }
    if (!e && (e = sort(w))) e = err_context(e, "%s", path);
    if (e)
        weights_close(w);
    else
        *out = w;
    return e;
}

/* ---- asking -------------------------------------------------------------------------------------------------------------- */

lorec_err weights_open_bytes(weights **out, const void *bytes, size_t n, const char *where)
{
    *out = NULL;
    weights *w;
    TRY(mem_new(&w, 1));
    lorec_err e = mem_dup(&w->folder, ".");
    if (!e) e = mem_grow(&w->file, &w->file_cap, 1);
    if (!e) {
        w->file[w->files++] = blob_of(bytes, n);
        e = open_kind(w, where, 0);
    }
    if (!e) e = sort(w);
    if (!e) {
        *out = w;
        return e;
    }
    weights_close(w);
    return err_context(e, "%s", where);
}

const char *weights_format(const weights *w)
{
    return w->format ? w->format : "none";
}

const char *weights_folder(const weights *w)
{
    return w->folder;
}

const json_t *weights_config(const weights *w)
{
    return w->config;
}

size_t weights_count(const weights *w)
{
    return w->n;
}

const weight *weights_at(const weights *w, size_t i)
{
    return &w->at[i];
}

const weight *weights_find(const weights *w, const char *name)
{
    weight key = {.name = name};
    return w->n ? bsearch(&key, w->at, w->n, sizeof key, by_name) : NULL;
}

int64_t weight_values(const weight *x)
{
    int64_t n = 1; /* checked when it was added */
    for (int d = 0; d < x->ndim; d++) n *= x->shape[d];
    return n;
}

int64_t weight_rows(const weight *x)
{
    int64_t n = 1;
    for (int d = 0; d + 1 < x->ndim; d++) n *= x->shape[d];
    return n;
}

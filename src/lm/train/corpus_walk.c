/* The files of a corpus: which there are, and what is in them. */
#include "lm/train/corpus_parts.h"

static lorec_err walk_jsonl(const corpus_visitor *v, const char *path)
{
    lines l;
    slice line;
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        if (slice_trim(line).n == 0) continue;
        json_t *tree;
        char where[64];
        snprintf(where, sizeof where, "line %zu", l.number);
        e = json_parse(&tree, line.p, line.n, where);
        if (!e) {
            e = v->object(v->ctx, tree);
            if (e) e = err_context(e, "line %zu", l.number);
            json_decref(tree);
        }
    }
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

static lorec_err walk_text(const corpus_visitor *v, const char *path)
{
    lines l;
    slice line;
    buf all = {0};
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        e = buf_add(&all, line.p, line.n);
        if (!e) e = buf_add(&all, "\n", 1);
    }
    lorec_err closed = lines_close(&l);
    if (!e) e = closed;
    if (!e && all.n) e = v->text(v->ctx, (slice){all.p, all.n});
    buf_free(&all);
    return e;
}

static bool is_jsonl(const char *path)
{
    size_t n = strlen(path);
    static const char *const ends[] = {".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t m = strlen(ends[i]);
        if (n >= m && strcmp(path + n - m, ends[i]) == 0) return true;
    }
    return false;
}

static lorec_err walk_file(const corpus_visitor *v, const char *path)
{
    lorec_err e = is_jsonl(path) ? walk_jsonl(v, path) : walk_text(v, path);
    return e && !strstr(lorec_error_message(), path) ? err_context(e, "%s", path) : e;
}

static lorec_err walk_folder(const corpus_visitor *v, const char *path)
{
    char **names;
    size_t n;
    buf file = {0};
    TRY(folder_list(path, &names, &n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        e = path_join(&file, path, names[i]);
        if (!e && !folder_exists(file.p)) e = walk_file(v, file.p);
    }
    buf_free(&file);
    names_free(names, n);
    return e;
}

lorec_err corpus_walk(const char *path, const corpus_visitor *v)
{
    return folder_exists(path) ? walk_folder(v, path) : walk_file(v, path);
}

/* ---- every text -------------------------------------------------------------------------------------------------------- */

typedef struct texts {
    corpus_take take;
    void *ctx;
} texts;

/* All strings of a value but the roles of messages and the names of labels. */
static lorec_err texts_of(const texts *x, const char *key, const json_t *value)
{
    const char *name;
    json_t *child;
    size_t i;
    if (key && (strcmp(key, "role") == 0 || strcmp(key, "label") == 0)) return LOREC_OK;
    if (json_is_string(value)) return x->take(x->ctx, (slice){json_string_value(value), json_string_length(value)});
    json_array_foreach(value, i, child) TRY(texts_of(x, NULL, child));
    json_object_foreach((json_t *)(uintptr_t)value, name, child) TRY(texts_of(x, name, child));
    return LOREC_OK;
}

static lorec_err object_texts(void *ctx, const json_t *line)
{
    return texts_of(ctx, NULL, line);
}

static lorec_err line_texts(void *ctx, slice text)
{
    const texts *x = ctx;
    while (text.n) TRY(x->take(x->ctx, slice_cut(&text, '\n')));
    return LOREC_OK;
}

lorec_err corpus_texts(const char *path, corpus_take take, void *ctx)
{
    texts x = {take, ctx};
    return corpus_walk(path, &(corpus_visitor){object_texts, line_texts, &x});
}

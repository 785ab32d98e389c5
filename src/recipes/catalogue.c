#include "recipes/catalogue.h"

#include "base/mem.h"
#include "base/npy.h"

void catalogue_free(catalogue *c)
{
    mem_free(c->bytes);
    mem_free(c->start);
    mem_free(c->popularity);
    *c = (catalogue){0};
}

static lorec_err add(catalogue *c, size_t *n, size_t *cap, size_t at, slice text)
{
    TRY(mem_grow(&c->bytes, cap, *n + text.n + 1));
    if (text.n) memcpy(c->bytes + *n, text.p, text.n);
    *n += text.n;
    c->start[at + 1] = *n;
    return LOREC_OK;
}

/* "Drama, Comedy" of a token sequence, a token or a text. */
static lorec_err words_of(const column *col, uint32_t i, buf *out)
{
    buf_clear(out);
    if (!col) return LOREC_OK;
    switch (col->kind) {
    case COLUMN_TOKEN_SEQ:
        for (uint64_t k = col->first[i]; k < col->first[i + 1]; k++) {
            slice w = names_at(&col->words, col->code[k]);
            if (k > col->first[i]) TRY(buf_puts(out, ", "));
            TRY(buf_add(out, w.p, w.n));
        }
        return LOREC_OK;
    case COLUMN_TOKEN: {
        slice w = names_at(&col->words, col->code[i]);
        return buf_add(out, w.p, w.n);
    }
    case COLUMN_TEXT: {
        slice w = names_at(&col->words, i);
        return buf_add(out, w.p, w.n);
    }
    case COLUMN_FLOAT:
        break;
    }
    return LOREC_OK;
}

static lorec_err fill(catalogue *c, const dataset *d)
{
    size_t n = 0, cap = 0;
    buf words = {0};
    const column *categories = dataset_categories(d);
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; i < c->n && !e; i++) e = add(c, &n, &cap, i, dataset_title(d, i));
    for (uint32_t i = 0; i < c->n && !e; i++) {
        e = words_of(categories, i, &words);
        if (!e) e = add(c, &n, &cap, (size_t)c->n + i, (slice){words.p ? words.p : "", words.n});
    }
    buf_free(&words);
    return e;
}

lorec_err catalogue_make(catalogue *c, const dataset *d, const interactions *train, bool need_titles)
{
    *c = (catalogue){.n = d->rows.n_items};
    if (need_titles && !dataset_column(d, SIDE_ITEM, "title"))
        return err_set(LOREC_INPUT,
                       "%s has no titles, which this method reads; give them with --item-text FILE (a TSV or "
                       "CSV with item ids and titles)",
                       d->name);
    lorec_err e = mem_new(&c->start, 2 * (size_t)c->n + 1);
    if (!e) e = mem_new(&c->popularity, c->n);
    if (!e) e = fill(c, d);
    for (uint64_t r = 0; train && r < train->n && !e; r++) c->popularity[train->item[r]]++;
    if (e) catalogue_free(c);
    return e;
}

/* ---- files --------------------------------------------------------------------------------------------------------------- */

lorec_err catalogue_save(const catalogue *c, const char *folder)
{
    const int64_t bytes = (int64_t)c->start[2 * (size_t)c->n], starts = 2 * (int64_t)c->n + 1, n = c->n;
    const struct {
        const char *name;
        npy_type type;
        const void *data;
        int64_t size;
    } file[] = {{"catalogue.bytes.npy", NPY_U8, c->bytes, bytes},
                {"catalogue.start.npy", NPY_U64, c->start, starts},
                {"catalogue.popularity.npy", NPY_U32, c->popularity, n}};
    buf path = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < 3 && !e; i++) {
        e = path_join(&path, folder, file[i].name);
        if (!e) e = npy_write(path.p, file[i].type, 1, &file[i].size, file[i].data);
    }
    buf_free(&path);
    return e;
}

static lorec_err load_one(const char *folder, const char *name, npy_type type, void **out, size_t bytes_each,
                          int64_t *n)
{
    buf path = {0};
    npy a;
    lorec_err e = path_join(&path, folder, name);
    if (!e) e = npy_open(&a, path.p, type, 1);
    if (!e) {
        *n = a.shape[0];
        e = mem_new_(out, (size_t)*n + 1, bytes_each);
        if (!e && *n) memcpy(*out, a.data, (size_t)*n * bytes_each);
        npy_close(&a);
    }
    buf_free(&path);
    return e;
}

/* The starts have to be ascending and end where the bytes do. */
static lorec_err check(const catalogue *c, const char *folder, int64_t bytes, int64_t starts, int64_t n)
{
    bool right = starts >= 1 && starts % 2 == 1 && starts / 2 == n && n <= UINT32_MAX && c->start[0] == 0 &&
                 c->start[starts - 1] == (uint64_t)bytes;
    for (int64_t i = 1; i < starts && right; i++) right = c->start[i] >= c->start[i - 1];
    return right ? LOREC_OK : err_set(LOREC_INPUT, "%s: its catalogue files do not fit together; train again", folder);
}

lorec_err catalogue_load(catalogue *c, const char *folder)
{
    int64_t bytes = 0, starts = 0, n = 0;
    *c = (catalogue){0};
    lorec_err e = load_one(folder, "catalogue.bytes.npy", NPY_U8, (void **)&c->bytes, 1, &bytes);
    if (!e) e = load_one(folder, "catalogue.start.npy", NPY_U64, (void **)&c->start, 8, &starts);
    if (!e) e = load_one(folder, "catalogue.popularity.npy", NPY_U32, (void **)&c->popularity, 4, &n);
    if (!e) e = check(c, folder, bytes, starts, n);
    c->n = (uint32_t)n;
    if (e) catalogue_free(c);
    return e;
}

/* ---- as JSON ---------------------------------------------------------------------------------------------------------------- */

json_t *catalogue_text(slice s)
{
    json_t *v = json_stringn(s.p ? s.p : "", s.n);
    char *copy;
    if (v || mem_new(&copy, s.n + 1)) return v;
    for (size_t i = 0; i < s.n; i++) copy[i] = (unsigned char)s.p[i] < 128 ? s.p[i] : '?';
    v = json_stringn(copy, s.n);
    mem_free(copy);
    return v;
}

json_t *catalogue_titles(const catalogue *c, const uint32_t *items, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && list; i++)
        if (json_array_append_new(list, catalogue_text(catalogue_title(c, items[i])))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

lorec_err catalogue_check_lists(const catalogue *c, const char *method, int64_t most, size_t n, const uint64_t *start,
                                const uint32_t *candidate)
{
    for (size_t i = 0; i < n; i++) {
        if (start[i + 1] - start[i] > (uint64_t)most)
            return err_set(LOREC_USAGE,
                           "%s: a list of %llu items is longer than max_candidates, %lld; give it candidates: --eval "
                           "sasrec@20, uniform@20 or slate:FILE",
                           method, (unsigned long long)(start[i + 1] - start[i]), (long long)most);
        for (uint64_t k = start[i]; k < start[i + 1]; k++)
            if (candidate[k] >= c->n)
                return err_set(LOREC_USAGE, "%s: item %u is not in the catalogue", method, candidate[k]);
    }
    return LOREC_OK;
}

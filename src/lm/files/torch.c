/* torch.save's files (.bin, .pt) as weights: a zip archive with PREFIX/data.pkl, which describes the dictionary of tensors, and
 * PREFIX/data/KEY, one entry a storage. The pickle is read, never run. */
#include "base/mem.h"
#include "lm/files/pickle.h"
#include "lm/files/place.h"
#include "lm/files/zip.h"

enum { PICKLE_MAX = 1 << 26, OLD_MAGIC = 0x8a };

typedef struct archive {
    weights *w;
    size_t file;
    zip_index zip;
    slice prefix; /* "archive/" */
    unsigned char *bytes;
    pickle p;
} archive;

static bool is(const unsigned char *head, size_t n, uint64_t size)
{
    (void)size;
    return n >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || (head[0] == 0x80 && head[1] == 2 && head[2] == OLD_MAGIC));
}

static lorec_err whole(const pickle *p, uint32_t link, int64_t *out)
{
    const pickle_value *v = link ? pickle_item(p, link) : NULL;
    if (!v || v->kind != PICKLE_INT || v->whole < 0) return err_set(LOREC_INPUT, "a size is no whole number");
    *out = v->whole;
    return LOREC_OK;
}

/* ('storage', type, key, device, number of values) */
static lorec_err find_storage(const archive *a, const pickle_value *s, elem *type, uint64_t *at, int64_t *n)
{
    const pickle *p = &a->p;
    if (s->kind != PICKLE_STORAGE || pickle_length(p, s) < 5) return err_set(LOREC_INPUT, "it has no storage");
    uint32_t of = pickle_next(p, s->first), key = pickle_next(p, of), device = pickle_next(p, key);
    const pickle_value *kind = pickle_item(p, of), *name = pickle_item(p, key);
    if (kind->kind != PICKLE_GLOBAL || kind->whole != PICKLE_STORAGE_TYPE || name->kind != PICKLE_STRING)
        return err_set(LOREC_INPUT, "its storage is not described as torch.save does");
    TRY(whole(p, pickle_next(p, device), n));
    buf path = {0};
    lorec_err e = buf_printf(&path, "%.*sdata/%.*s", (int)a->prefix.n, a->prefix.p,
                             (int)(name->text.n < 100 ? name->text.n : 100), name->text.p);
    const zip_entry *entry = e ? NULL : zip_find(&a->zip, (slice){path.p, path.n});
    size_t bytes;
    if (!e && !entry) e = err_set(LOREC_INPUT, "its values %s are missing", path.p);
    if (!e && (!elem_size(kind->type, *n, &bytes) || bytes > entry->size))
        e = err_set(LOREC_INPUT, "%s has %llu bytes, too few for %lld values of %s", path.p,
                    (unsigned long long)entry->size, (long long)*n, elem_name(kind->type));
    if (!e) *at = entry->at;
    buf_free(&path);
    *type = kind->type;
    return e;
}

/* Row after row without gaps, which is how a model's own tensors are; sizes of 1 may have any stride. */
static lorec_err check_strides(const pickle *p, const weight *x, const pickle_value *strides)
{
    uint32_t at = strides->first;
    int64_t stride[WEIGHT_DIMS], due = 1;
    if (strides->kind != PICKLE_TUPLE || pickle_length(p, strides) != (size_t)x->ndim)
        return err_set(LOREC_INPUT, "its strides do not go with its sizes");
    for (int d = 0; d < x->ndim; d++, at = pickle_next(p, at)) TRY(whole(p, at, &stride[d]));
    for (int d = x->ndim - 1; d >= 0; d--) {
        if (x->shape[d] > 1 && stride[d] != due)
            return err_set(LOREC_INPUT, "its values are not row after row; save it with .contiguous()");
        if (__builtin_mul_overflow(due, x->shape[d] ? x->shape[d] : 1, &due))
            return err_set(LOREC_INPUT, "the shape's product is beyond what can be addressed");
    }
    return LOREC_OK;
}

/* (storage, offset, sizes, strides, requires_grad, hooks) */
static lorec_err add_tensor(const archive *a, const char *name, const pickle_value *t)
{
    const pickle *p = &a->p;
    if (pickle_length(p, t) < 4) return err_set(LOREC_INPUT, "it is not described as torch.save does");
    uint32_t offset = pickle_next(p, t->first), size = pickle_next(p, offset), stride = pickle_next(p, size);
    const pickle_value *sizes = pickle_item(p, size);
    size_t ndim = pickle_length(p, sizes), bytes = 0;
    weight x = {0};
    int64_t first = 0, count = 0, values = 1;
    uint64_t at = 0;
    TRY(find_storage(a, pickle_item(p, t->first), &x.type, &at, &count));
    TRY(whole(p, offset, &first));
    if (sizes->kind != PICKLE_TUPLE || ndim > WEIGHT_DIMS) return err_set(LOREC_INPUT, "it has %zu dimensions", ndim);
    x.ndim = (int)ndim;
    uint32_t c = sizes->first;
    for (int d = 0; d < x.ndim; d++, c = pickle_next(p, c)) TRY(whole(p, c, &x.shape[d]));
    TRY(check_strides(p, &x, pickle_item(p, stride)));
    for (int d = 0; d < x.ndim; d++) values *= x.shape[d]; /* check_strides saw that it fits */
    if (first > count || values > count - first)
        return err_set(LOREC_INPUT, "its %lld values from %lld on are beyond its storage of %lld", (long long)values,
                       (long long)first, (long long)count);
    (void)elem_size(x.type, first, &bytes); /* no more than the storage has */
    weight_place place = {.parts = 1, .part = {{.file = a->file, .at = at + bytes, .rows = weight_rows(&x)}}};
    return weights_add(a->w, name, &x, &place);
}

/* What is no tensor is left alone: steps, settings. */
static lorec_err add_dict(const archive *a, const pickle_value *dict)
{
    for (uint32_t k = dict->first; k;) {
        uint32_t v = pickle_next(&a->p, k);
        const pickle_value *key = pickle_item(&a->p, k), *value = pickle_item(&a->p, v);
        if (key->kind == PICKLE_STRING && value->kind == PICKLE_TENSOR) {
            buf name = {0};
            lorec_err e = buf_add(&name, key->text.p, key->text.n);
            if (!e && (strlen(name.p) != name.n || !utf8_valid(key->text)))
                e = err_set(LOREC_INPUT, "a name is no text");
            if (!e) e = add_tensor(a, name.p, value);
            if (e) e = err_context(e, "the tensor %.200s", name.p ? name.p : "");
            buf_free(&name);
            if (e) return e;
        }
        k = pickle_next(&a->p, v);
    }
    return LOREC_OK;
}

static const pickle_value *value_of(const pickle *p, const pickle_value *dict, const char *name)
{
    for (uint32_t k = dict->first; k; k = pickle_next(p, pickle_next(p, k))) {
        const pickle_value *key = pickle_item(p, k), *value = pickle_item(p, pickle_next(p, k));
        if (key->kind == PICKLE_STRING && slice_is(key->text, name) && value->kind == PICKLE_DICT) return value;
    }
    return NULL;
}

/* The dictionary of tensors, or the one that a training checkpoint keeps it under. */
static lorec_err add_root(const archive *a)
{
    static const char *const under[] = {"state_dict", "model_state_dict", "model", "module"};
    const pickle_value *root = pickle_at(&a->p, a->p.root), *inner = NULL;
    if (root->kind != PICKLE_DICT) return err_set(LOREC_INPUT, "it holds no dictionary of tensors");
    for (size_t i = 0; i < sizeof under / sizeof *under && !inner; i++) inner = value_of(&a->p, root, under[i]);
    return add_dict(a, inner ? inner : root);
}

static lorec_err read(archive *a, const blob *b)
{
    static const char end[] = "data.pkl";
    const zip_entry *pkl = NULL;
    TRY(zip_open(&a->zip, b));
    for (size_t i = 0; i < a->zip.n && !pkl; i++) {
        slice s = a->zip.entry[i].name;
        size_t n = sizeof end - 1;
        if (s.n <= n || memcmp(s.p + s.n - n, end, n) != 0 || s.p[s.n - n - 1] != '/' || memchr(s.p, '/', s.n - n - 1))
            continue;
        pkl = &a->zip.entry[i];
        a->prefix = (slice){s.p, s.n - n};
    }
    if (!pkl) return err_set(LOREC_INPUT, "the archive holds no data.pkl: it is not PyTorch's");
    if (pkl->size > PICKLE_MAX)
        return err_set(LOREC_INPUT, "its data.pkl has %llu bytes", (unsigned long long)pkl->size);
    const zip_entry *order = NULL;
    char big[4] = {0};
    buf name = {0};
    lorec_err e = buf_printf(&name, "%.*sbyteorder", (int)a->prefix.n, a->prefix.p);
    if (!e) order = zip_find(&a->zip, (slice){name.p, name.n});
    buf_free(&name);
    if (!e && order && order->size >= 3) e = blob_read(b, order->at, big, 3);
    if (!e && strcmp(big, "big") == 0) e = err_set(LOREC_INPUT, "its values are big-endian");
    if (!e) e = mem_new(&a->bytes, (size_t)pkl->size);
    if (!e) e = blob_read(b, pkl->at, a->bytes, (size_t)pkl->size);
    if (!e) e = pickle_read(&a->p, a->bytes, (size_t)pkl->size);
    return e ? e : add_root(a);
}

static lorec_err open(weights *w, const char *path, size_t file)
{
    (void)path;
    const blob *b = weights_file(w, file);
    unsigned char first = 0;
    TRY(blob_read(b, 0, &first, 1));
    if (first == 0x80)
        return err_set(LOREC_INPUT, "it is in PyTorch's format from before 1.6; load it there and save it again");
    archive a = {.w = w, .file = file};
    lorec_err e = read(&a, b);
    pickle_free(&a.p);
    zip_close(&a.zip);
    mem_free(a.bytes);
    return e;
}

const weights_kind weights_torch = {"PyTorch", is, open};

/* A GGUF file as weights: llama.cpp's names and order of values become Hugging Face's (lm/gguf/arch.h). Of an architecture
 * that is not known the tensors keep their names and there is no config. A model in parts, NAME-00001-of-0000N.gguf, is opened by its
 * first, which has the keys; tensors that belong together may lie in different parts. */
#include "tensor/gguf.h"

#include <ctype.h>

#include "base/mem.h"
#include "lm/files/place.h"
#include "lm/gguf/arch.h"

typedef struct gguf_part {
    const gguf *g;
    size_t file;
} gguf_part;

typedef struct opening {
    weights *w;
    const gguf *g; /* the first part, with the keys */
    gguf_part *part;
    size_t parts;
    const gguf_arch *arch;
    int64_t heads, kv_heads;
} opening;

static bool is(const unsigned char *head, size_t n, uint64_t size)
{
    (void)size;
    return n >= 4 && memcmp(head, "GGUF", 4) == 0;
}

static weight shape_of(const gguf_tensor *t)
{
    weight x = {.type = t->type, .ndim = t->ndim};
    for (int d = 0; d < t->ndim; d++) x.shape[d] = t->size[t->ndim - 1 - d];
    return x;
}

/* A vector whose order of values is not the file's is read value by value. */
static void as_rows(weight *x, int64_t *rows)
{
    *rows = x->ndim == 1 ? x->shape[0] : weight_rows(x);
}

/* Whichever part has it; NULL: none. */
static const gguf_tensor *find(const opening *o, const char *name, size_t *file)
{
    const gguf_tensor *t = NULL;
    for (size_t i = 0; i < o->parts && !t; i++) {
        t = gguf_find_tensor(o->part[i].g, name);
        *file = o->part[i].file;
    }
    return t;
}

static weight_part part_of(size_t file, const gguf_tensor *t, int64_t rows, row_order order, int64_t heads)
{
    return (weight_part){.file = file, .at = t->at, .rows = rows, .order = order, .heads = heads};
}

/* Three of the file's as one: q and k by neighbours, then v. */
static lorec_err add_stack(const opening *o, const char *name, const gguf_match *m, const gguf_tensor *q)
{
    static const gguf_how how[] = {GGUF_STACK_Q, GGUF_STACK_K, GGUF_STACK_V};
    weight x = shape_of(q);
    weight_place place = {.parts = 3};
    buf part = {0};
    lorec_err e = LOREC_OK;
    x.shape[0] = 0;
    for (int k = 0; k < 3 && !e; k++) {
        const gguf_name *row = m->row;
        while (row->gguf && row->how != how[k]) row++;
        e = gguf_arch_name(&part, row->gguf, m);
        size_t file = 0;
        const gguf_tensor *t = e ? NULL : find(o, part.p, &file);
        if (!e && (!t || t->type != q->type || t->ndim != q->ndim || t->size[0] != q->size[0]))
            e = err_set(LOREC_INPUT, "the tensor %s does not go with its q", part.p);
        if (e) break;
        weight mine = shape_of(t);
        if (t->ndim != 2) e = err_set(LOREC_INPUT, "the tensor %s is no matrix", part.p);
        if (!e && __builtin_add_overflow(x.shape[0], mine.shape[0], &x.shape[0]))
            e = err_set(LOREC_INPUT, "too many rows");
        place.part[k] = part_of(file, t, mine.shape[0], k < 2 ? ROWS_PAIRED : ROWS_SAME,
                                k == 0 ? o->heads : o->kv_heads);
    }
    buf_free(&part);
    return e ? e : weights_add(o->w, name, &x, &place);
}

/* A third of the file's. */
static lorec_err add_cut(const opening *o, const char *name, size_t file, const gguf_tensor *t, int k)
{
    weight x = shape_of(t);
    int64_t rows;
    size_t bytes;
    as_rows(&x, &rows);
    if (x.ndim < 1 || x.ndim > 2 || x.shape[0] % 3)
        return err_set(LOREC_INPUT, "%s: its rows are no three parts", name);
    x.shape[0] /= 3;
    if (!elem_size(t->type, x.ndim == 2 ? rows / 3 * x.shape[1] : x.shape[0], &bytes))
        return err_set(LOREC_INPUT, "%s: a third is no whole number of blocks", name);
    weight_place place = {.parts = 1, .part = {part_of(file, t, weight_rows(&x), ROWS_SAME, 0)}};
    place.part[0].at += (uint64_t)k * bytes;
    return weights_add(o->w, name, &x, &place);
}

static bool is_gated(const opening *o, const gguf_match *m)
{
    bool gated = false;
    buf gate = {0};
    gguf_match weight_of = *m;
    size_t file;
    weight_of.end = slice_of("weight");
    if (!gguf_arch_name(&gate, strncmp(m->row->gguf, "enc", 3) == 0 ? "enc.blk.%d.ffn_gate" : "dec.blk.%d.ffn_gate",
                        &weight_of))
        gated = find(o, gate.p, &file) != NULL;
    buf_free(&gate);
    return gated;
}

static lorec_err add_row(const opening *o, const char *name, const gguf_match *m, size_t file, const gguf_tensor *t)
{
    weight x = shape_of(t);
    int64_t rows = weight_rows(&x), heads = 0;
    row_order order = ROWS_SAME;
    weight_place place = {.parts = 1};
    gguf_how how = m->row->how;
    switch (how) {
    case GGUF_PAIRED:
    case GGUF_PAIRED_KV:
    case GGUF_BY_KIND:
        order = how == GGUF_BY_KIND ? ROWS_BY_KIND : ROWS_PAIRED;
        heads = how == GGUF_PAIRED_KV ? o->kv_heads : o->heads;
        place.by_value = x.ndim == 1;
        as_rows(&x, &rows);
        break;
    case GGUF_TURNED:
        x.transposed = x.ndim == 2;
        break;
    case GGUF_PLUS_ONE:
        place.plus = -1;
        if (x.type != ELEM_F32) return err_set(LOREC_INPUT, "the tensor %s is not F32", name);
        break;
    case GGUF_STACK_Q:
        return add_stack(o, name, m, t);
    case GGUF_STACK_K:
    case GGUF_STACK_V:
        return LOREC_OK; /* with its q */
    case GGUF_CUT_Q:
    case GGUF_CUT_K:
    case GGUF_CUT_V:
        return add_cut(o, name, file, t, (int)how - GGUF_CUT_Q);
    case GGUF_GATED:
        if (!is_gated(o, m)) return LOREC_OK;
        break;
    case GGUF_PLAIN:
        if (is_gated(o, m)) return LOREC_OK;
        break;
    default:
        break;
    }
    place.part[0] = part_of(file, t, rows, order, heads);
    return weights_add(o->w, name, &x, &place);
}

static lorec_err add_tensor(const opening *o, size_t file, const gguf_tensor *t)
{
    buf name = {0};
    gguf_match m;
    bool met = false;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; !e && o->arch && gguf_arch_match(o->arch, t->name, true, &i, &m); i++) {
        met = true;
        e = gguf_arch_name(&name, m.row->hf, &m);
        if (!e) e = add_row(o, name.p, &m, file, t);
    }
    if (!met && !e) {
        weight x = shape_of(t);
        weight_place place = {.parts = 1, .part = {part_of(file, t, weight_rows(&x), ROWS_SAME, 0)}};
        e = buf_add(&name, t->name.p, t->name.n);
        if (!e) e = weights_add(o->w, name.p, &x, &place);
    }
    buf_free(&name);
    return e;
}

static lorec_err heads_of(opening *o)
{
    char key[80];
    snprintf(key, sizeof key, "%s.attention.head_count", o->arch->gguf);
    TRY(gguf_get_i64(o->g, key, 1, 1 << 16, &o->heads));
    snprintf(key, sizeof key, "%s.attention.head_count_kv", o->arch->gguf);
    return gguf_get_i64_or(o->g, key, 1, 1 << 16, o->heads, &o->kv_heads);
}

/* ---- parts ------------------------------------------------------------------------------------------------------------- */

enum { PART_NAME = 20 /* "-00001-of-00003.gguf" */ };

static int64_t digits(const char *p)
{
    int64_t value = 0;
    for (int i = 0; i < 5; i++) {
        if (!isdigit((unsigned char)p[i])) return -1;
        value = 10 * value + (p[i] - '0');
    }
    return value;
}

bool gguf_part_of(const char *path, int64_t *number, int64_t *count)
{
    size_t n = strlen(path);
    const char *end = path + n - PART_NAME;
    if (n < PART_NAME || end[0] != '-' || memcmp(end + 6, "-of-", 4) != 0 || strcmp(end + 15, ".gguf") != 0)
        return false;
    *number = digits(end + 1);
    *count = digits(end + 10);
    return *number > 0 && *count > 0;
}

static lorec_err check_part(const gguf *g, int64_t number, int64_t count)
{
    int64_t said_number, said_count;
    TRY(gguf_get_i64(g, "split.no", 0, UINT16_MAX, &said_number));
    TRY(gguf_get_i64(g, "split.count", 0, UINT16_MAX, &said_count));
    if (said_number == number && said_count == count) return LOREC_OK;
    return err_set(LOREC_INPUT, "it is part %lld of %lld where part %lld of %lld is due", (long long)said_number + 1,
                   (long long)said_count, (long long)number + 1, (long long)count);
}

/* Parts 2 .. count of the model whose first part is `path`; `more` [count - 1] are closed by the caller. */
static lorec_err open_parts(opening *o, const char *path, int64_t count, gguf *more)
{
    buf name = {0};
    lorec_err e = LOREC_OK;
    for (int64_t i = 1; i < count && !e; i++) {
        size_t file;
        buf_clear(&name);
        e = buf_printf(&name, "%.*s-%05lld-of-%05lld.gguf", (int)(strlen(path) - PART_NAME), path, (long long)i + 1,
                       (long long)count);
        if (!e) e = weights_add_file(o->w, name.p, &file);
        if (!e) e = gguf_read(&more[i - 1], weights_file(o->w, file));
        if (!e) o->part[o->parts++] = (gguf_part){&more[i - 1], file};
        if (!e) e = check_part(&more[i - 1], i, count);
        if (e) e = err_context(e, "part %lld of %lld", (long long)i + 1, (long long)count);
    }
    buf_free(&name);
    return e;
}

static lorec_err check_count(const opening *o)
{
    int64_t due, there = 0;
    for (size_t i = 0; i < o->parts; i++) there += (int64_t)o->part[i].g->n_tensors;
    TRY(gguf_get_i64_or(o->g, "split.tensors.count", 0, INT32_MAX, there, &due));
    if (due == there) return LOREC_OK;
    return err_set(LOREC_INPUT, "split.tensors.count says %lld tensors; the parts have %lld", (long long)due,
                   (long long)there);
}

/* How many parts there are; more than one only where the name says the same. */
static lorec_err count_parts(const opening *o, const char *path, size_t file, int64_t *count)
{
    int64_t number, named;
    TRY(gguf_get_i64_or(o->g, "split.count", 0, UINT16_MAX, 1, count));
    if (*count <= 1) {
        *count = 1;
        return LOREC_OK;
    }
    if (!weights_file(o->w, file)->is_file || !gguf_part_of(path, &number, &named) || named != *count)
        return err_set(LOREC_INPUT,
                       "it is one of %lld parts, which are found by their names: NAME-00001-of-%05lld.gguf",
                       (long long)*count, (long long)*count);
    if (number != 1)
        return err_set(LOREC_INPUT, "it is part %lld; name the first, -00001-of-%05lld.gguf", (long long)number,
                       (long long)*count);
    return check_part(o->g, 0, *count);
}

static lorec_err add_all(opening *o)
{
    json_t *config;
    bool any = false;
    for (size_t i = 0; i < o->parts; i++) any = any || o->part[i].g->n_tensors;
    o->arch = any ? gguf_arch_of(o->g) : NULL;
    if (o->arch) {
        TRY(heads_of(o));
        TRY(gguf_config_read(&config, o->g, o->arch));
        weights_set_config(o->w, config);
    }
    for (size_t i = 0; i < o->parts; i++)
        for (size_t t = 0; t < o->part[i].g->n_tensors; t++)
            TRY(add_tensor(o, o->part[i].file, &o->part[i].g->tensor[t]));
    return LOREC_OK;
}

static lorec_err open(weights *w, const char *path, size_t file)
{
    gguf *first, *more = NULL;
    char format[48];
    int64_t count = 0;
    TRY(weights_new_gguf(w, file, &first));
    opening o = {.w = w, .g = first};
    TRY(count_parts(&o, path, file, &count));
    lorec_err e = mem_new(&o.part, (size_t)count);
    if (!e) e = mem_new(&more, (size_t)count - 1);
    if (!e) o.part[o.parts++] = (gguf_part){first, file};
    if (!e) e = open_parts(&o, path, count, more);
    if (!e && count > 1) e = check_count(&o);
    if (!e) e = add_all(&o);
    for (int64_t i = 0; more && i + 1 < count; i++) gguf_close(&more[i]);
    mem_free(more);
    mem_free(o.part);
    if (e) return e;
    int n = snprintf(format, sizeof format, "GGUF v%d", first->version);
    if (count > 1) snprintf(format + n, sizeof format - (size_t)n, " in %lld parts", (long long)count);
    return weights_set_format(w, format);
}

const weights_kind weights_gguf_kind = {"GGUF", is, open};

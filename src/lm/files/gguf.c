/* A GGUF file as weights: llama.cpp's names and order of values become Hugging Face's (lm/gguf/arch.h). Of an architecture
 * that is not known the tensors keep their names and there is no config. */
#include "tensor/gguf.h"

#include "base/mem.h"
#include "lm/files/place.h"
#include "lm/gguf/arch.h"

typedef struct opening {
    weights *w;
    size_t file;
    const gguf *g;
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

static weight_part part_of(const opening *o, const gguf_tensor *t, int64_t rows, row_order order, int64_t heads)
{
    return (weight_part){.file = o->file, .at = t->at, .rows = rows, .order = order, .heads = heads};
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
        const gguf_tensor *t = e ? NULL : gguf_find_tensor(o->g, part.p);
        if (!e && (!t || t->type != q->type || t->ndim != q->ndim || t->size[0] != q->size[0]))
            e = err_set(LOREC_INPUT, "the tensor %s does not go with its q", part.p);
        if (e) break;
        weight mine = shape_of(t);
        if (t->ndim != 2) e = err_set(LOREC_INPUT, "the tensor %s is no matrix", part.p);
        if (!e && __builtin_add_overflow(x.shape[0], mine.shape[0], &x.shape[0]))
            e = err_set(LOREC_INPUT, "too many rows");
        place.part[k] = part_of(o, t, mine.shape[0], k < 2 ? ROWS_PAIRED : ROWS_SAME, k == 0 ? o->heads : o->kv_heads);
    }
    buf_free(&part);
    return e ? e : weights_add(o->w, name, &x, &place);
}

/* A third of the file's. */
static lorec_err add_cut(const opening *o, const char *name, const gguf_tensor *t, int k)
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
    weight_place place = {.parts = 1, .part = {part_of(o, t, weight_rows(&x), ROWS_SAME, 0)}};
    place.part[0].at += (uint64_t)k * bytes;
    return weights_add(o->w, name, &x, &place);
}

static bool is_gated(const opening *o, const gguf_match *m)
{
    bool gated = false;
    buf gate = {0};
    gguf_match weight_of = *m;
    weight_of.end = slice_of("weight");
    if (!gguf_arch_name(&gate, strncmp(m->row->gguf, "enc", 3) == 0 ? "enc.blk.%d.ffn_gate" : "dec.blk.%d.ffn_gate",
                        &weight_of))
        gated = gguf_find_tensor(o->g, gate.p) != NULL;
    buf_free(&gate);
    return gated;
}

static lorec_err add_row(const opening *o, const char *name, const gguf_match *m, const gguf_tensor *t)
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
        return add_cut(o, name, t, (int)how - GGUF_CUT_Q);
    case GGUF_GATED:
        if (!is_gated(o, m)) return LOREC_OK;
        break;
    case GGUF_PLAIN:
        if (is_gated(o, m)) return LOREC_OK;
        break;
    default:
        break;
    }
    place.part[0] = part_of(o, t, rows, order, heads);
    return weights_add(o->w, name, &x, &place);
}

static lorec_err add_tensor(const opening *o, const gguf_tensor *t)
{
    buf name = {0};
    gguf_match m;
    bool met = false;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; !e && o->arch && gguf_arch_match(o->arch, t->name, true, &i, &m); i++) {
        met = true;
        e = gguf_arch_name(&name, m.row->hf, &m);
        if (!e) e = add_row(o, name.p, &m, t);
    }
    if (!met && !e) {
        weight x = shape_of(t);
        weight_place place = {.parts = 1, .part = {part_of(o, t, weight_rows(&x), ROWS_SAME, 0)}};
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

static lorec_err open(weights *w, const char *path, size_t file)
{
    (void)path;
    gguf *g;
    char format[16];
    json_t *config;
    TRY(weights_new_gguf(w, file, &g));
    int64_t parts;
    TRY(gguf_get_i64_or(g, "split.count", 0, UINT16_MAX, 1, &parts));
    if (parts > 1)
        return err_set(LOREC_INPUT,
                       "it is one of %lld parts; put them together with llama.cpp's llama-gguf-split --merge",
                       (long long)parts);
    opening o = {.w = w, .file = file, .g = g, .arch = g->n_tensors ? gguf_arch_of(g) : NULL};
    if (o.arch) {
        TRY(heads_of(&o));
        TRY(gguf_config_read(&config, g, o.arch));
        weights_set_config(w, config);
    }
    for (size_t i = 0; i < g->n_tensors; i++) TRY(add_tensor(&o, &g->tensor[i]));
    snprintf(format, sizeof format, "GGUF v%d", g->version);
    return weights_set_format(w, format);
}

const weights_kind weights_gguf_kind = {"GGUF", is, open};

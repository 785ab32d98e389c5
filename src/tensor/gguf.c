#include "tensor/gguf.h"

#include <stdlib.h>

#include "base/mem.h"

enum { VERSION_MIN = 2, VERSION_MAX = 3, ALIGNMENT = 32, FIRST_READ = 1 << 16 };
/* The least that a key (one letter, one byte) and a tensor (one letter, no dimension) take: bounds their number. */
enum { KEY_MIN = 8 + 1 + 4 + 1, TENSOR_MIN = 8 + 1 + 4 + 4 + 8 };

static const struct {
    const char *name;
    size_t bytes; /* 0: it has a length of its own */
} kinds[GGUF_TYPES] = {
    [GGUF_U8] = {"u8", 1},         [GGUF_I8] = {"i8", 1},       [GGUF_U16] = {"u16", 2}, [GGUF_I16] = {"i16", 2},
    [GGUF_U32] = {"u32", 4},       [GGUF_I32] = {"i32", 4},     [GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1},
    [GGUF_STRING] = {"string", 0}, [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8}, [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(gguf_type t)
{
    return kinds[t].name;
}

/* ---- a cursor over the head, which is copied as far as it turns out to reach --------------------------------------------- */

typedef struct cursor {
    const blob *file;
    unsigned char *bytes; /* [loaded] */
    size_t loaded, at;
} cursor;

/* n more bytes are there, and in memory. */
static lorec_err need(cursor *c, uint64_t n)
{
    if (n > c->file->size - c->at)
        return err_set(LOREC_INPUT, "%llu bytes are due at offset %zu and %llu are left: the file was cut off, or lies",
                       (unsigned long long)n, c->at, (unsigned long long)(c->file->size - c->at));
    if (n <= c->loaded - c->at) return LOREC_OK;
    uint64_t want = c->at + n;
    if (want < 2 * (uint64_t)c->loaded) want = 2 * (uint64_t)c->loaded;
    if (want < FIRST_READ) want = FIRST_READ;
    if (want > c->file->size) want = c->file->size;
    unsigned char *more;
    TRY(mem_new(&more, (size_t)want));
    if (c->loaded) memcpy(more, c->bytes, c->loaded);
    mem_free(c->bytes);
    c->bytes = more;
    TRY(blob_read(c->file, c->loaded, more + c->loaded, (size_t)want - c->loaded));
    c->loaded = (size_t)want;
    return LOREC_OK;
}

static lorec_err take(cursor *c, size_t n, void *out)
{
    TRY(need(c, n));
    memcpy(out, c->bytes + c->at, n);
    c->at += n;
    return LOREC_OK;
}

/* Until the head is whole it may move in memory: slices hold offsets, and become pointers in settle(). */
static lorec_err take_string(cursor *c, slice *out)
{
    uint64_t n;
    TRY(take(c, sizeof n, &n));
    TRY(need(c, n));
    *out = (slice){(const char *)(uintptr_t)c->at, (size_t)n};
    c->at += (size_t)n;
    return LOREC_OK;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------------- */

static lorec_err take_type(cursor *c, gguf_type *out)
{
    uint32_t t;
    TRY(take(c, sizeof t, &t));
    *out = (gguf_type)t;
    return t < GGUF_TYPES ? LOREC_OK : err_set(LOREC_INPUT, "%u is no type of a key's value", (unsigned)t);
}

static lorec_err check_bools(const cursor *c, size_t at, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (c->bytes[at + i] > 1) return err_set(LOREC_INPUT, "a bool is %u", c->bytes[at + i]);
    return LOREC_OK;
}

static lorec_err skip_values(cursor *c, gguf_type t, uint64_t n)
{
    slice text;
    if (t == GGUF_ARRAY) return err_set(LOREC_INPUT, "arrays of arrays are not read here");
    if (t == GGUF_STRING) {
        /* n is not trusted: each string takes at least its length, and the file ends some time */
        for (uint64_t i = 0; i < n; i++) TRY(take_string(c, &text));
        return LOREC_OK;
    }
    uint64_t bytes;
    if (__builtin_mul_overflow(n, kinds[t].bytes, &bytes))
        return err_set(LOREC_INPUT, "an array of %llu values can not be", (unsigned long long)n);
    TRY(need(c, bytes));
    if (t == GGUF_BOOL) TRY(check_bools(c, c->at, n));
    c->at += (size_t)bytes;
    return LOREC_OK;
}

static lorec_err take_value(cursor *c, gguf_key *k)
{
    k->n = 1;
    TRY(take_type(c, &k->type));
    if (k->type == GGUF_ARRAY) {
        TRY(take_type(c, &k->item));
        TRY(take(c, sizeof k->n, &k->n));
    }
    size_t from = c->at;
    TRY(skip_values(c, k->type == GGUF_ARRAY ? k->item : k->type, k->n));
    k->bytes = (const unsigned char *)(uintptr_t)from;
    k->size = c->at - from;
    return LOREC_OK;
}

static lorec_err take_keys(gguf *g, cursor *c, uint64_t n)
{
    size_t cap = 0;
    if (n > (c->file->size - c->at) / KEY_MIN)
        return err_set(LOREC_INPUT, "%llu keys do not fit into the file", (unsigned long long)n);
    while (g->n_keys < n) {
        gguf_key k = {0};
        lorec_err e = take_string(c, &k.name);
        if (!e && (k.name.n == 0 || k.name.n > UINT16_MAX))
            e = err_set(LOREC_INPUT, "its name has %zu bytes", k.name.n);
        if (!e) e = take_value(c, &k);
        if (e) return err_context(e, "key %zu of %llu", g->n_keys + 1, (unsigned long long)n);
        TRY(mem_grow(&g->key, &cap, g->n_keys + 1));
        g->key[g->n_keys++] = k;
    }
    return LOREC_OK;
}

static int compare(slice a, slice b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int by_key(const void *a, const void *b)
{
    return compare(((const gguf_key *)a)->name, ((const gguf_key *)b)->name);
}

/* ---- tensors ------------------------------------------------------------------------------------------------------------- */

/* Types of tensors by their number in files; what has a name but no reader is told by it. */
static const struct {
    const char *name;
    int type; /* elem, or -1 */
} tensor_types[] = {
    [0] = {"F32", ELEM_F32},    [1] = {"F16", ELEM_F16},   [2] = {"Q4_0", ELEM_Q4_0},  [3] = {"Q4_1", ELEM_Q4_1},
    [6] = {"Q5_0", ELEM_Q5_0},  [7] = {"Q5_1", ELEM_Q5_1}, [8] = {"Q8_0", ELEM_Q8_0},  [9] = {"Q8_1", -1},
    [10] = {"Q2_K", -1},        [11] = {"Q3_K", -1},       [12] = {"Q4_K", ELEM_Q4_K}, [13] = {"Q5_K", ELEM_Q5_K},
    [14] = {"Q6_K", ELEM_Q6_K}, [15] = {"Q8_K", -1},       [16] = {"IQ2_XXS", -1},     [17] = {"IQ2_XS", -1},
    [18] = {"IQ3_XXS", -1},     [19] = {"IQ1_S", -1},      [20] = {"IQ4_NL", -1},      [21] = {"IQ3_S", -1},
    [22] = {"IQ2_S", -1},       [23] = {"IQ4_XS", -1},     [24] = {"I8", ELEM_I8},     [25] = {"I16", ELEM_I16},
    [26] = {"I32", ELEM_I32},   [27] = {"I64", ELEM_I64},  [28] = {"F64", ELEM_F64},   [29] = {"IQ1_M", -1},
    [30] = {"BF16", ELEM_BF16}, [34] = {"TQ1_0", -1},      [35] = {"TQ2_0", -1},       [39] = {"MXFP4", -1},
};
enum { TENSOR_TYPES = sizeof tensor_types / sizeof *tensor_types };

bool gguf_type_of(elem t, uint32_t *out)
{
    for (uint32_t i = 0; i < TENSOR_TYPES; i++) {
        if (!tensor_types[i].name || tensor_types[i].type != (int)t) continue;
        *out = i;
        return true;
    }
    return false;
}

static lorec_err take_tensor_type(cursor *c, gguf_tensor *x)
{
    uint32_t t;
    TRY(take(c, sizeof t, &t));
    if (t >= TENSOR_TYPES || !tensor_types[t].name)
        return err_set(LOREC_INPUT, "%u is no type of a tensor", (unsigned)t);
    if (tensor_types[t].type < 0)
        return err_set(
            LOREC_INPUT,
            "its type is %s; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K are read here",
            tensor_types[t].name);
    x->type = (elem)tensor_types[t].type;
    return LOREC_OK;
}

static lorec_err take_sizes(cursor *c, gguf_tensor *x)
{
    uint32_t ndim;
    TRY(take(c, sizeof ndim, &ndim));
    if (ndim > GGUF_DIMS)
        return err_set(LOREC_INPUT, "it has %u dimensions; at most %d are allowed", (unsigned)ndim, GGUF_DIMS);
    x->ndim = (int)ndim;
    size_t product = 1;
    for (int d = 0; d < GGUF_DIMS; d++) {
        uint64_t size = 1;
        if (d < x->ndim) TRY(take(c, sizeof size, &size));
        if (size > INT64_MAX || !size_mul(product, size ? (size_t)size : 1, &product) || product > INT64_MAX)
            return err_set(LOREC_INPUT, "the product of its sizes does not fit in 64 bits");
        x->size[d] = (int64_t)size;
    }
    return LOREC_OK;
}

static lorec_err take_tensor(cursor *c, gguf_tensor *x)
{
    TRY(take_string(c, &x->name));
    if (x->name.n == 0 || x->name.n > GGUF_NAME_MAX)
        return err_set(LOREC_INPUT, "its name has %zu bytes; 1 to %d are allowed", x->name.n, GGUF_NAME_MAX);
    if (memchr(c->bytes + (uintptr_t)x->name.p, 0, x->name.n)) return err_set(LOREC_INPUT, "its name holds a NUL");
    TRY(take_sizes(c, x));
    TRY(take_tensor_type(c, x));
    size_t row, rows = (size_t)(x->size[1] * x->size[2] * x->size[3]);
    if (!elem_size(x->type, x->size[0], &row))
        return err_set(LOREC_INPUT, "its rows of %lld values are no whole number of %s blocks of %d",
                       (long long)x->size[0], elem_name(x->type), elem_block(x->type));
    if (!size_mul(row, rows, &x->bytes)) return err_set(LOREC_INPUT, "its bytes do not fit in 64 bits");
    return take(c, sizeof x->at, &x->at);
}

static lorec_err take_tensors(gguf *g, cursor *c, uint64_t n)
{
    size_t cap = 0;
    if (n > (c->file->size - c->at) / TENSOR_MIN)
        return err_set(LOREC_INPUT, "%llu tensors do not fit into the file", (unsigned long long)n);
    while (g->n_tensors < n) {
        gguf_tensor x = {0};
        lorec_err e = take_tensor(c, &x);
        if (e) return err_context(e, "tensor %zu of %llu", g->n_tensors + 1, (unsigned long long)n);
        TRY(mem_grow(&g->tensor, &cap, g->n_tensors + 1));
        g->tensor[g->n_tensors++] = x;
    }
    return LOREC_OK;
}

static int by_place(const void *a, const void *b)
{
    const gguf_tensor *x = *(const gguf_tensor *const *)a, *y = *(const gguf_tensor *const *)b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_tensor_name(const void *a, const void *b)
{
    return compare(((const gguf_tensor *)a)->name, ((const gguf_tensor *)b)->name);
}

/* Offsets become places in the file: aligned, inside, none over another. */
static lorec_err check_tensors(gguf *g, uint64_t values, const gguf_tensor **order)
{
    size_t n = g->n_tensors;
    for (size_t i = 0; i < n; i++) {
        gguf_tensor *x = &g->tensor[i];
        uint64_t room = g->file.size > values ? g->file.size - values : 0;
        if (x->at % g->alignment)
            return err_set(LOREC_INPUT, "tensor %.*s: its offset %llu is no multiple of %llu", (int)x->name.n,
                           x->name.p, (unsigned long long)x->at, (unsigned long long)g->alignment);
        if (x->bytes && (x->at > room || x->bytes > room - x->at))
            return err_set(LOREC_INPUT, "tensor %.*s: its %zu bytes at %llu do not fit into the %llu bytes of values",
                           (int)x->name.n, x->name.p, x->bytes, (unsigned long long)x->at, (unsigned long long)room);
        x->at = x->bytes ? x->at + values : 0;
        order[i] = x;
    }
    if (n) qsort(order, n, sizeof *order, by_place);
    for (size_t i = 1; i < n; i++)
        if (order[i]->at < order[i - 1]->at + order[i - 1]->bytes)
            return err_set(LOREC_INPUT, "the tensors %.*s and %.*s overlap", (int)order[i - 1]->name.n,
                           order[i - 1]->name.p, (int)order[i]->name.n, order[i]->name.p);
    return LOREC_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */

static lorec_err twice(const char *what, slice name)
{
    return err_set(LOREC_INPUT, "the %s %.*s is there twice", what, (int)(name.n < 100 ? name.n : 100), name.p);
}

/* The head stays where it is from now on. */
static lorec_err settle(gguf *g, const cursor *c)
{
    const char *base = (const char *)c->bytes;
    for (size_t i = 0; i < g->n_keys; i++) {
        g->key[i].name.p = base + (uintptr_t)g->key[i].name.p;
        g->key[i].bytes = c->bytes + (uintptr_t)g->key[i].bytes;
    }
    for (size_t i = 0; i < g->n_tensors; i++) g->tensor[i].name.p = base + (uintptr_t)g->tensor[i].name.p;
    if (g->n_keys) qsort(g->key, g->n_keys, sizeof *g->key, by_key);
    if (g->n_tensors) qsort(g->tensor, g->n_tensors, sizeof *g->tensor, by_tensor_name);
    for (size_t i = 1; i < g->n_keys; i++)
        if (by_key(&g->key[i - 1], &g->key[i]) == 0) return twice("key", g->key[i].name);
    for (size_t i = 1; i < g->n_tensors; i++)
        if (by_tensor_name(&g->tensor[i - 1], &g->tensor[i]) == 0) return twice("tensor", g->tensor[i].name);
    return LOREC_OK;
}

static lorec_err read_alignment(gguf *g)
{
    const gguf_key *k = gguf_find(g, "general.alignment");
    uint32_t value = ALIGNMENT;
    if (k && k->type != GGUF_U32)
        return err_set(LOREC_INPUT, "general.alignment is %s where u32 is needed", kinds[k->type].name);
    if (k) memcpy(&value, k->bytes, sizeof value);
    if (value == 0 || (value & (value - 1)))
        return err_set(LOREC_INPUT, "general.alignment is %u, no power of two", (unsigned)value);
    g->alignment = value;
    return LOREC_OK;
}

static lorec_err check_version(uint32_t version)
{
    if (version >= VERSION_MIN && version <= VERSION_MAX) return LOREC_OK;
    if (version && (version & 0xffff) == 0)
        return err_set(LOREC_INPUT, "its bytes are in the other order (big-endian); convert it on such a machine");
    return err_set(LOREC_INPUT, "its version is %u; versions %d and %d are read here", (unsigned)version, VERSION_MIN,
                   VERSION_MAX);
}

static lorec_err parse(gguf *g, cursor *c)
{
    char magic[4];
    uint32_t version;
    uint64_t n_tensors, n_keys;
    TRY(take(c, sizeof magic, magic));
    if (memcmp(magic, "GGUF", 4) != 0) return err_set(LOREC_INPUT, "it does not begin with \"GGUF\"");
    TRY(take(c, sizeof version, &version));
    TRY(check_version(version));
    g->version = (int)version;
    TRY(take(c, sizeof n_tensors, &n_tensors));
    TRY(take(c, sizeof n_keys, &n_keys));
    TRY(take_keys(g, c, n_keys));
    TRY(take_tensors(g, c, n_tensors));
    TRY(settle(g, c));
    TRY(read_alignment(g));
    uint64_t values = (c->at + g->alignment - 1) / g->alignment * g->alignment;
    const gguf_tensor **order;
    TRY(mem_new(&order, g->n_tensors));
    lorec_err e = check_tensors(g, values, order);
    mem_free(order);
    return e;
}

lorec_err gguf_read(gguf *g, const blob *file)
{
    *g = (gguf){.file = *file, .borrowed = true};
    cursor c = {.file = file};
    lorec_err e = parse(g, &c);
    g->head = c.bytes;
    if (e) gguf_close(g);
    return e;
}

lorec_err gguf_open(gguf *g, const char *path)
{
    blob file;
    *g = (gguf){0};
    TRY(blob_open(&file, path));
    lorec_err e = gguf_read(g, &file);
    if (e) {
        blob_close(&file);
        return err_context(e, "%s", path);
    }
    g->borrowed = false;
    return LOREC_OK;
}

void gguf_close(gguf *g)
{
    if (!g->borrowed) blob_close(&g->file);
    mem_free(g->key);
    mem_free(g->tensor);
    mem_free(g->head);
    *g = (gguf){0};
}

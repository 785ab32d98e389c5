/* Typed getters: no value leaves under another type than it was written with. */
#include <stdlib.h>

#include "base/mem.h"
#include "tensor/gguf.h"

/* Among n rows, ascending by the slice that each begins with. */
static const void *find(const void *rows, size_t n, size_t bytes, const char *name)
{
    size_t length = strlen(name), low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const void *row = (const char *)rows + mid * bytes;
        slice at;
        memcpy(&at, row, sizeof at);
        int order = memcmp(name, at.p, length < at.n ? length : at.n);
        if (order == 0) order = length < at.n ? -1 : length > at.n;
        if (order == 0) return row;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const gguf_key *gguf_find(const gguf *g, const char *name)
{
    return find(g->key, g->n_keys, sizeof *g->key, name);
}

const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name)
{
    return find(g->tensor, g->n_tensors, sizeof *g->tensor, name);
}

static lorec_err missing(const char *name)
{
    return err_set(LOREC_INPUT, "the key %s is missing", name);
}

static lorec_err wrong(const char *name, const gguf_key *k, const char *what)
{
    if (k->type != GGUF_ARRAY)
        return err_set(LOREC_INPUT, "the key %s is %s where %s is needed", name, gguf_type_name(k->type), what);
    return err_set(LOREC_INPUT, "the key %s is an array of %s where %s is needed", name, gguf_type_name(k->item), what);
}

#define FROM(type)                                                                                                     \
    do {                                                                                                               \
        type x;                                                                                                        \
        memcpy(&x, p, sizeof x);                                                                                       \
        *out = (int64_t)x;                                                                                             \
        return true;                                                                                                   \
    } while (0)

/* false: the type is no whole number, or one beyond int64_t. */
static bool whole(gguf_type t, const unsigned char *p, int64_t *out)
{
    uint64_t big;
    switch (t) {
    case GGUF_U8:
        FROM(uint8_t);
    case GGUF_I8:
        FROM(int8_t);
    case GGUF_U16:
        FROM(uint16_t);
    case GGUF_I16:
        FROM(int16_t);
    case GGUF_U32:
        FROM(uint32_t);
    case GGUF_I32:
        FROM(int32_t);
    case GGUF_I64:
        FROM(int64_t);
    case GGUF_U64:
        memcpy(&big, p, sizeof big);
        *out = (int64_t)big;
        return big <= INT64_MAX;
    default:
        return false;
    }
}

lorec_err gguf_get_i64(const gguf *g, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const gguf_key *k = gguf_find(g, name);
    int64_t value;
    if (!k) return missing(name);
    if (!whole(k->type, k->bytes, &value)) return wrong(name, k, "a whole number");
    if (value < min || value > max)
        return err_set(LOREC_INPUT, "the key %s is %lld; it has to be from %lld to %lld", name, (long long)value,
                       (long long)min, (long long)max);
    *out = value;
    return LOREC_OK;
}

lorec_err gguf_get_i64_or(const gguf *g, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out)
{
    *out = fallback;
    return gguf_find(g, name) ? gguf_get_i64(g, name, min, max, out) : LOREC_OK;
}

lorec_err gguf_get_f64_or(const gguf *g, const char *name, double fallback, double *out)
{
    const gguf_key *k = gguf_find(g, name);
    float single;
    *out = fallback;
    if (!k) return LOREC_OK;
    if (k->type == GGUF_F64) {
        memcpy(out, k->bytes, sizeof *out);
    } else if (k->type == GGUF_F32) {
        memcpy(&single, k->bytes, sizeof single);
        *out = (double)single;
    } else {
        return wrong(name, k, "a real number");
    }
    return LOREC_OK;
}

lorec_err gguf_get_bool_or(const gguf *g, const char *name, bool fallback, bool *out)
{
    const gguf_key *k = gguf_find(g, name);
    *out = fallback;
    if (!k) return LOREC_OK;
    if (k->type != GGUF_BOOL) return wrong(name, k, "a bool");
    *out = k->bytes[0];
    return LOREC_OK;
}

static const unsigned char *string_at(const unsigned char *p, slice *out)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    *out = (slice){(const char *)p + sizeof n, (size_t)n};
    return p + sizeof n + n;
}

lorec_err gguf_get_string(const gguf *g, const char *name, slice *out)
{
    const gguf_key *k = gguf_find(g, name);
    if (!k) return missing(name);
    if (k->type != GGUF_STRING) return wrong(name, k, "a string");
    string_at(k->bytes, out);
    return LOREC_OK;
}

lorec_err gguf_get_strings(const gguf *g, const char *name, gguf_strings *out)
{
    const gguf_key *k = gguf_find(g, name);
    if (!k) return missing(name);
    if (k->type != GGUF_ARRAY || k->item != GGUF_STRING) return wrong(name, k, "an array of strings");
    *out = (gguf_strings){.n = (size_t)k->n, .left = (size_t)k->n, .at = k->bytes};
    return LOREC_OK;
}

bool gguf_strings_next(gguf_strings *it, slice *out)
{
    if (it->left == 0) return false;
    it->left--;
    it->at = string_at(it->at, out);
    return true;
}

lorec_err gguf_get_f32s(const gguf *g, const char *name, float **out, size_t *n)
{
    const gguf_key *k = gguf_find(g, name);
    *out = NULL;
    if (!k) return missing(name);
    if (k->type != GGUF_ARRAY || k->item != GGUF_F32) return wrong(name, k, "an array of f32");
    TRY(mem_new(out, (size_t)k->n));
    if (k->n) memcpy(*out, k->bytes, k->size);
    *n = (size_t)k->n;
    return LOREC_OK;
}

lorec_err gguf_get_i32s(const gguf *g, const char *name, int32_t **out, size_t *n)
{
    const gguf_key *k = gguf_find(g, name);
    *out = NULL;
    if (!k) return missing(name);
    if (k->type != GGUF_ARRAY || (k->item != GGUF_I32 && k->item != GGUF_U32))
        return wrong(name, k, "an array of 32-bit whole numbers");
    TRY(mem_new(out, (size_t)k->n));
    for (size_t i = 0; i < k->n; i++) {
        int64_t value = 0;
        if (whole(k->item, k->bytes + 4 * i, &value) && value <= INT32_MAX) {
            (*out)[i] = (int32_t)value;
            continue;
        }
        mem_free(*out);
        *out = NULL;
        return err_set(LOREC_INPUT, "the key %s: value %zu is %lld, beyond 32 bits with a sign", name, i,
                       (long long)value);
    }
    *n = (size_t)k->n;
    return LOREC_OK;
}

#include "tensor/elem.h"

#include <math.h>
#include <strings.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/elem_parts.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values of files are little-endian and are used as they lie");

static const struct {
    const char *name;
    int block;
    size_t bytes;
    elem_reader *read; /* of blocks */
    elem_writer *write;
} types[] = {
    [ELEM_F32] = {"F32", 1, 4, NULL, NULL},
    [ELEM_F16] = {"F16", 1, 2, NULL, NULL},
    [ELEM_BF16] = {"BF16", 1, 2, NULL, NULL},
    [ELEM_F64] = {"F64", 1, 8, NULL, NULL},
    [ELEM_I64] = {"I64", 1, 8, NULL, NULL},
    [ELEM_I32] = {"I32", 1, 4, NULL, NULL},
    [ELEM_I16] = {"I16", 1, 2, NULL, NULL},
    [ELEM_I8] = {"I8", 1, 1, NULL, NULL},
    [ELEM_U8] = {"U8", 1, 1, NULL, NULL},
    [ELEM_BOOL] = {"BOOL", 1, 1, NULL, NULL},
    [ELEM_Q8_0] = {"Q8_0", 32, 34, elem_read_q8_0, elem_write_q8_0},
    [ELEM_Q4_0] = {"Q4_0", 32, 18, elem_read_q4_0, elem_write_q4_0},
    [ELEM_Q4_1] = {"Q4_1", 32, 20, elem_read_q4_1, elem_write_q4_1},
    [ELEM_Q5_0] = {"Q5_0", 32, 22, elem_read_q5_0, elem_write_q5_0},
    [ELEM_Q5_1] = {"Q5_1", 32, 24, elem_read_q5_1, elem_write_q5_1},
    [ELEM_Q4_K] = {"Q4_K", 256, 144, elem_read_q4_k, elem_write_q4_k},
    [ELEM_Q5_K] = {"Q5_K", 256, 176, elem_read_q5_k, elem_write_q5_k},
    [ELEM_Q6_K] = {"Q6_K", 256, 210, elem_read_q6_k, elem_write_q6_k},
};
_Static_assert(sizeof types / sizeof *types == ELEMS, "one row a type");

const char *elem_name(elem t)
{
    return types[t].name;
}

bool elem_find(const char *name, elem *t)
{
    for (int i = 0; i < ELEMS; i++) {
        if (strcasecmp(name, types[i].name)) continue;
        *t = (elem)i;
        return true;
    }
    return false;
}

int elem_block(elem t)
{
    return types[t].block;
}

size_t elem_bytes(elem t)
{
    return types[t].bytes;
}

bool elem_quantised(elem t)
{
    return types[t].block > 1;
}

bool elem_size(elem t, int64_t n, size_t *bytes)
{
    return n >= 0 && n % types[t].block == 0 && size_mul((size_t)(n / types[t].block), types[t].bytes, bytes);
}

/* ---- halves ------------------------------------------------------------------------------------------------------------- */

static inline float as_float(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline uint32_t as_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* IEEE 754 half: 1 sign, 5 exponent, 10 fraction bits. Moved under f32's exponent the value is 2^112 times too small,
 * subnormal ones included; an exponent of all ones has to become f32's. */
float elem_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    float v = as_float((uint32_t)(half & 0x7fff) << 13) * 0x1p112f;
    uint32_t special = v >= 65536.f ? 0x7f800000u : 0;
    return as_float(as_bits(v) | special | sign);
}

uint16_t elem_half(float value)
{
    uint32_t bits = as_bits(value), sign = bits >> 16 & 0x8000, half;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000)
        half = 0x7e00; /* NaN */
    else if (bits >= 0x47800000)
        half = 0x7c00; /* 65536 and more */
    else if (bits < 0x38800000)
        half = as_bits(as_float(bits) + 0.5f) - 0x3f000000; /* below 2^-14: the sum's last bit is 2^-24 */
    else
        half = (bits + 0xfff + (bits >> 13 & 1) - 0x38000000) >> 13; /* 65520 and more carry into infinity */
    return (uint16_t)(sign | half);
}

/* Nearest, ties to even; NaN stays NaN. */
static uint16_t bf16_of(float value)
{
    uint32_t bits = as_bits(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* ---- to and from f32 ---------------------------------------------------------------------------------------------------- */

/* Files align values to nothing: each is copied out. */
#define EACH(type, expression)                                                                                         \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        type x;                                                                                                        \
        memcpy(&x, p + (size_t)i * sizeof x, sizeof x);                                                                \
        to[i] = (expression);                                                                                          \
    }                                                                                                                  \
    break

static void read_plain(elem t, const unsigned char *p, float *to, int64_t n)
{
    switch (t) {
    case ELEM_F16:
        EACH(uint16_t, elem_f16(x));
    case ELEM_BF16:
        EACH(uint16_t, as_float((uint32_t)x << 16));
    case ELEM_F64:
        EACH(double, (float)x);
    case ELEM_I64:
        EACH(int64_t, (float)x);
    case ELEM_I32:
        EACH(int32_t, (float)x);
    case ELEM_I16:
        EACH(int16_t, (float)x);
    case ELEM_I8:
        EACH(int8_t, (float)x);
    case ELEM_U8:
        EACH(uint8_t, (float)x);
    case ELEM_BOOL:
        EACH(uint8_t, (float)(x != 0));
    default:
        if (n) memcpy(to, p, (size_t)n * sizeof *to);
    }
}

static lorec_err blocks_of(elem t, int64_t n, int64_t *blocks)
{
    *blocks = n / types[t].block;
    if (n >= 0 && n % types[t].block == 0) return LOREC_OK;
    return err_set(LOREC_USAGE, "%lld values are no whole number of %s blocks of %d", (long long)n, types[t].name,
                   types[t].block);
}

lorec_err elem_to_f32(elem t, const void *from, float *to, int64_t n)
{
    int64_t blocks;
    TRY(blocks_of(t, n, &blocks));
    if (types[t].read)
        types[t].read(from, to, blocks);
    else
        read_plain(t, from, to, n);
    return LOREC_OK;
}

lorec_err elem_read_f32(const blob *from, uint64_t at, elem t, float *to, int64_t n)
{
    enum { ROOM = 1 << 16 };
    int64_t blocks, room = ROOM / (int64_t)types[t].bytes;
    TRY(blocks_of(t, n, &blocks));
    if (t == ELEM_F32) return blob_read(from, at, to, (size_t)n * sizeof *to);
    unsigned char part[ROOM];
    for (int64_t done = 0; done < blocks; done += room) {
        int64_t now = blocks - done < room ? blocks - done : room;
        TRY(blob_read(from, at + (uint64_t)done * types[t].bytes, part, (size_t)now * types[t].bytes));
        TRY(elem_to_f32(t, part, to + done * types[t].block, now * types[t].block));
    }
    return LOREC_OK;
}

typedef struct writing {
    elem t;
    const float *from;
    unsigned char *to;
} writing;

/* Blocks [begin, end). */
static lorec_err write_some(void *ctx, size_t begin, size_t end, int worker)
{
    const writing *w = ctx;
    const float *from = w->from + begin * (size_t)types[w->t].block;
    (void)worker;
    for (size_t i = 0; i < (end - begin) * (size_t)types[w->t].block; i++)
        if (!isfinite(from[i]))
            return err_set(LOREC_INPUT, "value %zu is %g; it can not be quantised",
                           begin * (size_t)types[w->t].block + i, (double)from[i]);
    types[w->t].write(from, w->to + begin * types[w->t].bytes, (int64_t)(end - begin));
    return LOREC_OK;
}

static lorec_err write_blocks(elem t, const float *from, void *to, int64_t n)
{
    enum { GRAIN = 1 << 13 }; /* values */
    if (!types[t].write)
        return err_set(LOREC_USAGE, "values are written as F32, F16, BF16 or a quantised type, not as %s",
                       types[t].name);
    return par_for((size_t)(n / types[t].block), (size_t)(GRAIN / types[t].block), write_some, &(writing){t, from, to});
}

lorec_err elem_from_f32(elem t, const float *from, void *to, int64_t n)
{
    int64_t blocks;
    unsigned char *p = to;
    TRY(blocks_of(t, n, &blocks));
    switch (t) {
    case ELEM_F32:
        if (n) memcpy(to, from, (size_t)n * sizeof *from);
        return LOREC_OK;
    case ELEM_F16:
        for (int64_t i = 0; i < n; i++) elem_put16(p + 2 * i, elem_half(from[i]));
        return LOREC_OK;
    case ELEM_BF16:
        for (int64_t i = 0; i < n; i++) elem_put16(p + 2 * i, bf16_of(from[i]));
        return LOREC_OK;
    default:
        return write_blocks(t, from, to, n);
    }
}

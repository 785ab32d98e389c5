/* From rows of a file to groups and blocks. */
#include "tensor/cpu/packed.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/quants.h"

bool packed_fits(elem as, int64_t in)
{
    quant_form f;
    return as == ELEM_F16 || as == ELEM_BF16 || (quants_of(as, &f) && in % elem_block(as) == 0);
}

void packed_release(packed *w)
{
    if (!w) return;
    mem_free(w->q);
    mem_free(w->scale);
    mem_free(w->least);
    mem_free(w);
}

/* ---- places ---------------------------------------------------------------------------------------------------------- */

static uint8_t *block_at(const packed *w, int64_t group, int64_t block)
{
    return w->q + (size_t)(group * w->blocks + block) * w->block_bytes;
}

/* Of the part that holds inputs from `block` * 32 on. */
static size_t part_at(const packed *w, int64_t group, int64_t block)
{
    return (size_t)((group * w->blocks + block) * (PACKED_BLOCK / w->part) * PACKED_GROUP);
}

/* Input i of a block of output r: the byte, and whether it is the high nibble. */
static size_t byte_of(int i, int r)
{
    return (size_t)(i / 4 * PACKED_GROUP * 4 + r * 4 + i % 4);
}

static size_t nibble_of(int i, int r, bool *high)
{
    *high = i % 8 >= 4;
    return (size_t)(i / 8 * PACKED_GROUP * 4 + r * 4 + i % 4);
}

static size_t pair_of(int i, int r)
{
    return (size_t)(i / 2 * PACKED_GROUP * 2 + r * 2 + i % 2);
}

/* ---- packing ----------------------------------------------------------------------------------------------------------- */

typedef struct packing {
    packed *w;
    const packed_source *s;
    size_t row_bytes;  /* of data */
    size_t kept_bytes; /* of a row as it is kept */
    const float *wide; /* quantised data that is [in, out], as f32 */
} packing;

/* Row r as it is kept, made where the file holds another type or lies the other way. NULL: out of memory or not finite. */
static const void *row_as_kept(const packing *j, int64_t r, float *values, void *kept, lorec_err *e)
{
    const packed_source *s = j->s;
    const unsigned char *data = s->data;
    if (!s->in_out && s->type == s->as) return data + (size_t)r * j->row_bytes;
    if (s->in_out) {
        size_t each = elem_bytes(s->type);
        for (int64_t i = 0; i < s->in && !*e; i++)
            if (j->wide)
                values[i] = j->wide[i * s->out + r];
            else
                *e = elem_to_f32(s->type, data + (size_t)(i * s->out + r) * each, values + i, 1);
    } else {
        *e = elem_to_f32(s->type, data + (size_t)r * j->row_bytes, values, s->in);
    }
    if (!*e) *e = elem_from_f32(s->as, values, kept, s->in);
    return kept;
}

static lorec_err put_plain(packed *w, int64_t group, int r, const uint16_t *row)
{
    bool bf = w->form == PACKED_BF16;
    uint16_t special = bf ? 0x7f80 : 0x7c00;
    for (int64_t i = 0; i < w->in; i++) {
        uint16_t *to = (uint16_t *)(void *)block_at(w, group, i / PACKED_BLOCK);
        int at = (int)(i % PACKED_BLOCK);
        uint16_t v;
        memcpy(&v, row + i, sizeof v); /* files align values to nothing */
        if ((v & special) == special)
            return err_set(LOREC_INPUT, "value %lld of row %lld is not finite", (long long)i,
                           (long long)(group * PACKED_GROUP + r));
        to[bf ? pair_of(at, r) : (size_t)(at * PACKED_GROUP + r)] = v;
    }
    return LOREC_OK;
}

static void put_integers(packed *w, int64_t group, int r, const uint8_t *q)
{
    for (int64_t b = 0; b < w->blocks; b++, q += PACKED_BLOCK) {
        uint8_t *to = block_at(w, group, b);
        for (int i = 0; i < PACKED_BLOCK; i++) {
            bool high;
            if (w->form == PACKED_BYTES)
                to[byte_of(i, r)] = q[i];
            else {
                size_t at = nibble_of(i, r, &high);
                to[at] |= (uint8_t)(high ? q[i] << 4 : q[i]);
            }
        }
    }
}

static lorec_err put_scales(packed *w, int64_t group, int r, const float *scale, const float *least)
{
    int64_t parts = w->blocks * PACKED_BLOCK / w->part;
    size_t first = part_at(w, group, 0) + (size_t)r;
    for (int64_t i = 0; i < parts; i++) {
        size_t at = first + (size_t)i * PACKED_GROUP;
        if (!isfinite(scale[i]) || (w->least && !isfinite(least[i])))
            return err_set(LOREC_INPUT, "a scale of row %lld is not finite", (long long)(group * PACKED_GROUP + r));
        w->scale[at] = elem_half(scale[i] / w->unit);
        if (w->least) w->least[at] = elem_half(least[i] / w->unit);
    }
    return LOREC_OK;
}

static lorec_err pack_groups(void *ctx, size_t begin, size_t end, int worker)
{
    const packing *j = ctx;
    packed *w = j->w;
    (void)worker;
    int64_t in = w->blocks * PACKED_BLOCK, parts = w->part ? in / w->part : 1;
    float *values = NULL, *scale = NULL;
    uint8_t *q = NULL, *kept = NULL;
    lorec_err e = mem_new(&values, (size_t)in);
    if (!e) e = mem_new(&scale, 2 * (size_t)parts);
    if (!e) e = mem_new(&q, (size_t)in);
    if (!e) e = mem_new(&kept, j->kept_bytes + 4);
    for (size_t g = begin; g < end && !e; g++)
        for (int r = 0; r < PACKED_GROUP && !e; r++) {
            int64_t row = (int64_t)g * PACKED_GROUP + r;
            if (row >= w->out) break;
            const void *from = row_as_kept(j, row, values, kept, &e);
            if (e) break;
            if (w->part == 0) {
                e = put_plain(w, (int64_t)g, r, from);
                continue;
            }
            quants_read(w->type, from, w->in, q, scale, scale + parts);
            put_integers(w, (int64_t)g, r, q);
            e = put_scales(w, (int64_t)g, r, scale, scale + parts);
        }
    mem_free(values);
    mem_free(scale);
    mem_free(q);
    mem_free(kept);
    return e;
}

/* The products of two scales in K blocks have more bits than f16 and may be small: a power of two moves the largest up. */
static lorec_err find_unit(packed *w, const packed_source *s)
{
    w->unit = 1;
    if (elem_block(s->as) != 256) return LOREC_OK;
    size_t block = elem_bytes(s->as), n;
    float most = 0;
    if (s->type != s->as || s->in_out) {
        w->unit = 0x1p-12f; /* quantised here from f32: weights beyond 2^3 are not */
        return LOREC_OK;
    }
    uint8_t q[256];
    float scale[16], least[16] = {0};
    n = s->bytes / block;
    for (size_t b = 0; b < n; b++) {
        quants_read(s->as, (const unsigned char *)s->data + b * block, 256, q, scale, least);
        for (int i = 0; i < 256 / w->part; i++)
            most = fmaxf(most, fmaxf(fabsf(scale[i]), w->zero < 0 ? fabsf(least[i]) : 0));
    }
    int exponent;
    if (most > 0 && isfinite(most)) {
        frexpf(most, &exponent);
        w->unit = ldexpf(1, exponent - 14);
    }
    return LOREC_OK;
}

static lorec_err allocate(packed *w, const packed_source *s)
{
    static const size_t block_bytes[] = {
        [PACKED_BYTES] = 512, [PACKED_NIBBLES] = 256, [PACKED_BF16] = 1024, [PACKED_F16] = 1024};
    quant_form f = {0};
    bool ints = quants_of(s->as, &f);
    w->form = s->as == ELEM_F16    ? PACKED_F16
              : s->as == ELEM_BF16 ? PACKED_BF16
              : f.bits == 4        ? PACKED_NIBBLES
                                   : PACKED_BYTES;
    w->part = f.part;
    w->zero = f.zero;
    w->groups = (s->out + PACKED_GROUP - 1) / PACKED_GROUP;
    w->blocks = (s->in + PACKED_BLOCK - 1) / PACKED_BLOCK;
    w->block_bytes = block_bytes[w->form];
    size_t blocks, bytes, scales = 0;
    if (!size_mul((size_t)w->groups, (size_t)w->blocks, &blocks) || !size_mul(blocks, 1024, &bytes))
        return err_set(LOREC_RESOURCE, "a matrix [%lld, %lld] is too large", (long long)s->out, (long long)s->in);
    w->bytes = blocks * w->block_bytes;
    TRY(mem_new(&w->q, w->bytes));
    if (!ints) return LOREC_OK;
    scales = blocks * (size_t)(PACKED_BLOCK / w->part) * PACKED_GROUP;
    TRY(mem_new(&w->scale, scales));
    if (w->zero < 0) TRY(mem_new(&w->least, scales));
    w->bytes += scales * sizeof *w->scale * (w->zero < 0 ? 2 : 1);
    return LOREC_OK;
}

static lorec_err check_source(const packed_source *s, packing *j)
{
    size_t all;
    if (s->out < 1 || s->in < 1)
        return err_set(LOREC_INPUT, "a matrix [%lld, %lld] is empty", (long long)s->out, (long long)s->in);
    if (!packed_fits(s->as, s->in))
        return err_set(LOREC_INPUT, "rows of %lld values can not be kept as %s (blocks of %d)", (long long)s->in,
                       elem_name(s->as), elem_block(s->as));
    if (!elem_size(s->type, s->in_out ? s->out : s->in, &j->row_bytes) ||
        !size_mul(j->row_bytes, (size_t)(s->in_out ? s->in : s->out), &all) || !elem_size(s->as, s->in, &j->kept_bytes))
        return err_set(LOREC_INPUT, "rows of %lld values are no whole number of %s blocks",
                       (long long)(s->in_out ? s->out : s->in), elem_name(s->type));
    if (all != s->bytes)
        return err_set(LOREC_INPUT, "%zu bytes where [%lld, %lld] of %s need %zu", s->bytes, (long long)s->out,
                       (long long)s->in, elem_name(s->type), all);
    return LOREC_OK;
}

lorec_err packed_new(packed **out, const packed_source *s)
{
    *out = NULL;
    packing j = {.s = s};
    TRY(check_source(s, &j));
    packed *w;
    float *wide = NULL;
    TRY(mem_new(&w, 1));
    j.w = w;
    w->type = s->as;
    w->in_out = s->in_out;
    w->out = s->out;
    w->in = s->in;
    lorec_err e = allocate(w, s);
    if (!e) e = find_unit(w, s);
    if (!e && s->in_out && elem_quantised(s->type)) {
        e = mem_new(&wide, (size_t)(s->in * s->out));
        if (!e) e = elem_to_f32(s->type, s->data, wide, s->in * s->out);
        j.wide = wide;
    }
    if (!e) e = par_for((size_t)w->groups, 1, pack_groups, &j);
    mem_free(wide);
    if (e)
        packed_release(w);
    else
        *out = w;
    return e;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

void packed_read_rows(const packed *w, int64_t row, int64_t rows, float *to)
{
    for (int64_t at = row; at < row + rows; at++) {
        int64_t group = at / PACKED_GROUP;
        int r = (int)(at % PACKED_GROUP);
        for (int64_t b = 0; b < w->blocks; b++) {
            const uint8_t *q = block_at(w, group, b);
            const uint16_t *half = (const uint16_t *)(const void *)q;
            int n = (int)(w->in - b * PACKED_BLOCK < PACKED_BLOCK ? w->in - b * PACKED_BLOCK : PACKED_BLOCK);
            for (int i = 0; i < n; i++) {
                if (w->form == PACKED_F16) {
                    *to++ = elem_f16(half[i * PACKED_GROUP + r]);
                    continue;
                }
                if (w->form == PACKED_BF16) {
                    uint32_t u = (uint32_t)half[pair_of(i, r)] << 16;
                    memcpy(to++, &u, 4);
                    continue;
                }
                bool high = false;
                int v = w->form == PACKED_BYTES ? q[byte_of(i, r)] : q[nibble_of(i, r, &high)];
                if (w->form == PACKED_NIBBLES) v = high ? v >> 4 : v & 15;
                size_t part = part_at(w, group, b) + (size_t)(i / w->part * PACKED_GROUP + r);
                float d = elem_f16(w->scale[part]) * w->unit;
                *to++ = w->least ? d * (float)v + elem_f16(w->least[part]) * w->unit : d * (float)(v - w->zero);
            }
        }
    }
}

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
    const float *wide; /* data that lies [in, out], as f32 */
} packing;

/* One worker's memory. */
typedef struct packer {
    float *values, *scale; /* scale: and least behind it */
    uint8_t *q, *kept, *data;
} packer;

/* Rows of the file from r on, n of them. */
static lorec_err file_rows(const packing *j, const packer *m, int64_t r, int64_t n, const uint8_t **rows)
{
    const packed_source *s = j->s;
    *rows = m->data;
    if (s->data_in_out) return LOREC_OK;
    if (!s->data) return s->read(s->ctx, r, n, m->data);
    *rows = (const uint8_t *)s->data + (size_t)r * j->row_bytes;
    return LOREC_OK;
}

/* Output r as it is kept: as it lies, or made from another type or from data that lies the other way. */
static lorec_err row_as_kept(const packing *j, const packer *m, int64_t r, const uint8_t *row, const void **kept)
{
    const packed_source *s = j->s;
    *kept = row;
    if (!s->data_in_out && s->type == s->as) return LOREC_OK;
    *kept = m->kept;
    if (s->data_in_out)
        for (int64_t i = 0; i < s->in; i++) m->values[i] = j->wide[i * s->out + r];
    else
        TRY(elem_to_f32(s->type, row, m->values, s->in));
    return elem_from_f32(s->as, m->values, m->kept, s->in);
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
        w->scale[at] = elem_half(scale[i] / w->unit);
        if (w->least) w->least[at] = elem_half(least[i] / w->unit);
        if ((w->scale[at] & 0x7c00) == 0x7c00 || (w->least && (w->least[at] & 0x7c00) == 0x7c00))
            return err_set(LOREC_INPUT, "a scale of row %lld is not finite, or beyond half precision",
                           (long long)(group * PACKED_GROUP + r));
    }
    return LOREC_OK;
}

static lorec_err pack_group(const packing *j, const packer *m, int64_t group)
{
    packed *w = j->w;
    int64_t row = group * PACKED_GROUP, n = w->out - row < PACKED_GROUP ? w->out - row : PACKED_GROUP;
    const uint8_t *rows;
    size_t parts = w->part ? (size_t)(w->blocks * PACKED_BLOCK / w->part) * PACKED_GROUP : 0;
    memset(block_at(w, group, 0), 0, (size_t)w->blocks * w->block_bytes);
    if (parts) memset(w->scale + (size_t)group * parts, 0, parts * sizeof *w->scale);
    if (w->least) memset(w->least + (size_t)group * parts, 0, parts * sizeof *w->least);
    TRY(file_rows(j, m, row, n, &rows));
    for (int r = 0; r < n; r++) {
        const void *kept;
        TRY(row_as_kept(j, m, row + r, rows + (size_t)r * j->row_bytes, &kept));
        if (w->part == 0) {
            TRY(put_plain(w, group, r, kept));
            continue;
        }
        float *least = m->scale + w->blocks * PACKED_BLOCK / w->part;
        quants_read(w->type, kept, w->in, m->q, m->scale, least);
        put_integers(w, group, r, m->q);
        TRY(put_scales(w, group, r, m->scale, least));
    }
    return LOREC_OK;
}

static lorec_err pack_groups(void *ctx, size_t begin, size_t end, int worker)
{
    const packing *j = ctx;
    const packed *w = j->w;
    packer m = {0};
    (void)worker;
    size_t in = (size_t)w->blocks * PACKED_BLOCK;
    lorec_err e = mem_new(&m.values, in);
    if (!e) e = mem_new(&m.scale, in / 8);
    if (!e) e = mem_new(&m.q, in);
    if (!e) e = mem_new(&m.kept, j->kept_bytes + 4);
    if (!e && !j->s->data && !j->s->data_in_out) e = mem_new(&m.data, j->row_bytes * PACKED_GROUP);
    for (size_t g = begin; g < end && !e; g++) e = pack_group(j, &m, (int64_t)g);
    mem_free(m.values);
    mem_free(m.scale);
    mem_free(m.q);
    mem_free(m.kept);
    mem_free(m.data);
    return e;
}

static lorec_err allocate(packed *w, const packed_source *s, arena *memory)
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
    w->unit = elem_block(s->as) == 256 ? 0x1p-12f
                                       : 1; /* the product of two scales is small: away from f16's subnormals */
    w->groups = (s->out + PACKED_GROUP - 1) / PACKED_GROUP;
    w->blocks = (s->in + PACKED_BLOCK - 1) / PACKED_BLOCK;
    w->block_bytes = block_bytes[w->form];
    size_t blocks, bytes, scales = 0;
    if (!size_mul((size_t)w->groups, (size_t)w->blocks, &blocks) || !size_mul(blocks, 1024, &bytes))
        return err_set(LOREC_RESOURCE, "a matrix [%lld, %lld] is too large", (long long)s->out, (long long)s->in);
    w->bytes = blocks * w->block_bytes;
    if (!(w->q = arena_alloc(memory, w->bytes))) return LOREC_RESOURCE;
    if (!ints) return LOREC_OK;
    scales = blocks * (size_t)(PACKED_BLOCK / w->part) * PACKED_GROUP;
    w->scale = arena_alloc(memory, scales * sizeof *w->scale * (w->zero < 0 ? 2 : 1));
    if (!w->scale) return LOREC_RESOURCE;
    if (w->zero < 0) w->least = w->scale + scales;
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
    if (!elem_size(s->type, s->data_in_out ? s->out : s->in, &j->row_bytes) ||
        !size_mul(j->row_bytes, (size_t)(s->data_in_out ? s->in : s->out), &all) ||
        !elem_size(s->as, s->in, &j->kept_bytes))
        return err_set(LOREC_INPUT, "rows of %lld values are no whole number of %s blocks",
                       (long long)(s->data_in_out ? s->out : s->in), elem_name(s->type));
    if (s->data && all != s->bytes)
        return err_set(LOREC_INPUT, "%zu bytes where [%lld, %lld] of %s need %zu", s->bytes, (long long)s->out,
                       (long long)s->in, elem_name(s->type), all);
    return LOREC_OK;
}

/* Row i of data that lies [in, out]. */
static lorec_err wide_row(const packing *j, int64_t i, float *to)
{
    const packed_source *s = j->s;
    if (s->data) return elem_to_f32(s->type, (const uint8_t *)s->data + (size_t)i * j->row_bytes, to, s->out);
    uint8_t *row;
    TRY(mem_new(&row, j->row_bytes));
    lorec_err e = s->read(s->ctx, i, 1, row);
    if (!e) e = elem_to_f32(s->type, row, to, s->out);
    mem_free(row);
    return e;
}

lorec_err packed_new(packed **out, const packed_source *s, arena *memory)
{
    *out = NULL;
    packing j = {.s = s};
    TRY(check_source(s, &j));
    packed *w = arena_zalloc(memory, sizeof *w);
    float *wide = NULL;
    if (!w) return LOREC_RESOURCE;
    j.w = w;
    w->type = s->as;
    w->in_out = s->in_out;
    w->out = s->out;
    w->in = s->in;
    lorec_err e = allocate(w, s, memory);
    if (!e && s->data_in_out) {
        e = mem_new(&wide, (size_t)(s->in * s->out));
        for (int64_t i = 0; i < s->in && !e; i++) e = wide_row(&j, i, wide + i * s->out);
        j.wide = wide;
    }
    if (!e) e = par_for((size_t)w->groups, 1, pack_groups, &j);
    mem_free(wide);
    if (!e) *out = w;
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

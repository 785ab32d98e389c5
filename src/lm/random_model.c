#include "lm/random_model.h"

#include <string.h>

#include "tensor/packed.h"
#include "tensor/rng.h"

typedef struct shape {
    const char *name;
    int64_t layers, width, heads, kv_heads, ffn, vocab;
} shape;

static const shape shapes[] = {
    {"llama-1.1b", 22, 2048, 32, 4, 5632, 32000}, /* TinyLlama (Zhang et al. 2024) */
    {"llama-134m", 12, 768, 12, 12, 2048, 32000},
    {"llama-tiny", 2, 128, 4, 2, 256, 512},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

const char *random_model_shapes(void)
{
    return "llama-1.1b, llama-134m, llama-tiny";
}

typedef struct drawing {
    elem as;
    uint64_t stream; /* of the parameter at hand */
    int64_t in;
} drawing;

/* Quantised blocks hold any integers under a scale that gives values of about 0.02; plain ones are drawn from +-0.035. */
static lorec_err draw_rows(void *ctx, int64_t row, int64_t rows, void *into)
{
    const drawing *d = ctx;
    size_t bytes, block = elem_bytes(d->as);
    if (!elem_size(d->as, rows * d->in, &bytes)) return err_set(LOREC_USAGE, "a shape of no whole blocks");
    unsigned char *to = into;
    uint32_t draw[4];
    uint64_t first = (uint64_t)row * (bytes / (size_t)rows) / 16;
    uint16_t scale = elem_half(d->as == ELEM_Q8_0 ? 0.02f / 73 : 0.02f / 4.6f);
    for (size_t at = 0; at < bytes; at += 16) {
        rng_block(7, d->stream, first + at / 16, draw);
        memcpy(to + at, draw, bytes - at < 16 ? bytes - at : 16);
    }
    for (size_t at = 0; at < bytes; at += block) {
        uint16_t v;
        memcpy(&v, to + at, 2);
        float value = ((float)v / 32768 - 1) * 0.035f;
        if (elem_quantised(d->as))
            memcpy(to + at, &scale, 2);
        else
            TRY(elem_from_f32(d->as, &value, to + at, 1));
    }
    return LOREC_OK;
}

static bool supply(void *ctx, const char *name, int ndim, const int64_t *size, packed_source *out)
{
    drawing *d = ctx;
    if (ndim != 2) return false;
    d->stream = RNG_USER;
    for (const char *c = name; *c; c++) d->stream = d->stream * 31 + (unsigned char)*c;
    d->in = size[1];
    *out = (packed_source){.type = d->as, .as = d->as, .out = size[0], .in = size[1], .read = draw_rows, .ctx = d};
    return true;
}

static lorec_err ones(params *ps)
{
    for (size_t i = 0; i < params_count(ps); i++) {
        tensor *p = params_at(ps, i);
        if (tensor_dims(p) != 1) continue;
        float one[1 << 14];
        if (tensor_count(p) > 1 << 14) return err_set(LOREC_USAGE, "a shape too wide");
        for (int64_t j = 0; j < tensor_count(p); j++) one[j] = 1;
        TRY(tensor_write(p, one, tensor_count(p)));
    }
    return LOREC_OK;
}

lorec_err random_model(lm_model **out, const char *name, elem as)
{
    *out = NULL;
    const shape *s = NULL;
    for (int i = 0; i < SHAPES; i++)
        if (strcmp(name, shapes[i].name) == 0) s = &shapes[i];
    if (!s) return err_set(LOREC_USAGE, "no shape \"%s\"; there are %s", name, random_model_shapes());
    if (as != ELEM_F32 && as != ELEM_F16 && as != ELEM_BF16 && as != ELEM_Q8_0 && as != ELEM_Q4_0)
        return err_set(LOREC_USAGE, "weights are drawn as F32, F16, BF16, Q8_0 or Q4_0, not as %s", elem_name(as));
    json_t *config = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "model_type", "llama", "vocab_size",
                               (json_int_t)s->vocab, "hidden_size", (json_int_t)s->width, "intermediate_size",
                               (json_int_t)s->ffn, "num_hidden_layers", (json_int_t)s->layers, "num_attention_heads",
                               (json_int_t)s->heads, "num_key_value_heads", (json_int_t)s->kv_heads,
                               "max_position_embeddings", (json_int_t)2048, "rms_norm_eps", 1e-5);
    if (!config) return err_set(LOREC_RESOURCE, "out of memory for a config");
    drawing d = {.as = as};
    lorec_err e = lm_model_make_from(out, config, name, as == ELEM_F32 ? NULL : supply, &d);
    json_decref(config);
    if (!e && as != ELEM_F32) e = ones((*out)->params);
    if (!e) return LOREC_OK;
    lm_model_free(*out);
    *out = NULL;
    return e;
}

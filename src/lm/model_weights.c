#include "lm/model_weights.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* Files of TensorFlow's time call a norm's gain and bias gamma and beta; those of transformers before 5 keep the bias of a
 * masked head that is not tied a level higher. */
static const weight *find_renamed(const weights *w, const char *name)
{
    static const char *const ends[][2] = {
        {"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}, {"decoder.bias", "bias"}};
    const weight *x = weights_find(w, name);
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends && !x; i++) {
        size_t end = strlen(ends[i][0]);
        if (n < end || strcmp(name + n - end, ends[i][0]) != 0) continue;
        buf old = {0};
        if (!buf_add(&old, name, n - end) && !buf_puts(&old, ends[i][1])) x = weights_find(w, old.p);
        buf_free(&old);
    }
    return x;
}

const weight *model_weight_find(const weights *w, const lm_arch *arch, const char *name)
{
    const weight *x = find_renamed(w, name);
    size_t n = strlen(arch->base);
    if (!x && strncmp(name, arch->base, n) == 0) x = find_renamed(w, name + n);
    return x;
}

static bool same_shape(const weight *x, const tensor *p)
{
    int n = tensor_dims(p);
    if (x->ndim == 0) return n == 1 && tensor_count(p) == 1;
    bool same = x->ndim == n;
    for (int d = 0; same && d < n; d++) same = x->shape[d] == tensor_size(p, x->transposed ? n - 1 - d : d);
    return same;
}

/* From [out, in] to [in, out]. */
static lorec_err turn(float **values, int64_t rows, int64_t width)
{
    float *turned;
    TRY(mem_new(&turned, (size_t)(rows * width)));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < width; c++) turned[c * rows + r] = (*values)[r * width + c];
    mem_free(*values);
    *values = turned;
    return LOREC_OK;
}

static lorec_err check_finite(const float *values, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return err_set(LOREC_INPUT, "value %lld of the parameter %s is %g", (long long)i, name, (double)values[i]);
    return LOREC_OK;
}

static lorec_err read_one(const weights *w, const lm_arch *arch, tensor *p)
{
    const char *name = tensor_name(p);
    if (tensor_dtype(p) == DTYPE_PACKED) return LOREC_OK;
    const weight *x = model_weight_find(w, arch, name);
    if (!x) return err_set(LOREC_INPUT, "the parameter %s is missing", name);
    if (!same_shape(x, p))
        return err_set(LOREC_INPUT, "the parameter %s has another shape than config.json says (%lld values of %lld)",
                       name, (long long)weight_values(x), (long long)tensor_count(p));
    int64_t n = tensor_count(p);
    float *values;
    TRY(mem_new(&values, (size_t)n));
    lorec_err e = weights_read_f32(w, x, 0, weight_rows(x), values);
    if (!e) e = check_finite(values, n, name);
    if (!e && x->transposed) e = turn(&values, weight_rows(x), n / weight_rows(x));
    if (!e) e = tensor_write(p, values, n);
    mem_free(values);
    return e;
}

lorec_err model_weights_read(lm_model *m, const weights *w)
{
    size_t n = params_count(m->params), there = weights_count(w);
    if (there == 0)
        return err_set(LOREC_INPUT, "no weights: model.safetensors or pytorch_model.bin, or an index of several");
    for (size_t i = 0; i < n; i++) TRY(read_one(w, m->arch, params_at(m->params, i)));
    if (there > n) log_debug("%zu of %zu tensors are not part of the model", there - n, there);
    return LOREC_OK;
}

/* ---- packed -------------------------------------------------------------------------------------------------------------- */

static elem form_of(lm_form form, elem type, int64_t in)
{
    elem as = form == LM_BF16 ? ELEM_BF16 : form == LM_Q8 ? ELEM_Q8_0 : form == LM_Q4 ? ELEM_Q4_0 : type;
    if (form == LM_Q8 && elem_quantised(type)) as = type; /* no more than the file has */
    return packed_fits(as, in) ? as : ELEM_F32;
}

static lorec_err read_rows(void *ctx, int64_t row, int64_t rows, void *into)
{
    const model_packing *p = ctx;
    return weights_read(p->w, p->at, row, rows, into);
}

/* GPT-2's products lie [in, out]; its tables do not. */
static bool lies_in_out(const transformer_config *c, const char *name)
{
    static const transformer_part tables[] = {PART_TOKENS, PART_POSITIONS, PART_TYPES, PART_HEAD};
    if (!c || c->layout != LINEAR_IN_OUT) return false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (c->name[tables[i]] && strcmp(name, c->name[tables[i]]) == 0) return false;
    return true;
}

bool model_packing_supply(void *packing, const char *name, int ndim, const int64_t *shape, packed_source *out)
{
    enum { SMALL = 64 }; /* position biases and the like are no matrices of products */
    model_packing *p = packing;
    const weight *x = ndim == 2 ? model_weight_find(p->w, p->arch, name) : NULL;
    if (!x || x->ndim != 2 || shape[0] < SMALL || shape[1] < SMALL) return false;
    bool in_out = lies_in_out(p->config, name);
    for (int d = 0; d < 2; d++)
        if (x->shape[d] != shape[x->transposed ? 1 - d : d]) return false; /* read_one says so */
    *out = (packed_source){.type = x->type,
                           .out = shape[in_out ? 1 : 0],
                           .in = shape[in_out ? 0 : 1],
                           .in_out = in_out,
                           .data_in_out = in_out && !x->transposed,
                           .read = read_rows,
                           .ctx = p};
    out->as = form_of(p->form, x->type, out->in);
    p->at = x;
    return out->as != ELEM_F32 && (in_out || !x->transposed);
}

/* LoRA (Hu et al., ICLR 2022): a product gets alpha / rank B A x more; B starts at 0, so the adapter starts as nothing. */
#include <math.h>

#include "base/mem.h"
#include "lm/adapters/adapter_parts.h"

double adapter_lora_scale(const adapter_options *o)
{
    return o->alpha / (o->rslora ? sqrt((double)o->rank) : (double)o->rank);
}

/* peft's rule: the module is called that, or ends in "." and that. */
static bool named(const char *module, slice target)
{
    size_t n = strlen(module);
    if (target.n == 0 || n < target.n || memcmp(module + n - target.n, target.p, target.n) != 0) return false;
    return n == target.n || module[n - target.n - 1] == '.';
}

static bool wanted(const adapter *a, transformer_part part, const char *module)
{
    if (!a->targets) return part == PART_Q || part == PART_V || part == PART_QKV;
    slice rest = slice_of(a->targets);
    while (rest.n) {
        slice target = slice_trim(slice_cut(&rest, ','));
        if (slice_is(target, "all") || named(module, target)) return true;
    }
    return false;
}

static lorec_err lora_site(adapter *a, transformer_part part, const char *module, adapter_site *site)
{
    if (!wanted(a, part, module)) return LOREC_OK;
    bool out_in = transformer_settings(site->net)->layout == LINEAR_OUT_IN;
    int64_t out = tensor_size(site->weight, out_in ? 0 : 1), in = tensor_size(site->weight, out_in ? 1 : 0);
    site->down = adapter_add(a, module, "lora_A.weight", init_torch_linear(in), 2, (int64_t[]){a->o.rank, in});
    site->up = adapter_add(a, module, "lora_B.weight", INIT_ZERO, 2, (int64_t[]){out, a->o.rank});
    return LOREC_OK;
}

static tensor *lora_product(tape *t, const adapter *a, const adapter_site *s, tensor *x, tensor *y, float weight,
                            tensor *row_scale)
{
    float scale = (float)adapter_lora_scale(&a->o) * weight;
    if (a->o.dropout > 0) x = op_dropout(t, x, (float)a->o.dropout);
    return op_low_rank(t, y, x, s->down, s->up, scale, row_scale);
}

static lorec_err lora_merge(const adapter *a, const adapter_site *s, double sign)
{
    bool out_in = transformer_settings(s->net)->layout == LINEAR_OUT_IN;
    int64_t count = tensor_count(s->weight);
    tape *t = tape_new(&(tape_options){.train = false});
    if (!t) return LOREC_RESOURCE;
    tape_begin(t, 0);
    tensor *change = out_in ? op_matmul(t, s->up, s->down, false, false) : op_matmul(t, s->down, s->up, true, true);
    tensor *sum = op_add(t, s->weight, op_scale(t, change, (float)(sign * adapter_lora_scale(&a->o)), 0));
    float *values = NULL;
    lorec_err e = mem_new(&values, (size_t)count);
    if (!e) e = tape_read(t, sum, values, count);
    if (!e) e = tensor_write(s->weight, values, count);
    mem_free(values);
    tape_free(t);
    return e;
}

const adapter_kind adapter_kind_lora = {
    .name = "lora", .peft_type = "LORA", .peft = true, .site = lora_site, .product = lora_product, .merge = lora_merge};

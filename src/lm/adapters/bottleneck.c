/* Bottleneck layers behind the products that end a sublayer: y + up(act(down(y))). up starts at 0, so the adapter starts as
 * nothing. */
#include "lm/adapters/adapter_parts.h"

static lorec_err bottleneck(adapter *a, const char *module, adapter_site *site)
{
    const transformer_config *c = transformer_settings(site->net);
    int64_t width = tensor_size(site->weight, c->layout == LINEAR_OUT_IN ? 0 : 1), narrow = a->o.width;
    if (narrow == 0) narrow = width < 16 ? 1 : width / 16;
    site->down = adapter_add(a, module, "adapter_down.weight", init_torch_linear(width), 2, (int64_t[]){narrow, width});
    site->down_bias = adapter_add(a, module, "adapter_down.bias", INIT_ZERO, 1, &narrow);
    site->up = adapter_add(a, module, "adapter_up.weight", INIT_ZERO, 2, (int64_t[]){width, narrow});
    site->up_bias = adapter_add(a, module, "adapter_up.bias", INIT_ZERO, 1, &width);
    return LOREC_OK;
}

/* Houlsby et al., ICML 2019 */
static lorec_err houlsby_site(adapter *a, transformer_part part, const char *module, adapter_site *site)
{
    bool ends = part == PART_OUT || part == PART_DOWN || part == PART_CROSS_OUT;
    return ends ? bottleneck(a, module, site) : LOREC_OK;
}

/* Pfeiffer et al., EACL 2021 */
static lorec_err pfeiffer_site(adapter *a, transformer_part part, const char *module, adapter_site *site)
{
    return part == PART_DOWN ? bottleneck(a, module, site) : LOREC_OK;
}

static tensor *bottleneck_product(tape *t, const adapter *a, const adapter_site *s, tensor *x, tensor *y, float weight,
                                  tensor *row_scale)
{
    (void)x;
    tensor *h = op_linear(t, y, s->down, s->down_bias, LINEAR_OUT_IN, a->o.act);
    tensor *z = op_linear(t, h, s->up, s->up_bias, LINEAR_OUT_IN, ACT_NONE);
    if (weight != 1) z = op_scale(t, z, weight, 0);
    if (row_scale) z = op_mul(t, z, row_scale);
    return op_add(t, y, z);
}

const adapter_kind adapter_kind_houlsby = {
    .name = "houlsby", .peft_type = "HOULSBY", .site = houlsby_site, .product = bottleneck_product};
const adapter_kind adapter_kind_pfeiffer = {
    .name = "pfeiffer", .peft_type = "PFEIFFER", .site = pfeiffer_site, .product = bottleneck_product};

/* model_weights.h: a model's parameters out of a model file, name by name.
 *
 *     const weight *x = model_weight_find(w, arch, "transformer.wte.weight");     // with or without "transformer."
 *     TRY(model_weights_read(model, w));                                          // every parameter of model->params
 *
 * Ownership: nothing is kept of the weights. */
#ifndef LOREC_LM_MODEL_WEIGHTS_H
#define LOREC_LM_MODEL_WEIGHTS_H

#include "lm/model_folder.h"
#include "lm/weights.h"
#include "tensor/packed.h"

const weight *model_weight_find(const weights *w, const lm_arch *arch, const char *name); /* NULL: there is none */
lorec_err model_weights_read(lm_model *m, const weights *w); /* but for those that are packed already */

/* What params_add asks (params_supply) while a model is made whose matrices are to be packed. */
typedef struct model_packing {
    const weights *w;
    const lm_arch *arch;
    lm_form form;
    const transformer_config *config; /* of the parts being made: which of them lie [in, out] */
    const weight *at;                 /* whose rows are asked for */
} model_packing;
bool model_packing_supply(void *packing, const char *name, int ndim, const int64_t *shape, packed_source *out);
static inline void model_packing_config(model_packing *p, const transformer_config *config)
{
    p->config = config;
}

#endif

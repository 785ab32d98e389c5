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

const weight *model_weight_find(const weights *w, const lm_arch *arch, const char *name); /* NULL: there is none */
lorec_err model_weights_read(lm_model *m, const weights *w);

#endif

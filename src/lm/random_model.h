/* random_model.h: models of known shapes with weights drawn in the form they are kept in: for measurements, which need the
 * sizes of a model and not its words.
 *
 *     lm_model *m;
 *     TRY(random_model(&m, "llama-1.1b", ELEM_Q8_0));          // in a second and no more memory than the form needs
 *
 * Ownership: the model is the caller's, to lm_model_free. */
#ifndef LOREC_LM_RANDOM_MODEL_H
#define LOREC_LM_RANDOM_MODEL_H

#include "lm/model_folder.h"
#include "tensor/elem.h"

/* as: F32 (weights that learn), F16, BF16, Q8_0 or Q4_0 for the matrices; the rest is f32. LOREC_USAGE: no such shape. */
lorec_err random_model(lm_model **out, const char *shape, elem as);
const char *random_model_shapes(void); /* "llama-1.1b, ..." for help and errors */

#endif

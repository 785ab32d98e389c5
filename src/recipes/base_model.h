/* base_model.h: the language model that a method tunes: of the user's, read as it is, and at rest, since only what the method
 * puts beside its weights learns.
 *
 *     TRY(base_model_open(&m->lm, "tallrec", m->model, (lm_form)m->weights));
 *
 * Ownership: the model is the caller's, until lm_text_close. */
#ifndef LOREC_RECIPES_BASE_MODEL_H
#define LOREC_RECIPES_BASE_MODEL_H

#include "lm/lm_text.h"

/* LOREC_USAGE, in the name of `method`, where no model is named; LOREC_INPUT where it is no decoder. */
lorec_err base_model_open(lm_text **out, const char *method, const char *model, lm_form form);

#endif

#include "recipes/base_model.h"

lorec_err base_model_open(lm_text **out, const char *method, const char *model, lm_form form)
{
    *out = NULL;
    if (!model || !*model)
        return err_set(LOREC_USAGE, "%s tunes a language model of yours: --set model=FOLDER (or a GGUF file)", method);
    TRY(lm_text_open(out, model, NULL, form));
    TRY(lm_model_need_decoder((*out)->model));
    params_freeze_all((*out)->model->params, true);
    return LOREC_OK;
}

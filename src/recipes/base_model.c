#include "recipes/base_model.h"

#include "base/file.h"
#include "lm/adapters/adapter_file.h"

const char *const base_model_forms[] = {"f32", "keep", "bf16", "q8", "q4", NULL};

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

lorec_err lora_new(adapter **out, const lm_text *lm, const lora_settings *s, uint64_t seed)
{
    return adapter_new(out, &lm->model->net, 1,
                       &(adapter_options){.kind = "lora",
                                          .rank = s->rank,
                                          .alpha = s->alpha,
                                          .dropout = s->dropout,
                                          .targets = s->targets && *s->targets ? s->targets : NULL,
                                          .seed = seed});
}

lorec_err lora_save(const adapter *a, const char *folder, const char *name, const char *base)
{
    buf path = {0};
    lorec_err e = path_join(&path, folder, name);
    if (!e) e = adapter_save(a, path.p, base);
    buf_free(&path);
    return e;
}

lorec_err lora_load(adapter **out, const lm_text *lm, const char *folder, const char *name)
{
    buf path = {0};
    lorec_err e = path_join(&path, folder, name);
    if (!e) e = adapter_open(out, &lm->model->net, 1, path.p);
    buf_free(&path);
    return e;
}

/* adapter_file.h: adapters in peft's files (https://huggingface.co/docs/peft, checkpoint format): a folder with
 *   adapter_config.json          {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], ..}
 *   adapter_model.safetensors    "base_model.model.MODULE.lora_A.weight" [r, in], "...lora_B.weight" [out, r]; of prefix and prompt
 *                                tuning "prompt_embeddings"
 * Bottleneck layers are kept in the same form, which peft does not know.
 *
 *     adapter *a;
 *     TRY(adapter_open(&a, &net, 1, "my-lora"));
 *     TRY(adapter_save(a, "my-lora-2", "name-of-the-base"));
 *
 * What peft can say and this can not (DoRA, ranks a module, saved modules ...) is LOREC_INPUT and named; so is a tensor for which the
 * model has no place.
 *
 * Ownership: the adapter is the caller's, to adapter_free. */
#ifndef LOREC_LM_ADAPTERS_ADAPTER_FILE_H
#define LOREC_LM_ADAPTERS_ADAPTER_FILE_H

#include "lm/adapters/adapter.h"

bool adapter_folder(const char *path); /* there is an adapter_config.json in it */
lorec_err adapter_open(adapter **out, transformer *const *net, size_t n, const char *folder);
/* Into a folder that is made where it is not there; base: what adapter_config.json calls the base model, or NULL. */
lorec_err adapter_save(const adapter *a, const char *folder, const char *base);

#endif

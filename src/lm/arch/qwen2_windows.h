/* qwen2_windows.h: Qwen2's and Qwen3's sliding windows: off unless "use_sliding_window"; then in the layers from
 * "max_window_layers" on, or as "layer_types" says.
 *
 *     TRY(qwen2_get_windows(json, c));
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_LM_ARCH_QWEN2_WINDOWS_H
#define LOREC_LM_ARCH_QWEN2_WINDOWS_H

#include "lm/arch/llama_names.h"

static inline bool qwen2_whole(const json_t *json, int64_t layer)
{
    const json_t *from = json_object_get(json, "max_window_layers");
    return layer < (json_is_integer(from) ? json_integer_value(from) : 28);
}

static inline lorec_err qwen2_get_windows(const json_t *json, transformer_config *c)
{
    bool used;
    TRY(json_get_bool_or(json, "use_sliding_window", false, &used));
    return used ? arch_get_window(json, 4096, qwen2_whole, c) : LOREC_OK;
}

static inline json_t *qwen2_put_windows(json_t *to, const transformer_config *c)
{
    return arch_put_window(arch_put_bool(to, "use_sliding_window", c->window > 0), c);
}

#endif

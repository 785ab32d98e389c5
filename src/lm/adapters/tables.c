/* Adapters that are one table: prefix tuning (Li & Liang, ACL 2021: keys and values of every block side by side, block 0's keys
 * first, as peft stores them) and prompt tuning (Lester et al., EMNLP 2021: vectors). */
#include "lm/adapters/adapter_parts.h"

static int64_t prefix_width(const transformer *net)
{
    const transformer_config *c = transformer_settings(net);
    return 2 * c->layers * c->kv_heads * c->head_width;
}

static int64_t prompt_width(const transformer *net)
{
    return transformer_settings(net)->embed_width;
}

const adapter_kind adapter_kind_prefix = {
    .name = "prefix", .peft_type = "PREFIX_TUNING", .peft = true, .table = prefix_width, .prefix = true};
const adapter_kind adapter_kind_prompt = {
    .name = "prompt", .peft_type = "PROMPT_TUNING", .peft = true, .table = prompt_width, .prompt = true};

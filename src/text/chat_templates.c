/* The formats that model families were tuned on, each as a small template of our own. */
#include "text/chat_templates.h"

#include <string.h>

#include "text/chat.h"

/* Many families know no system role: its text then goes before the first question. */
#define SYSTEM_APART                                                                                                   \
    "{% set system = '' %}{% set turns = messages %}"                                                                  \
    "{% if messages and messages[0].role == 'system' %}"                                                               \
    "{% set system = messages[0].content %}{% set turns = messages[1:] %}{% endif %}"

static const char chatml[] = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
                             "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

static const char llama2[] = SYSTEM_APART
    "{% for m in turns %}{% if m.role == 'user' %}{{ bos_token }}[INST] "
    "{% if loop.first and system %}<<SYS>>\n{{ system }}\n<</SYS>>\n\n{% endif %}{{ m.content.strip() }} [/INST]"
    "{% else %} {{ m.content.strip() }} {{ eos_token }}{% endif %}{% endfor %}";

static const char llama3[] =
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}";

static const char mistral[] = SYSTEM_APART
    "{{ bos_token }}{% for m in turns %}{% if m.role == 'user' %} [INST] "
    "{% if loop.first and system %}{{ system }}\n\n{% endif %}{{ m.content }} [/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}";

static const char gemma[] = SYSTEM_APART
    "{{ bos_token }}{% for m in turns %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{% if loop.first and system %}{{ system }}\n\n{% endif %}{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}";

static const char phi3[] = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
                           "{% if add_generation_prompt %}<|assistant|>\n{% endif %}";

static const char zephyr[] = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
                             "{% if add_generation_prompt %}<|assistant|>\n{% endif %}";

static const char deepseek[] = SYSTEM_APART
    "{{ bos_token }}{{ system }}{% for m in turns %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
    "{% else %}<｜Assistant｜>{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}";

static const char chatglm3[] = "[gMASK]sop{% for m in messages %}<|{{ m.role }}|>\n {{ m.content }}{% endfor %}"
                               "{% if add_generation_prompt %}<|assistant|>{% endif %}";

static const char baichuan2[] = SYSTEM_APART
    "{{ system }}{% for m in turns %}{{ '<reserved_106>' if m.role == 'user' else '<reserved_107>' }}{{ m.content }}"
    "{% endfor %}{% if add_generation_prompt %}<reserved_107>{% endif %}";

static const char vicuna[] = SYSTEM_APART
    "{% if system %}{{ system }} {% endif %}{% for m in turns %}{% if m.role == 'user' %}USER: {{ m.content }} "
    "{% else %}ASSISTANT: {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}";

static const char alpaca[] = SYSTEM_APART
    "{% if system %}{{ system }}\n\n{% endif %}{% for m in turns %}"
    "### {{ 'Instruction' if m.role == 'user' else 'Response' }}:\n{{ m.content }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}";

static const chat_builtin builtins[] = {
    {"chatml", "", "<|im_end|>", chatml},
    {"llama2", "<s>", "</s>", llama2},
    {"llama3", "<|begin_of_text|>", "<|eot_id|>", llama3},
    {"mistral", "<s>", "</s>", mistral},
    {"gemma", "<bos>", "<eos>", gemma},
    {"phi3", "<s>", "<|endoftext|>", phi3},
    {"zephyr", "<s>", "</s>", zephyr},
    {"deepseek", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", deepseek},
    {"chatglm3", "", "", chatglm3},
    {"baichuan2", "<s>", "</s>", baichuan2},
    {"vicuna", "<s>", "</s>", vicuna},
    {"alpaca", "<s>", "</s>", alpaca},
    {"none", "", "", NULL},
};
enum { BUILTINS = sizeof builtins / sizeof *builtins };

const char *const chat_names[BUILTINS + 1] = {"chatml", "llama2", "llama3",   "mistral",  "gemma",
                                              "phi3",   "zephyr", "deepseek", "chatglm3", "baichuan2",
                                              "vicuna", "alpaca", "none",     NULL};

const chat_builtin *chat_builtin_find(const char *name)
{
    for (size_t i = 0; i < BUILTINS; i++) {
        if (strcmp(builtins[i].name, name) == 0) return &builtins[i];
    }
    return NULL;
}

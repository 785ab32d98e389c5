/* lorec lm merge: an adapter into the weights. */
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/lm/train_parts.h"
#include "lm/adapters/adapter_file.h"

static lorec_err run(int argc, char **argv);
const command command_lm_merge = {
    .name = "lm merge",
    .summary = "write a model with an adapter's change in its weights",
    .usage = "lorec lm merge MODEL ADAPTER OUT [--weight X]",
    .details =
        "ADAPTER is a folder with adapter_config.json and adapter_model.safetensors, peft's or lorec's; LoRA can be\n"
        "merged, prefixes, prompts and bottleneck layers can not. OUT answers as MODEL does with ADAPTER.",
    .examples = "  lorec lm merge models/qwen3 my-lora models/qwen3-mine\n",
    .run = run,
};

static lorec_err merge(const char *model, const char *from, const char *out, double weight)
{
    lm_model *m;
    adapter *a = NULL;
    TRY(lm_model_open(&m, model));
    lorec_err e = m->net ? adapter_open(&a, &m->net, 1, from) : err_set(LOREC_INPUT, "%s: it reads no texts", model);
    if (!e) e = adapter_merge(a, weight);
    if (!e) e = folder_make(out);
    if (!e) e = lm_model_save(m, out);
    if (!e) e = lm_train_copy_words(model, out);
    adapter_free(a);
    lm_model_free(m);
    return e;
}

static lorec_err run(int argc, char **argv)
{
    double weight = 1;
    const arg words[] = {{"weight", 0, ARG_REAL, &weight, "X", "how strongly (1)", .min = -1e3, .max = 1e3}};
    args a = {.command = &command_lm_merge, .rows = words, .n = 1};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 3, 3, "MODEL ADAPTER OUT");
    if (!e && !a.done) e = merge(a.word[0], a.word[1], a.word[2], weight);
    args_free(&a);
    return e;
}

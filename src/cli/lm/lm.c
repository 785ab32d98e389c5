/* lorec lm: what can be asked of a language model's folder. */
#include "cli/lm/commands.h"

/* clang-format off */
static const command *const rows[] = { /* a line each, so that two new ones do not meet */
    &command_lm_info,
    &command_lm_convert,
    &command_lm_quantize,
    &command_lm_check,
    &command_lm_bench,
    &command_lm_embed,
    &command_lm_classify,
    &command_lm_score,
    &command_lm_generate,
    &command_lm_perplexity,
    &command_lm_tokenize,
    &command_lm_detokenize,
    &command_lm_train_tokenizer,
    &command_lm_chat_template,
    &command_lm_ask,
    &command_lm_transcript,
    &command_lm_train,
    &command_lm_merge,
};
/* clang-format on */

static lorec_err run(int argc, char **argv);
const command command_lm = {
    .name = "lm",
    .summary = "look into language models",
    .usage = "lorec lm COMMAND [words and options]",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    return command_dispatch(&command_lm, rows, sizeof rows / sizeof *rows, argc, argv);
}

/* lm_commands.h: the commands under `lorec lm`, each in src/cli/lm_NAME.c; one line here and one row in lm.c.
 *
 * Ownership: everything is static. */
#ifndef LOREC_CLI_LM_COMMANDS_H
#define LOREC_CLI_LM_COMMANDS_H

#include "cli/command.h"

extern const command command_lm_check;
extern const command command_lm_bench;
extern const command command_lm_embed;
extern const command command_lm_classify;
extern const command command_lm_score;
extern const command command_lm_generate;
extern const command command_lm_perplexity;
extern const command command_lm_tokenize;
extern const command command_lm_detokenize;
extern const command command_lm_train_tokenizer;
extern const command command_lm_chat_template;
extern const command command_lm_ask;
extern const command command_lm_transcript;
extern const command command_lm_info;
extern const command command_lm_convert;
extern const command command_lm_quantize;
extern const command command_lm_train;
extern const command command_lm_merge;

#endif

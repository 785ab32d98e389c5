/* lm_train_parts.h: between lm_train.c and lm_train_parts.c: the words of the command line, a fresh model, what else a model's
 * folder holds.
 *
 * Ownership: words are argv's; a model is the caller's. */
#ifndef LOREC_CLI_LM_TRAIN_PARTS_H
#define LOREC_CLI_LM_TRAIN_PARTS_H

#include "cli/args.h"
#include "lm/model_folder.h"
#include "lm/train/corpus.h"

typedef struct lm_train_words {
    const char *init, *corpus, *out, *tokenizer, *config, *arch, *base, *lora, *adapter, *adapter_from, *valid,
        *objective, *teacher, *pooling, *vocab_kind;
    int64_t width, layers, heads, kv_heads, ffn, context, virtual_tokens, vocab;
    int64_t epochs, batch, accumulate, patience, seed, memory;
    double lr, weight_decay, clip, warmup, max_minutes, valid_share, lora_dropout, mask_rate, temperature, beta,
        example_clip, noise;
    bool bf16, recompute, resume, json, learn_temperature;
} lm_train_words;

lorec_err lm_train_words_parse(lm_train_words *w, args *a, int argc, char **argv);
lorec_err lm_train_make(const lm_train_words *w, const tokenizer *t, lm_model **out);
/* A vocabulary of the corpus as OUT/tokenizer.json. */
lorec_err lm_train_make_words(const lm_train_words *w);
/* What must be the same for a resumed training to end with the same bits. */
lorec_err lm_train_identity(const lm_train_words *w, buf *out);
/* The tokenizer's files (and the chat template's) from a folder or file to a folder. */
lorec_err lm_train_copy_words(const char *from, const char *folder);

#endif

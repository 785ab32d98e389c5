/* lm_session.h: what the commands that use a language model share: the options that open one, and files of texts.
 *
 *     lm_words w = {0};
 *     const arg rows[] = {LM_WORDS(&w), {"json", ...}};
 *     TRY(lm_words_open(&w));                        // w.text, w.session
 *     lm_words_close(&w);
 *
 * Ownership: an lm_words owns what it opened until lm_words_close; its texts are argv's. */
#ifndef LOREC_CLI_LM_SESSION_H
#define LOREC_CLI_LM_SESSION_H

#include "cli/args.h"
#include "lm/adapters/adapter.h"
#include "lm/lm_text.h"

typedef struct lm_words {
    const char *model, *tokenizer, *weights, *adapter;
    bool bf16;
    int64_t memory_mib; /* of keys and values; 0: no limit */
    lm_text *text;
    adapter *acts; /* or NULL */
    adapter_set set;
    lm_session *session;
} lm_words;

/* clang-format off */
#define LM_WORDS(w)                                                                                                    \
    {"model", 'm', ARG_TEXT, &(w)->model, "M", "a model's folder, .gguf, .safetensors or llama2.c .bin"},              \
    {"tokenizer", 0, ARG_TEXT, &(w)->tokenizer, "FILE", "its vocabulary, where it is not in M or beside it"},          \
    {"weights", 0, ARG_TEXT, &(w)->weights, "FORM", "keep (as the file has them), f32, bf16, q8 or q4; default keep"}, \
    {"adapter", 0, ARG_TEXT, &(w)->adapter, "FOLDER", "an adapter that acts on it (LoRA, prefix, prompt ...; peft's)"},  \
    {"bf16", 0, ARG_FLAG, &(w)->bf16, NULL, "activations in bf16 too"},                                                \
    {"memory", 0, ARG_INT, &(w)->memory_mib, "MIB", "most memory for keys and values; default: as much as it takes",   \
     .min = 1, .max = 1 << 24}
/* clang-format on */

lorec_err lm_words_open(lm_words *w, bool keep);
void lm_words_close(lm_words *w);

/* A file's lines, without line ends; empty ones are LOREC_INPUT. */
typedef struct text_lines {
    slice *line;
    size_t n, cap;
    buf bytes;
} text_lines;
lorec_err text_lines_read(text_lines *t, const char *path);
void text_lines_free(text_lines *t);

#endif

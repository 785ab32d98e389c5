/* vocabulary.h: a tokenizer's vocabulary and chat template into the keys of a GGUF file.
 *
 *     TRY(gguf_put_vocabulary(&out, "tok512.bin", "llama", 512, what, sizeof what));      // what: "llama of 512 tokens"
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_LM_GGUF_VOCABULARY_H
#define LOREC_LM_GGUF_VOCABULARY_H

#include "tensor/gguf.h"

/* path: what tokenizer_open takes. model_type says how llama.cpp is to cut words. n: rows of the token table, or 0. what:
 * says what was put there; "": nothing. */
lorec_err gguf_put_vocabulary(gguf_writer *o, const char *path, const char *model_type, size_t n, char *what,
                              size_t room);

#endif

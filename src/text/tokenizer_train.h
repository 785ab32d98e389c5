/* tokenizer_train.h: vocabularies made from a corpus: byte-level BPE (Sennrich et al. 2016, over bytes as GPT-2) and Unigram
 * (Kudo 2018, with byte fallback), written as a tokenizer.json that Hugging Face's tokenizers reads as well.
 *
 *     tokenizer_trainer *tr;
 *     TRY(tokenizer_trainer_new(&tr, &(tokenizer_training){.kind = TOKENIZER_BPE, .size = 8000}));
 *     TRY(tokenizer_trainer_add(tr, slice_of("a text of the corpus")));        // as many as there are
 *     json_t *file;
 *     TRY(tokenizer_trainer_finish(tr, &file));                                // json_write(file, "tokenizer.json")
 *     json_decref(file);
 *     tokenizer_trainer_free(tr);
 *
 * The same texts in any order give the same file: only how often each word occurs counts, ties are broken by the words.
 *
 * Ownership: texts are copied as far as they are needed; the file is the caller's. */
#ifndef LOREC_TEXT_TOKENIZER_TRAIN_H
#define LOREC_TEXT_TOKENIZER_TRAIN_H

#include "base/json.h"

typedef enum tokenizer_training_kind { TOKENIZER_BPE, TOKENIZER_UNIGRAM } tokenizer_training_kind;

typedef struct tokenizer_training {
    tokenizer_training_kind kind;
    size_t size; /* of the vocabulary, special tokens and bytes included; at least those */
    const char *const
        *special; /* [n_special] the first ids; NULL: "<|endoftext|>" for BPE, "<unk>" "<s>" "</s>" "<pad>" */
    size_t n_special;
    uint64_t least;        /* BPE: a merge has to occur so often; 0: 2 */
    size_t longest;        /* Unigram: characters of a piece; 0: 16 */
    const char *bos, *eos; /* put around texts by TOKENIZER_FRAME, both among the special tokens; or NULL */
} tokenizer_training;

typedef struct tokenizer_trainer tokenizer_trainer;
lorec_err tokenizer_trainer_new(tokenizer_trainer **out, const tokenizer_training *settings);
lorec_err tokenizer_trainer_add(tokenizer_trainer *tr, slice text); /* bytes that are no UTF-8 are passed over */
lorec_err tokenizer_trainer_finish(tokenizer_trainer *tr, json_t **file);
void tokenizer_trainer_free(tokenizer_trainer *tr);

#endif

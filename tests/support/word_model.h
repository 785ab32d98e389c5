/* word_model.h: tiny language models with random weights whose vocabulary is a list of words: what methods that tune one are
 * tested with.
 *
 *     const char *path = word_model("lm", "Yes No Liked Disliked : ? .", &(word_model_options){.width = 32, .seed = 1});
 *     set(r, self, "model", path);
 *
 * Token 0 is <|end|>, 1 is <unk>, then the words in order. Blanks part words, and punctuation stands for itself.
 *
 * Ownership: the folder lies in test_folder() and is removed at exit; the path lives as long. */
#ifndef LOREC_TESTS_WORD_MODEL_H
#define LOREC_TESTS_WORD_MODEL_H

#include <stdint.h>

typedef struct word_model_options {
    int64_t width, layers, positions; /* 0: 32, 2, 256 */
    double sd;                        /* of the weights; 0: 0.2 */
    uint64_t seed;
} word_model_options;

const char *word_model(const char *name, const char *words, const word_model_options *options);

#endif

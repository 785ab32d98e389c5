/* corpus.h: what a language model learns from: token sequences, and which of their tokens it is to learn to say.
 *
 *     corpus c = {0};
 *     TRY(corpus_read(&c, tokenizer, NULL, 256, "texts/"));      // files of plain text, or .jsonl of prompts and answers
 *     for (int64_t i = 0; i < c.n; i++) ... c.token[c.start[i]] .. c.token[c.start[i + 1] - 1] ...
 *     corpus_free(&c);
 *
 * Files (.gz and .zst are seen by their content): *.jsonl has one JSON object a line,
 *     {"prompt": TEXT, "answer": TEXT}     learned: the answer and the end token
 *     {"messages": [{"role", "content"}]}  by the model's chat template; learned: what the assistant says
 *     {"text": TEXT}                       learned: all of it
 * any other file is one text. Texts longer than the context are cut into pieces of it (the last may be shorter); of a prompt
 * with its answer the beginning of the prompt is left out, and an answer that does not fit by itself is LOREC_INPUT.
 *
 * Ownership: a corpus owns its arrays until corpus_free. */
#ifndef LOREC_LM_TRAIN_CORPUS_H
#define LOREC_LM_TRAIN_CORPUS_H

#include "text/chat.h"
#include "text/tokenizer.h"

typedef struct corpus {
    int64_t n;       /* sequences */
    int32_t *token;  /* of all of them, one after the other */
    uint8_t *learn;  /* a token: 1 where it is to be said */
    int64_t *start;  /* [n + 1] */
    int64_t learned; /* tokens to be said, first ones (which nothing comes before) left out */
    int64_t longest;
    size_t cap[3];
} corpus;

/* learn NULL: all. Sequences of fewer than two tokens teach nothing and are left out. */
lorec_err corpus_add(corpus *c, const int32_t *token, const uint8_t *learn, int64_t n);
/* A file, or all files of a folder in order of their names. chat: for "messages", or NULL. */
lorec_err corpus_read(corpus *c, const tokenizer *t, const chat_template *chat, int64_t context, const char *path);
/* Every text in the files, in order: lines; of objects all strings but roles and labels. What a vocabulary is trained on. */
typedef lorec_err (*corpus_take)(void *ctx, slice text);
lorec_err corpus_texts(const char *path, corpus_take take, void *ctx);
/* Moves about `share` of the sequences, spread evenly, to `other`. */
lorec_err corpus_split(corpus *c, corpus *other, double share);
int64_t corpus_learned(const corpus *c, int64_t i); /* tokens to be said of one sequence */
void corpus_free(corpus *c);

#endif

/* corpus_parts.h: inside corpora: files (corpus_walk.c), and the example at hand while it is read; shared by corpus.c and
 * corpus_pairs.c.
 *
 *     TRY(corpus_walk(path, &(corpus_visitor){on_object, on_text, &mine}));
 *
 * Ownership: a reading owns its ids and marks until corpus_reading_free; all else is borrowed. */
#ifndef LOREC_LM_TRAIN_CORPUS_PARTS_H
#define LOREC_LM_TRAIN_CORPUS_PARTS_H

#include "base/json.h"
#include "lm/train/corpus.h"

typedef struct corpus_visitor {
    lorec_err (*object)(void *ctx, const json_t *line); /* of *.jsonl */
    lorec_err (*text)(void *ctx, slice text);           /* all of any other file */
    void *ctx;
} corpus_visitor;
lorec_err corpus_walk(const char *path, const corpus_visitor *v); /* errors name file and line */

typedef struct corpus_reading {
    corpus *c;
    const tokenizer *t;
    const chat_template *chat;
    int64_t context;
    tokens ids;     /* of the example at hand */
    uint8_t *learn; /* [ids.n] */
    size_t learn_cap;
} corpus_reading;
void corpus_reading_free(corpus_reading *r);

/* Appends a text whose tokens are all learned, or none; flags as tokenizer_encode's. A special id below 0: nothing. */
lorec_err corpus_put_text(corpus_reading *r, slice text, unsigned flags, bool learn);
lorec_err corpus_put_special(corpus_reading *r, int32_t id, bool learn);
/* What is at hand as one sequence. */
lorec_err corpus_put_answer(corpus_reading *r, corpus *to);
lorec_err corpus_prompt_and_answer(corpus_reading *r, const char *prompt, const char *answer, corpus *to);
/* corpus_add, but whatever there is to learn of it. */
lorec_err corpus_put(corpus *c, const int32_t *token, const uint8_t *learn, int64_t n);

#endif

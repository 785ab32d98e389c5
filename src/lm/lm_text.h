/* lm_text.h: a model with its tokenizer: where texts meet ids.
 *
 *     lm_text *m;
 *     TRY(lm_text_open(&m, "models/qwen3", NULL, LM_KEEP));
 *     lm_session *s;
 *     TRY(lm_text_session(&s, m, &(lm_session_options){.keep = true}));
 *     tokens prompt = {0};
 *     TRY(lm_text_prompt(m, slice_of("I liked Heat. Next I watch"), &prompt));    // with the model's BOS
 *     TRY(lm_text_fit(m, &prompt, 50, &(lm_long){.keep = 1}));                    // room for 50 more, or an error
 *
 * A prompt and what continues it are tokenised apart: tokens(prompt), then tokens(continuation), never tokens of the two
 * joined. So what follows a prompt is the same ids after every prompt, and can be a trie. A tokenizer that puts a blank
 * before a text (SentencePiece) puts one before a continuation too; with the others the continuation has to bring its own.
 *
 * Ownership: an lm_text owns its model and tokenizer until lm_text_free; sessions borrow them. It is immutable. */
#ifndef LOREC_LM_LM_TEXT_H
#define LOREC_LM_LM_TEXT_H

#include "lm/model_folder.h"
#include "lm/session/session.h"
#include "text/tokenizer.h"
#include "text/trie.h"

enum { LM_ENDS = 16 };
typedef struct lm_text {
    lm_model *model;
    tokenizer *tokenizer;
    int32_t end[LM_ENDS]; /* the tokens that end a text, as the tokenizer and config.json say */
    size_t ends;
    int32_t start; /* an encoder-decoder's decoder begins with it */
} lm_text;

/* tokenizer_path NULL: the one in or beside the model. */
lorec_err lm_text_open(lm_text **out, const char *path, const char *tokenizer_path, lm_form form);
void lm_text_free(lm_text *m);
/* options->encoder and start are filled in. LOREC_INPUT: it is no model that continues texts. */
lorec_err lm_text_session(lm_session **out, const lm_text *m, const lm_session_options *options);

/* Appended. A prompt gets the frame of the model's tokenizer, but no end token where it is to be continued. LOREC_INPUT:
 * there is nothing to begin with. */
lorec_err lm_text_prompt(const lm_text *m, slice text, tokens *out);
lorec_err lm_text_continuation(const lm_text *m, slice text, tokens *out);

typedef struct lm_long { /* what to do with a prompt that is longer than the context allows */
    bool refuse;         /* LOREC_INPUT; otherwise its middle is left out: */
    int64_t keep;        /* its first so many tokens stay, and as many of its last as there is room for */
    int64_t before;      /* positions that an adapter takes: lm_session_before */
} lm_long;
/* At most the model's positions less `more` new tokens, or less a quarter of them where `more` is more: generation then ends
 * with the context. At least one token stays. *cut: how many went (or NULL). */
lorec_err lm_text_fit(const lm_text *m, tokens *prompt, int64_t more, const lm_long *how, size_t *cut);

/* Texts as a trie of their tokens; a value is the text's number. LOREC_INPUT: an empty text. */
lorec_err lm_text_trie(const lm_text *m, const slice *text, size_t n, trie *out);
/* The first text that a sequence from inside such a trie stands for, with or without an end token behind it; -1: none. */
int64_t lm_text_choice(const trie *t, const int32_t *id, size_t n);

#endif

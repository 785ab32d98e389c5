/* pepler.h: the parts of PEPLER: who asks about what and the words in front of a text (prompt.c), the stages of learning (learn.c),
 * writing and measuring (study.c), the verbs (method.c).
 *
 * Ownership: the model owns everything below "fitted" until pepler's release. */
#ifndef LOREC_METHODS_PEPLER_H
#define LOREC_METHODS_PEPLER_H

#include "lm/model_folder.h"
#include "rec/recommender.h"
#include "rec/sparse.h"
#include "recipes/explanations.h"
#include "tensor/trainer.h"
#include "text/tokenizer.h"

enum { PEPLER_CONTINUOUS, PEPLER_DISCRETE };
enum { PEPLER_SEQUENTIAL, PEPLER_JOINT };
enum { PEPLER_NO_RATING, PEPLER_MF, PEPLER_MLP };
enum { PEPLER_MLP_LAYERS = 4 };  /* [u; i] to a hidden layer, two more of the same width, one number */
#define PEPLER_BEGIN "<|begin|>" /* of a tokenizer that is trained here */
#define PEPLER_END   "<|end|>"
enum { STAGE_TEXTS, STAGE_PROMPT, STAGE_ALL, PEPLER_STAGES };

typedef struct pepler {
    const char *model;
    int prompt, tuning, rating;
    int64_t pretrain_epochs, epochs, stopping_step, batch, longest, least, vocabulary, width, layers, heads, mlp_width;
    double learning_rate, rating_weight, weight_decay, dropout, max_minutes;
    bool bf16;
    /* fitted */
    uint32_t n_users, n_items;
    feature_words features;
    json_t *vocabulary_file; /* of a tokenizer that was trained here, or NULL */
    tokenizer *words;
    int32_t begin, end;
    lm_model *lm;
    params *own;         /* what is below, where it was loaded; where it was trained it is of lm->params */
    tensor *user, *item; /* [users, width], [items, width]: PEPLER_CONTINUOUS */
    tensor *mlp_weight[PEPLER_MLP_LAYERS], *mlp_bias[PEPLER_MLP_LAYERS];
    sparse user_features, item_features; /* PEPLER_DISCRETE: numbers of features.words */
    trainer_report report[PEPLER_STAGES];
    double perplexity[PEPLER_STAGES]; /* of the validation part after each stage; 0: not measured */
} pepler;

/* ---- prompt.c: texts with what stands before them ------------------------------------------------------------------- */

typedef struct pepler_rows { /* packed: prompt, begin, words; a target a row, -1 where nothing is to be said */
    tokens id, target;
    int32_t *length, *user, *item, *user_row, *item_row; /* [n] */
    size_t n, cap[5];
    int64_t learned;
} pepler_rows;
void pepler_rows_clear(pepler_rows *b);
void pepler_rows_free(pepler_rows *b);
/* One more text; n words so far. `whole`: its end is to be said too. `alone`: without a prompt. */
lorec_err pepler_rows_add(const pepler *m, pepler_rows *b, uint32_t user, uint32_t item, const int32_t *word, size_t n,
                          bool whole, bool alone);
/* [rows, width], or with `last` [n, width]. */
tensor *pepler_hidden(const pepler *m, tape *t, const pepler_rows *b, bool last);
tensor *pepler_loss(const pepler *m, tape *t, const pepler_rows *b);    /* [rows] */
tensor *pepler_ratings(const pepler *m, tape *t, const pepler_rows *b); /* [n]; NULL: it predicts none */
lorec_err pepler_own_params(pepler *m, params *ps);
lorec_err pepler_words_open(pepler *m);

/* Explanations in tokens: text i is word.id[start[i] .. start[i + 1] - 1]. */
typedef struct pepler_texts {
    explanations from;
    tokens word;
    uint64_t *start; /* [from.n + 1] */
} pepler_texts;
lorec_err pepler_texts_make(pepler_texts *out, const pepler *m, const dataset *d, const interactions *rows,
                            uint64_t seed);
void pepler_texts_free(pepler_texts *x);

/* ---- learn.c, study.c ------------------------------------------------------------------------------------------------------ */

lorec_err pepler_learn(pepler *m, const fit_context *fit);
/* exp of the mean loss a token of the texts. NAN where there are none. `alone`: without a prompt. */
lorec_err pepler_perplexity(const pepler *m, const pepler_texts *x, bool alone, double *out);
/* Greedy: text[i] of user[i] about item[i]. */
lorec_err pepler_write(const pepler *m, const uint32_t *user, const uint32_t *item, size_t n, buf *text);
lorec_err pepler_study(const void *self, rec_session *s, const study_context *c, json_t **numbers);

#endif

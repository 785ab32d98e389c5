/* p5.h: the parts of P5: templates and how they become tokens (prompts.c), what is learned in an epoch (examples.c), the model and
 * its training (learn.c), lists and answers (ask.c), what is written (study.c), the verbs (method.c).
 *
 * Ownership: the model owns everything below "fitted" until p5's release; sessions borrow it. */
#ifndef LOREC_METHODS_P5_H
#define LOREC_METHODS_P5_H

#include <stdatomic.h>

#include "lm/encdec.h"
#include "rec/recommender.h"
#include "recipes/explanations.h"
#include "recipes/item_ids.h"
#include "tensor/trainer.h"
#include "text/tokenizer.h"
#include "text/trie.h"

/* What is asked. The first four words are of the families in the paper: 1; 2; 3; 4; 5. */
typedef enum p5_ask {
    P5_RATING,
    P5_NEXT,
    P5_NEXT_CHOICE,
    P5_NEXT_YESNO,
    P5_EXPLANATION,
    P5_REVIEW_RATING,
    P5_REVIEW_SUMMARY,
    P5_YESNO,
    P5_CHOICE,
    P5_ASKS
} p5_ask;
extern const char *const p5_ask_names[P5_ASKS]; /* in templates.json */
extern const int p5_family[P5_ASKS];            /* 1 .. 5 */

/* ---- prompts.c ---------------------------------------------------------------------------------------------------------- */

typedef enum p5_slot {
    P5_TEXT, /* words of the template itself */
    P5_USER,
    P5_ITEM,
    P5_HISTORY,
    P5_CANDIDATES,
    P5_FEATURE,
    P5_REVIEW
} p5_slot;
typedef struct p5_piece {
    p5_slot slot;
    tokens text;
} p5_piece;
typedef struct p5_template {
    p5_piece *piece;
    size_t n, cap;
} p5_template;
typedef struct p5_templates { /* of one question; the last is never learned from */
    p5_template *item;
    size_t n;
} p5_templates;

/* What fills the slots; only those that the template has are read. */
typedef struct p5_facts {
    uint32_t user, item; /* NO_USER: nobody that is known */
    const uint32_t *history, *candidate;
    size_t n_history, n_candidates;
    const int32_t *feature, *review; /* tokens */
    size_t n_feature, n_review;
    bool arrows; /* between items of the history, instead of commas */
} p5_facts;

enum { P5_PAD, P5_END, P5_UNKNOWN }; /* the first tokens; a decoder begins with padding */

typedef struct p5 {
    const char *families;
    int ids, candidates_by, template_;
    int64_t branches, leaf, epochs, batch, max_history, targets, candidates, quota_next, quota_next_choice,
        quota_next_yesno, quota_yesno, quota_choice, text_tokens, vocabulary, width, layers, heads, head_width,
        ffn_width, beams, written;
    double learning_rate, weight_decay, clip_norm, warmup, dropout, max_minutes;
    bool whole_words, constrained, bf16;
    /* fitted */
    feature_words features;
    uint32_t n_users, n_items;
    bool asks[P5_ASKS];      /* what was learned */
    json_t *vocabulary_file; /* the tokenizer's */
    tokenizer *words;
    int32_t first_id;   /* tokens of "user_", "item_", digits, items' own, from here on */
    int32_t first_item; /* of ids.token's 0 */
    bool *begins;       /* [tokens] begins a word */
    int32_t yes, no;
    tokens comma, arrow;
    p5_templates templates[P5_ASKS];
    item_ids written_as;
    trie items, stars; /* each with the end token behind: values are items, tenths above 1.0 */
    lm_model *model;
    tensor *whole; /* [P5_WORDS, width], of the model's params */
    encdec net;
    struct p5_tally *tally;
    trainer_report report;
} p5;
enum { P5_WORDS = 512 };
enum { P5_BY_NEXT, P5_BY_CHOICE, P5_BY_YESNO };
enum { P5_SEEN_TEMPLATE, P5_HELD_TEMPLATE };

typedef struct p5_tally { /* counted while a shared model is asked, hence apart from it */
    atomic_ullong lists, sequences, invalid;
} p5_tally;

static inline int32_t p5_tokens(const p5 *m) /* in the whole vocabulary */
{
    return m->first_item + (int32_t)m->written_as.n_tokens;
}

/* Vocabulary, templates, tries from the texts and item ids that are there; `vocabulary_file` is made unless it was loaded. */
lorec_err p5_words_train(p5 *m, const slice *text, size_t n);
lorec_err p5_words_prepare(p5 *m);
void p5_words_free(p5 *m);
lorec_err p5_text(const p5 *m, slice text, int64_t most, tokens *out); /* " " and the text's first tokens */
lorec_err p5_write(const p5 *m, const p5_template *t, const p5_facts *facts, tokens *out); /* with the end token */
lorec_err p5_write_item(const p5 *m, uint32_t item, tokens *out); /* as an answer: its end too */
lorec_err p5_write_stars(const p5 *m, int tenths, tokens *out);   /* "4.3" as an answer */
/* The number of each packed token's word, from 1; 0 for end tokens: [tokens]. */
void p5_word_places(const p5 *m, const int32_t *token, const int32_t *length, int64_t n, int32_t *place);
tensor *p5_word_vectors(const void *p5_, tape *t, const int32_t *token, const int32_t *length, int64_t n);

/* ---- examples.c --------------------------------------------------------------------------------------------------------- */

typedef struct p5_examples {
    const p5 *m;
    const dataset *data; /* of the texts; or NULL */
    const interactions *rows;
    uint32_t *walker, *someone;          /* users with two rows or more, with one or more */
    uint64_t *rated, *reviewed, *headed; /* rows of the part with a rating, a review, a review and a headline */
    explanations why;
    uint64_t n[P5_ASKS];     /* users or rows that are asked about */
    uint64_t count[P5_ASKS]; /* examples an epoch */
    uint32_t *candidate;     /* scratch */
    tokens text, feature;
} p5_examples;

lorec_err p5_examples_make(p5_examples *x, p5 *m, const fit_context *fit);
void p5_examples_free(p5_examples *x);
uint64_t p5_examples_count(const p5_examples *x);
/* Appends the example's source and target, each with its end token. */
lorec_err p5_example(p5_examples *x, uint64_t example, rng *r, tokens *source, tokens *target);

/* ---- learn.c ------------------------------------------------------------------------------------------------------------ */

lorec_err p5_model_make(p5 *m, uint64_t seed);
lorec_err p5_learn(p5 *m, p5_examples *x, const fit_context *fit);

/* ---- ask.c, study.c ----------------------------------------------------------------------------------------------------- */

lorec_err p5_recommend(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                       float *scores, size_t *found);
lorec_err p5_score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                         const uint32_t *candidate, float *scores);
lorec_err p5_score_pairs(const void *self, rec_session *s, const pair *p, size_t n, float *rating);
/* n questions at once, at most 32: the rating of a review, or what is written. text [n]. */
lorec_err p5_ask_stars(const p5 *m, rec_session *s, const p5_facts *facts, size_t n, float *rating);
lorec_err p5_ask_texts(const p5 *m, rec_session *s, p5_ask ask, const p5_facts *facts, size_t n, buf *text);
lorec_err p5_study(const void *self, rec_session *s, const study_context *c, json_t **numbers);

#endif

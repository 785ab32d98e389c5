/* recommender.h: what every recommender is, from Pop to a language model: a row of verbs. Classic backbones are one
 * file each in rec/, published systems one folder each in methods/; the registry (methods/registry.c) lists them all.
 *
 *     const recommender *r = registry_find("ease");
 *     void *self;
 *     TRY(recommender_new(r, &self));                         // options at their defaults
 *     TRY(options_set(r->options, r->n_options, self, "l2", "250"));
 *     TRY(r->fit(self, &(fit_context){.split = &s, .train = &s.train, .seed = 1}));
 *     TRY(r->score(self, session, queries, n, scores));       // scores[n][n_items], larger is better
 *     recommender_free(r, self);
 *
 * Ownership: a fitted model is immutable and may be shared; it must not keep pointers into the fit_context after fit
 * (copy what scoring needs), so that save, load and serve work without the data set. Whatever changes per use lives in
 * the session. */
#ifndef LOREC_REC_RECOMMENDER_H
#define LOREC_REC_RECOMMENDER_H

#include "base/options.h"
#include "data/split.h"

typedef enum task { TASK_TOPN = 1, TASK_SEQUENTIAL = 2, TASK_CLICK = 4, TASK_RATING = 8, TASK_TEXT = 16 } task;
typedef enum need {
    NEED_CHAT = 1,
    NEED_LOGPROBS = 2,
    NEED_WEIGHTS = 4,
    NEED_IMAGES = 8,
    NEED_ITEM_TEXT = 16,
    NEED_TIME = 32,
    NEED_RATING = 64
} need;

enum { NO_USER = UINT32_MAX };

/* One list to make. The history is everything the user had before, oldest first; models of users known from training
 * may use `user`, sequence models use the history; a session without a known user has NO_USER. */
typedef struct query {
    uint32_t user;
    const uint32_t *items; /* [n] */
    const int64_t *times;  /* [n] or NULL */
    size_t n;
    int64_t now; /* time of the question, or INT64_MIN */
} query;

/* One yes/no or rating question: an interaction row of the data set (its features are the data set's columns). */
typedef struct pair {
    uint32_t user, item;
    uint64_t row;  /* of the data set, for SIDE_ROW columns; UINT64_MAX: none */
    query history; /* what came before, for DIN */
} pair;

typedef struct fit_context {
    const split *split;        /* the data set (split->data) gives titles and columns */
    const interactions *train; /* what may be learned from: split->train, or with validation folded in */
    uint64_t seed;
    double positive_rating; /* a row is liked from here on, by the evaluation that follows; 0: by the data's scale */
    bool fast;              /* --fast was given (options are already set; for loops without an option) */
    const char *folder;     /* where checkpoints may be kept, or NULL: none are written */
    bool resume;            /* and go on from one that is there */
    /* The early-stopping number of `self` on validation (larger is better), by the run's valid_metric; NULL: there is
     * no validation part, train for the full number of epochs. */
    lorec_err (*validate)(void *ctx, const void *self, double *metric);
    void *validate_ctx;
    const char *valid_metric; /* its name, for the log */
} fit_context;

/* A prompt and the answer that a language model is to learn, as texts: for who tunes one elsewhere (lorec export-sft). */
typedef struct tuning_text {
    uint32_t user, item;
    const char *prompt, *answer;
} tuning_text;
typedef lorec_err (*tuning_sink)(void *ctx, const tuning_text *l);

typedef struct rec_session rec_session; /* scratch of one thread of use; see session.h */

/* Questions of the test part with the short lists that they are judged on, a right answer in each. */
typedef struct short_lists {
    size_t n;
    const query *query;        /* [n] */
    const uint64_t *start;     /* [n + 1]: list i is candidate[start[i] .. start[i + 1] - 1], ascending */
    const uint32_t *candidate; /* [start[n]] */
    const uint32_t *target;    /* [n] */
    size_t left_out;           /* questions whose list holds no right answer */
} short_lists;

/* What a study is about: the split whose test part it may look at, and how much of it. */
typedef struct study_context {
    const split *split;
    uint32_t max_users; /* 0: all test users */
    uint64_t seed;
    bool fast;
    /* The lists of at most `most` questions (0: all that are judged), good until it is called again or the study ends;
     * LOREC_USAGE where everything is ranked. May be NULL: there are none. */
    lorec_err (*lists)(void *ctx, uint32_t most, const short_lists **out);
    void *lists_ctx;
} study_context;

typedef struct recommender {
    const char *key, *title, *family, *cite;
    const char
        *controls; /* what stands beside this method: keys of rules without a model, "bm25,liked-share", or a method
                           * with other options, "kar?knowledge=none" (several: &); or NULL */
    unsigned tasks, needs;
    size_t size; /* of the model struct; zeroed, then options_default */
    const option *options;
    size_t n_options;
    const char *(*check)(const void *self); /* NULL: fine; otherwise what does not fit together */
    /* Peak bytes of fit and of scoring a batch, from the counts alone; NULL: small. */
    uint64_t (*memory)(const void *self, const fit_context *fit);
    lorec_err (*fit)(void *self, const fit_context *fit);
    /* scores [n][n_items]; -INFINITY: can not be recommended. The batch is processed as one. */
    lorec_err (*score)(const void *self, rec_session *s, const query *q, size_t n, float *scores);
    /* Only these candidates: scores of candidate[start[i] .. start[i+1]-1] for query i. NULL: score() and pick. */
    lorec_err (*score_items)(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores);
    /* Models whose score is the product of a vector of the query with one of the item: the items' [*n][*d], for an index of
     * large catalogues; NULL: with these options it is not so. query_vector: the query's [d]; *has false: this one is scored
     * otherwise. Both or neither. */
    const float *(*item_vectors)(const void *self, uint32_t *n, uint32_t *d);
    lorec_err (*query_vector)(const void *self, rec_session *s, const query *q, float *x, bool *has);
    /* Makes the list itself (generation): up to k items in order with scores, already without `seen`; NULL: from score. */
    lorec_err (*recommend)(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                           float *scores, size_t *found);
    /* Is recommend() to be used, with these options? NULL: whenever it is there. */
    bool (*generates)(const void *self);
    lorec_err (*score_pairs)(const void *self, rec_session *s, const pair *p, size_t n, float *probability_or_rating);
    /* What no ranking shows (explanations, fairness, a simulation): named numbers, {"bleu-1": 0.12, ...}; nested objects
     * and lists (curves) are kept in the result's counts. A method may have this beside the verbs above, or alone. */
    lorec_err (*study)(const void *self, rec_session *s, const study_context *c, json_t **numbers);
    /* Is study() to be called, with these options? NULL: whenever it is there. */
    bool (*studies)(const void *self);
    /* What the method would tune its language model on, one lesson after the other: of c->train, or of the validation part
     * with what came before it. Needs no language model. `self` is as recommender_new and options made it, not fitted. */
    lorec_err (*lessons)(void *self, const fit_context *c, bool valid, tuning_sink sink, void *ctx);
    lorec_err (*save)(const void *self, const char *folder); /* options are saved by recommender_save */
    lorec_err (*load)(void *self, const char *folder);
    void (*release)(void *self);
    json_t *(*counts)(const void *self); /* what the report should count (parameters, invalid samples ...), or NULL */
    bool seedless;                       /* the seed changes nothing: a run of several seeds fits it once */
    size_t n_items_at; /* offset of the model's uint32_t number of items, for recommender_fits; 0: it has none */
} recommender;

static inline bool recommender_generates(const recommender *r, const void *self)
{
    return r->recommend && (!r->generates || r->generates(self));
}
static inline bool recommender_studies(const recommender *r, const void *self)
{
    return r->study && (!r->studies || r->studies(self));
}

lorec_err recommender_new(const recommender *r, void **self);
void recommender_free(const recommender *r, void *self);
/* folder/recommender.json (key, options, version) and what the model's own save writes; all or nothing. */
lorec_err recommender_save(const recommender *r, const void *self, const char *folder);
lorec_err recommender_load(const recommender *r, void **self, const char *folder);

/* LOREC_USAGE unless the model scores exactly n_items items: a model loaded beside another catalogue would write scores
 * past the caller's rows. Whoever calls score() with rows of its own asks first; recommender_list, recommender_score_items
 * and evaluate do. */
lorec_err recommender_fits(const recommender *r, const void *self, uint32_t n_items);

/* Scratch: an arena and a tape, made on first use. One per thread. `seed` is for methods that sample while scoring. */
rec_session *rec_session_new(uint64_t seed);
void rec_session_free(rec_session *s);
struct arena *rec_session_arena(rec_session *s);         /* reset it at the start of each call that uses it */
struct tape *rec_session_tape(rec_session *s, int bf16); /* evaluation mode; NULL: out of memory */
uint64_t rec_session_seed(const rec_session *s);
/* One thing of a method's own that lives as long as the session (a connection, a cache): NULL until it is set. `who` is
 * the method's address of choice; setting another's first frees what is there. */
void *rec_session_own(const rec_session *s, const void *who);
void rec_session_set_own(rec_session *s, const void *who, void *own, void (*release)(void *own));

/* score_items for models that only have score(): full rows, then picked, in batches bounded in memory. */
lorec_err recommender_score_items(const recommender *r, const void *self, rec_session *s, uint32_t n_items,
                                  const query *q, size_t n, const uint64_t *start, const uint32_t *candidate,
                                  float *scores);

#endif

/* vectors.h: the fitted form of models whose score is <user vector, item vector>: plain arrays, one matrix product a
 * batch. BPR, LightGCN and FPMC train on a tape and end as this.
 *
 *     TRY(vectors_make(&v, n_users, n_items, d, 0));           // zeros
 *     ... fill v.user, v.item ...
 *     TRY(vectors_popularity(&v, train));                      // who can not be scored otherwise
 *     TRY(vectors_score(&v, arena, queries, n, scores));
 *
 * A query's vector is the user's, then (where d_last > 0) that of the most recent item as a context. A user with a zero
 * vector (no training rows) or without a number has the mean vector of the history's items instead; without a history
 * either, the scores are popularity.
 *
 * Ownership: vectors own their arrays until vectors_free. */
#ifndef LOREC_REC_VECTORS_H
#define LOREC_REC_VECTORS_H

#include "base/mem.h"
#include "rec/trainer.h"

typedef struct vectors {
    uint32_t n_users, n_items;
    int64_t d_user, d_last;
    float *user;       /* [n_users][d_user] */
    float *item;       /* [n_items][d_user + d_last] */
    float *last;       /* [n_items][d_last] */
    float *popularity; /* [n_items] log(1 + rows) */
} vectors;

lorec_err vectors_make(vectors *v, uint32_t n_users, uint32_t n_items, int64_t d_user, int64_t d_last);
void vectors_free(vectors *v);
lorec_err vectors_popularity(vectors *v, const interactions *train);
/* Users without training rows learned nothing: their vectors become zero. */
void vectors_clear_strangers(vectors *v, const interactions *train);
lorec_err vectors_score(const vectors *v, arena *a, const query *q, size_t n, float *scores);
/* Query vectors [n][d_user + d_last] as scoring uses them; all zero where only popularity is left. */
void vectors_of_queries(const vectors *v, const query *q, size_t n, float *out);

lorec_err vectors_save(const vectors *v, const char *folder); /* vectors.safetensors */
lorec_err vectors_load(vectors *v, const char *folder);

/* What models that end as vectors begin with, and the verbs that need no more than it: rows of their recommender tables. */
typedef struct vector_model {
    trainer_settings train;
    vectors v;
    trainer_report report;
} vector_model;
lorec_err vector_model_score(const void *self, rec_session *s, const query *q, size_t n, float *scores);
const float *vector_model_item_vectors(const void *self, uint32_t *n, uint32_t *d);
lorec_err vector_model_query_vector(const void *self, rec_session *s, const query *q, float *x, bool *has);
lorec_err vector_model_save(const void *self, const char *folder);
lorec_err vector_model_load(void *self, const char *folder);
void vector_model_release(void *self);
json_t *vector_model_counts(const void *self);

/* log(1 + training rows) of every item: a last resort that more than one family uses. */
void item_popularity(const interactions *train, float *out);

#endif

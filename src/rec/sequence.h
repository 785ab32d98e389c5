/* sequence.h: what models that read a history in order share: packed rows for training and for questions, scoring by one
 * matrix product with the item table, saving, loading.
 *
 *     typedef struct gru4rec { sequence_model base; ... } gru4rec;                       // base comes first
 *     TRY(sequence_begin(&m->base, fit));                                               // popularity, n_items
 *     TRY(sequence_examples(&users, &n, fit->train, 2));                                // who has at least two rows
 *     TRY(packed_train(&rows, fit->train, users, example, n, max_len));                 // input t -> target t + 1
 *     TRY(sequence_score(&m->base, session, queries, n, scores, encode));
 *
 * A history is cut to its last max_len known items. A query whose history is empty is scored by popularity.
 *
 * Ownership: a sequence_model owns its parameters and arrays until sequence_release; packed rows own theirs until
 * packed_free. */
#ifndef LOREC_REC_SEQUENCE_H
#define LOREC_REC_SEQUENCE_H

#include "lm/transformer/transformer.h"
#include "rec/trainer.h"

/* Sequences end to end, nothing padded. */
typedef struct packed {
    size_t n, rows;
    int32_t *length;     /* [n] */
    int32_t *id;         /* [rows] item, or row of the item table (questions) */
    int32_t *target;     /* [rows] the next item; -1: none (questions) */
    int32_t *from_end;   /* [rows] 0 is the most recent */
    int32_t *from_start; /* [rows] 0 is the oldest kept */
    uint32_t *user;      /* [rows] (training) */
    size_t *query;       /* [n] which query each sequence is of (questions) */
    size_t n_cap, length_cap, id_cap, target_cap, end_cap, start_cap, user_cap;
} packed;
void packed_free(packed *p);
/* The sequences of user[example[0 .. n-1]]: all rows but the last, cut to the last max_len. */
lorec_err packed_train(packed *p, const interactions *train, const uint32_t *user, const uint32_t *example, size_t n,
                       int64_t max_len);
/* The same with the last row too; each row's target is its own item. */
lorec_err packed_whole(packed *p, const interactions *train, const uint32_t *user, const uint32_t *example, size_t n,
                       int64_t max_len);
/* Queries first .. while the rows stay below max_rows (at least one); *next is the first that did not fit. Ids
 * are rows of the item table, whose item 0 is row first_item; row *tail ends every sequence ([MASK]; NULL: none). Queries
 * without a known item are left out. */
lorec_err packed_queries(packed *p, const query *q, size_t first, size_t n, uint32_t n_items, int64_t first_item,
                         int64_t max_len, size_t max_rows, const int32_t *tail, size_t *next);
/* Users with at least `least` training rows: to mem_free. */
lorec_err sequence_examples(uint32_t **user, size_t *n, const interactions *train, uint64_t least);

typedef struct sequence_model {
    trainer_settings train;
    int64_t max_len;
    uint32_t n_items;
    params *params;
    transformer *net;   /* or NULL */
    tensor *items;      /* its item table [first_item + n_items, d] */
    tensor *biases;     /* [first_item + n_items] or NULL */
    int64_t first_item; /* rows before item 0 in that table (a [MASK]) */
    int64_t d;
    float *item;       /* [n_items][d] a copy of it for scoring */
    float *bias;       /* [n_items] or NULL */
    float *popularity; /* [n_items] */
    trainer_report report;
} sequence_model;

/* Forgets what was there and takes n_items and popularity from the training rows. */
lorec_err sequence_begin(sequence_model *m, const fit_context *fit);
/* Its network; items and biases are the network's token table and head bias. */
lorec_err sequence_network(sequence_model *m, const transformer_config *config);
/* Parameters changed: copies the item table. Also fits trainer_model.ready for models that are their own `self`. */
lorec_err sequence_ready(sequence_model *m);
/* encode: packed questions -> the vector of each sequence's question, [rows->n, d]. */
typedef tensor *(*sequence_encode)(const void *self, tape *t, const packed *rows);
lorec_err sequence_score(const sequence_model *m, rec_session *s, const query *q, size_t n, float *scores,
                         sequence_encode encode, const int32_t *tail);
/* recommender.item_vectors: none where items have biases; query_vector, with encode as above. */
const float *sequence_item_vectors(const void *self, uint32_t *n, uint32_t *d);
lorec_err sequence_query_vector(const sequence_model *m, rec_session *s, const query *q, float *x, bool *has,
                                sequence_encode encode, const int32_t *tail);
uint64_t sequence_memory(const sequence_model *m, const fit_context *fit, uint64_t values, uint64_t values_a_row);

lorec_err sequence_save(const void *self, const char *folder); /* model.safetensors, popularity.npy */
/* The two halves of loading: n_items and popularity; then, once the model made its parameters, their values. */
lorec_err sequence_load_begin(sequence_model *m, const char *folder);
lorec_err sequence_load_params(sequence_model *m, const char *folder);
void sequence_release(void *self);
json_t *sequence_counts(const void *self);

#endif

/* kar.h: the parts of KAR: texts that a language model writes (knowledge.c), their vectors (vectors.c), and the click model
 * that they join (method.c).
 *
 *     TRY(kar_ask(m, fit));                  // m->items.v [n_items, m->width], m->users.v [n_users, m->width]
 *     const float *x = kar_vector(&m->items, item, m->width);                    // NULL: nothing is known
 *
 * Ownership: a kar owns its vectors from fit or load until release. */
#ifndef LOREC_METHODS_KAR_H
#define LOREC_METHODS_KAR_H

#include "rec/click.h"
#include "recipes/llm_use.h"

typedef enum kar_knowledge { KAR_BOTH, KAR_ITEMS, KAR_USERS, KAR_SHUFFLED, KAR_NONE } kar_knowledge;

typedef struct kar_vectors {
    float *v; /* [n, width] */
    uint32_t n;
} kar_vectors;

typedef struct kar {
    click click;
    llm_settings chat;
    int knowledge;
    int64_t history, dimension, shared, dedicated;
    const char *encoder, *thing, *factors;
    /* fitted */
    llm_tally *tally;
    kar_vectors users, items;
    int64_t width; /* of the vectors */
} kar;

/* How many of a user's n rows are told to the language model; the others are the examples (as the authors' code does:
 * half of them, at most `history`). */
static inline uint32_t kar_begin(uint64_t n, int64_t history)
{
    uint64_t half = (n + 1) / 2;
    return (uint32_t)(half < (uint64_t)history ? half : (uint64_t)history);
}

/* Asks about what `knowledge` says, and encodes the replies. */
lorec_err kar_ask(kar *m, const fit_context *fit);
/* texts -> out [n, m->width], each of length 1 (zeros for no words); sets m->width. */
lorec_err kar_encode(kar *m, const slice *text, size_t n, float **out);

static inline const float *kar_vector(const kar_vectors *x, uint32_t i, int64_t width)
{
    return x->v && i < x->n ? x->v + (size_t)i * (size_t)width : NULL;
}

#endif

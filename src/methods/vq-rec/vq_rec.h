/* vq_rec.h: the parts of VQ-Rec: how items become codes (codes.c) and how the network learns (learn.c).
 *
 * Ownership: a vq_rec owns what is in it until recommender_free. */
#ifndef LOREC_METHODS_VQ_REC_H
#define LOREC_METHODS_VQ_REC_H

#include "rec/sequence.h"
#include "recipes/text_space.h"
#include "retrieve/pq.h"

typedef struct vq_rec {
    sequence_model base; /* has to be first */
    int64_t n_codes, codebook, rotations, text_size;
    int64_t hidden_size, n_layers, n_heads, inner_size;
    double dropout, attn_dropout, temperature, initializer_range, permute;
    int loss, codes;
    bool freeze, tune;
    const char *model, *cache, *pretrained;
    /* fitted */
    text_space words; /* without a model */
    pq index;
    int32_t *code;     /* [n_items][n_codes] rows of the code table: k codebook + c */
    tensor *table;     /* [n_codes codebook][hidden_size], a parameter of base.params */
    uint32_t distinct; /* items' code tuples that differ */
} vq_rec;

enum { VQ_CE, VQ_CONTRASTIVE };
enum { VQ_TEXT, VQ_RANDOM };

/* Texts to codes: learns words and index (those there are already, from a pre-trained model, are used as they are). Learns
 * from items that training has (base.popularity). */
lorec_err vq_codes_make(vq_rec *m, const fit_context *fit);
lorec_err vq_codes_count(vq_rec *m); /* sets `distinct` */

/* Adds the parameters to base.params, table and network, and readies nothing. */
lorec_err vq_network(vq_rec *m);
tensor *vq_items(const vq_rec *m, tape *t, const int32_t *item, size_t n); /* [n, hidden]: mean of the codes' vectors */
tensor *vq_states(const vq_rec *m, tape *t, tensor *vectors, const packed *rows, bool last); /* unit vectors */
lorec_err vq_ready(vq_rec *m); /* base.item: unit vectors over the temperature */
lorec_err vq_learn(vq_rec *m, const fit_context *fit);

#endif

/* tiny_lm.h: a language model of a few thousand weights, and what tests ask of one again and again.
 *
 * Ownership: models are the caller's, to lm_model_free. */
#ifndef LOREC_TESTS_TINY_LM_H
#define LOREC_TESTS_TINY_LM_H

#include "support/support.h"

#include <math.h>

#include "lm/adapters/adapter.h"
#include "lm/model_folder.h"
#include "tensor/optimizer.h"
#include "tensor/rng.h"

enum { TINY_VOCAB = 17, TINY_WIDTH = 24, TINY_POSITIONS = 40, TINY_LAYERS = 2 };

static inline lm_model *tiny_lm(uint64_t seed, float dropout)
{
    transformer_config c = {.vocab_size = TINY_VOCAB,
                            .width = TINY_WIDTH,
                            .layers = TINY_LAYERS,
                            .heads = 3,
                            .ffn_width = 40,
                            .max_positions = TINY_POSITIONS,
                            .activation = ACT_GELU_TANH,
                            .embed_dropout = dropout,
                            .attn_dropout = dropout,
                            .residual_dropout = dropout,
                            .weights = INIT_NORMAL(.3)};
    lm_model *m;
    assert_ok(lm_model_new(&m, "gpt2", &c, seed));
    return m;
}

/* Every value of every parameter drawn anew. */
static inline void tiny_draw(params *ps, uint64_t seed, double spread)
{
    rng r = rng_make(seed, RNG_USER);
    for (size_t i = 0; i < params_count(ps); i++) {
        tensor *p = params_at(ps, i);
        float *v = malloc((size_t)tensor_count(p) * sizeof *v);
        for (int64_t j = 0; j < tensor_count(p); j++) v[j] = (float)(spread * rng_normal(&r));
        assert_ok(tensor_write(p, v, tensor_count(p)));
        free(v);
    }
}

static inline float *tiny_values(const params *ps)
{
    float *all = malloc((size_t)params_values(ps) * sizeof *all), *at = all;
    for (size_t i = 0; i < params_count(ps); i++) {
        assert_ok(tensor_read(params_at(ps, i), at, tensor_count(params_at(ps, i))));
        at += tensor_count(params_at(ps, i));
    }
    return all;
}

static inline float *tiny_gradients(const params *ps)
{
    float *all = malloc((size_t)params_values(ps) * sizeof *all), *at = all;
    for (size_t i = 0; i < params_count(ps); i++) {
        assert_ok(tensor_read_grad(params_at(ps, i), at, tensor_count(params_at(ps, i))));
        at += tensor_count(params_at(ps, i));
    }
    return all;
}

static inline double tiny_apart(const float *a, const float *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

/* Logits of every row of packed sequences, malloced. */
static inline float *tiny_logits(const lm_model *m, const adapter_set *set, const int32_t *token, const int32_t *length,
                                 int64_t n)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < n; i++) rows += length[i];
    tape *t = tape_new(&(tape_options){.train = false});
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, token, rows), .sequences = tape_segments(t, length, n), .adapters = set};
    tensor *y = transformer_logits(t, m->net, transformer_hidden(t, m->net, &in));
    float *out = malloc((size_t)(rows * TINY_VOCAB) * sizeof *out);
    assert_ok(tape_read(t, y, out, rows * TINY_VOCAB));
    tape_free(t);
    return out;
}

#endif

/* rng.h: random numbers by counter (Philox 4x32-10; Salmon et al., SC 2011): draw i of a stream is a function of
 * (seed, stream, i) alone, so a recomputed block, a resumed run and another thread draw the same.
 *
 *     rng r = rng_make(seed, RNG_SPLIT);       // one stream a purpose
 *     uint32_t i = rng_below(&r, n);           // unbiased
 *     rng_shuffle(&r, order, n);
 *     uint64_t saved = r.at;                   // the whole state, for a checkpoint
 *
 * Ownership: an rng is a value; copy it freely. */
#ifndef LOREC_TENSOR_RNG_H
#define LOREC_TENSOR_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Streams. A new purpose gets a new number, so that adding one draw somewhere changes nothing elsewhere. */
enum {
    RNG_INIT = 1,
    RNG_SHUFFLE,
    RNG_NEGATIVES,
    RNG_DROPOUT,
    RNG_SPLIT,
    RNG_CANDIDATES,
    RNG_BOOTSTRAP,
    RNG_SAMPLING,
    RNG_MASKING,
    RNG_SAMPLE_DATA,
    RNG_TUNE,
    RNG_CODES,
    RNG_SVD,
    RNG_FACTORS,
    RNG_NOISE,
    RNG_USER = 1000
};

typedef struct rng {
    uint64_t seed, stream, at; /* `at` counts 32-bit draws */
} rng;

static inline rng rng_make(uint64_t seed, uint64_t stream)
{
    return (rng){seed, stream, 0};
}
/* Key: seed (low word first); counter: block low, block high, stream low, stream high. */
void rng_block(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4]); /* draws 4*block .. 4*block+3 */
uint32_t rng_u32(rng *r);
uint64_t rng_u64(rng *r);
uint32_t rng_below(rng *r, uint32_t n); /* 0 .. n-1; n >= 1 */
double rng_uniform(rng *r);             /* [0, 1), 53 bits */
double rng_normal(rng *r);              /* mean 0, sd 1 (Box-Muller, always two uniforms) */
void rng_shuffle(rng *r, uint32_t *x, size_t n);

#endif

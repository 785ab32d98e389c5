#include "tensor/rng.h"

#include <math.h>

/* One round's multipliers and the key's increments (Salmon et al., SC 2011, table 2 and section 3.3). */
enum { ROUNDS = 10 };
static const uint32_t MUL_0 = 0xD2511F53u, MUL_1 = 0xCD9E8D57u, WEYL_0 = 0x9E3779B9u, WEYL_1 = 0xBB67AE85u;

void rng_block(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)MUL_0 * c0, p1 = (uint64_t)MUL_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t rng_u32(rng *r)
{
    uint32_t block[4];
    rng_block(r->seed, r->stream, r->at / 4, block);
    return block[r->at++ % 4];
}

uint64_t rng_u64(rng *r)
{
    uint64_t high = rng_u32(r);
    return high << 32 | rng_u32(r);
}

/* Lemire 2019: the high half of a product, with the few draws that would bias it thrown away. */
uint32_t rng_below(rng *r, uint32_t n)
{
    uint64_t product = (uint64_t)rng_u32(r) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = -n % n;
        while ((uint32_t)product < threshold) product = (uint64_t)rng_u32(r) * n;
    }
    return (uint32_t)(product >> 32);
}

double rng_uniform(rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_normal(rng *r)
{
    double u = 1 - rng_uniform(r), v = rng_uniform(r); /* u in (0, 1]: its logarithm is finite */
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

void rng_shuffle(rng *r, uint32_t *x, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = i <= UINT32_MAX ? rng_below(r, (uint32_t)i) : (size_t)(rng_uniform(r) * (double)i);
        uint32_t kept = x[i - 1];
        x[i - 1] = x[j];
        x[j] = kept;
    }
}

/* packed_x86.h: small conversions of the AVX-512 and AMX kernels.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_CPU_PACKED_X86_H
#define LOREC_TENSOR_CPU_PACKED_X86_H

#include <immintrin.h>
#include <stdint.h>

static inline __m512 x86_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* v without the bits that bf16 has no room for. */
static inline __m512 x86_bf16_part(__m512 v)
{
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32((int)0xffff0000)));
}

static inline void x86_store_bf16(uint16_t *to, __m512 v) /* nearest; subnormals become 0 */
{
    _mm256_storeu_si256((__m256i *)(void *)to, (__m256i)_mm512_cvtneps_pbh(v));
}

static inline __m512 x86_bf16_near(__m512 v) /* what x86_store_bf16 stores */
{
    __m512i half = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v));
    return _mm512_castsi512_ps(_mm512_slli_epi32(half, 16));
}

/* bf16 of `even` and `odd` side by side in each lane, rounded to nearest (ties away from 0). */
static inline __m512i x86_pairs_bf16(__m512 even, __m512 odd)
{
    const __m512i half = _mm512_set1_epi32(0x8000);
    __m512i e = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(even), half), 16);
    __m512i o = _mm512_add_epi32(_mm512_castps_si512(odd), half);
    return _mm512_ternarylogic_epi32(e, o, _mm512_set1_epi32((int)0xffff0000), 0xf8); /* e | (o & mask) */
}

#endif

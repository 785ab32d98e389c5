/* gemm_body.h: products in one thread by register tiles: ROWS rows by VECTORS vectors of C stay in registers while k runs;
 * B is read row by row (unit stride: as it lies, or as a packed panel), A is broadcast from wherever it lies, so that A and
 * its transpose cost the same. Part of isa_body.h.
 *
 * Ownership: nothing is kept. */

#if VECTOR_SIZE == 64
#define VECTORS 4
#define ROWS    6
#elif VECTOR_SIZE == 32
#define VECTORS 2
#define ROWS    6
#else
#define VECTORS 2
#define ROWS    4
#endif
enum { TILE = LANES * VECTORS };

/* C [rows, vectors] = alpha * sum + beta * C; the last vector has `tail` lanes. */
INLINE void tile_finish(int rows, int vectors, size_t tail, vf sum[ROWS][VECTORS], float alpha, float beta, float *c,
                        int64_t ldc)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            float *to = c + i * ldc + j * LANES;
            size_t m = j == vectors - 1 ? tail : (size_t)LANES;
            vf v = alpha * sum[i][j];
            if (beta != 0) v += beta * v_load(to, m);
            v_store(to, m, v);
        }
}

/* `whole`: the last vector has all its lanes. rows, vectors and whole are constants at every call. */
INLINE void tile_f32(int rows, int vectors, bool whole, size_t tail, int64_t k, float alpha, const float *a,
                     int64_t a_row, int64_t a_col, const float *b, int64_t b_row, float beta, float *c, int64_t ldc)
{
    vf sum[ROWS][VECTORS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = (vf){0};
    for (int64_t p = 0; p < k; p++, a += a_col, b += b_row) {
        vf right[VECTORS];
        for (int j = 0; j < vectors; j++)
            right[j] = whole || j < vectors - 1 ? v_read(b + j * LANES) : v_load(b + j * LANES, tail);
        for (int i = 0; i < rows; i++) {
            vf left = v_set(a[i * a_row]);
            for (int j = 0; j < vectors; j++) sum[i][j] += left * right[j];
        }
    }
    tile_finish(rows, vectors, tail, sum, alpha, beta, c, ldc);
}

#if ROWS == 6
#define EACH_ROWS(CASE, v) CASE(1, v) CASE(2, v) CASE(3, v) CASE(4, v) CASE(5, v) CASE(6, v)
#else
#define EACH_ROWS(CASE, v) CASE(1, v) CASE(2, v) CASE(3, v) CASE(4, v)
#endif
#if VECTORS == 4
#define EACH_VECTORS(CASE) CASE(1) CASE(2) CASE(3) CASE(4)
#else
#define EACH_VECTORS(CASE) CASE(1) CASE(2)
#endif

#define ROWS_CASE(r, v)                                                                                                \
    case r:                                                                                                            \
        tile_f32(r, v, whole, tail, k, alpha, a, a_row, a_col, b, b_row, beta, c, ldc);                                \
        break;

#define STRIP(v)                                                                                                       \
    INLINE void strip_##v(bool whole, size_t tail, int64_t m, int64_t k, float alpha, const float *a, int64_t a_row,   \
                          int64_t a_col, const float *b, int64_t b_row, float beta, float *c, int64_t ldc)             \
    {                                                                                                                  \
        for (int64_t i = 0; i < m; i += ROWS, a += ROWS * a_row, c += ROWS * ldc)                                      \
            switch (m - i < ROWS ? m - i : ROWS) {                                                                     \
                EACH_ROWS(ROWS_CASE, v)                                                                                \
            }                                                                                                          \
    }                                                                                                                  \
    static void strip_whole_##v(int64_t m, int64_t k, float alpha, const float *a, int64_t a_row, int64_t a_col,       \
                                const float *b, int64_t b_row, float beta, float *c, int64_t ldc)                      \
    {                                                                                                                  \
        strip_##v(true, LANES, m, k, alpha, a, a_row, a_col, b, b_row, beta, c, ldc);                                  \
    }                                                                                                                  \
    static void strip_part_##v(size_t tail, int64_t m, int64_t k, float alpha, const float *a, int64_t a_row,          \
                               int64_t a_col, const float *b, int64_t b_row, float beta, float *c, int64_t ldc)        \
    {                                                                                                                  \
        strip_##v(false, tail, m, k, alpha, a, a_row, a_col, b, b_row, beta, c, ldc);                                  \
    }
EACH_VECTORS(STRIP)

#define STRIP_CASE(v)                                                                                                  \
    case v:                                                                                                            \
        if (tail == LANES)                                                                                             \
            strip_whole_##v(m, k, alpha, a, a_row, a_col, b + j, b_row, beta, c + j, ldc);                             \
        else                                                                                                           \
            strip_part_##v(tail, m, k, alpha, a, a_row, a_col, b + j, b_row, beta, c + j, ldc);                        \
        break;

static void product_f32(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t a_row, int64_t a_col,
                        const float *b, int64_t b_row, float beta, float *c, int64_t ldc)
{
    for (int64_t j = 0; j < n; j += TILE) {
        int64_t width = n - j < TILE ? n - j : TILE, vectors = (width + LANES - 1) / LANES;
        size_t tail = (size_t)(width - (vectors - 1) * LANES);
        switch (vectors) {
            EACH_VECTORS(STRIP_CASE)
        }
    }
}

static void pack_f32(int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_col, float *panel)
{
    if (b_col == 1) {
        for (int64_t p = 0; p < k; p++, b += b_row, panel += TILE)
            for (int64_t j = 0; j < TILE; j += LANES)
                v_write(panel + j, j < n ? v_load(b + j, LANES_LEFT((size_t)n, (size_t)j)) : v_set(0));
        return;
    }
    for (int64_t j = 0; j < TILE; j += LANES)
        for (int64_t p = 0; p < k; p += LANES) {
            int64_t deep = k - p < LANES ? k - p : LANES;
            vf x[LANES];
            if (b_row == 1) {
                for (int64_t i = 0; i < LANES; i++)
                    x[i] = j + i < n ? v_load(b + (j + i) * b_col + p, (size_t)deep) : v_set(0);
                v_transpose(x);
            } else {
                for (int64_t q = 0; q < deep; q++)
                    for (int64_t i = 0; i < LANES; i++) x[q][i] = j + i < n ? b[(p + q) * b_row + (j + i) * b_col] : 0;
            }
            for (int64_t q = 0; q < deep; q++) v_write(panel + (p + q) * TILE + j, x[q]);
        }
}

/* ---- few rows: nothing is packed, the weights stream through once ---------------------------------------------------- */

enum { DOT_ROWS = 4, DOT_COLS = 4 };

INLINE void dots_tile(int rows, int cols, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float beta, float *c, int64_t ldc)
{
    vf sum[DOT_ROWS][DOT_COLS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) sum[i][j] = (vf){0};
    int64_t p = 0;
    for (; p + LANES <= k; p += LANES)
        for (int j = 0; j < cols; j++) {
            vf right = v_read(b + j * ldb + p);
            for (int i = 0; i < rows; i++) sum[i][j] += v_read(a + i * lda + p) * right;
        }
    if (p < k)
        for (int j = 0; j < cols; j++) {
            vf right = v_load(b + j * ldb + p, (size_t)(k - p));
            for (int i = 0; i < rows; i++) sum[i][j] += v_load(a + i * lda + p, (size_t)(k - p)) * right;
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            float *to = c + i * ldc + j;
            *to = alpha * v_sum(sum[i][j]) + (beta == 0 ? 0 : beta * *to);
        }
}

#define DOT_CASE(r)                                                                                                    \
    case r:                                                                                                            \
        for (; j + DOT_COLS <= n; j += DOT_COLS)                                                                       \
            dots_tile(r, DOT_COLS, k, alpha, a, lda, b + j * ldb, ldb, beta, c + j, ldc);                              \
        for (; j < n; j++) dots_tile(r, 1, k, alpha, a, lda, b + j * ldb, ldb, beta, c + j, ldc);                      \
        break;

static void dots_f32(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                     int64_t ldb, float beta, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i += DOT_ROWS, a += DOT_ROWS * lda, c += DOT_ROWS * ldc) {
        int64_t j = 0;
        switch (m - i < DOT_ROWS ? m - i : DOT_ROWS) {
            DOT_CASE(1) DOT_CASE(2) DOT_CASE(3) DOT_CASE(4)
        }
    }
}

/* ---- bf16 -------------------------------------------------------------------------------------------------------------- */

#if defined(__AVX512BF16__) && !defined(__AMX_BF16__) /* gemm_tiles.h */
INLINE void tile_bf16(int rows, int vectors, size_t tail, int64_t pairs, float alpha, const uint16_t *a, int64_t a_row,
                      int64_t a_pair, const uint16_t *b, float beta, float *c, int64_t ldc)
{
    __m512 sum[ROWS][VECTORS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = _mm512_setzero_ps();
    for (int64_t p = 0; p < pairs; p++, a += a_pair, b += 2 * TILE) {
        __m512bh right[VECTORS];
        for (int j = 0; j < vectors; j++) right[j] = (__m512bh)_mm512_loadu_si512(b + j * 2 * LANES);
        for (int i = 0; i < rows; i++) {
            int32_t two;
            memcpy(&two, a + i * a_row, 4);
            __m512bh left = (__m512bh)_mm512_set1_epi32(two);
            for (int j = 0; j < vectors; j++) sum[i][j] = _mm512_dpbf16_ps(sum[i][j], left, right[j]);
        }
    }
    vf done[ROWS][VECTORS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) done[i][j] = (vf)sum[i][j];
    tile_finish(rows, vectors, tail, done, alpha, beta, c, ldc);
}

#define ROWS_CASE_BF16(r, v)                                                                                           \
    case r:                                                                                                            \
        tile_bf16(r, v, tail, pairs, alpha, a, a_row, a_pair, b, beta, c, ldc);                                        \
        break;

#define STRIP_BF16(v)                                                                                                  \
    static void strip_bf16_##v(size_t tail, int64_t m, int64_t pairs, float alpha, const uint16_t *a, int64_t a_row,   \
                               int64_t a_pair, const uint16_t *b, float beta, float *c, int64_t ldc)                   \
    {                                                                                                                  \
        for (int64_t i = 0; i < m; i += ROWS, a += ROWS * a_row, c += ROWS * ldc)                                      \
            switch (m - i < ROWS ? m - i : ROWS) {                                                                     \
                EACH_ROWS(ROWS_CASE_BF16, v)                                                                           \
            }                                                                                                          \
    }
EACH_VECTORS(STRIP_BF16)

#define STRIP_CASE_BF16(v)                                                                                             \
    case v:                                                                                                            \
        strip_bf16_##v(tail, m, pairs, alpha, a, a_row, a_pair, panel, beta, c, ldc);                                  \
        break;

static void product_bf16(int64_t m, int64_t n, int64_t pairs, float alpha, const uint16_t *a, int64_t a_row,
                         int64_t a_pair, const uint16_t *panel, float beta, float *c, int64_t ldc)
{
    int64_t vectors = (n + LANES - 1) / LANES;
    size_t tail = (size_t)(n - (vectors - 1) * LANES);
    switch (vectors) {
        EACH_VECTORS(STRIP_CASE_BF16)
    }
}

#endif
#if defined(__AVX512BF16__)
static void pack_bf16(int64_t k, int64_t n, const uint16_t *b, int64_t b_row, int64_t b_col, int64_t width,
                      uint16_t *panel)
{
    if (b_row == 1 && width == TILE) { /* b lies transposed: pairs are neighbours already, a panel is their transpose */
        for (int64_t j = 0; j < TILE; j += LANES)
            for (int64_t p = 0; p < k; p += 2 * LANES) {
                int64_t deep = k - p < 2 * LANES ? k - p : 2 * LANES;
                __mmask32 there = deep == 2 * LANES ? 0xffffffffu : (1u << deep) - 1;
                vf x[LANES];
                for (int64_t i = 0; i < LANES; i++)
                    x[i] = j + i < n ? (vf)_mm512_maskz_loadu_epi16(there, b + (j + i) * b_col + p) : v_set(0);
                v_transpose(x);
                for (int64_t q = 0; q < (deep + 1) / 2; q++)
                    _mm512_storeu_si512(panel + ((p / 2 + q) * TILE + j) * 2, (__m512i)x[q]);
            }
        return;
    }
    for (int64_t p = 0; p < k; p += 2, panel += 2 * width) {
        const uint16_t *even = b + p * b_row, *odd = even + b_row;
        bool both = p + 1 < k;
        int64_t j = 0;
        if (b_col == 1)
            for (; j + LANES <= n; j += LANES) {
                __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(even + j)));
                if (both) {
                    __m512i y = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(odd + j)));
                    x = _mm512_or_si512(x, _mm512_slli_epi32(y, 16));
                }
                _mm512_storeu_si512(panel + 2 * j, x);
            }
        for (; j < n; j++) {
            panel[2 * j] = even[j * b_col];
            panel[2 * j + 1] = both ? odd[j * b_col] : 0;
        }
        if (j < width) memset(panel + 2 * j, 0, (size_t)(width - j) * 4);
    }
}
#endif

/* gemm_body.h: a product of any strides in one thread by register tiles: ISA_ROWS rows by ISA_VECTORS vectors of C stay in
 * registers while k runs; B is read row by row (unit stride), A is broadcast from wherever it lies, so that both A and its
 * transpose cost the same. k goes in blocks that keep the strip of B in the first cache levels. Part of isa_body.h.
 *
 * Ownership: nothing is kept. */

enum { TILE = ISA_FLOATS * ISA_VECTORS, K_BLOCK = 256 };

/* C tile [rows, vectors * ISA_FLOATS] = alpha * A B + beta * C. rows and vectors are constants at every call. */
static inline __attribute__((always_inline)) void tile(int rows, int vectors, int64_t k, float alpha, const float *a,
                                                       int64_t a_row, int64_t a_col, const float *b, int64_t b_row,
                                                       float beta, float *c, int64_t ldc)
{
    vec sum[ISA_ROWS][ISA_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = (vec){0};
    for (int64_t p = 0; p < k; p++) {
        vec right[ISA_VECTORS];
        for (int j = 0; j < vectors; j++) right[j] = vec_load(b + p * b_row + j * ISA_FLOATS);
        for (int i = 0; i < rows; i++) {
            vec left = vec_all(a[i * a_row + p * a_col]);
            for (int j = 0; j < vectors; j++) sum[i][j] += left * right[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
            float *to = c + i * ldc + j * ISA_FLOATS;
            vec v = vec_all(alpha) * sum[i][j];
            if (beta != 0) v += vec_all(beta) * vec_load(to);
            vec_store(to, v);
        }
}

#define ROWS_CASE(r, v)                                                                                                \
    case r:                                                                                                            \
        tile(r, v, k, alpha, a, a_row, a_col, b, b_row, beta, c, ldc);                                                 \
        break;

#if ISA_ROWS == 6
#define ROWS_CASES(v) ROWS_CASE(1, v) ROWS_CASE(2, v) ROWS_CASE(3, v) ROWS_CASE(4, v) ROWS_CASE(5, v) ROWS_CASE(6, v)
#else
#define ROWS_CASES(v) ROWS_CASE(1, v) ROWS_CASE(2, v) ROWS_CASE(3, v) ROWS_CASE(4, v)
#endif

#define STRIP(v)                                                                                                       \
    static void strip_##v(int64_t m, int64_t k, float alpha, const float *a, int64_t a_row, int64_t a_col,             \
                          const float *b, int64_t b_row, float beta, float *c, int64_t ldc)                            \
    {                                                                                                                  \
        for (int64_t i = 0; i < m; i += ISA_ROWS, a += ISA_ROWS * a_row, c += ISA_ROWS * ldc)                          \
            switch (m - i < ISA_ROWS ? m - i : ISA_ROWS) {                                                             \
                ROWS_CASES(v)                                                                                          \
            }                                                                                                          \
    }
STRIP(1)
STRIP(2)
#if ISA_VECTORS == 4
STRIP(3)
STRIP(4)
#endif

/* A strip narrower than a tile (or of a transposed B): B is copied into whole vectors, C goes through a buffer when its
 * last vector is not whole. */
static void strip_any(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t a_row, int64_t a_col,
                      const float *b, int64_t b_row, int64_t b_col, float beta, float *c, int64_t ldc)
{
    float right[K_BLOCK * TILE] __attribute__((aligned(64)));
    int vectors = (int)((n + ISA_FLOATS - 1) / ISA_FLOATS);
    int64_t width = vectors * ISA_FLOATS;
    if (b_col == 1) {
        for (int64_t p = 0; p < k; p++) {
            memcpy(right + p * width, b + p * b_row, (size_t)n * sizeof(float));
            for (int64_t j = n; j < width; j++) right[p * width + j] = 0;
        }
    } else {
        for (int64_t j = 0; j < width; j++)
            for (int64_t p = 0; p < k; p++) right[p * width + j] = j < n ? b[p * b_row + j * b_col] : 0;
    }
    float part[ISA_ROWS * TILE] __attribute__((aligned(64)));
    bool whole = width == n;
    int64_t step = whole ? m : ISA_ROWS;
    for (int64_t i = 0; i < m; i += step) {
        int64_t rows = m - i < step ? m - i : step;
        float *to = whole ? c : part;
        int64_t ld = whole ? ldc : width;
        float keep = whole ? beta : 0;
        const float *from = a + i * a_row;
        switch (vectors) {
        case 1:
            strip_1(rows, k, alpha, from, a_row, a_col, right, width, keep, to, ld);
            break;
        case 2:
            strip_2(rows, k, alpha, from, a_row, a_col, right, width, keep, to, ld);
            break;
#if ISA_VECTORS == 4
        case 3:
            strip_3(rows, k, alpha, from, a_row, a_col, right, width, keep, to, ld);
            break;
        case 4:
            strip_4(rows, k, alpha, from, a_row, a_col, right, width, keep, to, ld);
            break;
#endif
        }
        for (int64_t r = 0; !whole && r < rows; r++)
            for (int64_t j = 0; j < n; j++) {
                float *old = c + (i + r) * ldc + j;
                *old = part[r * width + j] + (beta == 0 ? 0 : beta * *old);
            }
    }
}

static void gemm_tiles(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                       const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    int64_t a_row = ta ? 1 : lda, a_col = ta ? lda : 1, b_row = tb ? 1 : ldb, b_col = tb ? ldb : 1;
    if (k == 0 || alpha == 0) {
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
        return;
    }
    for (int64_t p = 0; p < k; p += K_BLOCK) {
        int64_t depth = k - p < K_BLOCK ? k - p : K_BLOCK;
        float keep = p == 0 ? beta : 1;
        for (int64_t j = 0; j < n; j += TILE) {
            const float *from = a + p * a_col, *right = b + p * b_row + j * b_col;
            if (n - j >= TILE && !tb)
                PASTE(strip, ISA_VECTORS)(m, depth, alpha, from, a_row, a_col, right, b_row, keep, c + j, ldc);
            else
                strip_any(m, n - j < TILE ? n - j : TILE, depth, alpha, from, a_row, a_col, right, b_row, b_col, keep,
                          c + j, ldc);
        }
    }
}

#include "tensor/ops/example_norms.h"

#include "tensor/ops/piece.h"

typedef struct norms_job {
    const int64_t *start, *row; /* example e's rows: row[start[e]] .. row[start[e + 1] - 1] */
    size_t n_a, n_b;
    const float *a, *b;
    float *sq;
} norms_job;

static lorec_err norms_of_examples(void *ctx, size_t begin, size_t end, int worker)
{
    const norms_job *j = ctx;
    (void)worker;
    for (size_t e = begin; e < end; e++) {
        double sum = 0;
        for (int64_t k = j->start[e]; k < j->start[e + 1]; k++) {
            size_t r = (size_t)j->row[k];
            for (int64_t l = j->start[e]; l <= k; l++) {
                size_t s = (size_t)j->row[l];
                double both = isa()->dot_f32(j->n_b, j->b + r * j->n_b, j->b + s * j->n_b);
                if (j->a) both *= isa()->dot_f32(j->n_a, j->a + r * j->n_a, j->a + s * j->n_a);
                sum += l < k ? 2 * both : both;
            }
        }
        j->sq[e] += (float)sum;
    }
    return LOREC_OK;
}

lorec_err outer_example_norms(tape *t, int64_t rows, int64_t n_a, const float *a, int64_t n_b, const float *b,
                              const int32_t *example, int64_t each, float *sq, int64_t n_examples)
{
    int64_t *start = tape_scratch(t, (size_t)(n_examples + 2) * sizeof *start);
    int64_t *row = tape_scratch(t, (size_t)rows * sizeof *row);
    if (!start || !row) return tape_error(t);
    memset(start, 0, (size_t)(n_examples + 2) * sizeof *start);
    /* start[e + 2] counts, then start[e + 1] is the place of e's next row, and at the end of e's rows */
    for (int64_t r = 0; r < rows; r++) start[(example ? example[r / each] : r / each) + 2]++;
    for (int64_t e = 1; e <= n_examples; e++) start[e + 1] += start[e];
    for (int64_t r = 0; r < rows; r++) row[start[(example ? example[r / each] : r / each) + 1]++] = r;
    norms_job j = {start, row, (size_t)n_a, (size_t)n_b, a, b, sq};
    return par_each((size_t)n_examples, 1, norms_of_examples, &j);
}

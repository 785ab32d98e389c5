/* Products of the shapes that training has: lorec's, oneDNN's sgemm and OpenBLAS's beside each other, best of a few runs,
 * in GFLOP/s over all workers. bench_gemm [PART OF A SHAPE'S NAME] */
#include <cblas.h>
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/kernels.h"

static const struct shape {
    const char *what;
    bool ta, tb;
    int64_t m, n, k;
} shapes[] = {
    {"sasrec x W^T", false, true, 25600, 64, 64},   {"sasrec dY W", false, false, 25600, 64, 64},
    {"sasrec dY^T X", true, false, 64, 64, 25600},  {"d256 x W^T", false, true, 6400, 256, 256},
    {"d256 dY^T X", true, false, 256, 256, 6400},   {"d256 up", false, true, 6400, 1024, 256},
    {"d256 down", false, true, 6400, 256, 1024},    {"d256 up dY^T X", true, false, 1024, 256, 6400},
    {"gpt2 up", false, false, 256, 3072, 768},      {"gpt2 down", false, false, 256, 768, 3072},
    {"gpt2 up dX", false, true, 256, 768, 3072},    {"gpt2 up dW", true, false, 768, 3072, 256},
    {"gpt2 head", false, true, 256, 50257, 768},    {"gpt2 head dX", false, false, 256, 768, 50257},
    {"gpt2 head dW", true, false, 50257, 768, 256}, {"square", false, false, 1024, 1024, 1024},
    {"one row", false, true, 1, 3072, 768},
};

static double best(int kind, const struct shape *s, const void *a, const void *b, float *c)
{
    int64_t lda = s->ta ? s->m : s->k, ldb = s->tb ? s->k : s->n;
    double fastest = 1e9, begun = clock_seconds();
    for (int run = 0; run < 4 || (clock_seconds() - begun < 0.3 && run < 100); run++) {
        double start = clock_seconds();
        lorec_err e = LOREC_OK;
        if (kind == 0)
            e = gemm_f32(s->ta, s->tb, s->m, s->n, s->k, 1, a, lda, b, ldb, 0, c, s->n);
        else if (kind == 1)
            dnnl_sgemm(s->ta ? 'T' : 'N', s->tb ? 'T' : 'N', s->m, s->n, s->k, 1, a, lda, b, ldb, 0, c, s->n);
        else if (kind == 2)
            cblas_sgemm(CblasRowMajor, s->ta ? CblasTrans : CblasNoTrans, s->tb ? CblasTrans : CblasNoTrans, (int)s->m,
                        (int)s->n, (int)s->k, 1, a, (int)lda, b, (int)ldb, 0, c, (int)s->n);
        else
            e = gemm_bf16(s->ta, s->tb, s->m, s->n, s->k, 1, a, lda, b, ldb, 0, c, s->n, true);
        if (e) {
            fprintf(stderr, "%s\n", lorec_error_message());
            exit(1);
        }
        double took = clock_seconds() - start;
        if (took < fastest) fastest = took;
    }
    return 2e-9 * (double)s->m * (double)s->n * (double)s->k / fastest;
}

int main(int argc, char **argv)
{
    printf("%d workers, %s; GFLOP/s\n%-16s %8s %8s %8s %8s\n", par_workers(), isa()->name, "", "lorec", "oneDNN",
           "OpenBLAS", "bf16");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        if (argc > 1 && !strstr(s->what, argv[1])) continue;
        float *a, *b, *c;
        uint16_t *ha, *hb;
        size_t na = (size_t)(s->m * s->k), nb = (size_t)(s->n * s->k);
        if (mem_new(&a, na) || mem_new(&b, nb) || mem_new(&c, (size_t)(s->m * s->n)) || mem_new(&ha, na) ||
            mem_new(&hb, nb))
            return 1;
        for (size_t j = 0; j < na; j++) a[j] = (float)(j % 17) * 0.1f - 0.8f;
        for (size_t j = 0; j < nb; j++) b[j] = (float)(j % 13) * 0.1f - 0.6f;
        isa()->to_bf16(na, a, ha);
        isa()->to_bf16(nb, b, hb);
        double own = best(0, s, a, b, c), onednn = best(1, s, a, b, c), blas = best(2, s, a, b, c);
        double half = best(3, s, ha, hb, c);
        printf("%-16s %8.0f %8.0f %8.0f %8.0f\n", s->what, own, onednn, blas, half);
        mem_free(a);
        mem_free(b);
        mem_free(c);
        mem_free(ha);
        mem_free(hb);
    }
    return 0;
}

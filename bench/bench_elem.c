/* Quantised types by the reference readers and writers: values a second on one core. With FILE.gguf OUT instead: every tensor
 * of the file as f32 into OUT.NAME, which bench/peers/elem.py compares with the gguf package's, bit for bit. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/threads.h"
#include "tensor/gguf.h"
#include "tensor/rng.h"

enum { N = 1 << 20 };

/* Of this process's own time: the machine may be busy with others. */
static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static int dump(const char *path, const char *out)
{
    gguf g;
    if (gguf_open(&g, path)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    for (size_t i = 0; i < g.n_tensors; i++) {
        const gguf_tensor *t = &g.tensor[i];
        int64_t n = t->size[0] * t->size[1] * t->size[2] * t->size[3];
        float *values = malloc((size_t)n * sizeof *values + 1);
        char name[1024];
        snprintf(name, sizeof name, "%s.%.*s", out, (int)t->name.n, t->name.p);
        FILE *f = fopen(name, "wb");
        if (!values || !f || elem_read_f32(&g.file, t->at, t->type, values, n)) return 1;
        if (fwrite(values, sizeof *values, (size_t)n, f) != (size_t)n || fclose(f)) return 1;
        free(values);
    }
    gguf_close(&g);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3) return dump(argv[1], argv[2]);
    par_set_workers(1);
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    unsigned char *blocks = malloc(4 * N);
    rng r = rng_make(1, RNG_USER);
    if (!x || !y || !blocks) return 1;
    for (int i = 0; i < N; i++) x[i] = (float)rng_normal(&r) * .02f;
    printf("%-5s %14s %14s\n", "type", "write M/s", "read M/s");
    for (int t = 0; t < ELEMS; t++) {
        if (!elem_quantised((elem)t) && t != ELEM_F16 && t != ELEM_BF16) continue;
        double best[2] = {1e9, 1e9};
        for (int run = 0; run < 3; run++) {
            double a = seconds();
            if (elem_from_f32((elem)t, x, blocks, N)) return 1;
            double b = seconds();
            if (elem_to_f32((elem)t, blocks, y, N)) return 1;
            double c = seconds();
            if (b - a < best[0]) best[0] = b - a;
            if (c - b < best[1]) best[1] = c - b;
        }
        printf("%-5s %14.1f %14.1f\n", elem_name((elem)t), N / 1e6 / best[0], N / 1e6 / best[1]);
    }
    free(x);
    free(y);
    free(blocks);
    return 0;
}

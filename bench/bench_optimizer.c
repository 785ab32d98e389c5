/* One AdamW step over 2^25 values: seconds, and bytes moved a second (28 read and written a value, and 4 read for the
 * norm). Memory-bound: compare with the machine's streaming bandwidth, printed first (a[i] = b[i] + s c[i]). */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "tensor/ops.h"
#include "tensor/optimizer.h"

enum { VALUES = 1 << 25, ROUNDS = 9, WIDTH = 1 << 10 };

typedef struct triad {
    float *a, *b, *c;
} triad;

static lorec_err triad_part(void *ctx, size_t begin, size_t end, int worker)
{
    triad *x = ctx;
    (void)worker;
    for (size_t i = begin; i < end; i++) x->a[i] = x->b[i] + 3 * x->c[i];
    return LOREC_OK;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x)
{
    qsort(x, ROUNDS, sizeof *x, order);
    return x[ROUNDS / 2];
}

int main(void)
{
    double seconds[ROUNDS];
    triad x = {0};
    if (mem_new(&x.a, VALUES) || mem_new(&x.b, VALUES) || mem_new(&x.c, VALUES)) return 1;
    for (int r = 0; r < ROUNDS; r++) {
        double from = clock_seconds();
        par_for(VALUES, 1, triad_part, &x);
        seconds[r] = clock_seconds() - from;
    }
    double stream = 12.0 * VALUES / median(seconds) / 1e9;
    mem_free(x.a);
    mem_free(x.b);
    mem_free(x.c);

    params *ps = params_new(1);
    tensor *p = params_add(ps, "p", INIT_NORMAL(1), 2, (int64_t[]){VALUES / WIDTH, WIDTH});
    optimizer *o = optimizer_new(
        ps, &(optimizer_options){.kind = OPT_ADAMW, .lr = 1e-3, .weight_decay = 0.01, .clip_norm = 1});
    tape *t = tape_new(&(tape_options){.train = true});
    lorec_err e = params_error(ps);
    for (int r = 0; !e && r < ROUNDS; r++) {
        tape_begin(t, (uint64_t)r);
        e = tape_backward(t, op_sum(t, op_reshape(t, p, 1, (int64_t[]){VALUES})));
        double from = clock_seconds();
        if (!e) e = optimizer_step(o, 1);
        seconds[r] = clock_seconds() - from;
    }
    if (e) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    double step = median(seconds);
    printf("stream %.1f GB/s; AdamW of %d values: %.1f ms, %.1f GB/s\n", stream, VALUES, step * 1e3,
           32.0 * VALUES / step / 1e9);
    tape_free(t);
    optimizer_free(o);
    params_free(ps);
    return 0;
}

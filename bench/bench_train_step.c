/* Seconds a training step of four models, the shapes of bench/peers/train_step.py: bench_train_step SHAPE [--bf16] [--steps N]
 * [--lengths FILE]. Prints one JSON object; cpu_s is the CPU's time a step over all threads, which a loaded machine disturbs
 * less. Without a SHAPE the two short ones run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/ops.h"
#include "tensor/optimizer.h"
#include "tensor/rng.h"

typedef struct shape {
    const char *name;
    int64_t vocab, d, layers, heads, hidden, t, batch;
    float dropout;
    activation act;
    bool bce, adamw;
} shape;

static const shape shapes[] = {
    {"sasrec", 3417, 64, 2, 1, 64, 200, 128, 0.2f, ACT_RELU, true, false},
    {"gpt2", 50257, 768, 12, 12, 3072, 64, 4, 0, ACT_GELU_TANH, false, true},
    {"gptrec", 3418, 256, 3, 4, 1024, 100, 64, 0.1f, ACT_GELU_TANH, false, false},
    {"beauty", 12102, 64, 2, 1, 64, 50, 256, 0.5f, ACT_RELU, false, false},
};

enum { LAYER_PARAMS = 16, LAYERS_MAX = 12 };
typedef struct model {
    const shape *s;
    params *ps;
    tensor *item, *pos, *norm[2], *layer[LAYERS_MAX][LAYER_PARAMS];
} model;

enum { LN1, LN1_B, WQ, BQ, WK, BK, WV, BV, WO, BO, LN2, LN2_B, UP, UP_B, DOWN, DOWN_B };

static void model_make(model *m, const shape *s)
{
    static const char *const names[] = {"ln1", "ln1.bias", "q",   "q.bias",   "k",  "k.bias",  "v",    "v.bias",
                                        "o",   "o.bias",   "ln2", "ln2.bias", "up", "up.bias", "down", "down.bias"};
    *m = (model){.s = s, .ps = params_new(1)};
    m->item = params_add(m->ps, "item", INIT_NORMAL(0.02), 2, (int64_t[]){s->vocab, s->d});
    m->pos = params_add(m->ps, "pos", INIT_NORMAL(0.02), 2, (int64_t[]){s->t, s->d});
    m->norm[0] = params_add(m->ps, "norm", INIT_CONST(1), 1, &s->d);
    m->norm[1] = params_add(m->ps, "norm.bias", INIT_ZERO, 1, &s->d);
    for (int64_t l = 0; l < s->layers; l++)
        for (int i = 0; i < LAYER_PARAMS; i++) {
            char name[32];
            snprintf(name, sizeof name, "h.%d.%s", (int)l, names[i]);
            int64_t out = i == UP || i == UP_B ? s->hidden : s->d, in = i == DOWN ? s->hidden : s->d;
            bool gain = i == LN1 || i == LN2, bias = strstr(names[i], ".bias");
            m->layer[l][i] = params_add(m->ps, name,
                                        gain   ? INIT_CONST(1)
                                        : bias ? INIT_ZERO
                                               : init_torch_linear(in),
                                        gain || bias ? 1 : 2, (int64_t[]){out, in});
        }
}

static tensor *block(const model *m, tape *t, tensor *const *w, tensor *x, const segments *rows)
{
    const shape *s = m->s;
    tensor *h = op_layer_norm(t, x, w[LN1], w[LN1_B], 1e-5f);
    tensor *q = op_linear(t, h, w[WQ], w[BQ], LINEAR_OUT_IN, ACT_NONE),
           *k = op_linear(t, h, w[WK], w[BK], LINEAR_OUT_IN, ACT_NONE),
           *v = op_linear(t, h, w[WV], w[BV], LINEAR_OUT_IN, ACT_NONE);
    tensor *y = op_attention(
        t, q, k, v, &(attention){.heads = (int)s->heads, .causal = true, .q_rows = rows, .dropout = s->dropout});
    x = op_add_dropout(t, x, op_linear(t, y, w[WO], w[BO], LINEAR_OUT_IN, ACT_NONE), s->dropout);
    h = op_layer_norm(t, x, w[LN2], w[LN2_B], 1e-5f);
    h = op_linear(t, op_linear(t, h, w[UP], w[UP_B], LINEAR_OUT_IN, s->act), w[DOWN], w[DOWN_B], LINEAR_OUT_IN,
                  ACT_NONE);
    return op_add_dropout(t, x, h, s->dropout);
}

typedef struct batch {
    int64_t n, rows;
    int32_t *length, *id, *place, *next, *pair;
    float *label;
} batch;

static void batch_make(batch *b, const shape *s, const char *lengths)
{
    rng r = rng_make(1, RNG_SAMPLE_DATA);
    FILE *f = lengths ? fopen(lengths, "r") : NULL;
    *b = (batch){.n = s->batch};
    int32_t *at;
    if (mem_new(&b->length, (size_t)b->n)) exit(1);
    for (int64_t i = 0; i < b->n; i++) {
        int n = (int)s->t;
        if (f && fscanf(f, "%d", &n) != 1) exit(1);
        if (!f && strcmp(s->name, "beauty") == 0) n = 2 + (int)(-log(1 - rng_uniform(&r)) * 5); /* short, a long tail */
        b->length[i] = n < 1 ? 1 : n > s->t ? (int32_t)s->t : n;
        b->rows += b->length[i];
    }
    if (f) fclose(f);
    if (mem_new(&at, (size_t)b->rows * 5) || mem_new(&b->label, (size_t)b->rows * 2)) exit(1);
    b->id = at;
    b->place = at + b->rows;
    b->next = at + 2 * b->rows;
    b->pair = at + 3 * b->rows;
    for (int64_t i = 0, row = 0; i < b->n; i++)
        for (int32_t j = 0; j < b->length[i]; j++, row++) {
            b->id[row] = 1 + (int32_t)rng_below(&r, (uint32_t)s->vocab - 1);
            b->next[row] = 1 + (int32_t)rng_below(&r, (uint32_t)s->vocab - 1);
            b->place[row] = j;
            for (int c = 0; c < 2; c++) {
                b->pair[2 * row + c] = c ? 1 + (int32_t)rng_below(&r, (uint32_t)s->vocab - 1) : b->next[row];
                b->label[2 * row + c] = c ? 0 : 1;
            }
        }
}

static tensor *loss_of(const model *m, tape *t, const batch *b)
{
    const shape *s = m->s;
    const segments *rows = tape_segments(t, b->length, b->n);
    tensor *x = op_add(t, op_embed(t, m->item, tape_ids(t, b->id, b->rows)),
                       op_embed(t, m->pos, tape_ids(t, b->place, b->rows)));
    x = op_dropout(t, x, s->dropout);
    for (int64_t l = 0; l < s->layers; l++) x = block(m, t, m->layer[l], x, rows);
    x = op_layer_norm(t, x, m->norm[0], m->norm[1], 1e-5f);
    if (!s->bce) return op_mean(t, op_linear_cross_entropy(t, x, m->item, NULL, tape_ids(t, b->next, b->rows), NULL));
    tensor *score = op_linear_gather(t, x, m->item, NULL, tape_ids(t, b->pair, 2 * b->rows), 2);
    return op_scale(t, op_mean(t, op_bce(t, score, b->label, NULL, 2 * b->rows)), 2, 0);
}

static void check(lorec_err e)
{
    if (e == LOREC_OK) return;
    fprintf(stderr, "%s\n", lorec_error_message());
    exit(1);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const shape *s, bool half, int steps, const char *lengths)
{
    enum { WARM = 2, MOST = 1000 };
    model m;
    batch b;
    float loss = 0;
    double took[MOST], part[3] = {0}, cpu = 0;
    model_make(&m, s);
    check(params_error(m.ps));
    batch_make(&b, s, lengths);
    tape *t = tape_new(&(tape_options){.train = true, .compute = half ? DTYPE_BF16 : DTYPE_F32, .seed = 1});
    optimizer *o = optimizer_new(
        m.ps,
        &(optimizer_options){.kind = s->adamw ? OPT_ADAMW : OPT_ADAM, .lr = 1e-3, .weight_decay = s->adamw ? 0.01 : 0});
    if (!t || !o) exit(1);
    for (int i = 0; i < WARM + steps; i++) {
        double start = clock_seconds(), cpu_start = cpu_seconds();
        tape_begin(t, (uint64_t)i);
        tensor *l = loss_of(&m, t, &b);
        double forward = clock_seconds();
        check(tape_backward(t, l));
        double backward = clock_seconds();
        check(tape_read(t, l, &loss, 1));
        check(optimizer_step(o, 1));
        double end = clock_seconds();
        if (i < WARM) continue;
        took[i - WARM] = end - start;
        cpu += (cpu_seconds() - cpu_start) / steps;
        part[0] += (forward - start) / steps;
        part[1] += (backward - forward) / steps;
        part[2] += (end - backward) / steps;
    }
    qsort(took, (size_t)steps, sizeof *took, by_size);
    printf("{\"shape\": \"%s\", \"bf16\": %s, \"threads\": %d, \"isa\": \"%s\", \"rows\": %lld, \"median_s\": %.5f, "
           "\"min_s\": %.5f, \"cpu_s\": %.5f, "
           "\"forward_s\": %.5f, \"backward_s\": %.5f, \"update_s\": %.5f, \"loss\": %.4f, \"gflops\": %.1f}\n",
           s->name, half ? "true" : "false", par_workers(), isa()->name, (long long)b.rows, took[steps / 2], took[0],
           cpu, part[0], part[1], part[2], (double)loss, tape_flops(t) * 3e-9 / took[steps / 2]);
    optimizer_free(o);
    tape_free(t);
    params_free(m.ps);
    mem_free(b.length);
    mem_free(b.id);
    mem_free(b.label);
}

int main(int argc, char **argv)
{
    const char *name = NULL, *lengths = NULL;
    bool half = false;
    int steps = 8;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bf16") == 0)
            half = true;
        else if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc)
            steps = atoi(argv[++i]);
        else if (strcmp(argv[i], "--lengths") == 0 && i + 1 < argc)
            lengths = argv[++i];
        else
            name = argv[i];
    }
    if (steps < 1 || steps > 1000) steps = 8;
    bool found = false;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        bool here = name ? strcmp(name, shapes[i].name) == 0
                         : strcmp(shapes[i].name, "gpt2") != 0 && strcmp(shapes[i].name, "gptrec") != 0;
        if (here) measure(&shapes[i], half, steps, lengths);
        found = found || here;
    }
    if (!found) fprintf(stderr, "shapes: sasrec gpt2 gptrec beauty\n");
    return found ? 0 : 2;
}

/* Seconds a training step of P5's T5 on its own mixture of questions: bench_p5 DATA SHAPE [--steps N] [--bf16] [--dump FILE].
 * SHAPE: small  T5-small, 8 examples a step; mini  width 256, 4 + 4 blocks, 16 examples; fast  the sizes of --fast, 128 examples.
 * Families 2 and 5 with the paper's quotas and 100 candidates, whole words, dropout .1, AdamW, clipped to norm 1. --dump writes the
 * batches' tokens for bench/peers/p5_train.py and does nothing else. Prints one JSON object; cpu_s is the CPU's time over all
 * threads, which a loaded machine disturbs less. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "data/split.h"
#include "methods/p5/p5.h"
#include "methods/registry.h"

typedef struct shape {
    const char *name;
    const char *const *set;
    size_t batch;
} shape;

static const char *const
    fast[] = {"width", "64", "layers", "2", "heads", "4", "head_width", "16", "ffn_width", "128", NULL},
    *const mini[] = {"width", "256", "layers", "4", "heads", "4", "ffn_width", "1024", NULL}, *const small[] = {NULL};
static const shape shapes[] = {{"small", small, 8}, {"mini", mini, 16}, {"fast", fast, 128}};

typedef struct batches {
    size_t n, batch;
    tokens *source, *target;
    int32_t **length[2];
} batches;

static lorec_err draw(batches *b, p5_examples *x, size_t steps, size_t batch)
{
    rng r = rng_make(1, RNG_SAMPLING);
    *b = (batches){.n = steps, .batch = batch};
    TRY(mem_new(&b->source, steps));
    TRY(mem_new(&b->target, steps));
    TRY(mem_new(&b->length[0], steps));
    TRY(mem_new(&b->length[1], steps));
    for (size_t s = 0; s < steps; s++) {
        TRY(mem_new(&b->length[0][s], batch));
        TRY(mem_new(&b->length[1][s], batch));
        for (size_t i = 0; i < batch; i++) {
            size_t from = b->source[s].n, to = b->target[s].n;
            TRY(p5_example(x, rng_below(&r, (uint32_t)p5_examples_count(x)), &r, &b->source[s], &b->target[s]));
            b->length[0][s][i] = (int32_t)(b->source[s].n - from);
            b->length[1][s][i] = (int32_t)(b->target[s].n - to);
        }
    }
    return LOREC_OK;
}

static void write_rows(FILE *f, const char *name, const int32_t *id, const int32_t *length, size_t n)
{
    fprintf(f, "\"%s\": [", name);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, "%s[", i ? ", " : "");
        for (int32_t k = 0; k < length[i]; k++) fprintf(f, "%s%d", k ? ", " : "", *id++);
        fputs("]", f);
    }
    fputs("]", f);
}

/* A line about the model, then a line a step: source, its words' places, target. */
static lorec_err dump(const p5 *m, const batches *b, const char *path)
{
    FILE *f = fopen(path, "w");
    int32_t *place;
    if (!f) return err_errno("%s", path);
    fprintf(f,
            "{\"vocab_size\": %d, \"d_model\": %lld, \"num_layers\": %lld, \"num_heads\": %lld, \"d_kv\": %lld, "
            "\"d_ff\": %lld, "
            "\"words\": %d}\n",
            p5_tokens(m), (long long)m->width, (long long)m->layers, (long long)m->heads, (long long)m->head_width,
            (long long)m->ffn_width, P5_WORDS);
    for (size_t s = 0; s < b->n; s++) {
        TRY(mem_new(&place, b->source[s].n));
        p5_word_places(m, b->source[s].id, b->length[0][s], (int64_t)b->batch, place);
        fputs("{", f);
        write_rows(f, "source", b->source[s].id, b->length[0][s], b->batch);
        fputs(", ", f);
        write_rows(f, "place", place, b->length[0][s], b->batch);
        fputs(", ", f);
        write_rows(f, "target", b->target[s].id, b->length[1][s], b->batch);
        fputs("}\n", f);
        mem_free(place);
    }
    return fclose(f) ? err_errno("%s", path) : LOREC_OK;
}

static tensor *loss_of(const p5 *m, tape *t, const batches *b, size_t s)
{
    encdec_batch e = {.sources = (int64_t)b->batch,
                      .targets = (int64_t)b->batch,
                      .source = b->source[s].id,
                      .source_lengths = b->length[0][s],
                      .target = b->target[s].id,
                      .target_lengths = b->length[1][s],
                      .source_vectors = p5_word_vectors(m, t, b->source[s].id, b->length[0][s], (int64_t)b->batch)};
    float *weight;
    if (mem_new(&weight, b->target[s].n)) return NULL;
    for (size_t i = 0, at = 0; i < b->batch; i++)
        for (int32_t k = 0; k < b->length[1][s][i]; k++) weight[at++] = 1 / (float)b->length[1][s][i];
    tensor *x = op_weighted_mean(t, encdec_loss(t, &m->net, &e), weight, (int64_t)b->target[s].n);
    mem_free(weight);
    return x;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first step is not counted. */
static lorec_err time_steps(const p5 *m, const batches *b, const char *name)
{
    double *wall, *cpu, tokens_read = 0;
    float last = 0;
    TRY(mem_new(&wall, b->n));
    TRY(mem_new(&cpu, b->n));
    tape *t = tape_new(&(tape_options){.train = true, .seed = 1, .compute = m->bf16 ? DTYPE_BF16 : DTYPE_F32});
    optimizer *o = optimizer_new(
        m->model->params,
        &(optimizer_options){.kind = OPT_ADAMW, .lr = 1e-3, .eps = 1e-6, .weight_decay = .01, .clip_norm = 1});
    if (!t || !o) return LOREC_RESOURCE;
    for (size_t s = 0; s < b->n; s++) {
        double w = clock_seconds(), c = cpu_seconds();
        tape_begin(t, s);
        tensor *loss = loss_of(m, t, b, s);
        TRY(tape_backward(t, loss));
        TRY(optimizer_step(o, 1));
        wall[s] = clock_seconds() - w;
        cpu[s] = cpu_seconds() - c;
        TRY(tape_read(t, loss, &last, 1));
        tokens_read += (double)(b->source[s].n + b->target[s].n);
    }
    size_t n = b->n - 1;
    qsort(wall + 1, n, sizeof *wall, by_value);
    qsort(cpu + 1, n, sizeof *cpu, by_value);
    printf("{\"shape\": \"%s\", \"median_s\": %.5f, \"cpu_s\": %.5f, \"steps\": %zu, \"tokens_a_step\": %.0f, "
           "\"parameters\": %lld, "
           "\"loss\": %.4f}\n",
           name, wall[1 + n / 2], cpu[1 + n / 2], n, tokens_read / (double)b->n,
           (long long)params_values(m->model->params), (double)last);
    return LOREC_OK;
}

static lorec_err run(const char *data, const shape *as, size_t steps, bool bf16, const char *to)
{
    const recommender *r = registry_find("p5");
    dataset d;
    split s;
    p5 *m;
    p5_examples x;
    batches b;
    TRY(dataset_load(&d, data, NULL));
    TRY(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}));
    TRY(recommender_new(r, (void **)&m));
    TRY(options_set(r->options, r->n_options, m, "families", "2,5"));
    TRY(options_set(r->options, r->n_options, m, "bf16", bf16 ? "true" : "false"));
    for (int i = 0; as->set[i]; i += 2) TRY(options_set(r->options, r->n_options, m, as->set[i], as->set[i + 1]));
    m->n_users = s.train.n_users;
    TRY(item_ids_make(&m->written_as, &(item_ids_options){.scheme = ITEM_IDS_SEQUENTIAL}, &s, &s.train, NULL, 1));
    TRY(p5_words_train(m, NULL, 0));
    TRY(p5_words_prepare(m));
    TRY(p5_examples_make(&x, m, &(fit_context){.split = &s, .train = &s.train, .seed = 1}));
    TRY(draw(&b, &x, steps + 1, as->batch));
    if (to) return dump(m, &b, to);
    TRY(p5_model_make(m, 1));
    return time_steps(m, &b, as->name);
}

int main(int argc, char **argv)
{
    size_t steps = 5;
    bool bf16 = false;
    const char *to = NULL;
    const shape *as = NULL;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--bf16") == 0) bf16 = true;
        if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc) steps = strtoul(argv[++i], NULL, 10);
        if (strcmp(argv[i], "--dump") == 0 && i + 1 < argc) to = argv[++i];
    }
    for (size_t i = 0; argc > 2 && i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(argv[2], shapes[i].name) == 0) as = &shapes[i];
    if (!as || steps < 1) {
        puts("bench_p5 DATA small|mini|fast [--steps N] [--bf16] [--dump FILE]; without data there is nothing to "
             "measure");
        return argc > 1 ? 2 : 0;
    }
    lorec_err e = run(argv[1], as, steps, bf16, to);
    if (e) fprintf(stderr, "bench_p5: %s\n", lorec_error_message());
    return e ? 1 : 0;
}

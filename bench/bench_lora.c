/* Seconds a LoRA step (r 8, q and v) over a frozen LLaMA of 134 M parameters, the shape of bench/peers/lora.py: bench_lora
 * [--bf16] [--full] [--recompute] [--steps N] [--layers N]. In bf16 the base is held in bf16 alone; --full trains all weights
 * instead. Prints one JSON object; cpu_s is the CPU's time a
 * step over all threads, rss_mib the largest the process has been. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/log.h"
#include "base/threads.h"
#include "lm/adapters/adapter.h"
#include "tensor/cpu/kernels.h"
#include "tensor/optimizer.h"
#include "tensor/packed.h"
#include "tensor/rng.h"

enum { VOCAB = 49152, SEQUENCES = 8, LENGTH = 128, ROWS = SEQUENCES * LENGTH };

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

static double peak_mib(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_maxrss / 1024;
}

static transformer_config llama(int64_t layers)
{
    transformer_config c = {.vocab_size = VOCAB,
                            .width = 576,
                            .layers = layers,
                            .heads = 9,
                            .kv_heads = 3,
                            .ffn_width = 1536,
                            .max_positions = 2048,
                            .norm = NORM_RMS,
                            .norm_eps = 1e-6f,
                            .causal = true,
                            .rope = {.kind = ROPE_HALF},
                            .activation = ACT_SILU,
                            .weights = INIT_NORMAL(.02),
                            .name = {[PART_TOKENS] = "embed_tokens.weight",
                                     [PART_FINAL_NORM] = "norm.weight",
                                     [PART_ATTN_NORM] = "%d.input_layernorm.weight",
                                     [PART_Q] = "%d.q_proj.weight",
                                     [PART_K] = "%d.k_proj.weight",
                                     [PART_V] = "%d.v_proj.weight",
                                     [PART_OUT] = "%d.o_proj.weight",
                                     [PART_FFN_NORM] = "%d.post_attention_layernorm.weight",
                                     [PART_UP] = "%d.up_proj.weight",
                                     [PART_GATE] = "%d.gate_proj.weight",
                                     [PART_DOWN] = "%d.down_proj.weight"}};
    return c;
}

/* The frozen base of --bf16: drawn straight into the packed form, never f32. */
static lorec_err drawn_rows(void *ctx, int64_t row, int64_t rows, void *into)
{
    int64_t in = *(const int64_t *)ctx;
    uint32_t x = (uint32_t)row * 2654435761u + 12345u;
    for (int64_t i = 0; i < rows * in; i++) {
        x = x * 1664525u + 1013904223u;
        ((float *)into)[i] = ((float)(x >> 8) / 8388608.0f - 1) * .035f; /* uniform, of deviation .02 */
    }
    return LOREC_OK;
}

static bool packed_base(void *ctx, const char *name, int ndim, const int64_t *shape, packed_source *out)
{
    static int64_t widths[1024];
    static int n;
    (void)ctx;
    (void)name;
    if (ndim != 2 || n == 1024) return false;
    widths[n] = shape[1];
    *out = (packed_source){
        .type = ELEM_F32, .as = ELEM_BF16, .out = shape[0], .in = shape[1], .read = drawn_rows, .ctx = &widths[n++]};
    return true;
}

static void gains_to_one(params *ps)
{
    float one[4096];
    for (int i = 0; i < 4096; i++) one[i] = 1;
    for (size_t i = 0; i < params_count(ps); i++)
        if (tensor_dims(params_at(ps, i)) == 1)
            check(tensor_write(params_at(ps, i), one, tensor_count(params_at(ps, i))));
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    enum { WARM = 2, MOST = 1000 };
    bool half = false, full = false, recompute = false;
    int steps = 5, layers = 30;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bf16") == 0) half = true;
        if (strcmp(argv[i], "--full") == 0) full = true;
        if (strcmp(argv[i], "--recompute") == 0) recompute = true;
        if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc) steps = atoi(argv[++i]);
        if (strcmp(argv[i], "--layers") == 0 && i + 1 < argc) layers = atoi(argv[++i]);
    }
    if (steps < 1 || steps > MOST) steps = 5;
    params *base = params_new(1);
    transformer *net;
    adapter *a;
    transformer_config c = llama(layers);
    if (half && !full) params_supply(base, packed_base, NULL);
    check(transformer_new(&net, base, &c, ""));
    params_supply(base, NULL, NULL);
    gains_to_one(base);
    check(adapter_new(&a, &net, 1,
                      &(adapter_options){.kind = "lora", .rank = 8, .alpha = 16, .targets = "q_proj,v_proj"}));
    if (!full) params_freeze_all(base, true);
    params *learning = full ? base : adapter_params(a);
    optimizer *o = optimizer_new(learning, &(optimizer_options){.kind = OPT_ADAMW, .lr = 1e-4, .weight_decay = .01});
    tape *t = tape_new(&(tape_options){.train = true, .compute = half ? DTYPE_BF16 : DTYPE_F32, .seed = 1});
    int32_t ids[ROWS], next[ROWS];
    rng r = rng_make(1, RNG_SAMPLE_DATA);
    for (int i = 0; i < ROWS; i++) ids[i] = (int32_t)rng_below(&r, VOCAB);
    for (int i = 0; i < ROWS; i++) next[i] = (i + 1) % LENGTH ? ids[i + 1] : -1;
    double took[MOST], part[3] = {0}, cpu = 0;
    float loss = 0;
    size_t activations = 0;
    adapter_set set = {.item = &a, .n = 1};
    for (int i = 0; i < WARM + steps; i++) {
        double start = clock_seconds(), cpu_start = cpu_seconds();
        tape_begin(t, (uint64_t)i);
        token_rows in = {.ids = tape_ids(t, ids, ROWS),
                         .sequences = tape_segments_even(t, SEQUENCES, LENGTH),
                         .recompute = recompute,
                         .adapters = full ? NULL : &set};
        tensor *l = op_mean(t, transformer_loss(t, net, transformer_hidden(t, net, &in), tape_ids(t, next, ROWS)));
        activations = tape_bytes(t);
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
    printf("{\"what\": \"%s\", \"bf16\": %s, \"threads\": %d, \"isa\": \"%s\", \"median_s\": %.5f, \"min_s\": %.5f, "
           "\"cpu_s\": %.5f, \"forward_s\": %.5f, \"backward_s\": %.5f, \"update_s\": %.5f, \"loss\": %.4f, "
           "\"trainable\": %lld, \"activations_mib\": %.1f, \"gradients_mib\": %.1f, \"rss_mib\": %.1f}\n",
           full ? "full" : "lora", half ? "true" : "false", par_workers(), isa()->name, took[steps / 2], took[0], cpu,
           part[0], part[1], part[2], (double)loss, (long long)params_values(learning), (double)activations / (1 << 20),
           (double)(tape_bytes(t) - activations) / (1 << 20), peak_mib());
    optimizer_free(o);
    tape_free(t);
    adapter_free(a);
    transformer_free(net);
    params_free(base);
    return 0;
}

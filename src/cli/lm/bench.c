/* lorec lm bench: how fast a model is on this machine: prompts, single tokens, candidates, memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/print.h"
#include "lm/random_model.h"
#include "lm/session/score.h"
#include "tensor/rng.h"

static lorec_err run_bench(int argc, char **argv);
const command command_lm_bench = {
    .name = "lm bench",
    .summary = "measure a model: prompts, single tokens, candidates, memory",
    .usage = "lorec lm bench MODEL [options]\n       lorec lm bench --shape llama-1.1b --as q8_0 [options]",
    .details =
        "MODEL is a model file or folder, its matrices in --form (keep: as the file holds them). --shape measures a\n"
        "model of that size with drawn weights: llama-1.1b, llama-134m or llama-tiny, as f32, f16, bf16, q8_0 or "
        "q4_0.\n"
        "Reported are medians of --repeats: tokens a second of prompts of --prompt tokens (each computed at once, "
        "with\n"
        "the logits of its last token), of single tokens that continue a prompt, and the seconds to score "
        "--candidates\n"
        "continuations of --title tokens after one shared prompt of --shared tokens, every token's logarithm of\n"
        "probability taken. Memory is the process's peak.\n",
    .examples = "  lorec lm bench tinyllama.Q8_0.gguf --json\n"
                "  lorec lm bench --shape llama-1.1b --as q4_0 --prompt 128 --prompt 512 --threads 2\n",
    .run = run_bench,
};

enum { PROMPTS_MAX = 8, REPEATS_MAX = 100 };

typedef struct bench {
    const char *form, *shape, *as, *model;
    text_list prompt;
    int64_t tokens, candidates, title, shared, repeats;
    bool json, bf16;
    lm_model *m;
    lm_session *s;
    int64_t vocab;
    int32_t *id; /* drawn tokens */
    double prefill[PROMPTS_MAX], decode, candidate_time, loaded;
    int64_t length[PROMPTS_MAX];
} bench;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static void draw_tokens(bench *b, int64_t n, uint64_t turn)
{
    rng r = rng_make(turn, RNG_USER);
    for (int64_t i = 0; i < n; i++) b->id[i] = (int32_t)rng_below(&r, (uint32_t)b->vocab);
}

static lorec_err bench_prompt(bench *b, int64_t length, double *rate)
{
    double took[REPEATS_MAX];
    for (int64_t i = -1; i < b->repeats; i++) { /* the first is not counted: memory is new */
        draw_tokens(b, length, (uint64_t)i + 9);
        double began = clock_seconds();
        TRY(lm_session_read(b->s, b->id, &(int32_t){(int32_t)length}, 1));
        if (i >= 0) took[i] = clock_seconds() - began;
    }
    *rate = (double)length / median(took, b->repeats);
    return LOREC_OK;
}

static lorec_err bench_tokens(bench *b)
{
    double took[REPEATS_MAX];
    for (int64_t i = -1; i < b->repeats; i++) {
        int64_t branch = 0, next;
        draw_tokens(b, b->tokens + 1, 5);
        TRY(lm_session_read(b->s, b->id, &(int32_t){1}, 1));
        double began = clock_seconds();
        for (int64_t j = 0; j < b->tokens; j++, branch = next)
            TRY(lm_session_step(b->s, &branch, b->id + 1 + j, 1, &next));
        if (i >= 0) took[i] = clock_seconds() - began;
    }
    b->decode = (double)b->tokens / median(took, b->repeats);
    return LOREC_OK;
}

/* One prompt and as many titles, by the verb that ranks candidates. */
static lorec_err bench_candidates(bench *b)
{
    double took[REPEATS_MAX], *sum;
    int32_t *length = NULL;
    TRY(mem_new(&sum, (size_t)b->candidates));
    lorec_err e = mem_new(&length, (size_t)b->candidates);
    for (int64_t c = 0; c < b->candidates && !e; c++) length[c] = (int32_t)b->title;
    for (int64_t i = -1; i < b->repeats && !e; i++) {
        draw_tokens(b, b->shared + b->candidates * b->title, (uint64_t)i + 77);
        score_ask ask = {.prompts = 1,
                         .prompt = b->id,
                         .prompt_length = &(int32_t){(int32_t)b->shared},
                         .n = b->candidates,
                         .token = b->id + b->shared,
                         .length = length};
        double began = clock_seconds();
        e = lm_score(b->s, &ask, sum);
        if (i >= 0) took[i] = clock_seconds() - began;
    }
    if (!e) b->candidate_time = median(took, b->repeats);
    mem_free(sum);
    mem_free(length);
    return e;
}

static lorec_err open_model(bench *b)
{
    double began = clock_seconds();
    elem as = ELEM_F32;
    lm_form form;
    if (b->shape) {
        if (!elem_find(b->as, &as)) return err_set(LOREC_USAGE, "--as: \"%s\" is no type of weights", b->as);
        TRY(random_model(&b->m, b->shape, as));
    } else {
        if (!lm_form_find(b->form, &form))
            return err_set(LOREC_USAGE, "--form is f32, keep, bf16, q8 or q4, not \"%s\"", b->form);
        TRY(lm_model_open_as(&b->m, b->model, form));
    }
    TRY(lm_model_need_decoder(b->m));
    b->loaded = clock_seconds() - began;
    b->vocab = transformer_settings(b->m->net)->vocab_size;
    return lm_session_open(&b->s, b->m->net, &(lm_session_options){.bf16 = b->bf16});
}

static lorec_err read_prompts(bench *b)
{
    if (b->prompt.n == 0) TRY(text_list_add(&b->prompt, "512"));
    if (b->prompt.n > PROMPTS_MAX) return err_set(LOREC_USAGE, "at most %d lengths of prompts", PROMPTS_MAX);
    for (size_t i = 0; i < b->prompt.n; i++)
        if (!slice_to_i64((slice){b->prompt.item[i], strlen(b->prompt.item[i])}, &b->length[i]) || b->length[i] < 1 ||
            b->length[i] > 1 << 20)
            return err_set(LOREC_USAGE, "--prompt: \"%s\" is no number of tokens", b->prompt.item[i]);
    return LOREC_OK;
}

static lorec_err measure(bench *b)
{
    int64_t most = b->tokens + 1, all = b->shared + b->candidates * b->title;
    for (size_t i = 0; i < b->prompt.n; i++) most = b->length[i] > most ? b->length[i] : most;
    TRY(mem_new(&b->id, (size_t)(most > all ? most : all)));
    for (size_t i = 0; i < b->prompt.n; i++) TRY(bench_prompt(b, b->length[i], &b->prefill[i]));
    if (b->tokens > 0) TRY(bench_tokens(b));
    return b->candidates > 0 ? bench_candidates(b) : LOREC_OK;
}

static lorec_err report(const bench *b)
{
    struct rusage u;
    double load[1] = {0};
    getrusage(RUSAGE_SELF, &u);
    if (getloadavg(load, 1) != 1) load[0] = -1;
    double peak = (double)u.ru_maxrss / 1024;
    if (b->json) {
        json_t *prompts = json_object();
        for (size_t i = 0; i < b->prompt.n && prompts; i++)
            json_object_set_new(prompts, b->prompt.item[i], json_real(b->prefill[i]));
        json_t *o = prompts ? json_pack("{s:i, s:s, s:i, s:o, s:f, s:f, s:f, s:f, s:f}", "schema", 1, "model",
                                        b->model ? b->model : b->shape, "threads", par_workers(), "prefill_tok_s",
                                        prompts, "decode_tok_s", b->decode, "candidates_s", b->candidate_time,
                                        "peak_rss_mib", peak, "load", load[0], "load_model_s", b->loaded)
                            : NULL;
        return print_json_object(o);
    }
    for (size_t i = 0; i < b->prompt.n; i++)
        printf("prompt of %-6s %10.1f tokens/s\n", b->prompt.item[i], b->prefill[i]);
    if (b->tokens > 0) printf("single tokens    %10.2f tokens/s\n", b->decode);
    if (b->candidates > 0)
        printf("candidates       %10.3f s for %lld of %lld tokens after %lld\n", b->candidate_time,
               (long long)b->candidates, (long long)b->title, (long long)b->shared);
    printf("peak memory      %10.1f MiB, loaded in %.2f s\n%d workers, load average %.2f\n", peak, b->loaded,
           par_workers(), load[0]);
    return LOREC_OK;
}

static lorec_err run_bench(int argc, char **argv)
{
    bench b = {.form = "keep", .as = "q8_0", .tokens = 32, .candidates = 100, .title = 8, .shared = 256, .repeats = 5};
    const arg words[] = {
        {"form", 0, ARG_TEXT, &b.form, "FORM", "keep, f32, bf16, q8 or q4"},
        {"shape", 0, ARG_TEXT, &b.shape, "SHAPE", "drawn weights of this size instead of a file"},
        {"as", 0, ARG_TEXT, &b.as, "TYPE", "what drawn weights are kept as"},
        {"bf16", 0, ARG_FLAG, &b.bf16, NULL, "activations in bf16"},
        {"prompt", 'p', ARG_LIST, &b.prompt, "TOKENS", "length of a prompt; may be repeated (512)"},
        {"tokens", 'n', ARG_INT, &b.tokens, "N", "single tokens (32); 0: none", .min = 0, .max = 1e5},
        {"candidates", 0, ARG_INT, &b.candidates, "N", "candidates (100); 0: none", .min = 0, .max = 1e5},
        {"title", 0, ARG_INT, &b.title, "TOKENS", "length of a candidate (8)", .min = 1, .max = 1e4},
        {"shared", 0, ARG_INT, &b.shared, "TOKENS", "length of their prompt (256)", .min = 1, .max = 1e5},
        {"repeats", 'r', ARG_INT, &b.repeats, "N", "of each measurement (5)", .min = 1, .max = REPEATS_MAX},
        {"json", 0, ARG_FLAG, &b.json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_lm_bench, .rows = words, .n = sizeof words / sizeof *words};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, b.shape ? 0 : 1, b.shape ? 0 : 1, "MODEL (or --shape)"), done);
    if (!b.shape) b.model = a.word[0];
    TRY_GO(e, read_prompts(&b), done);
    TRY_GO(e, open_model(&b), done);
    TRY_GO(e, measure(&b), done);
    e = report(&b);
done:
    mem_free(b.id);
    lm_session_free(b.s);
    lm_model_free(b.m);
    text_list_free(&b.prompt);
    args_free(&a);
    return e;
}

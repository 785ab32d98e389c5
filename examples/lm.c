/* lm.c: a language model from a C program. Build it against an installed lorec:
 *     cc lm.c $(pkg-config --cflags --libs lorec) -o lm && ./lm models/qwen3 'I liked Heat. Next I watch' ' Ronin' ' Bambi'
 * It says how likely each of the candidates is after the prompt, and then goes on with the prompt by itself. */
#include <math.h>
#include <stdio.h>

#include <lorec/lm.h>

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, lorec_error_message());
    return 1;
}

static int show(void *ctx, int64_t sample, const char *bytes, size_t n)
{
    (void)ctx, (void)sample;
    fwrite(bytes, 1, n, stdout);
    return fflush(stdout) != 0; /* nobody reads any more: stop */
}

int main(int argc, char **argv)
{
    enum { MOST = 16 };
    lorec_lm *m;
    double sum[MOST];
    int n = argc - 3 < MOST ? argc - 3 : MOST;
    if (n < 1) return fprintf(stderr, "lm MODEL PROMPT CANDIDATE...\n"), 2;
    if (lorec_lm_open(&m, argv[1], NULL)) return failed("the model");
    if (lorec_lm_score(m, argv[2], (const char *const *)argv + 3, (size_t)n, NULL, sum, NULL)) return failed("scoring");
    for (int i = 0; i < n; i++) printf("%.4f  %.1f%%  %s\n", sum[i], 100 * exp(sum[i]), argv[3 + i]);

    lorec_generated *g;
    lorec_lm_generate_options o = {.size = sizeof o, .tokens = 4, .text = show};
    if (lorec_lm_generate(&g, m, argv[2], &o)) return failed("generating");
    lorec_generated_text t = {.size = sizeof t};
    lorec_generated_at(g, 0, &t);
    printf("\n%zu tokens, log probability %.4f, ended by %s\n", t.n_ids, t.logp, t.ended);
    lorec_generated_free(g);
    lorec_lm_free(m);
    return 0;
}

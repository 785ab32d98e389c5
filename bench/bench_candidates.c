/* What a recommender asks of a language model: 100 candidate titles of 8 tokens after one prompt of 256 tokens, each with its
 * log probability; and yes or no for 20 users whose prompts share a preamble of 200 tokens and have 56 of their own.
 *
 *     bench_candidates MODEL|SHAPE [q8_0|bf16|...] [REPEATS]     -> lines "candidates SECONDS", "users SECONDS" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "lm/random_model.h"
#include "lm/session/score.h"
#include "tensor/rng.h"

enum { SHARED = 256, TITLES = 100, TITLE = 8, USERS = 20, PREAMBLE = 200, OWN = 56 };

static int32_t prompt[USERS * (PREAMBLE + OWN)], lengths[USERS], title[TITLES * TITLE], title_length[TITLES];

/* The clock's seconds, or with CPU_TIME set the CPU's, of all threads. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(getenv("CPU_TIME") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void draw(int32_t *out, size_t n, int64_t vocab, rng *r)
{
    for (size_t i = 0; i < n; i++) out[i] = (int32_t)rng_below(r, (uint32_t)vocab);
}

static lorec_err candidates(lm_session *s, rng *r, double *took)
{
    static double sum[TITLES];
    int64_t vocab = lm_session_vocab(s);
    draw(prompt, SHARED, vocab, r);
    draw(title, TITLES * TITLE, vocab, r);
    for (int i = 0; i < TITLES; i++) title_length[i] = TITLE;
    score_ask ask = {1, prompt, &(int32_t){SHARED}, TITLES, title, title_length, NULL};
    double began = seconds();
    lorec_err e = lm_score(s, &ask, sum);
    *took = seconds() - began;
    return e;
}

static lorec_err users(lm_session *s, rng *r, double *took)
{
    contrast answer[USERS];
    int64_t vocab = lm_session_vocab(s);
    for (int u = 0; u < USERS; u++) {
        int32_t *own = prompt + u * (PREAMBLE + OWN);
        lengths[u] = PREAMBLE + OWN;
        if (u)
            memcpy(own, prompt, PREAMBLE * sizeof *own);
        else
            draw(own, PREAMBLE, vocab, r);
        draw(own + PREAMBLE, OWN, vocab, r);
    }
    double began = seconds();
    lorec_err e = lm_contrast(s, prompt, lengths, USERS, 1, 2, answer);
    *took = seconds() - began;
    return e;
}

int main(int argc, char **argv)
{
    lm_model *m = NULL;
    lm_session *s = NULL;
    elem as = ELEM_Q8_0;
    const char *what = argc > 1 ? argv[1] : "llama-1.1b";
    int repeats = argc > 3 ? atoi(argv[3]) : 3;
    if (argc > 2) elem_find(argv[2], &as);
    rng r = rng_make(1, RNG_USER);
    lorec_err e = file_exists(what) || folder_exists(what) ? lm_model_open_as(&m, what, LM_KEEP)
                                                           : random_model(&m, what, as);
    if (!e) e = lm_session_open(&s, m->net, &(lm_session_options){.bf16 = getenv("BF16") != NULL});
    for (int i = 0; i <= repeats && !e; i++) { /* the first is not told: memory is new */
        double c = 0, u = 0;
        e = candidates(s, &r, &c);
        if (!e) e = users(s, &r, &u);
        if (i && !e) printf("candidates %.4f\nusers %.4f\n", c, u);
    }
    if (e) fprintf(stderr, "%s\n", lorec_error_message());
    lm_session_free(s);
    lm_model_free(m);
    return (int)e;
}

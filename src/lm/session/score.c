#include "lm/session/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "lm/train/targets.h"

enum { ROWS_A_CALL = 4096 }; /* cached tokens that one call asks for, where more are asked in parts */

typedef struct piece_of_text {
    const int32_t *token;
    int32_t n;
    int64_t number;
} piece_of_text;

static int text_order(const void *a, const void *b)
{
    const piece_of_text *x = a, *y = b;
    for (int32_t i = 0; i < x->n && i < y->n; i++)
        if (x->token[i] != y->token[i]) return x->token[i] < y->token[i] ? -1 : 1;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int32_t alike(const piece_of_text *a, const piece_of_text *b)
{
    int32_t i = 0;
    while (i < a->n && i < b->n && a->token[i] == b->token[i]) i++;
    return i;
}

/* Texts from packed ones, in order of their tokens. */
static lorec_err texts_sorted(const int32_t *token, const int32_t *length, int64_t n, piece_of_text *out)
{
    for (int64_t i = 0; i < n; i++) {
        if (length[i] < 0) return err_set(LOREC_USAGE, "text %lld has the length %d", (long long)i, length[i]);
        out[i] = (piece_of_text){token, length[i], i};
        token += length[i];
    }
    if (n) qsort(out, (size_t)n, sizeof *out, text_order);
    return LOREC_OK;
}

/* ---- one call's runs ------------------------------------------------------------------------------------------------- */

typedef struct scoring {
    lm_session *s;
    const score_ask *ask;
    double *sum;
    piece_of_text *prompt, *text; /* sorted; of one prompt after the other where first is given */
    int64_t *branch;              /* [prompts] in order of `prompt`, -1: not read yet */
    int64_t dropped;              /* of those, so many first ones are gone */
    /* the call being made */
    int64_t *after, *ends, runs, wanted, tokens;
    int64_t *reader; /* [prompts] the run of this call that reads it, or -1 */
    int32_t *token, *length;
    uint8_t *want;
    size_t after_cap, ends_cap, length_cap, token_cap, want_cap;
    targets targets;
    int64_t *to; /* [targets] which sum each belongs to */
    size_t to_cap;
    int64_t *row_at; /* [longest + 1] the wanted number at each depth of the text before */
    size_t row_cap;
} scoring;

static lorec_err add_run(scoring *g, int64_t after, const int32_t *token, int32_t n, int32_t wanted_from)
{
    TRY(mem_grow(&g->after, &g->after_cap, (size_t)g->runs + 1));
    TRY(mem_grow(&g->ends, &g->ends_cap, (size_t)g->runs + 1));
    TRY(mem_grow(&g->length, &g->length_cap, (size_t)g->runs + 1));
    TRY(mem_grow(&g->token, &g->token_cap, (size_t)(g->tokens + n)));
    TRY(mem_grow(&g->want, &g->want_cap, (size_t)(g->tokens + n)));
    g->after[g->runs] = after;
    g->length[g->runs++] = n;
    for (int32_t i = 0; i < n; i++) {
        g->token[g->tokens] = token[i];
        g->want[g->tokens++] = i >= wanted_from;
    }
    return LOREC_OK;
}

static lorec_err add_target(scoring *g, int64_t want, int32_t token, int64_t to)
{
    TRY(mem_grow(&g->to, &g->to_cap, g->targets.n + 1));
    g->to[g->targets.n] = to;
    return targets_add(&g->targets, want, token);
}

static piece_of_text *texts_of(const scoring *g, int64_t p, int64_t *n)
{
    const score_ask *a = g->ask;
    int64_t prompt = g->prompt[p].number, from = a->first ? a->first[prompt] : 0;
    *n = a->first ? a->first[prompt + 1] - from : a->n;
    return g->text + from;
}

static int64_t sum_of(const scoring *g, int64_t p, const piece_of_text *text)
{
    return g->ask->first ? text->number : g->prompt[p].number * g->ask->n + text->number;
}

/* Reads prompt p; every text's first token follows it. */
static lorec_err add_prompt(scoring *g, int64_t p)
{
    const piece_of_text *prompt = &g->prompt[p];
    int64_t n, want = g->wanted++;
    piece_of_text *text = texts_of(g, p, &n);
    g->reader[p] = g->runs;
    TRY(add_run(g, LM_START, prompt->token, prompt->n, prompt->n - 1));
    for (int64_t i = 0; i < n; i++)
        if (text[i].n > 0) TRY(add_target(g, want, text[i].token[0], sum_of(g, p, &text[i])));
    return LOREC_OK;
}

/* The rest of a text; what it begins with was asked for by the one before, if that is in this call too. */
static lorec_err add_text(scoring *g, int64_t p, const piece_of_text *text, const piece_of_text *before)
{
    int32_t inner = text->n - 1, known = before ? alike(text, before) : 0;
    if (inner < 1) return LOREC_OK;
    if (before && known >= before->n) known = before->n > 0 ? before->n - 1 : 0;
    if (known < inner)
        TRY(add_run(g, g->reader[p] >= 0 ? lm_run(g->reader[p]) : g->branch[p], text->token, inner, known));
    TRY(mem_grow(&g->row_at, &g->row_cap, (size_t)text->n));
    for (int32_t depth = known + 1; depth <= inner; depth++) g->row_at[depth] = g->wanted++;
    for (int32_t depth = 1; depth <= inner; depth++)
        TRY(add_target(g, g->row_at[depth], text->token[depth], sum_of(g, p, text)));
    return LOREC_OK;
}

static int target_order(const void *a, const void *b)
{
    const target *x = a, *y = b;
    return (x->want > y->want) - (x->want < y->want);
}

/* Targets in order of their rows, with where they go. */
static lorec_err sort_targets(scoring *g)
{
    typedef struct pair {
        target t;
        int64_t to;
    } pair;
    pair *all;
    size_t n = g->targets.n;
    TRY(mem_new(&all, n));
    for (size_t i = 0; i < n; i++) all[i] = (pair){g->targets.target[i], g->to[i]};
    if (n) qsort(all, n, sizeof *all, target_order);
    for (size_t i = 0; i < n; i++) {
        g->targets.target[i] = all[i].t;
        g->to[i] = all[i].to;
    }
    mem_free(all);
    return LOREC_OK;
}

/* Prompts before `keep` are done with; what the call's prompts begin with was theirs, so they go after it. */
static lorec_err call(scoring *g, int64_t keep)
{
    if (g->runs) {
        TRY(sort_targets(g));
        lm_growth growth = {.n = g->runs,
                            .after = g->after,
                            .tokens = g->token,
                            .lengths = g->length,
                            .want = g->want,
                            .take = targets_take,
                            .ctx = &g->targets};
        TRY(lm_session_grow(g->s, &growth, g->ends));
        for (int64_t p = 0; p < g->ask->prompts; p++) {
            if (g->reader[p] < 0) continue;
            g->branch[p] = g->ends[g->reader[p]];
            g->ends[g->reader[p]] = -1;
            g->reader[p] = -1;
        }
        for (int64_t i = 0; i < g->runs; i++) lm_session_drop(g->s, g->ends[i]);
        for (size_t i = 0; i < g->targets.n; i++) g->sum[g->to[i]] += g->targets.logp[i];
    }
    for (; g->dropped < keep; g->dropped++) lm_session_drop(g->s, g->branch[g->dropped]);
    g->runs = g->tokens = g->wanted = 0;
    targets_clear(&g->targets);
    return LOREC_OK;
}

/* The prompts of an encoder-decoder are read at once, and their first tokens looked up at once. */
static lorec_err encode_prompts(scoring *g)
{
    const score_ask *a = g->ask;
    TRY(lm_session_read(g->s, a->prompt, a->prompt_length, a->prompts));
    for (int64_t p = 0; p < a->prompts; p++) {
        int64_t n, branch = g->prompt[p].number;
        const piece_of_text *text = texts_of(g, p, &n);
        const float *logits = lm_session_logits(g->s, branch);
        double total;
        TRY(log_sum_exp(logits, lm_session_vocab(g->s), &total));
        g->branch[p] = branch;
        for (int64_t i = 0; i < n; i++)
            if (text[i].n > 0) g->sum[sum_of(g, p, &text[i])] = (double)logits[text[i].token[0]] - total;
    }
    return LOREC_OK;
}

static lorec_err score_all(scoring *g, int64_t at_once)
{
    bool encodes = lm_session_encodes(g->s);
    if (encodes) TRY(encode_prompts(g));
    for (int64_t p = 0; p < g->ask->prompts; p++) {
        int64_t n, after = 0;
        piece_of_text *text = texts_of(g, p, &n);
        if (!encodes) {
            if (g->tokens && g->tokens + g->prompt[p].n > at_once) TRY(call(g, p > 0 ? p - 1 : 0));
            TRY(add_prompt(g, p));
        }
        for (int64_t i = 0; i < n; i++) {
            if (g->tokens > 0 && g->tokens + text[i].n > at_once) {
                TRY(call(g, p));
                after = i;
            }
            TRY(add_text(g, p, &text[i], i > after ? &text[i - 1] : NULL));
        }
    }
    return call(g, g->ask->prompts);
}

static lorec_err check(const score_ask *a)
{
    if (a->prompts < 0 || a->n < 0) return err_set(LOREC_USAGE, "a negative number of prompts or continuations");
    for (int64_t p = 0; p < a->prompts; p++) {
        if (a->prompt_length[p] < 1)
            return err_set(LOREC_USAGE,
                           "prompt %lld is empty: there is nothing that a continuation could follow; begin it "
                           "with the model's first token (BOS)",
                           (long long)p);
        if (a->first && (a->first[p] < 0 || a->first[p + 1] < a->first[p] || a->first[p + 1] > a->n))
            return err_set(LOREC_USAGE, "continuations %lld to %lld of %lld", (long long)a->first[p],
                           (long long)a->first[p + 1], (long long)a->n);
    }
    return LOREC_OK;
}

static lorec_err prepare(scoring *g)
{
    const score_ask *a = g->ask;
    TRY(check(a));
    TRY(mem_new(&g->prompt, (size_t)a->prompts));
    TRY(mem_new(&g->text, (size_t)a->n));
    TRY(mem_new(&g->branch, (size_t)a->prompts));
    TRY(mem_new(&g->reader, (size_t)a->prompts));
    TRY(texts_sorted(a->prompt, a->prompt_length, a->prompts, g->prompt));
    for (int64_t p = 0; p < a->prompts; p++) g->branch[p] = g->reader[p] = -1;
    const int32_t *each = a->token;
    for (int64_t i = 0; i < a->n; each += a->length[i++]) {
        if (a->length[i] < 0)
            return err_set(LOREC_USAGE, "continuation %lld has the length %d", (long long)i, a->length[i]);
        for (int32_t j = 0; j < a->length[i]; j++)
            if (each[j] < 0 || each[j] >= lm_session_vocab(g->s))
                return err_set(LOREC_USAGE, "continuation %lld has token %d of a model that has %lld", (long long)i,
                               each[j], (long long)lm_session_vocab(g->s));
    }
    if (!a->first) return texts_sorted(a->token, a->length, a->n, g->text);
    const int32_t *token = a->token;
    for (int64_t i = 0; i < a->n; token += a->length[i++]) g->text[i] = (piece_of_text){token, a->length[i], i};
    for (int64_t p = 0; p < a->prompts; p++)
        if (a->first[p + 1] > a->first[p])
            qsort(g->text + a->first[p], (size_t)(a->first[p + 1] - a->first[p]), sizeof *g->text, text_order);
    return LOREC_OK;
}

lorec_err lm_score(lm_session *s, const score_ask *ask, double *sum)
{
    scoring g = {.s = s, .ask = ask, .sum = sum, .targets = {.session = s}};
    int64_t sums = ask->first ? ask->n : ask->prompts * ask->n, room = lm_session_rows(s);
    for (int64_t i = 0; i < sums; i++) sum[i] = 0;
    lorec_err e = lm_session_read(s, NULL, NULL, 0);
    if (!e) e = prepare(&g);
    if (!e) e = score_all(&g, room / 2 < ROWS_A_CALL ? room / 2 : ROWS_A_CALL);
    void *const arrays[] = {g.prompt, g.text,   g.branch, g.reader, g.after, g.ends,
                            g.token,  g.length, g.want,   g.to,     g.row_at};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) mem_free(arrays[i]);
    targets_free(&g.targets);
    return e;
}

/* ---- two tokens, and a whole text ---------------------------------------------------------------------------------------- */

lorec_err lm_contrast(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n, int32_t a, int32_t b,
                      contrast *out)
{
    double *sum;
    score_ask ask = {.prompts = n,
                     .prompt = tokens,
                     .prompt_length = lengths,
                     .n = 2,
                     .token = (int32_t[]){a, b},
                     .length = (int32_t[]){1, 1}};
    TRY(mem_new(&sum, (size_t)n * 2));
    lorec_err e = lm_score(s, &ask, sum);
    for (int64_t i = 0; i < n && !e; i++)
        out[i] = (contrast){sum[2 * i], sum[2 * i + 1], 1 / (1 + exp(sum[2 * i + 1] - sum[2 * i]))};
    mem_free(sum);
    return e;
}

/* One window: tokens[0 .. n - 1], of which those from `from` on are counted. */
static lorec_err measure(lm_session *s, const int32_t *tokens, int64_t n, int64_t from, targets *t, uint8_t *want,
                         double *sum)
{
    int32_t length = (int32_t)n - 1;
    targets_clear(t);
    for (int64_t i = 0; i + 1 < n; i++) {
        want[i] = i + 1 >= from;
        if (want[i]) TRY(targets_add(t, i + 1 - from, tokens[i + 1]));
    }
    lm_growth g = {.n = 1, .tokens = tokens, .lengths = &length, .want = want, .take = targets_take, .ctx = t};
    TRY(lm_session_grow(s, &g, NULL));
    for (size_t i = 0; i < t->n; i++) *sum += t->logp[i];
    return LOREC_OK;
}

lorec_err lm_perplexity(lm_session *s, const int32_t *tokens, int64_t n, int64_t context, int64_t stride,
                        perplexity *out)
{
    int64_t most = transformer_settings(lm_session_model(s))->max_positions - lm_session_before(s, lm_session_used(s)),
            counted = 1;
    if (context <= 0 || context > most) context = most;
    if (stride <= 0) stride = context - 1;
    *out = (perplexity){0};
    if (n < 2) return err_set(LOREC_USAGE, "a perplexity needs at least two tokens, not %lld", (long long)n);
    if (context < 2 || stride >= context)
        return err_set(LOREC_USAGE, "windows of %lld tokens can not start %lld apart", (long long)context,
                       (long long)stride);
    targets t = {.session = s};
    uint8_t *want;
    TRY(mem_new(&want, (size_t)context));
    lorec_err e = lm_session_read(s, NULL, NULL, 0);
    for (int64_t begin = 0; counted < n && !e; begin += stride) {
        int64_t end = begin + context < n ? begin + context : n;
        e = measure(s, tokens + begin, end - begin, counted - begin, &t, want, &out->log_likelihood);
        counted = end;
    }
    out->tokens = n - 1;
    out->perplexity = exp(-out->log_likelihood / (double)out->tokens);
    targets_free(&t);
    mem_free(want);
    return e;
}

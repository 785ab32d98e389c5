#include "lm/session/batch_talk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { CONTEXT = 8 /* last tokens of the prompt that tell how the next one is written */ };

void talk_scratch_free(talk_scratch *s)
{
    choices_free(&s->choices);
    choices_free(&s->tops);
    token_list_free(&s->allowed);
    mem_free(s->top);
    buf_free(&s->piece);
}

/* ---- arriving ------------------------------------------------------------------------------------------------------------- */

static lorec_err check(const batch_request *r, int64_t vocab)
{
    TRY(sampling_check(&r->how));
    if (r->n < 1 || r->n > INT32_MAX || r->max_tokens < 1)
        return err_set(LOREC_USAGE, "a request needs a prompt and max_tokens of at least 1");
    for (int64_t i = 0; i < r->n; i++)
        if (r->prompt[i] < 0 || r->prompt[i] >= vocab)
            return err_set(LOREC_USAGE, "token %d of a model that has %lld", r->prompt[i], (long long)vocab);
    return LOREC_OK;
}

static lorec_err copy(talk *t, const batch_request *r)
{
    for (int64_t i = 0; i < r->n; i++) TRY(tokens_add(&t->said, r->prompt[i]));
    TRY(mem_new(&t->end, r->ends));
    TRY(mem_new(&t->stop, r->stops));
    for (size_t i = 0; i < r->ends; i++) t->end[i] = r->end[i];
    for (size_t i = 0; i < r->stops; i++) TRY(mem_dup(&t->stop[i], r->stop[i]));
    t->text = (stop_text){.stop = (const char *const *)t->stop, .stops = r->stops};
    t->stream.tokenizer = r->tokenizer;
    t->r.prompt = NULL;
    t->r.end = t->end;
    t->r.stop = (const char *const *)t->stop;
    if (r->only) constraint_start(r->only, &t->state);
    return LOREC_OK;
}

/* The prompt's last tokens go through the stream unheard. */
static lorec_err listen(talk *t)
{
    buf unheard = {0};
    lorec_err e = LOREC_OK;
    if (!t->r.tokenizer) return e;
    for (size_t i = t->prompt > CONTEXT ? t->prompt - CONTEXT : 0; i < t->prompt && !e; i++)
        if ((size_t)t->said.id[i] < tokenizer_size(t->r.tokenizer))
            e = token_stream_put(&t->stream, t->said.id[i], &unheard);
    buf_free(&unheard);
    return e;
}

lorec_err talk_new(talk **out, const batch_request *r, int64_t vocab)
{
    *out = NULL;
    talk *t;
    TRY(check(r, vocab));
    TRY(mem_new(&t, 1));
    t->r = *r;
    t->branch = -1;
    t->prompt = (size_t)r->n;
    t->reason = BATCH_CANCELLED;
    lorec_err e = copy(t, r);
    if (!e) e = listen(t);
    if (e) {
        t->r.done = NULL;
        talk_free(t);
    } else {
        *out = t;
    }
    return e;
}

/* ---- leaving -------------------------------------------------------------------------------------------------------------- */

void talk_fail(talk *t, lorec_err e)
{
    t->over = true;
    t->reason = BATCH_FAILED;
    t->error = e;
    snprintf(t->message, sizeof t->message, "%s", lorec_error_message());
}

static void tell(talk *t)
{
    batch_reply r = {.reason = t->reason,
                     .error = t->error,
                     .message = t->message,
                     .token = t->said.id + t->prompt,
                     .logp = t->logp,
                     .n = t->said.n - t->prompt,
                     .text = {t->text.text.p ? t->text.text.p : "", t->text.text.n},
                     .complete = t->complete,
                     .prompt_tokens = (int64_t)t->prompt};
    for (size_t i = 0; i < r.n; i++) r.sum += (double)t->logp[i];
    t->r.done(t->r.ctx, &r);
}

void talk_free(talk *t)
{
    buf rest = {0};
    if (t->stream.tokenizer) (void)token_stream_end(&t->stream, &rest);
    buf_free(&rest);
    if (t->r.done) tell(t);
    for (size_t i = 0; i < t->r.stops && t->stop; i++) mem_free(t->stop[i]);
    tokens_free(&t->said);
    stop_text_free(&t->text);
    mem_free(t->end);
    mem_free(t->stop);
    mem_free(t->logp);
    mem_free(t);
}

/* ---- speaking ------------------------------------------------------------------------------------------------------------- */

static lorec_err choose(talk *t, const float *logits, int64_t vocab, talk_scratch *s, size_t *taken)
{
    const constraint *only = t->r.only;
    if (only) {
        int32_t end = t->r.ends ? t->end[0] : -1;
        TRY(constraint_allowed_or_end(only, &t->state, end, &s->allowed));
        if (s->allowed.n == 0) return err_set(LOREC_USAGE, "the constraint allows nothing at all: is its set empty?");
    }
    TRY(choices_repeat(&s->choices, logits, vocab, t->said.id, t->said.n, &t->r.how, &logits));
    TRY(choices_make(&s->choices, logits, vocab, only ? &s->allowed : NULL, &t->r.how));
    if (s->choices.n == 0)
        return err_set(LOREC_FAILED, "the model gives no probability to %s",
                       only ? "what the constraint allows" : "any token");
    rng r = rng_make(t->r.seed, RNG_SAMPLING + (t->r.number << 32));
    r.at = (t->said.n - t->prompt) * 2; /* two 32-bit draws a uniform */
    *taken = choices_draw(&s->choices, &r);
    if (t->r.tops == 0) return LOREC_OK;
    TRY(choices_make(&s->tops, logits, vocab, NULL, &(sampling){.temperature = 1, .top_k = (int64_t)t->r.tops}));
    TRY(mem_grow(&s->top, &s->top_cap, s->tops.n));
    for (size_t i = 0; i < s->tops.n; i++) s->top[i] = (batch_choice){s->tops.token[i], s->tops.logp[i]};
    return LOREC_OK;
}

/* Is it the last? */
static lorec_err take(talk *t, int32_t token, talk_scratch *s)
{
    bool end = false;
    for (size_t i = 0; i < t->r.ends; i++) end = end || t->end[i] == token;
    if (t->r.only && end && token == t->end[0] && constraint_final(t->r.only, &t->state)) {
        t->complete = true;
    } else if (t->r.only) {
        if (!constraint_step(t->r.only, &t->state, token))
            return err_set(LOREC_FAILED, "a constraint does not step along token %d that it allows", token);
        TRY(constraint_allowed(t->r.only, &t->state, &s->allowed));
        t->complete = constraint_final(t->r.only, &t->state);
        end = s->allowed.n == 0;
    }
    t->over = end || (int64_t)(t->said.n - t->prompt) == t->r.max_tokens;
    if (t->over) t->reason = end ? BATCH_END : BATCH_LENGTH;
    return LOREC_OK;
}

static lorec_err speak_text(talk *t, int32_t token, talk_scratch *s, batch_token *out)
{
    out->text = (slice){"", 0};
    if (!t->r.tokenizer) return LOREC_OK;
    buf_clear(&s->piece);
    TRY(token_stream_put(&t->stream, token, &s->piece));
    if (t->over) TRY(token_stream_end(&t->stream, &s->piece));
    TRY(stop_text_put(&t->text, (slice){s->piece.p ? s->piece.p : "", s->piece.n}, &out->text));
    if (t->text.stopped) {
        t->over = true;
        t->reason = BATCH_STOP;
    } else if (t->over) {
        slice rest = stop_text_end(&t->text); /* lies right behind */
        out->text = out->text.n ? (slice){out->text.p, out->text.n + rest.n} : rest;
    }
    return LOREC_OK;
}

static lorec_err speak(talk *t, const float *logits, int64_t vocab, talk_scratch *s)
{
    size_t c = 0;
    TRY(choose(t, logits, vocab, s, &c));
    batch_token told = {
        .token = s->choices.token[c], .logp = s->choices.logp[c], .top = s->top, .tops = t->r.tops ? s->tops.n : 0};
    TRY(mem_grow(&t->logp, &t->logp_cap, t->said.n - t->prompt + 1));
    t->logp[t->said.n - t->prompt] = told.logp;
    TRY(tokens_add(&t->said, told.token));
    TRY(take(t, told.token, s));
    TRY(speak_text(t, told.token, s, &told));
    if (t->r.token && t->r.token(t->r.ctx, &told) != LOREC_OK) {
        t->over = true;
        t->reason = BATCH_CANCELLED;
    }
    return LOREC_OK;
}

void talk_speak(talk *t, const float *logits, int64_t vocab, talk_scratch *s)
{
    lorec_err e = speak(t, logits, vocab, s);
    if (e) talk_fail(t, e);
}

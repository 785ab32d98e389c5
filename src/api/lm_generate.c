/* The public face of language models (include/lorec/lm.h): texts out of one. */
#include "api/handles.h"
#include "api/lm_handle.h"
#include "lm/decode/decode.h"
#include "lm/session/batcher.h"

enum { TOKENS_DEFAULT = 128 };

typedef struct said {
    buf text;
    int32_t *ids;
    size_t n;
    double logp;
    const char *ended;
    int64_t choice;
} said;

struct lorec_generated {
    said *at;
    size_t n, cap;
};

void lorec_generated_free(lorec_generated *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->n; i++) {
        buf_free(&g->at[i].text);
        mem_free(g->at[i].ids);
    }
    mem_free(g->at);
    mem_free(g);
}

size_t lorec_generated_count(const lorec_generated *g)
{
    return g->n;
}

lorec_err lorec_generated_at(const lorec_generated *g, size_t i, lorec_generated_text *out)
{
    lorec_generated_text given = {0};
    TRY(struct_given(&given, sizeof given, out, "lorec_generated_text"));
    if (i >= g->n) return err_set(LOREC_USAGE, "text %zu of %zu", i, g->n);
    const said *s = &g->at[i];
    lorec_generated_text all = {.size = given.size,
                                .text = s->text.p ? s->text.p : "",
                                .n_text = s->text.n,
                                .ids = s->ids,
                                .n_ids = s->n,
                                .logp = s->logp,
                                .ended = s->ended,
                                .choice = s->choice};
    memcpy(out, &all, given.size);
    return LOREC_OK;
}

/* ---- the question ------------------------------------------------------------------------------------------------------------ */

typedef struct asking {
    const lorec_lm *m;
    lorec_lm_generate_options o;
    lorec_generated *out;
    tokens prompt;
    trie trie;
    constraint only;
    lm_session *session;
} asking;

typedef struct sample { /* what one request's callbacks know */
    asking *of;
    int64_t number;
    lorec_err error;
    char *message;
} sample;

static lorec_err check(const lorec_lm_generate_options *o)
{
    if (o->samples < 0 || o->beams < 0 || o->tokens < 0)
        return err_set(LOREC_USAGE, "samples, beams and tokens are 0 or more");
    if (o->beams && (o->temperature != 0 || o->samples > 1 || o->n_stop || o->text))
        return err_set(LOREC_USAGE, "beams go without temperature, samples, stop texts and telling on the way");
    if (o->samples > 1 && o->temperature == 0)
        return err_set(LOREC_USAGE, "%lld samples need a temperature: without it all are the same",
                       (long long)o->samples);
    if (!o->beams && o->length_power != 0) return err_set(LOREC_USAGE, "length_power is for beams");
    return LOREC_OK;
}

static lorec_err prepare(asking *a, const char *prompt)
{
    lorec_lm_generate_options *o = &a->o;
    TRY(lm_handle_need_text(a->m));
    if (o->n_only) {
        slice *text;
        TRY(mem_new(&text, o->n_only));
        for (size_t i = 0; i < o->n_only; i++) text[i] = slice_of(o->only[i]);
        lorec_err e = lm_text_trie(a->m->text, text, o->n_only, &a->trie);
        mem_free(text);
        TRY(e);
        a->only = constraint_of_trie(&a->trie);
        if (o->tokens == 0 || o->tokens > (int64_t)a->trie.depth + 1) o->tokens = (int64_t)a->trie.depth + 1;
    }
    if (o->tokens == 0) o->tokens = TOKENS_DEFAULT;
    TRY(lm_handle_prompt(a->m, prompt, o->tokens, o->cut != 0, o->keep, &a->prompt));
    return lm_handle_session(a->m, true, &a->session);
}

/* A text that came out; `text` is what was said, unless it is one of `only`. */
static lorec_err keep(asking *a, slice text, const int32_t *id, size_t n, double logp, const char *ended)
{
    lorec_generated *g = a->out;
    TRY(mem_grow(&g->at, &g->cap, g->n + 1));
    said *s = &g->at[g->n];
    *s = (said){.n = n, .logp = logp, .ended = ended, .choice = a->o.n_only ? lm_text_choice(&a->trie, id, n) : -1};
    if (s->choice >= 0) text = slice_of(a->o.only[s->choice]);
    lorec_err e = text.n ? buf_add(&s->text, text.p, text.n) : LOREC_OK;
    if (!e) e = mem_new(&s->ids, n);
    if (e) {
        buf_free(&s->text);
        return e;
    }
    if (n) memcpy(s->ids, id, n * sizeof *id);
    g->n++;
    return LOREC_OK;
}

/* ---- samples ----------------------------------------------------------------------------------------------------------------- */

static lorec_err on_token(void *ctx, const batch_token *t)
{
    sample *s = ctx;
    const lorec_lm_generate_options *o = &s->of->o;
    if (!o->text || t->text.n == 0 || !o->text(o->ctx, s->number, t->text.p, t->text.n)) return LOREC_OK;
    return err_set(LOREC_CANCELLED, "stopped by the caller");
}

static void on_done(void *ctx, const batch_reply *r)
{
    static const char *const words[] = {"end", "stop", "length", "cancelled", "deadline", "failed"};
    sample *s = ctx;
    asking *a = s->of;
    if (r->error && r->reason != BATCH_CANCELLED)
        s->error = err_set(r->error, "%s", r->message ? r->message : "the model failed");
    else if (a->o.n_only && !r->complete && r->reason != BATCH_CANCELLED)
        s->error = err_set(LOREC_FAILED, "%lld tokens are too few for any of the texts that may come out",
                           (long long)a->o.tokens);
    else
        s->error = keep(a, r->text, r->token, r->n, r->sum, words[r->reason]);
    mem_free(s->message);
    s->message = NULL;
    if (s->error) (void)mem_dup(&s->message, lorec_error_message());
}

static batch_request request_of(asking *a, sample *s)
{
    const lm_text *text = a->m->text;
    const lorec_lm_generate_options *o = &a->o;
    return (batch_request){.prompt = a->prompt.id,
                           .n = (int64_t)a->prompt.n,
                           .max_tokens = o->tokens,
                           .how = {.temperature = (float)o->temperature,
                                   .top_k = o->top_k,
                                   .top_p = (float)o->top_p,
                                   .min_p = (float)o->min_p,
                                   .repetition = (float)o->repetition},
                           .seed = o->seed,
                           .number = (uint64_t)s->number,
                           .end = text->end,
                           .ends = o->no_end ? 0 : text->ends,
                           .only = o->n_only ? &a->only : NULL,
                           .tokenizer = text->tokenizer,
                           .stop = o->stop,
                           .stops = o->n_stop,
                           .token = on_token,
                           .done = on_done,
                           .ctx = s};
}

/* One after the other, as `lorec lm generate` does: what ran beside a sample could change the last bits of its logits. The
 * session keeps the prompt. */
static lorec_err samples(asking *a)
{
    int64_t n = a->o.samples > 0 ? a->o.samples : 1;
    batcher *b;
    sample s = {.of = a};
    TRY(batcher_new(&b, a->session, &(batcher_options){.running = 1}));
    lorec_err e = LOREC_OK;
    for (; s.number < n && !e; s.number++) {
        batch_request r = request_of(a, &s);
        e = batcher_run(b, &r, 1);
        if (!e && s.error) e = err_set(s.error, "%s", s.message ? s.message : "the model failed");
    }
    char *why = NULL;
    if (e) (void)mem_dup(&why, lorec_error_message());
    batcher_free(b); /* tells what was running that it is cancelled */
    if (e && why) err_set(e, "%s", why);
    mem_free(why);
    mem_free(s.message);
    return e;
}

/* ---- beams ------------------------------------------------------------------------------------------------------------------- */

static lorec_err beams(asking *a)
{
    const lm_text *text = a->m->text;
    const lorec_lm_generate_options *o = &a->o;
    decode_options how = {.count = o->beams,
                          .max_tokens = o->tokens,
                          .end = text->ends && !o->no_end ? text->end[0] : -1,
                          .only = o->n_only ? &a->only : NULL,
                          .how = {.repetition = (float)o->repetition},
                          .length_power = (float)o->length_power};
    decoded d = {0};
    lorec_err e = decode_beam(a->session, a->prompt.id, &(int32_t){(int32_t)a->prompt.n}, 1, &how, &d);
    for (size_t i = 0; i < d.n && !e; i++) {
        const hypothesis *h = &d.found[i];
        buf b = {0};
        e = tokenizer_decode(text->tokenizer, h->token, (size_t)h->n, TOKENIZER_PLAIN, &b);
        if (!e)
            e = keep(a, (slice){b.p ? b.p : "", b.n}, h->token, (size_t)h->n, (double)h->logp,
                     h->complete ? "end" : "length");
        buf_free(&b);
    }
    decoded_free(&d);
    return e;
}

lorec_err lorec_lm_generate(lorec_generated **out, const lorec_lm *m, const char *prompt,
                            const lorec_lm_generate_options *options)
{
    asking a = {.m = m};
    *out = NULL;
    TRY(struct_given(&a.o, sizeof a.o, options, "lorec_lm_generate_options"));
    TRY(check(&a.o));
    lorec_err e = mem_new(&a.out, 1);
    if (!e) e = prepare(&a, prompt);
    if (!e) e = a.o.beams ? beams(&a) : samples(&a);
    lm_session_free(a.session);
    trie_free(&a.trie);
    tokens_free(&a.prompt);
    if (e)
        lorec_generated_free(a.out);
    else
        *out = a.out;
    return e;
}

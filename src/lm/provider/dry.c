/* A model that is not asked (dry:SPEC): every request is counted, priced and answered by nothing, so that a method's own code
 * says what it would ask. A model on this machine answers the first few, which tells the time; what a transcript knows is
 * taken from it. */
#include "base/mem.h"
#include "lm/provider/backend.h"

enum { TIMED = 2 }; /* answers whose time is taken */
#define ASSUMED_SECONDS 2.0

typedef struct dry {
    llm *behind;
    double seconds; /* of the answers that were made, by text for scores */
    double answers;
} dry;

static lorec_err open(llm *m, const char *rest)
{
    dry *d;
    TRY(mem_new(&d, 1));
    m->self = d;
    TRY(llm_open(&d->behind, rest, &m->options));
    m->price = d->behind->price;
    return mem_dup(&m->name, llm_name(d->behind));
}

static void shut(llm *m)
{
    dry *d = m->self;
    llm_close(d->behind);
    mem_free(d);
}

static unsigned can(const llm *m)
{
    const dry *d = m->self;
    return llm_can(d->behind);
}

static bool knows(llm *m, const llm_request *q, double *seconds)
{
    const dry *d = m->self;
    return d->behind->backend->knows && d->behind->backend->knows(d->behind, q, seconds);
}

static double texts(const llm_request *q)
{
    return q->verb == LLM_VERB_SCORE && q->n_text ? (double)q->n_text : 1;
}

/* Answered for real: by the transcript, or (the first ones, and every vector, whose width nobody knows) on this machine. */
static bool for_real(const dry *d, const llm_request *q, bool known)
{
    bool here = llm_weights(d->behind) != NULL && !d->behind->backend->knows;
    return known || (here && (d->answers < TIMED || q->verb == LLM_VERB_EMBED));
}

static lorec_err real(dry *d, const llm_request *q, llm_answer *out, bool known)
{
    TRY(llm_ask(d->behind, q, 1, out, NULL));
    if (known || out->err) return LOREC_OK;
    d->seconds += out->seconds;
    d->answers += texts(q);
    return LOREC_OK;
}

static lorec_err nothing(llm *m, const llm_request *q, llm_answer *out)
{
    const dry *d = m->self;
    bool counted;
    bool writes = q->verb == LLM_VERB_CHAT || q->verb == LLM_VERB_COMPLETE;
    double each = d->answers > 0 ? d->seconds / d->answers : ASSUMED_SECONDS / (double)m->options.concurrency;
    *out = (llm_answer){.prompt_tokens = llm_request_tokens(d->behind, q, &counted),
                        .completion_tokens = !writes                ? 0
                                             : q->params.max_tokens ? q->params.max_tokens
                                                                    : 256,
                        .seconds = each * texts(q)};
    TRY(mem_dup(&out->text, ""));
    if (q->verb == LLM_VERB_SCORE) {
        TRY(mem_new(&out->score, q->n_text));
        TRY(mem_new(&out->score_tokens, q->n_text));
        for (size_t i = 0; i < q->n_text; i++) out->score_tokens[i] = 1;
    }
    if (q->verb == LLM_VERB_EMBED) {
        TRY(mem_new(&out->vector, q->n_text));
        out->width = 1;
    }
    return LOREC_OK;
}

static lorec_err ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch)
{
    dry *d = m->self;
    for (size_t i = 0; i < n; i++) {
        double seconds = 0;
        bool known = knows(m, &q[i], &seconds);
        TRY(for_real(d, &q[i], known) ? real(d, &q[i], &out[i], known) : nothing(m, &q[i], &out[i]));
        llm_book(m, &out[i]);
        if (watch && watch->done) TRY(watch->done(watch->ctx, i, &out[i]));
    }
    return LOREC_OK;
}

static int64_t tokens(llm *m, const char *text, size_t n)
{
    const dry *d = m->self;
    return d->behind->backend->tokens ? d->behind->backend->tokens(d->behind, text, n) : -1;
}

static const struct lm_text *weights(const llm *m)
{
    const dry *d = m->self;
    return llm_weights(d->behind);
}

const llm_backend llm_dry = {.prefix = "dry:",
                             .open = open,
                             .can = can,
                             .ask = ask,
                             .close = shut,
                             .knows = knows,
                             .tokens = tokens,
                             .weights = weights};

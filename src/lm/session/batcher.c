#include "lm/session/batcher.h"

#include <math.h>
#include <pthread.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/session/batch_talk.h"

enum { RUNNING = 16, TOKENS_AT_ONCE = 512, AHEAD = 64 /* rows that a growing text may have set aside */ };

struct batcher {
    lm_session *session;
    batcher_options o;
    pthread_mutex_t lock; /* of what is waiting, and of the cancel flags */
    talk *first, *last;   /* waiting, in order of arrival */
    size_t waiting;
    uint64_t ids;
    talk **running; /* [o.running], in order of arrival */
    int64_t n;
    /* a step's call */
    int64_t *after, *ends, *who; /* who: of each run; ends: its branch */
    int32_t *length, *adapter, *token;
    uint8_t *want;
    size_t token_cap, want_cap;
    talk_scratch scratch;
};

lorec_err batcher_new(batcher **out, lm_session *session, const batcher_options *options)
{
    *out = NULL;
    batcher *b;
    TRY(mem_new(&b, 1));
    b->session = session;
    b->o = *options;
    if (b->o.running <= 0) b->o.running = RUNNING;
    if (b->o.tokens_at_once <= 0) b->o.tokens_at_once = TOKENS_AT_ONCE;
    pthread_mutex_init(&b->lock, NULL);
    size_t n = (size_t)b->o.running;
    lorec_err e = mem_new(&b->running, n);
    if (!e) e = mem_new(&b->after, n);
    if (!e) e = mem_new(&b->ends, n);
    if (!e) e = mem_new(&b->who, n);
    if (!e) e = mem_new(&b->length, n);
    if (!e) e = mem_new(&b->adapter, n);
    if (e)
        batcher_free(b);
    else
        *out = b;
    return e;
}

/* ---- arriving and leaving -------------------------------------------------------------------------------------------- */

static int64_t rows_of(const batcher *b, const talk *t)
{
    return lm_session_before(b->session, t->r.adapter - 1) + (int64_t)t->prompt + t->r.max_tokens + AHEAD;
}

lorec_err batcher_add(batcher *b, const batch_request *request, uint64_t *id)
{
    talk *t;
    int64_t positions = transformer_settings(lm_session_model(b->session))->max_positions;
    TRY(lm_session_has(b->session, request->adapter - 1));
    positions -= lm_session_before(b->session, request->adapter - 1);
    TRY(talk_new(&t, request, lm_session_vocab(b->session)));
    lorec_err e = LOREC_OK;
    bool encodes = lm_session_encodes(b->session);
    int64_t before = encodes ? 1 : request->n;
    if (before >= positions)
        e = err_set(LOREC_USAGE, "a prompt of %lld tokens leaves no room in the model's %lld positions",
                    (long long)request->n, (long long)positions);
    else if (request->max_tokens > positions - before)
        t->r.max_tokens = positions - before;
    if (!e && rows_of(b, t) > lm_session_rows(b->session))
        e = err_set(LOREC_RESOURCE, "a text of up to %lld tokens does not fit into the memory for %lld",
                    (long long)rows_of(b, t), (long long)lm_session_rows(b->session));
    if (e) {
        t->r.done = NULL;
        talk_free(t);
        return e;
    }
    pthread_mutex_lock(&b->lock);
    *id = t->id = ++b->ids;
    if (b->last)
        b->last->next = t;
    else
        b->first = t;
    b->last = t;
    b->waiting++;
    pthread_mutex_unlock(&b->lock);
    return LOREC_OK;
}

void batcher_cancel(batcher *b, uint64_t id)
{
    pthread_mutex_lock(&b->lock);
    for (talk *t = b->first; t; t = t->next) t->cancelled = t->cancelled || t->id == id;
    for (int64_t i = 0; i < b->n; i++) b->running[i]->cancelled = b->running[i]->cancelled || b->running[i]->id == id;
    pthread_mutex_unlock(&b->lock);
}

size_t batcher_waiting(batcher *b)
{
    pthread_mutex_lock(&b->lock);
    size_t n = b->waiting;
    pthread_mutex_unlock(&b->lock);
    return n;
}

static void leave(batcher *b, int64_t i)
{
    talk *t = b->running[i];
    if (t->branch >= 0) lm_session_drop(b->session, t->branch);
    pthread_mutex_lock(&b->lock);
    for (b->n--; i < b->n; i++) b->running[i] = b->running[i + 1];
    pthread_mutex_unlock(&b->lock);
    talk_free(t);
}

/* The next one that there is room for; NULL: none. In order: nobody overtakes. */
static talk *next_waiting(batcher *b, int64_t rows_left)
{
    pthread_mutex_lock(&b->lock);
    talk *t = b->first;
    bool over = t && (t->cancelled || (t->r.deadline > 0 && clock_seconds() > t->r.deadline));
    if (t && !over && (b->n == b->o.running || rows_of(b, t) > rows_left)) t = NULL;
    if (t) {
        b->first = t->next;
        if (!b->first) b->last = NULL;
        b->waiting--;
        t->next = NULL;
        if (!over) b->running[b->n++] = t;
    }
    pthread_mutex_unlock(&b->lock);
    return t;
}

static void admit(batcher *b)
{
    bool encodes = lm_session_encodes(b->session);
    if (encodes && b->n > 0) return; /* an encoder reads its prompts together */
    int64_t left = lm_session_rows(b->session);
    for (int64_t i = 0; i < b->n; i++) left -= rows_of(b, b->running[i]);
    for (talk *t; (t = next_waiting(b, left));) {
        if (b->n == 0 || b->running[b->n - 1] != t) {
            t->reason = t->cancelled ? BATCH_CANCELLED : BATCH_DEADLINE;
            talk_free(t);
            continue;
        }
        left -= rows_of(b, t);
    }
}

static void sweep(batcher *b)
{
    for (int64_t i = b->n; i-- > 0;) {
        talk *t = b->running[i];
        pthread_mutex_lock(&b->lock);
        bool cancelled = t->cancelled;
        pthread_mutex_unlock(&b->lock);
        if (!cancelled && !(t->r.deadline > 0 && clock_seconds() > t->r.deadline)) continue;
        t->reason = cancelled ? BATCH_CANCELLED : BATCH_DEADLINE;
        leave(b, i);
    }
}

void batcher_free(batcher *b)
{
    if (!b) return;
    while (b->n > 0) leave(b, b->n - 1);
    for (talk *t = b->first, *next; t; t = next) {
        next = t->next;
        talk_free(t);
    }
    void *const arrays[] = {b->running, b->after, b->ends, b->who, b->length, b->adapter, b->token, b->want};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) mem_free(arrays[i]);
    talk_scratch_free(&b->scratch);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}

/* ---- a step ------------------------------------------------------------------------------------------------------------ */

typedef struct step_call {
    int64_t runs, tokens;
} step_call;

/* n of the tokens that a text has not run yet; logits if they are all. */
static lorec_err ask(batcher *b, step_call *c, int64_t i, int64_t n)
{
    talk *t = b->running[i];
    TRY(mem_grow(&b->token, &b->token_cap, (size_t)(c->tokens + n)));
    TRY(mem_grow(&b->want, &b->want_cap, (size_t)(c->tokens + n)));
    for (int64_t j = 0; j < n; j++) {
        b->token[c->tokens + j] = t->said.id[t->run + (size_t)j];
        b->want[c->tokens + j] = t->run + (size_t)j + 1 == t->said.n;
    }
    b->after[c->runs] = t->branch >= 0 ? t->branch : LM_START;
    b->length[c->runs] = (int32_t)n;
    b->adapter[c->runs] = t->r.adapter - 1;
    b->who[c->runs++] = i;
    c->tokens += n;
    return LOREC_OK;
}

static lorec_err compose(batcher *b, step_call *c)
{
    for (int pass = 0; pass < 2; pass++) /* those that speak, then prompts */
        for (int64_t i = 0; i < b->n; i++) {
            const talk *t = b->running[i];
            int64_t left = (int64_t)(t->said.n - t->run), room = b->o.tokens_at_once - c->tokens;
            if ((t->run >= t->prompt) != (pass == 0)) continue;
            if (pass == 1 && room <= 0 && c->runs > 0) break;
            TRY(ask(b, c, i, pass == 0 || left < room ? left : room > 0 ? room : 1));
        }
    return LOREC_OK;
}

/* All prompts of an encoder-decoder at once: their logits are those of the call, in order. */
static lorec_err encode_all(batcher *b)
{
    tokens all = {0};
    lorec_err e = LOREC_OK;
    for (int64_t i = 0; i < b->n && !e; i++) {
        b->length[i] = (int32_t)b->running[i]->prompt;
        b->adapter[i] = b->running[i]->r.adapter - 1;
        for (size_t j = 0; j < b->running[i]->prompt && !e; j++) e = tokens_add(&all, b->running[i]->said.id[j]);
    }
    if (!e) e = lm_session_read_each(b->session, all.id, b->length, b->adapter, b->n);
    tokens_free(&all);
    for (int64_t i = 0; i < b->n && !e; i++) {
        b->running[i]->branch = i;
        b->running[i]->run = b->running[i]->prompt;
        b->who[i] = i;
    }
    return e;
}

static lorec_err grow(batcher *b, step_call *c)
{
    TRY(compose(b, c));
    lm_growth g = {.n = c->runs,
                   .after = b->after,
                   .tokens = b->token,
                   .lengths = b->length,
                   .adapter = b->adapter,
                   .want = b->want};
    TRY(lm_session_grow(b->session, &g, b->ends));
    for (int64_t k = 0; k < c->runs; k++) {
        talk *t = b->running[b->who[k]];
        if (t->branch >= 0) lm_session_drop(b->session, t->branch);
        t->branch = b->ends[k];
        t->run += (size_t)b->length[k];
    }
    return LOREC_OK;
}

/* A failed pass: every running text fails with it; a new step may begin others. */
static void fail_all(batcher *b, lorec_err e)
{
    while (b->n > 0) {
        talk_fail(b->running[b->n - 1], e);
        leave(b, b->n - 1); /* a branch that is void is no branch to drop */
    }
}

lorec_err batcher_step(batcher *b, bool *more)
{
    *more = true;
    TRY(cancel_check());
    sweep(b);
    admit(b);
    if (b->n > 0) {
        step_call c = {0};
        bool encode = lm_session_encodes(b->session) && b->running[0]->branch < 0;
        lorec_err e = encode ? encode_all(b) : grow(b, &c);
        if (encode) c.runs = b->n;
        if (e == LOREC_CANCELLED) return e;
        if (e) fail_all(b, e);
        for (int64_t k = 0, logits = 0; k < c.runs && !e; k++) {
            talk *t = b->running[b->who[k]];
            if (t->run < t->said.n) continue;
            talk_speak(t, lm_session_logits(b->session, logits++), lm_session_vocab(b->session), &b->scratch);
        }
        for (int64_t i = b->n; i-- > 0;)
            if (b->running[i]->over) leave(b, i);
    }
    *more = b->n > 0 || batcher_waiting(b) > 0;
    return LOREC_OK;
}

lorec_err batcher_run(batcher *b, const batch_request *requests, size_t n)
{
    uint64_t id;
    bool more = true;
    for (size_t i = 0; i < n; i++) TRY(batcher_add(b, &requests[i], &id));
    while (more) TRY(batcher_step(b, &more));
    return LOREC_OK;
}

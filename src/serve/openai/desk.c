#include "serve/openai/desk.h"

#include "base/log.h"
#include "base/mem.h"
#include "serve/openai/desk_parts.h"
#include "text/loose_json.h"

enum { RUNNING = 8, WAITING = 64, MOST_TOKENS = 1024 };

/* ---- jobs --------------------------------------------------------------------------------------------------------------- */

void job_free(job *j)
{
    if (!j) return;
    for (int64_t i = 0; i < j->q.n && j->speaker; i++) {
        json_decref(j->speaker[i].rows);
        mem_free(j->speaker[i].row_begin);
    }
    for (size_t i = 0; i < j->q.stops && j->stop; i++) mem_free(j->stop[i]);
    json_decref(j->q.messages);
    json_decref(j->q.tools);
    json_decref(j->q.format);
    mem_free(j->prompt);
    mem_free(j->stop);
    mem_free(j->ids);
    mem_free(j->speaker);
    mem_free(j);
}

static lorec_err copy_request(job *j, const desk_request *q)
{
    TRY(mem_new(&j->speaker, (size_t)q->n));
    for (int64_t i = 0; i < q->n; i++) j->speaker[i] = (speaker){.job = j, .i = i};
    TRY(mem_new(&j->prompt, q->prompt.n + 1));
    if (q->prompt.n) memcpy(j->prompt, q->prompt.p, q->prompt.n);
    j->q.prompt.p = j->prompt;
    TRY(mem_new(&j->stop, q->stops));
    for (size_t i = 0; i < q->stops; i++) TRY(mem_dup(&j->stop[i], q->stop[i]));
    j->q.stop = (const char *const *)j->stop;
    TRY(mem_new(&j->ids, q->n_ids));
    if (q->n_ids) memcpy(j->ids, q->ids, q->n_ids * sizeof *q->ids);
    j->q.ids = q->n_ids ? j->ids : NULL;
    return LOREC_OK;
}

job *job_new(desk *d, const desk_request *q)
{
    job *j;
    if (mem_new(&j, 1)) return NULL;
    j->d = d;
    j->q = *q;
    json_incref(j->q.messages);
    json_incref(j->q.tools);
    json_incref(j->q.format);
    j->open = q->n + 1;
    if (copy_request(j, q) == LOREC_OK) return j;
    job_free(j);
    return NULL;
}

static void close_one(job *j)
{
    pthread_mutex_lock(&j->d->lock);
    bool last = --j->open == 0;
    pthread_mutex_unlock(&j->d->lock);
    if (last) job_free(j);
}

/* Before the last word is told nobody asks the job's owner any more whether he still listens. */
static void count_told(job *j)
{
    desk *d = j->d;
    pthread_mutex_lock(&d->lock);
    if (++j->told == j->q.n && (j->before || d->active == j)) {
        *(j->before ? &j->before->next : &d->active) = j->next;
        if (j->next) j->next->before = j->before;
        j->next = j->before = NULL;
    }
    pthread_mutex_unlock(&d->lock);
}

void desk_done(job *j, int64_t i, const desk_reply *r)
{
    atomic_fetch_sub(&j->d->places, 1);
    count_told(j);
    j->q.done(j->q.ctx, i, r);
    close_one(j);
}

void desk_unhold(job *j)
{
    close_one(j);
}

void desk_put(desk *d, job *j)
{
    pthread_mutex_lock(&d->lock);
    j->next = NULL;
    *(d->last ? &d->last->next : &d->first) = j;
    d->last = j;
    d->n_waiting++;
    pthread_cond_broadcast(&d->work); /* the batcher's thread naps on it too */
    pthread_mutex_unlock(&d->lock);
}

job *desk_next(desk *d)
{
    pthread_mutex_lock(&d->lock);
    while (!d->first && !d->closing) pthread_cond_wait(&d->work, &d->lock);
    job *j = d->first;
    if (j) {
        d->first = j->next;
        if (!d->first) d->last = NULL;
        d->n_waiting--;
        j->next = NULL;
    }
    pthread_mutex_unlock(&d->lock);
    return j;
}

/* ---- asking --------------------------------------------------------------------------------------------------------------- */

static lorec_err take_places(desk *d, int64_t n, desk_fault *fault)
{
    int64_t most = d->o.running + d->o.waiting;
    if (atomic_fetch_add(&d->places, n) + n <= most) return LOREC_OK;
    atomic_fetch_sub(&d->places, n);
    *fault = (desk_fault){429, NULL, "rate_limit_exceeded"};
    return err_set(LOREC_RESOURCE,
                   "the language model has %lld texts to write at most, and %lld more were asked for; try "
                   "again later",
                   (long long)most, (long long)n);
}

lorec_err desk_ask(desk *d, const desk_request *q, desk_fault *fault)
{
    *fault = (desk_fault){0};
    if (!d->talks || (q->messages && !d->chats)) {
        *fault = (desk_fault){404, "model", "model_not_found"};
        return err_set(LOREC_USAGE, "%s",
                       !d->talks ? "the model served here gives vectors only"
                                 : "the model has no chat template: use /v1/completions, or name a "
                                   "template (--llm PATH?chat=NAME)");
    }
    if (!d->is_local && q->n_ids) {
        *fault = (desk_fault){400, "prompt", "unsupported_parameter"};
        return err_set(LOREC_USAGE, "\"prompt\": token ids go to a model on this machine only; send texts");
    }
    TRY(take_places(d, q->n, fault));
    lorec_err e = LOREC_OK;
    if (d->is_local) {
        e = desk_local_ask(d, q, fault);
    } else {
        job *j = job_new(d, q);
        if (j)
            desk_put(d, j);
        else
            e = err_set(LOREC_RESOURCE, "out of memory for a request");
    }
    if (e) atomic_fetch_sub(&d->places, q->n);
    return e;
}

lorec_err desk_embed(desk *d, const desk_embed_request *q, desk_fault *fault)
{
    *fault = (desk_fault){0};
    TRY(take_places(d, 1, fault));
    job *j;
    lorec_err e = mem_new(&j, 1);
    if (e) {
        atomic_fetch_sub(&d->places, 1);
        return e;
    }
    *j = (job){.d = d, .embeds = true, .e = *q};
    desk_put(d, j);
    return LOREC_OK;
}

json_t *desk_row(slice token, double logp, json_t *tops)
{
    json_t *bytes = json_array();
    for (size_t i = 0; i < token.n; i++) json_array_append_new(bytes, json_integer((unsigned char)token.p[i]));
    buf text = {0};
    json_t *row = NULL;
    if (utf8_repair(&text, token.p ? token.p : "", token.n, NULL) == LOREC_OK)
        row = json_pack("{s:s%, s:f, s:o}", "token", text.p ? text.p : "", text.n, "logprob",
                        logp > -9999 ? logp : -9999.0, "bytes", bytes);
    buf_free(&text);
    if (row && tops) json_object_set_new(row, "top_logprobs", tops);
    return row;
}

/* ---- opening and closing --------------------------------------------------------------------------------------------------- */

static bool is_remote(const char *spec)
{
    static const char *const words[] = {"http://", "https://", "replay:", "record:"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(spec, words[i], strlen(words[i])) == 0) return true;
    return false;
}

/* The one thread beside a local batcher: vectors. */
static void *embed_worker(void *ctx)
{
    desk *d = ctx;
    for (job *j; (j = desk_next(d));) desk_local_embed(d, j);
    return NULL;
}

static lorec_err start_worker(desk *d, void *(*work)(void *))
{
    if (pthread_create(&d->worker[d->n_workers], NULL, work, d))
        return err_set(LOREC_RESOURCE, "no thread for the language model");
    d->n_workers++;
    return LOREC_OK;
}

static lorec_err open_parts(desk *d, const desk_options *o)
{
    if (o->llm && is_remote(o->llm)) {
        TRY(mem_dup(&d->spec, o->llm));
        TRY(desk_remote_open(d));
        if (!o->embed) return mem_dup(&d->embed_name, d->name);
        return err_set(LOREC_USAGE, "--embed goes with a model on this machine; a server behind --llm gives its own "
                                    "vectors");
    }
    d->is_local = true;
    slice path = slice_of(o->embed ? o->embed : o->llm);
    if (path.n > 6 && memcmp(path.p, "local:", 6) == 0) path.p += 6, path.n -= 6;
    slice rest = path;
    path = slice_cut(&rest, '?');
    buf b = {0};
    TRY(buf_add(&b, path.p, path.n));
    while (b.n > 1 && b.p[b.n - 1] == '/') b.p[--b.n] = 0;
    d->embed_path = b.p;
    TRY(mem_dup(&d->embed_name, path_base(d->embed_path)));
    if (o->llm) TRY(desk_local_open(d, o->llm));
    return start_worker(d, embed_worker);
}

lorec_err desk_open(desk **out, const desk_options *o)
{
    *out = NULL;
    desk *d;
    TRY(mem_new(&d, 1));
    d->o = *o;
    if (d->o.running <= 0) d->o.running = RUNNING;
    if (d->o.waiting <= 0) d->o.waiting = WAITING;
    if (d->o.most_tokens <= 0) d->o.most_tokens = MOST_TOKENS;
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->json_lock, NULL);
    pthread_cond_init(&d->work, NULL);
    lorec_err e = open_parts(d, o);
    for (int i = 0; !e && !d->is_local && i < DESK_RELAYS; i++) e = start_worker(d, desk_relay);
    if (e)
        desk_close(d);
    else
        *out = d;
    return e;
}

void desk_close(desk *d)
{
    if (!d) return;
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->lock);
    for (int i = 0; i < d->n_workers; i++) pthread_join(d->worker[i], NULL);
    desk_local_close(d);
    llm_close(d->llm);
    pthread_cond_destroy(&d->work);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->json_lock);
    mem_free(d->name);
    mem_free(d->embed_name);
    mem_free(d->embed_path);
    mem_free(d->spec);
    mem_free(d);
}

/* ---- what it is ----------------------------------------------------------------------------------------------------------- */

const char *desk_chat_model(const desk *d)
{
    return d && d->talks ? d->name : NULL;
}

const char *desk_embed_model(const desk *d)
{
    return d ? d->embed_name : NULL;
}

bool desk_chats(const desk *d)
{
    return d && d->talks && d->chats;
}

bool desk_is_local(const desk *d)
{
    return d && d->is_local;
}

int64_t desk_context(const desk *d)
{
    return d && d->session ? transformer_settings(lm_session_model(d->session))->max_positions : 0;
}

size_t desk_waiting(desk *d)
{
    if (!d) return 0;
    pthread_mutex_lock(&d->lock);
    size_t n = d->n_waiting;
    pthread_mutex_unlock(&d->lock);
    return n + (d->batcher ? batcher_waiting(d->batcher) : 0);
}

size_t desk_running(desk *d)
{
    if (!d) return 0;
    int64_t n = atomic_load(&d->places) - (int64_t)desk_waiting(d);
    return n > 0 ? (size_t)n : 0;
}

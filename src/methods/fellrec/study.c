/* What the server could read: it knows the model, so for every token it knows the vector that the client's blocks make of it
 * where it stands alone; the nearest of those to a vector that it was sent is its guess. The share of right guesses is a lower
 * bound of what leaks: cleverer readers, who use what stands before, do better. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "methods/fellrec/fellrec.h"

enum { QUESTIONS = 32 };

typedef struct reader {
    const fellrec *m;
    tape *t;
    float *known; /* [vocab][width] of unit length */
    int64_t vocab, width;
    uint64_t rows, read;
} reader;

static lorec_err hidden_of(reader *r, const int32_t *token, const int32_t *length, int64_t n, adapter *const *lora,
                           float *out)
{
    const transformer *net = r->m->lm->model->net;
    int64_t rows = 0;
    adapter_set set = {.item = lora, .n = 1};
    for (int64_t i = 0; i < n; i++) rows += length[i];
    tape_begin(r->t, 0);
    token_rows in = {.ids = tape_ids(r->t, token, rows),
                     .sequences = tape_segments(r->t, length, n),
                     .adapters = lora ? &set : NULL};
    tensor *x = transformer_blocks(r->t, net, 0, r->m->client_layers, transformer_embed(r->t, net, &in), &in);
    TRY(tape_read(r->t, x, out, rows * r->width));
    for (int64_t i = 0; i < rows; i++) {
        double square = 0;
        for (int64_t k = 0; k < r->width; k++) square += (double)out[i * r->width + k] * out[i * r->width + k];
        for (int64_t k = 0; k < r->width && square > 0; k++) out[i * r->width + k] /= (float)sqrt(square);
    }
    return LOREC_OK;
}

static lorec_err learn_vocabulary(reader *r)
{
    int32_t *token, *one;
    TRY(mem_new(&r->known, (size_t)(r->vocab * r->width)));
    TRY(mem_new(&token, (size_t)r->vocab));
    lorec_err e = mem_new(&one, (size_t)r->vocab);
    for (int64_t v = 0; v < r->vocab && !e; v++) {
        token[v] = (int32_t)v;
        one[v] = 1;
    }
    for (int64_t at = 0; at < r->vocab && !e; at += 1024) {
        int64_t n = r->vocab - at < 1024 ? r->vocab - at : 1024;
        e = hidden_of(r, token + at, one + at, n, NULL, r->known + at * r->width); /* without the client's adapter */
    }
    mem_free(token);
    mem_free(one);
    return e;
}

static lorec_err read_question(reader *r, size_t client, const tokens *said)
{
    float *seen;
    int32_t length = (int32_t)said->n;
    TRY(mem_new(&seen, said->n * (size_t)r->width));
    lorec_err e = hidden_of(r, said->id, &length, 1, &r->m->lora[client], seen);
    for (size_t i = 0; i < said->n && !e; i++) {
        int64_t best = 0;
        float nearest = -2;
        for (int64_t v = 0; v < r->vocab; v++) {
            float dot = 0;
            for (int64_t k = 0; k < r->width; k++) dot += seen[(int64_t)i * r->width + k] * r->known[v * r->width + k];
            if (dot > nearest) {
                nearest = dot;
                best = v;
            }
        }
        r->rows++;
        r->read += best == said->id[i];
    }
    mem_free(seen);
    return e;
}

lorec_err fellrec_study(const void *self, rec_session *s, const study_context *c, json_t **numbers)
{
    const fellrec *m = self;
    const transformer_config *config = transformer_settings(m->lm->model->net);
    reader r = {.m = m, .vocab = config->vocab_size, .width = config->width};
    const interactions *x = &c->split->train;
    tokens said = {0};
    int asked = 0;
    (void)s;
    if (m->client_layers >= config->layers - 1 || m->mixing == MIX_CENTRAL) { /* nothing but adapters is sent */
        *numbers = json_pack("{s:i}", "tokens_read_by_server", 0);
        return *numbers ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a report");
    }
    r.t = tape_new(&(tape_options){0});
    lorec_err e = r.t ? learn_vocabulary(&r) : LOREC_RESOURCE;
    for (uint32_t u = 0; u < x->n_users && asked < QUESTIONS && !e; u++) {
        size_t n = (size_t)(x->start[u + 1] - x->start[u]);
        if (n == 0) continue;
        said.n = 0;
        e = fellrec_ask(m, x->item + x->start[u], n, &said);
        if (!e) e = read_question(&r, fellrec_client_of(m, x->item + x->start[u], n), &said);
        asked++;
    }
    if (!e) {
        *numbers = json_pack("{s:I, s:f}", "vectors_tried", (json_int_t)r.rows, "tokens_read_by_server",
                             r.rows ? (double)r.read / (double)r.rows : 0.0);
        if (!*numbers) e = err_set(LOREC_RESOURCE, "out of memory for a report");
    }
    tokens_free(&said);
    if (r.t) tape_free(r.t);
    mem_free(r.known);
    return e;
}

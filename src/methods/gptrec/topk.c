/* Top-K: every item's score at once. With one token an item that is one forward pass. With several it is the log
 * probability of the item's code, known of the codes that were sampled (the paper), found by a beam inside the trie, or
 * of all codes; other items are -INFINITY. */
#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "methods/gptrec/gptrec.h"

enum { ROWS_AT_ONCE = 8192, PROMPTS_AT_ONCE = 32, NODES_AT_ONCE = 512 };

/* ---- one token an item -------------------------------------------------------------------------------------------------- */

static lorec_err score_forward(const gptrec *m, tape *t, const int32_t *token, const int32_t *length, size_t n,
                               float *scores)
{
    int64_t rows = 0, vocab = vocabulary(m);
    for (size_t i = 0; i < n; i++) rows += length[i];
    float *logits;
    TRY(mem_new(&logits, n * (size_t)vocab));
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, token, rows), .sequences = tape_segments(t, length, (int64_t)n), .last = true};
    tensor *y = transformer_logits(t, m->model->net, transformer_hidden(t, m->model->net, &in));
    lorec_err e = tape_read(t, y, logits, (int64_t)n * vocab);
    for (size_t i = 0; i < n && !e; i++)
        memcpy(scores + i * m->codes.n_items, logits + i * (size_t)vocab, m->codes.n_items * sizeof *scores);
    mem_free(logits);
    return e;
}

/* ---- several ------------------------------------------------------------------------------------------------------------ */

/* All items at a leaf share its score. */
static void credit(const gptrec *m, uint32_t node, float logp, float *scores)
{
    size_t n;
    const uint32_t *who = trie_values(&m->codes.trie, node, &n);
    for (size_t i = 0; i < n; i++) scores[who[i]] = logp;
}

static void count_samples(const gptrec *m, const decoded *d)
{
    unsigned long long invalid = 0;
    for (size_t i = 0; i < d->n; i++) {
        const hypothesis *h = &d->found[i];
        invalid += !h->complete || trie_find(&m->codes.trie, h->token, (size_t)h->n) == TRIE_NONE;
    }
    atomic_fetch_add(&m->tally->samples, d->n);
    atomic_fetch_add(&m->tally->invalid, invalid);
}

static lorec_err score_decoded(const gptrec *m, lm_session *s, uint64_t seed, const int32_t *token,
                               const int32_t *length, size_t n, float *scores)
{
    uint64_t seeds[PROMPTS_AT_ONCE];
    const int32_t *at = token;
    for (size_t i = 0; i < n; at += length[i++])
        seeds[i] = XXH3_64bits_withSeed(at, (size_t)length[i] * sizeof *at, seed);
    constraint codes = constraint_of_trie(&m->codes.trie);
    bool sample = m->scoring == SCORING_SAMPLE;
    decode_options o = {.count = sample ? m->samples : m->beams,
                        .max_tokens = m->tokens,
                        .end = -1,
                        .how = {(float)m->temperature, m->top_k, (float)m->top_p},
                        .only = m->trie || !sample ? &codes : NULL};
    decoded d;
    if (sample)
        TRY(decode_sample(s, token, length, seeds, (int64_t)n, &o, &d));
    else
        TRY(decode_beam(s, token, length, (int64_t)n, &o, &d));
    if (sample) count_samples(m, &d);
    for (size_t i = 0; i < n; i++)
        for (size_t h = d.start[i]; h < d.start[i + 1]; h++) {
            uint32_t node = trie_find(&m->codes.trie, d.found[h].token, (size_t)d.found[h].n);
            if (node != TRIE_NONE) credit(m, node, d.found[h].logp, scores + i * m->codes.n_items);
        }
    decoded_free(&d);
    return LOREC_OK;
}

static lorec_err score_exact(const gptrec *m, lm_session *s, const int32_t *token, int32_t length, float *scores)
{
    float *logp;
    TRY(mem_new(&logp, m->codes.trie.nodes));
    lorec_err e = decode_trie(s, token, length, &m->codes.trie, NODES_AT_ONCE, logp);
    for (uint32_t i = 0; i < m->codes.n_items && !e; i++) scores[i] = logp[m->codes.leaf[i]];
    mem_free(logp);
    return e;
}

static lorec_err score_codes(const gptrec *m, lm_session *s, uint64_t seed, const int32_t *token, const int32_t *length,
                             size_t n, float *scores)
{
    for (size_t i = 0; i < n * m->codes.n_items; i++) scores[i] = -INFINITY;
    if (m->scoring != SCORING_EXACT) return score_decoded(m, s, seed, token, length, n, scores);
    for (size_t i = 0; i < n; token += length[i++])
        TRY(score_exact(m, s, token, length[i], scores + i * m->codes.n_items));
    return LOREC_OK;
}

/* ---- both: prompts in bounded batches ------------------------------------------------------------------------------------- */

lorec_err score_prompts(const gptrec *m, rec_session *s, const prompts *p, float *scores)
{
    tape *t = rec_session_tape(s, m->train.bf16);
    lm_session *session = m->codes.t > 1 ? lm_session_new(m->model->net, m->train.bf16) : NULL;
    if (!t || (m->codes.t > 1 && !session)) return LOREC_RESOURCE;
    lorec_err e = LOREC_OK;
    const int32_t *token = p->token;
    for (size_t first = 0, end = 0; first < p->n && !e; first = end) {
        size_t rows = 0, most = m->codes.t > 1 ? PROMPTS_AT_ONCE : ROWS_AT_ONCE;
        for (; end < p->n && end - first < most; end++) {
            if (end > first && rows + (size_t)p->length[end] > ROWS_AT_ONCE) break;
            rows += (size_t)p->length[end];
        }
        float *out = scores + first * m->codes.n_items;
        e = m->codes.t == 1 ? score_forward(m, t, token, p->length + first, end - first, out)
                            : score_codes(m, session, rec_session_seed(s), token, p->length + first, end - first, out);
        token += rows;
    }
    lm_session_free(session);
    return e;
}

lorec_err gptrec_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const gptrec *m = self;
    prompts p = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) e = prompts_add(&p, m, &q[i], NULL, 0);
    if (!e) e = score_prompts(m, s, &p, scores);
    prompts_free(&p);
    return e;
}

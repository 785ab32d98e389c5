/* Lists by beam, candidates by likelihood, ratings by the likeliest star: everything comes out of a trie of what can be an answer.
 *
 * A session of the recommender keeps one of the language model, whose encoder adds the whole-word vectors. */
#include <math.h>

#include "base/mem.h"
#include "lm/decode/decode.h"
#include "lm/session/score.h"
#include "methods/p5/p5.h"

enum { AT_ONCE = 32, PAIRS_AT_ONCE = 128, LONGEST_ANSWER = 16 };

typedef struct prompts {
    tokens all;
    int32_t *length;
    size_t n, cap;
} prompts;

static void prompts_free(prompts *p)
{
    tokens_free(&p->all);
    mem_free(p->length);
}

static lorec_err session_of(const p5 *m, rec_session *s, lm_session **out)
{
    *out = rec_session_own(s, m);
    if (*out) return LOREC_OK;
    TRY(lm_session_open(out, m->net.decoder,
                        &(lm_session_options){.bf16 = m->bf16,
                                              .encoder = m->net.encoder,
                                              .start = P5_PAD,
                                              .encoder_vectors = m->whole_words ? p5_word_vectors : NULL,
                                              .encoder_ctx = m}));
    rec_session_set_own(s, m, *out, (void (*)(void *))lm_session_free);
    return LOREC_OK;
}

static lorec_err learned(const p5 *m, p5_ask ask)
{
    if (m->asks[ask]) return LOREC_OK;
    return err_set(LOREC_USAGE,
                   "p5: \"%s\" (family %d) was not learned here; add it to families, with a quota above 0%s",
                   p5_ask_names[ask], p5_family[ask], ask == P5_RATING ? ", on data with ratings of 1 to 5" : "");
}

/* One more question, by the first template or the one that was held out. */
static lorec_err add_prompt(const p5 *m, prompts *p, p5_ask ask, p5_facts *f)
{
    const p5_templates *t = &m->templates[ask];
    size_t from = p->all.n;
    if (f->n_history > (size_t)m->max_history) {
        f->history += f->n_history - (size_t)m->max_history;
        f->n_history = (size_t)m->max_history;
    }
    TRY(mem_grow(&p->length, &p->cap, p->n + 1));
    TRY(p5_write(m, &t->item[m->template_ == P5_HELD_TEMPLATE ? t->n - 1 : 0], f, &p->all));
    p->length[p->n++] = (int32_t)(p->all.n - from);
    return LOREC_OK;
}

static p5_facts facts_of(const query *q)
{
    return (p5_facts){.user = q->user, .history = q->items, .n_history = q->n};
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------- */

/* The items of a question's beams, best first; what is no item counts as invalid. */
static size_t take_list(const p5 *m, const decoded *d, size_t i, size_t k, uint32_t *items, float *scores)
{
    size_t n = 0, invalid = 0;
    for (size_t h = d->start[i]; h < d->start[i + 1]; h++) {
        const hypothesis *x = &d->found[h];
        uint32_t node = trie_find(&m->items, x->token, (size_t)x->n);
        size_t who = 0;
        const uint32_t *item = node == TRIE_NONE ? NULL : trie_values(&m->items, node, &who);
        invalid += who == 0;
        if (!who || n == k) continue;
        items[n] = item[0];
        scores[n++] = x->logp;
    }
    atomic_fetch_add(&m->tally->sequences, d->start[i + 1] - d->start[i]);
    atomic_fetch_add(&m->tally->invalid, invalid);
    atomic_fetch_add(&m->tally->lists, 1);
    return n;
}

static lorec_err list_some(const p5 *m, lm_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                           float *scores, size_t *found)
{
    prompts p = {0};
    decoded d = {0};
    constraint only = constraint_of_trie(&m->items);
    size_t width = (size_t)m->beams, most = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        p5_facts f = facts_of(&q[i]);
        most = q[i].n > most ? q[i].n : most;
        e = add_prompt(m, &p, P5_NEXT, &f);
    }
    if (width < k) width = k;
    decode_options o = {.count = (int64_t)width,
                        .max_tokens = m->items.depth,
                        .end = m->constrained ? -1 : P5_END,
                        .only = m->constrained ? &only : NULL};
    if (!e) e = decode_beam(s, p.all.id, p.length, (int64_t)n, &o, &d);
    for (size_t i = 0; i < n && !e; i++) found[i] = take_list(m, &d, i, k, items + i * k, scores + i * k);
    decoded_free(&d);
    prompts_free(&p);
    return e;
}

lorec_err p5_recommend(const void *self, rec_session *session, const query *q, size_t n, size_t k, uint32_t *items,
                       float *scores, size_t *found)
{
    const p5 *m = self;
    lm_session *s;
    if (k == 0) return LOREC_OK;
    TRY(learned(m, P5_NEXT));
    TRY(session_of(m, session, &s));
    for (size_t at = 0; at < n; at += AT_ONCE) {
        size_t some = n - at < AT_ONCE ? n - at : AT_ONCE;
        TRY(list_some(m, s, q + at, some, k, items + at * k, scores + at * k, found + at));
    }
    return LOREC_OK;
}

/* ---- candidates -------------------------------------------------------------------------------------------------------------- */

/* How likely each candidate is as the answer, after the history (family 2) or as one of those that are told (family 5). */
static lorec_err score_answers(const p5 *m, lm_session *s, p5_ask ask, const query *q, size_t n, const uint64_t *start,
                               const uint32_t *candidate, float *scores)
{
    prompts p = {0};
    tokens answer = {0};
    int32_t *length = NULL;
    int64_t first[AT_ONCE + 1] = {0};
    double *sum = NULL;
    size_t all = (size_t)(start[n] - start[0]);
    lorec_err e = mem_new(&length, all);
    if (!e) e = mem_new(&sum, all);
    for (size_t i = 0; i < n && !e; i++) {
        p5_facts f = facts_of(&q[i]);
        f.candidate = candidate + start[i];
        f.n_candidates = (size_t)(start[i + 1] - start[i]);
        first[i + 1] = (int64_t)(start[i + 1] - start[0]);
        e = add_prompt(m, &p, ask, &f);
    }
    for (size_t k = 0; k < all && !e; k++) {
        size_t from = answer.n;
        uint32_t item = candidate[start[0] + k];
        e = item < m->n_items ? p5_write_item(m, item, &answer) : err_set(LOREC_USAGE, "p5: there is no item %u", item);
        length[k] = (int32_t)(answer.n - from);
    }
    score_ask a = {.prompts = (int64_t)n,
                   .prompt = p.all.id,
                   .prompt_length = p.length,
                   .n = (int64_t)all,
                   .token = answer.id,
                   .length = length,
                   .first = first};
    if (!e && all) e = lm_score(s, &a, sum);
    for (size_t k = 0; k < all && !e; k++) scores[start[0] + k] = (float)sum[k];
    prompts_free(&p);
    tokens_free(&answer);
    mem_free(length);
    mem_free(sum);
    return e;
}

/* P(yes) against P(no), a question a candidate. */
static lorec_err score_yesno(const p5 *m, lm_session *s, const query *q, const uint32_t *candidate, size_t n,
                             float *scores)
{
    prompts p = {0};
    contrast *said;
    TRY(mem_new(&said, PAIRS_AT_ONCE));
    lorec_err e = LOREC_OK;
    for (size_t at = 0; at < n && !e; at += PAIRS_AT_ONCE) {
        size_t some = n - at < PAIRS_AT_ONCE ? n - at : PAIRS_AT_ONCE;
        p.n = p.all.n = 0;
        for (size_t k = 0; k < some && !e; k++) {
            p5_facts f = facts_of(q);
            f.item = candidate[at + k];
            e = add_prompt(m, &p, P5_YESNO, &f);
        }
        if (!e) e = lm_contrast(s, p.all.id, p.length, (int64_t)some, m->yes, m->no, said);
        for (size_t k = 0; k < some && !e; k++) scores[at + k] = (float)(said[k].logp_a - said[k].logp_b);
    }
    mem_free(said);
    prompts_free(&p);
    return e;
}

lorec_err p5_score_items(const void *self, rec_session *session, const query *q, size_t n, const uint64_t *start,
                         const uint32_t *candidate, float *scores)
{
    static const p5_ask asks[] = {[P5_BY_NEXT] = P5_NEXT, [P5_BY_CHOICE] = P5_CHOICE, [P5_BY_YESNO] = P5_YESNO};
    const p5 *m = self;
    lm_session *s;
    p5_ask ask = asks[m->candidates_by];
    TRY(learned(m, ask));
    TRY(session_of(m, session, &s));
    for (size_t i = 0; i < n && ask == P5_YESNO; i++)
        TRY(score_yesno(m, s, &q[i], candidate + start[i], (size_t)(start[i + 1] - start[i]), scores + start[i]));
    for (size_t at = 0; at < n && ask != P5_YESNO; at += AT_ONCE)
        TRY(score_answers(m, s, ask, q + at, n - at < AT_ONCE ? n - at : AT_ONCE, start + at, candidate, scores));
    return LOREC_OK;
}

/* ---- ratings ----------------------------------------------------------------------------------------------------------------- */

static float star_of(const p5 *m, const decoded *d, size_t i)
{
    size_t n = 0;
    if (d->start[i] == d->start[i + 1]) return NAN;
    const hypothesis *h = &d->found[d->start[i]];
    uint32_t node = trie_find(&m->stars, h->token, (size_t)h->n);
    const uint32_t *value = node == TRIE_NONE ? NULL : trie_values(&m->stars, node, &n);
    return n ? 1 + (float)value[0] / 10 : NAN;
}

static lorec_err decode_stars(const p5 *m, lm_session *s, const prompts *p, float *rating)
{
    decoded d = {0};
    constraint only = constraint_of_trie(&m->stars);
    decode_options o = {.count = 1, .max_tokens = m->stars.depth, .end = -1, .only = &only};
    lorec_err e = decode_beam(s, p->all.id, p->length, (int64_t)p->n, &o, &d);
    for (size_t i = 0; i < p->n && !e; i++) rating[i] = star_of(m, &d, i);
    decoded_free(&d);
    return e;
}

lorec_err p5_score_pairs(const void *self, rec_session *session, const pair *pairs, size_t n, float *rating)
{
    const p5 *m = self;
    lm_session *s;
    prompts p = {0};
    TRY(learned(m, P5_RATING));
    TRY(session_of(m, session, &s));
    lorec_err e = LOREC_OK;
    for (size_t at = 0; at < n && !e; at += PAIRS_AT_ONCE) {
        p.n = p.all.n = 0;
        for (size_t i = at; i < n && i < at + PAIRS_AT_ONCE && !e; i++) {
            p5_facts f = {.user = pairs[i].user, .item = pairs[i].item};
            e = add_prompt(m, &p, P5_RATING, &f);
        }
        if (!e) e = decode_stars(m, s, &p, rating + at);
    }
    prompts_free(&p);
    return e;
}

/* ---- texts, for the study ------------------------------------------------------------------------------------------------------ */

lorec_err p5_ask_stars(const p5 *m, rec_session *session, const p5_facts *facts, size_t n, float *rating)
{
    lm_session *s;
    prompts p = {0};
    TRY(session_of(m, session, &s));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        p5_facts f = facts[i];
        e = add_prompt(m, &p, P5_REVIEW_RATING, &f);
    }
    if (!e) e = decode_stars(m, s, &p, rating);
    prompts_free(&p);
    return e;
}

lorec_err p5_ask_texts(const p5 *m, rec_session *session, p5_ask ask, const p5_facts *facts, size_t n, buf *text)
{
    lm_session *s;
    prompts p = {0};
    decoded d = {0};
    TRY(session_of(m, session, &s));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        p5_facts f = facts[i];
        e = add_prompt(m, &p, ask, &f);
    }
    decode_options o = {.count = 1, .max_tokens = m->written, .end = P5_END};
    if (!e) e = decode_beam(s, p.all.id, p.length, (int64_t)n, &o, &d);
    for (size_t i = 0; i < n && !e; i++) {
        buf_clear(&text[i]);
        if (d.start[i] == d.start[i + 1]) continue;
        const hypothesis *h = &d.found[d.start[i]];
        size_t length = 0;
        while (length < (size_t)h->n && h->token[length] < m->first_id && h->token[length] != P5_END) length++;
        e = tokenizer_decode(m->words, h->token, length, TOKENIZER_PLAIN, &text[i]);
    }
    decoded_free(&d);
    prompts_free(&p);
    return e;
}

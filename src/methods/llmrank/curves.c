/* The paper's two biases: the same lists asked with the target at one place of the prompt after the other, and what is popular
 * among what the answers put first. */
#include <stdlib.h>

#include "base/mem.h"
#include "methods/llmrank/llmrank.h"
#include "recipes/bias_curves.h"

enum { AT_ONCE = 256 };

size_t llmrank_places(const char *words, size_t place[LLMRANK_MAX_PLACES])
{
    slice rest = slice_of(words);
    size_t n = 0;
    do {
        slice word = slice_trim(slice_cut(&rest, ','));
        if (!word.n || word.n > 5 || n == LLMRANK_MAX_PLACES) return 0;
        place[n] = 0;
        for (size_t i = 0; i < word.n; i++) {
            if (word.p[i] < '0' || word.p[i] > '9') return 0;
            place[n] = place[n] * 10 + (size_t)(word.p[i] - '0');
        }
        for (size_t i = 0; i < n; i++)
            if (place[i] == place[n]) return 0;
        n++;
    } while (rest.n);
    return n;
}

/* Some of the lists, end to end, as one round of questions. */
typedef struct question_round {
    query query[AT_ONCE];
    uint64_t start[AT_ONCE + 1];
    uint32_t lead[AT_ONCE];
    size_t list[AT_ONCE], n;
    uint32_t *candidate;
    float *scores;
    size_t candidate_cap, scores_cap;
} question_round;

/* From list *at on, those that have such a place. */
static lorec_err round_fill(question_round *r, const short_lists *l, size_t place, size_t *at)
{
    r->n = 0;
    for (; *at < l->n && r->n < AT_ONCE; (*at)++) {
        size_t n = (size_t)(l->start[*at + 1] - l->start[*at]), from = (size_t)r->start[r->n];
        if (n <= place) continue;
        TRY(mem_grow(&r->candidate, &r->candidate_cap, from + n));
        memcpy(r->candidate + from, l->candidate + l->start[*at], n * sizeof *r->candidate);
        r->query[r->n] = l->query[*at];
        r->lead[r->n] = l->target[*at];
        r->list[r->n++] = *at;
        r->start[r->n] = from + n;
    }
    return mem_grow(&r->scores, &r->scores_cap, (size_t)r->start[r->n]);
}

/* All lists with the target at one place. */
static lorec_err ask(const llmrank *m, rec_session *s, const short_lists *l, question_round *r, size_t which,
                     bias_curves *b)
{
    rerank_options o = {
        .copies = 1, .seed = m->seed, .place = (int64_t)b->at[which].place, .lead = r->lead, .labels = REPLY_NUMBERS};
    for (size_t at = 0; at < l->n;) {
        TRY(round_fill(r, l, b->at[which].place, &at));
        if (!r->n) break;
        TRY(llmrank_rank(m, s, &o, r->query, r->n, r->start, r->candidate, r->scores));
        for (size_t i = 0; i < r->n; i++) {
            uint64_t from = r->start[i];
            TRY(bias_curves_add(b, r->list[i], which, r->candidate + from, r->scores + from,
                                (size_t)(r->start[i + 1] - from), r->lead[i], m->items.popularity));
        }
    }
    return LOREC_OK;
}

static lorec_err tell(const bias_curves *b, const short_lists *l, uint64_t seed, json_t **numbers)
{
    json_t *o = json_pack("{s:I, s:I}", "lists", (json_int_t)l->n, "left_out.no_target", (json_int_t)l->left_out);
    lorec_err e = o ? bias_curves_json(b, seed, o)
                    : err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    if (e)
        json_decref(o);
    else
        *numbers = o;
    return e;
}

lorec_err llmrank_curves(const void *self, rec_session *session, const study_context *c, json_t **numbers)
{
    const llmrank *m = self;
    const short_lists *l;
    size_t place[LLMRANK_MAX_PLACES], n = llmrank_places(m->curve_places, place);
    bias_curves b;
    question_round *r;
    *numbers = NULL;
    if (!c->lists) return err_set(LOREC_USAGE, "llmrank's curves need short lists to ask about, and there are none");
    TRY(c->lists(c->lists_ctx, (uint32_t)m->curve_users, &l));
    if (!l->n)
        return err_set(LOREC_INPUT,
                       "llmrank's curves: none of %zu lists holds its user's target; take a better or a "
                       "longer first stage, or --eval uniform@19",
                       l->left_out);
    TRY(bias_curves_make(&b, place, n, l->n));
    lorec_err e = mem_new(&r, 1);
    for (size_t i = 0; i < n && !e; i++) e = ask(m, session, l, r, i, &b);
    if (!e) e = tell(&b, l, c->seed, numbers);
    if (r) {
        mem_free(r->candidate);
        mem_free(r->scores);
    }
    mem_free(r);
    bias_curves_free(&b);
    return e;
}

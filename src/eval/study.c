#include "eval/study.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"
#include "eval/questions.h"

/* The lists that a study asked for, made when it asks. */
typedef struct lists {
    const protocol *protocol;
    questions questions;
    query_batch batch;
    uint64_t *start;
    uint32_t *candidate, *target;
    short_lists told;
} lists;

static void lists_free(lists *l)
{
    questions_free(&l->questions);
    query_batch_free(&l->batch);
    mem_free(l->start);
    mem_free(l->candidate);
    mem_free(l->target);
    *l = (lists){.protocol = l->protocol};
}

/* The first of the question's targets that stands in its list of n. */
static bool find_target(const lists *l, size_t i, const uint32_t *candidate, size_t n, uint32_t *target)
{
    const questions *q = &l->questions;
    for (uint64_t k = q->start[i]; k < q->start[i + 1] && n; k++) {
        if (!find_u32(q->relevant[k], candidate, n)) continue;
        *target = q->relevant[k];
        return true;
    }
    return false;
}

/* Lists end to end; questions whose list has no right answer are left out, and their queries go with them. */
static void lists_fill(lists *l, uint64_t *bits)
{
    const questions *q = &l->questions;
    short_lists *s = &l->told;
    for (size_t i = 0; i < q->n; i++) {
        query asked = l->batch.query[i];
        uint32_t *at = l->candidate + l->start[s->n];
        size_t n = protocol_candidates(l->protocol, PART_TEST, q->user[i], q->relevant + q->start[i],
                                       (size_t)(q->start[i + 1] - q->start[i]), asked.items, asked.n, bits, at);
        if (!find_target(l, i, at, n, &l->target[s->n])) {
            s->left_out++;
            continue;
        }
        l->batch.query[s->n++] = asked;
        l->start[s->n] = l->start[s->n - 1] + n;
    }
}

static lorec_err lists_make(void *ctx, uint32_t most, const short_lists **out)
{
    lists *l = ctx;
    const protocol *p = l->protocol;
    size_t cells = 0;
    uint64_t *bits = NULL;
    if (protocol_kind(p, PART_TEST) == CANDIDATES_FULL)
        return err_set(LOREC_USAGE, "everything is ranked; this study needs short lists: --eval sasrec@20, pop@19 ...");
    lists_free(l);
    if (p->users && (!most || p->users < most)) most = p->users;
    TRY(questions_make(&l->questions, p, PART_TEST, most, p->seed));
    const questions *q = &l->questions;
    TRY(query_batch_fill(&l->batch, p, PART_TEST, q, 0, q->n));
    for (size_t i = 0; i < q->n; i++)
        cells += protocol_candidates_max(p, q->user[i], (size_t)(q->start[i + 1] - q->start[i]));
    TRY(mem_new(&l->start, (size_t)q->n + 1));
    TRY(mem_new(&l->target, q->n));
    TRY(mem_new(&l->candidate, cells));
    TRY(mem_new(&bits, (size_t)p->split->train.n_items / 64 + 1));
    lists_fill(l, bits);
    mem_free(bits);
    l->told.query = l->batch.query;
    l->told.start = l->start;
    l->told.candidate = l->candidate;
    l->told.target = l->target;
    *out = &l->told;
    return LOREC_OK;
}

lorec_err study_run(json_t **numbers, const recommender *r, const void *self, const protocol *p, uint64_t seed,
                    bool fast)
{
    *numbers = NULL;
    if (!recommender_studies(r, self)) return LOREC_OK;
    lists l = {.protocol = p};
    rec_session *s = rec_session_new(seed);
    if (!s) return err_set(LOREC_RESOURCE, "out of memory for a session");
    study_context c = {
        .split = p->split, .max_users = p->users, .seed = p->seed, .fast = fast, .lists = lists_make, .lists_ctx = &l};
    lorec_err e = r->study(self, s, &c, numbers);
    rec_session_free(s);
    lists_free(&l);
    return e;
}

/* Can a target be told from the other candidates without knowing the user: by its place in the list, by its popularity? */
#include <math.h>

#include "base/mem.h"
#include "eval/probes/probes.h"
#include "eval/questions.h"
#include "eval/slate.h"

/* ---- place ----------------------------------------------------------------------------------------------------------------- */

static bool is_target(const split *s, uint32_t u, uint32_t item)
{
    for (uint64_t r = s->test.start[u]; r < s->test.start[u + 1]; r++)
        if (s->test.item[r] == item) return true;
    return false;
}

/* At the place where most targets stand: how many, and how many would by chance, each list having its own length? */
static lorec_err count_places(probe_finding *f, const split *s, const slate_lists *l)
{
    uint64_t longest = 0, *at = NULL, best = 0, targets = 0;
    double *expected = NULL;
    for (size_t i = 0; i < l->n; i++)
        longest = l->start[i + 1] - l->start[i] > longest ? l->start[i + 1] - l->start[i] : longest;
    lorec_err e = mem_new(&at, (size_t)longest + 1);
    if (!e) e = mem_new(&expected, (size_t)longest + 1);
    for (size_t i = 0; i < l->n && !e; i++) {
        uint64_t n = l->start[i + 1] - l->start[i], here = 0;
        for (uint64_t k = 0; k < n; k++) {
            bool hit = is_target(s, l->user[i], l->item[l->start[i] + k]);
            at[k] += hit;
            here += hit;
        }
        for (uint64_t k = 0; k < n; k++) expected[k] += (double)here / (double)n;
        targets += here;
    }
    for (uint64_t k = 1; k < longest && !e; k++)
        if ((double)at[k] - expected[k] > (double)at[best] - expected[best]) best = k;
    if (!e) {
        f->n = targets;
        f->chance = targets ? expected[best] / (double)targets : NAN;
        f->value = targets ? (double)at[best] / (double)targets : 0;
        f->limit += targets ? f->chance : 0;
        f->p = targets ? probe_binomial((double)at[best], (double)targets, f->chance) * (double)longest : 1;
        if (f->p > 1) f->p = 1; /* Bonferroni's bound over the places */
        probe_judge(f);
    }
    mem_free(at);
    mem_free(expected);
    return e;
}

static lorec_err places(probe_findings *out, const split *s, const char *path)
{
    slate_lists l;
    probe_finding *f;
    TRY(slate_lists_read(&l, s->data, path));
    lorec_err e = probe_add(out, "place", &f);
    if (!e) e = count_places(f, s, &l);
    slate_lists_free(&l);
    return e;
}

/* ---- popularity -------------------------------------------------------------------------------------------------------------- */

typedef struct counting {
    questions q;
    query_batch batch;
    uint64_t *bits, *popularity;
    uint32_t *item;
    size_t cap;
} counting;

/* The AUC of one user's candidates by popularity: the share of pairs of a target and another candidate that it puts right. */
static lorec_err auc_of(counting *c, const protocol *p, size_t i, double *auc, bool *defined)
{
    const questions *q = &c->q;
    const uint32_t *targets = q->relevant + q->start[i];
    size_t n_targets = (size_t)(q->start[i + 1] - q->start[i]);
    TRY(query_batch_fill(&c->batch, p, PART_TEST, q, i, 1));
    TRY(mem_grow(&c->item, &c->cap, protocol_candidates_max(p, q->user[i], n_targets) + 1));
    size_t n = protocol_candidates(p, PART_TEST, q->user[i], targets, n_targets, c->batch.query[0].items,
                                   c->batch.query[0].n, c->bits, c->item);
    double right = 0, pairs = 0;
    for (size_t t = 0; t < n; t++) {
        if (!is_target(p->split, q->user[i], c->item[t])) continue;
        for (size_t k = 0; k < n; k++) {
            if (is_target(p->split, q->user[i], c->item[k])) continue;
            uint64_t a = c->popularity[c->item[t]], b = c->popularity[c->item[k]];
            right += a > b ? 1 : a == b ? .5 : 0;
            pairs++;
        }
    }
    *defined = pairs > 0;
    *auc = pairs > 0 ? right / pairs : 0;
    return LOREC_OK;
}

static lorec_err popularity(probe_findings *out, const protocol *p)
{
    counting c = {0};
    const interactions *train = &p->split->train;
    probe_finding *f;
    double sum = 0;
    lorec_err e = questions_make(&c.q, p, PART_TEST, 0, 0);
    if (!e) e = mem_new(&c.bits, (size_t)train->n_items / 64 + 1);
    if (!e) e = mem_new(&c.popularity, train->n_items);
    for (uint64_t r = 0; r < train->n && !e; r++) c.popularity[train->item[r]]++;
    if (!e) e = probe_add(out, "popularity", &f);
    for (size_t i = 0; i < c.q.n && !e; i++) {
        double auc;
        bool defined;
        e = auc_of(&c, p, i, &auc, &defined);
        sum += !e && defined ? auc : 0;
        f->n += !e && defined;
    }
    if (!e) {
        f->value = f->n ? sum / (double)f->n : 0;
        f->chance = .5;
        probe_judge(f);
    }
    questions_free(&c.q);
    query_batch_free(&c.batch);
    mem_free(c.bits);
    mem_free(c.popularity);
    mem_free(c.item);
    return e;
}

lorec_err probe_places(probe_findings *out, const probe_request *q)
{
    if (q->slate) TRY(places(out, q->protocol->split, q->slate));
    return q->protocol->kind == CANDIDATES_FULL ? LOREC_OK : popularity(out, q->protocol);
}

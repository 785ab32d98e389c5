/* A simulated person: knows what it had and, of one item to be found, its categories and year, but never its title. Each turn it says
 * one thing more; it is content once the item is shown. The same dialogue goes to popularity and to the ranking tool alone, which hear
 * nothing of what is said and go on down their lists. */
#include <string.h>

#include "base/mem.h"
#include "methods/interecagent/interecagent.h"

enum { SIDE_BY_SIDE = 16, HINTS = 4, AGENT = 0, POPULARITY, RANKER, WHO };

typedef struct person {
    query q;
    uint32_t *history; /* what it had, then what it was shown */
    size_t had;
    uint32_t target;
    buf request;
    json_t *turns;
    int64_t found[WHO];  /* the turn, from 1; 0: not yet */
    uint32_t *list[WHO]; /* of the two without words: [turns * wanted] */
    size_t listed[WHO];
} person;

typedef struct study {
    const interecagent *m;
    const study_context *c;
    person one[SIDE_BY_SIDE];
    size_t n;
    int64_t people, hits[WHO], turns[WHO], named; /* named: the answer's words hold the title, where it was found */
} study;

static void person_free(person *p)
{
    mem_free(p->history);
    for (int i = 0; i < WHO; i++) mem_free(p->list[i]);
    buf_free(&p->request);
    json_decref(p->turns);
    *p = (person){0};
}

static slice year_of(slice title)
{
    if (title.n < 6 || title.p[title.n - 1] != ')' || title.p[title.n - 6] != '(') return (slice){"", 0};
    return (slice){title.p + title.n - 5, 4};
}

/* What it says in turn t, from 0. */
static lorec_err say(const study *s, person *p, int64_t t)
{
    const interecagent *m = s->m;
    slice kinds = catalogue_categories(&m->items, p->target), year = year_of(catalogue_title(&m->items, p->target));
    bool known = m->items.popularity[p->target] > 50;
    buf_clear(&p->request);
    if (t > 0) TRY(buf_puts(&p->request, "None of those. "));
    if (t % HINTS == 1 && year.n) return buf_printf(&p->request, "It should be from %.*s.", (int)year.n, year.p);
    if (t % HINTS == 2) return buf_printf(&p->request, "Rather something that %s.", known ? "many know" : "few know");
    if (t % HINTS == 3) return buf_puts(&p->request, "Think of what I had lately, and of all that I said.");
    if (kinds.n) return buf_printf(&p->request, "I look for one of the %s: %.*s.", m->things, (int)kinds.n, kinds.p);
    return buf_printf(&p->request, "I look for one of the %s that fits what I had.", m->things);
}

/* The lists of those who do not listen. */
static lorec_err list_plainly(study *s, person *p, agent_desk *d)
{
    const interecagent *m = s->m;
    agent_counts none = {0};
    for (int who = POPULARITY; who < WHO; who++) {
        agent_bus bus = {0};
        const query nobody = {.user = NO_USER, .now = INT64_MIN};
        query q = p->q;
        size_t most = (size_t)(m->study_turns * m->wanted);
        TRY(mem_new(&p->list[who], most));
        /* without a history preference is popularity; what was had is left out afterwards */
        lorec_err e = agent_rank_plainly(m, d, who == POPULARITY ? &nobody : &q, NULL, 0, &bus, &none);
        for (size_t i = 0; i < bus.n && p->listed[who] < most && !e; i++) {
            bool had = false;
            for (size_t k = 0; k < p->had; k++) had |= p->history[k] == bus.item[i];
            if (!had) p->list[who][p->listed[who]++] = bus.item[i];
        }
        agent_bus_free(&bus);
        TRY(e);
    }
    return LOREC_OK;
}

static lorec_err meet(study *s, uint32_t user, agent_desk *d)
{
    const split *sp = s->c->split;
    const interactions *all = &sp->data->rows;
    person *p = &s->one[s->n];
    *p = (person){0};
    size_t rows = (size_t)(all->start[user + 1] - all->start[user]);
    TRY(mem_new(&p->history, rows + (size_t)(s->m->study_turns * 20) + 1));
    p->had = split_history(sp, true, user, p->history, NULL);
    p->target = sp->test.item[sp->test.start[user]];
    p->q = (query){.user = user, .items = p->history, .n = p->had, .now = INT64_MIN};
    s->n++; /* from here on it is freed with the others */
    if (!(p->turns = json_array())) return err_set(LOREC_RESOURCE, "out of memory for a dialogue");
    return list_plainly(s, p, d);
}

static lorec_err hear(study *s, person *p, const agent_job *job, int64_t t)
{
    const interecagent *m = s->m;
    slice title = catalogue_title(&m->items, p->target);
    for (size_t i = 0; i < job->n_shown; i++)
        if (job->shown[i] == p->target) p->found[AGENT] = t + 1;
    if (p->found[AGENT]) s->named += job->reply.n && memmem(job->reply.p, job->reply.n, title.p, title.n) != NULL;
    json_t *turn = json_pack("{s:s, s:o}", "request", p->request.p, "shown",
                             catalogue_titles(&m->items, job->shown, job->n_shown));
    if (!turn || json_array_append_new(p->turns, turn)) return err_set(LOREC_RESOURCE, "out of memory for a dialogue");
    for (size_t i = 0; i < job->n_shown; i++) p->history[p->q.n++] = job->shown[i]; /* not to be shown again */
    return LOREC_OK;
}

static lorec_err one_turn(study *s, rec_session *session, int64_t t)
{
    const interecagent *m = s->m;
    agent_job job[SIDE_BY_SIDE] = {0};
    person *who[SIDE_BY_SIDE];
    size_t n = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < s->n && !e; i++) {
        person *p = &s->one[i];
        if (p->found[AGENT]) continue;
        e = say(s, p, t);
        who[n] = p;
        job[n++] = (agent_job){
            .q = &p->q, .request = p->request.p, .turns = p->turns, .wanted = (size_t)m->wanted, .speak = true};
    }
    if (!e && n) e = agent_turns(m, session, job, n);
    for (size_t i = 0; i < n && !e; i++) e = hear(s, who[i], &job[i], t);
    for (size_t i = 0; i < n; i++) agent_job_free(&job[i]);
    return e;
}

static void sum_up(study *s)
{
    size_t wanted = (size_t)s->m->wanted;
    for (size_t i = 0; i < s->n; i++) {
        person *p = &s->one[i];
        for (int who = POPULARITY; who < WHO; who++)
            for (size_t k = 0; k < p->listed[who]; k++)
                if (p->list[who][k] == p->target) p->found[who] = (int64_t)(k / wanted) + 1;
        for (int k = 0; k < WHO; k++) {
            s->hits[k] += p->found[k] > 0;
            s->turns[k] += p->found[k] ? p->found[k] : s->m->study_turns + 1;
        }
        s->people++;
        person_free(p);
    }
    s->n = 0;
}

static lorec_err talk(study *s, rec_session *session)
{
    lorec_err e = LOREC_OK;
    for (int64_t t = 0; t < s->m->study_turns && !e; t++) e = one_turn(s, session, t);
    if (!e) sum_up(s);
    return e;
}

lorec_err interecagent_study(const void *self, rec_session *session, const study_context *c, json_t **numbers)
{
    study s = {.m = self, .c = c};
    const interactions *test = &c->split->test;
    agent_desk *d;
    uint32_t met = 0;
    TRY(agent_desk_of(s.m, session, true, &d));
    lorec_err e = LOREC_OK;
    for (uint32_t u = 0; u < test->n_users && !e && (!c->max_users || met < c->max_users); u++) {
        if (test->start[u + 1] == test->start[u] || test->item[test->start[u]] >= s.m->items.n) continue;
        e = meet(&s, u, d);
        met++;
        if (!e && s.n == SIDE_BY_SIDE) e = talk(&s, session);
    }
    if (!e && s.n) e = talk(&s, session);
    for (size_t i = 0; i < s.n; i++) person_free(&s.one[i]);
    TRY(e);
    double all = s.people ? (double)s.people : 1;
    *numbers = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "people", (json_int_t)s.people, "found",
                         (double)s.hits[AGENT] / all, "turns", (double)s.turns[AGENT] / all, "named_in_words",
                         (double)s.named / all, "found_by_popularity", (double)s.hits[POPULARITY] / all,
                         "turns_by_popularity", (double)s.turns[POPULARITY] / all, "found_by_ranker",
                         (double)s.hits[RANKER] / all, "turns_by_ranker", (double)s.turns[RANKER] / all);
    return *numbers ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a report");
}

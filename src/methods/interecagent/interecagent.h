/* interecagent.h: the parts of InteRecAgent: tools over a list of candidates (tools.c), plans read and checked (plan.c), turns of
 * plan, run and reflection for several people at once (turn.c), a simulated person to talk to (study.c), the verbs (method.c).
 *
 *     agent_job job = {.q = &q, .request = "something funny from the nineties", .wanted = 5};
 *     TRY(agent_turns(m, session, &job, 1));
 *     use(job.shown, job.n_shown);
 *     agent_job_free(&job);
 *
 * Ownership: the model is immutable once fitted but for its counts, which lock themselves; a desk is a session's. */
#ifndef LOREC_METHODS_INTERECAGENT_H
#define LOREC_METHODS_INTERECAGENT_H

#include "recipes/item_sql.h"
#include "recipes/llm_use.h"
#include "recipes/prompt.h"
#include "text/reply.h"

typedef enum agent_tool { /* in the order in which they may follow each other; look_up may stand anywhere */
                          TOOL_LOOK_UP,
                          TOOL_CANDIDATES,
                          TOOL_HARD_FILTER,
                          TOOL_SOFT_FILTER,
                          TOOL_RANK,
                          TOOL_MAP,
                          AGENT_TOOLS
} agent_tool;
extern const char *const agent_tool_names[AGENT_TOOLS];

typedef struct agent_counts {
    int64_t turns, plans, invalid_plans, tool_errors, fallbacks; /* fallbacks: turns that were ranked without a plan */
    int64_t calls[AGENT_TOOLS];
    int64_t sql_repairs, titles_found, titles_unknown,
        capped; /* capped: filters that left more than `most_candidates` */
    int64_t reflections, rejections;
} agent_counts;

typedef struct agent_tally agent_tally;

typedef struct interecagent {
    llm_settings chat;
    int64_t wanted, most_candidates, plan_tries, reflections, max_history, max_candidates, study_turns;
    double keep_share;
    const char *ranker, *request, *things, *verb;
    /* fitted */
    catalogue items;
    reply_titles *titles;
    const recommender *similar, *rank;
    void *similar_self, *rank_self;
    prompt *plan, *critic, *reply;
    llm_tally *tally;
    agent_tally *count;
    uint64_t seed;
} interecagent;

/* What lives as long as a session: the connection, the catalogue's table, another session for the recommenders. */
typedef struct agent_desk {
    llm *lm;
    item_sql *sql;
    rec_session *inner;
} agent_desk;
lorec_err agent_desk_of(const interecagent *m, rec_session *s, bool chat, agent_desk **out);

lorec_err agent_tally_new(agent_tally **out);
void agent_tally_free(agent_tally *t);
void agent_tally_add(agent_tally *t, const agent_counts *c);
agent_counts agent_tally_read(agent_tally *t);

/* ---- plan.c --------------------------------------------------------------------------------------------------------------- */

typedef struct agent_step {
    agent_tool tool;
    const json_t *input; /* the plan's */
} agent_step;
enum { AGENT_STEPS = 12 };
typedef struct agent_plan {
    json_t *json; /* owned */
    agent_step step[AGENT_STEPS];
    size_t n;
} agent_plan;
/* A reply as a plan: LOREC_INPUT says, for whoever wrote it, what is wrong: no JSON list, an unknown tool, an order that is not
 * allowed, an input of the wrong kind, no map at the end. Nothing of it has run then. */
lorec_err agent_plan_read(agent_plan *p, const char *text, size_t n, reply_counts *repairs);
void agent_plan_free(agent_plan *p);

/* ---- tools.c -------------------------------------------------------------------------------------------------------------- */

/* The candidate bus: what every tool reads and overwrites; the language model sees the tracks, never the items in between. */
typedef struct agent_bus {
    uint32_t *item; /* [n] */
    size_t n;
    bool ranked;
    size_t wanted;         /* what map asked for */
    json_t *tracks, *rows; /* what was done, [text]; what was looked up, or NULL */
} agent_bus;
/* Runs a checked plan over `slate` (n_slate 0: all items that the history does not hold). LOREC_INPUT: a tool refused its input. */
lorec_err agent_run(const interecagent *m, agent_desk *d, const query *q, const uint32_t *slate, size_t n_slate,
                    const agent_plan *p, agent_bus *bus, agent_counts *c);
/* Without a plan: ranked by preference after the history. */
lorec_err agent_rank_plainly(const interecagent *m, agent_desk *d, const query *q, const uint32_t *slate,
                             size_t n_slate, agent_bus *bus, agent_counts *c);
void agent_bus_free(agent_bus *b);

/* ---- turn.c --------------------------------------------------------------------------------------------------------------- */

typedef struct agent_job {
    const query *q;
    const char *request;
    const json_t *turns; /* what was said before: [{"request", "shown"}], or NULL */
    const uint32_t *slate;
    size_t n_slate, wanted;
    bool speak; /* write an answer in words too */
    /* out */
    uint32_t *shown; /* [n_shown] best first; with a slate all that was ranked */
    size_t n_shown;
    buf reply;
    /* within */
    agent_plan plan;
    agent_bus bus;
    buf complaint, last;
    int64_t rejected;
    bool done, planned;
} agent_job;
/* Plans first: one call makes all of a plan, a second writes the answer; the critic, where `reflections` is above 0, is asked after
 * each run. Several jobs ask at once. Wherever no plan can be used after plan_tries, the ranking without one is the answer. */
lorec_err agent_turns(const interecagent *m, rec_session *s, agent_job *job, size_t n);
void agent_job_free(agent_job *job);

lorec_err interecagent_study(const void *self, rec_session *s, const study_context *c, json_t **numbers);

#endif

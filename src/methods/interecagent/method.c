/* InteRecAgent (Huang et al., arXiv 2308.16505): a language model plans which tools of a classic recommender run, in which order and
 * on what; the tools pass a list of candidates on, a critic may send a plan back, and words come last. Card: card.md. To beat:
 * popularity, and the ranking tool by itself. */
#include "methods/interecagent/interecagent.h"

#include "base/file.h"
#include "base/mem.h"
#include "methods/registry.h"
#include "recipes/inside.h"

static const option options[] = {
    LLM_OPTIONS(interecagent, chat, 0, 512),
    OPTION_TEXT(interecagent, request, "",
                "what everybody asks for, in words; empty: something new that fits the history"),
    OPTION_INT(interecagent, wanted, 5, 1, 20, "shown in a turn, unless the plan's map says so"),
    OPTION_INT(interecagent, most_candidates, 1000, 1, 1e6, "left by a hard filter; of more, so many are drawn"),
    OPTION_REAL(interecagent, keep_share, .05, 1e-6, 1, "of the candidates, kept by a soft filter: the most similar"),
    OPTION_TEXT(interecagent, ranker, "sasrec", "the recommender that ranks by preference", .fast = "itemknn"),
    OPTION_INT(interecagent, plan_tries, 3, 1, 10, "plans that are asked for before it is ranked without one"),
    OPTION_INT(interecagent, reflections, 3, 0, 10, "plans that a critic may send back; 0: none is asked", .fast = "1"),
    OPTION_INT(interecagent, max_history, 20, 0, 64, "titles of the history in the prompt, the latest"),
    OPTION_INT(interecagent, max_candidates, 100, 2, 10000, "refuse longer slates: they do not fit into a prompt"),
    OPTION_INT(interecagent, study_turns, 5, 1, 50, "of a dialogue with a simulated person"),
    OPTION_TEXT(interecagent, things, "films", "what the items are, in the prompts"),
    OPTION_TEXT(interecagent, verb, "watched", "what people do with them"),
};

static const char *request_of(const interecagent *m)
{
    return m->request && *m->request ? m->request : "Recommend something new that fits what I had.";
}

/* ---- lists and slates --------------------------------------------------------------------------------------------------- */

static lorec_err jobs_new(const interecagent *m, const query *q, size_t n, agent_job **out)
{
    TRY(mem_new(out, n));
    for (size_t i = 0; i < n; i++)
        (*out)[i] = (agent_job){.q = &q[i], .request = request_of(m), .wanted = (size_t)m->wanted};
    return LOREC_OK;
}

static void jobs_free(agent_job *job, size_t n)
{
    for (size_t i = 0; job && i < n; i++) agent_job_free(&job[i]);
    mem_free(job);
}

/* The whole order of the candidates that the plan left, not the shown ones alone: lists are as long as they are asked for. */
static lorec_err recommend(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                           float *scores, size_t *found)
{
    const interecagent *m = self;
    agent_job *job;
    if (n == 0) return LOREC_OK;
    TRY(jobs_new(m, q, n, &job));
    lorec_err e = agent_turns(m, s, job, n);
    for (size_t i = 0; i < n && !e; i++) {
        found[i] = job[i].bus.n < k ? job[i].bus.n : k;
        for (size_t j = 0; j < found[i]; j++) {
            items[i * k + j] = job[i].bus.item[j];
            scores[i * k + j] = (float)(found[i] - j);
        }
    }
    jobs_free(job, n);
    return e;
}

static lorec_err score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const interecagent *m = self;
    agent_job *job;
    if (n == 0) return LOREC_OK;
    TRY(catalogue_check_lists(&m->items, "interecagent", m->max_candidates, n, start, candidate));
    TRY(jobs_new(m, q, n, &job));
    for (size_t i = 0; i < n; i++) {
        job[i].slate = candidate + start[i];
        job[i].n_slate = (size_t)(start[i + 1] - start[i]);
    }
    lorec_err e = agent_turns(m, s, job, n);
    for (size_t i = 0; i < n && !e; i++)
        for (uint64_t j = start[i]; j < start[i + 1]; j++) {
            scores[j] = 0; /* what the plan left out */
            for (size_t k = 0; k < job[i].n_shown; k++)
                if (job[i].shown[k] == candidate[j]) scores[j] = (float)(job[i].n_shown - k);
        }
    jobs_free(job, n);
    return e;
}

/* ---- the recommenders below -------------------------------------------------------------------------------------------------- */

static lorec_err find_tools(interecagent *m)
{
    m->similar = registry_find("itemknn");
    TRY(registry_need(m->ranker, &m->rank));
    if (m->rank->score && m->rank->n_items_at && !(m->rank->needs & (NEED_CHAT | NEED_LOGPROBS | NEED_WEIGHTS)))
        return LOREC_OK;
    return err_set(LOREC_USAGE, "ranker \"%s\" does not score all items by itself; take sasrec, gru4rec or itemknn",
                   m->ranker);
}

static lorec_err make_titles(interecagent *m)
{
    const char **title;
    char *bytes, *at;
    TRY(mem_new(&title, (size_t)m->items.n + 1));
    lorec_err e = mem_new(&bytes, (size_t)m->items.start[m->items.n] + m->items.n + 1);
    at = bytes;
    for (uint32_t i = 0; i < m->items.n && !e; i++) {
        slice t = catalogue_title(&m->items, i);
        title[i] = at;
        for (size_t k = 0; k < t.n; k++) *at++ = t.p[k] ? t.p[k] : ' ';
        *at++ = 0;
    }
    if (!e) e = reply_titles_make(&m->titles, title, m->items.n);
    mem_free(bytes);
    mem_free(title);
    return e;
}

static lorec_err prepare(interecagent *m)
{
    TRY(llm_tally_new(&m->tally));
    TRY(agent_tally_new(&m->count));
    TRY(make_titles(m));
    TRY(prompt_open(&m->plan, "interecagent/prompts/plan.j2"));
    TRY(prompt_open(&m->critic, "interecagent/prompts/critic.j2"));
    return prompt_open(&m->reply, "interecagent/prompts/reply.j2");
}

static lorec_err fit(void *self, const fit_context *c)
{
    interecagent *m = self;
    m->seed = c->seed;
    TRY(find_tools(m));
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    TRY(inside_fit(m->similar, &m->similar_self, c));
    TRY(inside_fit(m->rank, &m->rank_self, c));
    return prepare(m);
}

static lorec_err save(const void *self, const char *folder)
{
    const interecagent *m = self;
    buf path = {0};
    lorec_err e = catalogue_save(&m->items, folder);
    if (!e) e = path_join(&path, folder, "similar");
    if (!e) e = recommender_save(m->similar, m->similar_self, path.p);
    if (!e) e = path_join(&path, folder, "ranker");
    if (!e) e = recommender_save(m->rank, m->rank_self, path.p);
    buf_free(&path);
    return e;
}

static lorec_err load(void *self, const char *folder)
{
    interecagent *m = self;
    buf path = {0};
    TRY(find_tools(m));
    TRY(catalogue_load(&m->items, folder));
    lorec_err e = path_join(&path, folder, "similar");
    if (!e) e = recommender_load(m->similar, &m->similar_self, path.p);
    if (!e) e = recommender_fits(m->similar, m->similar_self, m->items.n);
    if (!e) e = path_join(&path, folder, "ranker");
    if (!e) e = recommender_load(m->rank, &m->rank_self, path.p);
    if (!e) e = recommender_fits(m->rank, m->rank_self, m->items.n);
    buf_free(&path);
    return e ? e : prepare(m);
}

static void release(void *self)
{
    interecagent *m = self;
    if (m->similar_self) recommender_free(m->similar, m->similar_self);
    if (m->rank_self) recommender_free(m->rank, m->rank_self);
    catalogue_free(&m->items);
    reply_titles_free(m->titles);
    prompt_free(m->plan);
    prompt_free(m->critic);
    prompt_free(m->reply);
    llm_tally_free(m->tally);
    agent_tally_free(m->count);
}

static json_t *counts(const void *self)
{
    const interecagent *m = self;
    json_t *o = llm_tally_counts(m->tally), *calls = json_object();
    if (!o || !calls || !m->count) {
        json_decref(calls);
        return o;
    }
    agent_counts c = agent_tally_read(m->count);
    for (int i = 0; i < AGENT_TOOLS; i++) json_object_set_new(calls, agent_tool_names[i], json_integer(c.calls[i]));
    json_t *agent = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "turns", (json_int_t)c.turns, "plans",
        (json_int_t)c.plans, "invalid_plans", (json_int_t)c.invalid_plans, "tool_errors", (json_int_t)c.tool_errors,
        "fallbacks", (json_int_t)c.fallbacks, "tool_calls", calls, "sql_repairs", (json_int_t)c.sql_repairs,
        "titles_found", (json_int_t)c.titles_found, "titles_unknown", (json_int_t)c.titles_unknown, "capped",
        (json_int_t)c.capped, "reflections", (json_int_t)c.reflections, "rejections", (json_int_t)c.rejections);
    if (agent && json_object_set_new(o, "agent", agent) == 0) return o;
    json_decref(o);
    return NULL;
}

const recommender recommender_interecagent = {
    .key = "interecagent",
    .title = "InteRecAgent: a language model plans the tools of a classic recommender",
    .family = "agent",
    .cite = "Huang, Lian, Lei, Yao, Lian, Xie. Recommender AI Agent: Integrating Large Language Models for Interactive "
            "Recommendations. ACM TOIS 2025",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .controls = "itemknn",
    .size = sizeof(interecagent),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score_items = score_items,
    .recommend = recommend,
    .study = interecagent_study,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(interecagent, items.n),
};

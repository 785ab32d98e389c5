/* Plans: read from a reply, checked as a whole before anything runs. */
#include "methods/interecagent/interecagent.h"

#include <string.h>

const char *const agent_tool_names[AGENT_TOOLS] = {"look_up",     "candidates", "hard_filter",
                                                   "soft_filter", "rank",       "map"};

static bool find_tool(const char *name, agent_tool *out)
{
    for (int i = 0; name && i < AGENT_TOOLS; i++) {
        if (strcmp(name, agent_tool_names[i]) != 0) continue;
        *out = (agent_tool)i;
        return true;
    }
    return false;
}

static bool are_texts(const json_t *list)
{
    if (!json_is_array(list)) return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i))) return false;
    return true;
}

static lorec_err check_rank(const json_t *input)
{
    static const char *const ways[] = {"popularity", "similarity", "preference"};
    const char *by = json_string_value(json_object_get(input, "by"));
    const json_t *prefer = json_object_get(input, "prefer"), *unwanted = json_object_get(input, "unwanted");
    bool known = false;
    for (int i = 0; i < 3 && by; i++) known |= strcmp(by, ways[i]) == 0;
    if (!known) return err_set(LOREC_INPUT, "rank's \"by\" is popularity, similarity or preference");
    if ((prefer && !are_texts(prefer)) || (unwanted && !are_texts(unwanted)))
        return err_set(LOREC_INPUT, "rank's \"prefer\" and \"unwanted\" are lists of titles");
    return LOREC_OK;
}

static lorec_err check_input(const agent_step *s)
{
    const char *name = agent_tool_names[s->tool];
    switch (s->tool) {
    case TOOL_LOOK_UP:
    case TOOL_HARD_FILTER:
        return json_is_string(s->input) ? LOREC_OK : err_set(LOREC_INPUT, "the input of %s is a text", name);
    case TOOL_CANDIDATES:
    case TOOL_SOFT_FILTER:
        return are_texts(s->input) && json_array_size(s->input)
                   ? LOREC_OK
                   : err_set(LOREC_INPUT, "the input of %s is a list of titles", name);
    case TOOL_RANK:
        return check_rank(s->input);
    default:
        return json_is_integer(s->input) && json_integer_value(s->input) > 0 && json_integer_value(s->input) <= 20
                   ? LOREC_OK
                   : err_set(LOREC_INPUT, "the input of map is a number from 1 to 20");
    }
}

static lorec_err check_order(const agent_plan *p)
{
    agent_tool last = TOOL_LOOK_UP;
    for (size_t i = 0; i < p->n; i++) {
        agent_tool now = p->step[i].tool;
        if (now == TOOL_LOOK_UP) continue;
        if (now <= last && last != TOOL_LOOK_UP)
            return err_set(LOREC_INPUT, "%s can not follow %s", agent_tool_names[now], agent_tool_names[last]);
        last = now;
    }
    if (last == TOOL_MAP && p->step[p->n - 1].tool == TOOL_MAP) return LOREC_OK;
    return err_set(LOREC_INPUT, "the last step has to be map");
}

static lorec_err read_steps(agent_plan *p)
{
    if (!json_is_array(p->json) || json_array_size(p->json) == 0)
        return err_set(LOREC_INPUT, "it is no JSON list of steps");
    if (json_array_size(p->json) > AGENT_STEPS)
        return err_set(LOREC_INPUT, "it has %zu steps and may have %d", json_array_size(p->json), AGENT_STEPS);
    for (size_t i = 0; i < json_array_size(p->json); i++) {
        const json_t *one = json_array_get(p->json, i);
        agent_step *s = &p->step[p->n++];
        if (!find_tool(json_string_value(json_object_get(one, "tool")), &s->tool))
            return err_set(LOREC_INPUT, "step %zu names no tool that there is", i + 1);
        s->input = json_object_get(one, "input");
        TRY(check_input(s));
    }
    return check_order(p);
}

lorec_err agent_plan_read(agent_plan *p, const char *text, size_t n, reply_counts *repairs)
{
    *p = (agent_plan){0};
    TRY(reply_json(text, n, &p->json, repairs));
    lorec_err e = p->json ? read_steps(p) : err_set(LOREC_INPUT, "there is no JSON in it");
    if (e) agent_plan_free(p);
    return e;
}

void agent_plan_free(agent_plan *p)
{
    json_decref(p->json);
    *p = (agent_plan){0};
}

/* The one JSON object of a leaderboard. Its words are a contract: "schema" counts changes of it. */
#include <math.h>

#include "eval/leaderboard.h"
#include "eval/report_json.h"

static json_t *range(interval ci)
{
    return json_pack("[o, o]", number_json(ci.low), number_json(ci.high));
}

static json_t *strings(const leaderboard *b)
{
    json_t *list = json_array();
    for (size_t j = 0; j < b->n_metrics; j++) json_array_append_new(list, json_string(b->metrics[j].name));
    return list;
}

static json_t *metrics_json(const leaderboard *b, const result *r)
{
    json_t *o = json_object();
    for (size_t j = 0; r->mean && j < b->n_metrics; j++)
        json_object_set_new(o, b->metrics[j].name, number_json(r->mean[j]));
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(r->counts, "study"), name, value)
    {
        if (json_is_number(value)) json_object_set(o, name, value); /* lists and curves stay in the counts */
    }
    return o;
}

static json_t *ci_json(const leaderboard *b, const result *r)
{
    json_t *o = json_object();
    for (size_t j = 0; r->ci95 && j < b->n_metrics; j++)
        if (!isnan(r->ci95[j].low)) json_object_set_new(o, b->metrics[j].name, range(r->ci95[j]));
    return o;
}

static json_t *cost_json(const result *r)
{
    return json_pack("{s:o, s:o, s:o, s:I}", "train_s", number_json(r->train_s), "eval_s", number_json(r->eval_s),
                     "rss_mib", number_json(r->rss_mib), "llm_tokens", (json_int_t)r->llm_tokens);
}

static json_t *result_json(const leaderboard *b, const result *r)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:o, s:o, s:o, s:o, s:o}", "method", r->method, "role",
                     r->as == ROLE_CONTROL ? "control" : "method", "status", trial_status_words[r->status], "why",
                     r->why, "seed", (json_int_t)r->seed, "metrics", metrics_json(b, r), "ci95", ci_json(b, r), "cost",
                     cost_json(r), "counts", r->counts ? json_incref(r->counts) : json_object(), "options",
                     r->options ? json_incref(r->options) : json_object());
}

static json_t *versus_json(const leaderboard *b, const versus *v)
{
    json_t *o = json_object();
    for (size_t j = 0; j < b->n_metrics; j++) {
        if (isnan(v->of[j].delta)) continue;
        json_object_set_new(o, b->metrics[j].name,
                            json_pack("{s:o, s:o, s:o}", "delta", number_json(v->of[j].delta), "ci95",
                                      range(v->of[j].ci95), "p_holm", number_json(v->p_holm[j])));
    }
    return o;
}

static json_t *group_json(const leaderboard *b, size_t g)
{
    const group *m = &b->group[g];
    json_t *seeds = json_array(), *means = json_object(), *vs = json_object();
    for (size_t s = 0; s < m->n_seeds; s++) json_array_append_new(seeds, json_integer((json_int_t)m->seed[s]));
    for (size_t j = 0; m->n_seeds && j < b->n_metrics; j++)
        json_object_set_new(means, b->metrics[j].name,
                            json_pack("{s:o, s:o}", "mean", number_json(m->mean[j]), "sd", number_json(m->sd[j])));
    for (size_t i = 0; i < b->n_versus; i++)
        if (b->versus[i].method == g)
            json_object_set_new(vs, b->group[b->versus[i].control].method, versus_json(b, &b->versus[i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "method", m->method, "role",
                     m->as == ROLE_CONTROL ? "control" : "method", "seeds", seeds, "metrics", means, "vs", vs);
}

json_t *leaderboard_json(const leaderboard *b)
{
    json_t *results = json_array(), *summary = json_array();
    for (size_t i = 0; i < b->n; i++) json_array_append_new(results, result_json(b, &b->row[i]));
    for (size_t g = 0; g < b->n_groups; g++) json_array_append_new(summary, group_json(b, g));
    return json_pack("{s:i, s:O, s:O, s:o, s:o, s:o}", "schema", 1, "data", b->data, "protocol", b->protocol, "metrics",
                     strings(b), "results", results, "summary", summary);
}

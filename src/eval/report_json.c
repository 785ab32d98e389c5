#include "eval/report_json.h"

#include <math.h>

json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *protocol_json(const protocol *p, uint32_t users)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:b, s:s, s:f}", "id", p->id, "split", p->split->id, "candidates",
                          p->words, "users", (json_int_t)users, "seen_masked", !p->keep_seen, "ties", "expected",
                          "positive_rating", p->positive_rating);
    if (o && p->n_candidates) json_object_set_new(o, "seed", json_integer((json_int_t)p->seed));
    return o;
}

json_t *report_metrics_json(const report *r)
{
    json_t *o = json_object();
    for (size_t j = 0; j < r->n_metrics && o; j++) json_object_set_new(o, r->metrics[j].name, number_json(r->mean[j]));
    return o;
}

static bool has_values(const report *r, size_t j)
{
    for (size_t i = 0; i < r->n_users; i++)
        if (!isnan(r->value[i * r->n_metrics + j])) return true;
    return false;
}

lorec_err report_ci_json(json_t **out, const report *r, int draws, uint64_t seed)
{
    lorec_err e = LOREC_OK;
    *out = json_object();
    if (!*out) return err_set(LOREC_RESOURCE, "out of memory for intervals");
    for (size_t j = 0; j < r->n_metrics && !e; j++) {
        interval ci;
        if (!has_values(r, j)) continue;
        e = bootstrap_mean(&ci, r->value + j, r->n_users, r->n_metrics, draws, seed);
        json_t *both = e ? NULL : json_pack("[o, o]", number_json(ci.low), number_json(ci.high));
        if (!e && (!both || json_object_set_new(*out, r->metrics[j].name, both)))
            e = err_set(LOREC_RESOURCE, "out of memory for intervals");
    }
    if (e) {
        json_decref(*out);
        *out = NULL;
    }
    return e;
}

json_t *report_counts_json(const report *r)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"users_without_target", r->users_without_target},
        {"repeated_targets", r->repeated_targets},
        {"nan_scores", r->nan_scores},
        {"targets_not_in_slate", r->targets_not_in_slate},
        {"missing_users", r->missing_users},
        {"unasked_users", r->unasked_users},
        {"dropped_items", r->dropped_items},
        {"invalid_items", r->invalid_items},
        {"pairs", r->pairs},
    };
    json_t *o = json_object();
    for (size_t i = 0; i < sizeof counts / sizeof *counts && o; i++)
        if (counts[i].count) json_object_set_new(o, counts[i].name, json_integer((json_int_t)counts[i].count));
    if (o && r->targets_not_in_slate) json_object_set_new(o, "candidate_recall", number_json(r->candidate_recall));
    return o;
}

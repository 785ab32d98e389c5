/* report_json.h: protocols and reports as the trees that `--json`, run folders and the HTML report are made of.
 *
 *     json_t *o = json_pack("{s:o, s:o}", "protocol", protocol_json(&p, r.n_users), "metrics", report_metrics_json(&r));
 *
 * Numbers that are none (NaN) are null. NULL: out of memory.
 *
 * Ownership: trees are the caller's. */
#ifndef LOREC_EVAL_REPORT_JSON_H
#define LOREC_EVAL_REPORT_JSON_H

#include "base/json.h"
#include "eval/evaluate.h"
#include "eval/stats.h"

json_t *protocol_json(const protocol *p,
                      uint32_t users);        /* {"id","split","candidates","users","seen_masked","ties" ...} */
json_t *report_metrics_json(const report *r); /* {"recall@10": 0.08, ...} */
/* {"ndcg@10": [low, high]} of the metrics that have a value a user. */
lorec_err report_ci_json(json_t **out, const report *r, int draws, uint64_t seed);
json_t *report_counts_json(const report *r); /* what was left out, dropped, missing; zeros are not told */
json_t *number_json(double value);

#endif

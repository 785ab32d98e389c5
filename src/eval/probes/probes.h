/* probes.h: what the probes share: rows of findings and the questions of the test part.
 *
 *     probe_finding *f;
 *     TRY(probe_add(out, "repeats", &f));
 *     f->value = ...; probe_judge(f);
 *
 * Ownership: rows belong to the findings; a row's address holds until the next probe_add. */
#ifndef LOREC_EVAL_PROBES_PROBES_H
#define LOREC_EVAL_PROBES_PROBES_H

#include "eval/probe.h"

/* One probe: adds its row (or rows). */
typedef lorec_err (*probe_fn)(probe_findings *out, const probe_request *q);
lorec_err probe_ids(probe_findings *out, const probe_request *q);
lorec_err probe_repeats(probe_findings *out, const probe_request *q);
lorec_err probe_time(probe_findings *out, const probe_request *q);
lorec_err probe_places(probe_findings *out, const probe_request *q);
lorec_err probe_memory(probe_findings *out, const probe_request *q);

/* A row whose probe, measures, advice and limit come from the table in probe.c. */
lorec_err probe_add(probe_findings *out, const char *probe, probe_finding **row);
lorec_err probe_skip(probe_findings *out, const char *probe, const char *why);
/* Flagged where the value is above the limit and p (unless NaN) below 1 / PROBE_SURE. */
void probe_judge(probe_finding *f);
/* The chance of `hits` and more among n questions of which each succeeds with `chance` (normal tail with a continuity
 * correction; exact enough for p around .001 from ten expected hits on, and too large, thus careful, below). */
double probe_binomial(double hits, double n, double chance);

#endif

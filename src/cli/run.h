/* run.h: a run from settings, for `lorec run` and for the best settings that `lorec tune` found.
 *
 *     TRY(run_settings(&settings, "runs/first", false, true));
 *
 * Ownership: the settings are only read. */
#ifndef LOREC_CLI_RUN_H
#define LOREC_CLI_RUN_H

#include "runs/settings.h"

/* out NULL: a folder named by date, method, data and hash. With `json` stdout gets the one object, otherwise a table. */
lorec_err run_settings(const settings *s, const char *out, bool resume, bool json);

#endif

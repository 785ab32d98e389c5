/* eval_run.h: lists made elsewhere as rows of a run's table.
 *
 *     TRY(eval_into_run("runs/first", lists, names, n, false));     // RUN/results/NAME-0, and RUN/result.json anew
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_CLI_EVAL_RUN_H
#define LOREC_CLI_EVAL_RUN_H

#include "cli/args.h"

/* names[i] is what row i is called; without one it is the file's name. Measured under the run's own protocol, on the
 * data kept in the run. */
lorec_err eval_into_run(const char *run, const text_list *lists, const text_list *names, bool json);

#endif

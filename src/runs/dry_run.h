/* dry_run.h: what a run would take, said before it begins.
 *
 *     TRY(dry_run(&settings, NULL, &list));         // [{"method": "llmrank", "calls": 300, ..., "text": "300 calls, ..."}]
 *     dry_run_tell(&bench, &entry);      // one line in the log, where a language model would be asked
 *
 * A first stage (--eval sasrec@20) is not trained: as many drawn candidates stand for its lists, and it is rehearsed itself.
 *
 * Ownership: the list is the caller's. */
#ifndef LOREC_RUNS_DRY_RUN_H
#define LOREC_RUNS_DRY_RUN_H

#include "base/json.h"
#include "runs/entries.h"
#include "runs/workbench.h"

lorec_err dry_run(const settings *s, const dataset *given, json_t **list);
void dry_run_tell(const workbench *w, const entry *en);

#endif

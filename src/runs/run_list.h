/* run_list.h: the run folders that stand beside given ones: what a leaderboard is made of, and what is being trained.
 *
 *     run_list l = {0};
 *     TRY(run_list_beside(&l, "runs/first"));          // runs/first, runs/second ...: folders with a config.json
 *     for (size_t i = 0; i < l.n; i++) use(l.path[i]);
 *     run_list_free(&l);
 *
 * Ownership: a list owns its texts. */
#ifndef LOREC_RUNS_RUN_LIST_H
#define LOREC_RUNS_RUN_LIST_H

#include "base/json.h"

typedef struct run_list {
    char **path;
    size_t n, cap;
} run_list;

lorec_err run_list_add(run_list *l, const char *run);    /* each once; without a slash at its end */
lorec_err run_list_beside(run_list *l, const char *run); /* the run first, then its neighbours by name */
bool run_list_has(const run_list *l, slice path);
void run_list_free(run_list *l);

/* {"run","methods","data","finished","quiet_s"}: what its settings say, and how long ago it last wrote a word. */
json_t *run_summary(const char *path);
/* The lines of metrics.jsonl from number `from` on, as a list; *next is the number of the line that comes then. */
lorec_err run_metrics(const char *path, int64_t from, json_t **out, int64_t *next);
/* The last n lines of log.txt, as a list of texts. */
lorec_err run_log(const char *path, size_t n, json_t **out);

#endif

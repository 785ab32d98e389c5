/* entries.h: what is run: the methods asked for, and the controls that stand beside them, each with its options.
 *
 *     entries list = {0};
 *     TRY(entries_plan(&list, &settings));             // wrong methods and options are told here, before any work
 *     use(list.at[i].r, list.at[i].set)
 *     entries_free(&list);
 *
 * Ownership: a list owns its option texts until entries_free; recommenders are rows of the registry. */
#ifndef LOREC_RUNS_ENTRIES_H
#define LOREC_RUNS_ENTRIES_H

#include "eval/leaderboard.h"
#include "runs/settings.h"

typedef struct entry {
    const recommender *r;
    char name[96]; /* in the table and in the run folder: the key, or "kar:knowledge=none" of a control that is a method
                    * with other options */
    role as;       /* a control that was asked for is ROLE_BOTH */
    text_list set; /* "name=value" */
    bool fast; /* the settings of --fast: never of another's method that stands beside as a control, for a rule that is
                    * to be beaten is not to be trained less; a method's own variant is what it stands beside */
} entry;
typedef struct entries {
    entry *at;
    size_t n, cap;
} entries;

lorec_err entries_plan(entries *list, const settings *s);
lorec_err entries_add(entries *list, const settings *s, const recommender *r, role as); /* unless it is there */
/* The recommenders alone, in order; to mem_free. */
lorec_err entries_methods(const entries *list, const recommender ***methods);
void entries_free(entries *list);

#endif

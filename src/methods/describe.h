/* describe.h: methods as data: what `lorec methods --json` prints and Python lists.
 *
 *     json_t *all = methods_json(NULL, 0);      // every row of the registry; NULL: out of memory
 *
 * Ownership: the tree is the caller's. */
#ifndef LOREC_METHODS_DESCRIBE_H
#define LOREC_METHODS_DESCRIBE_H

#include "base/json.h"
#include "methods/registry.h"

enum { METHOD_TASKS = 5, METHOD_NEEDS = 7 };
extern const char *const method_task_words[METHOD_TASKS], *const method_need_words[METHOD_NEEDS]; /* by bit */

json_t *methods_json(const recommender *const *list, size_t n); /* list NULL: all */

#endif

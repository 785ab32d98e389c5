/* registry.h: every recommender by key. Adding one is its file (rec/) or folder (methods/) and one row in registry.c.
 *
 *     const recommender *r = registry_find("sasrec");       // NULL: none
 *     for (size_t i = 0; i < registry_count(); i++) puts(registry_at(i)->key);
 *
 * Ownership: rows are static. */
#ifndef LOREC_METHODS_REGISTRY_H
#define LOREC_METHODS_REGISTRY_H

#include "rec/recommender.h"

const recommender *registry_find(const char *key);
lorec_err registry_need(const char *key, const recommender **out); /* LOREC_USAGE with the nearest key */
size_t registry_count(void);
const recommender *registry_at(size_t i);

#endif

/* schema.h: the steps from no schema to this version's, forward only.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_STORE_SCHEMA_H
#define LOREC_STORE_SCHEMA_H

#include "store/sql.h"

/* In one transaction, one process at a time. LOREC_INPUT where the store was made by a newer lorec. */
lorec_err schema_migrate(sql *db);

#endif

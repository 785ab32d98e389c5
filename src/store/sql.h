/* sql.h: one connection to SQLite or PostgreSQL behind the few calls that lorec makes, with one SQL text for both.
 *
 *     sql *db;
 *     TRY(sql_open(&db, "sqlite:state.db"));                     // or "postgresql://host/name"
 *     TRY(sql_begin(db));
 *     TRY(sql_run(db, "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING",
 *                 (sql_value[]){sql_int(3), sql_text(slice_of("x"))}, 2, NULL, NULL));
 *     TRY(sql_commit(db));
 *     TRY(sql_run(db, "SELECT a, b FROM t WHERE a > $1", &(sql_value){...}, 1, each_row, ctx));
 *     sql_close(db);
 *
 * Texts keep to what both understand: $1 .. $n, ON CONFLICT, RETURNING, BIGINT, DOUBLE PRECISION, TEXT; "{SERIAL}" in a
 * CREATE TABLE is the backend's own growing key. A busy or locked database is waited for; a dropped PostgreSQL
 * connection is made again once, outside of transactions.
 *
 * Ownership: a connection belongs to one thread at a time. Values given to a row callback live until it returns. */
#ifndef LOREC_STORE_SQL_H
#define LOREC_STORE_SQL_H

#include <stdbool.h>

#include "base/str.h"

typedef enum sql_kind { SQL_NULL, SQL_INT, SQL_REAL, SQL_TEXT } sql_kind;
typedef struct sql_value {
    sql_kind kind;
    int64_t i;
    double r;
    slice t;
} sql_value;
static inline sql_value sql_int(int64_t i)
{
    return (sql_value){.kind = SQL_INT, .i = i};
}
static inline sql_value sql_real(double r)
{
    return (sql_value){.kind = SQL_REAL, .r = r};
}
static inline sql_value sql_text(slice t)
{
    return (sql_value){.kind = SQL_TEXT, .t = t};
}
static inline sql_value sql_null(void)
{
    return (sql_value){.kind = SQL_NULL};
}

typedef struct sql sql;
/* Once a row; an error ends the statement and is sql_run's. */
typedef lorec_err (*sql_row)(void *ctx, const sql_value *column, int n);

/* "sqlite:FILE" (made where it is absent; WAL, full sync), "sqlite::memory:", "postgresql://..." or "postgres://...".
 * LOREC_INPUT: no such form, not a database; LOREC_RESOURCE: cannot be reached or written. Passwords are not in messages. */
lorec_err sql_open(sql **out, const char *url);
void sql_close(sql *db);
lorec_err sql_run(sql *db, const char *text, const sql_value *arg, int n, sql_row each, void *ctx);
int64_t sql_changed(const sql *db); /* rows that the last statement inserted, updated or deleted */
lorec_err sql_begin(sql *db);       /* to write: other writers wait */
lorec_err sql_commit(sql *db);
void sql_rollback(sql *db);
bool sql_shared(const sql *db); /* may other processes write to it while we do? (PostgreSQL) */

/* How a backend is written: one file, one row in sql.c. */
typedef struct sql_backend {
    const char *scheme; /* "sqlite:" */
    const char *serial; /* what stands for {SERIAL} */
    bool shared;
    lorec_err (*open)(void **self, const char *url);
    void (*close)(void *self);
    lorec_err (*run)(void *self, const char *text, const sql_value *arg, int n, sql_row each, void *ctx,
                     int64_t *changed);
    const char *begin;
} sql_backend;

#endif

/* PostgreSQL by libpq, values as text; writers take turns by an advisory lock, so that the growing key of a table grows
 * in the order in which commits become visible (a reader that asks for "all after n" then misses nothing). */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/sql.h"

enum { ARGS = 32, COLUMNS = 32, NUMBER = 40 };
enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_FLOAT4 = 700, OID_FLOAT8 = 701 };

typedef struct postgres_db {
    PGconn *db;
} postgres_db;

static slice first_line(const char *text)
{
    slice rest = slice_of(text ? text : "");
    return slice_trim(slice_cut(&rest, '\n'));
}

static lorec_err fault(const postgres_db *s, const PGresult *r, const char *text)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    slice line = first_line(r ? PQresultErrorMessage(r) : PQerrorMessage(s->db));
    /* 08: connection, 40: serialisation, 53: resources, 55: locked, 57: shut down */
    bool resource = !state || !strncmp(state, "08", 2) || !strncmp(state, "40", 2) || !strncmp(state, "53", 2) ||
                    !strncmp(state, "55", 2) || !strncmp(state, "57", 2);
    return err_set(resource ? LOREC_RESOURCE : LOREC_INPUT, "postgresql: %.*s%s%.60s", (int)line.n, line.p,
                   text ? ", at " : "", text ? text : "");
}

static void postgres_close(void *self)
{
    postgres_db *s = self;
    PQfinish(s->db);
    mem_free(s);
}

static void quiet(void *ctx, const PGresult *r)
{
    (void)ctx;
    (void)r;
}

static lorec_err postgres_open(void **self, const char *url)
{
    postgres_db *s;
    TRY(mem_new(&s, 1));
    s->db = PQconnectdb(url);
    lorec_err e = LOREC_OK;
    if (!s->db)
        e = err_set(LOREC_RESOURCE, "out of memory for a PostgreSQL connection");
    else if (PQstatus(s->db) != CONNECTION_OK)
        e = fault(s, NULL, NULL);
    else if (PQsetClientEncoding(s->db, "UTF8"))
        e = fault(s, NULL, "client encoding");
    if (e) {
        postgres_close(s);
        return e;
    }
    PQsetNoticeReceiver(s->db, quiet, NULL);
    *self = s;
    return LOREC_OK;
}

/* One value as libpq wants it: NUL-terminated text, in `room` or in an allocation that *own remembers. */
static lorec_err as_text(const sql_value *v, char room[NUMBER], char **own, const char **out)
{
    *own = NULL;
    *out = NULL;
    switch (v->kind) {
    case SQL_INT:
        snprintf(room, NUMBER, "%lld", (long long)v->i);
        *out = room;
        return LOREC_OK;
    case SQL_REAL:
        snprintf(room, NUMBER, "%.17g", v->r);
        *out = room;
        return LOREC_OK;
    case SQL_TEXT:
        if (v->t.n && memchr(v->t.p, 0, v->t.n))
            return err_set(LOREC_INPUT, "a text with a NUL byte cannot be stored in PostgreSQL");
        TRY(mem_new(own, v->t.n + 1));
        if (v->t.n) memcpy(*own, v->t.p, v->t.n);
        *out = *own;
        return LOREC_OK;
    case SQL_NULL:
        break;
    }
    return LOREC_OK;
}

static sql_value column(const PGresult *r, int row, int at)
{
    if (PQgetisnull(r, row, at)) return sql_null();
    const char *text = PQgetvalue(r, row, at);
    switch (PQftype(r, at)) {
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        return sql_int(strtoll(text, NULL, 10));
    case OID_BOOL:
        return sql_int(text[0] == 't');
    case OID_FLOAT4:
    case OID_FLOAT8:
        return sql_real(strtod(text, NULL));
    default:
        return sql_text((slice){text, (size_t)PQgetlength(r, row, at)});
    }
}

static lorec_err rows_of(const PGresult *r, sql_row each, void *ctx)
{
    sql_value v[COLUMNS];
    int n = PQnfields(r) < COLUMNS ? PQnfields(r) : COLUMNS;
    for (int row = 0; row < PQntuples(r); row++) {
        for (int i = 0; i < n; i++) v[i] = column(r, row, i);
        TRY(each(ctx, v, n));
    }
    return LOREC_OK;
}

static lorec_err execute(postgres_db *s, const char *text, const char *const *value, int n, sql_row each, void *ctx,
                         int64_t *changed)
{
    PGresult *r = PQexecParams(s->db, text, n, NULL, value, NULL, NULL, 0);
    if (PQstatus(s->db) == CONNECTION_BAD && PQtransactionStatus(s->db) != PQTRANS_INTRANS) {
        PQclear(r); /* the server went away between two statements: once more over a new connection */
        PQreset(s->db);
        r = PQexecParams(s->db, text, n, NULL, value, NULL, NULL, 0);
    }
    ExecStatusType status = PQresultStatus(r);
    lorec_err e = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? LOREC_OK : fault(s, r, text);
    if (!e) *changed = strtoll(PQcmdTuples(r), NULL, 10);
    if (!e && each) e = rows_of(r, each, ctx);
    PQclear(r);
    return e;
}

static lorec_err postgres_run(void *self, const char *text, const sql_value *arg, int n, sql_row each, void *ctx,
                              int64_t *changed)
{
    if (n > ARGS) return err_set(LOREC_USAGE, "%d values for one statement, at most %d", n, ARGS);
    char room[ARGS][NUMBER], *own[ARGS] = {0};
    const char *value[ARGS];
    lorec_err e = LOREC_OK;
    for (int i = 0; i < n && !e; i++) e = as_text(&arg[i], room[i], &own[i], &value[i]);
    if (!e) e = execute(self, text, value, n, each, ctx, changed);
    for (int i = 0; i < n; i++) mem_free(own[i]);
    return e;
}

static const char begin[] = "BEGIN; SELECT pg_advisory_xact_lock(7823417)";

/* BEGIN and the lock are two commands, which PQexecParams does not take: this text alone goes by the simple protocol. */
static lorec_err postgres_run_any(void *self, const char *text, const sql_value *arg, int n, sql_row each, void *ctx,
                                  int64_t *changed)
{
    postgres_db *s = self;
    if (strcmp(text, begin) != 0) return postgres_run(self, text, arg, n, each, ctx, changed);
    if (PQstatus(s->db) == CONNECTION_BAD) PQreset(s->db);
    PGresult *r = PQexec(s->db, text);
    if (PQstatus(s->db) == CONNECTION_BAD) {
        PQclear(r);
        PQreset(s->db);
        r = PQexec(s->db, text);
    }
    lorec_err e = PQresultStatus(r) == PGRES_TUPLES_OK ? LOREC_OK : fault(s, r, "BEGIN");
    PQclear(r);
    return e;
}

#define POSTGRES(scheme_)                                                                                              \
    {                                                                                                                  \
        .scheme = scheme_, .serial = "BIGSERIAL PRIMARY KEY", .shared = true, .open = postgres_open,                   \
        .close = postgres_close, .run = postgres_run_any, .begin = begin                                               \
    }
const sql_backend sql_postgresql = POSTGRES("postgresql://");
const sql_backend sql_postgres = POSTGRES("postgres://");

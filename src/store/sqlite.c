/* SQLite: write-ahead log, every commit synced, statements kept prepared. */
#include <sqlite3.h>
#include <stdio.h>

#include "base/mem.h"
#include "store/sql.h"

enum { KEPT = 64, BUSY_MS = 10000 };

typedef struct kept_statement {
    const char *text; /* the caller's literal: compared by address first, then by content */
    char *copy;
    sqlite3_stmt *stmt;
} kept_statement;

typedef struct sqlite_db {
    sqlite3 *db;
    kept_statement kept[KEPT];
    size_t n, next; /* next: which is given up when all are taken */
    char *path;
} sqlite_db;

static lorec_err fault(const sqlite_db *s, int rc, const char *text)
{
    int kind = rc & 0xff;
    bool resource = kind == SQLITE_FULL || kind == SQLITE_IOERR || kind == SQLITE_NOMEM || kind == SQLITE_READONLY ||
                    kind == SQLITE_CANTOPEN || kind == SQLITE_BUSY || kind == SQLITE_LOCKED || kind == SQLITE_PERM;
    const char *remedy = kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT
                             ? "; it is damaged or no SQLite database: move it away or name another"
                             : "";
    return err_set(resource ? LOREC_RESOURCE : LOREC_INPUT, "sqlite:%s: %s%s%s%.60s", s->path ? s->path : "",
                   s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc), remedy, text ? ", at " : "", text ? text : "");
}

static void sqlite_close_db(void *self)
{
    sqlite_db *s = self;
    for (size_t i = 0; i < s->n; i++) {
        sqlite3_finalize(s->kept[i].stmt);
        mem_free(s->kept[i].copy);
    }
    sqlite3_close(s->db);
    mem_free(s->path);
    mem_free(s);
}

static lorec_err pragmas(sqlite_db *s)
{
    static const char *const words[] = {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON",
                                        "PRAGMA trusted_schema=OFF"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        int rc = sqlite3_exec(s->db, words[i], NULL, NULL, NULL);
        if (rc != SQLITE_OK) return fault(s, rc, words[i]);
    }
    return LOREC_OK;
}

static lorec_err sqlite_open_db(void **self, const char *url)
{
    sqlite_db *s;
    TRY(mem_new(&s, 1));
    lorec_err e = mem_dup(&s->path, url + strlen("sqlite:"));
    if (!e) {
        int rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                 NULL);
        if (rc != SQLITE_OK) e = fault(s, rc, NULL);
    }
    if (!e) sqlite3_busy_timeout(s->db, BUSY_MS);
    if (!e) e = pragmas(s);
    if (e)
        sqlite_close_db(s);
    else
        *self = s;
    return e;
}

/* The statement, prepared now or earlier. */
static lorec_err prepared(sqlite_db *s, const char *text, sqlite3_stmt **out)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->kept[i].text == text && strcmp(s->kept[i].copy, text) == 0) return *out = s->kept[i].stmt, LOREC_OK;
    int rc = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (rc != SQLITE_OK) return fault(s, rc, text);
    char *copy;
    lorec_err e = mem_dup(&copy, text);
    if (e) {
        sqlite3_finalize(*out);
        return e;
    }
    size_t at = s->n < KEPT ? s->n++ : s->next++ % KEPT;
    if (s->kept[at].stmt) sqlite3_finalize(s->kept[at].stmt);
    mem_free(s->kept[at].copy);
    s->kept[at] = (kept_statement){text, copy, *out};
    return LOREC_OK;
}

static int bind_one(sqlite3_stmt *stmt, int at, const sql_value *v)
{
    switch (v->kind) {
    case SQL_INT:
        return sqlite3_bind_int64(stmt, at, v->i);
    case SQL_REAL:
        return sqlite3_bind_double(stmt, at, v->r);
    case SQL_TEXT:
        return sqlite3_bind_text64(stmt, at, v->t.p ? v->t.p : "", v->t.n, SQLITE_STATIC, SQLITE_UTF8);
    case SQL_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, at);
}

static lorec_err bind_all(sqlite_db *s, sqlite3_stmt *stmt, const char *text, const sql_value *arg, int n)
{
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%d", i + 1);
        int at = sqlite3_bind_parameter_index(stmt, name);
        if (at == 0) return err_set(LOREC_USAGE, "a statement without %s was given %d values: %.60s", name, n, text);
        int rc = bind_one(stmt, at, &arg[i]);
        if (rc != SQLITE_OK) return fault(s, rc, text);
    }
    return LOREC_OK;
}

static sql_value column(sqlite3_stmt *stmt, int at)
{
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
        return sql_int(sqlite3_column_int64(stmt, at));
    case SQLITE_FLOAT:
        return sql_real(sqlite3_column_double(stmt, at));
    case SQLITE_NULL:
        return sql_null();
    default: {
        const char *p = (const char *)sqlite3_column_text(stmt, at);
        return sql_text((slice){p ? p : "", (size_t)sqlite3_column_bytes(stmt, at)});
    }
    }
}

enum { COLUMNS = 32 };
static lorec_err step_all(sqlite_db *s, sqlite3_stmt *stmt, const char *text, sql_row each, void *ctx)
{
    sql_value row[COLUMNS];
    for (;;) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE) return LOREC_OK;
        if (rc != SQLITE_ROW) return fault(s, rc, text);
        int n = sqlite3_column_count(stmt);
        for (int i = 0; i < n && i < COLUMNS; i++) row[i] = column(stmt, i);
        if (each) TRY(each(ctx, row, n < COLUMNS ? n : COLUMNS));
    }
}

static lorec_err sqlite_run(void *self, const char *text, const sql_value *arg, int n, sql_row each, void *ctx,
                            int64_t *changed)
{
    sqlite_db *s = self;
    sqlite3_stmt *stmt;
    TRY(prepared(s, text, &stmt));
    lorec_err e = bind_all(s, stmt, text, arg, n);
    if (!e) e = step_all(s, stmt, text, each, ctx);
    *changed = sqlite3_changes64(s->db);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return e;
}

const sql_backend sql_sqlite = {.scheme = "sqlite:",
                                .serial = "INTEGER PRIMARY KEY AUTOINCREMENT",
                                .shared = false,
                                .open = sqlite_open_db,
                                .close = sqlite_close_db,
                                .run = sqlite_run,
                                .begin = "BEGIN IMMEDIATE"};

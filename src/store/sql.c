#include "store/sql.h"

#include "base/mem.h"

extern const sql_backend sql_sqlite, sql_postgresql, sql_postgres;
static const sql_backend *const backends[] = {&sql_sqlite, &sql_postgresql, &sql_postgres};

struct sql {
    const sql_backend *backend;
    void *self;
    int64_t changed;
};

lorec_err sql_open(sql **out, const char *url)
{
    *out = NULL;
    const sql_backend *backend = NULL;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strncmp(url, backends[i]->scheme, strlen(backends[i]->scheme)) == 0) backend = backends[i];
    if (!backend) return err_set(LOREC_USAGE, "a store is \"sqlite:FILE\" or \"postgresql://...\", not \"%.40s\"", url);
    sql *db;
    TRY(mem_new(&db, 1));
    db->backend = backend;
    lorec_err e = backend->open(&db->self, url);
    if (e)
        mem_free(db);
    else
        *out = db;
    return e;
}

void sql_close(sql *db)
{
    if (!db) return;
    db->backend->close(db->self);
    mem_free(db);
}

/* {SERIAL} in the backend's words. */
static lorec_err in_dialect(buf *out, const sql_backend *b, const char *text)
{
    slice rest = slice_of(text);
    const char *mark;
    while ((mark = memmem(rest.p, rest.n, "{SERIAL}", 8))) {
        size_t before = (size_t)(mark - rest.p);
        TRY(buf_add(out, rest.p, before));
        TRY(buf_puts(out, b->serial));
        rest = (slice){mark + 8, rest.n - before - 8};
    }
    return buf_add(out, rest.p, rest.n);
}

lorec_err sql_run(sql *db, const char *text, const sql_value *arg, int n, sql_row each, void *ctx)
{
    if (!strstr(text, "{SERIAL}")) return db->backend->run(db->self, text, arg, n, each, ctx, &db->changed);
    buf own = {0};
    lorec_err e = in_dialect(&own, db->backend, text);
    if (!e) e = db->backend->run(db->self, own.p, arg, n, each, ctx, &db->changed);
    buf_free(&own);
    return e;
}

int64_t sql_changed(const sql *db)
{
    return db->changed;
}

bool sql_shared(const sql *db)
{
    return db->backend->shared;
}

lorec_err sql_begin(sql *db)
{
    return sql_run(db, db->backend->begin, NULL, 0, NULL, NULL);
}

lorec_err sql_commit(sql *db)
{
    return sql_run(db, "COMMIT", NULL, 0, NULL, NULL);
}

void sql_rollback(sql *db)
{
    (void)sql_run(db, "ROLLBACK", NULL, 0, NULL, NULL); /* there may be no transaction any more */
}

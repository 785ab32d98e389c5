#include "store/schema.h"

#include <stdio.h>

/* A step is never changed once it was released; a new version is a new row. */
static const char *const step_1[] = {
    "CREATE TABLE users (user_id TEXT PRIMARY KEY, labels TEXT NOT NULL, comment TEXT NOT NULL)",
    "CREATE TABLE items (item_id TEXT PRIMARY KEY, hidden BIGINT NOT NULL, categories TEXT NOT NULL, time BIGINT NOT "
    "NULL, labels TEXT NOT NULL, title TEXT NOT NULL, comment TEXT NOT NULL)",
    "CREATE TABLE events (seq {SERIAL}, event_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, user_id TEXT NOT NULL, "
    "item_id TEXT NOT NULL, value DOUBLE PRECISION NOT NULL, time BIGINT NOT NULL, comment TEXT NOT NULL, retract "
    "BIGINT NOT NULL)",
    "CREATE INDEX events_user ON events (user_id, seq)",
    "CREATE INDEX events_item ON events (item_id, seq)",
    "CREATE TABLE changes (seq {SERIAL}, kind TEXT NOT NULL, id TEXT NOT NULL)",
    "CREATE TABLE records (request_id TEXT PRIMARY KEY, time BIGINT NOT NULL, user_id TEXT NOT NULL, body TEXT NOT "
    "NULL)",
    "CREATE INDEX records_time ON records (time)",
    "CREATE INDEX records_user ON records (user_id)",
    NULL,
};
static const char *const step_2[] = {
    "CREATE INDEX events_time ON events (time)",
    NULL,
};
static const char *const *const steps[] = {step_1, step_2};
enum { VERSION = sizeof steps / sizeof *steps };

static lorec_err read_version(void *ctx, const sql_value *v, int n)
{
    (void)n;
    return slice_to_i64(v[0].t, ctx) ? LOREC_OK : err_set(LOREC_INPUT, "the store's schema_version is no number");
}

static lorec_err migrate(sql *db)
{
    int64_t version = 0;
    TRY(sql_run(db, "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)", NULL, 0, NULL,
                NULL));
    TRY(sql_run(db, "SELECT value FROM meta WHERE key = 'schema_version'", NULL, 0, read_version, &version));
    if (version > VERSION)
        return err_set(LOREC_INPUT,
                       "the store has schema version %lld, this lorec knows %d: use the newer lorec, or another store",
                       (long long)version, VERSION);
    if (version == VERSION) return LOREC_OK;
    for (int64_t i = version < 0 ? 0 : version; i < VERSION; i++)
        for (const char *const *text = steps[i]; *text; text++) TRY(sql_run(db, *text, NULL, 0, NULL, NULL));
    char now[16];
    snprintf(now, sizeof now, "%d", VERSION);
    sql_value value = sql_text(slice_of(now));
    return sql_run(
        db,
        "INSERT INTO meta (key, value) VALUES ('schema_version', $1) ON CONFLICT (key) DO UPDATE SET value = "
        "excluded.value",
        &value, 1, NULL, NULL);
}

lorec_err schema_migrate(sql *db)
{
    TRY(sql_begin(db));
    lorec_err e = migrate(db);
    if (!e) e = sql_commit(db);
    if (e) sql_rollback(db);
    return e;
}

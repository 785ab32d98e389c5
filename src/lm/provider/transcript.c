#include "lm/provider/transcript.h"

#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "text/loose_json.h"

struct transcript {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *find, *put;
};

enum { BUSY_MS = 10000, ANSWER_MAX = 1 << 28 };

static lorec_err bad(const transcript *t, int rc)
{
    const char *why = t->db ? sqlite3_errmsg(t->db) : sqlite3_errstr(rc);
    switch (rc & 0xFF) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
        return err_set(LOREC_INPUT, "%s: not a transcript, or a damaged one: %s", t->path, why);
    case SQLITE_CANTOPEN:
        return err_set(LOREC_INPUT, "%s: can not be opened: %s", t->path, why);
    default: /* full, read-only, busy, no memory */
        return err_set(LOREC_RESOURCE, "%s: %s", t->path, why);
    }
}

static lorec_err run(transcript *t, const char *sql)
{
    int rc = sqlite3_exec(t->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? LOREC_OK : bad(t, rc);
}

static lorec_err number(transcript *t, const char *sql, int64_t *out)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(t->db, sql, -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(s, 0);
    lorec_err e = rc == SQLITE_ROW ? LOREC_OK : bad(t, rc);
    sqlite3_finalize(s);
    return e;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS answer (key BLOB PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL,"
    " answer TEXT NOT NULL, seconds REAL NOT NULL, made TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID;"
    "PRAGMA application_id = 1280459604; PRAGMA user_version = 1;"
    "COMMIT;";

static lorec_err open_file(transcript *t, bool write)
{
    int rc = sqlite3_open_v2(t->path, &t->db, write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY,
                             NULL);
    if (rc != SQLITE_OK) return bad(t, rc);
    sqlite3_busy_timeout(t->db, BUSY_MS);
    sqlite3_limit(t->db, SQLITE_LIMIT_LENGTH, ANSWER_MAX);
    sqlite3_db_config(t->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(t->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(t->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(t->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    return run(t, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;");
}

/* A file in WAL mode on a medium that can not be written needs to be told that nobody else writes either. */
static lorec_err open_immutable(transcript *t)
{
    buf uri = {0};
    lorec_err e = buf_puts(&uri, "file:");
    for (const char *c = t->path; *c && !e; c++)
        e = *c == '?' || *c == '#' || *c == '%' ? buf_printf(&uri, "%%%02x", (unsigned char)*c) : buf_add(&uri, c, 1);
    if (!e) e = buf_puts(&uri, "?immutable=1");
    sqlite3_close(t->db);
    t->db = NULL;
    int rc = e ? SQLITE_NOMEM : sqlite3_open_v2(uri.p, &t->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    buf_free(&uri);
    return rc == SQLITE_OK ? LOREC_OK : bad(t, rc);
}

static lorec_err check(transcript *t, bool write)
{
    int64_t id = 0, version = 0, tables = 0;
    lorec_err e = number(t, "PRAGMA application_id", &id);
    if (e && !write) {
        TRY(open_immutable(t));
        e = number(t, "PRAGMA application_id", &id);
    }
    TRY(e);
    TRY(number(t, "PRAGMA user_version", &version));
    TRY(number(t, "SELECT count(*) FROM sqlite_schema", &tables));
    if (write && tables == 0) {
        TRY(run(t, "PRAGMA journal_mode = WAL;"));
        TRY(run(t, schema));
    } else if (id != LOREC_TRANSCRIPT) {
        return err_set(LOREC_INPUT, "%s: a database, but no transcript of lorec's", t->path);
    } else if (version > TRANSCRIPT_VERSION)
        return err_set(LOREC_INPUT, "%s: made by a newer lorec (form %lld; this one reads %d)", t->path,
                       (long long)version, TRANSCRIPT_VERSION);
    return write ? run(t, "PRAGMA synchronous = FULL;") : LOREC_OK;
}

static lorec_err statements(transcript *t, bool write)
{
    int rc = sqlite3_prepare_v2(t->db, "SELECT answer, seconds FROM answer WHERE key = ?", -1, &t->find, NULL);
    if (rc == SQLITE_OK && write)
        rc = sqlite3_prepare_v2(t->db,
                                "INSERT OR IGNORE INTO answer (key, model, request, answer, seconds) VALUES "
                                "(?, ?, ?, ?, ?)",
                                -1, &t->put, NULL);
    return rc == SQLITE_OK ? LOREC_OK : bad(t, rc);
}

lorec_err transcript_open(transcript **out, const char *path, bool write)
{
    transcript *t = NULL;
    *out = NULL;
    if (!write && !file_exists(path)) return err_set(LOREC_INPUT, "%s: there is no such transcript", path);
    TRY(mem_new(&t, 1));
    lorec_err e = mem_dup(&t->path, path);
    if (!e) e = open_file(t, write);
    if (!e) e = check(t, write);
    if (!e) e = statements(t, write);
    if (e) {
        transcript_close(t);
        return e;
    }
    *out = t;
    return LOREC_OK;
}

void transcript_close(transcript *t)
{
    if (!t) return;
    sqlite3_finalize(t->find);
    sqlite3_finalize(t->put);
    sqlite3_close(t->db);
    mem_free(t->path);
    mem_free(t);
}

/* ---- use ----------------------------------------------------------------------------------------------------------- */

lorec_err transcript_key(const json_t *request, unsigned char key[TRANSCRIPT_KEY], char **canonical)
{
    unsigned n = 0;
    char *text = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    if (!text) return err_set(LOREC_RESOURCE, "out of memory while a request was written");
    bool ok = EVP_Digest(text, strlen(text), key, &n, EVP_sha256(), NULL) == 1 && n == TRANSCRIPT_KEY;
    if (ok && canonical)
        *canonical = text; /* to be freed with free() */
    else
        free(text);
    return ok ? LOREC_OK : err_set(LOREC_FAILED, "sha256 failed");
}

lorec_err transcript_find(transcript *t, const unsigned char key[TRANSCRIPT_KEY], json_t **answer, double *seconds)
{
    *answer = NULL;
    sqlite3_bind_blob(t->find, 1, key, TRANSCRIPT_KEY, SQLITE_STATIC);
    int rc = sqlite3_step(t->find);
    lorec_err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? LOREC_OK : bad(t, rc);
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(t->find, 0);
        if (seconds) *seconds = sqlite3_column_double(t->find, 1);
        e = loose_json(answer, text ? text : "", text ? (size_t)sqlite3_column_bytes(t->find, 0) : 0, t->path, NULL);
    }
    sqlite3_reset(t->find);
    sqlite3_clear_bindings(t->find);
    return e;
}

lorec_err transcript_put(transcript *t, const unsigned char key[TRANSCRIPT_KEY], const char *model, const char *request,
                         const char *answer, double seconds)
{
    sqlite3_bind_blob(t->put, 1, key, TRANSCRIPT_KEY, SQLITE_STATIC);
    sqlite3_bind_text(t->put, 2, model, -1, SQLITE_STATIC);
    sqlite3_bind_text(t->put, 3, request, -1, SQLITE_STATIC);
    sqlite3_bind_text(t->put, 4, answer, -1, SQLITE_STATIC);
    sqlite3_bind_double(t->put, 5, seconds);
    int rc = sqlite3_step(t->put);
    lorec_err e = rc == SQLITE_DONE ? LOREC_OK : bad(t, rc);
    sqlite3_reset(t->put);
    sqlite3_clear_bindings(t->put);
    return e;
}

lorec_err transcript_count(transcript *t, int64_t *n)
{
    return number(t, "SELECT count(*) FROM answer", n);
}

lorec_err transcript_each(transcript *t, transcript_entry entry, void *ctx)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(t->db, "SELECT model, request, answer, seconds FROM answer ORDER BY key", -1, &s, NULL);
    lorec_err e = rc == SQLITE_OK ? LOREC_OK : bad(t, rc);
    while (!e && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *column[3];
        for (int i = 0; i < 3; i++) {
            column[i] = (const char *)sqlite3_column_text(s, i);
            if (!column[i]) column[i] = "";
        }
        e = entry(ctx, column[0], column[1], column[2], sqlite3_column_double(s, 3));
    }
    if (!e && rc != SQLITE_DONE) e = bad(t, rc);
    sqlite3_finalize(s);
    return e;
}

lorec_err transcript_model(transcript *t, char **model)
{
    sqlite3_stmt *s = NULL;
    *model = NULL;
    int rc = sqlite3_prepare_v2(t->db, "SELECT DISTINCT model FROM answer LIMIT 2", -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    lorec_err e = LOREC_OK;
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        e = mem_dup(model, text ? text : "");
        rc = sqlite3_step(s);
    }
    if (!e && rc == SQLITE_ROW)
        e = err_set(LOREC_USAGE, "%s: answers of several models; say whose: replay:%s#MODEL", t->path, t->path);
    else if (!e && rc != SQLITE_DONE)
        e = bad(t, rc);
    else if (!e && !*model)
        e = err_set(LOREC_INPUT, "%s: an empty transcript", t->path);
    sqlite3_finalize(s);
    if (e) {
        mem_free(*model);
        *model = NULL;
    }
    return e;
}

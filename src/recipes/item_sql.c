#include "recipes/item_sql.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum { STEPS_AT_ONCE = 1000, MOST_STEPS = 20000 }; /* 20 million instructions of SQLite's machine: seconds */

const char *const item_sql_columns = "id, title, categories, year, popularity";
static const char *const columns[] = {"id", "title", "categories", "year", "popularity"};

struct item_sql {
    sqlite3 *db;
    uint32_t n;
    int steps;
};

/* ---- making ---------------------------------------------------------------------------------------------------------------- */

/* "(1995)" at the end: 1995; otherwise 0. */
static int year_of(slice title)
{
    int year = 0;
    if (title.n < 6 || title.p[title.n - 1] != ')' || title.p[title.n - 6] != '(') return 0;
    for (size_t i = title.n - 5; i < title.n - 1; i++) {
        if (title.p[i] < '0' || title.p[i] > '9') return 0;
        year = 10 * year + (title.p[i] - '0');
    }
    return year;
}

static lorec_err failed(const item_sql *s)
{
    return err_set(LOREC_RESOURCE, "the catalogue's table: %s", s->db ? sqlite3_errmsg(s->db) : "out of memory");
}

static lorec_err fill(item_sql *s, const catalogue *c)
{
    sqlite3_stmt *row = NULL;
    if (sqlite3_exec(
            s->db,
            "CREATE TABLE items (id INTEGER PRIMARY KEY, title TEXT, categories TEXT, year INTEGER, popularity "
            "INTEGER); BEGIN",
            NULL, NULL, NULL) ||
        sqlite3_prepare_v2(s->db, "INSERT INTO items VALUES (?, ?, ?, ?, ?)", -1, &row, NULL))
        return failed(s);
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; i < c->n && !e; i++) {
        slice title = catalogue_title(c, i), kinds = catalogue_categories(c, i);
        int year = year_of(title);
        sqlite3_bind_int64(row, 1, i);
        sqlite3_bind_text64(row, 2, title.p, title.n, SQLITE_TRANSIENT, SQLITE_UTF8);
        sqlite3_bind_text64(row, 3, kinds.p, kinds.n, SQLITE_TRANSIENT, SQLITE_UTF8);
        if (year)
            sqlite3_bind_int(row, 4, year);
        else
            sqlite3_bind_null(row, 4);
        sqlite3_bind_int64(row, 5, c->popularity[i]);
        if (sqlite3_step(row) != SQLITE_DONE || sqlite3_reset(row)) e = failed(s);
    }
    sqlite3_finalize(row);
    if (!e && sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL)) e = failed(s);
    return e;
}

/* From here on: reading this table, and functions that compute. */
static int allow(void *ctx, int action, const char *a, const char *b, const char *db, const char *trigger)
{
    (void)ctx;
    (void)db;
    (void)trigger;
    if (action == SQLITE_SELECT) return SQLITE_OK;
    if (action == SQLITE_READ) return a && strcmp(a, "items") == 0 ? SQLITE_OK : SQLITE_DENY;
    if (action == SQLITE_FUNCTION) return b && strcmp(b, "load_extension") != 0 ? SQLITE_OK : SQLITE_DENY;
    return SQLITE_DENY;
}

static int watch(void *ctx)
{
    item_sql *s = ctx;
    return ++s->steps > MOST_STEPS;
}

lorec_err item_sql_open(item_sql **out, const catalogue *c)
{
    item_sql *s;
    *out = NULL;
    TRY(mem_new(&s, 1));
    s->n = c->n;
    lorec_err e = sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                  NULL)
                      ? failed(s)
                      : fill(s, c);
    if (!e) {
        sqlite3_set_authorizer(s->db, allow, NULL);
        sqlite3_progress_handler(s->db, STEPS_AT_ONCE, watch, s);
        sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, 1 << 20); /* of one value: no zeroblob(1e9) */
        *out = s;
    } else {
        item_sql_close(s);
    }
    return e;
}

void item_sql_close(item_sql *s)
{
    if (!s) return;
    sqlite3_close(s->db);
    mem_free(s);
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */

static bool blank(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r' || *p == ';') p++;
    return *p == 0;
}

static lorec_err prepare(item_sql *s, const buf *text, sqlite3_stmt **out)
{
    const char *rest = "";
    *out = NULL;
    s->steps = 0;
    if (sqlite3_prepare_v2(s->db, text->p, (int)text->n, out, &rest))
        return err_set(LOREC_INPUT, "the catalogue's table says: %s", sqlite3_errmsg(s->db));
    if (*out && blank(rest)) return LOREC_OK;
    sqlite3_finalize(*out);
    *out = NULL;
    return err_set(LOREC_INPUT, "one SELECT is allowed, not none and not several");
}

/* "no such column: genre" and the text: genre becomes the nearest column. False: nothing is to be mended. */
static bool mend(const char *message, const buf *text, buf *mended)
{
    const char *at = strstr(message, "no such column: ");
    if (!at) return false;
    at += strlen("no such column: ");
    const char *near = err_nearest(at, columns, sizeof columns / sizeof *columns), *found = strstr(text->p, at);
    if (!near && (strncmp(at, "genre", 5) == 0 || strncmp(at, "tag", 3) == 0)) near = "categories";
    if (!near || !found || !*at) return false;
    size_t before = (size_t)(found - text->p), n = strlen(at);
    buf_clear(mended);
    return !buf_add(mended, text->p, before) && !buf_puts(mended, near) &&
           !buf_add(mended, found + n, text->n - before - n);
}

static lorec_err prepare_mended(item_sql *s, const buf *text, sqlite3_stmt **out, int64_t *repairs)
{
    buf mended = {0};
    lorec_err e = prepare(s, text, out);
    if (e == LOREC_INPUT && mend(sqlite3_errmsg(s->db), text, &mended)) {
        e = prepare(s, &mended, out);
        if (!e && repairs) (*repairs)++;
    }
    buf_free(&mended);
    return e;
}

static lorec_err step(item_sql *s, sqlite3_stmt *q, bool *row)
{
    int code = sqlite3_step(q);
    *row = code == SQLITE_ROW;
    if (*row || code == SQLITE_DONE) return LOREC_OK;
    return err_set(LOREC_INPUT, "the catalogue's table says: %s",
                   code == SQLITE_INTERRUPT ? "this takes too long" : sqlite3_errmsg(s->db));
}

/* Is there a LIMIT, or a statement's end, outside of quotes? A condition brings neither. */
static bool has_end(slice text)
{
    char quote = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (quote)
            quote = text.p[i] == quote ? 0 : quote;
        else if (text.p[i] == '\'' || text.p[i] == '"')
            quote = text.p[i];
        else if (text.p[i] == ';' || text.p[i] == 0)
            return true;
    }
    return quote != 0;
}

lorec_err item_sql_where(item_sql *s, slice condition, uint32_t *items, size_t room, size_t *n, int64_t *repairs)
{
    buf text = {0};
    sqlite3_stmt *q = NULL;
    bool row = false;
    *n = 0;
    condition = slice_trim(condition);
    if (condition.n > 6 && strncasecmp(condition.p, "where ", 6) == 0) {
        condition.p += 6;
        condition.n -= 6;
    }
    if (!condition.n || condition.n > 4096 || has_end(condition))
        return err_set(LOREC_INPUT, "a condition is what follows WHERE, of at most 4096 bytes, without a semicolon");
    lorec_err e = buf_puts(&text, "SELECT id FROM items WHERE ");
    if (!e) e = buf_add(&text, condition.p, condition.n);
    if (!e) e = prepare_mended(s, &text, &q, repairs);
    while (!e) {
        e = step(s, q, &row);
        if (e || !row) break;
        sqlite3_int64 id = sqlite3_column_int64(q, 0);
        if (sqlite3_column_count(q) != 1 || id < 0 || id >= s->n)
            e = err_set(LOREC_INPUT, "a condition must not bring a SELECT of its own");
        else if ((*n)++ < room)
            items[*n - 1] = (uint32_t)id;
    }
    sqlite3_finalize(q);
    buf_free(&text);
    return e;
}

static json_t *value_of(sqlite3_stmt *q, int i)
{
    switch (sqlite3_column_type(q, i)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(q, i));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(q, i));
    case SQLITE_TEXT: {
        const unsigned char *p = sqlite3_column_text(q, i);
        return catalogue_text((slice){(const char *)p, (size_t)sqlite3_column_bytes(q, i)});
    }
    default:
        return json_null();
    }
}

lorec_err item_sql_select(item_sql *s, slice statement, size_t most, json_t **rows)
{
    buf text = {0};
    sqlite3_stmt *q = NULL;
    bool row = false;
    *rows = NULL;
    if (statement.n > 4096) return err_set(LOREC_INPUT, "a statement has at most 4096 bytes");
    lorec_err e = buf_add(&text, statement.p, statement.n);
    if (!e) e = buf_add(&text, " ", 1);
    if (!e) e = prepare_mended(s, &text, &q, NULL);
    if (!e && !(*rows = json_array())) e = err_set(LOREC_RESOURCE, "out of memory for rows");
    for (size_t k = 0; k < most && !e; k++) {
        e = step(s, q, &row);
        if (e || !row) break;
        json_t *one = json_array();
        for (int i = 0; one && i < sqlite3_column_count(q); i++) json_array_append_new(one, value_of(q, i));
        if (!one || json_array_append_new(*rows, one)) e = err_set(LOREC_RESOURCE, "out of memory for rows");
    }
    sqlite3_finalize(q);
    buf_free(&text);
    if (e) {
        json_decref(*rows);
        *rows = NULL;
    }
    return e;
}

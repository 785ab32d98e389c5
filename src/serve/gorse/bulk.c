/* /api/bulk/users, items, feedback: many rows as JSON lines or CSV, in and out, as Gorse's import and export.
 * Out: pages of ?n= rows, whole lines; X-Lorec-Cursor is the ?cursor= of the next page and absent at the end. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "serve/gorse/gorse.h"
#include "serve/http/csv_rows.h"

enum { EXPORT_ROWS = 100000, CELLS = 9, BODY = 64 << 20 };

/* A kind of rows: what its fields are called in JSON; CSV has the same words, or Gorse's (user_id, time_stamp ...). */
typedef struct bulk_kind {
    const char *field[CELLS]; /* NULL-terminated */
    gorse_each put;
} bulk_kind;
static const bulk_kind users = {{"UserId", "Labels", "Comment"}, gorse_put_user};
static const bulk_kind items = {{"ItemId", "IsHidden", "Categories", "Timestamp", "Labels", "Title", "Comment"},
                                gorse_put_item};
static const bulk_kind feedback = {
    {"FeedbackType", "UserId", "ItemId", "Value", "Timestamp", "Comment", "EventId", "Retract"}, gorse_put_event};

/* ---- in --------------------------------------------------------------------------------------------------------------------- */

/* "user_id", "UserId" and "USER ID" are one word. */
static bool same_word(slice a, const char *b)
{
    size_t i = 0;
    for (; *b; b++) {
        while (i < a.n && (a.p[i] == '_' || a.p[i] == ' ')) i++;
        if (i == a.n || tolower((unsigned char)a.p[i++]) != tolower((unsigned char)*b)) return false;
    }
    return i == a.n;
}

static const char *field_named(const bulk_kind *k, slice word)
{
    for (int i = 0; i < CELLS && k->field[i]; i++)
        if (same_word(word, k->field[i])) return k->field[i];
    return same_word(word, "description") ? "Comment" : NULL;
}

static json_t *words_json(slice text)
{
    json_t *list = json_array();
    while (text.n) {
        slice word = slice_trim(slice_cut(&text, '|'));
        if (word.n) json_array_append_new(list, gorse_text(word));
    }
    return list;
}

/* A cell as JSON has it. Labels that are JSON are taken as that; otherwise they are words with | between. */
static json_t *cell_json(const char *name, slice text)
{
    char *end;
    char number[64];
    if (strcmp(name, "Categories") == 0) return words_json(text);
    if (strcmp(name, "Labels") == 0) {
        json_t *tree = json_loadb(text.p, text.n, 0, NULL);
        return tree ? tree : words_json(text);
    }
    if (strcmp(name, "IsHidden") == 0 || strcmp(name, "Retract") == 0)
        return json_boolean(slice_is(text, "1") || slice_is(text, "true") || slice_is(text, "True"));
    if (strcmp(name, "Value") == 0 && text.n < sizeof number) {
        snprintf(number, sizeof number, "%.*s", (int)text.n, text.p);
        double value = strtod(number, &end);
        if (end != number && !*end) return json_real(value);
    }
    return gorse_text(text);
}

static lorec_err csv_in(server *s, const bulk_kind *k, csv_rows *c, int64_t *affected)
{
    const char *name[CSV_CELLS];
    bool more;
    TRY(csv_next(c, &more));
    size_t n = more ? c->n : 0;
    for (size_t i = 0; i < n; i++)
        if (!(name[i] = field_named(k, slice_trim(c->cell[i]))))
            return err_set(LOREC_INPUT, "the header's \"%.*s\" is no field",
                           (int)(c->cell[i].n < 60 ? c->cell[i].n : 60), c->cell[i].p);
    for (;;) {
        TRY(csv_next(c, &more));
        if (!more) return LOREC_OK;
        if (c->n != n) return err_set(LOREC_INPUT, "line %zu: %zu cells, the header has %zu", c->line, c->n, n);
        json_t *object = json_object();
        for (size_t i = 0; i < n && object; i++)
            if (c->cell[i].n) json_object_set_new(object, name[i], cell_json(name[i], c->cell[i]));
        lorec_err e = object ? k->put(s, object, affected) : err_set(LOREC_RESOURCE, "out of memory");
        json_decref(object);
        if (e) return err_context(e, "line %zu", c->line);
    }
}

static lorec_err lines_in(server *s, const bulk_kind *k, slice text, int64_t *affected)
{
    for (size_t line = 1; text.n; line++) {
        slice one = slice_trim(slice_cut(&text, '\n'));
        json_t *object = NULL;
        if (!one.n) continue;
        lorec_err e = json_parse(&object, one.p, one.n, "it");
        if (!e) e = k->put(s, object, affected);
        json_decref(object);
        if (e) return err_context(e, "line %zu", line);
    }
    return LOREC_OK;
}

static bool wants_csv(const exchange *x)
{
    const char *format = exchange_query(x, "format");
    if (format && *format) return strcmp(format, "csv") == 0;
    return x->content_type && strncasecmp(x->content_type, "text/csv", 8) == 0;
}

static lorec_err check_format(const exchange *x)
{
    const char *format = exchange_query(x, "format");
    if (!format || !*format || strcmp(format, "csv") == 0 || strcmp(format, "jsonl") == 0) return LOREC_OK;
    return err_set(LOREC_USAGE, "format=%.40s has to be jsonl or csv", format);
}

static lorec_err take_in(server *s, exchange *x, const bulk_kind *k)
{
    int64_t affected = 0;
    slice text = {x->body.p ? x->body.p : "", x->body.n};
    TRY(check_format(x));
    if (!utf8_valid(text)) return err_set(LOREC_INPUT, "the body is not UTF-8");
    if (wants_csv(x)) {
        csv_rows c = {.rest = text, .separator = ','};
        lorec_err e = csv_in(s, k, &c, &affected);
        csv_rows_free(&c);
        TRY(e);
    } else
        TRY(lines_in(s, k, text, &affected));
    return exchange_reply(x, 200, json_pack("{s:I}", "RowAffected", (json_int_t)affected));
}

static lorec_err post_users(server *s, exchange *x)
{
    return take_in(s, x, &users);
}

static lorec_err post_items(server *s, exchange *x)
{
    return take_in(s, x, &items);
}

static lorec_err post_feedback(server *s, exchange *x)
{
    return take_in(s, x, &feedback);
}

/* ---- out -------------------------------------------------------------------------------------------------------------------- */

typedef struct outgoing {
    exchange *x;
    const bulk_kind *kind;
    bool csv;
    buf text, words;
    char last[ID_BYTES + 1];
    int64_t n, rows;
} outgoing;

/* The cell's words, appended to `room`. */
static lorec_err cell_text(const json_t *v, buf *room)
{
    if (json_is_string(v)) return buf_add(room, json_string_value(v), json_string_length(v));
    if (json_is_null(v) || !v) return LOREC_OK;
    if (json_is_boolean(v)) return buf_puts(room, json_is_true(v) ? "true" : "false");
    bool words = json_is_array(v);
    for (size_t i = 0; i < json_array_size(v) && words; i++) {
        const char *word = json_string_value(json_array_get(v, i));
        words = word && !strchr(word, '|');
    }
    for (size_t i = 0; i < json_array_size(v) && words; i++)
        TRY(buf_printf(room, "%s%s", i ? "|" : "", json_string_value(json_array_get(v, i))));
    return words ? LOREC_OK : gorse_dump(room, v);
}

static lorec_err csv_out(outgoing *o, const json_t *row)
{
    slice cell[CELLS];
    size_t end[CELLS], n = 0;
    buf_clear(&o->words);
    TRY(buf_puts(&o->words, ""));
    for (; n < CELLS && o->kind->field[n]; n++) {
        TRY(cell_text(json_object_get(row, o->kind->field[n]), &o->words));
        end[n] = o->words.n;
    }
    for (size_t i = 0; i < n; i++) {
        size_t from = i ? end[i - 1] : 0;
        cell[i] = (slice){o->words.p + from, end[i] - from};
    }
    return csv_write(&o->text, cell, n);
}

/* Takes the row over. */
static lorec_err put_out(outgoing *o, json_t *row, slice key)
{
    lorec_err e = row ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    if (!e && o->csv) e = csv_out(o, row);
    if (!e && !o->csv) e = gorse_dump(&o->text, row);
    if (!e && !o->csv) e = buf_puts(&o->text, "\n");
    json_decref(row);
    o->rows++;
    snprintf(o->last, sizeof o->last, "%.*s", (int)key.n, key.p);
    return e;
}

static lorec_err user_out(void *ctx, const store_user *u)
{
    return put_out(ctx, gorse_user_json(u), u->id);
}

static lorec_err item_out(void *ctx, const store_item *i)
{
    return put_out(ctx, gorse_item_json(i), i->id);
}

static lorec_err event_out(void *ctx, const store_event *e)
{
    outgoing *o = ctx;
    char key[32];
    snprintf(key, sizeof key, "%lld", (long long)e->seq);
    return put_out(o, gorse_event_json(e), slice_of(key));
}

static lorec_err start_out(outgoing *o, exchange *x, const bulk_kind *k, slice *cursor)
{
    *o = (outgoing){.x = x, .kind = k, .csv = wants_csv(x)};
    const char *from = exchange_query(x, "cursor");
    *cursor = slice_of(from ? from : "");
    TRY(check_format(x));
    TRY(exchange_int(x, "n", 1, EXPORT_ROWS, EXPORT_ROWS, &o->n));
    for (int i = 0; o->csv && i < CELLS && k->field[i]; i++)
        TRY(buf_printf(&o->text, "%s%s", i ? "," : "", k->field[i]));
    return o->csv ? buf_puts(&o->text, "\r\n") : LOREC_OK;
}

static lorec_err end_out(outgoing *o, lorec_err e)
{
    if (!e && o->rows == o->n) e = exchange_header(o->x, "X-Lorec-Cursor", "%s", gorse_encode(o->last, &o->words));
    if (!e)
        e = exchange_text(o->x, 200, o->csv ? "text/csv; charset=utf-8" : "application/jsonl; charset=utf-8",
                          o->text.p ? o->text.p : "", o->text.n);
    buf_free(&o->text);
    buf_free(&o->words);
    return e;
}

static lorec_err get_users(server *s, exchange *x)
{
    outgoing o;
    slice after;
    lorec_err e = start_out(&o, x, &users, &after);
    if (!e) e = store_users(s->store, after, o.n, user_out, &o);
    return end_out(&o, e);
}

static lorec_err get_items(server *s, exchange *x)
{
    outgoing o;
    slice after;
    lorec_err e = start_out(&o, x, &items, &after);
    if (!e) e = store_items(s->store, after, o.n, item_out, &o);
    return end_out(&o, e);
}

static lorec_err get_feedback(server *s, exchange *x)
{
    outgoing o;
    slice after;
    int64_t seq = 0;
    lorec_err e = start_out(&o, x, &feedback, &after);
    if (!e && after.n && !slice_to_i64(after, &seq)) e = err_set(LOREC_USAGE, "cursor has to be one that was given");
    if (!e) e = store_events_after(s->store, seq, o.n, event_out, &o);
    return end_out(&o, e);
}

#define FORMAT_ROW                                                                                                     \
    {                                                                                                                  \
        "format", FIELD_TEXT, 0, .of = "{\"enum\":[\"csv\",\"jsonl\"]}"                                                \
    }
static const form_row in_rows[] = {FORMAT_ROW};
static const form_row out_rows[] = {
    FORMAT_ROW,
    {"cursor", FIELD_TEXT, 0, .min = 0, .max = ID_CHARS, .about = "X-Lorec-Cursor of the page before"},
    {"n", FIELD_INT, 0, .min = 1, .max = EXPORT_ROWS},
};
static const form in_form = {in_rows, sizeof in_rows / sizeof *in_rows};
static const form_row event_rows[] = {
    FORMAT_ROW,
    {"cursor", FIELD_INT, 0, .min = 0, .max = 9007199254740991.0, .about = "X-Lorec-Cursor of the page before"},
    {"n", FIELD_INT, 0, .min = 1, .max = EXPORT_ROWS},
};
static const form event_form = {event_rows, sizeof event_rows / sizeof *event_rows};
static const form out_form = {out_rows, sizeof out_rows / sizeof *out_rows};

static const route rows[] = {
    {"GET", "/api/bulk/users", get_users, ON_STORE, .asks = &out_form, .gives = "application/jsonl text/csv",
     .about = "users as JSON lines or CSV"},
    {"GET", "/api/bulk/items", get_items, ON_STORE, .asks = &out_form, .gives = "application/jsonl text/csv",
     .about = "items as JSON lines or CSV"},
    {"GET", "/api/bulk/feedback", get_feedback, ON_STORE, .asks = &event_form, .gives = "application/jsonl text/csv",
     .about = "feedback as JSON lines or CSV, oldest first"},
    {"POST", "/api/bulk/users", post_users, ON_STORE, .writes = true, .max_body = BODY, .may_be_empty = true,
     .takes_words = "application/jsonl", .asks = &in_form, .gives = "RowAffected",
     .about = "users from JSON lines or CSV"},
    {"POST", "/api/bulk/items", post_items, ON_STORE, .writes = true, .max_body = BODY, .may_be_empty = true,
     .takes_words = "application/jsonl", .asks = &in_form, .gives = "RowAffected",
     .about = "items from JSON lines or CSV"},
    {"POST", "/api/bulk/feedback", post_feedback, ON_STORE, .writes = true, .may_be_empty = true,
     .takes_words = "application/jsonl", .asks = &in_form, .gives = "RowAffected",
     .about = "feedback from JSON lines or CSV"},
};
const route_table routes_gorse_bulk = {rows, sizeof rows / sizeof *rows};

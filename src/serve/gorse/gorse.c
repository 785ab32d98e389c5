#include "serve/gorse/gorse.h"

#include "base/mem.h"

json_t *gorse_tree(slice text)
{
    json_t *tree = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    return tree ? tree : json_null();
}

json_t *gorse_text(slice text)
{
    return json_stringn(text.p ? text.p : "", text.n);
}

static int add_text(const char *text, size_t n, void *to)
{
    return buf_add(to, text, n) == LOREC_OK ? 0 : -1;
}

lorec_err gorse_dump(buf *out, const json_t *tree)
{
    if (!tree) return buf_puts(out, "null");
    if (json_dump_callback(tree, add_text, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0) return LOREC_OK;
    return err_set(LOREC_RESOURCE, "out of memory");
}

lorec_err gorse_rows(server *s, exchange *x, gorse_each each)
{
    json_t *body;
    int64_t affected = 0;
    TRY(exchange_json(x, &body));
    if (json_is_object(body)) {
        TRY(each(s, body, &affected));
    } else if (json_is_array(body)) {
        if (json_array_size(body) > BATCH_ROWS)
            return exchange_refuse(x, 413, "%zu rows; at most %d are taken at once", json_array_size(body), BATCH_ROWS);
        for (size_t i = 0; i < json_array_size(body); i++) {
            lorec_err e = each(s, json_array_get(body, i), &affected);
            if (e) return err_context(e, "row %zu", i);
        }
    } else
        return err_set(LOREC_INPUT, "the body has to be an object or a list of objects");
    return exchange_reply(x, 200, json_pack("{s:I}", "RowAffected", (json_int_t)affected));
}

lorec_err gorse_patch(json_t *tree, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key,
                        value) if (!json_is_null(value) &&
                                   json_object_set(tree, key, value)) return err_set(LOREC_RESOURCE, "out of memory");
    return LOREC_OK;
}

json_t *gorse_event_json(const store_event *e)
{
    char when[WHEN_TEXT];
    when_write(when, e->time);
    json_t *tree = json_pack("{s:o, s:o, s:o, s:f, s:s, s:o, s:o}", "FeedbackType", gorse_text(e->type), "UserId",
                             gorse_text(e->user), "ItemId", gorse_text(e->item), "Value", e->value, "Timestamp", when,
                             "Comment", gorse_text(e->comment), "EventId", gorse_text(e->event_id));
    if (tree && e->retract) json_object_set_new(tree, "Retract", json_true());
    return tree;
}

const char *gorse_encode(const char *text, buf *room)
{
    buf_clear(room);
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '-' ||
                     *p == '_' || *p == '.';
        if (buf_printf(room, plain ? "%c" : "%%%02X", plain ? *p : (unsigned char)*p)) return "";
    }
    return room->p ? room->p : "";
}

static const form_row page_rows[] = {
    {"cursor", FIELD_TEXT, 0, .min = 0, .max = ID_CHARS, .about = "of the page before"},
    {"n", FIELD_INT, 0, .min = 1, .max = PAGE_ROWS},
};
const form gorse_page_form = {page_rows, sizeof page_rows / sizeof *page_rows};

lorec_err gorse_page_start(gorse_page *p, const exchange *x, slice *cursor)
{
    *p = (gorse_page){0};
    TRY(exchange_int(x, "n", 1, PAGE_ROWS, 100, &p->n));
    const char *from = exchange_query(x, "cursor");
    *cursor = slice_of(from ? from : "");
    p->rows = json_array();
    return p->rows ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
}

void gorse_page_key(gorse_page *p, slice key)
{
    if ((int64_t)json_array_size(p->rows) < p->n) return; /* not full: this may be the end */
    size_t n = key.n < ID_BYTES ? key.n : ID_BYTES;
    memcpy(p->last, key.p, n);
    p->last[n] = 0;
}

/* /api/item, /api/items: what is in the catalogue; hidden items are gone from the next answer. */
#include "base/mem.h"
#include "serve/gorse/gorse.h"

json_t *gorse_item_json(const store_item *i)
{
    char when[WHEN_TEXT];
    when_write(when, i->time);
    return json_pack("{s:o, s:b, s:o, s:s, s:o, s:o, s:o}", "ItemId", gorse_text(i->id), "IsHidden", i->hidden,
                     "Categories", gorse_tree(i->categories), "Timestamp", when, "Labels", gorse_tree(i->labels),
                     "Title", gorse_text(i->title), "Comment", gorse_text(i->comment));
}

static lorec_err check_categories(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return err_set(LOREC_INPUT, "\"Categories\" has to be a list of texts");
    return LOREC_OK;
}

typedef struct item_fields {
    store_item i;
    json_t *labels, *categories, *when;
} item_fields;
#define AT(field) offsetof(item_fields, field)
#define MORE_ROWS                                                                                                      \
    {"IsHidden", FIELD_BOOL, AT(i.hidden)}, {"Categories", FIELD_LIST, AT(categories), .max = 1000, .of = FORM_TEXTS}, \
        {"Timestamp", FIELD_ANY, AT(when), .of = "Time"}, {"Labels", FIELD_ANY, AT(labels)},                           \
        {"Title", FIELD_TEXT, AT(i.title)},                                                                            \
    {                                                                                                                  \
        "Comment", FIELD_TEXT, AT(i.comment)                                                                           \
    }
static const form_row item_rows[] = {{"ItemId", FIELD_TEXT, AT(i.id), true, 1, ID_CHARS}, MORE_ROWS};
static const form_row patch_rows[] = {
    {"ItemId", FIELD_TEXT, AT(i.id), .min = 1, .max = ID_CHARS, .about = "the address counts"}, MORE_ROWS};
const form gorse_item_form = {item_rows, sizeof item_rows / sizeof *item_rows, .or_list = true};
static const form patch_form = {patch_rows, sizeof patch_rows / sizeof *patch_rows};

lorec_err gorse_put_item(server *s, const json_t *object, int64_t *affected)
{
    item_fields f = {0};
    TRY(form_read(NULL, object, &gorse_item_form, &f));
    store_item i = f.i;
    json_t *labels = f.labels, *categories = f.categories, *when = f.when;
    TRY(check_categories(categories));
    TRY(when_read(when, "Timestamp", server_now(), &i.time));
    buf label_text = {0}, category_text = {0};
    lorec_err e = gorse_dump(&label_text, labels);
    if (!e) e = categories ? gorse_dump(&category_text, categories) : buf_puts(&category_text, "[]");
    i.labels = (slice){label_text.p, label_text.n};
    i.categories = (slice){category_text.p, category_text.n};
    if (!e) e = store_item_put(s->store, &i);
    buf_free(&label_text);
    buf_free(&category_text);
    *affected += !e;
    return e;
}

static lorec_err post_item(server *s, exchange *x)
{
    return gorse_rows(s, x, gorse_put_item);
}

static lorec_err keep_item(void *ctx, const store_item *i)
{
    *(json_t **)ctx = gorse_item_json(i);
    return LOREC_OK;
}

static json_t *live_json(const live *v, uint32_t item)
{
    const live_item *i = &v->item[item];
    char when[WHEN_TEXT];
    when_write(when, i->time);
    json_t *categories = json_array();
    for (uint32_t k = 0; k < i->n_categories; k++)
        json_array_append_new(categories, gorse_text(ids_name(&v->categories, i->category[k])));
    return json_pack("{s:o, s:b, s:o, s:s, s:n, s:o, s:s}", "ItemId", gorse_text(ids_name(&v->items, item)), "IsHidden",
                     i->hidden, "Categories", categories, "Timestamp", when, "Labels", "Title",
                     gorse_text(live_title(v, item)), "Comment", "");
}

/* Described by /api/item, or by the data that the models were made from. */
static lorec_err find(server *s, exchange *x, json_t **out)
{
    *out = NULL;
    TRY(store_item_get(s->store, x->part[0], keep_item, out));
    if (*out) return LOREC_OK;
    live_read_lock(&s->live);
    uint32_t item = live_find_item(&s->live, x->part[0]);
    bool there = item != NO_NUMBER && s->live.item[item].known;
    if (there && !s->live.item[item].hidden) *out = live_json(&s->live, item); /* hidden without a row: deleted */
    live_unlock(&s->live);
    if (*out) return LOREC_OK;
    return exchange_refuse(x, 404, "there is no item \"%.*s\"", (int)x->part[0].n, x->part[0].p);
}

static lorec_err get_item(server *s, exchange *x)
{
    json_t *tree;
    TRY(find(s, x, &tree));
    return exchange_reply(x, 200, tree);
}

static lorec_err write_back(server *s, exchange *x, json_t *tree)
{
    int64_t affected = 0;
    lorec_err e = gorse_put_item(s, tree, &affected);
    json_decref(tree);
    TRY(e);
    return exchange_reply(x, 200, json_pack("{s:I}", "RowAffected", (json_int_t)affected));
}

static lorec_err patch_item(server *s, exchange *x)
{
    json_t *body, *tree;
    TRY(exchange_json(x, &body));
    item_fields unused = {0};
    TRY(form_read(x, body, &patch_form, &unused));
    TRY(find(s, x, &tree));
    lorec_err e = gorse_patch(tree, body);
    json_object_set_new(tree, "ItemId", gorse_text(x->part[0]));
    if (!e) return write_back(s, x, tree);
    json_decref(tree);
    return e;
}

static bool in_data(server *s, slice id)
{
    uint32_t number;
    bool known = false;
    live_read_lock(&s->live); /* which variants there are changes under it */
    for (size_t i = 0; i < s->engine.n && !known; i++) {
        const dataset *d = &s->engine.run[i]->advisor.data;
        if (dataset_find_item(d, id, &number)) continue;
        slice found = names_at(&d->item_ids, number); /* a title would be found too */
        known = found.n == id.n && !memcmp(found.p, id.p, id.n);
    }
    live_unlock(&s->live);
    return known;
}

/* An item of the data is hidden by a row of its own; one that only /api/item knew is removed. */
static lorec_err delete_item(server *s, exchange *x)
{
    bool was;
    json_t *tree;
    TRY(find(s, x, &tree));
    if (in_data(s, x->part[0])) {
        json_object_set_new(tree, "IsHidden", json_true());
        return write_back(s, x, tree);
    }
    json_decref(tree);
    TRY(store_item_delete(s->store, x->part[0], &was));
    return exchange_reply(x, 200, json_pack("{s:i}", "RowAffected", was));
}

static lorec_err set_category(server *s, exchange *x, bool on)
{
    json_t *tree;
    TRY(find(s, x, &tree));
    json_t *list = json_object_get(tree, "Categories");
    slice want = x->part[1];
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *word = json_array_get(list, i);
        if (json_string_length(word) == want.n && !memcmp(json_string_value(word), want.p, want.n))
            json_array_remove(list, i);
    }
    if (on) json_array_append_new(list, gorse_text(want));
    return write_back(s, x, tree);
}

static lorec_err put_category(server *s, exchange *x)
{
    return set_category(s, x, true);
}

static lorec_err delete_category(server *s, exchange *x)
{
    return set_category(s, x, false);
}

static lorec_err add_item(void *ctx, const store_item *i)
{
    gorse_page *p = ctx;
    if (json_array_append_new(p->rows, gorse_item_json(i))) return err_set(LOREC_RESOURCE, "out of memory");
    gorse_page_key(p, i->id);
    return LOREC_OK;
}

/* What the store has of an item, or else what the data has. */
static lorec_err add_found(server *s, json_t *rows, uint32_t item)
{
    json_t *tree = NULL;
    buf id = {0};
    live_read_lock(&s->live);
    slice name = ids_name(&s->live.items, item);
    lorec_err e = buf_add(&id, name.p, name.n);
    live_unlock(&s->live);
    if (!e) e = store_item_get(s->store, (slice){id.p, id.n}, keep_item, &tree);
    buf_free(&id);
    TRY(e);
    live_read_lock(&s->live);
    if (!tree) tree = live_json(&s->live, item);
    live_unlock(&s->live);
    return tree && !json_array_append_new(rows, tree) ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
}

static lorec_err search_items(server *s, exchange *x, const char *words)
{
    gorse_page p;
    slice unused;
    uint32_t *item;
    size_t found = 0, total;
    TRY(gorse_page_start(&p, x, &unused));
    lorec_err e = mem_new(&item, (size_t)p.n);
    if (!e) {
        live_read_lock(&s->live);
        e = title_index_find(&s->search, &s->live, slice_of(words), 0, (size_t)p.n, item, &found, &total);
        live_unlock(&s->live);
    }
    for (size_t i = 0; !e && i < found; i++) e = add_found(s, p.rows, item[i]);
    mem_free(item);
    if (!e) return exchange_reply(x, 200, json_pack("{s:s, s:o}", "Cursor", "", "Items", p.rows));
    json_decref(p.rows);
    return e;
}

static lorec_err get_items(server *s, exchange *x)
{
    gorse_page p;
    slice after;
    const char *words = exchange_query(x, "q");
    if (words && *words) return search_items(s, x, words);
    TRY(gorse_page_start(&p, x, &after));
    lorec_err e = store_items(s->store, after, p.n, add_item, &p);
    if (!e) return exchange_reply(x, 200, json_pack("{s:s, s:o}", "Cursor", p.last, "Items", p.rows));
    json_decref(p.rows);
    return e;
}

static const form_row page_rows[] = {
    {"cursor", FIELD_TEXT, 0, .min = 0, .max = ID_CHARS, .about = "of the page before"},
    {"n", FIELD_INT, 0, .min = 1, .max = PAGE_ROWS},
    {"q", FIELD_TEXT, 0, .min = 0, .max = ID_CHARS, .about = "words that are looked for, best first"},
};
static const form page_form = {page_rows, sizeof page_rows / sizeof *page_rows};

static const route rows[] = {
    {"POST", "/api/item", post_item, ON_STORE, .writes = true, .takes = &gorse_item_form, .gives = "RowAffected",
     .about = "add or replace an item"},
    {"POST", "/api/items", post_item, ON_STORE, .writes = true, .takes = &gorse_item_form, .gives = "RowAffected",
     .about = "add or replace items"},
    {"GET", "/api/items", get_items, ON_STORE, .asks = &page_form, .gives = "Items",
     .about = "described items, by pages; with q: all items, by words"},
    {"GET", "/api/item/{item-id}", get_item, ON_STORE, .gives = "Item", .about = "an item"},
    {"PATCH", "/api/item/{item-id}", patch_item, ON_STORE, .writes = true, .takes = &patch_form, .gives = "RowAffected",
     .about = "change an item's fields"},
    {"DELETE", "/api/item/{item-id}", delete_item, ON_STORE, .writes = true, .gives = "RowAffected",
     .about = "never recommend it again"},
    {"PUT", "/api/item/{item-id}/category/{category}", put_category, ON_STORE, .writes = true, .gives = "RowAffected",
     .about = "put an item into a category"},
    {"DELETE", "/api/item/{item-id}/category/{category}", delete_category, ON_STORE, .writes = true,
     .gives = "RowAffected", .about = "take an item out of a category"},
};
const route_table routes_gorse_items = {rows, sizeof rows / sizeof *rows};

/* /api/user, /api/users */
#include "serve/gorse/gorse.h"

json_t *gorse_user_json(const store_user *u)
{
    return json_pack("{s:o, s:o, s:o}", "UserId", gorse_text(u->id), "Labels", gorse_tree(u->labels), "Comment",
                     gorse_text(u->comment));
}

typedef struct user_fields {
    slice id, comment;
    json_t *labels, *subscribe;
} user_fields;
#define AT(field) offsetof(user_fields, field)
#define MORE_ROWS                                                                                                      \
    {"Labels", FIELD_ANY, AT(labels)}, {"Subscribe", FIELD_ANY, AT(subscribe)},                                        \
    {                                                                                                                  \
        "Comment", FIELD_TEXT, AT(comment)                                                                             \
    }
static const form_row user_rows[] = {{"UserId", FIELD_TEXT, AT(id), true, 1, ID_CHARS}, MORE_ROWS};
static const form_row patch_rows[] = {
    {"UserId", FIELD_TEXT, AT(id), .min = 1, .max = ID_CHARS, .about = "the address counts"}, MORE_ROWS};
const form gorse_user_form = {user_rows, sizeof user_rows / sizeof *user_rows, .or_list = true};
static const form patch_form = {patch_rows, sizeof patch_rows / sizeof *patch_rows};

lorec_err gorse_put_user(server *s, const json_t *object, int64_t *affected)
{
    user_fields u = {0};
    TRY(form_read(NULL, object, &gorse_user_form, &u));
    buf text = {0};
    lorec_err e = gorse_dump(&text, u.labels);
    if (!e) e = store_user_put(s->store, &(store_user){u.id, {text.p, text.n}, u.comment});
    buf_free(&text);
    *affected += !e;
    return e;
}

static lorec_err post_user(server *s, exchange *x)
{
    return gorse_rows(s, x, gorse_put_user);
}

static lorec_err keep_user(void *ctx, const store_user *u)
{
    *(json_t **)ctx = gorse_user_json(u);
    return LOREC_OK;
}

/* A user that feedback or the data brought up is one, described or not. */
static lorec_err find(server *s, exchange *x, json_t **out)
{
    *out = NULL;
    TRY(store_user_get(s->store, x->part[0], keep_user, out));
    if (*out) return LOREC_OK;
    live_read_lock(&s->live);
    uint32_t number, user = live_find_user(&s->live, x->part[0]); /* who was forgotten has a number and nothing else */
    bool known = user != NO_NUMBER && s->live.user[user].n + s->live.user[user].n_taken > 0;
    for (size_t i = 0; i < s->engine.n && !known; i++)
        known = dataset_find_user(&s->engine.run[i]->advisor.data, x->part[0], &number);
    live_unlock(&s->live);
    if (!known) return exchange_refuse(x, 404, "there is no user \"%.*s\"", (int)x->part[0].n, x->part[0].p);
    *out = gorse_user_json(&(store_user){x->part[0], slice_of("null"), slice_of("")});
    return LOREC_OK;
}

static lorec_err get_user(server *s, exchange *x)
{
    json_t *tree;
    TRY(find(s, x, &tree));
    return exchange_reply(x, 200, tree);
}

static lorec_err patch_user(server *s, exchange *x)
{
    json_t *body, *tree;
    int64_t affected = 0;
    user_fields unused = {0};
    TRY(exchange_json(x, &body));
    TRY(form_read(x, body, &patch_form, &unused));
    TRY(find(s, x, &tree));
    lorec_err e = gorse_patch(tree, body);
    json_object_set_new(tree, "UserId", gorse_text(x->part[0]));
    if (!e) e = gorse_put_user(s, tree, &affected);
    json_decref(tree);
    TRY(e);
    return exchange_reply(x, 200, json_pack("{s:I}", "RowAffected", (json_int_t)affected));
}

static lorec_err delete_user(server *s, exchange *x)
{
    TRY(store_forget(s->store, x->part[0]));
    live_write_lock(&s->live);
    live_forget(&s->live, x->part[0]);
    live_unlock(&s->live);
    return exchange_reply(x, 200, json_pack("{s:i}", "RowAffected", 1));
}

static lorec_err add_user(void *ctx, const store_user *u)
{
    gorse_page *p = ctx;
    if (json_array_append_new(p->rows, gorse_user_json(u))) return err_set(LOREC_RESOURCE, "out of memory");
    gorse_page_key(p, u->id);
    return LOREC_OK;
}

static lorec_err get_users(server *s, exchange *x)
{
    gorse_page p;
    slice after;
    TRY(gorse_page_start(&p, x, &after));
    lorec_err e = store_users(s->store, after, p.n, add_user, &p);
    if (!e) return exchange_reply(x, 200, json_pack("{s:s, s:o}", "Cursor", p.last, "Users", p.rows));
    json_decref(p.rows);
    return e;
}

static const route rows[] = {
    {"POST", "/api/user", post_user, ON_STORE, .writes = true, .takes = &gorse_user_form, .gives = "RowAffected",
     .about = "add or replace a user"},
    {"POST", "/api/users", post_user, ON_STORE, .writes = true, .takes = &gorse_user_form, .gives = "RowAffected",
     .about = "add or replace users"},
    {"GET", "/api/users", get_users, ON_STORE, .asks = &gorse_page_form, .gives = "Users",
     .about = "described users, by pages"},
    {"GET", "/api/user/{user-id}", get_user, ON_STORE, .gives = "User", .about = "a user"},
    {"PATCH", "/api/user/{user-id}", patch_user, ON_STORE, .writes = true, .takes = &patch_form, .gives = "RowAffected",
     .about = "change a user's fields"},
    {"DELETE", "/api/user/{user-id}", delete_user, ON_STORE, .writes = true, .gives = "RowAffected",
     .about = "forget a user: description, feedback, records"},
};
const route_table routes_gorse_users = {rows, sizeof rows / sizeof *rows};

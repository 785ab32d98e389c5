#include "serve/export.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"

enum { SOME = 256, SEPARATOR = 0x1f };

typedef struct exporter {
    dataset_builder *b;
    live *v;
    const variant *base;
    const dataset *d;
    exported *out;
    buf words; /* a token sequence put together */
} exporter;

/* ---- cells ---------------------------------------------------------------------------------------------------------------- */

/* One cell as the builder takes it; false where there is nothing in it. */
static lorec_err cell_words(exporter *x, const column *c, uint64_t i, slice *value, bool *some)
{
    *some = true;
    buf_clear(&x->words);
    switch (c->kind) {
    case COLUMN_TEXT:
        *value = names_at(&c->words, (uint32_t)i);
        return LOREC_OK;
    case COLUMN_TOKEN:
        *some = c->code[i] != 0;
        *value = names_at(&c->words, c->code[i]);
        return LOREC_OK;
    case COLUMN_FLOAT:
        *some = !isnan(c->value[i]);
        TRY(buf_printf(&x->words, "%.9g", (double)c->value[i]));
        break;
    case COLUMN_TOKEN_SEQ:
        *some = c->first[i] != c->first[i + 1];
        TRY(buf_puts(&x->words, ""));
        for (uint64_t k = c->first[i]; k < c->first[i + 1]; k++) {
            slice word = names_at(&c->words, c->code[k]);
            TRY(buf_add(&x->words, word.p, word.n));
            TRY(buf_printf(&x->words, "%c", SEPARATOR));
        }
        break;
    }
    *value = (slice){x->words.p, x->words.n};
    return LOREC_OK;
}

static lorec_err copy_cell(exporter *x, const column *c, uint64_t i, slice who)
{
    slice value;
    bool some;
    TRY(cell_words(x, c, i, &value, &some));
    return some ? dataset_builder_cell(x->b, c->side, c->name, c->kind, who, value, SEPARATOR) : LOREC_OK;
}

static lorec_err copy_sides(exporter *x)
{
    for (size_t k = 0; k < x->d->n_columns; k++) {
        const column *c = &x->d->columns[k];
        const names *who = c->side == SIDE_USER ? &x->d->user_ids : &x->d->item_ids;
        for (uint64_t i = 0; c->side != SIDE_ROW && i < c->n; i++) TRY(copy_cell(x, c, i, names_at(who, (uint32_t)i)));
    }
    const knowledge *g = &x->d->kg;
    for (uint64_t i = 0; i < g->n; i++)
        TRY(dataset_builder_triple(x->b, names_at(&g->entities, g->head[i]), names_at(&g->relations, g->relation[i]),
                                   names_at(&g->entities, g->tail[i])));
    return LOREC_OK;
}

/* What /api/item said is newer than the data. */
static lorec_err described(exporter *x, const column *titles, const column *categories, uint32_t item)
{
    const live_item *i = &x->v->item[item];
    slice id = ids_name(&x->v->items, item);
    if (!i->described) return LOREC_OK;
    if (i->title)
        TRY(dataset_builder_cell(x->b, SIDE_ITEM, "title", titles ? titles->kind : COLUMN_TEXT, id, slice_of(i->title),
                                 SEPARATOR));
    buf_clear(&x->words);
    TRY(buf_puts(&x->words, ""));
    bool many = !categories || categories->kind == COLUMN_TOKEN_SEQ;
    for (uint32_t k = 0; k < i->n_categories && (many || k == 0); k++) {
        slice word = ids_name(&x->v->categories, i->category[k]);
        TRY(buf_add(&x->words, word.p, word.n));
        if (many) TRY(buf_printf(&x->words, "%c", SEPARATOR));
    }
    if (!x->words.n) return LOREC_OK;
    return dataset_builder_cell(x->b, SIDE_ITEM, categories ? categories->name : "categories",
                                categories ? categories->kind : COLUMN_TOKEN_SEQ, id, (slice){x->words.p, x->words.n},
                                SEPARATOR);
}

static lorec_err describe_items(exporter *x)
{
    const column *titles = dataset_column(x->d, SIDE_ITEM, "title"),
                 *categories = dataset_column(x->d, SIDE_ITEM, "categories");
    if (!categories) categories = dataset_column(x->d, SIDE_ITEM, "genres");
    lorec_err e = LOREC_OK;
    bool more = true;
    for (uint32_t begin = 0; more && !e; begin += SOME) {
        live_read_lock(x->v);
        for (uint32_t i = begin; i < begin + SOME && i < x->v->items.n && !e; i++)
            e = described(x, titles, categories, i);
        more = begin + SOME < x->v->items.n;
        live_unlock(x->v);
    }
    return e;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------------- */

static lorec_err data_row(exporter *x, slice user, uint64_t k)
{
    const interactions *rows = &x->d->rows;
    raw_row row = {.user = user,
                   .item = names_at(&x->d->item_ids, rows->item[k]),
                   .rating = rows->rating ? rows->rating[k] : NAN,
                   .time = rows->time ? rows->time[k] : INT64_MIN};
    TRY(dataset_builder_row(x->b, &row));
    x->out->rows++;
    for (size_t i = 0; i < x->d->n_columns; i++)
        if (x->d->columns[i].side == SIDE_ROW) TRY(copy_cell(x, &x->d->columns[i], k, user));
    return LOREC_OK;
}

static bool is_rating(const live *v, uint32_t type)
{
    slice word = ids_name(&v->types, type);
    return slice_is(word, "rating") || slice_is(word, "rate");
}

static lorec_err said_rows(exporter *x, uint32_t user)
{
    const live_user *u = &x->v->user[user];
    for (size_t i = 0; i < u->n; i++) {
        const live_said *s = &u->said[i];
        if (s->seq <= x->base->event_seq || s->seq > x->out->event_seq || s->type == x->v->read_type) continue;
        if (!x->v->item[s->item].known) continue;
        raw_row row = {.user = ids_name(&x->v->users, user),
                       .item = ids_name(&x->v->items, s->item),
                       .rating = x->d->rows.rating && is_rating(x->v, s->type) ? s->value : NAN,
                       .time = x->d->rows.time ? s->time : INT64_MIN};
        TRY(dataset_builder_row(x->b, &row));
        x->out->rows++;
        x->out->new_rows++;
    }
    return LOREC_OK;
}

static lorec_err known_user(exporter *x, uint32_t u)
{
    slice id = names_at(&x->d->user_ids, u);
    uint32_t number = live_find_user(x->v, id);
    const live_user *said = number != NO_NUMBER ? &x->v->user[number] : NULL;
    for (uint64_t k = x->d->rows.start[u]; k < x->d->rows.start[u + 1]; k++)
        if (!live_taken_back(said, x->base->number[x->d->rows.item[k]], x->base->event_seq, x->out->event_seq))
            TRY(data_row(x, id, k));
    return said ? said_rows(x, number) : LOREC_OK;
}

static lorec_err new_user(exporter *x, uint32_t number)
{
    uint32_t u;
    return dataset_find_user(x->d, ids_name(&x->v->users, number), &u) ? LOREC_OK : said_rows(x, number);
}

typedef lorec_err (*user_fn)(exporter *x, uint32_t user);
static lorec_err each_user(exporter *x, uint32_t n, user_fn one)
{
    lorec_err e = LOREC_OK;
    for (uint32_t begin = 0; begin < n && !e; begin += SOME) {
        live_read_lock(x->v);
        for (uint32_t u = begin; u < n && u < begin + SOME && !e; u++) e = one(x, u);
        live_unlock(x->v);
    }
    return e;
}

static lorec_err build(exporter *x)
{
    live_read_lock(x->v);
    x->out->event_seq = x->v->event_seq;
    uint32_t n_live = x->v->users.n;
    live_unlock(x->v);
    TRY(each_user(x, x->d->rows.n_users, known_user));
    TRY(each_user(x, n_live, new_user));
    TRY(copy_sides(x));
    TRY(describe_items(x));
    return dataset_builder_note(x->b, "served",
                                json_pack("{s:s, s:s, s:I, s:I}", "run", x->base->path, "sha256", x->d->sha256,
                                          "event_seq", (json_int_t)x->out->event_seq, "new_rows",
                                          (json_int_t)x->out->new_rows));
}

lorec_err export_data(const char *folder, live *v, const variant *base, exported *out)
{
    *out = (exported){0};
    exporter x = {.v = v, .base = base, .d = &base->advisor.data, .out = out};
    x.b = dataset_builder_new(x.d->name);
    if (!x.b) return err_set(LOREC_RESOURCE, "out of memory for the data to train on");
    lorec_err e = build(&x);
    buf_free(&x.words);
    dataset made;
    if (e) {
        dataset_builder_free(x.b);
        return e;
    }
    TRY(dataset_builder_finish(x.b, true, &made));
    out->users = made.rows.n_users;
    out->items = made.rows.n_items;
    out->new_items = out->items > x.d->rows.n_items ? out->items - x.d->rows.n_items : 0;
    e = dataset_save(&made, folder);
    dataset_close(&made);
    return e;
}

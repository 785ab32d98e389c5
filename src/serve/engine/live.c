#include "serve/engine/live.h"

#include "base/json.h"
#include "base/mem.h"
#include "serve/engine/item_words.h"

lorec_err live_open(live *v, const char *read_type, bool unique)
{
    *v = (live){.unique = unique};
    pthread_rwlock_init(&v->lock, NULL);
    pthread_mutex_init(&v->turn, NULL);
    return ids_add(&v->types, slice_of(read_type), &v->read_type);
}

void live_close(live *v)
{
    for (uint32_t i = 0; i < v->users.n; i++) {
        mem_free(v->user[i].said);
        mem_free(v->user[i].taken);
    }
    for (uint32_t i = 0; i < v->items.n; i++) {
        mem_free(v->item[i].title);
        mem_free(v->item[i].category);
        mem_free(v->item[i].word);
    }
    mem_free(v->user);
    mem_free(v->item);
    ids_free(&v->users);
    ids_free(&v->items);
    ids_free(&v->types);
    ids_free(&v->categories);
    pthread_rwlock_destroy(&v->lock);
    pthread_mutex_destroy(&v->turn);
}

void live_read_lock(live *v)
{
    pthread_rwlock_rdlock(&v->lock);
}

void live_read_turn(live *v)
{
    pthread_mutex_lock(&v->turn);
    pthread_mutex_unlock(&v->turn);
    pthread_rwlock_rdlock(&v->lock);
}

void live_write_lock(live *v)
{
    pthread_mutex_lock(&v->turn);
    pthread_rwlock_wrlock(&v->lock);
    pthread_mutex_unlock(&v->turn);
}

void live_unlock(live *v)
{
    pthread_rwlock_unlock(&v->lock);
}

uint32_t live_find_user(const live *v, slice id)
{
    uint32_t n;
    return ids_find(&v->users, id, &n) ? n : NO_NUMBER;
}

uint32_t live_find_item(const live *v, slice id)
{
    uint32_t n;
    return ids_find(&v->items, id, &n) ? n : NO_NUMBER;
}

slice live_title(const live *v, uint32_t item)
{
    return v->item[item].title ? slice_of(v->item[item].title) : ids_name(&v->items, item);
}

bool live_in_category(const live *v, uint32_t item, uint32_t category)
{
    const live_item *i = &v->item[item];
    for (uint32_t k = 0; k < i->n_categories; k++)
        if (i->category[k] == category) return true;
    return false;
}

/* Room first, the number second: a number without room behind it must not exist. */
static lorec_err item_number(live *v, slice id, uint32_t *n)
{
    if (ids_find(&v->items, id, n)) return LOREC_OK;
    TRY(mem_grow(&v->item, &v->item_cap, (size_t)v->items.n + 1));
    TRY(ids_add(&v->items, id, n));
    v->item[*n] = (live_item){0};
    return LOREC_OK;
}

static lorec_err user_number(live *v, slice id, uint32_t *n)
{
    if (ids_find(&v->users, id, n)) return LOREC_OK;
    TRY(mem_grow(&v->user, &v->user_cap, (size_t)v->users.n + 1));
    TRY(ids_add(&v->users, id, n));
    v->user[*n] = (live_user){0};
    return LOREC_OK;
}

/* ---- items ------------------------------------------------------------------------------------------------------------- */

static lorec_err set_title(live *v, live_item *i, slice title)
{
    char *copy = NULL;
    if (title.n) {
        TRY(mem_new(&copy, title.n + 1));
        memcpy(copy, title.p, title.n);
    }
    mem_free(i->title);
    i->title = copy;
    i->title_version++;
    v->title_changes++;
    return LOREC_OK;
}

static lorec_err add_category(live *v, live_item *i, slice word)
{
    uint32_t number, *more;
    TRY(ids_add(&v->categories, word, &number));
    for (uint32_t k = 0; k < i->n_categories; k++)
        if (i->category[k] == number) return LOREC_OK;
    TRY(mem_new(&more, (size_t)i->n_categories + 1));
    if (i->n_categories) memcpy(more, i->category, i->n_categories * sizeof *more);
    more[i->n_categories] = number;
    mem_free(i->category);
    i->category = more;
    i->n_categories++;
    return LOREC_OK;
}

static lorec_err data_categories(live *v, live_item *item, const column *c, uint32_t i)
{
    if (c->kind == COLUMN_TOKEN_SEQ) {
        for (uint64_t k = c->first[i]; k < c->first[i + 1]; k++)
            TRY(add_category(v, item, names_at(&c->words, c->code[k])));
    } else if (c->kind == COLUMN_TOKEN && c->code[i]) {
        return add_category(v, item, names_at(&c->words, c->code[i]));
    } else if (c->kind == COLUMN_TEXT) { /* "Drama, Comedy" or "Drama|Comedy" */
        slice all = names_at(&c->words, i), rest = all;
        char between = memchr(all.p, '|', all.n) ? '|' : ',';
        while (rest.n) {
            slice word = slice_trim(slice_cut(&rest, between));
            if (word.n) TRY(add_category(v, item, word));
        }
    }
    return LOREC_OK;
}

static lorec_err data_item(live *v, const dataset *d, const column *categories, bool titled, uint32_t i, uint32_t *n)
{
    TRY(item_number(v, names_at(&d->item_ids, i), n));
    live_item *item = &v->item[*n];
    if (item->known) return LOREC_OK; /* another run's data had it */
    item->known = true;
    if (titled) TRY(set_title(v, item, dataset_title(d, i)));
    return categories ? data_categories(v, item, categories, i) : LOREC_OK;
}

/* A bit at a time: who asks meanwhile waits for a few items only. */
lorec_err live_data(live *v, const dataset *d, uint32_t *number)
{
    enum { SOME = 4096 };
    const column *c = dataset_categories(d);
    bool titled = dataset_column(d, SIDE_ITEM, "title") != NULL;
    lorec_err e = LOREC_OK;
    for (uint32_t begin = 0; begin < d->rows.n_items && !e; begin += SOME) {
        uint32_t end = d->rows.n_items - begin < SOME ? d->rows.n_items : begin + SOME;
        live_write_lock(v);
        for (uint32_t i = begin; i < end && !e; i++) e = data_item(v, d, c, titled, i, &number[i]);
        live_unlock(v);
    }
    if (e || !d->rows.time) return e;
    live_write_lock(v);
    for (uint64_t r = 0; r < d->rows.n; r++) {
        live_item *item = &v->item[number[d->rows.item[r]]];
        if (d->rows.time[r] > item->time) item->time = d->rows.time[r];
    }
    live_unlock(v);
    return LOREC_OK;
}

void live_count(live *v, const uint32_t *number, const uint64_t *rows_of, uint32_t n, int64_t after)
{
    for (uint32_t i = 0; i < v->items.n; i++) v->item[i].popularity = 0;
    for (uint32_t i = 0; i < n; i++) v->item[number[i]].popularity = rows_of[i];
    v->counted = after;
    for (uint32_t u = 0; u < v->users.n; u++)
        for (size_t i = 0; i < v->user[u].n; i++) {
            const live_said *s = &v->user[u].said[i];
            if (s->seq > after && s->type != v->read_type) v->item[s->item].popularity++;
        }
}

static lorec_err row_categories(live *v, live_item *item, slice json)
{
    json_t *list;
    TRY(json_parse(&list, json.p, json.n, "an item's categories"));
    item->n_categories = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < json_array_size(list) && !e; i++) {
        const json_t *word = json_array_get(list, i);
        if (json_is_string(word)) e = add_category(v, item, (slice){json_string_value(word), json_string_length(word)});
    }
    json_decref(list);
    return e;
}

static lorec_err set_words(const live *v, live_item *item, const store_item *row)
{
    slice text[2 + 16] = {row->title, row->comment};
    size_t n = 2;
    for (uint32_t k = 0; k < item->n_categories && n < 18; k++) text[n++] = ids_name(&v->categories, item->category[k]);
    uint32_t *fresh, n_fresh;
    TRY(item_words(text, n, &fresh, &n_fresh));
    mem_free(item->word);
    item->word = fresh;
    item->n_words = n_fresh;
    return LOREC_OK;
}

lorec_err live_item_row(live *v, const store_item *row)
{
    uint32_t n;
    TRY(item_number(v, row->id, &n));
    live_item *item = &v->item[n];
    item->known = item->described = true;
    item->hidden = row->hidden;
    item->time = row->time;
    TRY(set_title(v, item, row->title));
    TRY(row_categories(v, item, row->categories));
    return set_words(v, item, row);
}

void live_item_gone(live *v, slice id)
{
    uint32_t n = live_find_item(v, id);
    if (n != NO_NUMBER) v->item[n].hidden = true;
}

/* ---- feedback ------------------------------------------------------------------------------------------------------------ */

/* What was said and counts no more: out of the list, out of what is popular. */
static void unsay(live *v, const live_said *s)
{
    if (s->seq > v->counted && s->type != v->read_type && v->item[s->item].popularity) v->item[s->item].popularity--;
    v->n_events--;
}

static void take_back(live *v, live_user *u, uint32_t type, uint32_t item)
{
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++) {
        if (u->said[i].type == type && u->said[i].item == item)
            unsay(v, &u->said[i]);
        else
            u->said[kept++] = u->said[i];
    }
    u->n = kept;
}

lorec_err live_event(live *v, const store_event *e)
{
    if (e->seq <= v->event_seq) return LOREC_OK;
    uint32_t user, item, type;
    TRY(user_number(v, e->user, &user));
    TRY(item_number(v, e->item, &item));
    TRY(ids_add(&v->types, e->type, &type));
    live_user *u = &v->user[user];
    if (e->retract)
        TRY(mem_grow(&u->taken, &u->taken_cap, u->n_taken + 1));
    else
        TRY(mem_grow(&u->said, &u->cap, u->n + 1));
    v->event_seq = e->seq;
    if (e->retract || v->unique) take_back(v, u, type, item);
    if (e->retract) {
        if (type != v->read_type) u->taken[u->n_taken++] = (live_taken){item, e->seq};
        return LOREC_OK;
    }
    u->said[u->n++] = (live_said){.item = item, .type = type, .time = e->time, .seq = e->seq, .value = (float)e->value};
    if (e->seq > v->counted && type != v->read_type) v->item[item].popularity++;
    v->n_events++;
    return LOREC_OK;
}

bool live_taken_back(const live_user *u, uint32_t item, int64_t from, int64_t to)
{
    for (size_t i = 0; u && i < u->n_taken; i++)
        if (u->taken[i].item == item && u->taken[i].seq > from && u->taken[i].seq <= to) return true;
    return false;
}

void live_forget(live *v, slice user)
{
    uint32_t n = live_find_user(v, user);
    if (n == NO_NUMBER) return;
    live_user *u = &v->user[n];
    for (size_t i = 0; i < u->n; i++) unsay(v, &u->said[i]);
    u->n = u->n_taken = 0;
}

void live_expire(live *v, int64_t before, uint32_t *from, uint32_t most)
{
    for (; most && *from < v->users.n; most--, ++*from) {
        live_user *u = &v->user[*from];
        size_t kept = 0;
        for (size_t i = 0; i < u->n; i++) {
            if (u->said[i].time < before)
                unsay(v, &u->said[i]);
            else
                u->said[kept++] = u->said[i];
        }
        u->n = kept;
    }
    if (*from >= v->users.n) *from = 0;
}

/* The entries of a list that came as JSON: a list of titles or numbers, of objects that hold one, an object around the list,
 * {"1": title} or {title: score}. */
#include <stdlib.h>

#include "base/mem.h"
#include "text/reply/parts.h"

static lorec_err push(reply_entries *l, reply_entry e)
{
    TRY(mem_grow(&l->entry, &l->cap, l->n + 1));
    l->entry[l->n++] = e;
    return LOREC_OK;
}

static lorec_err scalar(reply_entries *out, const json_t *v)
{
    reply_entry e = {.label = REPLY_NOTHING};
    if (json_is_string(v)) {
        e.text = (slice){json_string_value(v), json_string_length(v)};
        if (e.text.n && strspn(e.text.p, "0123456789") == e.text.n) {
            uint64_t number;
            if (slice_to_u64(e.text, &number) && number < INT32_MAX) e.label = (int64_t)number;
            e.whole = e.text;
            e.text.n = 0;
        }
    } else if (json_is_integer(v)) {
        e.label = json_integer_value(v) >= 0 ? json_integer_value(v) : INT32_MAX; /* nobody's */
    } else
        return LOREC_OK;
    if (!e.whole.p) e.whole = e.text;
    return push(out, e);
}

/* The field of an object that names its item. */
static const json_t *naming_field(const json_t *o)
{
    static const char *const keys[] = {"title", "name",        "item",      "movie",          "film",     "product",
                                       "book",  "movie_title", "item_name", "recommendation", "text",     "id",
                                       "index", "item_id",     "number",    "label",          "candidate"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(o, keys[i]);
        if (json_is_string(v) || json_is_integer(v)) return v;
    }
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)o, key, v)
    {
        if (json_is_string(v)) return v;
    }
    return NULL;
}

static bool rank_of(const json_t *o, double *rank)
{
    static const char *const keys[] = {"rank", "position", "ranking", "order"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(o, keys[i]);
        if (!json_is_number(v)) continue;
        *rank = json_number_value(v);
        return true;
    }
    return false;
}

static size_t leaves(const json_t *v)
{
    return json_is_array(v) ? json_array_size(v) : 0;
}

/* By rank where every element has one; stable, so that equal ranks keep their order. */
static lorec_err by_rank(const json_t *l, size_t **order)
{
    size_t n = json_array_size(l);
    double *rank;
    TRY(mem_new(order, n));
    lorec_err e = mem_new(&rank, n);
    bool ranked = !e;
    for (size_t i = 0; i < n && ranked; i++) ranked = rank_of(json_array_get(l, i), &rank[i]);
    for (size_t i = 0; i < n && !e; i++) {
        size_t at = i;
        for (; ranked && at > 0 && rank[(*order)[at - 1]] > rank[i]; at--) (*order)[at] = (*order)[at - 1];
        (*order)[at] = i;
    }
    mem_free(rank);
    return e;
}

static lorec_err from_list(const json_t *l, reply_entries *out)
{
    enum { SORTED_MAX = 4096 };
    size_t *order = NULL;
    lorec_err e = json_array_size(l) <= SORTED_MAX ? by_rank(l, &order) : LOREC_OK;
    for (size_t i = 0; i < json_array_size(l) && !e; i++) {
        const json_t *v = json_array_get(l, order ? order[i] : i);
        if (json_is_object(v)) v = naming_field(v);
        if (json_is_array(v)) v = json_array_get(v, 0); /* ["title", score] */
        if (v) e = scalar(out, v);
    }
    mem_free(order);
    return e;
}

typedef struct scored {
    const char *key;
    double score;
} scored;

static int better(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : (x->key > y->key) - (x->key < y->key);
}

/* {title: score}: best first. */
static lorec_err from_scores(const json_t *o, reply_entries *out)
{
    const char *key;
    json_t *v;
    scored *all;
    size_t n = 0;
    lorec_err e = mem_new(&all, json_object_size(o));
    if (e) return e;
    json_object_foreach((json_t *)o, key, v) all[n++] = (scored){key, json_number_value(v)};
    qsort(all, n, sizeof *all, better);
    for (size_t i = 0; i < n && !e; i++)
        e = push(out,
                 (reply_entry){.text = slice_of(all[i].key), .whole = slice_of(all[i].key), .label = REPLY_NOTHING});
    mem_free(all);
    return e;
}

/* {"1": title, "2": title}: as they stand; or scores. */
static lorec_err from_pairs(const json_t *o, reply_entries *out)
{
    const char *key;
    json_t *v;
    size_t numbers = 0, keys = 0;
    json_object_foreach((json_t *)o, key, v)
    {
        numbers += json_is_number(v);
        keys += strspn(key, "0123456789") == strlen(key);
    }
    if (numbers == json_object_size(o) && keys == 0) return from_scores(o, out);
    json_object_foreach((json_t *)o, key, v)
    {
        if (json_is_object(v)) v = (json_t *)naming_field(v);
        if (v) TRY(scalar(out, v));
    }
    return LOREC_OK;
}

lorec_err reply_json_entries(const json_t *j, reply_entries *out)
{
    out->n = 0;
    out->numbered = out->commas = false;
    if (json_is_array(j)) return from_list(j, out);
    const json_t *longest = NULL, *list = NULL, *v;
    const char *key;
    json_object_foreach((json_t *)j, key, v)
    {
        if (leaves(v) > leaves(longest)) longest = v;
        if (json_is_object(v) && json_object_size(v) > 1 && !list) list = v;
    }
    if (longest) return from_list(longest, out);
    if (json_object_size(j) == 1 && list) return from_pairs(list, out);
    return from_pairs(j, out);
}

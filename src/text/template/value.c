#include "text/template/value.h"

#include <string.h>

/* ---- memory -------------------------------------------------------------------------------------------------------- */

enum { CHUNK = 1 << 15 };

lorec_err tp_work(tp_memory *m, size_t steps)
{
    if (m->max_steps - m->steps < steps) {
        m->steps = m->max_steps;
        return err_set(LOREC_INPUT, "the template takes more than %zu steps", m->max_steps);
    }
    m->steps += steps;
    return LOREC_OK;
}

static lorec_err too_large(const tp_memory *m)
{
    if (m->arena.limit)
        return err_set(LOREC_INPUT, "the template needs more than %zu MiB of memory", m->arena.limit >> 20);
    return err_set(LOREC_RESOURCE, "out of memory while a template was rendered");
}

lorec_err tp_alloc_(tp_memory *m, size_t n, size_t size, void **out)
{
    *out = NULL;
    size_t bytes;
    if (!size_mul(n, size, &bytes) || bytes > SIZE_MAX / 2) return too_large(m);
    bytes = (bytes + 15) / 16 * 16 + (bytes == 0 ? 16 : 0);
    if (bytes > CHUNK / 4) {
        *out = arena_zalloc(&m->arena, bytes);
        return *out ? LOREC_OK : too_large(m);
    }
    if (bytes > m->left) {
        m->at = arena_alloc(&m->arena, CHUNK);
        m->left = m->at ? CHUNK : 0;
        if (!m->at) return too_large(m);
    }
    *out = memset(m->at, 0, bytes);
    m->at += bytes;
    m->left -= bytes;
    return LOREC_OK;
}

/* ---- strings ------------------------------------------------------------------------------------------------------- */

static lorec_err reserve(tp_builder *b, size_t more)
{
    size_t need;
    if (!size_add(b->n, more, &need) || need > SIZE_MAX / 4) return too_large(b->m);
    if (need <= b->cap) return LOREC_OK;
    size_t cap = need > 2 * b->cap ? need : 2 * b->cap;
    if (cap < 64) cap = 64;
    char *p;
    TRY(tp_alloc(b->m, 2 * cap, &p));
    if (b->n) {
        memcpy(p, b->p, b->n);
        memcpy(p + cap, b->origin, b->n);
    }
    b->p = p;
    b->origin = (unsigned char *)p + cap;
    b->cap = cap;
    return LOREC_OK;
}

lorec_err tp_add_text(tp_builder *b, const char *p, size_t n, bool trusted)
{
    TRY(reserve(b, n));
    if (n) {
        memcpy(b->p + b->n, p, n);
        memset(b->origin + b->n, trusted, n);
    }
    b->n += n;
    return LOREC_OK;
}

lorec_err tp_add_part(tp_builder *b, const tp_string *s, size_t begin, size_t end)
{
    if (!s->origin) return tp_add_text(b, s->p + begin, end - begin, s->trusted);
    TRY(reserve(b, end - begin));
    if (end > begin) {
        memcpy(b->p + b->n, s->p + begin, end - begin);
        memcpy(b->origin + b->n, s->origin + begin, end - begin);
    }
    b->n += end - begin;
    return LOREC_OK;
}

lorec_err tp_add(tp_builder *b, const tp_string *s)
{
    return tp_add_part(b, s, 0, s->n);
}

static lorec_err string_new(tp_memory *m, const char *p, size_t n, const unsigned char *origin, bool trusted,
                            tp_value *out)
{
    tp_string *s;
    TRY(tp_alloc(m, 1, &s));
    *s = (tp_string){n ? p : "", n, n ? origin : NULL, n ? trusted : true};
    if (s->origin && !memchr(origin, !origin[0], n)) { /* all of one kind */
        s->trusted = origin[0];
        s->origin = NULL;
    }
    *out = TP(TP_STRING, .s = s);
    return LOREC_OK;
}

lorec_err tp_finish(tp_builder *b, tp_value *out)
{
    return string_new(b->m, b->p, b->n, b->origin, true, out);
}

lorec_err tp_text(tp_memory *m, const char *p, size_t n, bool trusted, tp_value *out)
{
    char *copy;
    TRY(tp_alloc(m, n, &copy));
    if (n) memcpy(copy, p, n);
    return string_new(m, copy, n, NULL, trusted, out);
}

lorec_err tp_part(tp_memory *m, const tp_string *s, size_t begin, size_t end, tp_value *out)
{
    return string_new(m, s->p + begin, end - begin, s->origin ? s->origin + begin : NULL, s->trusted, out);
}

bool tp_is(tp_value v, const char *text)
{
    return v.kind == TP_STRING && v.s->n == strlen(text) && memcmp(v.s->p, text, v.s->n) == 0;
}

static size_t point_bytes(unsigned char first)
{
    return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

size_t tp_points(const tp_string *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += ((unsigned char)s->p[i] & 0xC0) != 0x80;
    return n;
}

size_t tp_offset(const tp_string *s, size_t point)
{
    size_t i = 0;
    while (i < s->n && point > 0) {
        i += point_bytes((unsigned char)s->p[i]);
        point--;
    }
    return i < s->n ? i : s->n;
}

int32_t tp_point(const tp_string *s, size_t i, size_t *len)
{
    const unsigned char *p = (const unsigned char *)s->p + i;
    size_t n = point_bytes(*p);
    if (n > s->n - i) n = s->n - i;
    if (len) *len = n;
    switch (n) {
    case 2:
        return (p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    case 3:
        return (p[0] & 0x0F) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    case 4:
        return (p[0] & 0x07) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    default:
        return p[0];
    }
}

bool tp_space(int32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* ---- lists and dicts ----------------------------------------------------------------------------------------------- */

lorec_err tp_push(tp_items *l, tp_value v)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        tp_value *item;
        TRY(tp_alloc(l->m, cap, &item));
        if (l->n) memcpy(item, l->item, l->n * sizeof *item);
        l->item = item;
        l->cap = cap;
    }
    l->item[l->n++] = v;
    return LOREC_OK;
}

lorec_err tp_list_of(tp_items *l, bool tuple, tp_value *out)
{
    tp_list *list;
    TRY(tp_alloc(l->m, 1, &list));
    *list = (tp_list){l->item, l->n, tuple};
    *out = TP(TP_LIST, .list = list);
    return LOREC_OK;
}

lorec_err tp_pair(tp_memory *m, tp_value a, tp_value b, tp_value *out)
{
    tp_items two = {.m = m};
    TRY(tp_push(&two, a));
    TRY(tp_push(&two, b));
    return tp_list_of(&two, true, out);
}

lorec_err tp_dict_new(tp_memory *m, tp_kind kind, tp_value *out)
{
    tp_dict *d;
    TRY(tp_alloc(m, 1, &d));
    *out = TP(kind, .dict = d);
    return LOREC_OK;
}

static lorec_err dict_append(tp_memory *m, tp_dict *d, tp_value key, tp_value value)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 8;
        tp_value *k, *v;
        TRY(tp_alloc(m, cap, &k));
        TRY(tp_alloc(m, cap, &v));
        if (d->n) {
            memcpy(k, d->key, d->n * sizeof *k);
            memcpy(v, d->value, d->n * sizeof *v);
        }
        d->key = k;
        d->value = v;
        d->cap = cap;
    }
    d->key[d->n] = key;
    d->value[d->n++] = value;
    return LOREC_OK;
}

static lorec_err dict_place(tp_memory *m, const tp_dict *d, tp_value key, size_t *at)
{
    for (*at = 0; *at < d->n; ++*at) {
        bool same;
        TRY(tp_equal(m, d->key[*at], key, &same));
        if (same) return LOREC_OK;
    }
    return LOREC_OK;
}

lorec_err tp_dict_set(tp_memory *m, tp_dict *d, tp_value key, tp_value value)
{
    size_t at;
    if (key.kind == TP_DICT || (key.kind == TP_LIST && !key.list->tuple))
        return err_set(LOREC_INPUT, "a %s can not be a key", tp_kind_name(key));
    TRY(dict_place(m, d, key, &at));
    if (at == d->n) return dict_append(m, d, key, value);
    d->value[at] = value;
    return LOREC_OK;
}

lorec_err tp_dict_get(tp_memory *m, const tp_dict *d, tp_value key, tp_value *out, bool *found)
{
    size_t at;
    TRY(dict_place(m, d, key, &at));
    *found = at < d->n;
    if (*found) *out = d->value[at];
    return LOREC_OK;
}

bool tp_dict_find(const tp_dict *d, const char *key, tp_value *out)
{
    for (size_t i = 0; i < d->n; i++) {
        if (tp_is(d->key[i], key)) {
            *out = d->value[i];
            return true;
        }
    }
    return false;
}

/* ---- from JSON ----------------------------------------------------------------------------------------------------- */

static lorec_err from_json(tp_memory *m, const json_t *j, bool trusted, bool (*is_own)(const char *), int depth,
                           tp_value *out)
{
    if (depth > TP_DEPTH_MAX) return err_set(LOREC_INPUT, "values nested more than %d deep", TP_DEPTH_MAX);
    switch (json_typeof(j)) {
    case JSON_STRING:
        return tp_text(m, json_string_value(j), json_string_length(j), trusted, out);
    case JSON_INTEGER:
        *out = tp_int(json_integer_value(j));
        return LOREC_OK;
    case JSON_REAL:
        *out = TP(TP_REAL, .f = json_real_value(j));
        return LOREC_OK;
    case JSON_ARRAY: {
        tp_items items = {.m = m};
        for (size_t i = 0; i < json_array_size(j); i++) {
            tp_value v;
            TRY(from_json(m, json_array_get(j, i), trusted, is_own, depth + 1, &v));
            TRY(tp_push(&items, v));
        }
        return tp_list_of(&items, false, out);
    }
    case JSON_OBJECT: {
        TRY(tp_dict_new(m, TP_DICT, out));
        for (void *at = json_object_iter((json_t *)j); at; at = json_object_iter_next((json_t *)j, at)) {
            tp_value key, value;
            TRY(tp_text(m, json_object_iter_key(at), strlen(json_object_iter_key(at)), trusted, &key));
            const json_t *field = json_object_iter_value(at);
            bool own = is_own && json_is_string(field) && strcmp(json_object_iter_key(at), "role") == 0 &&
                       is_own(json_string_value(field));
            TRY(from_json(m, field, trusted || own, is_own, depth + 1, &value));
            TRY(dict_append(m, out->dict, key, value)); /* jansson's keys are distinct */
        }
        return LOREC_OK;
    }
    case JSON_TRUE:
    case JSON_FALSE:
        *out = tp_bool(json_is_true(j));
        return LOREC_OK;
    default:
        *out = tp_none();
        return LOREC_OK;
    }
}

lorec_err tp_from_json(tp_memory *m, const json_t *j, bool trusted, bool (*is_own)(const char *), tp_value *out)
{
    return from_json(m, j, trusted, is_own, 0, out);
}

/* dataset_open.c: a prepared folder mapped. Nothing is parsed but the manifest; every index is checked once, so that a
 * damaged file is an error here and not a wild read later. */
#include "base/mem.h"
#include "base/threads.h"
#include "data/dataset_memory.h"

typedef struct opening {
    dataset *d;
    const char *folder;
    buf path, stem;
} opening;

static lorec_err get(opening *o, const char *stem, const char *suffix, npy_type type, uint64_t n, npy *out)
{
    TRY(path_join(&o->path, o->folder, stem));
    TRY(buf_printf(&o->path, "%s.npy", suffix));
    TRY(dataset_memory_map(o->d->memory, o->path.p, type, out));
    if (n != UINT64_MAX && (uint64_t)out->shape[0] != n)
        return err_set(LOREC_INPUT, "%s: %lld entries where the manifest says %llu; import the data again", o->path.p,
                       (long long)out->shape[0], (unsigned long long)n);
    return LOREC_OK;
}

static lorec_err damaged(const opening *o)
{
    return err_set(LOREC_INPUT, "%s: damaged (a number in it is out of range); import the data again", o->path.p);
}

/* Offsets that never go down, from 0 to `last`. */
static bool offsets_fine(const uint64_t *start, uint64_t n, uint64_t last)
{
    if (start[0] != 0 || start[n] != last) return false;
    uint64_t falls = 0;
    for (uint64_t i = 0; i < n; i++) falls |= start[i + 1] < start[i];
    return !falls;
}

typedef struct below {
    const uint32_t *v;
    uint32_t limit;
} below;

static lorec_err check_below(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const below *b = ctx;
    uint32_t largest = 0;
    for (size_t i = begin; i < end; i++) largest = b->v[i] > largest ? b->v[i] : largest;
    return begin < end && largest >= b->limit ? LOREC_INPUT : LOREC_OK;
}

static lorec_err get_codes(opening *o, const char *stem, const char *suffix, uint64_t n, uint32_t limit,
                           const uint32_t **out)
{
    npy a;
    TRY(get(o, stem, suffix, NPY_U32, n, &a));
    *out = a.data;
    return par_for((size_t)a.count, 1 << 18, check_below, &(below){a.data, limit}) ? damaged(o) : LOREC_OK;
}

static lorec_err get_offsets(opening *o, const char *stem, const char *suffix, uint64_t n, const uint64_t **out)
{
    npy a;
    TRY(get(o, stem, suffix, NPY_U64, n == UINT64_MAX ? n : n + 1, &a));
    *out = a.data;
    return a.count >= 1 && offsets_fine(a.data, (uint64_t)a.count - 1, ((const uint64_t *)a.data)[a.count - 1])
               ? LOREC_OK
               : damaged(o);
}

/* n: UINT64_MAX where only the file knows. */
static lorec_err get_names(opening *o, const char *stem, uint64_t n, names *out)
{
    npy a, text;
    const uint64_t *start;
    TRY(get(o, stem, ".start", NPY_U64, n == UINT64_MAX ? n : n + 1, &a));
    if (a.count < 1 || a.count - 1 > UINT32_MAX) return damaged(o);
    start = a.data;
    TRY(get(o, stem, ".text", NPY_U8, UINT64_MAX, &text));
    if (!offsets_fine(start, (uint64_t)a.count - 1, (uint64_t)text.count)) return damaged(o);
    *out = (names){(uint32_t)(a.count - 1), start, text.data};
    return LOREC_OK;
}

static bool word_is(const char *word, const char *(*of)(int), int n, int *out)
{
    for (int i = 0; i < n; i++) {
        if (word && strcmp(word, of(i)) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static const char *side_word(int i)
{
    return column_side_word((column_side)i);
}

static const char *kind_word(int i)
{
    return column_kind_word((column_kind)i);
}

static lorec_err get_column(opening *o, const json_t *row, column *c)
{
    dataset *d = o->d;
    int side, kind;
    const char *name = json_string_value(json_object_get(row, "name"));
    if (!name || !word_is(json_string_value(json_object_get(row, "side")), side_word, 3, &side) ||
        !word_is(json_string_value(json_object_get(row, "kind")), kind_word, 4, &kind))
        return err_set(LOREC_INPUT, "%s/manifest.json: a row of \"columns\" lacks a known name, side or kind",
                       o->folder);
    uint64_t n = side == SIDE_USER ? d->rows.n_users : side == SIDE_ITEM ? d->rows.n_items : d->rows.n;
    char *copy;
    TRY(mem_dup(&copy, name));
    TRY(dataset_memory_keep(d->memory, copy));
    *c = (column){.name = copy, .side = (column_side)side, .kind = (column_kind)kind, .n = n};
    TRY(dataset_column_stem(&o->stem, c->side, name));
    const char *stem = o->stem.p;
    npy a;
    switch (c->kind) {
    case COLUMN_FLOAT:
        TRY(get(o, stem, ".value", NPY_F32, n, &a));
        c->value = a.data;
        return LOREC_OK;
    case COLUMN_TEXT:
        return get_names(o, stem, n, &c->words);
    case COLUMN_TOKEN:
        TRY(get_names(o, stem, UINT64_MAX, &c->words));
        return get_codes(o, stem, ".code", n, c->words.n, &c->code);
    case COLUMN_TOKEN_SEQ:
        TRY(get_names(o, stem, UINT64_MAX, &c->words));
        TRY(get_offsets(o, stem, ".first", n, &c->first));
        return get_codes(o, stem, ".code", c->first[n], c->words.n, &c->code);
    }
    return LOREC_OK;
}

static lorec_err get_columns(opening *o)
{
    dataset *d = o->d;
    const json_t *list = json_object_get(d->manifest, "columns");
    size_t n = json_array_size(list);
    TRY(mem_new(&d->columns, n));
    for (size_t i = 0; i < n; i++) {
        TRY(get_column(o, json_array_get(list, i), &d->columns[i]));
        d->n_columns = i + 1;
    }
    return LOREC_OK;
}

static lorec_err get_rows(opening *o, int64_t users, int64_t items, int64_t n)
{
    dataset *d = o->d;
    interactions *r = &d->rows;
    bool rated, timed;
    TRY(json_get_bool_or(d->manifest, "has_rating", false, &rated));
    TRY(json_get_bool_or(d->manifest, "has_time", false, &timed));
    *r = (interactions){.n_users = (uint32_t)users, .n_items = (uint32_t)items, .n = (uint64_t)n};
    npy a;
    TRY(get_offsets(o, "start", "", (uint64_t)users, &r->start));
    if (r->start[users] != r->n) return damaged(o);
    TRY(get_codes(o, "item", "", r->n, r->n_items, &r->item));
    if (rated) {
        TRY(get(o, "rating", "", NPY_F32, r->n, &a));
        r->rating = a.data;
    }
    if (timed) {
        TRY(get(o, "time", "", NPY_I64, r->n, &a));
        r->time = a.data;
    }
    TRY(get_names(o, "user_ids", (uint64_t)users, &d->user_ids));
    return get_names(o, "item_ids", (uint64_t)items, &d->item_ids);
}

static lorec_err get_triples(opening *o)
{
    knowledge *kg = &o->d->kg;
    int64_t n;
    TRY(json_get_i64_or(o->d->manifest, "triples", 0, INT64_MAX, 0, &n));
    if (n == 0) return LOREC_OK;
    TRY(get_names(o, "kg.entities", UINT64_MAX, &kg->entities));
    TRY(get_names(o, "kg.relations", UINT64_MAX, &kg->relations));
    TRY(get_codes(o, "kg.head", "", (uint64_t)n, kg->entities.n, &kg->head));
    TRY(get_codes(o, "kg.relation", "", (uint64_t)n, kg->relations.n, &kg->relation));
    TRY(get_codes(o, "kg.tail", "", (uint64_t)n, kg->entities.n, &kg->tail));
    kg->n = (uint64_t)n;
    return LOREC_OK;
}

static lorec_err open_all(opening *o)
{
    dataset *d = o->d;
    TRY(dataset_memory_new(d));
    TRY(path_join(&o->path, o->folder, "manifest.json"));
    if (folder_exists(o->folder) && !file_exists(o->path.p))
        return err_set(LOREC_INPUT,
                       "%s: is not a prepared data set (no manifest.json); make one with `lorec data import`",
                       o->folder);
    TRY(json_read(&d->manifest, o->path.p));
    int64_t schema, users, items, n;
    const char *name, *sha256;
    lorec_err e = json_get_i64(d->manifest, "schema", 1, INT64_MAX, &schema);
    if (!e && schema > DATASET_SCHEMA)
        return err_set(LOREC_INPUT, "%s: made by a newer lorec (schema %lld, this one reads %d); update lorec",
                       o->path.p, (long long)schema, DATASET_SCHEMA);
    if (!e) e = json_get_i64(d->manifest, "users", 1, UINT32_MAX - 1, &users);
    if (!e) e = json_get_i64(d->manifest, "items", 1, UINT32_MAX - 1, &items);
    if (!e) e = json_get_i64(d->manifest, "interactions", 1, UINT32_MAX - 1, &n);
    if (!e) e = json_get_string(d->manifest, "name", &name);
    if (!e) e = json_get_string(d->manifest, "sha256", &sha256);
    if (e) return err_context(e, "%s", o->path.p);
    if (strlen(sha256) != 64) return err_set(LOREC_INPUT, "%s: \"sha256\" is not 64 digits", o->path.p);
    memcpy(d->sha256, sha256, 65);
    TRY(mem_dup(&d->name, name));
    TRY(get_rows(o, users, items, n));
    TRY(get_columns(o));
    return get_triples(o);
}

lorec_err dataset_open(dataset *d, const char *folder)
{
    *d = (dataset){0};
    opening o = {.d = d, .folder = folder};
    lorec_err e = open_all(&o);
    buf_free(&o.path);
    buf_free(&o.stem);
    if (e) dataset_close(d);
    return e;
}

#include "data/subset.h"

#include "base/mem.h"
#include "data/dataset_memory.h"

void selection_free(selection *keep)
{
    mem_free(keep->rows);
    mem_free(keep->users);
    mem_free(keep->items);
    *keep = (selection){0};
}

#define kept(memory, out, n) (mem_new((out), (n)) ? LOREC_RESOURCE : dataset_memory_keep((memory), *(out)))

/* Which entries of something to take: rows are 64-bit numbers, users and items 32. */
typedef struct chosen {
    const uint64_t *rows;
    const uint32_t *few;
    uint64_t n;
} chosen;

static uint64_t chosen_at(const chosen *c, uint64_t i)
{
    return c->rows ? c->rows[i] : c->few[i];
}

static lorec_err subset_names(struct dataset_memory *m, const names *v, const chosen *c, names *out)
{
    uint64_t *start;
    char *bytes;
    if (c->n > UINT32_MAX) return err_set(LOREC_RESOURCE, "more than %u texts", UINT32_MAX);
    TRY(kept(m, &start, c->n + 1));
    for (uint64_t i = 0; i < c->n; i++) start[i + 1] = start[i] + names_at(v, (uint32_t)chosen_at(c, i)).n;
    TRY(kept(m, &bytes, start[c->n] + 1));
    for (uint64_t i = 0; i < c->n; i++) {
        slice s = names_at(v, (uint32_t)chosen_at(c, i));
        if (s.n) memcpy(bytes + start[i], s.p, s.n);
    }
    *out = (names){(uint32_t)c->n, start, bytes};
    return LOREC_OK;
}

/* Words of a vocabulary are kept whole, so that codes mean the same in both sets. */
static lorec_err copy_names(struct dataset_memory *m, const names *v, names *out)
{
    uint64_t *start;
    char *bytes;
    TRY(kept(m, &start, (size_t)v->n + 1));
    TRY(kept(m, &bytes, v->start[v->n] + 1));
    memcpy(start, v->start, ((size_t)v->n + 1) * sizeof *start);
    if (v->start[v->n]) memcpy(bytes, v->bytes, v->start[v->n]);
    *out = (names){v->n, start, bytes};
    return LOREC_OK;
}

static lorec_err subset_sequences(struct dataset_memory *m, const column *c, const chosen *k, column *out)
{
    uint64_t *first;
    uint32_t *code;
    TRY(kept(m, &first, k->n + 1));
    for (uint64_t i = 0; i < k->n; i++)
        first[i + 1] = first[i] + c->first[chosen_at(k, i) + 1] - c->first[chosen_at(k, i)];
    TRY(kept(m, &code, first[k->n] + 1));
    for (uint64_t i = 0; i < k->n; i++) {
        uint64_t n = first[i + 1] - first[i];
        if (n) memcpy(code + first[i], c->code + c->first[chosen_at(k, i)], n * sizeof *code);
    }
    out->first = first;
    out->code = code;
    return LOREC_OK;
}

static lorec_err subset_column(struct dataset_memory *m, const column *c, const chosen *k, column *out)
{
    char *name;
    TRY(mem_dup(&name, c->name));
    TRY(dataset_memory_keep(m, name));
    *out = (column){.name = name, .side = c->side, .kind = c->kind, .n = k->n};
    if (c->kind == COLUMN_TEXT) return subset_names(m, &c->words, k, &out->words);
    if (c->kind == COLUMN_FLOAT) {
        float *value;
        TRY(kept(m, &value, k->n));
        for (uint64_t i = 0; i < k->n; i++) value[i] = c->value[chosen_at(k, i)];
        out->value = value;
        return LOREC_OK;
    }
    TRY(copy_names(m, &c->words, &out->words));
    if (c->kind == COLUMN_TOKEN_SEQ) return subset_sequences(m, c, k, out);
    uint32_t *code;
    TRY(kept(m, &code, k->n));
    for (uint64_t i = 0; i < k->n; i++) code[i] = c->code[chosen_at(k, i)];
    out->code = code;
    return LOREC_OK;
}

static lorec_err subset_rows(dataset *out, const dataset *d, const selection *keep)
{
    const interactions *r = &d->rows;
    struct dataset_memory *m = out->memory;
    uint64_t *start;
    uint32_t *item, *new_item = NULL;
    float *rating = NULL;
    int64_t *time = NULL;
    TRY(kept(m, &start, (size_t)keep->n_users + 1));
    TRY(kept(m, &item, keep->n_rows));
    if (r->rating) TRY(kept(m, &rating, keep->n_rows));
    if (r->time) TRY(kept(m, &time, keep->n_rows));
    TRY(mem_new(&new_item, r->n_items));
    for (uint32_t i = 0; i < keep->n_items; i++) new_item[keep->items[i]] = i;
    for (uint64_t i = 0; i < keep->n_rows; i++) {
        uint64_t from = keep->rows[i];
        item[i] = new_item[r->item[from]];
        if (rating) rating[i] = r->rating[from];
        if (time) time[i] = r->time[from];
    }
    mem_free(new_item);
    uint64_t at = 0;
    for (uint32_t u = 0; u < keep->n_users; u++) { /* rows and users ascend together */
        uint64_t end = r->start[keep->users[u] + 1];
        while (at < keep->n_rows && keep->rows[at] < end) at++;
        start[u + 1] = at;
    }
    out->rows = (interactions){.n_users = keep->n_users,
                               .n_items = keep->n_items,
                               .n = keep->n_rows,
                               .start = start,
                               .item = item,
                               .rating = rating,
                               .time = time};
    return LOREC_OK;
}

static lorec_err copy_codes(struct dataset_memory *m, const uint32_t *v, uint64_t n, const uint32_t **out)
{
    uint32_t *copy;
    TRY(kept(m, &copy, n));
    memcpy(copy, v, n * sizeof *copy);
    *out = copy;
    return LOREC_OK;
}

static lorec_err copy_knowledge(struct dataset_memory *m, const knowledge *kg, knowledge *out)
{
    if (!kg->n) return LOREC_OK;
    TRY(copy_names(m, &kg->entities, &out->entities));
    TRY(copy_names(m, &kg->relations, &out->relations));
    TRY(copy_codes(m, kg->head, kg->n, &out->head));
    TRY(copy_codes(m, kg->relation, kg->n, &out->relation));
    TRY(copy_codes(m, kg->tail, kg->n, &out->tail));
    out->n = kg->n;
    return LOREC_OK;
}

static lorec_err subset(dataset *out, const dataset *d, const selection *keep)
{
    TRY(dataset_memory_new(out));
    TRY(mem_dup(&out->name, d->name));
    TRY(subset_rows(out, d, keep));
    chosen by_side[3] = {[SIDE_USER] = {NULL, keep->users, keep->n_users},
                         [SIDE_ITEM] = {NULL, keep->items, keep->n_items},
                         [SIDE_ROW] = {keep->rows, NULL, keep->n_rows}};
    TRY(subset_names(out->memory, &d->user_ids, &by_side[SIDE_USER], &out->user_ids));
    TRY(subset_names(out->memory, &d->item_ids, &by_side[SIDE_ITEM], &out->item_ids));
    TRY(mem_new(&out->columns, d->n_columns));
    for (size_t i = 0; i < d->n_columns; i++) {
        TRY(subset_column(out->memory, &d->columns[i], &by_side[d->columns[i].side], &out->columns[i]));
        out->n_columns = i + 1;
    }
    TRY(copy_knowledge(out->memory, &d->kg, &out->kg));
    TRY(dataset_hash(out));
    out->manifest = json_deep_copy(d->manifest);
    TRY(json_put(out->manifest, "users", json_integer(keep->n_users)));
    TRY(json_put(out->manifest, "items", json_integer(keep->n_items)));
    TRY(json_put(out->manifest, "interactions", json_integer((json_int_t)keep->n_rows)));
    return json_put(out->manifest, "sha256", json_string(out->sha256));
}

lorec_err dataset_subset(dataset *out, const dataset *d, const selection *keep)
{
    *out = (dataset){0};
    lorec_err e = subset(out, d, keep);
    if (e) dataset_close(out);
    return e;
}

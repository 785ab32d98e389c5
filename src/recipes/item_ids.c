#include "recipes/item_ids.h"

#include "base/mem.h"
#include "rec/arrays.h"
#include "recipes/item_tree.h"
#include "tensor/rng.h"

const char *const item_ids_schemes[] = {"sequential",    "train",    "random", "independent",
                                        "collaborative", "semantic", NULL};

void item_ids_free(item_ids *w)
{
    mem_free(w->token);
    mem_free(w->start);
    *w = (item_ids){0};
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------- */

size_t digits_write(uint32_t number, int32_t *token)
{
    char text[16];
    size_t length = (size_t)snprintf(text, sizeof text, "%u", number), n = 0;
    for (size_t i = 0; i < length; i += 2) {
        int first = text[i] - '0';
        token[n++] = i + 1 < length ? 10 * first + (text[i + 1] - '0') : 100 + first;
    }
    return n;
}

lorec_err items_by_visit(const interactions *rows, uint64_t seed, uint32_t *number)
{
    bool *met;
    uint32_t next = 0, unmet = 0, *left = NULL;
    TRY(mem_new(&met, rows->n_items));
    lorec_err e = mem_new(&left, rows->n_items);
    for (uint64_t r = 0; r < rows->n && !e; r++) {
        uint32_t item = rows->item[r];
        if (met[item]) continue;
        met[item] = true;
        number[item] = next++;
    }
    for (uint32_t i = 0; i < rows->n_items && !e; i++)
        if (!met[i]) left[unmet++] = i;
    rng r = rng_make(seed, RNG_CODES);
    if (unmet) rng_shuffle(&r, left, unmet);
    for (uint32_t i = 0; i < unmet; i++) number[left[i]] = next++;
    mem_free(met);
    mem_free(left);
    return e;
}

static lorec_err write_numbers(item_ids *w, const uint32_t *number)
{
    w->n_tokens = DIGIT_TOKENS;
    TRY(mem_new(&w->token, (size_t)w->n * DIGITS_LONGEST));
    for (uint32_t i = 0; i < w->n; i++)
        w->start[i + 1] = w->start[i] + digits_write(number[i] + 1, w->token + w->start[i]);
    return LOREC_OK;
}

static lorec_err numbered(item_ids *w, item_ids_scheme scheme, const interactions *rows, uint64_t seed)
{
    uint32_t *number;
    lorec_err e = LOREC_OK;
    TRY(mem_new(&number, w->n));
    for (uint32_t i = 0; i < w->n; i++) number[i] = i;
    if (scheme == ITEM_IDS_RANDOM) {
        rng r = rng_make(seed, RNG_CODES);
        rng_shuffle(&r, number, w->n);
    } else
        e = items_by_visit(rows, seed, number);
    if (!e) e = write_numbers(w, number);
    mem_free(number);
    return e;
}

static lorec_err independent(item_ids *w)
{
    w->n_tokens = w->n;
    TRY(mem_new(&w->token, w->n));
    for (uint32_t i = 0; i < w->n; i++) {
        w->token[i] = (int32_t)i;
        w->start[i + 1] = i + 1;
    }
    return LOREC_OK;
}

/* ---- all -------------------------------------------------------------------------------------------------------------- */

lorec_err item_ids_make(item_ids *out, const item_ids_options *o, const split *s, const interactions *train,
                        const catalogue *c, uint64_t seed)
{
    *out = (item_ids){.n = train->n_items};
    lorec_err e = LOREC_USAGE;
    if (out->n >= INT32_MAX / 4) return err_set(LOREC_RESOURCE, "%u items are too many to be written", out->n);
    TRY(mem_new(&out->start, (size_t)out->n + 1));
    switch (o->scheme) {
    case ITEM_IDS_SEQUENTIAL:
        e = numbered(out, o->scheme, s ? &s->data->rows : train, seed);
        break;
    case ITEM_IDS_TRAIN:
    case ITEM_IDS_RANDOM:
        e = numbered(out, o->scheme, train, seed);
        break;
    case ITEM_IDS_INDEPENDENT:
        e = independent(out);
        break;
    case ITEM_IDS_COLLABORATIVE:
        e = item_tree_of_users(out, train, o->branches ? o->branches : 20, o->leaf ? o->leaf : 100, seed);
        break;
    case ITEM_IDS_SEMANTIC:
        e = item_tree_of_categories(out, c);
        break;
    }
    if (e) item_ids_free(out);
    return e;
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

lorec_err item_ids_save(const item_ids *w, const char *folder)
{
    int64_t tokens = (int64_t)w->start[w->n], starts = (int64_t)w->n + 1;
    TRY(array_save(folder, "item_ids", NPY_I32, 1, &tokens, w->token));
    return array_save(folder, "item_ids_start", NPY_U64, 1, &starts, w->start);
}

lorec_err item_ids_load(item_ids *out, const char *folder)
{
    uint32_t tokens, starts = 0;
    *out = (item_ids){0};
    lorec_err e = array_load_count((void **)&out->token, folder, "item_ids", NPY_I32, &tokens);
    if (!e) e = array_load_count((void **)&out->start, folder, "item_ids_start", NPY_U64, &starts);
    bool right = !e && starts >= 1 && out->start[0] == 0 && out->start[starts - 1] == tokens;
    for (uint32_t i = 1; i < starts && right; i++) right = out->start[i] > out->start[i - 1];
    for (uint32_t k = 0; k < tokens && right; k++) {
        right = out->token[k] >= 0 && out->token[k] < INT32_MAX / 2;
        if (right && (uint32_t)out->token[k] >= out->n_tokens) out->n_tokens = (uint32_t)out->token[k] + 1;
    }
    if (!e && !right)
        e = err_set(LOREC_INPUT, "%s/item_ids.npy and its starts do not fit together; train again", folder);
    out->n = starts ? starts - 1 : 0;
    if (e) item_ids_free(out);
    return e;
}

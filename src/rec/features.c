#include "rec/features.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rec/arrays.h"

enum { NUMBER_BINS = 32 };

void features_free(features *f)
{
    for (size_t i = 0; i < f->n; i++) {
        mem_free(f->field[i].name);
        mem_free(f->field[i].first);
        mem_free(f->field[i].code);
    }
    mem_free(f->field);
    *f = (features){0};
}

static lorec_err field_begin(feature_field *out, const char *name, column_side side, uint32_t n)
{
    *out = (feature_field){.side = side, .n = n};
    return mem_dup(&out->name, name);
}

/* One bag a row, [n + 1] starts and room for the given number of codes. */
static lorec_err field_bags(feature_field *f, uint64_t codes)
{
    TRY(mem_new(&f->first, (size_t)f->n + 1));
    return mem_new(&f->code, codes);
}

/* Word 0 of a column is the missing one, which is what code 0 means here. */
static lorec_err field_words(feature_field *f, const column *c)
{
    f->vocab = c->words.n ? c->words.n : 1;
    bool lists = c->kind == COLUMN_TOKEN_SEQ;
    TRY(field_bags(f, lists ? c->first[c->n] : c->n));
    for (uint32_t i = 0; i <= f->n; i++) f->first[i] = lists ? c->first[i] : i;
    if (f->first[f->n]) memcpy(f->code, c->code, f->first[f->n] * sizeof *f->code);
    return LOREC_OK;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Bin edges at the quantiles of what is there; equal values share a bin. */
static lorec_err field_numbers(feature_field *f, const column *c)
{
    float *sorted, edge[NUMBER_BINS];
    uint32_t n = 0, edges = 0;
    TRY(mem_new(&sorted, f->n));
    for (uint32_t i = 0; i < f->n; i++) {
        if (!isnan(c->value[i])) sorted[n++] = c->value[i];
    }
    if (n) qsort(sorted, n, sizeof *sorted, by_value);
    for (uint32_t b = 1; b < NUMBER_BINS && n; b++) {
        float at = sorted[(uint64_t)b * n / NUMBER_BINS];
        if (edges == 0 ? at > sorted[0] : at > edge[edges - 1]) edge[edges++] = at;
    }
    mem_free(sorted);
    f->vocab = edges + 2;
    TRY(field_bags(f, f->n));
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t bin = 0;
        while (bin < edges && c->value[i] >= edge[bin]) bin++;
        f->first[i + 1] = i + 1;
        f->code[i] = isnan(c->value[i]) ? 0 : bin + 1;
    }
    return LOREC_OK;
}

static lorec_err field_make(feature_field *f, const column *c)
{
    TRY(field_begin(f, c->name, c->side, (uint32_t)c->n));
    return c->kind == COLUMN_FLOAT ? field_numbers(f, c) : field_words(f, c);
}

/* Offsets into the shared table, and the most codes that a pair can have (an empty bag becomes one code 0). */
static lorec_err features_lay_out(features *f)
{
    uint64_t total = 0;
    f->longest = 0;
    for (size_t i = 0; i < f->n; i++) {
        feature_field *field = &f->field[i];
        field->offset = (uint32_t)total;
        total += field->vocab;
        if (total > INT32_MAX) return err_set(LOREC_RESOURCE, "the features have more than 2^31 different values");
        uint64_t most = 1;
        for (uint32_t r = 0; field->first && r < field->n; r++) {
            uint64_t n = field->first[r + 1] - field->first[r];
            if (n > most) most = n;
        }
        f->longest += most;
    }
    f->total = (uint32_t)total;
    return LOREC_OK;
}

static lorec_err features_fields(features *f, const dataset *d)
{
    TRY(mem_new(&f->field, d->n_columns + 2));
    TRY(field_begin(&f->field[f->n++], "user_id", SIDE_USER, f->n_users));
    TRY(field_begin(&f->field[f->n++], "item_id", SIDE_ITEM, f->n_items));
    f->field[0].vocab = f->n_users + 1;
    f->field[1].vocab = f->n_items + 1;
    for (size_t i = 0; i < d->n_columns; i++) {
        const column *c = &d->columns[i];
        if (c->kind == COLUMN_TEXT || c->side == SIDE_ROW) continue;
        TRY(field_make(&f->field[f->n++], c));
    }
    return features_lay_out(f);
}

lorec_err features_make(features *f, const dataset *d)
{
    *f = (features){.n_users = d->rows.n_users, .n_items = d->rows.n_items};
    lorec_err e = features_fields(f, d);
    if (e) features_free(f);
    return e;
}

int32_t features_item_code(const features *f, uint32_t item)
{
    return (int32_t)(f->field[1].offset + (item < f->n_items ? item + 1 : 0));
}

int64_t features_fill(const features *f, const pair *p, size_t n, int32_t *code, int32_t *lengths)
{
    int64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < f->n; j++) {
            const feature_field *field = &f->field[j];
            uint32_t row = field->side == SIDE_USER ? p[i].user : p[i].item;
            bool known = row < field->n;
            int64_t begin = at;
            if (!field->first) code[at++] = (int32_t)(field->offset + (known ? row + 1 : 0));
            for (uint64_t c = known && field->first ? field->first[row] : 0;
                 known && field->first && c < field->first[row + 1]; c++)
                code[at++] = (int32_t)(field->offset + field->code[c]);
            if (at == begin) code[at++] = (int32_t)field->offset;
            lengths[i * f->n + j] = (int32_t)(at - begin);
        }
    }
    return at;
}

static lorec_err field_save(const feature_field *f, size_t i, const char *folder)
{
    char name[64];
    if (!f->first) return LOREC_OK;
    snprintf(name, sizeof name, "feature-%zu.first", i);
    TRY(array_save(folder, name, NPY_U64, 1, (int64_t[]){(int64_t)f->n + 1}, f->first));
    snprintf(name, sizeof name, "feature-%zu.code", i);
    return array_save(folder, name, NPY_U32, 1, (int64_t[]){(int64_t)f->first[f->n]}, f->code);
}

lorec_err features_save(const features *f, const char *folder)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < f->n; i++) {
        const feature_field *field = &f->field[i];
        lorec_err e = field_save(field, i, folder);
        if (e) {
            json_decref(fields);
            return e;
        }
        json_array_append_new(fields, json_pack("{s:s, s:i, s:I, s:I, s:b}", "name", field->name, "side",
                                                (int)field->side, "n", (json_int_t)field->n, "vocab",
                                                (json_int_t)field->vocab, "bags", field->first != NULL));
    }
    json_t *tree = json_pack("{s:I, s:I, s:o}", "users", (json_int_t)f->n_users, "items", (json_int_t)f->n_items,
                             "fields", fields);
    buf path = {0};
    lorec_err e = path_join(&path, folder, "features.json");
    if (e == LOREC_OK) e = json_write(tree, path.p);
    buf_free(&path);
    json_decref(tree);
    return e;
}

static lorec_err field_load(feature_field *f, size_t i, const json_t *o, const char *folder)
{
    const char *name;
    int64_t side, n, vocab, starts, codes;
    bool bags;
    char file[64];
    TRY(json_get_string(o, "name", &name));
    TRY(json_get_i64(o, "side", SIDE_USER, SIDE_ITEM, &side));
    TRY(json_get_i64(o, "n", 0, UINT32_MAX - 1, &n));
    TRY(json_get_i64(o, "vocab", 1, INT32_MAX, &vocab));
    TRY(json_get_bool_or(o, "bags", false, &bags));
    TRY(field_begin(f, name, (column_side)side, (uint32_t)n));
    f->vocab = (uint32_t)vocab;
    if (!bags) return vocab == n + 1 ? LOREC_OK : err_set(LOREC_INPUT, "the field %s is damaged", name);
    snprintf(file, sizeof file, "feature-%zu.first", i);
    TRY(array_load((void **)&f->first, folder, file, NPY_U64, 1, &starts));
    snprintf(file, sizeof file, "feature-%zu.code", i);
    TRY(array_load((void **)&f->code, folder, file, NPY_U32, 1, &codes));
    bool fits = starts == n + 1 && f->first[0] == 0 && f->first[n] == (uint64_t)codes;
    for (int64_t r = 0; r < n && fits; r++) fits = f->first[r] <= f->first[r + 1];
    for (int64_t c = 0; c < codes && fits; c++) fits = f->code[c] < f->vocab;
    return fits ? LOREC_OK : err_set(LOREC_INPUT, "the field %s is damaged; train the model again", name);
}

static lorec_err features_read(features *f, const json_t *tree, const char *folder)
{
    int64_t users, items;
    TRY(json_get_i64(tree, "users", 0, UINT32_MAX - 1, &users));
    TRY(json_get_i64(tree, "items", 0, UINT32_MAX - 1, &items));
    f->n_users = (uint32_t)users;
    f->n_items = (uint32_t)items;
    const json_t *fields = json_object_get(tree, "fields");
    size_t n = json_array_size(fields);
    if (n < 2) return err_set(LOREC_INPUT, "fewer than two fields");
    TRY(mem_new(&f->field, n));
    for (size_t i = 0; i < n; i++) {
        f->n++;
        TRY(field_load(&f->field[i], i, json_array_get(fields, i), folder));
    }
    return features_lay_out(f);
}

lorec_err features_load(features *f, const char *folder)
{
    *f = (features){0};
    buf path = {0};
    json_t *tree = NULL;
    lorec_err e = path_join(&path, folder, "features.json");
    if (e == LOREC_OK) e = json_read(&tree, path.p);
    if (e == LOREC_OK && (e = features_read(f, tree, folder))) e = err_context(e, "%s", path.p);
    json_decref(tree);
    buf_free(&path);
    if (e) features_free(f);
    return e;
}

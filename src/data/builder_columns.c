#include <math.h>

#include "base/mem.h"
#include "data/builder.h"
#include "data/dataset_memory.h"

void growing_column_free(growing_column *c)
{
    mem_free(c->name);
    mem_free(c->who);
    ids_free(&c->words);
    mem_free(c->code);
    mem_free(c->first);
    mem_free(c->text);
    mem_free(c->value);
    *c = (growing_column){0};
}

static lorec_err column_get(dataset_builder *b, column_side side, const char *name, column_kind kind,
                            growing_column **out)
{
    for (size_t i = 0; i < b->n_columns; i++) {
        growing_column *c = &b->columns[i];
        if (c->side != side || strcmp(c->name, name) != 0) continue;
        if (c->kind != kind)
            return err_set(LOREC_INPUT, "the %s column \"%s\" is %s in one place and %s in another; rename one of them",
                           column_side_word(side), name, column_kind_word(c->kind), column_kind_word(kind));
        *out = c;
        return LOREC_OK;
    }
    TRY(mem_grow(&b->columns, &b->columns_cap, b->n_columns + 1));
    growing_column *c = &b->columns[b->n_columns];
    *c = (growing_column){.side = side, .kind = kind};
    TRY(mem_dup(&c->name, name));
    b->n_columns++; /* from here on the builder frees it */
    uint32_t none;
    if (kind == COLUMN_TOKEN || kind == COLUMN_TOKEN_SEQ) TRY(ids_add(&c->words, slice_of(""), &none));
    *out = c;
    return LOREC_OK;
}

static lorec_err first_push(growing_column *c, uint64_t end)
{
    TRY(mem_grow(&c->first, &c->first_cap, c->n + 2));
    if (c->n == 0) c->first[0] = 0;
    c->first[c->n + 1] = end;
    return LOREC_OK;
}

static lorec_err sequence_push(growing_column *c, slice value, char separator)
{
    uint64_t at = c->n ? c->first[c->n] : 0;
    while (value.n) {
        slice word = slice_trim(slice_cut(&value, separator));
        if (!word.n) continue;
        TRY(mem_grow(&c->code, &c->code_cap, at + 1));
        TRY(ids_add(&c->words, word, &c->code[at]));
        at++;
    }
    return first_push(c, at);
}

static lorec_err text_push(growing_column *c, slice value)
{
    uint64_t at = c->n ? c->first[c->n] : 0;
    TRY(mem_grow(&c->text, &c->text_cap, at + value.n + 1));
    if (value.n) memcpy(c->text + at, value.p, value.n);
    return first_push(c, at + value.n);
}

static lorec_err float_push(growing_column *c, slice value)
{
    double number = NAN;
    value = slice_trim(value);
    if (value.n && !slice_to_f64(value, &number))
        return err_set(LOREC_INPUT, "\"%.*s\" in the column \"%s\" is not a number", (int)(value.n < 60 ? value.n : 60),
                       value.p, c->name);
    TRY(mem_grow(&c->value, &c->value_cap, c->n + 1));
    c->value[c->n] = (float)number;
    return LOREC_OK;
}

lorec_err dataset_builder_cell(dataset_builder *b, column_side side, const char *name, column_kind kind, slice who,
                               slice value, char separator)
{
    growing_column *c;
    TRY(column_get(b, side, name, kind, &c));
    if (c->n >= UINT32_MAX - 1) return err_set(LOREC_RESOURCE, "too many cells in the column \"%s\"", name);
    TRY(mem_grow(&c->who, &c->who_cap, c->n + 1));
    if (side == SIDE_ROW) {
        if (b->n == 0) return err_set(LOREC_USAGE, "a cell of the row column \"%s\" came before any row", name);
        c->who[c->n] = (uint32_t)(b->n - 1);
    } else {
        TRY(ids_add(side == SIDE_USER ? &b->cell_users : &b->cell_items, who, &c->who[c->n]));
    }
    switch (kind) {
    case COLUMN_TOKEN:
        TRY(mem_grow(&c->code, &c->code_cap, c->n + 1));
        TRY(ids_add(&c->words, value, &c->code[c->n]));
        break;
    case COLUMN_TOKEN_SEQ:
        TRY(sequence_push(c, value, separator));
        break;
    case COLUMN_FLOAT:
        TRY(float_push(c, value));
        break;
    case COLUMN_TEXT:
        TRY(text_push(c, value));
        break;
    }
    c->n++;
    return LOREC_OK;
}

lorec_err builder_mark_rows(dataset_builder *b, const char *name, uint64_t from, uint64_t to, const char *word)
{
    growing_column *c;
    TRY(column_get(b, SIDE_ROW, name, COLUMN_TOKEN, &c));
    size_t n = c->n + (size_t)(to - from);
    TRY(mem_grow(&c->who, &c->who_cap, n));
    TRY(mem_grow(&c->code, &c->code_cap, n));
    uint32_t code;
    TRY(ids_add(&c->words, slice_of(word), &code));
    for (uint64_t row = from; row < to; row++, c->n++) {
        c->who[c->n] = (uint32_t)row;
        c->code[c->n] = code;
    }
    return LOREC_OK;
}

/* ---- freezing ------------------------------------------------------------------------------------------------------ */

/* cell[i]: 1 + the last cell about entity i, 0 where there is none. */
static lorec_err last_cells(const growing_column *c, const uint32_t *number, uint64_t n, uint32_t **out)
{
    TRY(mem_new(out, n));
    for (size_t k = 0; k < c->n; k++) {
        uint32_t i = number[c->who[k]];
        if (i < n) (*out)[i] = (uint32_t)k + 1;
    }
    return LOREC_OK;
}

static lorec_err keep_words(growing_column *c, struct dataset_memory *memory, column *out)
{
    out->words = (names){c->words.n, c->words.start, c->words.bytes};
    uint64_t *start = c->words.start;
    char *bytes = c->words.bytes;
    c->words.start = NULL, c->words.bytes = NULL;
    lorec_err e = dataset_memory_keep(memory, start);
    lorec_err e2 = dataset_memory_keep(memory, bytes);
    return e ? e : e2;
}

static lorec_err finish_token(growing_column *c, const uint32_t *cell, uint64_t n, struct dataset_memory *memory,
                              column *out)
{
    uint32_t *code;
    TRY(mem_new(&code, n));
    TRY(dataset_memory_keep(memory, code));
    for (uint64_t i = 0; i < n; i++) code[i] = cell[i] ? c->code[cell[i] - 1] : 0;
    out->code = code;
    return keep_words(c, memory, out);
}

static lorec_err finish_float(const growing_column *c, const uint32_t *cell, uint64_t n, struct dataset_memory *memory,
                              column *out)
{
    float *value;
    TRY(mem_new(&value, n));
    TRY(dataset_memory_keep(memory, value));
    for (uint64_t i = 0; i < n; i++) value[i] = cell[i] ? c->value[cell[i] - 1] : NAN;
    out->value = value;
    return LOREC_OK;
}

static lorec_err ranges(const growing_column *c, const uint32_t *cell, uint64_t n, struct dataset_memory *memory,
                        uint64_t **out)
{
    TRY(mem_new(out, n + 1));
    TRY(dataset_memory_keep(memory, *out));
    uint64_t *start = *out;
    for (uint64_t i = 0; i < n; i++) {
        start[i + 1] = start[i] + (cell[i] ? c->first[cell[i]] - c->first[cell[i] - 1] : 0);
    }
    return LOREC_OK;
}

static lorec_err finish_sequence(growing_column *c, const uint32_t *cell, uint64_t n, struct dataset_memory *memory,
                                 column *out)
{
    uint64_t *first;
    TRY(ranges(c, cell, n, memory, &first));
    uint32_t *code;
    TRY(mem_new(&code, first[n] + 1)); /* never NULL, also where every list is empty */
    TRY(dataset_memory_keep(memory, code));
    for (uint64_t i = 0; i < n; i++) {
        uint64_t size = first[i + 1] - first[i];
        if (size) memcpy(code + first[i], c->code + c->first[cell[i] - 1], size * sizeof *code);
    }
    out->first = first;
    out->code = code;
    return keep_words(c, memory, out);
}

static lorec_err finish_text(const growing_column *c, const uint32_t *cell, uint64_t n, struct dataset_memory *memory,
                             column *out)
{
    uint64_t *start;
    if (n > UINT32_MAX) return err_set(LOREC_RESOURCE, "too many texts in the column \"%s\"", c->name);
    TRY(ranges(c, cell, n, memory, &start));
    char *bytes;
    TRY(mem_new(&bytes, start[n] + 1));
    TRY(dataset_memory_keep(memory, bytes));
    for (uint64_t i = 0; i < n; i++) {
        uint64_t size = start[i + 1] - start[i];
        if (size) memcpy(bytes + start[i], c->text + c->first[cell[i] - 1], size);
    }
    out->words = (names){(uint32_t)n, start, bytes};
    return LOREC_OK;
}

lorec_err growing_column_finish(growing_column *c, const uint32_t *number, uint64_t n, struct dataset_memory *memory,
                                column *out)
{
    *out = (column){.name = c->name, .side = c->side, .kind = c->kind, .n = n};
    char *name = c->name;
    c->name = NULL;
    TRY(dataset_memory_keep(memory, name));
    uint32_t *cell = NULL;
    lorec_err e = last_cells(c, number, n, &cell);
    if (!e && c->kind == COLUMN_TOKEN) e = finish_token(c, cell, n, memory, out);
    if (!e && c->kind == COLUMN_TOKEN_SEQ) e = finish_sequence(c, cell, n, memory, out);
    if (!e && c->kind == COLUMN_FLOAT) e = finish_float(c, cell, n, memory, out);
    if (!e && c->kind == COLUMN_TEXT) e = finish_text(c, cell, n, memory, out);
    mem_free(cell);
    return e;
}

#include "data/readers/json_rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

bool json_looks(slice head)
{
    head = slice_trim(head);
    if (head.n >= 3 && memcmp(head.p, "\xEF\xBB\xBF", 3) == 0) head = slice_trim((slice){head.p + 3, head.n - 3});
    if (head.n && head.p[0] == '[') head = slice_trim((slice){head.p + 1, head.n - 1});
    return head.n && head.p[0] == '{';
}

lorec_err json_rows_open(json_rows *j, const char *path)
{
    *j = (json_rows){0};
    TRY(mem_dup(&j->path, path));
    lorec_err e = lines_open(&j->in, path);
    if (!e) return LOREC_OK;
    mem_free(j->path);
    *j = (json_rows){0};
    return e;
}

/* JSON in which a quote of its own kind opens the first key; Python prints the other kind, or a u before it. */
static bool is_python(slice line)
{
    size_t i = 1;
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t')) i++;
    return i < line.n && (line.p[i] == '\'' || line.p[i] == 'u');
}

static lorec_err parse(json_rows *j, slice line)
{
    if (is_python(line)) {
        TRY(python_to_json(&j->text, line));
        line = (slice){j->text.p, j->text.n};
    }
    json_error_t why;
    j->object = json_loadb(line.p, line.n, JSON_ALLOW_NUL, &why);
    if (j->object && json_is_object(j->object)) return LOREC_OK;
    if (!j->object && json_error_code(&why) == json_error_out_of_memory)
        return err_set(LOREC_RESOURCE, "%s, line %zu: out of memory", j->path, j->in.number);
    if (!j->object)
        snprintf(j->why, sizeof j->why, "column %d: not a JSON object (%.150s)", why.column, why.text);
    else
        snprintf(j->why, sizeof j->why, "not a JSON object");
    j->fault = j->why;
    return LOREC_OK;
}

/* ---- one array ------------------------------------------------------------------------------------------------------------ */

static lorec_err array_open(json_rows *j, slice line)
{
    j->line = j->in.number;
    do {
        TRY(buf_add(&j->array, line.p, line.n));
        TRY(buf_add(&j->array, "\n", 1));
    } while (lines_next(&j->in, &line));
    j->at = 1;
    return LOREC_OK;
}

static char array_skip_blanks(json_rows *j)
{
    for (; j->at < j->array.n; j->at++) {
        char c = j->array.p[j->at];
        j->line += c == '\n';
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return c;
    }
    return 0;
}

/* The next element, if there is one. What is no JSON ends the file: where the next element begins is not known then. */
static lorec_err array_next(json_rows *j, bool *more)
{
    bool first = j->at == 1;
    char c = array_skip_blanks(j);
    *more = false;
    if (c == ',' && !first) {
        j->at++;
        c = array_skip_blanks(j);
    } else if (c == ']') {
        j->at++;
        if (!array_skip_blanks(j)) return LOREC_OK;
        return err_set(LOREC_INPUT, "%s, line %llu: text behind the end of the array", j->path,
                       (unsigned long long)j->line);
    } else if (!first)
        return err_set(LOREC_INPUT, "%s, line %llu: the array is not closed, or a comma is missing", j->path,
                       (unsigned long long)j->line);
    json_error_t why;
    const char *from = j->array.p + j->at;
    j->object = json_loadb(from, j->array.n - j->at, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &why);
    if (!j->object && json_error_code(&why) == json_error_out_of_memory)
        return err_set(LOREC_RESOURCE, "%s, line %llu: out of memory", j->path, (unsigned long long)j->line);
    if (!j->object)
        return err_set(LOREC_INPUT, "%s, line %llu: not a JSON object (%.150s)", j->path,
                       (unsigned long long)j->line + (unsigned long long)(why.line > 0 ? why.line - 1 : 0), why.text);
    for (int i = 0; i < why.position; i++) j->line += from[i] == '\n';
    j->at += (size_t)why.position;
    if (!json_is_object(j->object)) j->fault = "not a JSON object";
    *more = true;
    return LOREC_OK;
}

static bool array_row(json_rows *j)
{
    bool more;
    j->err = array_next(j, &more);
    return !j->err && more;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------- */

bool json_rows_next(json_rows *j)
{
    slice line;
    if (j->err) return false;
    json_decref(j->object);
    j->object = NULL;
    j->fault = NULL;
    if (j->at) return array_row(j);
    do {
        if (!lines_next(&j->in, &line)) return false;
        if (j->in.number == 1 && line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0) line.p += 3, line.n -= 3;
        line = slice_trim(line);
    } while (line.n == 0);
    bool first = !j->line;
    if (first && line.p[0] == '[') {
        j->err = array_open(j, line);
        return !j->err && array_row(j);
    }
    j->line = j->in.number;
    j->err = parse(j, line);
    return j->err == LOREC_OK;
}

lorec_err json_rows_close(json_rows *j)
{
    lorec_err e = j->err, closed = j->path ? lines_close(&j->in) : LOREC_OK;
    json_decref(j->object);
    mem_free(j->path);
    buf_free(&j->text);
    buf_free(&j->array);
    *j = (json_rows){0};
    return e ? e : closed;
}

const json_t *json_first(const json_t *object, const char *const *keys)
{
    for (; *keys; keys++) {
        const json_t *v = json_object_get(object, *keys);
        if (v && !json_is_null(v) && !(json_is_string(v) && json_string_length(v) == 0)) return v;
    }
    return NULL;
}

bool json_text(const json_t *v, char room[32], slice *out)
{
    if (json_is_string(v))
        *out = (slice){json_string_value(v), json_string_length(v)};
    else if (json_is_integer(v))
        *out = (slice){room, (size_t)snprintf(room, 32, "%lld", (long long)json_integer_value(v))};
    else
        return false;
    return out->n > 0 && !memchr(out->p, 0, out->n);
}

/* ---- an item's metadata ---------------------------------------------------------------------------------------------------- */

static const char *const item_keys[] = {"parent_asin", "asin",    "item_id", "product_id",
                                        "business_id", "book_id", "id",      NULL};

const char *const *json_item_keys(void)
{
    return item_keys;
}

static const struct item_field {
    const char *key, *column;
    column_kind kind;
} item_fields[] = {{"title", "title", COLUMN_TEXT},
                   {"app_name", "title", COLUMN_TEXT},
                   {"name", "title", COLUMN_TEXT},
                   {"description", "description", COLUMN_TEXT},
                   {"brand", "brand", COLUMN_TOKEN},
                   {"store", "brand", COLUMN_TOKEN},
                   {"developer", "brand", COLUMN_TOKEN},
                   {"price", "price", COLUMN_FLOAT},
                   {"main_category", "main_category", COLUMN_TOKEN},
                   {"main_cat", "main_category", COLUMN_TOKEN},
                   {"categories", "categories", COLUMN_TOKEN_SEQ},
                   {"category", "categories", COLUMN_TOKEN_SEQ},
                   {"genres", "genres", COLUMN_TOKEN_SEQ},
                   {"tags", "tags", COLUMN_TOKEN_SEQ},
                   {"release_date", "release_date", COLUMN_TOKEN}};
enum { ITEM_FIELDS = sizeof item_fields / sizeof *item_fields, DEPTH_MAX = 8 };

static lorec_err flatten(buf *out, const json_t *v, char between, int depth)
{
    if (json_is_string(v)) {
        if (json_string_length(v) == 0) return LOREC_OK;
        TRY(buf_add(out, json_string_value(v), json_string_length(v)));
        return buf_add(out, &between, 1);
    }
    size_t i;
    json_t *one;
    if (json_is_array(v) && depth < DEPTH_MAX) {
        json_array_foreach((json_t *)v, i, one) TRY(flatten(out, one, between, depth + 1));
    }
    return LOREC_OK;
}

lorec_err json_flatten(buf *out, const json_t *v, char between)
{
    return flatten(out, v, between, 0);
}

/* 12.5, "12.50", "$12.50", "$5.00 - $9.00": the first number there is. */
static bool price_of(const json_t *v, char room[32], slice *out)
{
    double value;
    if (json_is_number(v))
        value = json_number_value(v);
    else if (json_is_string(v)) {
        const char *p = json_string_value(v) + strcspn(json_string_value(v), "0123456789");
        size_t n = strspn(p, "0123456789.,");
        char digits[32];
        size_t k = 0;
        for (size_t i = 0; i < n && k < 31; i++) {
            if (p[i] != ',') digits[k++] = p[i];
        }
        if (!slice_to_f64((slice){digits, k}, &value)) return false;
    } else
        return false;
    if (!isfinite(value) || fabs(value) > 1e12) return false;
    *out = (slice){room, (size_t)snprintf(room, 32, "%.6g", value)};
    return true;
}

lorec_err json_item_cells(dataset_builder *b, const json_t *object, slice who, buf *scratch)
{
    const char *done[ITEM_FIELDS]; /* of "title" and "app_name" the first that says something */
    int n_done = 0;
    for (int f = 0; f < ITEM_FIELDS; f++) {
        const struct item_field *x = &item_fields[f];
        const json_t *v = json_object_get(object, x->key);
        bool again = false;
        for (int k = 0; k < n_done; k++) again |= done[k] == x->column || strcmp(done[k], x->column) == 0;
        if (!v || again) continue;
        char room[32];
        slice value;
        if (x->kind == COLUMN_FLOAT) {
            if (!price_of(v, room, &value)) continue;
        } else {
            buf_clear(scratch);
            TRY(json_flatten(scratch, v, x->kind == COLUMN_TOKEN_SEQ ? LIST_SEPARATOR : ' '));
            value = slice_trim((slice){scratch->p ? scratch->p : "", scratch->n});
            if (value.n == 0 || memchr(value.p, 0, value.n)) continue;
        }
        TRY(dataset_builder_cell(b, SIDE_ITEM, x->column, x->kind, who, value, LIST_SEPARATOR));
        done[n_done++] = x->column;
    }
    return LOREC_OK;
}

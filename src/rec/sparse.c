#include "rec/sparse.h"

#include "rec/arrays.h"

static lorec_err sparse_new(sparse *m, uint32_t rows, uint32_t cols, uint64_t n, bool values)
{
    *m = (sparse){.rows = rows, .cols = cols, .n = n};
    lorec_err e = mem_new(&m->start, (size_t)rows + 1);
    if (!e) e = mem_new(&m->col, n);
    if (!e && values) e = mem_new(&m->value, n);
    if (e) sparse_free(m);
    return e;
}

void sparse_free(sparse *m)
{
    mem_free(m->start);
    mem_free(m->col);
    mem_free(m->value);
    *m = (sparse){0};
}

/* One counting pass and one scattering pass: entries (row, col) to rows of `col`. Within a row of the result the order
 * of the source stays, so that scattering twice sorts both ways in linear time. row NULL: `from` says it. */
typedef struct entries {
    uint64_t n;
    const uint64_t *start; /* or NULL: row[] says it */
    const uint32_t *row, *col;
    const float *value;
} entries;

static lorec_err scatter(sparse *out, const entries *x, uint32_t rows, uint32_t cols)
{
    TRY(sparse_new(out, cols, rows, x->n, x->value));
    for (uint64_t i = 0; i < x->n; i++) out->start[x->col[i]]++;
    uint64_t at = 0;
    for (uint32_t c = 0; c <= cols; c++) {
        uint64_t count = out->start[c];
        out->start[c] = at;
        at += c < cols ? count : 0;
    }
    uint32_t r = 0;
    for (uint64_t i = 0; i < x->n; i++) {
        if (x->start)
            while (i >= x->start[r + 1]) r++;
        else
            r = x->row[i];
        uint64_t to = out->start[x->col[i]]++;
        out->col[to] = r;
        if (x->value) out->value[to] = x->value[i];
    }
    for (uint32_t c = cols; c > 0; c--) out->start[c] = out->start[c - 1]; /* each had moved on to its row's end */
    out->start[0] = 0;
    return LOREC_OK;
}

lorec_err sparse_transpose(sparse *out, const sparse *m)
{
    return scatter(out, &(entries){m->n, m->start, NULL, m->col, m->value}, m->rows, m->cols);
}

/* Adds up (or, for a binary matrix, drops) equal neighbours. */
static void merge_repeats(sparse *m)
{
    uint64_t to = 0, begin = 0;
    for (uint32_t r = 0; r < m->rows; r++) {
        uint64_t end = m->start[r + 1], first = to;
        for (uint64_t i = begin; i < end; i++) {
            bool repeat = to > first && m->col[to - 1] == m->col[i];
            if (repeat) {
                if (m->value) m->value[to - 1] += m->value[i];
                continue;
            }
            m->col[to] = m->col[i];
            if (m->value) m->value[to] = m->value[i];
            to++;
        }
        begin = end;
        m->start[r + 1] = to;
    }
    m->n = to;
}

static lorec_err from_entries(sparse *m, const entries *x, uint32_t rows, uint32_t cols)
{
    sparse by_col;
    TRY(scatter(&by_col, x, rows, cols));
    lorec_err e = sparse_transpose(m, &by_col);
    sparse_free(&by_col);
    if (!e) merge_repeats(m);
    return e;
}

lorec_err interactions_check(const interactions *x)
{
    if (x->n && x->n_items) return LOREC_OK;
    return err_set(LOREC_INPUT, "no interactions to learn from; loosen the filter or the split");
}

lorec_err sparse_from(sparse *m, const interactions *x)
{
    *m = (sparse){0};
    TRY(interactions_check(x));
    return from_entries(m, &(entries){x->n, x->start, NULL, x->item, NULL}, x->n_users, x->n_items);
}

lorec_err sparse_from_triples(sparse *m, uint32_t rows, uint32_t cols, uint64_t n, const uint32_t *row,
                              const uint32_t *col, const float *value)
{
    *m = (sparse){0};
    float *ones = NULL;
    if (!value) {
        TRY(mem_new(&ones, n));
        for (uint64_t i = 0; i < n; i++) ones[i] = 1;
    }
    lorec_err e = from_entries(m, &(entries){n, NULL, row, col, value ? value : ones}, rows, cols);
    mem_free(ones);
    return e;
}

lorec_err sparse_popularity(uint32_t **count, const interactions *x)
{
    TRY(mem_new(count, x->n_items));
    for (uint64_t i = 0; i < x->n; i++) (*count)[x->item[i]]++;
    return LOREC_OK;
}

/* ---- saving ----------------------------------------------------------------------------------------------------------- */

static const char *part_name(char out[64], const char *name, const char *part)
{
    snprintf(out, 64, "%s.%s", name, part);
    return out;
}

lorec_err sparse_save(const sparse *m, const char *folder, const char *name)
{
    char part[64];
    int64_t n = (int64_t)m->n;
    TRY(array_save(folder, part_name(part, name, "start"), NPY_U64, 1, (int64_t[]){(int64_t)m->rows + 1}, m->start));
    TRY(array_save(folder, part_name(part, name, "col"), NPY_U32, 1, &n, m->col));
    if (!m->value) return LOREC_OK;
    return array_save(folder, part_name(part, name, "value"), NPY_F32, 1, &n, m->value);
}

static lorec_err sparse_check(const sparse *m, const char *folder, const char *name)
{
    bool fine = m->start[0] == 0 && m->start[m->rows] == m->n;
    for (uint32_t r = 0; r < m->rows && fine; r++) fine = m->start[r] <= m->start[r + 1];
    for (uint32_t r = 0; r < m->rows && fine; r++)
        for (uint64_t i = m->start[r]; i < m->start[r + 1] && fine; i++)
            fine = m->col[i] < m->cols && (i == m->start[r] || m->col[i - 1] < m->col[i]);
    if (fine) return LOREC_OK;
    return err_set(LOREC_INPUT, "%s/%s.start.npy and .col.npy do not form a matrix; the model's files are damaged",
                   folder, name);
}

static lorec_err load_parts(sparse *m, const char *folder, const char *name, bool square, bool values)
{
    char part[64];
    int64_t rows, n;
    TRY(array_load((void **)&m->start, folder, part_name(part, name, "start"), NPY_U64, 1, &rows));
    if (rows < 1 || rows > UINT32_MAX)
        return err_set(LOREC_INPUT, "%s/%s.npy: %lld values are no row starts", folder, part, (long long)rows);
    m->rows = (uint32_t)(rows - 1);
    if (square) m->cols = m->rows;
    TRY(array_load((void **)&m->col, folder, part_name(part, name, "col"), NPY_U32, 1, &n));
    m->n = (uint64_t)n;
    TRY(sparse_check(m, folder, name));
    return values ? array_load_n((void **)&m->value, folder, part_name(part, name, "value"), NPY_F32, n) : LOREC_OK;
}

static lorec_err load_or_nothing(sparse *m, const char *folder, const char *name, uint32_t cols, bool square,
                                 bool values)
{
    *m = (sparse){.cols = cols};
    lorec_err e = load_parts(m, folder, name, square, values);
    if (e) sparse_free(m);
    return e;
}

lorec_err sparse_load(sparse *m, const char *folder, const char *name, uint32_t cols, bool values)
{
    return load_or_nothing(m, folder, name, cols, false, values);
}

lorec_err sparse_load_square(sparse *m, const char *folder, const char *name)
{
    return load_or_nothing(m, folder, name, 0, true, true);
}

/* op_linear_cross_entropy: loss [rows] = -log softmax((x W^T + b) / temperature)[target], x [rows, d], W [v, d]. Logits live
 * only for some rows at a time. Where the tape trains, forward makes the gradients in the same pass, as if every row's
 * upstream gradient were 1:
 *     e = softmax - (1 - smoothing) onehot - smoothing / classes,   dx = e W,   dW = e^T x,   db = sum of e's rows
 * (a soft-cap multiplies e by 1 - tanh^2),
 * and backward scales them when all rows were given the same upstream gradient (a mean): three products instead of four.
 * Otherwise it makes them again with each row's own. */
#include <string.h>

#include "tensor/cpu/packed.h"
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

enum { CHUNK_BYTES = 12 << 20 /* of logits, but never fewer than CHUNK_ROWS rows */, CHUNK_ROWS = 256 };
enum { IN_X, IN_W, IN_B, IN_TARGET, INPUTS };

typedef struct ce_saved {
    void *dx; /* [kept rows, d] of x's type */
    float *dw, *db;
    int32_t *row; /* [kept] the rows with a target */
    int64_t kept;
} ce_saved;

static lorec_err ce_shape(tape *t, node *n)
{
    const tensor *x = n->in[IN_X], *w = n->in[IN_W], *b = n->in[IN_B], *target = n->in[IN_TARGET];
    const linear_ce *s = n->spec;
    if (packed_of(w) && (packed_of(w)->in_out || s->skip_first))
        return node_shape_error(n, "takes packed weights [v, d] with skip_first 0 only");
    if (x->type == DTYPE_I32 || packed_of(x) || packed_of(b) || w->ndim != 2 || tensor_width(x) != w->size[1] ||
        (b && b->count != w->size[0]))
        return node_shape_error(n, "needs x [rows, d], w [v, d], b [v]");
    if (target->type != DTYPE_I32 || target->count != tensor_rows(x))
        return node_shape_error(n, "needs a target id a row");
    if (s->skip_first < 0 || s->skip_first >= (w->size[0] > 0 ? w->size[0] : 1))
        return node_shape_error(n, "skip_first leaves no class");
    if (!(s->softcap >= 0)) return node_shape_error(n, "a softcap is above 0, or 0 for none");
    if (!(s->temperature > 0) || !(s->label_smoothing >= 0 && s->label_smoothing < 1))
        return node_shape_error(n, "needs a temperature above 0 and label_smoothing in [0, 1)");
    for (int64_t i = 0; i < target->count; i++)
        if (i32(target)[i] != -1 && (i32(target)[i] < s->skip_first || i32(target)[i] >= w->size[0]))
            return err_set(LOREC_USAGE,
                           "linear_cross_entropy: target %d of row %lld is none of the classes %lld .. %lld",
                           i32(target)[i], (long long)i, (long long)s->skip_first, (long long)w->size[0] - 1);
    return node_output(t, n, DTYPE_F32, 1, (int64_t[]){tensor_rows(x)});
}

/* ---- one pass over the rows that have a target ---------------------------------------------------------------------------- */

typedef struct ce_job {
    node *n;
    bool half, slopes;        /* slopes: logits become their gradients though nothing is made of these */
    int64_t d, classes, skip; /* classes: that can be chosen */
    const int32_t *row;       /* [kept] */
    int64_t kept;
    const float *g;       /* upstream, by row; NULL: 1 */
    float *loss;          /* by row; NULL: not wanted */
    void *dx;             /* [kept, d], of x's type; NULL: no gradients at all */
    float *dw, *db;       /* [classes, d], [classes]; NULL: not wanted */
    float beta_w, beta_b; /* of what they hold */
    const void *w;
    const void *x; /* [kept, d]: x's rows, gathered where some are left out */
    int64_t first; /* of the chunk */
    float *logits; /* [chunk, classes] */
    float *capped; /* [chunk, classes] tanh(logit / softcap); NULL: no softcap */
    uint16_t *e;   /* the chunk's gradient as bf16 */
    float *sums;   /* [workers][classes] for db */
} ce_job;

static lorec_err chunk_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const ce_job *j = ctx;
    const linear_ce *s = j->n->spec;
    const isa_kernels *cpu = isa();
    const tensor *b = j->n->in[IN_B];
    float by = 1 / s->temperature, smooth = s->label_smoothing;
    size_t classes = (size_t)j->classes;
    for (size_t i = begin; i < end; i++) {
        float *z = j->logits + i * classes;
        int32_t row = j->row[j->first + (int64_t)i];
        int64_t target = i32(j->n->in[IN_TARGET])[row] - j->skip;
        float *capped = j->capped ? j->capped + i * classes : NULL;
        if (b) cpu->axpy_f32(classes, capped ? 1 : by, f32(b) + j->skip, z);
        if (capped) {
            for (size_t c = 0; c < classes; c++) capped[c] = z[c] / s->softcap;
            cpu->act_f32(ACT_TANH, classes, capped, capped);
            for (size_t c = 0; c < classes; c++) z[c] = capped[c] * s->softcap * by;
        }
        float right = z[target], most = cpu->max_f32(classes, z);
        double all = 0;
        for (size_t c = 0; smooth > 0 && c < classes; c++) all += z[c];
        float sum = cpu->exp_shift_f32(classes, z, most, z);
        double lse = (double)most + log((double)sum);
        if (j->loss) j->loss[row] = (float)(lse - (1 - smooth) * (double)right - smooth * all / (double)classes);
        if (!j->dx && !j->dw && !j->db && !j->slopes) continue;
        float g = j->g ? j->g[row] * by : by, scale = g / sum, away = g * smooth / (float)classes;
        for (size_t c = 0; c < classes; c++) z[c] = z[c] * scale - away;
        z[target] -= g * (1 - smooth);
        for (size_t c = 0; capped && c < classes; c++) z[c] *= 1 - capped[c] * capped[c];
        if (j->db) cpu->axpy_f32(classes, 1, z, j->sums + (size_t)worker * classes);
        if (j->half && j->e) cpu->to_bf16(classes, z, j->e + i * classes);
    }
    return LOREC_OK;
}

static void cool(void *ctx, int64_t row, int64_t rows, int64_t col, int64_t cols, float *c, int64_t ldc)
{
    float by = 1 / ((const linear_ce *)ctx)->temperature;
    (void)row;
    (void)col;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) c[i * ldc + j] *= by;
}

static lorec_err chunk_products(ce_job *j, int64_t rows, bool logits)
{
    const linear_ce *s = j->n->spec;
    int64_t d = j->d, classes = j->classes;
    size_t value = j->half ? 2 : 4;
    const char *x = (const char *)j->x + (size_t)(j->first * d) * value;
    const void *e = j->half ? (const void *)j->e : j->logits;
    const packed *frozen = packed_of(j->n->in[IN_W]);
    if (logits && frozen)
        return packed_run(&(packed_product){.w = frozen,
                                            .m = rows,
                                            .x = x,
                                            .bf16 = j->half,
                                            .ldx = d,
                                            .c = j->logits,
                                            .ldc = classes,
                                            .after = s->temperature != 1 ? cool : NULL,
                                            .ctx = (void *)s});
    if (logits)
        return gemm_run(&(gemm){.bf16 = j->half,
                                .tb = true,
                                .m = rows,
                                .n = classes,
                                .k = d,
                                .alpha = s->softcap > 0 ? 1 : 1 / s->temperature,
                                .a = x,
                                .lda = d,
                                .b = j->w,
                                .ldb = d,
                                .c = j->logits,
                                .ldc = classes});
    if (j->dx) {
        char *dx = (char *)j->dx + (size_t)(j->first * d) * value;
        if (frozen)
            TRY(packed_back(frozen, rows, e, j->half, 0, dx));
        else if (j->half)
            TRY(gemm_bf16(false, false, rows, d, classes, 1, e, classes, j->w, d, 0, dx, d, true));
        else
            TRY(gemm_f32(false, false, rows, d, classes, 1, e, classes, j->w, d, 0, (float *)(void *)dx, d));
    }
    if (j->dw)
        TRY(gemm_run(&(gemm){.bf16 = j->half,
                             .ta = true,
                             .m = classes,
                             .n = d,
                             .k = rows,
                             .alpha = 1,
                             .beta = j->first ? 1 : j->beta_w,
                             .a = e,
                             .lda = classes,
                             .b = x,
                             .ldb = d,
                             .c = j->dw,
                             .ldc = d}));
    return LOREC_OK;
}

/* The rows of x that are kept, as they lie where that is all of them. */
static lorec_err gather_rows(tape *t, ce_job *j)
{
    const tensor *x = j->n->in[IN_X];
    size_t row = (size_t)j->d * (j->half ? 2 : 4);
    j->x = x->data;
    if (j->kept == tensor_rows(x)) return LOREC_OK;
    char *to = tape_scratch(t, (size_t)j->kept * row);
    if (!to) return tape_error(t);
    for (int64_t i = 0; i < j->kept; i++)
        memcpy(to + (size_t)i * row, (const char *)x->data + (size_t)j->row[i] * row, row);
    j->x = to;
    return LOREC_OK;
}

static lorec_err all_chunks(tape *t, ce_job *j)
{
    int64_t chunk = CHUNK_BYTES / (4 * j->classes);
    if (chunk < CHUNK_ROWS) chunk = CHUNK_ROWS;
    if (chunk > j->kept) chunk = j->kept;
    int64_t chunks = chunk ? (j->kept + chunk - 1) / chunk : 0;
    if (chunks) chunk = (j->kept + chunks - 1) / chunks; /* all of about one size */
    bool gradients = j->dx || j->dw || j->db;
    size_t sums = j->db ? (size_t)(par_workers() * j->classes) * sizeof *j->sums : 0;
    TRY(gather_rows(t, j));
    j->logits = tape_scratch(t, (size_t)(chunk * j->classes) * sizeof *j->logits);
    const linear_ce *s = j->n->spec;
    if (s->softcap > 0) j->capped = tape_scratch(t, (size_t)(chunk * j->classes) * sizeof *j->capped);
    j->sums = tape_scratch(t, sums);
    j->e = tape_scratch(t, j->half && gradients ? (size_t)(chunk * j->classes) * sizeof *j->e : 0);
    TRY(tape_error(t));
    if (sums) memset(j->sums, 0, sums);
    if (j->kept == 0 && j->dw && j->beta_w == 0) memset(j->dw, 0, (size_t)(j->classes * j->d) * sizeof *j->dw);
    for (j->first = 0; j->first < j->kept; j->first += chunk) {
        int64_t rows = j->kept - j->first < chunk ? j->kept - j->first : chunk;
        TRY(chunk_products(j, rows, true));
        TRY(par_for((size_t)rows, row_grain(j->classes), chunk_rows, j));
        if (gradients) TRY(chunk_products(j, rows, false));
    }
    if (j->db && j->beta_b == 0) memset(j->db, 0, (size_t)j->classes * sizeof *j->db);
    for (int w = 0; j->db && w < par_workers(); w++)
        isa()->axpy_f32((size_t)j->classes, 1, j->sums + (size_t)w * (size_t)j->classes, j->db);
    return LOREC_OK;
}

static lorec_err job_begin(node *n, ce_job *j)
{
    const linear_ce *s = n->spec;
    tensor *w = n->in[IN_W];
    *j = (ce_job){.n = n,
                  .half = n->in[IN_X]->type == DTYPE_BF16,
                  .d = w->size[1],
                  .skip = s->skip_first,
                  .classes = w->size[0] - s->skip_first};
    const void *all = j->half && w->type == DTYPE_F32 ? (const void *)param_bf16(w) : w->data;
    if (!all) return LOREC_RESOURCE;
    if (packed_of(w)) return LOREC_OK;
    j->w = (const char *)all + (size_t)(j->skip * j->d) * (j->half ? 2 : 4);
    return LOREC_OK;
}

static lorec_err ce_forward(tape *t, node *n)
{
    const tensor *x = n->in[IN_X], *target = n->in[IN_TARGET];
    ce_job j;
    ce_saved *s = tape_alloc(t, sizeof *s);
    if (!s) return tape_error(t);
    *s = (ce_saved){.row = tape_alloc(t, (size_t)target->count * sizeof *s->row)};
    if (!s->row) return tape_error(t);
    n->saved = s;
    for (int64_t i = 0; i < target->count; i++) {
        f32(n->out)[i] = 0;
        if (i32(target)[i] >= 0) s->row[s->kept++] = (int32_t)i;
    }
    TRY(job_begin(n, &j));
    size_t kept = (size_t)s->kept, d = (size_t)j.d;
    if (n->out->needs_grad) {
        if (x->needs_grad) s->dx = j.dx = tape_alloc(t, kept * d * (j.half ? 2 : 4));
        if (n->in[IN_W]->needs_grad) s->dw = j.dw = tape_alloc(t, (size_t)j.classes * d * sizeof(float));
        if (n->in[IN_B] && n->in[IN_B]->needs_grad) s->db = j.db = tape_alloc(t, (size_t)j.classes * sizeof(float));
        TRY(tape_error(t));
    }
    j.row = s->row;
    j.kept = s->kept;
    j.loss = f32(n->out);
    return all_chunks(t, &j);
}

/* ---- backward ---------------------------------------------------------------------------------------------------------------- */

/* x's gradient at the kept rows: += by * dx; zeros elsewhere where nothing was written yet. */
static void scatter_rows(tape *t, tensor *x, const int32_t *row, int64_t kept, float by, const void *dx)
{
    void *g = node_grad_zeroed(t, x);
    size_t d = (size_t)tensor_width(x);
    for (int64_t i = 0; g && i < kept; i++)
        for (size_t at = 0, m; (m = piece_length(at, d)) > 0; at += m) {
            size_t from = (size_t)i * d + at, to = (size_t)row[i] * d + at;
            float buf[PIECE], old[PIECE];
            if (x->type == DTYPE_F32) {
                isa()->axpy_f32(m, by, (const float *)dx + from, (float *)g + to);
                continue;
            }
            isa()->from_bf16(m, (const uint16_t *)dx + from, buf);
            isa()->from_bf16(m, (uint16_t *)g + to, old);
            isa()->axpy_f32(m, by, buf, old);
            isa()->to_bf16(m, old, (uint16_t *)g + to);
        }
}

typedef struct scaling {
    float by, beta;
    const float *from;
    float *to;
} scaling;

static lorec_err scale_values(void *ctx, size_t begin, size_t end, int worker)
{
    const scaling *s = ctx;
    (void)worker;
    for (size_t i = begin; i < end; i++) s->to[i] = s->by * s->from[i] + (s->beta == 0 ? 0 : s->to[i]);
    return LOREC_OK;
}

/* p's gradient += by * from, behind the classes that are skipped. */
static lorec_err scale_onto(tape *t, tensor *p, int64_t skip, float by, const float *from)
{
    if (!p || !from) return LOREC_OK;
    float beta, *g = node_grad(t, p, &beta);
    if (!g) return tape_error(t);
    if (beta == 0) memset(g, 0, (size_t)skip * sizeof *g);
    return par_for((size_t)(p->count - skip), PAR_GRAIN, scale_values, &(scaling){by, beta, from, g + skip});
}

static lorec_err ce_backward(tape *t, node *n)
{
    const ce_saved *s = n->saved;
    const float *g = grad(n->out);
    bool same = true;
    ce_job j;
    TRY(job_begin(n, &j));
    for (int64_t i = 1; i < s->kept; i++) same = same && g[s->row[i]] == g[s->row[0]];
    tensor *x = n->in[IN_X], *w = n->in[IN_W], *b = n->in[IN_B];
    if (same) {
        float by = s->kept ? g[s->row[0]] : 0;
        if (s->dx) scatter_rows(t, x, s->row, s->kept, by, s->dx);
        TRY(scale_onto(t, w, j.skip * j.d, by, s->dw));
        TRY(scale_onto(t, b, j.skip, by, s->db));
        return tape_error(t);
    }
    int32_t *row = tape_scratch(t, (size_t)s->kept * sizeof *row);
    if (!row) return tape_error(t);
    for (int64_t i = 0; i < s->kept; i++) /* rows without a gradient cost nothing */
        if (g[s->row[i]] != 0) row[j.kept++] = s->row[i];
    j.row = row;
    j.g = g;
    size_t dx_bytes = (size_t)(j.kept * j.d) * (j.half ? 2 : 4);
    if (s->dx) j.dx = tape_scratch(t, dx_bytes);
    if (s->dw) j.dw = node_grad(t, w, &j.beta_w);
    if (s->db) j.db = node_grad(t, b, &j.beta_b);
    TRY(tape_error(t));
    if (j.dw && j.beta_w == 0) memset(j.dw, 0, (size_t)(j.skip * j.d) * sizeof *j.dw);
    if (j.db && j.beta_b == 0) memset(j.db, 0, (size_t)j.skip * sizeof *j.db);
    if (j.dw) j.dw += j.skip * j.d;
    if (j.db) j.db += j.skip;
    TRY(all_chunks(t, &j));
    if (j.dx) scatter_rows(t, x, row, j.kept, 1, j.dx);
    return tape_error(t);
}

/* ---- per-example norms --------------------------------------------------------------------------------------------------------- */

/* The rows of each example that something flows to: row[start[e]] .. row[start[e + 1] - 1]; *most: of the largest. */
static lorec_err rows_of_examples(tape *t, const node *n, int64_t n_examples, int64_t **start, int32_t **row,
                                  int64_t *most)
{
    const ce_saved *s = n->saved;
    const int32_t *example = n->out->example;
    *start = tape_scratch(t, (size_t)(n_examples + 2) * sizeof **start);
    *row = tape_scratch(t, (size_t)s->kept * sizeof **row);
    if (!*start || !*row) return tape_error(t);
    memset(*start, 0, (size_t)(n_examples + 2) * sizeof **start);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < s->kept; i++) {
            int32_t r = s->row[i], e = example ? example[r] : r;
            if (e < 0 || e >= n_examples || grad(n->out)[r] == 0) continue;
            if (pass)
                (*row)[(*start)[e + 1]++] = r;
            else
                (*start)[e + 2]++;
        }
        for (int64_t e = 0; !pass && e < n_examples; e++) {
            *most = (*start)[e + 2] > *most ? (*start)[e + 2] : *most;
            (*start)[e + 2] += (*start)[e + 1];
        }
    }
    return LOREC_OK;
}

/* x's rows of an example as f32, and as they are in j->x. */
static void example_x(ce_job *j, char *as_they_are, float *wide)
{
    const tensor *x = j->n->in[IN_X];
    size_t d = (size_t)j->d, value = j->half ? 2 : 4;
    for (int64_t i = 0; i < j->kept; i++)
        memcpy(as_they_are + (size_t)i * d * value, (const char *)x->data + (size_t)j->row[i] * d * value, d * value);
    if (j->half) isa()->from_bf16((size_t)j->kept * d, (const uint16_t *)(const void *)as_they_are, wide);
    j->x = as_they_are;
}

/* |sum over r of e_r x_r^T|^2 = sum over r, s of <e_r, e_s> <x_r, x_s>; the bias: sum of <e_r, e_s>. One example's logits are made
 * again at a time. */
static lorec_err ce_example_norms(tape *t, node *n, float *sq, int64_t n_examples)
{
    bool of_w = param_learns(n->in[IN_W]), of_b = param_learns(n->in[IN_B]);
    int64_t *start, most = 0;
    int32_t *row;
    ce_job j;
    if (!of_w && !of_b) return LOREC_OK;
    TRY(job_begin(n, &j));
    TRY(rows_of_examples(t, n, n_examples, &start, &row, &most));
    size_t logits = (size_t)(most * j.classes), values = (size_t)(most * j.d);
    j.slopes = true;
    j.g = grad(n->out);
    j.logits = tape_scratch(t, logits * sizeof *j.logits);
    if (((linear_ce *)n->spec)->softcap > 0) j.capped = tape_scratch(t, logits * sizeof *j.capped);
    char *x = tape_scratch(t, values * (j.half ? 2 : 4));
    float *wide = j.half ? tape_scratch(t, values * sizeof *wide) : (float *)(void *)x;
    float *ee = tape_scratch(t, (size_t)(most * most) * sizeof *ee),
          *xx = tape_scratch(t, (size_t)(most * most) * sizeof *xx);
    TRY(tape_error(t));
    for (int64_t e = 0; e < n_examples; e++) {
        double sum = 0;
        j.row = row + start[e];
        j.kept = start[e + 1] - start[e];
        if (j.kept == 0) continue;
        example_x(&j, x, wide);
        TRY(chunk_products(&j, j.kept, true));
        TRY(par_for((size_t)j.kept, row_grain(j.classes), chunk_rows, &j));
        TRY(gemm_f32(false, true, j.kept, j.kept, j.classes, 1, j.logits, j.classes, j.logits, j.classes, 0, ee,
                     j.kept));
        TRY(gemm_f32(false, true, j.kept, j.kept, j.d, 1, wide, j.d, wide, j.d, 0, xx, j.kept));
        for (int64_t i = 0; i < j.kept * j.kept; i++) sum += (double)ee[i] * ((of_w ? xx[i] : 0) + (of_b ? 1 : 0));
        sq[e] += (float)sum;
    }
    return LOREC_OK;
}

static double ce_flops(const node *n)
{
    return 2.0 * (double)n->in[IN_W]->count * (double)n->out->count * (n->out->needs_grad ? 3 : 1);
}

const op_def op_linear_cross_entropy_def = {.name = "linear_cross_entropy",
                                            .shape = ce_shape,
                                            .forward = ce_forward,
                                            .backward = ce_backward,
                                            .example_norms = ce_example_norms,
                                            .flops = ce_flops,
                                            .flags = OP_PACKED,
                                            .optional = 1u << IN_B};

tensor *op_linear_cross_entropy(tape *t, tensor *x, tensor *w, tensor *b, tensor *target, const linear_ce *spec)
{
    linear_ce s = spec ? *spec : (linear_ce){0};
    if (s.temperature == 0) s.temperature = 1;
    bool half = tape_compute(t) == DTYPE_BF16 && w && w->param;
    if (x && x->type != DTYPE_I32 && x->type != (half ? DTYPE_BF16 : DTYPE_F32))
        x = op_cast(t, x, half ? DTYPE_BF16 : DTYPE_F32);
    tensor *in[] = {x, half ? w : tape_as_f32(t, w), tape_as_f32(t, b), target};
    return tape_apply(t, &op_linear_cross_entropy_def, in, INPUTS, &s, sizeof s);
}

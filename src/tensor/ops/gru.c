/* op_gru (Cho et al. 2014, torch's form): over each segment, with gi = W_ih x + b_ih and gh = W_hh h + b_hh cut in three,
 *     r = s(gi_r + gh_r),  z = s(gi_z + gh_z),  c = tanh(gi_c + r gh_c),  h' = (1 - z) c + z h.
 * x [rows, in] -> [rows, h]. gi is one product over all rows. Segments run in groups of about one length, longest first, so
 * that the segments of a group still running at a step are its first ones: a step is one product of a few dozen rows. A group
 * is one worker's from first step to last, so workers never wait for each other. */
#include <stdlib.h>
#include <string.h>

#include "tensor/cpu/gemm.h"
#include "tensor/cpu/scratch.h"
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

enum { IN_X, IN_W_IH, IN_W_HH, IN_B_IH, IN_B_HH, IN_H0, INPUTS };
enum { GROUP = 48 };

typedef struct gru_spec {
    const segments *s;
} gru_spec;

typedef struct gru_saved {
    int32_t *order; /* segments, longest first */
    float *gates;   /* [rows, 4 h]: r, z, c, gh_c */
    float *panels;  /* W_hh^T packed */
} gru_saved;

static const segments *segments_of(const node *n)
{
    return ((const gru_spec *)n->spec)->s;
}

static int64_t hidden_of(const node *n)
{
    return n->in[IN_W_HH]->size[1];
}

static lorec_err gru_shape(tape *t, node *n)
{
    const tensor *x = n->in[IN_X], *wi = n->in[IN_W_IH], *wh = n->in[IN_W_HH], *h0 = n->in[IN_H0];
    const segments *s = segments_of(n);
    int64_t h = wh->ndim == 2 ? wh->size[1] : 0;
    if (h < 1 || wh->size[0] != 3 * h || wi->ndim != 2 || wi->size[0] != 3 * h || wi->size[1] != tensor_width(x) ||
        n->in[IN_B_IH]->count != 3 * h || n->in[IN_B_HH]->count != 3 * h)
        return node_shape_error(n, "needs x [rows, in], w_ih [3h, in], w_hh [3h, h], b_ih and b_hh [3h]");
    if (!s || s->rows != tensor_rows(x) || (h0 && h0->count != s->n * h))
        return node_shape_error(n, "needs the segments of x's rows, and h0 [segments, h]");
    return node_output(t, n, DTYPE_F32, 2, (int64_t[]){tensor_rows(x), h});
}

/* ---- order ------------------------------------------------------------------------------------------------------------------ */

typedef struct by_length {
    int32_t length, segment;
} by_length;

static int longer_first(const void *a, const void *b)
{
    const by_length *x = a, *y = b;
    if (x->length != y->length) return x->length > y->length ? -1 : 1;
    return x->segment < y->segment ? -1 : x->segment > y->segment;
}

static int32_t length_of(const segments *s, int32_t i)
{
    return s->start[i + 1] - s->start[i];
}

static lorec_err order_segments(tape *t, const segments *s, int32_t *order)
{
    by_length *all = tape_scratch(t, (size_t)s->n * sizeof *all);
    if (!all) return tape_error(t);
    for (int64_t i = 0; i < s->n; i++) all[i] = (by_length){length_of(s, (int32_t)i), (int32_t)i};
    qsort(all, (size_t)s->n, sizeof *all, longer_first);
    for (int64_t i = 0; i < s->n; i++) order[i] = all[i].segment;
    return LOREC_OK;
}

/* ---- forward ----------------------------------------------------------------------------------------------------------------- */

typedef struct gru_job {
    const node *n;
    const gru_saved *saved;
    float *gi;            /* [rows, 3 h] */
    float *dgi, *dgh, *h; /* backward: [rows, 3 h] twice, the state before each row [rows, h] */
    float *dh0;           /* [segments, h] or NULL */
    float beta_h0;
} gru_job;

static void add_bias(void *ctx, int64_t row, int64_t rows, int64_t col, int64_t cols, float *c, int64_t ldc)
{
    const float *bias = ctx;
    (void)row;
    for (int64_t i = 0; i < rows; i++) isa()->axpy_f32((size_t)cols, 1, bias + col, c + i * ldc);
}

/* The state before step `step` of a segment. */
static const float *state_before(const node *n, int32_t segment, int32_t step)
{
    int64_t h = hidden_of(n);
    if (step > 0) return f32(n->out) + (segments_of(n)->start[segment] + step - 1) * h;
    return n->in[IN_H0] ? f32(n->in[IN_H0]) + segment * h : NULL;
}

static void gates_of(const node *n, const float *gi, const float *gh, const float *before, float *gates, float *out)
{
    const isa_kernels *cpu = isa();
    int64_t h = hidden_of(n);
    float *r = gates, *z = gates + h, *c = gates + 2 * h, *ghc = gates + 3 * h;
    for (int64_t i = 0; i < 2 * h; i++) gates[i] = gi[i] + gh[i];
    cpu->act_f32(ACT_SIGMOID, (size_t)(2 * h), gates, gates);
    for (int64_t i = 0; i < h; i++) {
        ghc[i] = gh[2 * h + i];
        c[i] = gi[2 * h + i] + r[i] * ghc[i];
    }
    cpu->act_f32(ACT_TANH, (size_t)h, c, c);
    for (int64_t i = 0; i < h; i++) out[i] = c[i] + z[i] * ((before ? before[i] : 0) - c[i]);
}

static int64_t running(const segments *s, const int32_t *order, int64_t n, int32_t step)
{
    int64_t m = 0;
    while (m < n && length_of(s, order[m]) > step) m++;
    return m;
}

static lorec_err forward_groups(void *ctx, size_t begin, size_t end, int worker)
{
    const gru_job *j = ctx;
    const node *n = j->n;
    const segments *s = segments_of(n);
    const isa_kernels *cpu = isa();
    int64_t h = hidden_of(n), tile = cpu->tile;
    (void)worker;
    float *state = scratch_get(SCRATCH_OP, (size_t)(GROUP * 4 * h) * sizeof *state);
    if (!state) return LOREC_RESOURCE;
    float *gh = state + GROUP * h;
    for (size_t g = begin; g < end; g++) {
        const int32_t *order = j->saved->order + g * GROUP;
        int64_t m = s->n - (int64_t)g * GROUP < GROUP ? s->n - (int64_t)g * GROUP : GROUP;
        for (int32_t step = 0; (m = running(s, order, m, step)) > 0; step++) {
            for (int64_t i = 0; i < m; i++) {
                const float *before = state_before(n, order[i], step);
                if (before)
                    memcpy(state + i * h, before, (size_t)h * sizeof *state);
                else
                    memset(state + i * h, 0, (size_t)h * sizeof *state);
                memcpy(gh + i * 3 * h, n->in[IN_B_HH]->data, (size_t)(3 * h) * sizeof *gh);
            }
            for (int64_t c = 0; c < 3 * h; c += tile)
                cpu->product_f32(m, 3 * h - c < tile ? 3 * h - c : tile, h, 1, state, h, 1, j->saved->panels + c * h,
                                 tile, 1, gh + c, 3 * h);
            for (int64_t i = 0; i < m; i++) {
                int64_t row = s->start[order[i]] + step;
                gates_of(n, j->gi + row * 3 * h, gh + i * 3 * h, state + i * h, j->saved->gates + row * 4 * h,
                         f32(n->out) + row * h);
            }
        }
    }
    return LOREC_OK;
}

static size_t groups_of(const node *n)
{
    return (size_t)(segments_of(n)->n + GROUP - 1) / GROUP;
}

static lorec_err gru_forward(tape *t, node *n)
{
    const segments *s = segments_of(n);
    const isa_kernels *cpu = isa();
    int64_t h = hidden_of(n), rows = s->rows, in = tensor_width(n->in[IN_X]), tile = cpu->tile;
    gru_saved *saved = tape_alloc(t, sizeof *saved);
    if (!saved) return tape_error(t);
    n->saved = saved;
    saved->order = tape_alloc(t, (size_t)s->n * sizeof *saved->order);
    saved->gates = tape_alloc(t, (size_t)(rows * 4 * h) * sizeof *saved->gates);
    saved->panels = tape_scratch(t, (size_t)((3 * h + tile - 1) / tile * tile * h) * sizeof *saved->panels);
    gru_job j = {.n = n, .saved = saved, .gi = tape_scratch(t, (size_t)(rows * 3 * h) * sizeof *j.gi)};
    TRY(tape_error(t));
    TRY(order_segments(t, s, saved->order));
    for (int64_t c = 0; c < 3 * h; c += tile)
        cpu->pack_f32(h, 3 * h - c < tile ? 3 * h - c : tile, f32(n->in[IN_W_HH]) + c * h, 1, h, saved->panels + c * h);
    TRY(gemm_run(&(gemm){.tb = true,
                         .m = rows,
                         .n = 3 * h,
                         .k = in,
                         .alpha = 1,
                         .a = n->in[IN_X]->data,
                         .lda = in,
                         .b = n->in[IN_W_IH]->data,
                         .ldb = in,
                         .c = j.gi,
                         .ldc = 3 * h,
                         .after = add_bias,
                         .ctx = n->in[IN_B_IH]->data}));
    return par_each(groups_of(n), 1, forward_groups, &j);
}

/* ---- backward ----------------------------------------------------------------------------------------------------------------- */

/* One row: dh is the gradient of its state; becomes dh z, the part that goes straight to the state before. */
static void slopes_of(const gru_job *j, int64_t row, const float *before, float *dh)
{
    int64_t h = hidden_of(j->n);
    const float *r = j->saved->gates + row * 4 * h, *z = r + h, *c = z + h, *ghc = c + h;
    float *gi = j->dgi + row * 3 * h, *gh = j->dgh + row * 3 * h;
    for (int64_t i = 0; i < h; i++) {
        float dc = dh[i] * (1 - z[i]) * (1 - c[i] * c[i]), dz = dh[i] * ((before ? before[i] : 0) - c[i]);
        gi[i] = gh[i] = dc * ghc[i] * r[i] * (1 - r[i]);
        gi[h + i] = gh[h + i] = dz * z[i] * (1 - z[i]);
        gi[2 * h + i] = dc;
        gh[2 * h + i] = dc * r[i];
        dh[i] *= z[i];
    }
}

static lorec_err backward_groups(void *ctx, size_t begin, size_t end, int worker)
{
    const gru_job *j = ctx;
    const node *n = j->n;
    const segments *s = segments_of(n);
    const isa_kernels *cpu = isa();
    int64_t h = hidden_of(n);
    (void)worker;
    float *dh = scratch_get(SCRATCH_OP, (size_t)(GROUP * 4 * h) * sizeof *dh);
    if (!dh) return LOREC_RESOURCE;
    float *dgh = dh + GROUP * h;
    for (size_t g = begin; g < end; g++) {
        const int32_t *order = j->saved->order + g * GROUP;
        int64_t all = s->n - (int64_t)g * GROUP < GROUP ? s->n - (int64_t)g * GROUP : GROUP;
        memset(dh, 0, (size_t)(GROUP * h) * sizeof *dh);
        for (int32_t step = length_of(s, order[0]) - 1; step >= 0; step--) {
            int64_t m = running(s, order, all, step);
            for (int64_t i = 0; i < m; i++) {
                int64_t row = s->start[order[i]] + step;
                const float *before = state_before(n, order[i], step);
                cpu->axpy_f32((size_t)h, 1, grad(n->out) + row * h, dh + i * h);
                slopes_of(j, row, before, dh + i * h);
                memcpy(dgh + i * 3 * h, j->dgh + row * 3 * h, (size_t)(3 * h) * sizeof *dgh);
                if (before)
                    memcpy(j->h + row * h, before, (size_t)h * sizeof *dgh);
                else
                    memset(j->h + row * h, 0, (size_t)h * sizeof *dgh);
            }
            cpu->product_f32(m, h, 3 * h, 1, dgh, 3 * h, 1, f32(n->in[IN_W_HH]), h, 1, dh, h);
        }
        for (int64_t i = 0; j->dh0 && i < all; i++)
            for (int64_t c = 0; c < h; c++) {
                float *to = j->dh0 + order[i] * h + c;
                *to = dh[i * h + c] + (j->beta_h0 == 0 ? 0 : *to);
            }
    }
    return LOREC_OK;
}

static void column_sums(tape *t, tensor *b, const float *x, int64_t rows)
{
    float *g = b->needs_grad ? node_grad_zeroed(t, b) : NULL;
    for (int64_t i = 0; g && i < rows; i++) isa()->axpy_f32((size_t)b->count, 1, x + i * b->count, g);
}

static lorec_err weight_grad(tape *t, tensor *w, int64_t rows, const float *dg, const float *x)
{
    float beta, *g = node_grad(t, w, &beta);
    if (!g) return tape_error(t);
    return gemm_f32(true, false, w->size[0], w->size[1], rows, 1, dg, w->size[0], x, w->size[1], beta, g, w->size[1]);
}

static lorec_err gru_backward(tape *t, node *n)
{
    int64_t h = hidden_of(n), rows = segments_of(n)->rows, in = tensor_width(n->in[IN_X]);
    size_t wide = (size_t)(rows * 3 * h) * sizeof(float);
    float beta, *dx;
    gru_job j = {.n = n,
                 .saved = n->saved,
                 .dgi = tape_scratch(t, wide),
                 .dgh = tape_scratch(t, wide),
                 .h = tape_scratch(t, wide / 3)};
    j.dh0 = node_grad(t, n->in[IN_H0], &j.beta_h0);
    TRY(tape_error(t));
    TRY(par_each(groups_of(n), 1, backward_groups, &j));
    TRY(weight_grad(t, n->in[IN_W_IH], rows, j.dgi, f32(n->in[IN_X])));
    TRY(weight_grad(t, n->in[IN_W_HH], rows, j.dgh, j.h));
    column_sums(t, n->in[IN_B_IH], j.dgi, rows);
    column_sums(t, n->in[IN_B_HH], j.dgh, rows);
    dx = node_grad(t, n->in[IN_X], &beta);
    if (dx) TRY(gemm_f32(false, false, rows, in, 3 * h, 1, j.dgi, 3 * h, f32(n->in[IN_W_IH]), in, beta, dx, in));
    return tape_error(t);
}

static double gru_flops(const node *n)
{
    return 6.0 * (double)n->out->count * (double)(tensor_width(n->in[IN_X]) + hidden_of(n));
}

const op_def op_gru_def = {.name = "gru",
                           .shape = gru_shape,
                           .forward = gru_forward,
                           .backward = gru_backward,
                           .flops = gru_flops,
                           .optional = 1u << IN_H0};

tensor *op_gru(tape *t, tensor *x, tensor *w_ih, tensor *w_hh, tensor *b_ih, tensor *b_hh, tensor *h0,
               const segments *s)
{
    tensor *in[] = {tape_as_f32(t, x),    tape_as_f32(t, w_ih), tape_as_f32(t, w_hh),
                    tape_as_f32(t, b_ih), tape_as_f32(t, b_hh), tape_as_f32(t, h0)};
    return tape_apply(t, &op_gru_def, in, INPUTS, &(gru_spec){s}, sizeof(gru_spec));
}

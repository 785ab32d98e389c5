/* Convolutions as one product an image: its patches laid out as columns [c kh kw, oh ow] (im2col), weights
 * [out, c kh kw]. A 1-D convolution is a 2-D one of height 1. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct conv_spec {
    int stride_h, stride_w, pad_h, pad_w, dilation;
    int64_t n, c, h, w, out, kh, kw, oh, ow;
} conv_spec;

static lorec_err conv_size(const node *n, int64_t size, int64_t k, int stride, int pad, int dilation, int64_t *out)
{
    int64_t room = size + 2 * (int64_t)pad - (int64_t)dilation * (k - 1) - 1;
    if (k < 1 || stride < 1 || pad < 0 || dilation < 1 || room < 0)
        return node_shape_error(n, "the kernel does not fit into the padded input");
    *out = room / stride + 1;
    return LOREC_OK;
}

static lorec_err conv_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *w = n->in[1], *b = n->in[2];
    conv_spec *s = n->spec;
    int dims = n->op == &op_conv2d_def ? 4 : 3;
    if (x->ndim != dims || w->ndim != dims || x->size[1] != w->size[1] || (b && b->count != w->size[0]) ||
        x->type != DTYPE_F32 || w->type != DTYPE_F32)
        return node_shape_error(n, dims == 4 ? "needs x [n, c, h, w], w [out, c, kh, kw], b [out] or nothing"
                                             : "needs x [n, c, length], w [out, c, k], b [out] or nothing");
    s->n = x->size[0];
    s->c = x->size[1];
    s->h = dims == 4 ? x->size[2] : 1;
    s->w = x->size[dims - 1];
    s->out = w->size[0];
    s->kh = dims == 4 ? w->size[2] : 1;
    s->kw = w->size[dims - 1];
    TRY(conv_size(n, s->h, s->kh, s->stride_h, s->pad_h, 1, &s->oh));
    TRY(conv_size(n, s->w, s->kw, s->stride_w, s->pad_w, s->dilation, &s->ow));
    if (dims == 4) return node_output(t, n, DTYPE_F32, 4, (int64_t[]){s->n, s->out, s->oh, s->ow});
    return node_output(t, n, DTYPE_F32, 3, (int64_t[]){s->n, s->out, s->ow});
}

static int64_t patch_size(const conv_spec *s)
{
    return s->c * s->kh * s->kw;
}

/* Image to columns; or, with `back`, columns added to the image. */
static void columns(const conv_spec *s, float *image, float *cols, bool back)
{
    for (int64_t row = 0; row < patch_size(s); row++) {
        int64_t kw = row % s->kw, kh = row / s->kw % s->kh, c = row / (s->kw * s->kh);
        for (int64_t oy = 0; oy < s->oh; oy++) {
            float *col = cols + (row * s->oh + oy) * s->ow;
            int64_t y = oy * s->stride_h - s->pad_h + kh;
            float *line = image + (c * s->h + y) * s->w;
            for (int64_t ox = 0; ox < s->ow; ox++) {
                int64_t x = ox * s->stride_w - s->pad_w + kw * s->dilation;
                bool inside = y >= 0 && y < s->h && x >= 0 && x < s->w;
                if (!back)
                    col[ox] = inside ? line[x] : 0;
                else if (inside)
                    line[x] += col[ox];
            }
        }
    }
}

typedef struct conv_job {
    const node *n;
    float *cols;         /* [workers, patch, places] */
    float *dx, *dw, *db; /* dw, db: [workers, ..], summed afterwards */
    float beta;
} conv_job;

static lorec_err conv_images(void *ctx, size_t begin, size_t end, int worker)
{
    const conv_job *j = ctx;
    const node *n = j->n;
    const conv_spec *s = n->spec;
    int64_t patch = patch_size(s), places = s->oh * s->ow;
    float *cols = j->cols + worker * patch * places;
    for (size_t i = begin; i < end; i++) {
        float *y = f32(n->out) + (int64_t)i * s->out * places;
        columns(s, f32(n->in[0]) + (int64_t)i * s->c * s->h * s->w, cols, false);
        gemm_f32_serial(false, false, s->out, places, patch, 1, f32(n->in[1]), patch, cols, places, 0, y, places);
        for (int64_t o = 0; n->in[2] && o < s->out; o++)
            for (int64_t p = 0; p < places; p++) y[o * places + p] += f32(n->in[2])[o];
    }
    return LOREC_OK;
}

static size_t image_grain(const conv_spec *s)
{
    return row_grain(patch_size(s) * s->oh * s->ow * (s->out / 8 + 1));
}

static float *conv_columns(tape *t, const conv_spec *s)
{
    return tape_scratch(t, (size_t)par_workers() * (size_t)(patch_size(s) * s->oh * s->ow) * sizeof(float));
}

static lorec_err conv_forward(tape *t, node *n)
{
    const conv_spec *s = n->spec;
    conv_job j = {.n = n, .cols = conv_columns(t, s)};
    return j.cols ? par_for((size_t)s->n, image_grain(s), conv_images, &j) : tape_error(t);
}

static lorec_err conv_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const conv_job *j = ctx;
    const node *n = j->n;
    const conv_spec *s = n->spec;
    int64_t patch = patch_size(s), places = s->oh * s->ow, image = s->c * s->h * s->w;
    float *cols = j->cols + worker * patch * places;
    for (size_t i = begin; i < end; i++) {
        const float *dy = grad(n->out) + (int64_t)i * s->out * places;
        if (j->dw) {
            columns(s, f32(n->in[0]) + (int64_t)i * image, cols, false);
            gemm_f32_serial(false, true, s->out, patch, places, 1, dy, places, cols, places, 1,
                            j->dw + worker * s->out * patch, patch);
        }
        for (int64_t o = 0; j->db && o < s->out; o++)
            for (int64_t p = 0; p < places; p++) j->db[worker * s->out + o] += dy[o * places + p];
        if (j->dx) {
            float *dx = j->dx + (int64_t)i * image;
            if (j->beta == 0) memset(dx, 0, (size_t)image * sizeof *dx);
            gemm_f32_serial(true, false, patch, places, s->out, 1, f32(n->in[1]), patch, dy, places, 0, cols, places);
            columns(s, dx, cols, true);
        }
    }
    return LOREC_OK;
}

static float *partial_sums(tape *t, const tensor *p)
{
    size_t bytes = p && p->needs_grad ? (size_t)par_workers() * (size_t)p->count * sizeof(float) : 0;
    float *sums = bytes ? tape_scratch(t, bytes) : NULL;
    return sums ? memset(sums, 0, bytes) : NULL;
}

static void partial_pass(tape *t, tensor *p, const float *sums)
{
    float beta, *g = sums ? node_grad(t, p, &beta) : NULL;
    if (g && beta == 0) memset(g, 0, (size_t)p->count * sizeof *g);
    for (int worker = 0; g && worker < par_workers(); worker++)
        isa()->axpy_f32((size_t)p->count, 1, sums + worker * p->count, g);
}

static lorec_err conv_backward(tape *t, node *n)
{
    const conv_spec *s = n->spec;
    conv_job j = {.n = n, .cols = conv_columns(t, s), .dw = partial_sums(t, n->in[1]), .db = partial_sums(t, n->in[2])};
    j.dx = node_grad(t, n->in[0], &j.beta);
    TRY(tape_error(t));
    TRY(par_for((size_t)s->n, image_grain(s), conv_slopes, &j));
    partial_pass(t, n->in[1], j.dw);
    partial_pass(t, n->in[2], j.db);
    return tape_error(t);
}

static double conv_flops(const node *n)
{
    return 2 * (double)n->out->count * (double)patch_size(n->spec);
}

const op_def op_conv1d_def = {
    .name = "conv1d",
    .shape = conv_shape,
    .forward = conv_forward,
    .backward = conv_backward,
    .flops = conv_flops,
    .optional = 1u << 2,
};

tensor *op_conv1d(tape *t, tensor *x, tensor *w, tensor *b, int stride, int pad, int dilation)
{
    conv_spec s = {.stride_h = 1, .stride_w = stride, .pad_w = pad, .dilation = dilation};
    return tape_apply(t, &op_conv1d_def, (tensor *[]){tape_as_f32(t, x), w, b}, 3, &s, sizeof s);
}

const op_def op_conv2d_def = {
    .name = "conv2d",
    .shape = conv_shape,
    .forward = conv_forward,
    .backward = conv_backward,
    .flops = conv_flops,
    .optional = 1u << 2,
};

tensor *op_conv2d(tape *t, tensor *x, tensor *w, tensor *b, int stride, int pad)
{
    conv_spec s = {.stride_h = stride, .stride_w = stride, .pad_h = pad, .pad_w = pad, .dilation = 1};
    return tape_apply(t, &op_conv2d_def, (tensor *[]){tape_as_f32(t, x), w, b}, 3, &s, sizeof s);
}

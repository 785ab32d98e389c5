#include "lm/heads.h"

#include "base/mem.h"
#include "base/str.h"

typedef struct affine {
    tensor *w, *b;
} affine;

struct lm_heads {
    const head_names *names; /* NULL: none at all */
    int64_t width;
    affine pooler, dense, out, token_dense, token_out;
    tensor *text_projection, *image_projection, *scale;
};

static lorec_err name_of(buf *out, const char *name, const char *end)
{
    buf_clear(out);
    return buf_printf(out, "%s%s", name, end);
}

static lorec_err take(tensor **out, params *ps, const char *name, init how, int ndim, const int64_t *size)
{
    *out = params_find(ps, name);
    if (!*out) *out = params_add(ps, name, how, ndim, size);
    return *out ? LOREC_OK : params_error(ps);
}

/* name.weight [out, in] and name.bias [out] (unless in such a head there is none). */
static lorec_err take_affine(affine *a, params *ps, const char *name, int64_t out, int64_t in, bool bias)
{
    buf text = {0};
    lorec_err e = name_of(&text, name, ".weight");
    if (!e) e = take(&a->w, ps, text.p, INIT_NORMAL(.02), 2, (int64_t[]){out, in});
    if (!e && bias) e = name_of(&text, name, ".bias");
    if (!e && bias) e = take(&a->b, ps, text.p, INIT_ZERO, 1, &out);
    buf_free(&text);
    return e;
}

typedef struct file_rows {
    rows_of_fn rows_of;
    const void *file;
} file_rows;

/* Rows of name.weight in the file; -1: not there (or no such head). */
static lorec_err rows_in(const file_rows *f, const char *name, int64_t *rows)
{
    *rows = -1;
    if (!name || !f->rows_of) return LOREC_OK;
    buf text = {0};
    lorec_err e = name_of(&text, name, ".weight");
    if (!e) *rows = f->rows_of(f->file, text.p);
    buf_free(&text);
    return e;
}

static lorec_err take_projection(tensor **out, params *ps, const file_rows *f, const char *name, int64_t in)
{
    int64_t rows;
    affine a = {0};
    TRY(rows_in(f, name, &rows));
    if (rows < 1) return LOREC_OK;
    TRY(take_affine(&a, ps, name, rows, in, false));
    *out = a.w;
    return LOREC_OK;
}

static lorec_err take_all(lm_heads *h, params *ps, int64_t image_width, const file_rows *f)
{
    const head_names *n = h->names;
    int64_t rows, d = h->width;
    TRY(rows_in(f, n->pooler, &rows));
    if (rows > 0) TRY(take_affine(&h->pooler, ps, n->pooler, d, d, true));
    TRY(rows_in(f, n->out, &rows));
    if (rows > 0) TRY(heads_add_classifier(h, ps, rows));
    TRY(rows_in(f, n->token_out, &rows));
    if (rows > 0) {
        TRY(take_affine(&h->token_dense, ps, n->token_dense, d, d, true));
        TRY(take_affine(&h->token_out, ps, n->token_out, 1, d, true));
    }
    TRY(take_projection(&h->text_projection, ps, f, n->text_projection, d));
    TRY(take_projection(&h->image_projection, ps, f, n->image_projection, image_width));
    if (n->scale && f->rows_of && f->rows_of(f->file, n->scale) >= 0)
        TRY(take(&h->scale, ps, n->scale, INIT_CONST(2.6592), 1, (int64_t[]){1}));
    return LOREC_OK;
}

lorec_err heads_new(lm_heads **out, params *ps, const head_names *names, int64_t width, int64_t image_width,
                    rows_of_fn rows_of, const void *file)
{
    *out = NULL;
    lm_heads *h;
    TRY(mem_new(&h, 1));
    h->names = names;
    h->width = width;
    lorec_err e = names ? take_all(h, ps, image_width, &(file_rows){rows_of, file}) : LOREC_OK;
    if (e)
        heads_free(h);
    else
        *out = h;
    return e;
}

void heads_free(lm_heads *h)
{
    mem_free(h);
}

lorec_err heads_add_classifier(lm_heads *h, params *ps, int64_t classes)
{
    const head_names *n = h->names;
    if (!n || !n->out) return err_set(LOREC_USAGE, "this architecture has no classifier");
    if (classes < 1 || classes > INT32_MAX) return err_set(LOREC_USAGE, "%lld classes", (long long)classes);
    if (h->out.w)
        return tensor_size(h->out.w, 0) == classes
                   ? LOREC_OK
                   : err_set(LOREC_USAGE, "the model has a classifier of %lld classes, not %lld",
                             (long long)tensor_size(h->out.w, 0), (long long)classes);
    if (n->reads == CLASSIFY_POOLED) TRY(take_affine(&h->pooler, ps, n->pooler, h->width, h->width, true));
    if (n->dense) TRY(take_affine(&h->dense, ps, n->dense, h->width, h->width, true));
    return take_affine(&h->out, ps, n->out, classes, h->width, !n->out_unbiased);
}

bool heads_has_pooler(const lm_heads *h)
{
    return h->pooler.w != NULL;
}

bool heads_has_discriminator(const lm_heads *h)
{
    return h->token_out.w != NULL;
}

int64_t heads_projection_width(const lm_heads *h)
{
    return h->text_projection ? tensor_size(h->text_projection, 0) : 0;
}

int64_t heads_classes_count(const lm_heads *h)
{
    return h->out.w ? tensor_size(h->out.w, 0) : 0;
}

/* ---- what they compute ------------------------------------------------------------------------------------------------ */

static tensor *apply(tape *t, const affine *a, tensor *x, activation act, const char *what)
{
    if (!a->w) return tape_fail(t, err_set(LOREC_USAGE, "this model has no %s", what));
    return op_linear(t, x, a->w, a->b, LINEAR_OUT_IN, act);
}

tensor *heads_pooled(tape *t, const lm_heads *h, tensor *hidden, const segments *s)
{
    return apply(t, &h->pooler, op_segment_reduce(t, hidden, s, SEGMENT_FIRST), ACT_TANH, "pooler");
}

tensor *heads_classes(tape *t, const lm_heads *h, tensor *hidden, const segments *s)
{
    const char *what = "classifier";
    if (!h->out.w) return apply(t, &h->out, hidden, ACT_NONE, what);
    tensor *x = h->names->reads == CLASSIFY_POOLED
                    ? heads_pooled(t, h, hidden, s)
                    : op_segment_reduce(t, hidden, s, h->names->reads == CLASSIFY_LAST ? SEGMENT_LAST : SEGMENT_FIRST);
    if (h->dense.w) x = apply(t, &h->dense, x, h->names->act, what);
    return apply(t, &h->out, x, ACT_NONE, what);
}

tensor *heads_tokens(tape *t, const lm_heads *h, tensor *hidden)
{
    const char *what = "discriminator";
    activation act = h->names ? h->names->token_act : ACT_NONE;
    return apply(t, &h->token_out, apply(t, &h->token_dense, hidden, act, what), ACT_NONE, what);
}

static tensor *project(tape *t, tensor *w, tensor *x)
{
    return apply(t, &(affine){.w = w}, x, ACT_NONE, "projection");
}

tensor *heads_project_text(tape *t, const lm_heads *h, tensor *x)
{
    return project(t, h->text_projection, x);
}

tensor *heads_project_image(tape *t, const lm_heads *h, tensor *x)
{
    return project(t, h->image_projection, x);
}

tensor *heads_similarity(tape *t, const lm_heads *h, tensor *a, tensor *b)
{
    tensor *cosine = op_matmul(t, op_l2_normalize(t, a, 1e-12f), op_l2_normalize(t, b, 1e-12f), false, true);
    return h->scale ? op_mul(t, cosine, op_exp(t, h->scale)) : cosine;
}

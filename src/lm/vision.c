#include "lm/vision.h"

#include "base/mem.h"
#include "base/str.h"

struct vision_tower {
    vision_config c;
    transformer *body;
    tensor *patch, *patch_bias, *class_token, *positions;
};

static int64_t patches(const vision_config *c)
{
    int64_t side = c->image_size / c->patch_size;
    return side * side;
}

static lorec_err check(const vision_config *c)
{
    enum { SIDE = 1 << 14 };
    if (c->image_size < 1 || c->image_size > SIDE || c->patch_size < 1 || c->patch_size > c->image_size)
        return err_set(LOREC_INPUT, "patches of %lld pixels in images of %lld; both are 1 to %d, and patches no larger",
                       (long long)c->patch_size, (long long)c->image_size, SIDE);
    if (c->channels < 1 || c->channels > 64)
        return err_set(LOREC_INPUT, "an image has 1 to 64 channels, not %lld", (long long)c->channels);
    return LOREC_OK;
}

static lorec_err take(tensor **out, const vision_tower *v, params *ps, const char *prefix, const char *name, int ndim,
                      const int64_t *size)
{
    if (!name) return LOREC_OK;
    buf text = {0};
    lorec_err e = buf_printf(&text, "%s%s", prefix, name);
    if (!e) {
        *out = params_add(ps, text.p, ndim == 1 && name == v->c.patch_bias ? INIT_ZERO : v->c.body.weights, ndim, size);
        if (!*out) e = params_error(ps);
    }
    buf_free(&text);
    return e;
}

static lorec_err build(vision_tower *v, params *ps, const char *prefix)
{
    vision_config *c = &v->c;
    TRY(check(c));
    int64_t d = c->body.width, rows = patches(c) + 1, p = c->patch_size;
    c->body.max_positions = rows;
    c->body.headless = true;
    TRY(transformer_new(&v->body, ps, &c->body, prefix)); /* checks the width */
    TRY(take(&v->patch, v, ps, prefix, c->patch, 4, (int64_t[]){d, c->channels, p, p}));
    TRY(take(&v->patch_bias, v, ps, prefix, c->patch_bias, 1, &d));
    if (c->boxed) {
        TRY(take(&v->class_token, v, ps, prefix, c->class_token, 3, (int64_t[]){1, 1, d}));
        return take(&v->positions, v, ps, prefix, c->positions, 3, (int64_t[]){1, rows, d});
    }
    TRY(take(&v->class_token, v, ps, prefix, c->class_token, 1, &d));
    return take(&v->positions, v, ps, prefix, c->positions, 2, (int64_t[]){rows, d});
}

lorec_err vision_new(vision_tower **out, params *ps, const vision_config *config, const char *prefix)
{
    *out = NULL;
    vision_tower *v;
    TRY(mem_new(&v, 1));
    v->c = *config;
    lorec_err e = build(v, ps, prefix);
    if (e)
        vision_free(v);
    else
        *out = v;
    return e;
}

void vision_free(vision_tower *v)
{
    if (!v) return;
    transformer_free(v->body);
    mem_free(v);
}

const vision_config *vision_settings(const vision_tower *v)
{
    return &v->c;
}

const transformer *vision_body(const vision_tower *v)
{
    return v->body;
}

int64_t vision_length(const vision_tower *v)
{
    return patches(&v->c) + 1;
}

/* The class token once an image: [n, 1, width]. */
static tensor *class_tokens(tape *t, const vision_tower *v, int64_t n)
{
    int64_t d = v->c.body.width;
    int32_t *zeros;
    if (mem_new(&zeros, (size_t)n)) return tape_fail(t, LOREC_RESOURCE);
    tensor *one = op_reshape(t, v->class_token, 2, (int64_t[]){1, d});
    tensor *x = op_gather_rows(t, one, tape_ids(t, zeros, n));
    mem_free(zeros);
    return op_reshape(t, x, 3, (int64_t[]){n, 1, d});
}

void vision_rows(tape *t, const vision_tower *v, tensor *pixels, token_rows *in)
{
    *in = (token_rows){0};
    if (!pixels) return;
    const vision_config *c = &v->c;
    int64_t n = tensor_size(pixels, 0), d = c->body.width, p = patches(c);
    if (tensor_dims(pixels) != 4 || tensor_size(pixels, 1) != c->channels || tensor_size(pixels, 2) != c->image_size ||
        tensor_size(pixels, 3) != c->image_size) {
        tape_fail(t, err_set(LOREC_USAGE, "images have to be [n, %lld, %lld, %lld]", (long long)c->channels,
                             (long long)c->image_size, (long long)c->image_size));
        return;
    }
    tensor *x = op_conv2d(t, pixels, v->patch, v->patch_bias, (int)c->patch_size, 0); /* [n, d, side, side] */
    x = op_transpose(t, op_reshape(t, x, 3, (int64_t[]){n, d, p}), 1, 2);
    x = op_concat(t, (tensor *[]){class_tokens(t, v, n), x}, 2, 1);
    x = op_add(t, x, op_reshape(t, v->positions, 2, (int64_t[]){p + 1, d}));
    in->vectors = op_reshape(t, x, 2, (int64_t[]){n * (p + 1), d});
    in->sequences = tape_segments_even(t, n, p + 1);
}

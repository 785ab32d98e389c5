/* softmax_body.h: the rows of attention's tiles and of wide softmax losses. Part of isa_body.h.
 *
 * Ownership: nothing is kept. */

/* y = exp(x - shift), returns the sum; x may be y */
static float exp_shift_f32(size_t n, const float *x, float shift, float *y)
{
    vf sum = {0};
    for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m) {
        vf e = v_exp(v_load(x + i, m) - shift);
        v_store(y + i, m, e);
        sum += m == LANES ? e : v_keep(e, m);
    }
    return v_sum(sum);
}

/* With p = exp(s - lse): s becomes p mask (the weights after dropout) and dp becomes p (mask dp - delta), the gradient of the
 * scores. mask NULL: all 1. */
static void softmax_grad_f32(size_t n, float *s, float lse, float *dp, float delta, const float *mask)
{
    for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m) {
        vf p = v_exp(v_load(s + i, m) - lse), g = v_load(dp + i, m), w = p;
        if (mask) {
            vf k = v_load(mask + i, m);
            w = p * k;
            g *= k;
        }
        v_store(s + i, m, w);
        v_store(dp + i, m, p * (g - delta));
    }
}

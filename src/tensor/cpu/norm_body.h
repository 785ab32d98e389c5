/* norm_body.h: rows divided by their deviation, and masks of dropout. Part of isa_body.h.
 *
 * Ownership: nothing is kept. */

/* y = (x - mean) * r * (gain_plus + gain) + bias with r = 1 / sqrt(variance + eps); rms: mean is 0. stats: mean, r. */
static void norm_f32(bool rms, size_t d, const float *x, const float *gain, float gain_plus, const float *bias,
                     float eps, float *y, float stats[2])
{
    vf sum = {0}, squares = {0};
    if (!rms)
        for (size_t i = 0, m; (m = LANES_LEFT(d, i)) > 0; i += m) sum += v_load(x + i, m);
    float mean = rms ? 0 : v_sum(sum) / (float)d;
    for (size_t i = 0, m; (m = LANES_LEFT(d, i)) > 0; i += m) {
        vf c = v_load(x + i, m) - v_load_set(mean, m);
        squares += c * c;
    }
    float r = 1 / sqrtf(v_sum(squares) / (float)d + eps);
    for (size_t i = 0, m; (m = LANES_LEFT(d, i)) > 0; i += m) {
        vf v = (v_load(x + i, m) - mean) * r * (gain_plus + v_load(gain + i, m));
        if (bias) v += v_load(bias + i, m);
        v_store(y + i, m, v);
    }
    stats[0] = mean;
    stats[1] = r;
}

/* With h = (x - mean) r and g = dy (gain_plus + gain): dx = r (g - mean(g) - h mean(g h)) + beta dx (rms: without mean(g)),
 * dgain += dy h, dbias += dy. NULL: not wanted. */
static void norm_grad_f32(bool rms, size_t d, const float *x, const float *gain, float gain_plus, const float stats[2],
                          const float *dy, float beta, float *dx, float *dgain, float *dbias)
{
    float mean = stats[0], r = stats[1];
    vf sum_g = {0}, sum_gh = {0};
    for (size_t i = 0, m; (m = LANES_LEFT(d, i)) > 0; i += m) {
        vf h = (v_load(x + i, m) - mean) * r, e = v_load(dy + i, m), g = e * (gain_plus + v_load(gain + i, m));
        sum_g += g;
        sum_gh += g * h; /* lanes behind the end: e is 0 there */
        if (dgain) v_store(dgain + i, m, v_load(dgain + i, m) + e * h);
        if (dbias) v_store(dbias + i, m, v_load(dbias + i, m) + e);
    }
    if (!dx) return;
    float mean_g = rms ? 0 : v_sum(sum_g) / (float)d, mean_gh = v_sum(sum_gh) / (float)d;
    for (size_t i = 0, m; (m = LANES_LEFT(d, i)) > 0; i += m) {
        vf h = (v_load(x + i, m) - mean) * r, g = v_load(dy + i, m) * (gain_plus + v_load(gain + i, m));
        vf v = r * (g - mean_g - h * mean_gh);
        if (beta != 0) v += beta * v_load(dx + i, m);
        v_store(dx + i, m, v);
    }
}

/* Element i of a group of 128: lane i % 16 of word i % 64 / 16, its low half for the first 64, the high half for the rest;
 * group g has the blocks 16 g .. 16 g + 15. */
static void dropout_mask(uint64_t seed, uint64_t stream, uint64_t group, size_t n, uint32_t threshold, float scale,
                         float *mask)
{
    for (size_t at = 0; at < n; at += 128, group++) {
        float all[128], *to = n - at >= 128 ? mask + at : all;
        for (size_t lane = 0; lane < 16; lane += LANES) {
            vu c[4] = {{0}};
            v_counters(stream, group * 16 + lane, c);
            v_philox(seed, c);
            for (size_t w = 0; w < 4; w++) {
                vi low = (vi)(c[w] & 0xffffu), high = (vi)(c[w] >> 16);
                v_write(to + w * 16 + lane, v_select(low >= (int32_t)threshold, v_set(scale), v_set(0)));
                v_write(to + 64 + w * 16 + lane, v_select(high >= (int32_t)threshold, v_set(scale), v_set(0)));
            }
        }
        if (to == all) memcpy(mask + at, all, (n - at) * sizeof *mask);
    }
}

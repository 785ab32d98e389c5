#include "tensor/elem_fit.h"

#include <math.h>

/* Sums run in LANES partial ones, so that the compiler may do them side by side; n is a multiple of it. */
enum { LANES = 16 };

float elem_put_half(unsigned char *p, float value)
{
    float in = value > 65504.f ? 65504.f : value < -65504.f ? -65504.f : value;
    elem_put16(p, elem_half(in));
    return elem_get_half(p);
}

static inline float nearest(float v, float low, float high)
{
    float in = v < low ? low : v > high ? high : v;
    return in + 12582912.f - 12582912.f; /* see elem_round */
}

static inline float total(const float lane[LANES])
{
    float sum = 0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

/* With x ~ d q the squared error is sum x^2 - (sum x q)^2 / sum q^2 at the best d = sum x q / sum q^2. */
float elem_fit_scale(const float *x, int n, int zero)
{
    enum { TRIES = 9 };
    float most = 0, best = 0, d = 0, low = (float)-zero, high = (float)(zero - 1);
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    if (most == 0 || !isfinite(((float)zero + 1) / most)) return 0; /* below what a half could scale */
    for (int t = -TRIES; t <= TRIES; t++) {
        float inverse = -((float)zero + 0.1f * (float)t) / most, xq_lane[LANES] = {0}, qq_lane[LANES] = {0};
        for (int i = 0; i < n; i += LANES)
            for (int l = 0; l < LANES; l++) {
                float q = nearest(x[i + l] * inverse, low, high);
                xq_lane[l] += x[i + l] * q;
                qq_lane[l] += q * q;
            }
        float xq = total(xq_lane), qq = total(qq_lane);
        if (!(qq > 0 && xq * xq > best * qq)) continue;
        best = xq * xq / qq;
        d = xq / qq;
    }
    return isfinite(d) && d != 0 ? d : -most / (float)zero;
}

typedef struct line { /* x ~ d q + m */
    float d, m, error;
} line;

/* Numbers by rounding under `from`, then the best line through (number, value); its error is up to what all have in common. */
static inline line refit(const float *x, int n, float top, float most_m, line from)
{
    float q1_lane[LANES] = {0}, q2_lane[LANES] = {0}, x1_lane[LANES] = {0}, xq_lane[LANES] = {0};
    float inverse = from.d > 0 ? 1 / from.d : 0;
    for (int i = 0; i < n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float v = x[i + l], q = nearest((v - from.m) * inverse, 0, top);
            q1_lane[l] += q;
            q2_lane[l] += q * q;
            x1_lane[l] += v;
            xq_lane[l] += v * q;
        }
    float q1 = total(q1_lane), q2 = total(q2_lane), x1 = total(x1_lane), xq = total(xq_lane), many = (float)n;
    float spread = many * q2 - q1 * q1;
    line to = from;
    if (spread > 0) {
        to.d = (many * xq - q1 * x1) / spread;
        to.m = (x1 - to.d * q1) / many;
    }
    if (to.m > most_m) {
        to.m = most_m;
        to.d = q2 > 0 ? (xq - to.m * q1) / q2 : 0;
    }
    if (!(to.d >= 0)) to = from;
    to.error = to.d * to.d * q2 + many * to.m * to.m - 2 * to.d * xq - 2 * to.m * x1 + 2 * to.d * to.m * q1;
    return to;
}

void elem_fit_affine(const float *x, int n, int top, bool below, float *d, float *m)
{
    enum { STARTS = 8, ROUNDS = 3, MOST = 32 };
    float low = x[0], high = x[0], moved[MOST], scale;
    for (int i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    if (below && low > 0) low = 0;
    scale = high - low;
    *d = 0;
    *m = low;
    if (!isfinite(scale)) { /* beyond what a half could scale */
        *d = 65504;
        return;
    }
    if (!(scale > 0) || !isfinite(1 / scale)) return;
    /* from 0 to 1: sums of squares neither cancel nor overflow */
    for (int i = 0; i < n; i++) moved[i] = (x[i] - low) / scale;
    float most_m = below ? -low / scale : INFINITY;
    line best = {1 / (float)top, 0, INFINITY};
    for (int s = 0; s < STARTS; s++) {
        float cut = 0.025f * (float)s; /* both ends drawn in: far values are clipped */
        line at = {(1 - cut) / (float)top, cut / 2 < most_m ? cut / 2 : most_m, 0};
        for (int r = 0; r < ROUNDS; r++) {
            at = refit(moved, n, (float)top, most_m, at);
            if (at.error < best.error) best = at;
        }
    }
    *d = best.d * scale;
    *m = low + best.m * scale;
    if (below && *m > 0) *m = 0;
}

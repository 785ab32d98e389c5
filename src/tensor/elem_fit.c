#include "tensor/elem_fit.h"

#include <math.h>

float elem_put_half(unsigned char *p, float value)
{
    float in = value > 65504.f ? 65504.f : value < -65504.f ? -65504.f : value;
    elem_put16(p, elem_half(in));
    return elem_get_half(p);
}

/* With x ~ d q the squared error is sum x^2 - (sum x q)^2 / sum q^2 at the best d = sum x q / sum q^2. */
float elem_fit_scale(const float *x, int n, int zero)
{
    enum { TRIES = 9 };
    float most = 0, best = 0, d = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    if (most == 0) return 0;
    for (int t = -TRIES; t <= TRIES; t++) {
        float inverse = -((float)zero + 0.1f * (float)t) / most, xq = 0, qq = 0;
        if (!isfinite(inverse)) return 0; /* below 2^-126: nothing that a half could scale */
        for (int i = 0; i < n; i++) {
            float q = (float)elem_round(x[i] * inverse, -zero, zero - 1);
            xq += x[i] * q;
            qq += q * q;
        }
        if (!(qq > 0 && xq * xq > best * qq)) continue;
        best = xq * xq / qq;
        d = xq / qq;
    }
    return isfinite(d) && d != 0 ? d : -most / (float)zero;
}

typedef struct line {
    double d, m, error;
} line;

/* Numbers by rounding under `from`, then the best line through (number, value). */
static line refit(const float *x, int n, int top, bool below, line from)
{
    double q1 = 0, q2 = 0, x1 = 0, xq = 0, x2 = 0;
    float inverse = from.d > 0 ? (float)(1 / from.d) : 0, m = (float)from.m;
    for (int i = 0; i < n; i++) {
        double q = elem_round((x[i] - m) * inverse, 0, top), v = x[i];
        q1 += q;
        q2 += q * q;
        x1 += v;
        x2 += v * v;
        xq += v * q;
    }
    double spread = n * q2 - q1 * q1;
    line to = {from.d, from.m, 0};
    if (spread > 0) {
        to.d = (n * xq - q1 * x1) / spread;
        to.m = (x1 - to.d * q1) / n;
    }
    if (below && to.m > 0) {
        to.m = 0;
        to.d = q2 > 0 ? xq / q2 : 0;
    }
    if (to.d < 0) to = from;
    to.error = x2 + to.d * to.d * q2 + n * to.m * to.m - 2 * to.d * xq - 2 * to.m * x1 + 2 * to.d * to.m * q1;
    return to;
}

void elem_fit_affine(const float *x, int n, int top, bool below, float *d, float *m)
{
    enum { STARTS = 8, ROUNDS = 3 };
    float low = x[0], high = x[0];
    for (int i = 1; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    if (below) low = fminf(low, 0);
    line best = {((double)high - low) / top, low, INFINITY};
    if (!(best.d > 0)) best.d = 0;
    double span = (double)high - low;
    for (int s = 0; s < STARTS && best.d > 0; s++) {
        double cut = 0.025 * s * span; /* both ends drawn in: far values are clipped */
        line at = {(span - cut) / top, low < 0 ? low + cut / 2 : low, 0};
        for (int r = 0; r < ROUNDS; r++) {
            at = refit(x, n, top, below, at);
            if (at.error < best.error) best = at;
        }
    }
    *d = (float)best.d;
    *m = (float)best.m;
}

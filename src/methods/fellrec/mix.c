/* How clients share: by likeness of their parameters, and the more the later. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "methods/fellrec/fellrec.h"

void fellrec_similarity(const float *theta, size_t n, size_t values, double *s)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const float *a = theta + i * values, *b = theta + j * values;
            double dot = 0, aa = 0, bb = 0;
            for (size_t v = 0; v < values; v++) {
                dot += (double)a[v] * b[v];
                aa += (double)a[v] * a[v];
                bb += (double)b[v] * b[v];
            }
            double cosine = i == j ? 1 : aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : 0;
            s[i * n + j] = (1 + cosine) / 2;
        }
}

void fellrec_heat(const double *loss, size_t n, double t, double alpha, double beta, double temperature, double *w)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) most = loss[i] > most ? loss[i] : most;
    for (size_t i = 0; i < n; i++) sum += exp((loss[i] - most) / temperature);
    for (size_t i = 0; i < n; i++) {
        double log_p = (loss[i] - most) / temperature - log(sum);
        w[i] = tanh(alpha * exp(-log_p * t / beta)); /* p^-t may be infinite: tanh is then 1 */
    }
}

lorec_err fellrec_mix(float *theta, size_t n, size_t values, const double *s, const double *w)
{
    float *old = NULL;
    if (n == 0 || values == 0) return LOREC_OK;
    TRY(mem_new(&old, n * values)); /* everybody mixes what was, not what a neighbour has already mixed */
    memcpy(old, theta, n * values * sizeof *old);
    for (size_t c = 0; c < n; c++) {
        double all = 0;
        for (size_t d = 0; d < n; d++) all += d == c ? s[c * n + c] : w[c] * s[c * n + d];
        for (size_t v = 0; v < values; v++) {
            double sum = 0;
            for (size_t d = 0; d < n; d++)
                sum += (d == c ? s[c * n + c] : w[c] * s[c * n + d]) * (double)old[d * values + v];
            theta[c * values + v] = (float)(sum / all);
        }
    }
    mem_free(old);
    return LOREC_OK;
}

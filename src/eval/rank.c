#include "eval/rank.h"

#include <math.h>

/* Sixteen bytes: what every 64-bit CPU of interest has; counting is bound by reading the row. */
typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
enum { LANES = 4, STEP = 16 };

static f32x4 load(const float *x)
{
    f32x4 v;
    memcpy(&v, x, sizeof v);
    return v;
}

size_t rank_clean(float *scores, size_t n)
{
    size_t nan = 0, i = 0;
    for (; i + STEP <= n; i += STEP) {
        i32x4 bad = {0};
        for (size_t j = 0; j < STEP; j += LANES) {
            f32x4 x = load(scores + i + j);
            bad |= x != x;
        }
        if (!(bad[0] | bad[1] | bad[2] | bad[3])) continue;
        for (size_t j = i; j < i + STEP; j++) {
            if (!isnan(scores[j])) continue;
            scores[j] = -INFINITY;
            nan++;
        }
    }
    for (; i < n; i++) {
        if (!isnan(scores[i])) continue;
        scores[i] = -INFINITY;
        nan++;
    }
    return nan;
}

void rank_count(const float *scores, size_t n, float score, uint32_t *above, uint32_t *equal)
{
    f32x4 t = {score, score, score, score};
    i32x4 more = {0}, same = {0}; /* each lane counts down: a comparison that holds is -1 */
    size_t i = 0;
    for (; i + STEP <= n; i += STEP) {
        for (size_t j = 0; j < STEP; j += LANES) {
            f32x4 x = load(scores + i + j);
            more += x > t;
            same += x == t;
        }
    }
    uint32_t a = 0, b = 0;
    for (size_t j = 0; j < LANES; j++) {
        a -= (uint32_t)more[j];
        b -= (uint32_t)same[j];
    }
    for (; i < n; i++) {
        a += scores[i] > score;
        b += scores[i] == score;
    }
    *above = a;
    *equal = b;
}

void rank_places(const float *scores, size_t n, const uint32_t *target, size_t n_targets, float floor, place *places)
{
    for (size_t i = 0; i < n_targets; i++) {
        float score = target[i] < n ? scores[target[i]] : -INFINITY;
        places[i] = PLACE_NOWHERE;
        if (score == -INFINITY || score < floor) continue;
        uint32_t equal;
        rank_count(scores, n, score, &places[i].above, &equal);
        places[i].tied = equal - 1;
    }
}

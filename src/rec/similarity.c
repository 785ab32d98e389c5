#include "rec/similarity.h"

#include <math.h>

enum { COSINE, JACCARD, DICE, ASYMMETRIC, OVERLAP };

const char *const similarity_names[] = {"cosine", "jaccard", "dice", "asymmetric", "overlap", NULL};

float similarity(const similarity_spec *how, double shared, double a, double b)
{
    if (shared <= 0) return 0;
    switch (how->kind) {
    case JACCARD:
        return (float)(shared / (a + b - shared + how->shrink));
    case DICE:
        return (float)(2 * shared / (a + b + how->shrink));
    case ASYMMETRIC:
        return (float)(shared / (pow(a, how->alpha) * pow(b, 1 - how->alpha) + how->shrink));
    case OVERLAP:
        return (float)shared;
    default:
        return (float)(shared / (sqrt(a * b) + how->shrink));
    }
}

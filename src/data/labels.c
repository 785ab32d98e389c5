#include "data/labels.h"

double positive_rating_default(const interactions *rows)
{
    float most = 1;
    for (uint64_t i = 0; rows->rating && i < rows->n; i++)
        if (rows->rating[i] > most) most = rows->rating[i];
    return most <= 1 ? 0.5 : most <= 5 ? 4 : 0.8 * (double)most;
}

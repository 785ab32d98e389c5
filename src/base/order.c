#include "base/order.h"

#include <stdlib.h>

static int order_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void sort_u32(uint32_t *x, size_t n)
{
    if (n > 1) qsort(x, n, sizeof *x, order_u32);
}

const uint32_t *find_u32(uint32_t x, const uint32_t *ascending, size_t n)
{
    return n ? bsearch(&x, ascending, n, sizeof x, order_u32) : NULL;
}

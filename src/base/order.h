/* order.h: whole numbers in ascending order, and one of them found.
 *
 *     sort_u32(item, n);
 *     const uint32_t *at = find_u32(42, item, n);       // NULL: 42 is not among them
 *
 * n may be 0, and the array NULL then.
 *
 * Ownership: the arrays are the caller's. */
#ifndef LOREC_BASE_ORDER_H
#define LOREC_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

void sort_u32(uint32_t *x, size_t n);
const uint32_t *find_u32(uint32_t x, const uint32_t *ascending, size_t n);

#endif

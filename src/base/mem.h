/* mem.h: memory that can run out without taking the program with it.
 *
 *     float *x;
 *     TRY(mem_new(&x, n));                 // n zeroed floats; n * sizeof *x is checked for overflow
 *     TRY(mem_grow(&list, &cap, need));    // at least `need` elements, doubling; the tail is not zeroed
 *     mem_free(x);
 *
 *     arena a = {0};                       // many allocations, one reset
 *     float *tmp = arena_alloc(&a, bytes); // 64-byte aligned, not zeroed; NULL (message set) when out of memory
 *     arena_reset(&a);                     // all of it is free again, the memory is kept for the next round
 *     arena_free(&a);
 *
 * Ownership: what mem_new gives is the caller's, to mem_free; what an arena gives is the arena's. An arena belongs
 * to one thread at a time. */
#ifndef LOREC_BASE_MEM_H
#define LOREC_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Zeroed, 64-byte aligned when large. The pointer is NULL for n == 0 and after a failure. */
#define mem_new(out, n)          mem_new_((void **)(out), (n), sizeof **(out))
#define mem_grow(out, cap, need) mem_grow_((void **)(out), (cap), (need), sizeof **(out))

lorec_err mem_new_(void **out, size_t n, size_t elem);
lorec_err mem_grow_(void **out, size_t *cap, size_t need, size_t elem);
lorec_err mem_dup(char **out, const char *text); /* a copy of a string; NULL gives NULL */
void mem_free(void *p);

/* a * b and a + b into *out; false (and *out untouched) when the result does not fit. */
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

typedef struct arena {
    struct arena_chunk *first, *current;
    size_t used;  /* bytes handed out since the last reset, padding included */
    size_t peak;  /* the largest `used` so far */
    size_t limit; /* 0: none; otherwise arena_alloc fails beyond it */
} arena;

void *arena_alloc(arena *a, size_t bytes);
void *arena_zalloc(arena *a, size_t bytes);
void arena_reset(arena *a);
void arena_free(arena *a);

/* Tests only: the n-th allocation from now fails (and, with `forever`, every later one); 0 switches it off.
 * Returns how many allocations were counted since the last call. */
size_t mem_fail_at(size_t n, bool forever);

#endif

#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, LARGE = 1 << 12, HUGE_PAGE = 1 << 21 };

static atomic_size_t counted, fail_at;
static atomic_bool fail_forever;

size_t mem_fail_at(size_t n, bool forever)
{
    size_t seen = atomic_exchange(&counted, 0);
    atomic_store(&fail_forever, forever);
    atomic_store(&fail_at, n);
    return seen;
}

static bool injected_failure(void)
{
    size_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    size_t now = atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed) + 1;
    if (at == 0) return false;
    return now == at || (now > at && atomic_load(&fail_forever));
}

static lorec_err out_of_memory(size_t bytes)
{
    return err_set(LOREC_RESOURCE,
                   "out of memory: %.1f MiB more could not be had; use a smaller batch, model or data set",
                   (double)bytes / (1 << 20));
}

/* Large blocks are aligned for the kernels and offered to the kernel as huge pages: weights and activations of
 * hundreds of MiB otherwise spend a visible share of their time in page faults and TLB misses. */
static void *block_new(size_t bytes)
{
    if (injected_failure()) return NULL;
    if (bytes < LARGE) return malloc(bytes);
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : ALIGN;
    size_t padded;
    if (!size_add(bytes, align - 1, &padded)) return NULL;
    void *p = aligned_alloc(align, padded / align * align);
    if (p && bytes >= HUGE_PAGE) madvise(p, padded / align * align, MADV_HUGEPAGE);
    return p;
}

lorec_err mem_new_(void **out, size_t n, size_t elem)
{
    *out = NULL;
    size_t bytes;
    if (!size_mul(n, elem, &bytes)) return out_of_memory(SIZE_MAX);
    if (bytes == 0) return LOREC_OK;
    void *p = block_new(bytes);
    if (!p) return out_of_memory(bytes);
    *out = memset(p, 0, bytes);
    return LOREC_OK;
}

lorec_err mem_grow_(void **out, size_t *cap, size_t need, size_t elem)
{
    if (need <= *cap) return LOREC_OK;
    size_t want = *cap < SIZE_MAX / 2 && *cap * 2 > need ? *cap * 2 : need;
    if (want < 16) want = 16;
    size_t bytes;
    if (!size_mul(want, elem, &bytes)) return out_of_memory(SIZE_MAX);
    void *p = injected_failure() ? NULL : realloc(*out, bytes);
    if (!p) return out_of_memory(bytes);
    *out = p;
    *cap = want;
    return LOREC_OK;
}

lorec_err mem_dup(char **out, const char *text)
{
    *out = NULL;
    if (!text) return LOREC_OK;
    size_t n = strlen(text) + 1;
    TRY(mem_new(out, n));
    memcpy(*out, text, n);
    return LOREC_OK;
}

void mem_free(void *p)
{
    free(p);
}

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    unsigned char *bytes;
};

static struct arena_chunk *chunk_new(size_t size)
{
    struct arena_chunk *c = NULL;
    if (mem_new(&c, 1) != LOREC_OK) return NULL;
    c->bytes = block_new(size);
    if (!c->bytes) {
        out_of_memory(size);
        mem_free(c);
        return NULL;
    }
    c->size = size;
    return c;
}

void *arena_alloc(arena *a, size_t bytes)
{
    size_t need;
    if (!size_add(bytes ? bytes : 1, ALIGN - 1, &need)) {
        out_of_memory(bytes);
        return NULL;
    }
    need = need / ALIGN * ALIGN;
    if (a->limit && (need > a->limit || a->used > a->limit - need)) {
        out_of_memory(bytes);
        return NULL;
    }
    struct arena_chunk *c = a->current;
    while (c && c->size - c->used < need) c = c->next;
    if (!c) {
        size_t size = (size_t)1 << 16;
        while (size < need || (size < a->used && size < ((size_t)1 << 28))) {
            if (size > SIZE_MAX / 2) break;
            size *= 2;
        }
        c = chunk_new(size < need ? need : size);
        if (!c) return NULL;
        c->next = a->first;
        a->first = c;
    }
    void *p = c->bytes + c->used;
    c->used += need;
    a->current = c;
    a->used += need;
    if (a->used > a->peak) a->peak = a->used;
    return p;
}

void *arena_zalloc(arena *a, size_t bytes)
{
    void *p = arena_alloc(a, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

/* Several chunks become one that holds the most there has been, so that no chunk's unused end stays in memory. */
static void chunks_join(arena *a)
{
    size_t limit = a->limit, peak = a->peak;
    arena_free(a);
    *a = (arena){.limit = limit, .peak = peak, .first = chunk_new(peak)};
}

void arena_reset(arena *a)
{
    if (a->first && a->first->next) chunks_join(a);
    for (struct arena_chunk *c = a->first; c; c = c->next) c->used = 0;
    a->current = a->first;
    a->used = 0;
}

void arena_free(arena *a)
{
    for (struct arena_chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        free(c->bytes);
        mem_free(c);
    }
    *a = (arena){.limit = a->limit};
}

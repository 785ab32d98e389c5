/* Searching. Scores are products, larger is nearer; ties go to the smaller number, so that an answer is always the same. */
#include "retrieve/hnsw.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "retrieve/hnsw_parts.h"
#include "tensor/cpu/kernels.h"

const uint32_t *hnsw_list(const hnsw *h, uint32_t node, uint32_t layer)
{
    if (layer == 0) {
        const uint32_t *list = h->lowest + (size_t)node * (1 + 2 * (size_t)h->m);
        return list[0] <= 2 * h->m ? list : NULL;
    }
    uint64_t at = h->upper_at[node] + (uint64_t)(layer - 1) * (1 + h->m);
    if (h->upper_at[node] > h->n_upper || h->upper_at[node + 1] > h->n_upper || at + 1 + h->m > h->upper_at[node + 1])
        return NULL;
    return h->upper[at] <= h->m ? h->upper + at : NULL;
}

float hnsw_product(const hnsw *h, const float *wide, uint32_t node)
{
    return isa()->dot_f32(h->stride, wide, h->vector + (size_t)node * h->stride);
}

static bool nearer(near a, near b)
{
    return a.score > b.score || (a.score == b.score && a.node < b.node);
}

/* ---- heaps: what `first` says is at the root ------------------------------------------------------------------------------ */

static bool farther(near a, near b)
{
    return nearer(b, a);
}

static void heap_push(near *heap, size_t *n, near x, bool (*first)(near, near))
{
    size_t i = (*n)++;
    for (; i && first(x, heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = x;
}

static near heap_pop(near *heap, size_t *n, bool (*first)(near, near))
{
    near top = heap[0], last = heap[--*n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *n; i = child) {
        if (child + 1 < *n && first(heap[child + 1], heap[child])) child++;
        if (!first(heap[child], last)) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

static int best_first(const void *a, const void *b)
{
    return nearer(*(const near *)a, *(const near *)b) ? -1 : 1;
}

/* ---- layers ---------------------------------------------------------------------------------------------------------------- */

near hnsw_descend(const hnsw *h, const float *wide, near from, uint32_t layer)
{
    for (uint32_t steps = 0; steps < h->n; steps++) {
        const uint32_t *list = hnsw_list(h, from.node, layer);
        near best = from;
        for (uint32_t i = 1; list && i <= list[0]; i++) {
            if (list[i] >= h->n) continue;
            near x = {hnsw_product(h, wide, list[i]), list[i]};
            if (nearer(x, best)) best = x;
        }
        if (best.node == from.node) break;
        from = best;
    }
    return from;
}

static void begin(hnsw_scratch *s)
{
    s->n_open = s->n_best = 0;
    if (++s->mark) return;
    memset(s->seen, 0, s->n * sizeof *s->seen);
    s->mark = 1;
}

lorec_err hnsw_search_layer(const hnsw *h, hnsw_scratch *s, const float *wide, near from, uint32_t layer, size_t look)
{
    begin(s);
    TRY(mem_grow(&s->best, &s->best_cap, look + 1));
    TRY(mem_grow(&s->open, &s->open_cap, 1));
    s->seen[from.node] = s->mark;
    heap_push(s->open, &s->n_open, from, nearer);
    heap_push(s->best, &s->n_best, from, farther);
    while (s->n_open) {
        near at = heap_pop(s->open, &s->n_open, nearer);
        if (s->n_best == look && nearer(s->best[0], at)) break;
        const uint32_t *list = hnsw_list(h, at.node, layer);
        if (list) TRY(mem_grow(&s->open, &s->open_cap, s->n_open + list[0]));
        for (uint32_t i = 1; list && i <= list[0]; i++) /* they are read one after the other: let the memory begin */
            if (list[i] < h->n) __builtin_prefetch(h->vector + (size_t)list[i] * h->stride);
        for (uint32_t i = 1; list && i <= list[0]; i++) {
            if (list[i] >= h->n || s->seen[list[i]] == s->mark) continue;
            s->seen[list[i]] = s->mark;
            near x = {hnsw_product(h, wide, list[i]), list[i]};
            if (s->n_best == look && !nearer(x, s->best[0])) continue;
            heap_push(s->open, &s->n_open, x, nearer);
            heap_push(s->best, &s->n_best, x, farther);
            if (s->n_best > look) (void)heap_pop(s->best, &s->n_best, farther);
        }
    }
    if (s->n_best) qsort(s->best, s->n_best, sizeof *s->best, best_first);
    return LOREC_OK;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------- */

lorec_err hnsw_scratch_new(hnsw_scratch **out, const hnsw *h)
{
    hnsw_scratch *s;
    *out = NULL;
    TRY(mem_new(&s, 1));
    s->n = h->n;
    lorec_err e = mem_new(&s->seen, h->n);
    if (e)
        hnsw_scratch_free(s);
    else
        *out = s;
    return e;
}

void hnsw_scratch_free(hnsw_scratch *s)
{
    if (!s) return;
    mem_free(s->seen);
    mem_free(s->open);
    mem_free(s->best);
    mem_free(s);
}

void hnsw_extend(const hnsw *h, const float *q, float *wide)
{
    memset(wide, 0, h->stride * sizeof *wide);
    memcpy(wide, q, h->d * sizeof *wide);
}

lorec_err hnsw_search(const hnsw *h, hnsw_scratch *s, const float *wide, size_t k, size_t look, uint32_t *items,
                      float *scores, size_t *found)
{
    *found = 0;
    if (!h->n || !k) return LOREC_OK;
    if (s->n != h->n) return err_set(LOREC_USAGE, "scratch of a graph of %u vectors, not of %u", s->n, h->n);
    if (!look) look = 2 * k > 128 ? 2 * k : 128;
    if (look < k) look = k;
    near at = {hnsw_product(h, wide, h->entry), h->entry};
    for (uint32_t layer = h->top; layer > 0; layer--) at = hnsw_descend(h, wide, at, layer);
    TRY(hnsw_search_layer(h, s, wide, at, 0, look));
    for (size_t i = 0; i < s->n_best && *found < k; i++) {
        if (isnan(s->best[i].score)) continue;
        items[*found] = s->best[i].node;
        scores[(*found)++] = s->best[i].score;
    }
    return LOREC_OK;
}

void hnsw_scan(const hnsw *h, const float *wide, float *scores)
{
    for (uint32_t i = 0; i < h->n; i++) scores[i] = hnsw_product(h, wide, i);
}

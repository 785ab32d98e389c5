#include "text/tokenizer/parts.h"

enum { SIZE_MIN = 1 << 10 };

static size_t slot_of(const merges *m, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t i = (key * 0x9E3779B97F4A7C15ull >> 20) & (m->size - 1);
    while (m->slot[i].left >= 0 && (m->slot[i].left != left || m->slot[i].right != right)) i = (i + 1) & (m->size - 1);
    return i;
}

static lorec_err grow(merges *m)
{
    merges bigger = {.size = m->size ? m->size * 2 : SIZE_MIN, .n = m->n};
    TRY(mem_new(&bigger.slot, bigger.size));
    for (size_t i = 0; i < bigger.size; i++) bigger.slot[i].left = -1;
    for (size_t i = 0; i < m->size; i++)
        if (m->slot[i].left >= 0) bigger.slot[slot_of(&bigger, m->slot[i].left, m->slot[i].right)] = m->slot[i];
    mem_free(m->slot);
    *m = bigger;
    return LOREC_OK;
}

lorec_err merges_add(merges *m, int32_t left, int32_t right, uint32_t rank, int32_t result)
{
    if (m->n >= m->size / 2) TRY(grow(m));
    merge *slot = &m->slot[slot_of(m, left, right)];
    if (slot->left >= 0) return LOREC_OK;
    *slot = (merge){left, right, rank, result};
    m->n++;
    return LOREC_OK;
}

const merge *merges_find(const merges *m, int32_t left, int32_t right)
{
    if (m->size == 0 || left < 0 || right < 0) return NULL;
    const merge *slot = &m->slot[slot_of(m, left, right)];
    return slot->left >= 0 ? slot : NULL;
}

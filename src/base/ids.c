#include "base/ids.h"

#include <xxhash.h>

#include "base/mem.h"

enum { TABLE_MIN = 64 };

/* Where the name is, or the free slot where it belongs. */
static size_t slot_of(const ids *v, slice name, uint64_t hash)
{
    size_t mask = v->table_size - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t entry = v->table[i];
        if (entry == 0) return i;
        if (v->hash[entry - 1] != hash) continue;
        slice there = ids_name(v, entry - 1);
        if (there.n == name.n && memcmp(there.p, name.p, name.n) == 0) return i;
    }
}

static lorec_err table_grow(ids *v, size_t size)
{
    uint32_t *table;
    TRY(mem_new(&table, size));
    for (uint32_t k = 0; k < v->n; k++) {
        size_t i = v->hash[k] & (size - 1);
        while (table[i]) i = (i + 1) & (size - 1);
        table[i] = k + 1;
    }
    mem_free(v->table);
    v->table = table;
    v->table_size = size;
    return LOREC_OK;
}

lorec_err ids_reserve(ids *v, size_t n, size_t bytes)
{
    size_t starts;
    if (!size_add(n, 1, &starts) || n > UINT32_MAX - 1)
        return err_set(LOREC_RESOURCE, "more than %u different ids", UINT32_MAX - 1);
    TRY(mem_grow(&v->start, &v->start_cap, starts));
    TRY(mem_grow(&v->hash, &v->hash_cap, n));
    TRY(mem_grow(&v->bytes, &v->bytes_cap, bytes + 1));
    v->start[v->n] = v->n ? v->start[v->n] : 0;
    size_t size = v->table_size ? v->table_size : TABLE_MIN;
    while (size / 2 < n) size *= 2; /* at most half full */
    return size == v->table_size ? LOREC_OK : table_grow(v, size);
}

lorec_err ids_add(ids *v, slice name, uint32_t *number)
{
    uint64_t hash = XXH3_64bits(name.p, name.n);
    if (v->table_size == 0 || v->n >= v->table_size / 2) TRY(ids_reserve(v, (size_t)v->n + 1, name.n));
    size_t i = slot_of(v, name, hash);
    if (v->table[i] == 0) {
        uint64_t at = v->n ? v->start[v->n] : 0;
        TRY(ids_reserve(v, (size_t)v->n + 1, at + name.n));
        i = slot_of(v, name, hash); /* the table may have grown */
        memcpy(v->bytes + at, name.p, name.n);
        v->start[v->n] = at;
        v->start[v->n + 1] = at + name.n;
        v->hash[v->n] = hash;
        v->table[i] = ++v->n;
    }
    *number = v->table[i] - 1;
    return LOREC_OK;
}

bool ids_find(const ids *v, slice name, uint32_t *number)
{
    if (v->table_size == 0) return false;
    size_t i = slot_of(v, name, XXH3_64bits(name.p, name.n));
    if (v->table[i] == 0) return false;
    *number = v->table[i] - 1;
    return true;
}

void ids_free(ids *v)
{
    mem_free(v->start);
    mem_free(v->bytes);
    mem_free(v->table);
    mem_free(v->hash);
    *v = (ids){0};
}

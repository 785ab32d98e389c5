#include "text/fm_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void fm_index_free(fm_index *f)
{
    mem_free(f->token);
    mem_free(f->first);
    mem_free(f->place);
    mem_free(f->before);
    mem_free(f->owner);
    *f = (fm_index){0};
}

/* ---- building ------------------------------------------------------------------------------------------------------------ */

typedef struct building {
    uint32_t n;
    uint32_t *symbol;                /* [n] the sequences backwards, each ended by 0 */
    uint32_t *owner;                 /* [n] by position */
    uint32_t *suffix, *rank, *other; /* [n] */
} building;

static int token_order(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static lorec_err find_symbols(fm_index *f, const int32_t *tokens, uint64_t n)
{
    int32_t *all;
    TRY(mem_new(&all, n));
    for (uint64_t i = 0; i < n; i++) {
        all[i] = tokens[i];
        if (all[i] < 0) {
            mem_free(all);
            return err_set(LOREC_USAGE, "an index of tokens can not hold %d", tokens[i]);
        }
    }
    if (n) qsort(all, n, sizeof *all, token_order);
    for (uint64_t i = 0; i < n; i++)
        if (i == 0 || all[i] != all[i - 1]) all[f->symbols++] = all[i];
    lorec_err e = mem_new(&f->token, f->symbols);
    if (!e && f->symbols) memcpy(f->token, all, f->symbols * sizeof *all);
    mem_free(all);
    return e;
}

/* 0: there is no such token. */
static uint32_t symbol_of(const fm_index *f, int32_t token)
{
    uint32_t lo = 0, hi = f->symbols;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (f->token[middle] < token)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < f->symbols && f->token[lo] == token ? lo + 1 : 0;
}

/* Stable counting sort of b->other by rank (or symbol) of the position `shift` ahead; ends wrap around. */
static lorec_err sort_by(const building *b, const uint32_t *key, uint32_t keys, const uint32_t *from, uint32_t *to)
{
    uint32_t *start;
    TRY(mem_new(&start, (size_t)keys + 1));
    for (uint32_t i = 0; i < b->n; i++) start[key[from[i]] + 1]++;
    for (uint32_t k = 0; k < keys; k++) start[k + 1] += start[k];
    for (uint32_t i = 0; i < b->n; i++) to[start[key[from[i]]]++] = from[i];
    mem_free(start);
    return LOREC_OK;
}

static uint32_t ahead(const building *b, uint32_t at, uint32_t shift)
{
    uint64_t to = (uint64_t)at + shift;
    return (uint32_t)(to < b->n ? to : to % b->n);
}

/* Prefix doubling (Manber & Myers 1990): sorted by the first `length` symbols, then by twice as many. Rows are rotations of
 * the whole; as each end differs from none of the others, equal ones keep the order of their positions. */
static lorec_err sort_suffixes(building *b, uint32_t symbols)
{
    uint32_t ranks = symbols + 1;
    for (uint32_t i = 0; i < b->n; i++) {
        b->other[i] = i;
        b->rank[i] = b->symbol[i];
    }
    TRY(sort_by(b, b->rank, ranks, b->other, b->suffix));
    for (uint32_t length = 1; length < b->n; length *= 2) {
        for (uint32_t i = 0; i < b->n; i++) /* by the second half: those that lie `length` before a sorted one */
            b->other[i] = b->suffix[i] >= length ? b->suffix[i] - length : b->suffix[i] + b->n - length % b->n;
        TRY(sort_by(b, b->rank, ranks, b->other, b->suffix));
        b->other[b->suffix[0]] = 0;
        uint32_t now = 0;
        for (uint32_t i = 1; i < b->n; i++) {
            uint32_t x = b->suffix[i - 1], y = b->suffix[i];
            now += b->rank[x] != b->rank[y] || b->rank[ahead(b, x, length)] != b->rank[ahead(b, y, length)];
            b->other[y] = now;
        }
        uint32_t *old = b->rank;
        b->rank = b->other;
        b->other = old;
        ranks = now + 1;
        if (ranks == b->n) break;
        if (length > UINT32_MAX / 2) break;
    }
    return LOREC_OK;
}

static void lay_out(building *b, const fm_index *f, const int32_t *tokens, const uint64_t *start, uint32_t n)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint64_t j = start[i + 1]; j > start[i]; j--) {
            b->owner[at] = i;
            b->symbol[at++] = symbol_of(f, tokens[j - 1]);
        }
        b->owner[at] = i;
        b->symbol[at++] = 0;
    }
}

/* Rows: which symbol stands before each suffix, and for each symbol where it does. */
static lorec_err fill(fm_index *f, const building *b)
{
    TRY(mem_new(&f->before, f->rows));
    TRY(mem_new(&f->owner, f->rows));
    TRY(mem_new(&f->place, f->rows));
    TRY(mem_new(&f->first, (size_t)f->symbols + 2));
    for (uint32_t i = 0; i < f->rows; i++) {
        uint32_t at = b->suffix[i];
        f->before[i] = b->symbol[at ? at - 1 : b->n - 1];
        f->owner[i] = b->owner[at];
        f->first[b->symbol[i] + 1]++;
    }
    for (uint32_t s = 0; s <= f->symbols; s++) f->first[s + 1] += f->first[s];
    uint32_t *next = b->other;
    for (uint32_t s = 0; s <= f->symbols && s < f->rows; s++) next[s] = f->first[s];
    for (uint32_t i = 0; i < f->rows; i++) f->place[next[f->before[i]]++] = i;
    return LOREC_OK;
}

lorec_err fm_index_build(fm_index *out, const int32_t *tokens, const uint64_t *start, uint32_t n)
{
    *out = (fm_index){.sequences = n};
    uint64_t all = n ? start[n] : 0, rows = all + n;
    building b = {0};
    if (rows > INT32_MAX) return err_set(LOREC_RESOURCE, "an index can not hold %llu tokens", (unsigned long long)rows);
    out->rows = b.n = (uint32_t)rows;
    lorec_err e = find_symbols(out, tokens, all);
    size_t room = (size_t)b.n + 1;
    if (!e) e = mem_new(&b.symbol, room);
    if (!e) e = mem_new(&b.owner, room);
    if (!e) e = mem_new(&b.suffix, room);
    if (!e) e = mem_new(&b.rank, room);
    if (!e) e = mem_new(&b.other, room);
    if (!e) lay_out(&b, out, tokens, start, n);
    if (!e && b.n) e = sort_suffixes(&b, out->symbols);
    if (!e) e = fill(out, &b);
    mem_free(b.symbol);
    mem_free(b.owner);
    mem_free(b.suffix);
    mem_free(b.rank);
    mem_free(b.other);
    if (e) fm_index_free(out);
    return e;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------- */

/* Of the rows below `row`, how many have the symbol before them: among its places. */
static uint32_t rank_of(const fm_index *f, uint32_t symbol, uint32_t row)
{
    uint32_t lo = f->first[symbol], hi = f->first[symbol + 1], begin = lo;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (f->place[middle] < row)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo - begin;
}

static fm_range step_symbol(const fm_index *f, fm_range r, uint32_t symbol)
{
    uint32_t first = f->first[symbol];
    return (fm_range){first + rank_of(f, symbol, r.lo), first + rank_of(f, symbol, r.hi)};
}

fm_range fm_index_step(const fm_index *f, fm_range r, int32_t token)
{
    uint32_t symbol = symbol_of(f, token);
    return symbol && r.lo < r.hi ? step_symbol(f, r, symbol) : (fm_range){0, 0};
}

/* A sequence lies backwards, so it begins where its end mark follows: rows that begin with the mark. */
fm_range fm_index_beginnings(const fm_index *f)
{
    return (fm_range){0, f->sequences};
}

uint32_t fm_index_ends(const fm_index *f, fm_range r)
{
    return r.lo < r.hi ? rank_of(f, 0, r.hi) - rank_of(f, 0, r.lo) : 0;
}

static int next_order(const void *a, const void *b)
{
    const fm_next *x = a, *y = b;
    return (x->token > y->token) - (x->token < y->token);
}

/* A wide range asks each symbol, a narrow one looks at its rows. */
lorec_err fm_index_next(const fm_index *f, fm_range r, fm_next **out, size_t *n, size_t *cap)
{
    size_t from = *n;
    if (r.hi - r.lo > f->symbols) {
        for (uint32_t s = 1; s <= f->symbols; s++) {
            fm_range to = step_symbol(f, r, s);
            if (to.lo == to.hi) continue;
            TRY(mem_grow(out, cap, *n + 1));
            (*out)[(*n)++] = (fm_next){f->token[s - 1], to.hi - to.lo};
        }
        return LOREC_OK;
    }
    for (uint32_t i = r.lo; i < r.hi; i++) {
        if (f->before[i] == 0) continue;
        TRY(mem_grow(out, cap, *n + 1));
        (*out)[(*n)++] = (fm_next){f->token[f->before[i] - 1], 1};
    }
    if (*n == from) return LOREC_OK;
    qsort(*out + from, *n - from, sizeof **out, next_order);
    size_t kept = from;
    for (size_t i = from + 1; i < *n; i++) {
        if ((*out)[i].token == (*out)[kept].token)
            (*out)[kept].count++;
        else
            (*out)[++kept] = (*out)[i];
    }
    *n = kept + 1;
    return LOREC_OK;
}

static int number_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

size_t fm_index_where(const fm_index *f, fm_range r, uint32_t *out, size_t room)
{
    uint32_t *all;
    size_t n = r.lo < r.hi ? r.hi - r.lo : 0, kept = 0;
    if (n == 0) return 0;
    if (mem_new(&all, n)) return SIZE_MAX;
    memcpy(all, f->owner + r.lo, n * sizeof *all);
    qsort(all, n, sizeof *all, number_order);
    for (size_t i = 0; i < n && kept < room; i++)
        if (i == 0 || all[i] != all[i - 1]) out[kept++] = all[i];
    mem_free(all);
    return kept;
}

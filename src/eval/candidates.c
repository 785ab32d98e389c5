/* Which items a user's targets are ranked against. */
#include <math.h>
#include <stdlib.h>

#include "base/order.h"
#include "eval/protocol.h"

candidates_kind protocol_kind(const protocol *p, part of)
{
    return p->kind == CANDIDATES_SLATE && of == PART_VALID ? CANDIDATES_FULL : p->kind;
}

size_t protocol_candidates_max(const protocol *p, uint32_t user, size_t n_relevant)
{
    if (p->kind == CANDIDATES_SLATE) return (size_t)(p->start[user + 1] - p->start[user]);
    size_t n_items = p->split->train.n_items, n = n_relevant * ((size_t)p->n_candidates + 1);
    return n < n_items ? n : n_items;
}

static bool bit(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}
static void bit_set(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= (uint64_t)1 << (i % 64);
}

/* One more item that is not marked, by scanning all: for catalogues of which little is left. UINT32_MAX: none is. */
static uint32_t draw_scan(const sampler *s, rng *r, const uint64_t *bits)
{
    double sum = 0;
    for (uint32_t i = 0; i < s->n_items; i++)
        if (!bit(bits, i)) sum += s->log_q ? exp((double)s->log_q[i]) : 1;
    if (sum <= 0) return UINT32_MAX;
    double target = rng_uniform(r) * sum;
    uint32_t kept = UINT32_MAX;
    for (uint32_t i = 0; i < s->n_items && target >= 0; i++) {
        if (bit(bits, i)) continue;
        double mass = s->log_q ? exp((double)s->log_q[i]) : 1;
        if (mass > 0) kept = i;
        target -= mass;
    }
    return kept;
}

static size_t draw(const protocol *p, part of, uint32_t user, size_t want, uint64_t *bits, uint32_t *out)
{
    rng r = {p->seed, RNG_CANDIDATES, (uint64_t)user << 33 | (uint64_t)of << 32};
    size_t n = 0, tries = 20 * want + 200;
    while (n < want) {
        uint32_t item = tries ? sampler_draw(&p->sampler, &r) : draw_scan(&p->sampler, &r, bits);
        if (item == UINT32_MAX) break; /* all there is has been taken: a shorter list */
        if (tries) tries--;
        if (bit(bits, item)) continue;
        bit_set(bits, item);
        out[n++] = item;
    }
    return n;
}

size_t protocol_candidates(const protocol *p, part of, uint32_t user, const uint32_t *relevant, size_t n_relevant,
                           const uint32_t *seen, size_t n_seen, uint64_t *bits, uint32_t *out)
{
    if (p->kind == CANDIDATES_SLATE) {
        size_t n = (size_t)(p->start[user + 1] - p->start[user]);
        if (n) memcpy(out, p->candidate + p->start[user], n * sizeof *out);
        return n;
    }
    for (size_t i = 0; i < n_relevant; i++) {
        out[i] = relevant[i];
        bit_set(bits, relevant[i]);
    }
    for (size_t i = 0; i < n_seen && !p->keep_seen; i++) bit_set(bits, seen[i]);
    size_t want = protocol_candidates_max(p, user, n_relevant) - n_relevant;
    size_t n = n_relevant + draw(p, of, user, want, bits, out + n_relevant);
    for (size_t i = 0; i < n; i++) bits[out[i] / 64] = 0;
    for (size_t i = 0; i < n_seen; i++) bits[seen[i] / 64] = 0;
    sort_u32(out, n);
    return n;
}

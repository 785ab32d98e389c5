#include "text/tokenizer/byte_trie.h"

#include "base/mem.h"

enum { NODES_MAX = (1 << 24) - 1, SIZE_MIN = 64 };

static void edge_put(byte_edge *edge, size_t size, uint32_t from, uint32_t to)
{
    size_t i = (from * 0x9E3779B97F4A7C15ull >> 32) & (size - 1);
    while (edge[i].to) i = (i + 1) & (size - 1);
    edge[i] = (byte_edge){from, to};
}

static lorec_err grow(byte_trie *t)
{
    size_t size = t->size ? t->size * 2 : SIZE_MIN;
    byte_edge *edge;
    TRY(mem_new(&edge, size));
    for (size_t i = 0; i < t->size; i++)
        if (t->edge[i].to) edge_put(edge, size, t->edge[i].from, t->edge[i].to);
    mem_free(t->edge);
    t->edge = edge;
    t->size = size;
    return LOREC_OK;
}

static lorec_err node_new(byte_trie *t, uint32_t from, unsigned char byte, uint32_t *out)
{
    if (t->nodes >= NODES_MAX)
        return err_set(LOREC_INPUT, "the vocabulary has more than %d different beginnings", NODES_MAX);
    if (t->nodes >= t->size / 2) TRY(grow(t));
    TRY(mem_grow(&t->value, &t->value_cap, (size_t)t->nodes + 1));
    t->value[t->nodes] = -1;
    *out = t->nodes++;
    if (from == 0)
        t->root[byte] = *out;
    else
        edge_put(t->edge, t->size, from << 8 | byte, *out);
    return LOREC_OK;
}

lorec_err byte_trie_add(byte_trie *t, slice text, int32_t value)
{
    uint32_t node = 0;
    if (t->nodes == 0) {
        TRY(grow(t));
        TRY(mem_grow(&t->value, &t->value_cap, 1));
        t->value[0] = -1;
        t->nodes = 1;
    }
    for (size_t i = 0; i < text.n; i++) {
        uint32_t next = byte_trie_step(t, node, (unsigned char)text.p[i]);
        if (!next) TRY(node_new(t, node, (unsigned char)text.p[i], &next));
        node = next;
    }
    t->value[node] = value;
    return LOREC_OK;
}

int32_t byte_trie_longest(const byte_trie *t, slice s, size_t *length)
{
    int32_t best = -1;
    uint32_t node = 0;
    for (size_t i = 0; i < s.n; i++) {
        node = byte_trie_step(t, node, (unsigned char)s.p[i]);
        if (!node) break;
        if (t->value[node] < 0) continue;
        best = t->value[node];
        *length = i + 1;
    }
    return best;
}

void byte_trie_free(byte_trie *t)
{
    mem_free(t->edge);
    mem_free(t->value);
    *t = (byte_trie){0};
}

/* ---- in one array -------------------------------------------------------------------------------------------------------- */

typedef struct child {
    uint32_t to;
    unsigned char byte;
} child;
typedef struct children { /* node i's are list[start[i]] .. list[start[i + 1] - 1] */
    uint32_t *start;
    child *list;
} children;

static lorec_err children_list(children *c, const byte_trie *t)
{
    TRY(mem_new(&c->start, (size_t)t->nodes + 2));
    TRY(mem_new(&c->list, t->nodes));
    uint32_t *next = c->start + 1; /* while filling: where node i's next child goes is next[i] */
    for (int b = 0; b < 256; b++)
        if (t->root[b]) next[1]++;
    for (size_t i = 0; i < t->size; i++)
        if (t->edge[i].to) next[(t->edge[i].from >> 8) + 1]++;
    for (uint32_t i = 1; i <= t->nodes; i++) next[i] += next[i - 1];
    for (int b = 0; b < 256; b++)
        if (t->root[b]) c->list[next[0]++] = (child){t->root[b], (unsigned char)b};
    for (size_t i = 0; i < t->size; i++)
        if (t->edge[i].to)
            c->list[next[t->edge[i].from >> 8]++] = (child){t->edge[i].to, (unsigned char)t->edge[i].from};
    return LOREC_OK;
}

static lorec_err packed_room(packed_trie *p, size_t n)
{
    if (n <= p->n) return LOREC_OK;
    TRY(mem_grow(&p->node, &p->cap, n));
    memset(p->node + p->n, 0, (n - p->n) * sizeof *p->node);
    p->n = n;
    return LOREC_OK;
}

static bool fits(const packed_trie *p, size_t base, const child *list, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (base + list[k].byte < p->n && p->node[base + list[k].byte].parent) return false;
    return true;
}

/* First fit from *from on; after a few places that do not fit, at the end, so that no set of texts makes this slow. */
static size_t find_base(const packed_trie *p, size_t *from, const child *list, size_t n)
{
    enum { TRIES = 64 };
    while (*from < p->n && p->node[*from].parent) ++*from;
    size_t at = *from, tries = 0;
    for (; at < p->n && tries < TRIES; at++) {
        if (p->node[at].parent) continue;
        tries++;
        if (at > list[0].byte && fits(p, at - list[0].byte, list, n)) return at - list[0].byte;
    }
    if (tries == TRIES) *from += (at - *from) / 2; /* little room is left there */
    return p->n;
}

lorec_err packed_trie_build(packed_trie *out, const byte_trie *t)
{
    children c = {0};
    uint32_t *place = NULL, *queue = NULL;
    size_t from = 1, head = 0, tail = 0;
    *out = (packed_trie){0};
    lorec_err e = t->nodes ? children_list(&c, t) : LOREC_OK;
    if (!e) e = mem_new(&place, (size_t)t->nodes + 1);
    if (!e) e = mem_new(&queue, (size_t)t->nodes + 1);
    if (!e) e = packed_room(out, 1);
    if (!e) out->node[0] = (packed_node){.parent = UINT32_MAX, .value = -1};
    if (!e && t->nodes) queue[tail++] = 0;
    for (; head < tail && !e; head++) {
        uint32_t node = queue[head];
        const child *list = c.list + c.start[node];
        size_t n = c.start[node + 1] - c.start[node];
        if (n == 0) continue;
        size_t base = find_base(out, &from, list, n);
        e = packed_room(out, base + 256);
        for (size_t k = 0; k < n && !e; k++) {
            uint32_t at = (uint32_t)(base + list[k].byte);
            out->node[at] = (packed_node){.parent = place[node] + 1, .value = t->value[list[k].to]};
            place[list[k].to] = at;
            queue[tail++] = list[k].to;
        }
        if (!e) out->node[place[node]].base = (uint32_t)base;
    }
    mem_free(c.start);
    mem_free(c.list);
    mem_free(place);
    mem_free(queue);
    if (e) packed_trie_free(out);
    return e;
}

void packed_trie_free(packed_trie *t)
{
    mem_free(t->node);
    *t = (packed_trie){0};
}

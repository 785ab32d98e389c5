/* Building. Vectors come in batches: those of a batch look for their neighbours side by side in the graph as it was before the
 * batch; then each of those neighbours takes its new ones in order. So the graph does not depend on the number of threads. */
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/threads.h"
#include "retrieve/hnsw_parts.h"

enum { LANES = 16, BATCH = 1024, SHARE = 32 }; /* a batch is at most 1/32 of what is there */

typedef struct back { /* `node` is to be a neighbour of `of` */
    uint32_t layer, of, node;
} back;

typedef struct builder {
    hnsw *h;
    float *vector;
    uint32_t *lowest, *upper;
    uint64_t *upper_at;
    uint8_t *level;
    uint32_t look, first; /* first: of the batch */
    hnsw_scratch **scratch;
    int n_scratch;
    back *links; /* of a batch, by layer and by whose they are */
    size_t *group, n_links, n_groups, links_cap, group_cap;
} builder;

static uint32_t *list_of(const builder *b, uint32_t node, uint32_t layer)
{
    if (layer == 0) return b->lowest + (size_t)node * (1 + 2 * (size_t)b->h->m);
    return b->upper + b->upper_at[node] + (size_t)(layer - 1) * (1 + b->h->m);
}

static const float *vector_of(const builder *b, uint32_t node)
{
    return b->vector + (size_t)node * b->h->stride;
}

/* ---- room ------------------------------------------------------------------------------------------------------------------ */

static lorec_err lay_out(builder *b, const float *rows)
{
    const hnsw *h = b->h;
    size_t values;
    double longest = 0;
    if (!size_mul(h->n, h->stride, &values)) return err_set(LOREC_RESOURCE, "%u vectors are too many", h->n);
    TRY(mem_new(&b->vector, values));
    for (uint32_t i = 0; i < h->n; i++) {
        double square = 0;
        float *to = b->vector + (size_t)i * h->stride;
        memcpy(to, rows + (size_t)i * h->d, h->d * sizeof *to);
        for (uint32_t k = 0; k < h->d; k++) square += (double)to[k] * (double)to[k];
        if (!(square < 1e30)) return err_set(LOREC_INPUT, "vector %u is not finite", i);
        if (square > longest) longest = square;
    }
    for (uint32_t i = 0; i < h->n; i++) {
        double square = 0;
        float *to = b->vector + (size_t)i * h->stride;
        for (uint32_t k = 0; k < h->d; k++) square += (double)to[k] * (double)to[k];
        to[h->d] = (float)sqrt(longest - square);
    }
    return LOREC_OK;
}

/* Levels are drawn from the number alone: a share of 1/m goes one up. */
static lorec_err draw_levels(builder *b, uint64_t seed)
{
    hnsw *h = b->h;
    TRY(mem_new(&b->level, h->n));
    TRY(mem_new(&b->upper_at, (size_t)h->n + 1));
    for (uint32_t i = 0; i < h->n; i++) {
        double u = ((double)(XXH3_64bits_withSeed(&i, sizeof i, seed) >> 11) + 1) * 0x1p-53;
        double level = floor(-log(u) / log((double)h->m));
        b->level[i] = level < HNSW_LEVELS - 1 ? (uint8_t)level : HNSW_LEVELS - 1;
        b->upper_at[i + 1] = b->upper_at[i] + (uint64_t)b->level[i] * (1 + h->m);
    }
    h->n_upper = b->upper_at[h->n];
    TRY(mem_new(&b->upper, h->n_upper));
    return mem_new(&b->lowest, (size_t)h->n * (1 + 2 * (size_t)h->m));
}

/* ---- whom to keep (Malkov & Yashunin, algorithm 4) ---------------------------------------------------------------------------- */

/* Of candidates, best first, up to `most`: those that are nearer to the node than to anybody kept, then the best of the rest. */
static uint32_t choose(const builder *b, const near *from, size_t n, uint32_t most, uint32_t *kept)
{
    uint32_t k = 0, rest[256], n_rest = 0;
    for (size_t i = 0; i < n && k < most; i++) {
        bool covered = false;
        for (uint32_t j = 0; j < k && !covered; j++)
            covered = hnsw_product(b->h, vector_of(b, from[i].node), kept[j]) > from[i].score;
        if (!covered)
            kept[k++] = from[i].node;
        else if (n_rest < sizeof rest / sizeof *rest)
            rest[n_rest++] = from[i].node;
    }
    for (uint32_t i = 0; i < n_rest && k < most; i++) kept[k++] = rest[i];
    return k;
}

/* ---- one batch -------------------------------------------------------------------------------------------------------------- */

static lorec_err find_neighbours(const builder *b, hnsw_scratch *s, uint32_t node)
{
    const hnsw *h = b->h;
    const float *x = vector_of(b, node);
    near at = {hnsw_product(h, x, h->entry), h->entry};
    uint32_t layer = h->top;
    for (; layer > b->level[node]; layer--) at = hnsw_descend(h, x, at, layer);
    for (;; layer--) {
        TRY(hnsw_search_layer(h, s, x, at, layer, b->look));
        uint32_t *list = list_of(b, node, layer);
        list[0] = choose(b, s->best, s->n_best, h->m, list + 1);
        at = s->best[0];
        if (layer == 0) return LOREC_OK;
    }
}

static lorec_err find_some(void *ctx, size_t begin, size_t end, int worker)
{
    const builder *b = ctx;
    for (size_t i = begin; i < end; i++) TRY(find_neighbours(b, b->scratch[worker], b->first + (uint32_t)i));
    return LOREC_OK;
}

static int best_first(const void *a, const void *b)
{
    const near *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->node < y->node ? -1 : 1;
}

/* `node` becomes a neighbour of `of`; whose list is full keeps the best choice. */
static void link_back(const builder *b, uint32_t of, uint32_t node, uint32_t layer)
{
    uint32_t *list = list_of(b, of, layer), most = layer ? b->h->m : 2 * b->h->m;
    if (list[0] < most) {
        list[++list[0]] = node;
        return;
    }
    near all[2 * 128 + 1];
    for (uint32_t i = 0; i < most; i++) all[i] = (near){hnsw_product(b->h, vector_of(b, of), list[i + 1]), list[i + 1]};
    all[most] = (near){hnsw_product(b->h, vector_of(b, of), node), node};
    qsort(all, most + 1, sizeof *all, best_first);
    list[0] = choose(b, all, most + 1, most, list + 1);
}

static int by_target(const void *a, const void *b)
{
    const back *x = a, *y = b;
    if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
    if (x->of != y->of) return x->of < y->of ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static lorec_err gather(builder *b, uint32_t size)
{
    b->n_links = b->n_groups = 0;
    for (uint32_t node = b->first; node < b->first + size; node++)
        for (uint32_t layer = 0; layer <= b->level[node] && layer <= b->h->top; layer++) {
            const uint32_t *list = list_of(b, node, layer);
            TRY(mem_grow(&b->links, &b->links_cap, b->n_links + list[0]));
            for (uint32_t i = 1; i <= list[0]; i++) b->links[b->n_links++] = (back){layer, list[i], node};
        }
    if (b->n_links) qsort(b->links, b->n_links, sizeof *b->links, by_target);
    TRY(mem_grow(&b->group, &b->group_cap, b->n_links + 1));
    for (size_t i = 0; i < b->n_links; i++)
        if (i == 0 || b->links[i].of != b->links[i - 1].of || b->links[i].layer != b->links[i - 1].layer)
            b->group[b->n_groups++] = i;
    b->group[b->n_groups] = b->n_links;
    return LOREC_OK;
}

static lorec_err link_some(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const builder *b = ctx;
    for (size_t i = b->group[begin]; i < b->group[end]; i++)
        link_back(b, b->links[i].of, b->links[i].node, b->links[i].layer);
    return LOREC_OK;
}

static lorec_err link_all(builder *b, uint32_t size)
{
    TRY(gather(b, size));
    TRY(par_each(b->n_groups, 16, link_some, b));
    for (uint32_t node = b->first; node < b->first + size; node++) {
        if (b->level[node] <= b->h->top) continue;
        b->h->top = b->level[node];
        b->h->entry = node;
    }
    return LOREC_OK;
}

static lorec_err insert_all(builder *b)
{
    hnsw *h = b->h;
    h->entry = 0;
    h->top = b->level[0];
    for (uint32_t at = 1; at < h->n;) {
        uint32_t share = at / SHARE + 1, size = share < BATCH ? share : BATCH;
        if (size > h->n - at) size = h->n - at;
        b->first = at;
        TRY(cancel_check());
        TRY(par_each(size, 8, find_some, b));
        TRY(link_all(b, size));
        at += size;
    }
    return LOREC_OK;
}

static lorec_err build(builder *b, const float *rows, const hnsw_settings *o)
{
    hnsw *h = b->h;
    TRY(lay_out(b, rows));
    TRY(draw_levels(b, o->seed));
    h->vector = b->vector, h->lowest = b->lowest, h->upper = b->upper, h->upper_at = b->upper_at;
    TRY(mem_new(&b->scratch, (size_t)par_workers()));
    for (; b->n_scratch < par_workers(); b->n_scratch++) TRY(hnsw_scratch_new(&b->scratch[b->n_scratch], h));
    return h->n ? insert_all(b) : LOREC_OK;
}

lorec_err hnsw_build(hnsw *h, const float *rows, uint32_t n, uint32_t d, const hnsw_settings *o)
{
    *h = (hnsw){.n = n, .d = d, .m = o->m ? o->m : 16, .own = true};
    if (h->m < 2 || h->m > 128 || d == 0 || d > 1 << 20 || n == UINT32_MAX)
        return err_set(LOREC_USAGE, "a graph of %u vectors of %u values with %u neighbours", n, d, h->m);
    h->stride = (d + 1 + LANES - 1) / LANES * LANES;
    builder b = {.h = h, .look = o->build ? o->build : 100};
    lorec_err e = build(&b, rows, o);
    for (int i = 0; i < b.n_scratch; i++) hnsw_scratch_free(b.scratch[i]);
    mem_free(b.scratch);
    mem_free(b.level);
    mem_free(b.links);
    mem_free(b.group);
    if (!e) return LOREC_OK;
    mem_free(b.vector);
    mem_free(b.lowest);
    mem_free(b.upper);
    mem_free(b.upper_at);
    *h = (hnsw){0};
    return e;
}

void hnsw_close(hnsw *h)
{
    if (h->own) {
        mem_free((void *)(uintptr_t)h->vector);
        mem_free((void *)(uintptr_t)h->lowest);
        mem_free((void *)(uintptr_t)h->upper);
        mem_free((void *)(uintptr_t)h->upper_at);
    } else if (h->map.bytes)
        file_map_close(&h->map);
    *h = (hnsw){0};
}

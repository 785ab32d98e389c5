#include "recipes/item_tree.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "learn/kmeans.h"
#include "learn/svd.h"
#include "tensor/rng.h"

enum { VECTOR = 32, ROUNDS = 25 };

/* Paths in the making: path[item][0 .. depth[item] - 1], then `last` [item], its number among the items of that path. */
typedef struct paths {
    uint32_t n;
    int32_t (*path)[ITEM_TREE_LEVELS];
    int32_t *last;
    uint8_t *depth;
} paths;

static void paths_free(paths *p)
{
    mem_free(p->path);
    mem_free(p->last);
    mem_free(p->depth);
}

static lorec_err paths_new(paths *p, uint32_t n)
{
    *p = (paths){.n = n};
    lorec_err e = mem_new(&p->path, n);
    if (!e) e = mem_new(&p->last, n);
    if (!e) e = mem_new(&p->depth, n);
    if (e) paths_free(p);
    return e;
}

/* Tokens of the levels are below `levels`; the last ones follow. */
static lorec_err write_paths(item_ids *w, const paths *p, uint32_t levels)
{
    int32_t most = 0;
    TRY(mem_new(&w->token, (size_t)p->n * (ITEM_TREE_LEVELS + 1)));
    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t at = w->start[i];
        for (uint8_t d = 0; d < p->depth[i]; d++) w->token[at++] = p->path[i][d];
        w->token[at++] = (int32_t)levels + p->last[i];
        most = p->last[i] > most ? p->last[i] : most;
        w->start[i + 1] = at;
    }
    w->n_tokens = levels + (uint32_t)most + 1;
    return LOREC_OK;
}

/* ---- by who had them ------------------------------------------------------------------------------------------------------ */

typedef struct clustering {
    paths *paths;
    const float *x; /* [n][d] */
    uint32_t d;
    int64_t branches, leaf;
    uint64_t seed;
    uint64_t stream; /* a number a division */
} clustering;

static lorec_err divide(clustering *c, const uint32_t *item, uint32_t n, int level);

/* Each part of its own: items by their code, then on down. */
static lorec_err divide_parts(clustering *c, const uint32_t *item, uint32_t n, int level, const int32_t *code)
{
    uint32_t *part;
    lorec_err e = LOREC_OK;
    TRY(mem_new(&part, n));
    for (int32_t k = 0; k < (int32_t)c->branches && !e; k++) {
        uint32_t m = 0;
        for (uint32_t i = 0; i < n; i++)
            if (code[i] == k) part[m++] = item[i];
        for (uint32_t i = 0; i < m; i++) {
            c->paths->path[part[i]][level] = (int32_t)(level * c->branches) + k;
            c->paths->depth[part[i]] = (uint8_t)(level + 1);
        }
        if (m) e = divide(c, part, m, level + 1);
    }
    mem_free(part);
    return e;
}

/* Items that nothing tells apart are cut into equal parts as they come. */
static void part_evenly(int32_t *code, uint32_t n, int64_t branches)
{
    for (uint32_t i = 0; i < n; i++) code[i] = (int32_t)((uint64_t)i * (uint64_t)branches / n);
}

static lorec_err divide(clustering *c, const uint32_t *item, uint32_t n, int level)
{
    if (n <= (uint32_t)c->leaf || level == ITEM_TREE_LEVELS) {
        for (uint32_t i = 0; i < n; i++) c->paths->last[item[i]] = (int32_t)i;
        return LOREC_OK;
    }
    float *x = NULL, *centroid = NULL;
    int32_t *code = NULL;
    lorec_err e = mem_new(&x, (size_t)n * c->d);
    if (!e) e = mem_new(&centroid, (size_t)c->branches * c->d);
    if (!e) e = mem_new(&code, n);
    for (uint32_t i = 0; i < n && !e; i++)
        memcpy(x + (size_t)i * c->d, c->x + (size_t)item[i] * c->d, c->d * sizeof *x);
    kmeans_rows rows = {x, n, c->d, c->d};
    if (!e) e = kmeans_start(&rows, (size_t)c->branches, c->seed, RNG_CODES + ((uint64_t)++c->stream << 32), centroid);
    if (!e) e = kmeans_learn(&rows, (size_t)c->branches, ROUNDS, centroid, code, NULL);
    bool one = true;
    for (uint32_t i = 1; i < n && !e; i++) one = one && code[i] == code[0];
    if (!e && one) part_evenly(code, n, c->branches);
    mem_free(x);
    mem_free(centroid);
    if (!e) e = divide_parts(c, item, n, level, code);
    mem_free(code);
    return e;
}

/* X with each entry over the roots of its user's and its item's number of entries. */
static lorec_err normalise(sparse *x)
{
    uint32_t *items;
    TRY(mem_new(&items, x->cols));
    lorec_err e = mem_new(&x->value, x->n);
    for (uint64_t k = 0; k < x->n && !e; k++) items[x->col[k]]++;
    for (uint32_t u = 0; u < x->rows && !e; u++)
        for (uint64_t k = x->start[u]; k < x->start[u + 1]; k++)
            x->value[k] = (float)(1 / sqrt((double)(x->start[u + 1] - x->start[u]) * items[x->col[k]]));
    mem_free(items);
    return e;
}

/* Rows of unit length (Ng, Jordan & Weiss, NIPS 2001); nobody's items stay at 0. */
static void unit_rows(float *x, uint32_t n, uint32_t d)
{
    for (uint32_t i = 0; i < n; i++, x += d) {
        double sum = 0;
        for (uint32_t k = 0; k < d; k++) sum += (double)x[k] * (double)x[k];
        for (uint32_t k = 0; k < d && sum > 0; k++) x[k] = (float)((double)x[k] / sqrt(sum));
    }
}

lorec_err item_tree_of_users(item_ids *w, const interactions *train, int64_t branches, int64_t leaf, uint64_t seed)
{
    paths p = {0};
    sparse x = {0};
    svd s = {0};
    uint32_t *all = NULL;
    lorec_err e = sparse_from(&x, train);
    if (!e) e = normalise(&x);
    if (!e) e = svd_sparse(&s, &x, &(svd_options){.rank = VECTOR, .seed = seed});
    if (!e) unit_rows(s.v, w->n, s.rank);
    if (!e) e = paths_new(&p, w->n);
    if (!e) e = mem_new(&all, w->n);
    for (uint32_t i = 0; i < w->n && !e; i++) all[i] = i;
    clustering c = {.paths = &p, .x = s.v, .d = s.rank, .branches = branches, .leaf = leaf, .seed = seed};
    if (!e) e = divide(&c, all, w->n, 0);
    if (!e) e = write_paths(w, &p, (uint32_t)(branches * ITEM_TREE_LEVELS));
    mem_free(all);
    paths_free(&p);
    svd_free(&s);
    sparse_free(&x);
    return e;
}

/* ---- by categories -------------------------------------------------------------------------------------------------------- */

/* "Drama, Comedy": each word with its level is a token; the path as a whole counts its items. */
lorec_err item_tree_of_categories(item_ids *w, const catalogue *c)
{
    paths p = {0};
    ids words = {0}, whole = {0};
    int32_t *among = NULL;
    buf word = {0};
    lorec_err e = paths_new(&p, w->n);
    if (!e) e = mem_new(&among, w->n);
    for (uint32_t i = 0; i < w->n && !e; i++) {
        slice path = catalogue_categories(c, i);
        uint32_t number;
        for (slice rest = path; rest.n && p.depth[i] < ITEM_TREE_LEVELS && !e; p.depth[i]++) {
            slice one = slice_cut_text(&rest, ", ");
            buf_clear(&word);
            e = buf_printf(&word, "%d %.*s", (int)p.depth[i], (int)one.n, one.p);
            if (!e) e = ids_add(&words, (slice){word.p, word.n}, &number);
            if (!e) p.path[i][p.depth[i]] = (int32_t)number;
        }
        if (!e) { /* what was cut off does not count */
            const char *bytes = (const char *)p.path[i];
            e = ids_add(&whole, (slice){bytes, p.depth[i] * sizeof p.path[i][0]}, &number);
        }
        if (!e) p.last[i] = among[number]++;
    }
    if (!e && !words.n)
        e = err_set(LOREC_INPUT, "ids of categories need categories, and no item has any; give them with --item-text "
                                 "FILE, or take other ids");
    if (!e) e = write_paths(w, &p, words.n);
    buf_free(&word);
    mem_free(among);
    ids_free(&words);
    ids_free(&whole);
    paths_free(&p);
    return e;
}

#include "data/graph.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

void graph_free(graph *g)
{
    mem_free(g->start);
    mem_free(g->to);
    mem_free(g->weight);
    mem_free(g->relation);
    *g = (graph){0};
}

csr graph_csr(const graph *g)
{
    return (csr){.rows = g->nodes, .cols = g->nodes, .start = g->start, .col = g->to, .value = g->weight};
}

/* ---- edges in any order into rows ------------------------------------------------------------------------------------------- */

typedef struct edge {
    int32_t from, to, relation;
    float weight;
} edge;
typedef struct edges {
    edge *e;
    size_t n, cap;
} edges;

static lorec_err add(edges *list, int64_t from, int64_t to, int32_t relation)
{
    TRY(mem_grow(&list->e, &list->cap, list->n + 1));
    list->e[list->n++] = (edge){(int32_t)from, (int32_t)to, relation, 1};
    return LOREC_OK;
}

static int by_place(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    return x->relation < y->relation ? -1 : x->relation > y->relation;
}

/* Sorted, equal edges made one: their weights added up, or kept at 1 where `once`. */
static void merge(edges *list, bool once)
{
    size_t n = 0;
    if (list->n) qsort(list->e, list->n, sizeof *list->e, by_place);
    for (size_t i = 0; i < list->n; i++) {
        if (n && by_place(&list->e[n - 1], &list->e[i]) == 0)
            list->e[n - 1].weight += once ? 0 : list->e[i].weight;
        else
            list->e[n++] = list->e[i];
    }
    list->n = n;
}

static lorec_err nodes_fit(int64_t nodes)
{
    return nodes <= INT32_MAX
               ? LOREC_OK
               : err_set(LOREC_RESOURCE, "a graph of %lld nodes; at most %d", (long long)nodes, INT32_MAX);
}

static lorec_err build(graph *g, int64_t nodes, const edges *list, bool relations)
{
    *g = (graph){.nodes = nodes, .edges = (int64_t)list->n};
    lorec_err e;
    TRY_GO(e, mem_new(&g->start, (size_t)nodes + 1), fail);
    TRY_GO(e, mem_new(&g->to, list->n), fail);
    TRY_GO(e, mem_new(&g->weight, list->n), fail);
    if (relations) TRY_GO(e, mem_new(&g->relation, list->n), fail);
    for (size_t i = 0; i < list->n; i++) {
        g->start[list->e[i].from + 1]++;
        g->to[i] = list->e[i].to;
        g->weight[i] = list->e[i].weight;
        if (relations) g->relation[i] = list->e[i].relation;
    }
    for (int64_t v = 0; v < nodes; v++) g->start[v + 1] += g->start[v];
    return LOREC_OK;
fail:
    graph_free(g);
    return e;
}

static lorec_err finish(graph *g, int64_t nodes, edges *list, bool once, bool relations, lorec_err e)
{
    if (!e) {
        merge(list, once);
        e = build(g, nodes, list, relations);
    }
    mem_free(list->e);
    return e;
}

/* ---- the graphs -------------------------------------------------------------------------------------------------------------- */

lorec_err graph_user_item(graph *g, const interactions *x)
{
    *g = (graph){0};
    int64_t nodes = (int64_t)x->n_users + x->n_items;
    TRY(nodes_fit(nodes));
    edges list = {0};
    lorec_err e = mem_grow(&list.e, &list.cap, 2 * x->n);
    for (uint32_t u = 0; !e && u < x->n_users; u++) {
        for (uint64_t r = x->start[u]; !e && r < x->start[u + 1]; r++) {
            int64_t item = (int64_t)x->n_users + x->item[r];
            e = add(&list, u, item, 0);
            if (!e) e = add(&list, item, u, 0);
        }
    }
    return finish(g, nodes, &list, true, false, e);
}

lorec_err graph_transitions(graph *g, const interactions *x, uint32_t window)
{
    *g = (graph){0};
    TRY(nodes_fit(x->n_items));
    edges list = {0};
    lorec_err e = LOREC_OK;
    for (uint32_t u = 0; u < x->n_users; u++) {
        for (uint64_t r = x->start[u]; r < x->start[u + 1]; r++) {
            for (uint64_t q = r + 1; !e && q < x->start[u + 1] && q - r <= window; q++)
                e = add(&list, x->item[r], x->item[q], 0);
        }
    }
    return finish(g, x->n_items, &list, false, false, e);
}

typedef struct neighbour {
    uint32_t item, users;
} neighbour;

static int by_users(const void *a, const void *b)
{
    const neighbour *x = a, *y = b;
    if (x->users != y->users) return x->users > y->users ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* Who had each item: CSR by item of the users, each once. */
static lorec_err users_of_items(const interactions *x, uint64_t **start, uint32_t **users)
{
    uint32_t *last; /* 1 + the user counted last */
    TRY(mem_new(&last, x->n_items));
    lorec_err e = mem_new(start, (size_t)x->n_items + 2);
    if (!e) e = mem_new(users, x->n);
    for (int pass = 0; !e && pass < 2; pass++) {
        for (uint32_t u = 0; u < x->n_users; u++) {
            for (uint64_t r = x->start[u]; r < x->start[u + 1]; r++) {
                uint32_t i = x->item[r];
                if (last[i] == u + 1) continue;
                last[i] = u + 1;
                if (pass == 0)
                    (*start)[i + 2]++;
                else
                    (*users)[(*start)[i + 1]++] = u;
            }
        }
        memset(last, 0, x->n_items * sizeof *last);
        for (uint32_t i = 0; pass == 0 && i < x->n_items; i++) (*start)[i + 2] += (*start)[i + 1];
    }
    mem_free(last);
    return e;
}

/* Items that share a user with item i, with how many users; `count` is zero before and after. */
static size_t neighbours_of(const interactions *x, uint32_t i, const uint32_t *users, size_t n_users, uint32_t *count,
                            uint32_t *last, neighbour *out)
{
    size_t n = 0;
    for (size_t k = 0; k < n_users; k++) {
        for (uint64_t r = x->start[users[k]]; r < x->start[users[k] + 1]; r++) {
            uint32_t j = x->item[r];
            if (j == i || (count[j] && last[j] == users[k])) continue;
            if (count[j]++ == 0) out[n++].item = j;
            last[j] = users[k];
        }
    }
    for (size_t k = 0; k < n; k++) {
        out[k].users = count[out[k].item];
        count[out[k].item] = 0;
    }
    return n;
}

lorec_err graph_together(graph *g, const interactions *x, uint32_t top)
{
    *g = (graph){0};
    TRY(nodes_fit(x->n_items));
    uint64_t *start = NULL;
    uint32_t *users = NULL, *count = NULL, *last = NULL;
    neighbour *found = NULL;
    edges list = {0};
    lorec_err e = users_of_items(x, &start, &users);
    if (!e) e = mem_new(&count, x->n_items);
    if (!e) e = mem_new(&last, x->n_items);
    if (!e) e = mem_new(&found, x->n_items);
    for (uint32_t i = 0; !e && i < x->n_items; i++) {
        size_t n = neighbours_of(x, i, users + start[i], (size_t)(start[i + 1] - start[i]), count, last, found);
        if (n) qsort(found, n, sizeof *found, by_users);
        for (size_t k = 0; !e && k < n && (top == 0 || k < top); k++) {
            e = add(&list, i, found[k].item, 0);
            if (!e) list.e[list.n - 1].weight = (float)found[k].users;
        }
    }
    mem_free(start);
    mem_free(users);
    mem_free(count);
    mem_free(last);
    mem_free(found);
    return finish(g, x->n_items, &list, false, false, e);
}

/* node[entity]: the item that is this entity, or a node of its own behind the items. */
static lorec_err entity_nodes(const dataset *d, int64_t **node, int64_t *nodes)
{
    const names *entities = &d->kg.entities;
    const column *link = dataset_column(d, SIDE_ITEM, "entity_id");
    TRY(mem_new(node, entities->n));
    for (uint32_t k = 0; k < entities->n; k++) (*node)[k] = -1;
    ids by_name = {0};
    lorec_err e = LOREC_OK;
    uint32_t number;
    for (uint32_t k = 0; !e && k < entities->n; k++) e = ids_add(&by_name, names_at(entities, k), &number);
    bool tokens = link && link->kind == COLUMN_TOKEN;
    for (uint32_t i = 0; !e && tokens && i < d->rows.n_items; i++) {
        slice name = names_at(&link->words, link->code[i]);
        if (name.n && ids_find(&by_name, name, &number) && (*node)[number] < 0) (*node)[number] = i;
    }
    ids_free(&by_name);
    *nodes = d->rows.n_items;
    for (uint32_t k = 0; k < entities->n; k++) {
        if ((*node)[k] < 0) (*node)[k] = (*nodes)++;
    }
    return e;
}

lorec_err graph_knowledge(graph *g, const dataset *d)
{
    *g = (graph){0};
    if (!d->kg.n)
        return err_set(LOREC_USAGE, "%s has no knowledge graph; RecBole's .kg and .link files give one", d->name);
    int64_t *node = NULL, nodes;
    edges list = {0};
    lorec_err e = entity_nodes(d, &node, &nodes);
    if (!e) e = nodes_fit(nodes);
    for (uint64_t k = 0; !e && k < d->kg.n; k++) {
        int64_t head = node[d->kg.head[k]], tail = node[d->kg.tail[k]];
        int32_t relation = (int32_t)d->kg.relation[k];
        e = add(&list, head, tail, relation);
        if (!e) e = add(&list, tail, head, relation + (int32_t)d->kg.relations.n);
    }
    mem_free(node);
    return finish(g, e ? 0 : nodes, &list, true, true, e);
}

lorec_err graph_normalise(graph *g)
{
    double *out = NULL, *in = NULL;
    lorec_err e = mem_new(&out, (size_t)g->nodes);
    if (!e) e = mem_new(&in, (size_t)g->nodes);
    for (int64_t v = 0; !e && v < g->nodes; v++) {
        for (int64_t k = g->start[v]; k < g->start[v + 1]; k++) {
            out[v] += g->weight[k];
            in[g->to[k]] += g->weight[k];
        }
    }
    for (int64_t v = 0; !e && v < g->nodes; v++) {
        for (int64_t k = g->start[v]; k < g->start[v + 1]; k++) {
            double scale = out[v] * in[g->to[k]];
            g->weight[k] = scale > 0 ? (float)(g->weight[k] / sqrt(scale)) : 0;
        }
    }
    mem_free(out);
    mem_free(in);
    return e;
}

/* Users dealt out to clients: k-means over the vectors that a matrix factorisation (truncated SVD) gives them. A user's vector is
 * the sum of the items' factors, so that a history that was not there in training has a client too. */
#include <string.h>

#include "base/mem.h"
#include "learn/kmeans.h"
#include "learn/svd.h"
#include "methods/fellrec/fellrec.h"

enum { LLOYD_ROUNDS = 50 };

static void add_up(const fellrec *m, const uint32_t *items, size_t n, float *out)
{
    memset(out, 0, (size_t)m->rank * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (int64_t k = 0; items[i] < m->items.n && k < m->rank; k++) out[k] += m->item_factor[items[i] * m->rank + k];
}

static lorec_err factor_items(fellrec *m, const interactions *train, uint64_t seed)
{
    sparse x = {0};
    svd f = {0};
    TRY(sparse_from(&x, train));
    lorec_err e = svd_sparse(&f, &x, &(svd_options){.rank = (uint32_t)m->factors, .seed = seed});
    if (!e) e = mem_new(&m->item_factor, (size_t)m->items.n * f.rank + 1);
    if (!e) {
        m->rank = f.rank;
        memcpy(m->item_factor, f.v, (size_t)f.cols * f.rank * sizeof *f.v);
    }
    svd_free(&f);
    sparse_free(&x);
    return e;
}

lorec_err fellrec_deal(fellrec *m, const interactions *train, uint64_t seed)
{
    float *user = NULL, *distance = NULL;
    lorec_err e;
    m->n_clients = m->mixing == MIX_CENTRAL ? 1 : (size_t)m->clients;
    if (m->n_clients > train->n_users)
        return err_set(LOREC_USAGE, "fellrec: %zu clients for %u users; lower clients", m->n_clients, train->n_users);
    TRY(factor_items(m, train, seed));
    size_t rank = (size_t)m->rank;
    kmeans_rows rows = {.n = train->n_users, .d = rank, .stride = rank};
    int32_t *code = NULL;
    TRY_GO(e, mem_new(&user, (size_t)train->n_users * rank + 1), done);
    TRY_GO(e, mem_new(&code, train->n_users), done);
    TRY_GO(e, mem_new(&m->centre, m->n_clients * rank + 1), done);
    for (uint32_t u = 0; u < train->n_users; u++)
        add_up(m, train->item + train->start[u], (size_t)(train->start[u + 1] - train->start[u]), user + u * rank);
    rows.x = user;
    TRY_GO(e, kmeans_start(&rows, m->n_clients, seed, RNG_FACTORS, m->centre), done);
    TRY_GO(e, kmeans_learn(&rows, m->n_clients, LLOYD_ROUNDS, m->centre, code, NULL), done);
done:
    mem_free(user);
    mem_free(distance);
    mem_free(code);
    return e;
}

size_t fellrec_client_of(const fellrec *m, const uint32_t *items, size_t n)
{
    size_t best = 0, rank = (size_t)m->rank;
    float nearest = 0;
    for (size_t c = 0; c < m->n_clients && m->n_clients > 1; c++) {
        float distance = 0;
        for (size_t k = 0; k < rank; k++) {
            float at = 0;
            for (size_t i = 0; i < n; i++)
                if (items[i] < m->items.n) at += m->item_factor[items[i] * rank + k];
            distance += (at - m->centre[c * rank + k]) * (at - m->centre[c * rank + k]);
        }
        if (c == 0 || distance < nearest) {
            nearest = distance;
            best = c;
        }
    }
    return best;
}

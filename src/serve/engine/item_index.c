#include "serve/engine/item_index.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "rec/topk.h"

enum { MOST = 2000, SHARE = 16 }; /* more than so many, or than a sixteenth of all, are not searched for */

void item_index_close(item_index *x)
{
    if (!x) return;
    for (int i = 0; i < x->workers; i++) {
        if (x->scratch) hnsw_scratch_free(x->scratch[i]);
        if (x->query) mem_free(x->query[i]);
        if (x->scores) mem_free(x->scores[i]);
    }
    mem_free(x->scratch);
    mem_free(x->query);
    mem_free(x->scores);
    hnsw_close(&x->graph);
    mem_free(x);
}

typedef struct making {
    hnsw *h;
    const float *rows;
    uint32_t n, d;
    lorec_err err;
    char message[256];
} making;

static lorec_err build(void *ctx, size_t begin, size_t end, int worker)
{
    making *m = ctx;
    (void)begin, (void)end, (void)worker;
    return hnsw_build(m->h, m->rows, m->n, m->d, &(hnsw_settings){0});
}

/* Requests go first: a niced thread does it alone, since the workers are everybody's. */
static void *make_niced(void *ctx)
{
    enum { NICE = 10 };
    making *m = ctx;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    m->err = par_alone(build, m);
    if (m->err) snprintf(m->message, sizeof m->message, "%s", lorec_error_message());
    return NULL;
}

static lorec_err make(hnsw *h, const float *rows, uint32_t n, uint32_t d, const char *path)
{
    double began = clock_seconds();
    pthread_t thread;
    making m = {.h = h, .rows = rows, .n = n, .d = d};
    if (pthread_create(&thread, NULL, make_niced, &m)) return err_set(LOREC_RESOURCE, "no thread for an index");
    pthread_join(thread, NULL);
    if (m.err) return err_set(m.err, "%s", m.message);
    log_info("%s: an index of %u vectors was made in %.1f s", path, n, clock_seconds() - began);
    return LOREC_OK;
}

/* The file's graph, where it is of these vectors. */
static bool open_kept(hnsw *h, const char *path, const float *rows, uint32_t n, uint32_t d)
{
    if (!file_exists(path)) return false;
    if (hnsw_open(h, path)) {
        log_warn("%s; it is made again", lorec_error_message());
        return false;
    }
    if (hnsw_holds(h, rows, n, d)) return true;
    hnsw_close(h);
    return false;
}

/* The one that is kept; otherwise made anew, and kept if the folder can be written to. */
static lorec_err open_graph(hnsw *h, const advisor *a, const char *run, const float *rows, uint32_t n, uint32_t d)
{
    buf folder = {0}, path = {0};
    lorec_err e = path_join(&folder, run, "index");
    if (!e) e = buf_printf(&path, "%s/%s-%llu.hnsw", folder.p, a->r->key, (unsigned long long)a->seed);
    if (!e && !open_kept(h, path.p, rows, n, d)) {
        e = make(h, rows, n, d, path.p);
        if (!e && (folder_make(folder.p) || hnsw_save(h, path.p)))
            log_warn("%s: not kept: %s", path.p, lorec_error_message());
    }
    buf_free(&folder);
    buf_free(&path);
    return e;
}

static lorec_err open_workers(item_index *x, int workers)
{
    TRY(mem_new(&x->scratch, (size_t)workers));
    TRY(mem_new(&x->query, (size_t)workers));
    TRY(mem_new(&x->scores, (size_t)workers));
    for (; x->workers < workers; x->workers++) {
        TRY(hnsw_scratch_new(&x->scratch[x->workers], &x->graph));
        lorec_err e = mem_new(&x->query[x->workers], x->graph.stride);
        if (!e) continue;
        hnsw_scratch_free(x->scratch[x->workers]);
        return e;
    }
    return LOREC_OK;
}

lorec_err item_index_open(item_index **out, const advisor *a, const char *run, int workers, uint64_t from)
{
    uint32_t n = 0, d = 0;
    item_index *x;
    *out = NULL;
    const float *rows = a->r->item_vectors ? a->r->item_vectors(a->self, &n, &d) : NULL;
    if (!rows || (uint64_t)n * d <= from || n != a->data.rows.n_items) return LOREC_OK;
    TRY(mem_new(&x, 1));
    lorec_err e = open_graph(&x->graph, a, run, rows, n, d);
    if (!e) e = open_workers(x, workers);
    if (e)
        item_index_close(x);
    else
        *out = x;
    return e;
}

lorec_err item_index_list(item_index *x, const advisor *a, int worker, rec_session *s, const query *q, size_t k,
                          uint32_t *items, float *scores, size_t *found, index_how *how)
{
    const hnsw *h = &x->graph;
    bool has;
    float *wide = x->query[worker];
    *how = INDEX_NOT;
    TRY(a->r->query_vector(a->self, s, q, wide, &has)); /* the first d; what is behind stays 0 */
    if (!has) return LOREC_OK;
    if (k <= MOST && k <= h->n / SHARE) {
        *how = INDEX_SEARCHED;
        return hnsw_search(h, x->scratch[worker], wide, k, 0, items, scores, found);
    }
    if (!x->scores[worker]) TRY(mem_new(&x->scores[worker], h->n));
    *how = INDEX_SCANNED;
    hnsw_scan(h, wide, x->scores[worker]);
    *found = topk_select(x->scores[worker], h->n, k, items, scores);
    return LOREC_OK;
}

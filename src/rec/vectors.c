#include "rec/vectors.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "tensor/cpu/kernels.h"
#include "tensor/safetensors.h"

lorec_err vectors_make(vectors *v, uint32_t n_users, uint32_t n_items, int64_t d_user, int64_t d_last)
{
    *v = (vectors){.n_users = n_users, .n_items = n_items, .d_user = d_user, .d_last = d_last};
    size_t users, items, last;
    if (!size_mul(n_users, (size_t)d_user, &users) || !size_mul(n_items, (size_t)(d_user + d_last), &items) ||
        !size_mul(n_items, (size_t)d_last, &last))
        return err_set(LOREC_RESOURCE, "vectors of %u users and %u items are too many", n_users, n_items);
    lorec_err e = mem_new(&v->user, users);
    if (e == LOREC_OK) e = mem_new(&v->item, items);
    if (e == LOREC_OK) e = mem_new(&v->last, last);
    if (e == LOREC_OK) e = mem_new(&v->popularity, n_items);
    if (e) vectors_free(v);
    return e;
}

void vectors_free(vectors *v)
{
    mem_free(v->user);
    mem_free(v->item);
    mem_free(v->last);
    mem_free(v->popularity);
    *v = (vectors){0};
}

void item_popularity(const interactions *train, float *out)
{
    memset(out, 0, train->n_items * sizeof *out);
    for (uint64_t r = 0; r < train->n; r++) out[train->item[r]] += 1;
    for (uint32_t i = 0; i < train->n_items; i++) out[i] = log1pf(out[i]);
}

lorec_err vectors_popularity(vectors *v, const interactions *train)
{
    if (train->n_items != v->n_items)
        return err_set(LOREC_USAGE, "%u items where the model has %u", train->n_items, v->n_items);
    item_popularity(train, v->popularity);
    return LOREC_OK;
}

void vectors_clear_strangers(vectors *v, const interactions *train)
{
    for (uint32_t u = 0; u < v->n_users; u++)
        if (train->start[u] == train->start[u + 1])
            memset(v->user + u * v->d_user, 0, (size_t)v->d_user * sizeof *v->user);
}

static bool is_zero(const float *x, int64_t d)
{
    for (int64_t i = 0; i < d; i++)
        if (x[i] != 0) return false;
    return true;
}

static void mean_of_history(const vectors *v, const query *q, float *out)
{
    size_t used = 0;
    for (size_t j = 0; j < q->n; j++) {
        if (q->items[j] >= v->n_items) continue;
        isa()->axpy_f32((size_t)v->d_user, 1, v->item + q->items[j] * (v->d_user + v->d_last), out);
        used++;
    }
    for (int64_t k = 0; used && k < v->d_user; k++) out[k] /= (float)used;
}

void vectors_of_queries(const vectors *v, const query *q, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++, out += v->d_user + v->d_last) {
        memset(out, 0, (size_t)(v->d_user + v->d_last) * sizeof *out);
        if (q[i].user < v->n_users) memcpy(out, v->user + q[i].user * v->d_user, (size_t)v->d_user * sizeof *out);
        if (is_zero(out, v->d_user)) mean_of_history(v, &q[i], out);
        uint32_t last = q[i].n ? q[i].items[q[i].n - 1] : UINT32_MAX;
        if (last < v->n_items && v->d_last)
            memcpy(out + v->d_user, v->last + last * v->d_last, (size_t)v->d_last * sizeof *out);
    }
}

lorec_err vectors_score(const vectors *v, arena *a, const query *q, size_t n, float *scores)
{
    int64_t d = v->d_user + v->d_last;
    float *users = arena_alloc(a, n * (size_t)d * sizeof *users);
    if (!users) return LOREC_RESOURCE;
    vectors_of_queries(v, q, n, users);
    TRY(gemm_f32(false, true, (int64_t)n, v->n_items, d, 1, users, d, v->item, d, 0, scores, v->n_items));
    for (size_t i = 0; i < n; i++)
        if (is_zero(users + (int64_t)i * d, d))
            memcpy(scores + i * v->n_items, v->popularity, v->n_items * sizeof *scores);
    return LOREC_OK;
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

lorec_err vectors_save(const vectors *v, const char *folder)
{
    buf path = {0};
    int64_t user[] = {v->n_users, v->d_user}, item[] = {v->n_items, v->d_user + v->d_last},
            last[] = {v->n_items, v->d_last};
    st_item rows[] = {{"user.weight", ELEM_F32, 2, user, v->user},
                      {"item.weight", ELEM_F32, 2, item, v->item},
                      {"last.weight", ELEM_F32, 2, last, v->last},
                      {"item.popularity", ELEM_F32, 1, item, v->popularity}};
    lorec_err e = path_join(&path, folder, "vectors.safetensors");
    if (e == LOREC_OK) e = safetensors_write(path.p, rows, 4, NULL, 0);
    buf_free(&path);
    return e;
}

static lorec_err vectors_read(vectors *v, const safetensors *f)
{
    const st_entry *user = safetensors_find(f, "user.weight"), *item = safetensors_find(f, "item.weight"),
                   *last = safetensors_find(f, "last.weight"), *popularity = safetensors_find(f, "item.popularity");
    if (!user || !item || !last || !popularity)
        return err_set(LOREC_INPUT, "user.weight, item.weight, last.weight and item.popularity have to be there");
    if (user->ndim != 2 || item->ndim != 2 || last->ndim != 2 || popularity->ndim != 1 ||
        last->shape[0] != item->shape[0] || popularity->shape[0] != item->shape[0] || user->shape[0] > UINT32_MAX ||
        item->shape[0] > UINT32_MAX || last->shape[1] > item->shape[1] ||
        user->shape[1] != item->shape[1] - last->shape[1])
        return err_set(LOREC_INPUT, "the shapes of its tables do not fit together");
    TRY(vectors_make(v, (uint32_t)user->shape[0], (uint32_t)item->shape[0], user->shape[1], last->shape[1]));
    TRY(safetensors_read_f32(f, user, v->user, st_entry_count(user)));
    TRY(safetensors_read_f32(f, item, v->item, st_entry_count(item)));
    TRY(safetensors_read_f32(f, last, v->last, st_entry_count(last)));
    return safetensors_read_f32(f, popularity, v->popularity, st_entry_count(popularity));
}

lorec_err vectors_load(vectors *v, const char *folder)
{
    buf path = {0};
    safetensors f = {0};
    vectors made = {0};
    lorec_err e = path_join(&path, folder, "vectors.safetensors");
    if (e == LOREC_OK) e = safetensors_open(&f, path.p);
    if (e == LOREC_OK) {
        e = vectors_read(&made, &f);
        if (e) e = err_context(e, "%s", path.p);
        safetensors_close(&f);
    }
    if (e == LOREC_OK) {
        vectors_free(v);
        *v = made;
    } else
        vectors_free(&made);
    buf_free(&path);
    return e;
}

/* ---- verbs ----------------------------------------------------------------------------------------------------------- */

lorec_err vector_model_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    arena *a = rec_session_arena(s);
    arena_reset(a);
    return vectors_score(&((const vector_model *)self)->v, a, q, n, scores);
}

const float *vector_model_item_vectors(const void *self, uint32_t *n, uint32_t *d)
{
    const vectors *v = &((const vector_model *)self)->v;
    *n = v->n_items;
    *d = (uint32_t)(v->d_user + v->d_last);
    return v->item;
}

lorec_err vector_model_query_vector(const void *self, rec_session *s, const query *q, float *x, bool *has)
{
    (void)s;
    const vectors *v = &((const vector_model *)self)->v;
    vectors_of_queries(v, q, 1, x);
    *has = false;
    for (int64_t i = 0; i < v->d_user + v->d_last && !*has; i++) *has = x[i] != 0;
    return LOREC_OK;
}

lorec_err vector_model_save(const void *self, const char *folder)
{
    return vectors_save(&((const vector_model *)self)->v, folder);
}

lorec_err vector_model_load(void *self, const char *folder)
{
    return vectors_load(&((vector_model *)self)->v, folder);
}

void vector_model_release(void *self)
{
    vectors_free(&((vector_model *)self)->v);
}

json_t *vector_model_counts(const void *self)
{
    const vector_model *m = self;
    const vectors *v = &m->v;
    return trainer_report_json(&m->report, (uint64_t)v->n_users * (uint64_t)v->d_user +
                                               (uint64_t)v->n_items * (uint64_t)(v->d_user + 2 * v->d_last));
}

#include "recipes/likes.h"

#include "base/mem.h"
#include "base/npy.h"

void likes_free(likes *l)
{
    mem_free(l->start);
    mem_free(l->item);
    mem_free(l->liked);
    *l = (likes){0};
}

static void add_rows(likes *l, const interactions *x, uint32_t user, double above, uint64_t *at)
{
    for (uint64_t r = x->start[user]; r < x->start[user + 1]; r++, (*at)++) {
        l->item[*at] = x->item[r];
        l->liked[*at] = likes_rating(x->rating[r], above);
    }
}

static lorec_err fill(likes *l, const interactions *const *part, size_t parts, double above)
{
    uint64_t n = 0, at = 0, liked = 0;
    for (size_t k = 0; k < parts; k++) n += part[k]->n;
    TRY(mem_new(&l->start, (size_t)l->n_users + 1));
    TRY(mem_new(&l->item, n + 1));
    TRY(mem_new(&l->liked, n + 1));
    for (uint32_t u = 0; u < l->n_users; u++) {
        for (size_t k = 0; k < parts; k++) add_rows(l, part[k], u, above, &at);
        l->start[u + 1] = at;
    }
    for (uint64_t r = 0; r < n; r++) liked += l->liked[r];
    if (n && !liked)
        return err_set(LOREC_USAGE, "no rating is above liked_above=%g; set it below the largest rating", above);
    return LOREC_OK;
}

lorec_err likes_make(likes *l, const split *s, const interactions *train, double above)
{
    *l = (likes){0};
    if (!train->rating) return LOREC_OK;
    l->n_users = train->n_users;
    const interactions *part[2] = {train, s ? &s->valid : NULL};
    bool two = s && s->valid.n && s->valid.rating && s->valid.n_users == train->n_users;
    lorec_err e = fill(l, part, two ? 2 : 1, above);
    if (e) likes_free(l);
    return e;
}

bool likes_item(const likes *l, uint32_t user, uint32_t item)
{
    if (user >= l->n_users) return true;
    for (uint64_t r = l->start[user + 1]; r > l->start[user]; r--)
        if (l->item[r - 1] == item) return l->liked[r - 1];
    return true;
}

/* ---- files --------------------------------------------------------------------------------------------------------------- */

lorec_err likes_save(const likes *l, const char *folder)
{
    static const uint64_t none = 0;
    const int64_t starts = (int64_t)l->n_users + 1, rows = l->n_users ? (int64_t)l->start[l->n_users] : 0;
    const void *nothing = &none;
    const struct {
        const char *name;
        npy_type type;
        const void *data;
        int64_t size;
    } file[] = {{"likes.start.npy", NPY_U64, l->start, starts},
                {"likes.item.npy", NPY_U32, l->item, rows},
                {"likes.liked.npy", NPY_U8, l->liked, rows}};
    buf path = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < 3 && !e; i++) {
        e = path_join(&path, folder, file[i].name);
        if (!e) e = npy_write(path.p, file[i].type, 1, &file[i].size, file[i].data ? file[i].data : nothing);
    }
    buf_free(&path);
    return e;
}

static lorec_err load_one(const char *folder, const char *name, npy_type type, void **out, size_t each, int64_t *n)
{
    buf path = {0};
    npy a;
    lorec_err e = path_join(&path, folder, name);
    if (!e) e = npy_open(&a, path.p, type, 1);
    if (!e) {
        *n = a.shape[0];
        e = mem_new_(out, (size_t)*n + 1, each);
        if (!e && *n) memcpy(*out, a.data, (size_t)*n * each);
        npy_close(&a);
    }
    buf_free(&path);
    return e;
}

lorec_err likes_load(likes *l, const char *folder)
{
    int64_t starts = 0, items = 0, marks = 0;
    *l = (likes){0};
    lorec_err e = load_one(folder, "likes.start.npy", NPY_U64, (void **)&l->start, sizeof *l->start, &starts);
    if (!e) e = load_one(folder, "likes.item.npy", NPY_U32, (void **)&l->item, sizeof *l->item, &items);
    if (!e) e = load_one(folder, "likes.liked.npy", NPY_U8, (void **)&l->liked, sizeof *l->liked, &marks);
    bool right = !e && starts >= 1 && starts <= UINT32_MAX && items == marks && l->start[0] == 0 &&
                 l->start[starts - 1] == (uint64_t)items;
    for (int64_t i = 1; i < starts && right; i++) right = l->start[i] >= l->start[i - 1];
    if (!e && !right) e = err_set(LOREC_INPUT, "%s: likes.*.npy do not fit together; train again", folder);
    if (e)
        likes_free(l);
    else
        l->n_users = (uint32_t)(starts - 1);
    return e;
}

/* dataset_save.c: the prepared folder, whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "data/dataset_memory.h"

enum { STEM_MAX = 120 };

lorec_err dataset_column_stem(buf *out, column_side side, const char *name)
{
    static const char hex[] = "0123456789abcdef";
    buf_clear(out);
    TRY(buf_printf(out, "%s.", column_side_word(side)));
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' ||
                     *p == '-';
        if (plain)
            TRY(buf_add(out, p, 1));
        else
            TRY(buf_add(out, (char[]){'%', hex[*p >> 4], hex[*p & 15]}, 3));
    }
    if (out->n > STEM_MAX)
        return err_set(LOREC_INPUT, "the column name \"%.40s...\" is too long for a file name; rename the column",
                       name);
    return LOREC_OK;
}

typedef struct saving {
    const char *folder;
    buf path, stem;
} saving;

static lorec_err put(saving *s, const char *stem, const char *suffix, npy_type type, uint64_t n, const void *data)
{
    TRY(path_join(&s->path, s->folder, stem));
    TRY(buf_printf(&s->path, "%s.npy", suffix));
    return npy_write(s->path.p, type, 1, (int64_t[]){(int64_t)n}, data);
}

static lorec_err put_names(saving *s, const char *stem, const names *v)
{
    TRY(put(s, stem, ".start", NPY_U64, (uint64_t)v->n + 1, v->start));
    return put(s, stem, ".text", NPY_U8, v->start[v->n], v->bytes);
}

static lorec_err put_column(saving *s, const column *c)
{
    TRY(dataset_column_stem(&s->stem, c->side, c->name));
    const char *stem = s->stem.p;
    if (c->words.start) TRY(put_names(s, stem, &c->words));
    if (c->first) TRY(put(s, stem, ".first", NPY_U64, c->n + 1, c->first));
    if (c->code) TRY(put(s, stem, ".code", NPY_U32, c->first ? c->first[c->n] : c->n, c->code));
    return c->value ? put(s, stem, ".value", NPY_F32, c->n, c->value) : LOREC_OK;
}

static lorec_err put_manifest(saving *s, const dataset *d)
{
    json_t *m = json_deep_copy(d->manifest), *columns = json_array();
    lorec_err e = m && columns ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory while the manifest was written");
    for (size_t i = 0; !e && i < d->n_columns; i++) {
        const column *c = &d->columns[i];
        json_t *one = json_pack("{s:s, s:s, s:s}", "side", column_side_word(c->side), "name", c->name, "kind",
                                column_kind_word(c->kind));
        if (!one || json_array_append_new(columns, one) != 0)
            e = err_set(LOREC_RESOURCE, "out of memory while the manifest was written");
    }
    if (!e) e = json_put(m, "has_rating", json_boolean(d->rows.rating != NULL));
    if (!e) e = json_put(m, "has_time", json_boolean(d->rows.time != NULL));
    if (!e) e = json_put(m, "triples", json_integer((json_int_t)d->kg.n));
    if (!e) e = json_put(m, "columns", json_incref(columns));
    if (!e) e = path_join(&s->path, s->folder, "manifest.json");
    if (!e) e = json_write(m, s->path.p);
    json_decref(m);
    json_decref(columns);
    return e;
}

static lorec_err put_all(saving *s, const dataset *d)
{
    const interactions *r = &d->rows;
    TRY(put(s, "start", "", NPY_U64, (uint64_t)r->n_users + 1, r->start));
    TRY(put(s, "item", "", NPY_U32, r->n, r->item));
    if (r->rating) TRY(put(s, "rating", "", NPY_F32, r->n, r->rating));
    if (r->time) TRY(put(s, "time", "", NPY_I64, r->n, r->time));
    TRY(put_names(s, "user_ids", &d->user_ids));
    TRY(put_names(s, "item_ids", &d->item_ids));
    for (size_t i = 0; i < d->n_columns; i++) TRY(put_column(s, &d->columns[i]));
    const knowledge *kg = &d->kg;
    if (kg->n) {
        TRY(put(s, "kg.head", "", NPY_U32, kg->n, kg->head));
        TRY(put(s, "kg.relation", "", NPY_U32, kg->n, kg->relation));
        TRY(put(s, "kg.tail", "", NPY_U32, kg->n, kg->tail));
        TRY(put_names(s, "kg.entities", &kg->entities));
        TRY(put_names(s, "kg.relations", &kg->relations));
    }
    return put_manifest(s, d); /* last: a folder with a manifest is whole */
}

static lorec_err holds_file(const char *folder, const char *name, bool *yes)
{
    buf path = {0};
    lorec_err e = path_join(&path, folder, name);
    *yes = !e && file_exists(path.p);
    buf_free(&path);
    return e;
}

/* Nothing, an empty folder, or an older prepared one: what may be replaced. */
static lorec_err check_target(const char *folder, const char *as_named)
{
    if (!folder_exists(folder)) return LOREC_OK;
    bool manifest, start;
    TRY(holds_file(folder, "manifest.json", &manifest));
    TRY(holds_file(folder, "start.npy", &start));
    if (manifest && start) return LOREC_OK;
    char **there;
    size_t n;
    TRY(folder_list(folder, &there, &n));
    names_free(there, n);
    return n ? err_set(LOREC_USAGE, "%s: is there and is not a prepared data set; choose another folder", as_named)
             : LOREC_OK;
}

/* In one step: a new name, an empty folder replaced, or an older data set exchanged and then removed. */
static lorec_err move_into_place(const char *tmp, const char *folder)
{
    if (rename(tmp, folder) == 0) return LOREC_OK;
    if (errno != ENOTEMPTY && errno != EEXIST) return err_errno("%s: can not be put in place", folder);
    if (renameat2(AT_FDCWD, tmp, AT_FDCWD, folder, RENAME_EXCHANGE) != 0)
        return err_errno("%s: the data set that is there can not be replaced; remove it first", folder);
    return folder_remove(tmp);
}

lorec_err dataset_save(const dataset *d, const char *folder)
{
    static atomic_uint serial;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') n--;
    buf target = {0}, tmp = {0};
    saving s = {0};
    lorec_err e;
    TRY_GO(e, buf_add(&target, folder, n), done);
    TRY_GO(e, check_target(target.p, folder), done);
    TRY_GO(e, buf_printf(&tmp, "%s.tmp-%ld-%u", target.p, (long)getpid(), atomic_fetch_add(&serial, 1)), done);
    TRY_GO(e, folder_make(tmp.p), done);
    s.folder = tmp.p;
    e = put_all(&s, d);
    if (!e) e = move_into_place(tmp.p, target.p);
    if (e) {
        char why[1024]; /* what went wrong first; tidying up may fail too */
        snprintf(why, sizeof why, "%s", lorec_error_message());
        (void)folder_remove(tmp.p);
        e = err_set(e, "%s", why);
    }
done:
    buf_free(&target);
    buf_free(&tmp);
    buf_free(&s.path);
    buf_free(&s.stem);
    return e;
}

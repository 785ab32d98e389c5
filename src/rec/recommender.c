#include "rec/recommender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { FORMAT_VERSION = 1, SCORE_BYTES = 64 << 20 };

lorec_err recommender_new(const recommender *r, void **self)
{
    TRY(mem_new_(self, 1, r->size));
    lorec_err e = options_default(r->options, r->n_options, *self);
    if (e) {
        recommender_free(r, *self);
        *self = NULL;
    }
    return e;
}

void recommender_free(const recommender *r, void *self)
{
    if (!self) return;
    if (r->release) r->release(self);
    options_free(r->options, r->n_options, self);
    mem_free(self);
}

/* ---- a fitted model as a folder ------------------------------------------------------------------------------------ */

static lorec_err card_write(const recommender *r, const void *self, const char *folder)
{
    json_t *options = options_json(r->options, r->n_options, self);
    json_t *card = options ? json_pack("{s:i,s:s,s:o}", "version", FORMAT_VERSION, "key", r->key, "options", options)
                           : NULL;
    if (!card) return err_set(LOREC_RESOURCE, "out of memory while saving %s", r->key);
    buf path = {0};
    lorec_err e = path_join(&path, folder, "recommender.json");
    if (!e) e = json_write(card, path.p);
    buf_free(&path);
    json_decref(card);
    return e;
}

static lorec_err sync_parent(const char *path)
{
    buf parent = {0};
    size_t n = (size_t)(path_base(path) - path);
    lorec_err e = n ? buf_add(&parent, path, n) : buf_puts(&parent, ".");
    if (e) return e;
    int fd = open(parent.p, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || fsync(fd)) e = err_errno("%s: flush of the folder", parent.p);
    if (fd >= 0) close(fd);
    buf_free(&parent);
    return e;
}

/* Puts the finished folder `tmp` where `folder` is. An old one is exchanged in one step, so that at every moment
 * `folder` is either the old model or the new one; then what is under `tmp` is the old one and goes. */
static lorec_err folder_put(const char *tmp, const char *folder)
{
    if (!folder_exists(folder)) {
        if (rename(tmp, folder)) return err_errno("%s: can not be put in place", folder);
    } else if (renameat2(AT_FDCWD, tmp, AT_FDCWD, folder, RENAME_EXCHANGE)) {
        if (errno != EINVAL && errno != ENOSYS) return err_errno("%s: can not be replaced", folder);
        TRY(folder_remove(folder)); /* a file system without exchange: a crash just here leaves the new one in `tmp` */
        if (rename(tmp, folder)) return err_errno("%s: can not be put in place", folder);
    }
    TRY(sync_parent(folder));
    return folder_exists(tmp) ? folder_remove(tmp) : LOREC_OK;
}

lorec_err recommender_save(const recommender *r, const void *self, const char *folder)
{
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') n--;
    buf to = {0}, tmp = {0};
    lorec_err e;
    TRY_GO(e, buf_add(&to, folder, n), done);
    TRY_GO(e, buf_printf(&tmp, "%s.tmp-%ld", to.p, (long)getpid()), done);
    if (folder_exists(tmp.p)) TRY_GO(e, folder_remove(tmp.p), done);
    TRY_GO(e, folder_make(tmp.p), done);
    e = card_write(r, self, tmp.p);
    if (!e && r->save) e = r->save(self, tmp.p);
    if (!e) e = folder_put(tmp.p, to.p);
    if (e) {
        e = err_context(e, "saving %s to %s", r->key, to.p); /* before the clean-up can set another message */
        char *message = NULL;
        (void)mem_dup(&message, lorec_error_message());
        (void)folder_remove(tmp.p);
        if (message) err_set(e, "%s", message);
        mem_free(message);
    }
done:
    buf_free(&to);
    buf_free(&tmp);
    return e;
}

static lorec_err card_read(const recommender *r, void *self, const char *folder)
{
    buf path = {0};
    json_t *card = NULL;
    const char *key;
    int64_t version;
    lorec_err e;
    TRY_GO(e, path_join(&path, folder, "recommender.json"), done);
    TRY_GO(e, json_read(&card, path.p), done);
    e = json_get_i64(card, "version", 1, FORMAT_VERSION, &version);
    if (!e) e = json_get_string(card, "key", &key);
    if (!e && strcmp(key, r->key) != 0) e = err_set(LOREC_INPUT, "the model there is \"%s\", not \"%s\"", key, r->key);
    if (!e) {
        const json_t *options = json_object_get(card, "options");
        if (!json_is_object(options))
            e = err_set(LOREC_INPUT, "\"options\" has to be an object");
        else
            e = options_from_json(r->options, r->n_options, self, options);
    }
    if (e) e = err_context(e, "%s", path.p);
done:
    if (card) json_decref(card);
    buf_free(&path);
    return e;
}

lorec_err recommender_load(const recommender *r, void **self, const char *folder)
{
    TRY(recommender_new(r, self));
    lorec_err e = card_read(r, *self, folder);
    if (!e && r->load) e = r->load(*self, folder);
    if (e) {
        recommender_free(r, *self);
        *self = NULL;
    }
    return e;
}

lorec_err recommender_fits(const recommender *r, const void *self, uint32_t n_items)
{
    if (!r->n_items_at) return LOREC_OK;
    uint32_t has;
    memcpy(&has, (const char *)self + r->n_items_at, sizeof has);
    if (has == n_items) return LOREC_OK;
    return err_set(LOREC_USAGE, "%s was fitted on %u items, the data set has %u; fit it on this data set", r->key, has,
                   n_items);
}

/* ---- scores of some items from scores of all ------------------------------------------------------------------------ */

lorec_err recommender_score_items(const recommender *r, const void *self, rec_session *s, uint32_t n_items,
                                  const query *q, size_t n, const uint64_t *start, const uint32_t *candidate,
                                  float *scores)
{
    TRY(recommender_fits(r, self, n_items));
    if (r->score_items) return r->score_items(self, s, q, n, start, candidate, scores);
    if (n == 0 || n_items == 0) return LOREC_OK;
    size_t batch = SCORE_BYTES / sizeof(float) / n_items;
    if (batch < 1) batch = 1;
    if (batch > n) batch = n;
    float *full;
    size_t count;
    if (!size_mul(batch, n_items, &count))
        return err_set(LOREC_RESOURCE, "%zu rows of %u scores do not fit", batch, n_items);
    TRY(mem_new(&full, count));
    lorec_err e = LOREC_OK;
    for (size_t at = 0; at < n && !e; at += batch) {
        size_t m = n - at < batch ? n - at : batch;
        e = r->score(self, s, q + at, m, full);
        for (size_t i = at; i < at + m && !e; i++) {
            const float *row = full + (i - at) * n_items;
            for (uint64_t c = start[i]; c < start[i + 1]; c++) {
                if (candidate[c] >= n_items) {
                    e = err_set(LOREC_USAGE, "candidate %u where there are %u items", candidate[c], n_items);
                    break;
                }
                scores[c] = row[candidate[c]];
            }
        }
    }
    mem_free(full);
    return e;
}

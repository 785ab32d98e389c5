#include "lm/embed/embed_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/npy.h"
#include "lm/embed/embed_parts.h"
#include "lm/weights.h"

enum { KEEP_EVERY = 2048 };

typedef struct key {
    uint64_t low, high;
} key;

typedef struct pair { /* of files */
    npy vectors, keys;
} pair;

typedef struct entry { /* pair 0: empty */
    key k;
    uint32_t pair, row; /* pair: its number + 1 */
} entry;

struct embed_cache {
    const embedder *e;
    char *folder; /* of this model and way */
    int64_t width;
    pair *pair;
    size_t pairs, pair_cap;
    entry *table; /* open addressing, a power of two */
    size_t room, every, written;
    embed_cache_counts count;
};

static key key_of(const void *bytes, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(bytes, n);
    return (key){h.low64, h.high64};
}

/* ---- the index ---------------------------------------------------------------------------------------------------------- */

static entry *find(const embed_cache *c, key k)
{
    size_t at = (size_t)k.low & (c->room - 1);
    while (c->table[at].pair && (c->table[at].k.low != k.low || c->table[at].k.high != k.high))
        at = (at + 1) & (c->room - 1);
    return &c->table[at];
}

static lorec_err make_room(embed_cache *c, size_t more)
{
    size_t need = (c->count.kept + more) * 2 + 64, room = c->room ? c->room : 64;
    while (room < need) room *= 2;
    if (room == c->room) return LOREC_OK;
    entry *old = c->table;
    size_t n = c->room;
    TRY(mem_new(&c->table, room));
    c->room = room;
    for (size_t i = 0; i < n; i++)
        if (old[i].pair) *find(c, old[i].k) = old[i];
    mem_free(old);
    return LOREC_OK;
}

static const float *vector_of(const embed_cache *c, const entry *at)
{
    return (const float *)c->pair[at->pair - 1].vectors.data + (int64_t)at->row * c->width;
}

/* ---- pairs of files ----------------------------------------------------------------------------------------------------- */

static void pair_close(pair *p)
{
    npy_close(&p->vectors);
    npy_close(&p->keys);
}

static lorec_err pair_open(pair *p, int64_t width, const char *folder, const char *name)
{
    buf path = {0};
    *p = (pair){0};
    lorec_err e = buf_printf(&path, "%s/%s.npy", folder, name);
    if (!e) e = npy_open(&p->vectors, path.p, NPY_F32, 2);
    buf_clear(&path);
    if (!e) e = buf_printf(&path, "%s/%s.keys.npy", folder, name);
    if (!e) e = npy_open(&p->keys, path.p, NPY_U64, 2);
    if (!e && (p->vectors.shape[1] != width || p->keys.shape[1] != 2 || p->keys.shape[0] != p->vectors.shape[0] + 1))
        e = err_set(LOREC_INPUT, "%s: its shape does not go with the vectors", path.p);
    if (!e) {
        key sum = key_of(p->vectors.data, (size_t)p->vectors.count * sizeof(float));
        const uint64_t *last = (const uint64_t *)p->keys.data + 2 * p->vectors.shape[0];
        if (last[0] != sum.low || last[1] != sum.high)
            e = err_set(LOREC_INPUT, "%s: the vectors are not those that were written", path.p);
    }
    buf_free(&path);
    if (e) pair_close(p);
    return e;
}

static lorec_err pair_add(embed_cache *c, const char *name)
{
    pair p;
    TRY(mem_grow(&c->pair, &c->pair_cap, c->pairs + 1));
    lorec_err e = pair_open(&p, c->width, c->folder, name);
    if (e == LOREC_RESOURCE) return e;
    if (e) {
        log_warn("%s; its texts are embedded again", lorec_error_message());
        return LOREC_OK;
    }
    if ((e = make_room(c, (size_t)p.vectors.shape[0]))) {
        pair_close(&p);
        return e;
    }
    c->pair[c->pairs++] = p;
    const uint64_t *words = p.keys.data;
    for (int64_t i = 0; i < p.vectors.shape[0]; i++) {
        key k = {words[2 * i], words[2 * i + 1]};
        entry *at = find(c, k);
        if (at->pair) continue; /* another process was as quick */
        *at = (entry){k, (uint32_t)c->pairs, (uint32_t)i};
        c->count.kept++;
    }
    return LOREC_OK;
}

/* Vectors first: a pair without its keys does not count. */
static lorec_err pair_write(embed_cache *c, const key *k, const float *x, size_t n)
{
    char name[96];
    buf path = {0};
    uint64_t *words;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, sizeof name, "%012llx-%05lx-%zu", (unsigned long long)now.tv_sec << 20 | (unsigned)now.tv_nsec >> 10,
             (unsigned long)getpid(), c->written++);
    TRY(mem_new(&words, 2 * (n + 1)));
    for (size_t i = 0; i < n; i++) {
        words[2 * i] = k[i].low;
        words[2 * i + 1] = k[i].high;
    }
    key sum = key_of(x, n * (size_t)c->width * sizeof *x);
    words[2 * n] = sum.low;
    words[2 * n + 1] = sum.high;
    lorec_err e = buf_printf(&path, "%s/%s.npy", c->folder, name);
    if (!e) e = npy_write(path.p, NPY_F32, 2, (int64_t[]){(int64_t)n, c->width}, x);
    buf_clear(&path);
    if (!e) e = buf_printf(&path, "%s/%s.keys.npy", c->folder, name);
    if (!e) e = npy_write(path.p, NPY_U64, 2, (int64_t[]){(int64_t)n + 1, 2}, words);
    if (!e) e = pair_add(c, name);
    mem_free(words);
    buf_free(&path);
    return e;
}

/* ---- opening --------------------------------------------------------------------------------------------------------------- */

static lorec_err hash_weights(XXH3_state_t *h, const char *path)
{
    weights *w = NULL;
    lorec_err e = weights_open(&w, path);
    enum { AT_ONCE = 1 << 22 };
    unsigned char *some = NULL;
    for (size_t i = 0; !e && i < weights_count(w); i++) {
        const weight *x = weights_at(w, i);
        int64_t rows = weight_rows(x), width = rows ? weight_values(x) / rows : 0, step = 1;
        size_t bytes;
        if (!elem_size(x->type, width, &bytes)) e = err_set(LOREC_INPUT, "%s: rows of %s are too long", path, x->name);
        while (!e && step < rows && bytes * (size_t)step * 2 <= AT_ONCE) step *= 2;
        XXH3_128bits_update(h, x->name, strlen(x->name) + 1);
        XXH3_128bits_update(h, x->shape, (size_t)x->ndim * sizeof *x->shape);
        if (!e) e = mem_new(&some, bytes * (size_t)step);
        for (int64_t r = 0; r < rows && !e; r += step) {
            int64_t n = rows - r < step ? rows - r : step;
            e = weights_read(w, x, r, n, some);
            if (!e) XXH3_128bits_update(h, some, bytes * (size_t)n);
        }
        mem_free(some);
        some = NULL;
    }
    weights_close(w);
    return e;
}

/* Of all that decides a vector besides the token ids and the words of embedder_describe. */
static lorec_err fingerprint(const embedder *e, char hex[33])
{
    XXH3_state_t *h = XXH3_createState();
    if (!h) return err_set(LOREC_RESOURCE, "out of memory");
    XXH3_128bits_reset(h);
    lorec_err err = hash_weights(h, e->recipe.body);
    for (int i = 0; i < e->recipe.n_steps && !err; i++)
        if (e->recipe.step[i].folder) err = hash_weights(h, e->recipe.step[i].folder);
    char *config = err ? NULL : json_dumps(e->model->config, JSON_SORT_KEYS | JSON_COMPACT);
    if (!err && !config) err = err_set(LOREC_RESOURCE, "out of memory");
    if (config) XXH3_128bits_update(h, config, strlen(config));
    free(config);
    XXH128_hash_t sum = XXH3_128bits_digest(h);
    XXH3_freeState(h);
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    return err;
}

static lorec_err choose_folder(embed_cache *c, const char *folder)
{
    char model[33];
    buf words = {0}, path = {0};
    lorec_err e = fingerprint(c->e, model);
    if (!e) e = embedder_describe(c->e, &words);
    json_t *said = e ? NULL
                     : json_pack("{s:i, s:s, s:s, s:I}", "schema", 1, "model", model, "settings", words.p, "width",
                                 (json_int_t)c->width);
    char *text = said ? json_dumps(said, JSON_COMPACT) : NULL;
    if (!e && !text) e = err_set(LOREC_RESOURCE, "out of memory; or a prompt that is no UTF-8");
    if (!e) {
        key k = key_of(text, strlen(text));
        e = buf_printf(&path, "%s/%016llx", folder, (unsigned long long)k.low);
        if (!e) e = mem_dup(&c->folder, path.p);
        if (!e) e = folder_make(c->folder);
        buf_clear(&path);
        if (!e) e = buf_printf(&path, "%s/settings.json", c->folder);
        if (!e && !file_exists(path.p)) e = json_write(said, path.p);
    }
    free(text);
    if (said) json_decref(said);
    buf_free(&words);
    buf_free(&path);
    return e;
}

static lorec_err read_pairs(embed_cache *c)
{
    static const char end[] = ".keys.npy";
    char **names;
    size_t n;
    TRY(folder_list(c->folder, &names, &n));
    lorec_err e = make_room(c, 0);
    for (size_t i = 0; i < n && !e; i++) {
        size_t length = strlen(names[i]);
        if (length <= sizeof end - 1 || strcmp(names[i] + length - (sizeof end - 1), end) != 0) continue;
        names[i][length - (sizeof end - 1)] = 0;
        e = pair_add(c, names[i]);
    }
    names_free(names, n);
    return e;
}

lorec_err embed_cache_open(embed_cache **out, const embedder *e, const char *folder)
{
    embed_cache *c;
    *out = NULL;
    TRY(mem_new(&c, 1));
    c->e = e;
    c->width = embedder_width(e);
    c->every = KEEP_EVERY;
    lorec_err err = choose_folder(c, folder);
    if (!err) err = read_pairs(c);
    if (err)
        embed_cache_close(c);
    else
        *out = c;
    return err;
}

void embed_cache_close(embed_cache *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->pairs; i++) pair_close(&c->pair[i]);
    mem_free(c->pair);
    mem_free(c->table);
    mem_free(c->folder);
    mem_free(c);
}

embed_cache_counts embed_cache_count(const embed_cache *c)
{
    return c->count;
}

void embed_cache_every(embed_cache *c, size_t texts)
{
    c->every = texts ? texts : KEEP_EVERY;
}

/* ---- use ------------------------------------------------------------------------------------------------------------------- */

typedef struct missing { /* texts that are not there, each once */
    tokens ids;          /* packed */
    int32_t *length;
    key *key;
    size_t n, length_cap, key_cap;
    float *vector;
    size_t vector_cap;
} missing;

static lorec_err compute(embed_cache *c, missing *m)
{
    if (m->n == 0) return LOREC_OK;
    TRY(mem_grow(&m->vector, &m->vector_cap, m->n * (size_t)c->width));
    TRY(embedder_ids(c->e, m->ids.id, m->length, m->n, m->vector));
    TRY(pair_write(c, m->key, m->vector, m->n));
    c->count.computed += m->n;
    m->n = m->ids.n = 0;
    return LOREC_OK;
}

static bool waits(const missing *m, key k)
{
    for (size_t i = m->n; i-- > 0;)
        if (m->key[i].low == k.low && m->key[i].high == k.high) return true;
    return false;
}

static lorec_err look_up(embed_cache *c, const slice *text, size_t n, key *of, missing *m)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = m->ids.n;
        TRY(embedder_encode(c->e, text[i], &m->ids));
        size_t ids = m->ids.n - before;
        of[i] = key_of(m->ids.id + before, ids * sizeof *m->ids.id);
        if (find(c, of[i])->pair || waits(m, of[i])) {
            m->ids.n = before;
            c->count.found++;
            continue;
        }
        TRY(mem_grow(&m->length, &m->length_cap, m->n + 1));
        TRY(mem_grow(&m->key, &m->key_cap, m->n + 1));
        m->length[m->n] = (int32_t)ids;
        m->key[m->n++] = of[i];
        if (m->n == c->every) TRY(compute(c, m));
    }
    return compute(c, m);
}

lorec_err embed_cache_texts(embed_cache *c, const slice *text, size_t n, float *out)
{
    key *of;
    missing m = {0};
    TRY(mem_new(&of, n));
    lorec_err e = look_up(c, text, n, of, &m);
    for (size_t i = 0; i < n && !e; i++) {
        const entry *at = find(c, of[i]);
        if (!at->pair)
            e = err_set(LOREC_FAILED, "%s: a file that was just written can not be read", c->folder);
        else
            memcpy(out + i * (size_t)c->width, vector_of(c, at), (size_t)c->width * sizeof *out);
    }
    tokens_free(&m.ids);
    mem_free(m.length);
    mem_free(m.key);
    mem_free(m.vector);
    mem_free(of);
    return e;
}

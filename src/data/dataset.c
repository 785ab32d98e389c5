#include "data/dataset.h"

#include <openssl/evp.h>

#include "base/mem.h"
#include "data/dataset_memory.h"

lorec_err json_put(json_t *object, const char *key, json_t *value)
{
    if (!value || json_object_set_new(object, key, value) != 0)
        return err_set(LOREC_RESOURCE, "out of memory while the manifest was written");
    return LOREC_OK;
}

lorec_err dataset_memory_new(dataset *d)
{
    struct dataset_memory *m;
    TRY(mem_new(&m, 1));
    pthread_mutex_init(&m->users.lock, NULL);
    pthread_mutex_init(&m->items.lock, NULL);
    d->memory = m;
    return LOREC_OK;
}

lorec_err dataset_memory_keep(struct dataset_memory *m, void *block)
{
    if (!block) return LOREC_OK;
    lorec_err e = mem_grow(&m->blocks, &m->blocks_cap, m->n_blocks + 1);
    if (e) {
        mem_free(block);
        return e;
    }
    m->blocks[m->n_blocks++] = block;
    return LOREC_OK;
}

lorec_err dataset_memory_map(struct dataset_memory *m, const char *path, npy_type type, npy *out)
{
    TRY(mem_grow(&m->maps, &m->maps_cap, m->n_maps + 1));
    TRY(npy_open(&m->maps[m->n_maps], path, type, 1));
    *out = m->maps[m->n_maps++];
    return LOREC_OK;
}

static void lookup_free(lookup *l)
{
    ids_free(&l->ids);
    pthread_mutex_destroy(&l->lock);
}

void dataset_close(dataset *d)
{
    struct dataset_memory *m = d->memory;
    if (m) {
        for (size_t i = 0; i < m->n_blocks; i++) mem_free(m->blocks[i]);
        for (size_t i = 0; i < m->n_maps; i++) npy_close(&m->maps[i]);
        mem_free(m->blocks);
        mem_free(m->maps);
        lookup_free(&m->users);
        lookup_free(&m->items);
        mem_free(m);
    }
    mem_free(d->columns);
    mem_free(d->name);
    json_decref(d->manifest);
    *d = (dataset){0};
}

const column *dataset_column(const dataset *d, column_side side, const char *name)
{
    for (size_t i = 0; i < d->n_columns; i++) {
        if (d->columns[i].side == side && strcmp(d->columns[i].name, name) == 0) return &d->columns[i];
    }
    return NULL;
}

const column *dataset_categories(const dataset *d)
{
    static const char *const words[] = {"categories", "genres", "genre", "category", "class"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const column *c = dataset_column(d, SIDE_ITEM, words[i]);
        if (c) return c;
    }
    return NULL;
}

slice dataset_title(const dataset *d, uint32_t item)
{
    static const char *const usual[] = {"title",      "movie_title",   "item_title", "name",      "item_name",
                                        "book_title", "product_title", "app_name",   "game_title"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        const column *c = dataset_column(d, SIDE_ITEM, usual[i]);
        if (!c || (c->kind != COLUMN_TEXT && c->kind != COLUMN_TOKEN)) continue;
        slice title = names_at(&c->words, c->kind == COLUMN_TEXT ? item : c->code[item]);
        if (title.n) return title;
    }
    return names_at(&d->item_ids, item);
}

const char *column_side_word(column_side side)
{
    return side == SIDE_USER ? "user" : side == SIDE_ITEM ? "item" : "row";
}

const char *column_kind_word(column_kind kind)
{
    static const char *const words[] = {"token", "token_seq", "float", "text"};
    return words[kind];
}

/* ---- the content's hash: every number little endian as it lies in memory, every array with its length before it ---- */

static bool hash_bytes(EVP_MD_CTX *h, const void *bytes, uint64_t n)
{
    if (EVP_DigestUpdate(h, &n, sizeof n) != 1) return false;
    return n == 0 || EVP_DigestUpdate(h, bytes, n) == 1;
}

static bool hash_names(EVP_MD_CTX *h, const names *v)
{
    return hash_bytes(h, v->start, ((uint64_t)v->n + 1) * sizeof *v->start) && hash_bytes(h, v->bytes, v->start[v->n]);
}

static bool hash_column(EVP_MD_CTX *h, const column *c)
{
    uint64_t n_codes = c->kind == COLUMN_TOKEN_SEQ ? c->first[c->n] : c->n;
    bool ok = hash_bytes(h, column_side_word(c->side), 3) && hash_bytes(h, c->name, strlen(c->name)) &&
              hash_bytes(h, column_kind_word(c->kind), strlen(column_kind_word(c->kind)));
    if (c->words.start) ok = ok && hash_names(h, &c->words);
    if (c->first) ok = ok && hash_bytes(h, c->first, (c->n + 1) * sizeof *c->first);
    if (c->code) ok = ok && hash_bytes(h, c->code, n_codes * sizeof *c->code);
    if (c->value) ok = ok && hash_bytes(h, c->value, c->n * sizeof *c->value);
    return ok;
}

static bool hash_all(EVP_MD_CTX *h, const dataset *d)
{
    const interactions *r = &d->rows;
    bool ok = EVP_DigestInit_ex(h, EVP_sha256(), NULL) == 1 && hash_names(h, &d->user_ids) &&
              hash_names(h, &d->item_ids) && hash_bytes(h, r->start, ((uint64_t)r->n_users + 1) * sizeof *r->start) &&
              hash_bytes(h, r->item, r->n * sizeof *r->item) &&
              hash_bytes(h, r->rating, r->rating ? r->n * sizeof *r->rating : 0) &&
              hash_bytes(h, r->time, r->time ? r->n * sizeof *r->time : 0);
    for (size_t i = 0; ok && i < d->n_columns; i++) ok = hash_column(h, &d->columns[i]);
    const knowledge *kg = &d->kg;
    if (ok && kg->n) {
        ok = hash_names(h, &kg->entities) && hash_names(h, &kg->relations) &&
             hash_bytes(h, kg->head, kg->n * sizeof *kg->head) &&
             hash_bytes(h, kg->relation, kg->n * sizeof *kg->relation) &&
             hash_bytes(h, kg->tail, kg->n * sizeof *kg->tail);
    }
    return ok;
}

lorec_err dataset_hash(dataset *d)
{
    unsigned char digest[32];
    EVP_MD_CTX *h = EVP_MD_CTX_new();
    bool ok = h && hash_all(h, d) && EVP_DigestFinal_ex(h, digest, NULL) == 1;
    EVP_MD_CTX_free(h);
    if (!ok) return err_set(LOREC_RESOURCE, "out of memory while the data set was hashed");
    for (size_t i = 0; i < sizeof digest; i++) snprintf(d->sha256 + 2 * i, 3, "%02x", digest[i]);
    return LOREC_OK;
}

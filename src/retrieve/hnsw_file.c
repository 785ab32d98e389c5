/* The file of a graph: a head of 64 bytes, then vectors, upper_at, lowest lists, upper lists, as they lie in memory (little
 * endian), each part on a border of 64 bytes. The head has a hash of itself and one of what follows. */
#include <math.h>
#include <xxhash.h>

#include "base/mem.h"
#include "retrieve/hnsw.h"

typedef struct head {
    char magic[8];
    uint32_t n, d, stride, m, entry, top;
    uint64_t n_upper, body, self; /* hashes; self: of the bytes before it */
    uint64_t unused;
} head;
_Static_assert(sizeof(head) == 64, "the head of the file");
static const char magic[8] = "lorhnsw";
enum { PARTS = 4, BORDER = 64 };

/* Where the parts begin and the file ends; false: more than can be. */
static bool places(const head *f, size_t at[PARTS + 1])
{
    size_t size[PARTS], lists;
    if (!size_mul(f->n, f->stride, &size[0]) || !size_mul(size[0], sizeof(float), &size[0])) return false;
    size[1] = ((size_t)f->n + 1) * sizeof(uint64_t);
    if (!size_mul(f->n, 1 + 2 * (size_t)f->m, &lists) || !size_mul(lists, sizeof(uint32_t), &size[2])) return false;
    if (!size_mul(f->n_upper, sizeof(uint32_t), &size[3])) return false;
    at[0] = sizeof *f;
    for (int i = 0; i < PARTS; i++) {
        size_t end, wide;
        if (!size_add(at[i], size[i], &end) || !size_add(end, BORDER - 1, &wide)) return false;
        at[i + 1] = wide / BORDER * BORDER;
    }
    return true;
}

static void put(writer *w, XXH3_state_t *hash, const void *bytes, size_t n, size_t room)
{
    static const char zero[BORDER];
    if (n) XXH3_64bits_update(hash, bytes, n);
    XXH3_64bits_update(hash, zero, room - n);
    if (!w) return;
    if (n) writer_put(w, bytes, n);
    writer_put(w, zero, room - n);
}

static void put_body(const hnsw *h, const size_t at[PARTS + 1], writer *w, XXH3_state_t *hash)
{
    put(w, hash, h->vector, (size_t)h->n * h->stride * sizeof(float), at[1] - at[0]);
    put(w, hash, h->upper_at, ((size_t)h->n + 1) * sizeof(uint64_t), at[2] - at[1]);
    put(w, hash, h->lowest, (size_t)h->n * (1 + 2 * (size_t)h->m) * sizeof(uint32_t), at[3] - at[2]);
    put(w, hash, h->upper, (size_t)h->n_upper * sizeof(uint32_t), at[4] - at[3]);
}

lorec_err hnsw_save(const hnsw *h, const char *path)
{
    head f = {
        .n = h->n, .d = h->d, .stride = h->stride, .m = h->m, .entry = h->entry, .top = h->top, .n_upper = h->n_upper};
    size_t at[PARTS + 1];
    writer w;
    memcpy(f.magic, magic, sizeof f.magic);
    if (!places(&f, at)) return err_set(LOREC_RESOURCE, "%s: too large", path);
    XXH3_state_t *hash = XXH3_createState();
    if (!hash) return err_set(LOREC_RESOURCE, "out of memory for a hash");
    XXH3_64bits_reset(hash);
    put_body(h, at, NULL, hash);
    f.body = XXH3_64bits_digest(hash);
    f.self = XXH3_64bits(&f, offsetof(head, self));
    lorec_err e = writer_open(&w, path);
    if (!e) {
        writer_put(&w, &f, sizeof f);
        put_body(h, at, &w, hash);
        e = writer_commit(&w);
    }
    XXH3_freeState(hash);
    return e;
}

static lorec_err check(const head *f, const file_map *m, const char *path, size_t at[PARTS + 1])
{
    if (memcmp(f->magic, magic, sizeof magic) != 0) return err_set(LOREC_INPUT, "%s: not an index of vectors", path);
    if (f->self != XXH3_64bits(f, offsetof(head, self)))
        return err_set(LOREC_INPUT, "%s: its head is not as it was written", path);
    if (f->m < 2 || f->m > 128 || !f->d || f->stride <= f->d || f->stride % 16 || f->stride - f->d > 16 || f->unused ||
        (f->n ? f->entry >= f->n : f->entry) || f->top >= HNSW_LEVELS || f->n == UINT32_MAX || !places(f, at))
        return err_set(LOREC_INPUT, "%s: its head makes no sense", path);
    if (at[PARTS] != m->size) return err_set(LOREC_INPUT, "%s: %zu bytes where %zu are due", path, m->size, at[PARTS]);
    if (f->body != XXH3_64bits(m->bytes + sizeof *f, m->size - sizeof *f))
        return err_set(LOREC_INPUT, "%s: its contents are not as they were written", path);
    return LOREC_OK;
}

lorec_err hnsw_open(hnsw *h, const char *path)
{
    head f;
    file_map m;
    size_t at[PARTS + 1];
    *h = (hnsw){0};
    TRY(file_map_open(&m, path));
    lorec_err e = m.size < sizeof f ? err_set(LOREC_INPUT, "%s: not an index of vectors", path) : LOREC_OK;
    if (!e) memcpy(&f, m.bytes, sizeof f);
    if (!e) e = check(&f, &m, path, at);
    if (e) {
        file_map_close(&m);
        return e;
    }
    *h = (hnsw){.n = f.n,
                .d = f.d,
                .stride = f.stride,
                .m = f.m,
                .entry = f.entry,
                .top = f.top,
                .n_upper = f.n_upper,
                .map = m};
    h->vector = (const float *)(const void *)(m.bytes + at[0]);
    h->upper_at = (const uint64_t *)(const void *)(m.bytes + at[1]);
    h->lowest = (const uint32_t *)(const void *)(m.bytes + at[2]);
    h->upper = (const uint32_t *)(const void *)(m.bytes + at[3]);
    return LOREC_OK;
}

bool hnsw_holds(const hnsw *h, const float *rows, uint32_t n, uint32_t d)
{
    if (h->n != n || h->d != d) return false;
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(h->vector + (size_t)i * h->stride, rows + (size_t)i * d, d * sizeof *rows) != 0) return false;
    return true;
}

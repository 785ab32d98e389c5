#include "lm/files/zip.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
    END = 22, /* bytes of the end record without its comment */
    COMMENT_MAX = 65535,
    LOCATOR = 20,
    END64 = 56,
    CENTRAL = 46,
    LOCAL = 30,
    DIRECTORY_MAX = 1 << 26
};

static uint64_t get(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static lorec_err bad(const char *what)
{
    return err_set(LOREC_INPUT, "the zip archive is damaged: %s", what);
}

typedef struct directory {
    uint64_t at, bytes, entries;
} directory;

/* The 64-bit end record, where the locator before the end record points to one. */
static lorec_err find_end64(const blob *b, uint64_t end, directory *d)
{
    unsigned char locator[LOCATOR], record[END64];
    if (end < LOCATOR) return LOREC_OK;
    TRY(blob_read(b, end - LOCATOR, locator, sizeof locator));
    if (get(locator, 4) != 0x07064b50) return LOREC_OK;
    uint64_t at = get(locator + 8, 8);
    if (at > end - LOCATOR || end - LOCATOR - at < END64) return bad("its 64-bit end record is not where it says");
    TRY(blob_read(b, at, record, sizeof record));
    if (get(record, 4) != 0x06064b50) return bad("its 64-bit end record is not one");
    *d = (directory){.at = get(record + 48, 8), .bytes = get(record + 40, 8), .entries = get(record + 32, 8)};
    return LOREC_OK;
}

static lorec_err find_directory(const blob *b, directory *d)
{
    size_t n = b->size < END + COMMENT_MAX ? (size_t)b->size : END + COMMENT_MAX;
    unsigned char *tail;
    if (n < END) return bad("it is too short");
    TRY(mem_new(&tail, n));
    lorec_err e = blob_read(b, b->size - n, tail, n);
    size_t i = n - END;
    while (!e && i > 0 && !(get(tail + i, 4) == 0x06054b50 && get(tail + i + 20, 2) == n - i - END)) i--;
    if (!e && get(tail + i, 4) != 0x06054b50) e = bad("it has no end record; was it cut off?");
    if (!e) {
        *d = (directory){.at = get(tail + i + 16, 4), .bytes = get(tail + i + 12, 4), .entries = get(tail + i + 10, 2)};
        e = find_end64(b, b->size - n + i, d);
    }
    mem_free(tail);
    if (e) return e;
    if (d->at > b->size || d->bytes > b->size - d->at) return bad("its directory is beyond its end");
    if (d->bytes > DIRECTORY_MAX) return bad("its directory is larger than 64 MiB");
    if (d->entries > d->bytes / CENTRAL) return bad("its entries do not fit into its directory");
    return LOREC_OK;
}

/* Sizes of all ones are in the extra field, 8 bytes each in this order. */
static lorec_err wide_sizes(const unsigned char *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *offset)
{
    uint64_t *const fields[] = {size, packed, offset};
    while (n >= 4) {
        size_t kind = (size_t)get(extra, 2), bytes = (size_t)get(extra + 2, 2);
        if (bytes > n - 4) return bad("an extra field is longer than there is room");
        const unsigned char *p = extra + 4, *end = p + bytes;
        for (int i = 0; i < 3 && kind == 1; i++) {
            if (*fields[i] != UINT32_MAX) continue;
            if (end - p < 8) return bad("a 64-bit size is missing");
            *fields[i] = get(p, 8);
            p += 8;
        }
        extra += 4 + bytes;
        n -= 4 + bytes;
    }
    return LOREC_OK;
}

/* The local header has lengths of its own. */
static lorec_err locate(const blob *b, uint64_t offset, zip_entry *e)
{
    unsigned char local[LOCAL];
    if (offset > b->size || b->size - offset < LOCAL) return bad("an entry begins beyond its end");
    TRY(blob_read(b, offset, local, sizeof local));
    if (get(local, 4) != 0x04034b50) return bad("an entry is not where the directory says");
    uint64_t skip = LOCAL + get(local + 26, 2) + get(local + 28, 2);
    if (skip > b->size - offset || e->size > b->size - offset - skip) return bad("an entry ends beyond its end");
    e->at = offset + skip;
    return LOREC_OK;
}

/* One record of the directory at p, of which n bytes are left; *used is its length. */
static lorec_err read_entry(const blob *b, const unsigned char *p, size_t n, zip_entry *e, size_t *used)
{
    if (n < CENTRAL || get(p, 4) != 0x02014b50) return bad("its directory ends early");
    size_t name = (size_t)get(p + 28, 2), extra = (size_t)get(p + 30, 2), comment = (size_t)get(p + 32, 2);
    uint64_t packed = get(p + 20, 4), offset = get(p + 42, 4);
    if (name + extra + comment > n - CENTRAL) return bad("its directory ends early");
    *used = CENTRAL + name + extra + comment;
    e->name = (slice){(const char *)p + CENTRAL, name};
    e->size = get(p + 24, 4);
    TRY(wide_sizes(p + CENTRAL + name, extra, &e->size, &packed, &offset));
    if (get(p + 8, 2) & 1)
        return err_set(LOREC_INPUT, "the entry %.*s is encrypted", (int)(name < 100 ? name : 100), e->name.p);
    if (get(p + 10, 2) != 0 || packed != e->size)
        return err_set(LOREC_INPUT, "the entry %.*s is compressed; PyTorch stores them as they are",
                       (int)(name < 100 ? name : 100), e->name.p);
    return locate(b, offset, e);
}

static int compare(slice a, slice b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int by_name(const void *a, const void *b)
{
    return compare(((const zip_entry *)a)->name, ((const zip_entry *)b)->name);
}

static lorec_err read_all(zip_index *z, const blob *file)
{
    directory d = {0};
    size_t at = 0, used = 0;
    TRY(find_directory(file, &d));
    TRY(mem_new(&z->directory, (size_t)d.bytes));
    TRY(blob_read(file, d.at, z->directory, (size_t)d.bytes));
    TRY(mem_new(&z->entry, (size_t)d.entries));
    for (; z->n < d.entries; z->n++, at += used)
        TRY(read_entry(file, z->directory + at, (size_t)d.bytes - at, &z->entry[z->n], &used));
    if (z->n) qsort(z->entry, z->n, sizeof *z->entry, by_name);
    for (size_t i = 1; i < z->n; i++)
        if (by_name(&z->entry[i - 1], &z->entry[i]) == 0) return bad("an entry is there twice");
    return LOREC_OK;
}

lorec_err zip_open(zip_index *z, const blob *file)
{
    *z = (zip_index){0};
    lorec_err e = read_all(z, file);
    if (e) zip_close(z);
    return e;
}

void zip_close(zip_index *z)
{
    mem_free(z->entry);
    mem_free(z->directory);
    *z = (zip_index){0};
}

const zip_entry *zip_find(const zip_index *z, slice name)
{
    zip_entry key = {.name = name};
    return z->n ? bsearch(&key, z->entry, z->n, sizeof key, by_name) : NULL;
}

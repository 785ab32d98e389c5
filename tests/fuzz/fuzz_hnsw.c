/* Any bytes as an index of vectors: refused with a message, or searched without leaving the file. Its hashes are set right first, as
 * somebody who means harm would. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/mem.h"
#include "retrieve/hnsw.h"

enum { HEAD = 64, BODY_AT = 40, SELF_AT = 48, K = 5 };

static void search(const hnsw *h)
{
    hnsw_scratch *s;
    float *wide, scores[K];
    uint32_t items[K];
    size_t found;
    if (h->stride > 4096 || mem_new(&wide, h->stride)) return;
    for (uint32_t i = 0; i < h->d; i++) wide[i] = (float)i - 1;
    if (!hnsw_scratch_new(&s, h)) {
        if (hnsw_search(h, s, wide, K, 16, items, scores, &found) || found > K) abort();
        for (size_t i = 0; i < found; i++)
            if (items[i] >= h->n || (i && scores[i] > scores[i - 1])) abort();
        hnsw_scratch_free(s);
    }
    mem_free(wide);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    hnsw h;
    uint8_t *copy = malloc(size + 1);
    int fd = memfd_create("hnsw", 0);
    if (!copy || fd < 0) abort();
    if (size) memcpy(copy, data, size);
    if (size >= HEAD) {
        uint64_t hash = XXH3_64bits(copy + HEAD, size - HEAD);
        memcpy(copy + BODY_AT, &hash, sizeof hash);
        hash = XXH3_64bits(copy, SELF_AT);
        memcpy(copy + SELF_AT, &hash, sizeof hash);
    }
    if (write(fd, copy, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (hnsw_open(&h, path)) {
        if (!lorec_error_message()[0] || h.map.bytes) abort();
    } else {
        search(&h);
        hnsw_close(&h);
    }
    close(fd);
    free(copy);
    return 0;
}

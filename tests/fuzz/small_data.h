/* small_data.h: for fuzz targets that need a data set, and files without a disk.
 *
 *     static small_data s;                         // three users a b c, items 1 .. 6; kept from call to call
 *     if (!s.ready) small_data_make(&s, "full");
 *     int fd = small_file(bytes, n, path);         // path: "/proc/self/fd/N", until close(fd)
 *
 * Ownership: what is made lives until the process ends. */
#ifndef LOREC_TESTS_FUZZ_SMALL_DATA_H
#define LOREC_TESTS_FUZZ_SMALL_DATA_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "eval/protocol.h"

typedef struct small_data {
    bool ready;
    dataset d;
    split s;
    protocol p;
} small_data;

static inline void small_data_make(small_data *s, const char *candidates)
{
    static const char *const rows[] = {"a1", "a2", "a3", "a4", "b2", "b3", "b5", "c6", "c1", "c2"};
    dataset_builder *b = dataset_builder_new("small");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (dataset_builder_row(b, &(raw_row){{rows[i], 1}, {rows[i] + 1, 1}, NAN, (int64_t)i})) abort();
    if (dataset_builder_finish(b, false, &s->d) || split_make(&s->s, &s->d, &(split_options){.kind = SPLIT_LOO}) ||
        protocol_make(&s->p, &s->s, candidates, "mrr,recall@2,ndcg@3,map@2", false, 1))
        abort();
    s->ready = true;
}

static inline int small_file(const void *bytes, size_t n, char path[64])
{
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || (n && write(fd, bytes, n) != (ssize_t)n)) abort();
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

#endif

#include "base/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

lorec_err blob_open(blob *b, const char *path)
{
    *b = (blob){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make this wait; files do not care */
    if (fd < 0) return err_errno("%s: can not be opened", path);
    struct stat st;
    lorec_err e = LOREC_OK;
    if (fstat(fd, &st) != 0)
        e = err_errno("%s", path);
    else if (!S_ISREG(st.st_mode))
        e = err_set(LOREC_INPUT, "%s: is not a regular file", path);
    if (e)
        close(fd);
    else
        *b = (blob){.size = (uint64_t)st.st_size, .is_file = true, .fd = fd};
    return e;
}

blob blob_of(const void *bytes, size_t n)
{
    return (blob){.size = n, .bytes = bytes};
}

void blob_close(blob *b)
{
    if (b->is_file) {
        if (b->bytes) munmap((void *)(uintptr_t)b->bytes, (size_t)b->size);
        close(b->fd);
    }
    *b = (blob){0};
}

static lorec_err inside(const blob *b, uint64_t at, size_t n)
{
    if (at <= b->size && n <= b->size - at) return LOREC_OK;
    return err_set(LOREC_INPUT, "%zu bytes at offset %llu are beyond the end (%llu bytes): the file was cut off", n,
                   (unsigned long long)at, (unsigned long long)b->size);
}

lorec_err blob_read(const blob *b, uint64_t at, void *into, size_t n)
{
    TRY(inside(b, at, n));
    if (!b->is_file) {
        if (n) memcpy(into, b->bytes + at, n);
        return LOREC_OK;
    }
    for (size_t got = 0; got < n;) {
        ssize_t k = pread(b->fd, (char *)into + got, n - got, (off_t)(at + got));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return err_errno("reading at offset %llu", (unsigned long long)(at + got));
        if (k == 0)
            return err_set(LOREC_INPUT, "the file ends at offset %llu; it was cut off while it was read",
                           (unsigned long long)(at + got));
        got += (size_t)k;
    }
    return LOREC_OK;
}

const unsigned char *blob_bytes(blob *b, uint64_t at, size_t n)
{
    if (inside(b, at, n)) return NULL;
    if (!b->bytes && b->is_file && b->size) {
        void *p = mmap(NULL, (size_t)b->size, PROT_READ, MAP_SHARED, b->fd, 0);
        if (p == MAP_FAILED) {
            err_errno("mapping %llu bytes", (unsigned long long)b->size);
            return NULL;
        }
        b->bytes = p;
    }
    return b->bytes ? b->bytes + at : (const unsigned char *)"";
}

/* The all-or-nothing writer of file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static atomic_size_t counted, fail_at;

size_t file_fail_at(size_t n)
{
    size_t seen = atomic_exchange(&counted, 0);
    atomic_store(&fail_at, n);
    return seen;
}

static bool injected_failure(void)
{
    size_t now = atomic_fetch_add(&counted, 1) + 1;
    if (atomic_load(&fail_at) != now) return false;
    errno = ENOSPC;
    return true;
}

static void writer_fail(writer *w, const char *what)
{
    if (w->err == LOREC_OK) w->err = err_errno("%s: %s", w->path, what);
}

static void writer_forget(writer *w)
{
    mem_free(w->path);
    mem_free(w->tmp);
    *w = (writer){0};
}

lorec_err writer_open(writer *w, const char *path)
{
    static atomic_uint serial; /* two writers of one path in one process do not share a temporary name */
    *w = (writer){0};
    TRY(mem_dup(&w->path, path));
    buf tmp = {0};
    lorec_err e = buf_printf(&tmp, "%s.tmp-%ld-%u", path, (long)getpid(), atomic_fetch_add(&serial, 1));
    w->tmp = tmp.p;
    if (e == LOREC_OK && !(w->f = fopen(w->tmp, "wbe"))) e = err_errno("%s: can not be written", path);
    if (e) writer_forget(w);
    return e;
}

void writer_put(writer *w, const void *bytes, size_t n)
{
    if (w->err || n == 0) return;
    if (injected_failure() || fwrite(bytes, 1, n, w->f) != n) writer_fail(w, "writing failed");
}

void writer_printf(writer *w, const char *fmt, ...)
{
    if (w->err) return;
    va_list ap;
    va_start(ap, fmt);
    int n = injected_failure() ? -1 : vfprintf(w->f, fmt, ap);
    va_end(ap);
    if (n < 0) writer_fail(w, "writing failed");
}

void writer_abort(writer *w)
{
    if (!w->path) return;
    if (w->f) fclose(w->f);
    unlink(w->tmp);
    writer_forget(w);
}

/* A rename is only on the disk when its folder is. */
static bool folder_sync(const char *path)
{
    buf folder = {0};
    const char *base = path_base(path);
    size_t n = (size_t)(base - path);
    bool ok = buf_add(&folder, n ? path : ".", n ? n : 1) == LOREC_OK;
    if (!ok) errno = ENOMEM;
    int fd = ok ? open(folder.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    buf_free(&folder);
    return ok;
}

lorec_err writer_commit(writer *w)
{
    if (w->err == LOREC_OK && (injected_failure() || fflush(w->f) != 0)) writer_fail(w, "writing failed");
    if (w->err == LOREC_OK && (injected_failure() || fsync(fileno(w->f)) != 0)) writer_fail(w, "syncing failed");
    if (w->f && fclose(w->f) != 0) writer_fail(w, "closing failed");
    w->f = NULL;
    if (w->err == LOREC_OK && (injected_failure() || rename(w->tmp, w->path) != 0)) writer_fail(w, "renaming failed");
    if (w->err == LOREC_OK && !folder_sync(w->path)) writer_fail(w, "syncing its folder failed");
    lorec_err e = w->err;
    if (e) unlink(w->tmp);
    writer_forget(w);
    return e;
}

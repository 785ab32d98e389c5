#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

lorec_err file_map_open(file_map *m, const char *path)
{
    *m = (file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno("%s: can not be opened", path);
    struct stat st;
    lorec_err e = LOREC_OK;
    if (fstat(fd, &st) != 0)
        e = err_errno("%s", path);
    else if (!S_ISREG(st.st_mode))
        e = err_set(LOREC_INPUT, "%s: is not a regular file", path);
    else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            e = err_errno("%s: can not be mapped", path);
        else
            *m = (file_map){p, (size_t)st.st_size};
    }
    close(fd);
    return e;
}

void file_map_close(file_map *m)
{
    if (m->bytes) munmap((void *)(uintptr_t)m->bytes, m->size);
    *m = (file_map){0};
}

lorec_err file_read(buf *out, const char *path, size_t max_bytes)
{
    file_map m;
    TRY(file_map_open(&m, path));
    lorec_err e;
    if (m.size > max_bytes)
        e = err_set(LOREC_INPUT, "%s: %zu bytes where at most %zu are expected", path, m.size, max_bytes);
    else
        e = buf_add(out, m.bytes, m.size);
    file_map_close(&m);
    return e;
}

static bool is_kind(const char *path, mode_t kind)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

bool file_exists(const char *path)
{
    return is_kind(path, S_IFREG);
}

bool folder_exists(const char *path)
{
    return is_kind(path, S_IFDIR);
}

lorec_err folder_make(const char *path)
{
    char *copy;
    TRY(mem_dup(&copy, path));
    lorec_err e = LOREC_OK;
    for (char *p = copy + 1; e == LOREC_OK && *copy; p++) {
        char c = *p;
        if (c != '/' && c != 0) continue;
        *p = 0;
        if (mkdir(copy, 0777) != 0 && !(errno == EEXIST && folder_exists(copy)))
            e = err_errno("%s: the folder can not be made", copy);
        *p = c;
        if (c == 0) break;
    }
    mem_free(copy);
    return e;
}

void names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

lorec_err folder_list(const char *path, char ***names, size_t *n)
{
    *names = NULL;
    *n = 0;
    size_t cap = 0;
    DIR *dir = opendir(path);
    if (!dir) return err_errno("%s: the folder can not be read", path);
    lorec_err e = LOREC_OK;
    for (struct dirent *d; e == LOREC_OK && (d = readdir(dir));) {
        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..")) continue;
        e = mem_grow(names, &cap, *n + 1);
        if (e == LOREC_OK) e = mem_dup(&(*names)[*n], d->d_name);
        if (e == LOREC_OK) (*n)++;
    }
    closedir(dir);
    if (e) {
        names_free(*names, *n);
        *names = NULL;
        *n = 0;
        return e;
    }
    if (*n) qsort(*names, *n, sizeof **names, by_text);
    return LOREC_OK;
}

lorec_err path_join(buf *out, const char *folder, const char *name)
{
    buf_clear(out);
    size_t n = strlen(folder);
    return buf_printf(out, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", name);
}

const char *path_base(const char *path)
{
    const char *at = strrchr(path, '/');
    return at ? at + 1 : path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

/* Without memory of our own: what a failed save leaves behind has to go even when memory is what failed. */
lorec_err folder_remove(const char *path)
{
    enum { OPEN_FOLDERS = 16 };
    if (nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT) return LOREC_OK;
    return err_errno("%s: can not be removed", path);
}

lorec_err file_sha256(const char *path, char hex[65])
{
    file_map m;
    TRY(file_map_open(&m, path));
    unsigned char digest[32];
    unsigned int n = 0;
    bool ok = EVP_Digest(m.bytes ? m.bytes : (const unsigned char *)"", m.size, digest, &n, EVP_sha256(), NULL) == 1 &&
              n == 32;
    file_map_close(&m);
    if (!ok) return err_set(LOREC_FAILED, "%s: sha256 failed", path);
    for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return LOREC_OK;
}

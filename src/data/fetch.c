#include "data/fetch.h"

#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/certificates.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"

/* ---- one file ---------------------------------------------------------------------------------------------------------- */

typedef struct fetching {
    writer w;
    progress p;
    bool shown;
} fetching;

static size_t take(char *bytes, size_t size, size_t n, void *ctx)
{
    fetching *f = ctx;
    writer_put(&f->w, bytes, size * n);
    return f->w.err ? 0 : size * n;
}

static int tick(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)up_total, (void)up_now;
    fetching *f = ctx;
    if (total > 0 && !f->shown) {
        progress_start(&f->p, "fetch", (double)total / 1e6, "MB");
        f->shown = true;
    }
    if (f->shown) progress_step(&f->p, (double)now / 1e6, "%s", "");
    return cancel_check() != LOREC_OK;
}

static lorec_err transfer(fetching *f, const char *url, bool allow_local)
{
    static bool ready;
    if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT)) return err_set(LOREC_RESOURCE, "libcurl can not start");
    ready = true;
    CURL *c = curl_easy_init();
    if (!c) return err_set(LOREC_RESOURCE, "libcurl can not start");
    char why[CURL_ERROR_SIZE] = "";
    const char *certificates = certificates_file();
    curl_easy_setopt(c, CURLOPT_URL, url);
    if (certificates) curl_easy_setopt(c, CURLOPT_CAINFO, certificates);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, allow_local ? "https,http,file" : "https,http");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 30L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 100L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "lorec/" LOREC_VERSION);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, tick);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, f);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_cleanup(c);
    if (f->shown) progress_end(&f->p);
    if (rc == CURLE_OK || f->w.err) return LOREC_OK; /* the writer tells its own failure */
    TRY(cancel_check());
    return err_set(LOREC_FAILED, "%s: could not be fetched: %s; try again later, or fetch it by hand", url,
                   why[0] ? why : curl_easy_strerror(rc));
}

lorec_err fetch_file(const char *url, const char *path, const char *sha256, bool allow_local)
{
    fetching f = {0};
    buf part = {0};
    lorec_err e = buf_printf(&part, "%s.part", path); /* under its own name only when it is what it should be */
    if (!e) e = writer_open(&f.w, part.p);
    if (e) {
        buf_free(&part);
        return e;
    }
    e = transfer(&f, url, allow_local);
    if (e)
        writer_abort(&f.w);
    else
        e = writer_commit(&f.w);
    char hex[65];
    if (!e && sha256 && !(e = file_sha256(part.p, hex)) && strcmp(hex, sha256) != 0)
        e = err_set(LOREC_INPUT, "%s: sha256 is %s where %s was expected; the file was changed or damaged on its way",
                    url, hex, sha256);
    if (!e && rename(part.p, path) != 0) e = err_errno("%s: can not be put in place", path);
    if (e) (void)unlink(part.p);
    buf_free(&part);
    return e;
}

/* ---- archives ------------------------------------------------------------------------------------------------------------ */

#define UNPACKED_MAX ((int64_t)1 << 38) /* 256 GiB: no data set, but a bomb */

/* Relative, without "..", without a backslash or a control character. */
static bool path_is_safe(const char *path)
{
    if (path[0] == '/' || path[0] == 0) return false;
    slice rest = slice_of(path);
    for (size_t i = 0; i < rest.n; i++) {
        if ((unsigned char)path[i] < 0x20 || path[i] == '\\') return false;
    }
    while (rest.n) {
        if (slice_is(slice_cut(&rest, '/'), "..")) return false;
    }
    return true;
}

static lorec_err write_entry(struct archive *a, const char *path, int64_t *total, const char *archive)
{
    writer w;
    TRY(writer_open(&w, path));
    lorec_err e = LOREC_OK;
    const void *block;
    size_t n;
    la_int64_t offset;
    int rc;
    while (!e && (rc = archive_read_data_block(a, &block, &n, &offset)) == ARCHIVE_OK) {
        *total += (int64_t)n;
        if (*total > UNPACKED_MAX)
            e = err_set(LOREC_INPUT, "%s: unpacks to more than 256 GiB", archive);
        else
            writer_put(&w, block, n);
        if (!e) e = cancel_check();
    }
    if (!e && rc != ARCHIVE_EOF) e = err_set(LOREC_INPUT, "%s: damaged archive: %s", archive, archive_error_string(a));
    if (e) {
        writer_abort(&w);
        return e;
    }
    return writer_commit(&w);
}

static lorec_err unpack_entry(struct archive *a, struct archive_entry *entry, const char *folder, int64_t *total,
                              const char *archive)
{
    const char *name = archive_entry_pathname(entry);
    if (!name || !path_is_safe(name))
        return err_set(LOREC_INPUT, "%s: holds an entry with an unsafe path (%.200s); not unpacked", archive,
                       name ? name : "none");
    if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
        (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR))
        return err_set(LOREC_INPUT, "%s: %.200s is neither a file nor a folder; not unpacked", archive, name);
    buf path = {0};
    lorec_err e = path_join(&path, folder, name);
    if (!e && archive_entry_filetype(entry) == AE_IFDIR)
        e = folder_make(path.p);
    else if (!e) {
        char *slash = strrchr(path.p, '/');
        *slash = 0;
        e = folder_make(path.p);
        *slash = '/';
        if (!e) e = write_entry(a, path.p, total, archive);
    }
    buf_free(&path);
    return e;
}

static lorec_err unpack_all(const char *path, const char *folder)
{
    struct archive *a = archive_read_new();
    if (!a) return err_set(LOREC_RESOURCE, "%s: out of memory", path);
    archive_read_support_filter_all(a);
    archive_read_support_format_zip(a);
    archive_read_support_format_tar(a);
    lorec_err e = LOREC_OK;
    if (archive_read_open_filename(a, path, 1 << 16) != ARCHIVE_OK)
        e = err_set(LOREC_INPUT, "%s: not an archive that can be read: %s", path, archive_error_string(a));
    int64_t total = 0;
    struct archive_entry *entry;
    int rc = ARCHIVE_OK;
    while (!e && (rc = archive_read_next_header(a, &entry)) == ARCHIVE_OK)
        e = unpack_entry(a, entry, folder, &total, path);
    if (!e && rc != ARCHIVE_EOF) e = err_set(LOREC_INPUT, "%s: damaged archive: %s", path, archive_error_string(a));
    archive_read_free(a);
    return e;
}

static lorec_err settle(const char *tmp, const char *folder)
{
    char **there;
    size_t n;
    TRY(folder_list(tmp, &there, &n));
    buf one = {0};
    lorec_err e = n == 1 ? path_join(&one, tmp, there[0]) : LOREC_OK;
    bool inner = !e && n == 1 && folder_exists(one.p);
    if (!e && n == 0) e = err_set(LOREC_INPUT, "the archive is empty");
    if (!e && rename(inner ? one.p : tmp, folder) != 0) e = err_errno("%s: can not be put in place", folder);
    names_free(there, n);
    buf_free(&one);
    return e;
}

lorec_err archive_unpack(const char *path, const char *folder)
{
    buf tmp = {0};
    lorec_err e = buf_printf(&tmp, "%s.tmp-%ld", folder, (long)getpid());
    if (!e) e = folder_make(tmp.p);
    if (!e) e = unpack_all(path, tmp.p);
    if (!e) e = settle(tmp.p, folder);
    char why[1024];
    snprintf(why, sizeof why, "%s", lorec_error_message());
    if (tmp.p) (void)folder_remove(tmp.p);
    buf_free(&tmp);
    return e ? err_set(e, "%s", why) : LOREC_OK;
}

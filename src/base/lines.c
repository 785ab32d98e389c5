/* Lines of a plain, gzip or zstd file (file.h). Compressed data is recognised by its first bytes. */
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "base/mem.h"

enum { CHUNK = 1 << 18 };

typedef enum source_kind { SOURCE_PLAIN, SOURCE_GZIP, SOURCE_ZSTD } source_kind;

struct lines_source {
    source_kind kind;
    FILE *f;
    z_stream gz;
    ZSTD_DStream *zs;
    unsigned char *in; /* compressed bytes: in[in_at .. in_n) are not yet used */
    size_t in_at, in_n;
    bool in_end, out_end;
    bool frame_open; /* the compressed stream is in the middle of a member */
    char *out;       /* text: out[at .. n) is not yet given out */
    size_t at, n, cap;
};

static lorec_err fill_in(lines *l)
{
    struct lines_source *s = l->source;
    s->in_at = 0;
    s->in_n = fread(s->in, 1, CHUNK, s->f);
    if (s->in_n < CHUNK) {
        if (ferror(s->f)) return err_errno("%s: reading failed", l->path);
        s->in_end = true;
    }
    return LOREC_OK;
}

static lorec_err inflate_some(lines *l, size_t *got)
{
    struct lines_source *s = l->source;
    s->gz.next_in = s->in + s->in_at;
    s->gz.avail_in = (uInt)(s->in_n - s->in_at);
    s->gz.next_out = (unsigned char *)s->out + s->n;
    s->gz.avail_out = (uInt)(s->cap - s->n > CHUNK ? CHUNK : s->cap - s->n);
    uInt room = s->gz.avail_out;
    int rc = inflate(&s->gz, Z_NO_FLUSH);
    s->in_at = s->in_n - s->gz.avail_in;
    *got = room - s->gz.avail_out;
    s->frame_open = rc != Z_STREAM_END;
    if (rc == Z_STREAM_END) { /* members may follow each other, as gzip -c a b makes them */
        if (inflateReset(&s->gz) != Z_OK) return err_set(LOREC_FAILED, "%s: zlib can not go on", l->path);
    } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
        return err_set(LOREC_INPUT, "%s: damaged gzip data (%s)", l->path, s->gz.msg ? s->gz.msg : "zlib error");
    }
    return LOREC_OK;
}

static lorec_err unzstd_some(lines *l, size_t *got)
{
    struct lines_source *s = l->source;
    ZSTD_inBuffer in = {s->in, s->in_n, s->in_at};
    ZSTD_outBuffer out = {s->out + s->n, s->cap - s->n > CHUNK ? CHUNK : s->cap - s->n, 0};
    size_t rc = ZSTD_decompressStream(s->zs, &out, &in);
    s->in_at = in.pos;
    *got = out.pos;
    if (ZSTD_isError(rc)) return err_set(LOREC_INPUT, "%s: damaged zstd data (%s)", l->path, ZSTD_getErrorName(rc));
    s->frame_open = rc != 0;
    return LOREC_OK;
}

/* More text behind out[n); sets out_end when there is none. */
static lorec_err fill_out(lines *l)
{
    struct lines_source *s = l->source;
    if (s->at) {
        memmove(s->out, s->out + s->at, s->n - s->at);
        s->n -= s->at;
        s->at = 0;
    }
    if (s->n > LINE_MAX_BYTES)
        return err_set(LOREC_INPUT, "%s, line %zu: longer than %d MiB; is this a text file with line ends?", l->path,
                       l->number + 1, LINE_MAX_BYTES >> 20);
    TRY(mem_grow(&s->out, &s->cap, s->n + CHUNK));
    size_t got = 0;
    while (got == 0) {
        if (s->in_at == s->in_n && !s->in_end) TRY(fill_in(l));
        if (s->kind == SOURCE_PLAIN) {
            got = s->in_n - s->in_at;
            if (got) memcpy(s->out + s->n, s->in + s->in_at, got);
            s->in_at = s->in_n;
        } else if (s->in_at < s->in_n || s->frame_open) {
            size_t before = s->in_at;
            TRY(s->kind == SOURCE_GZIP ? inflate_some(l, &got) : unzstd_some(l, &got));
            if (got == 0 && s->in_at == before && s->in_end)
                return err_set(LOREC_INPUT, "%s: the compressed data breaks off; fetch or copy the file again",
                               l->path);
        }
        if (got == 0 && s->in_at == s->in_n && s->in_end && !s->frame_open) {
            s->out_end = true;
            return LOREC_OK;
        }
    }
    s->n += got;
    return LOREC_OK;
}

static lorec_err source_start(lines *l)
{
    struct lines_source *s = l->source;
    s->f = fopen(l->path, "rbe");
    if (!s->f) return err_errno("%s: can not be opened", l->path);
    if (folder_exists(l->path)) return err_set(LOREC_INPUT, "%s: is a folder where a file is expected", l->path);
    TRY(mem_new(&s->in, CHUNK));
    TRY(fill_in(l));
    static const unsigned char zstd_magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
    if (s->in_n >= 2 && s->in[0] == 0x1F && s->in[1] == 0x8B) {
        if (inflateInit2(&s->gz, 15 + 16) != Z_OK) return err_set(LOREC_RESOURCE, "%s: zlib can not start", l->path);
        s->kind = SOURCE_GZIP;
        s->frame_open = true;
    } else if (s->in_n >= 4 && memcmp(s->in, zstd_magic, 4) == 0) {
        s->zs = ZSTD_createDStream();
        if (!s->zs) return err_set(LOREC_RESOURCE, "%s: zstd can not start", l->path);
        s->kind = SOURCE_ZSTD;
        s->frame_open = true;
    }
    return LOREC_OK;
}

lorec_err lines_open(lines *l, const char *path)
{
    *l = (lines){0};
    lorec_err e = mem_dup(&l->path, path);
    if (e == LOREC_OK) e = mem_new(&l->source, 1);
    if (e == LOREC_OK) e = source_start(l);
    if (e) {
        l->err = e;
        return lines_close(l);
    }
    return LOREC_OK;
}

bool lines_next(lines *l, slice *line)
{
    struct lines_source *s = l->source;
    size_t looked = 0;
    for (;;) {
        const char *end = s->n - s->at > looked ? memchr(s->out + s->at + looked, '\n', s->n - s->at - looked) : NULL;
        if (end || (s->out_end && s->at < s->n)) {
            *line = (slice){s->out + s->at, end ? (size_t)(end - s->out) - s->at : s->n - s->at};
            s->at += line->n + (end ? 1 : 0);
            if (line->n && line->p[line->n - 1] == '\r') line->n--;
            l->number++;
            return true;
        }
        if (s->out_end) return false;
        looked = s->n - s->at;
        l->err = fill_out(l);
        if (l->err) return false;
    }
}

lorec_err lines_close(lines *l)
{
    struct lines_source *s = l->source;
    if (s) {
        if (s->f) fclose(s->f);
        if (s->kind == SOURCE_GZIP) inflateEnd(&s->gz);
        if (s->zs) ZSTD_freeDStream(s->zs);
        mem_free(s->in);
        mem_free(s->out);
        mem_free(s);
    }
    mem_free(l->path);
    lorec_err e = l->err;
    *l = (lines){0};
    return e;
}

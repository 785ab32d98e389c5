#include "serve/http/coding.h"

#include <stdio.h>
#include <strings.h>
#include <xxhash.h>
#include <zlib.h>

#include "base/mem.h"

enum {
    LEAST = 1000,         /* bytes: below it goes out in one packet anyway */
    CAREFUL = 128 << 10,  /* up to here the better level costs a millisecond or two */
    MOST = 1 << 30,       /* what zlib counts in 32 bits */
    GZIP_WINDOW = 15 + 16 /* zlib's word for a gzip header */
};

bool coding_pays(const char *type, size_t n)
{
    static const char *const kinds[] = {"text/", "application/json", "application/x-ndjson", "image/svg+xml"};
    if (n < LEAST) return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(type, kinds[i], strlen(kinds[i])) == 0) return true;
    return false;
}

/* "q=0", "q=0.0": not acceptable. */
static bool is_refused(slice parameters)
{
    while (parameters.n) {
        slice p = slice_trim(slice_cut(&parameters, ';'));
        double q;
        if (p.n < 3 || strncasecmp(p.p, "q=", 2) != 0) continue;
        return slice_to_f64((slice){p.p + 2, p.n - 2}, &q) && q <= 0;
    }
    return false;
}

static bool names(slice coding, const char *name)
{
    return coding.n == strlen(name) && strncasecmp(coding.p, name, coding.n) == 0;
}

bool coding_accepts_gzip(const char *header)
{
    bool any = false;
    for (slice rest = slice_of(header ? header : ""); rest.n;) {
        slice entry = slice_cut(&rest, ','), coding = slice_trim(slice_cut(&entry, ';'));
        if (names(coding, "gzip") || names(coding, "x-gzip")) return !is_refused(entry);
        if (names(coding, "*")) any = !is_refused(entry);
    }
    return any;
}

lorec_err coding_gzip(const void *bytes, size_t n, buf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)n};
    if (n > MOST) return err_set(LOREC_RESOURCE, "a reply of %zu bytes is not packed", n);
    if (deflateInit2(&z, n > CAREFUL ? 1 : 6, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(LOREC_RESOURCE, "zlib can not begin");
    size_t bound = deflateBound(&z, n);
    buf_clear(out);
    lorec_err e = mem_grow(&out->p, &out->cap, bound);
    z.next_out = (Bytef *)out->p;
    z.avail_out = (uInt)bound;
    if (!e && deflate(&z, Z_FINISH) != Z_STREAM_END) e = err_set(LOREC_FAILED, "zlib can not pack a reply");
    out->n = z.total_out;
    deflateEnd(&z);
    return e;
}

void coding_tag(const void *bytes, size_t n, bool packed, char out[CODING_TAG])
{
    snprintf(out, CODING_TAG, "\"%016llx%s\"", (unsigned long long)XXH3_64bits(bytes, n), packed ? "-gz" : "");
}

bool coding_matches(const char *header, const char *tag)
{
    for (slice rest = slice_of(header ? header : ""); rest.n;) {
        slice t = slice_trim(slice_cut(&rest, ','));
        if (t.n > 2 && memcmp(t.p, "W/", 2) == 0) t = (slice){t.p + 2, t.n - 2};
        if (slice_is(t, tag) || slice_is(t, "*")) return true;
    }
    return false;
}

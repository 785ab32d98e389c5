#include "serve/http/route.h"

#include <stdio.h>

#include "base/mem.h"

enum { MATCH_NO, MATCH_YES, MATCH_ERROR };

static int take_part(exchange *x, int *n, slice segment)
{
    buf b = {0};
    if (exchange_decode(&b, segment)) {
        buf_free(&b);
        return MATCH_ERROR;
    }
    mem_free((void *)(uintptr_t)x->part[*n].p);
    x->part[(*n)++] = (slice){b.p, b.n};
    return MATCH_YES;
}

static int match(const char *pattern, const char *path, exchange *x)
{
    slice want = slice_of(pattern), have = slice_of(path);
    int n = 0;
    while (want.n || have.n) {
        slice w = slice_cut(&want, '/');
        if (w.n > 4 && w.p[0] == '{' && !memcmp(w.p + w.n - 4, "...}", 4)) return take_part(x, &n, have);
        slice h = slice_cut(&have, '/');
        bool word = w.n > 1 && w.p[0] == '{';
        if (word) {
            if (!h.n) return MATCH_NO;
            int rc = take_part(x, &n, h);
            if (rc != MATCH_YES) return rc;
        } else if (w.n != h.n || memcmp(w.p, h.p, w.n) != 0)
            return MATCH_NO;
        if (!want.n != !have.n) { /* one ends before the other; a slash at the end does not count */
            bool only_slash = !want.n && have.n == 0;
            if (!only_slash) return MATCH_NO;
        }
    }
    return MATCH_YES;
}

/* Which methods an address has, for the header that a 405 brings. */
static void tell_methods(const route_table *const *tables, size_t n, const char *path, exchange *x)
{
    char all[64] = "";
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const route *r = &tables[t]->rows[i];
            size_t used = strlen(all);
            if (match(r->pattern, path, x) == MATCH_YES && !strstr(all, r->method))
                snprintf(all + used, sizeof all - used, "%s%s%s", used ? ", " : "", r->method,
                         strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
        }
    (void)exchange_header(x, "Allow", "%s", all);
}

const route *route_find(const route_table *const *tables, size_t n, const char *method, const char *path, exchange *x)
{
    bool elsewhere = false;
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const route *r = &tables[t]->rows[i];
            int rc = match(r->pattern, path, x);
            if (rc == MATCH_ERROR) return NULL;
            if (rc == MATCH_NO) continue;
            if (strcmp(r->method, method) == 0) return r;
            if (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0) return r;
            elsewhere = true;
        }
    if (elsewhere) {
        tell_methods(tables, n, path, x);
        (void)exchange_refuse(x, 405, "%s is not possible here", method);
    } else
        (void)exchange_refuse(x, 404, "there is nothing at this address; see /openapi.json");
    return NULL;
}

#include "recipes/tidy.h"

#include "base/mem.h"

static const char *const articles[] = {"The", "A", "An", "La", "Le", "Les", "L'", "Der", "Die", "Das", "El", "Il"};

static slice without_brackets(slice s)
{
    const char *open = memmem(s.p, s.n, " (", 2);
    if (!open || open == s.p || s.p[s.n - 1] != ')') return s;
    return slice_trim((slice){s.p, (size_t)(open - s.p)});
}

/* The article behind the last comma, cut off s; length 0: there is none. */
static slice article_of(slice *s)
{
    for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) {
        size_t n = strlen(articles[i]);
        if (s->n <= n + 2 || memcmp(s->p + s->n - n, articles[i], n) || memcmp(s->p + s->n - n - 2, ", ", 2)) continue;
        slice a = {s->p + s->n - n, n};
        s->n -= n + 2;
        return a;
    }
    return (slice){"", 0};
}

lorec_err tidy_title(slice title, buf *out)
{
    slice s = without_brackets(slice_trim(title)), article = article_of(&s);
    buf_clear(out);
    if (!s.n) return buf_add(out, title.p, title.n);
    TRY(buf_add(out, article.p, article.n));
    if (article.n && article.p[article.n - 1] != '\'') TRY(buf_puts(out, " "));
    return buf_add(out, s.p, s.n);
}

lorec_err catalogue_tidy(catalogue *c)
{
    buf one = {0}, all = {0};
    uint64_t *start;
    size_t rows = 2 * (size_t)c->n;
    lorec_err e = mem_new(&start, rows + 1);
    for (uint32_t i = 0; i < c->n && !e; i++) {
        e = tidy_title(catalogue_title(c, i), &one);
        if (!e) e = buf_add(&all, one.p ? one.p : "", one.n);
        start[i + 1] = all.n;
    }
    size_t titles = c->start[c->n], more = c->start[rows] - titles;
    if (!e) e = buf_add(&all, c->bytes + titles, more);
    for (size_t i = c->n; i < rows && !e; i++) start[i + 1] = c->start[i + 1] - titles + start[c->n];
    char *bytes = NULL;
    if (!e) e = mem_new(&bytes, all.n + 1);
    if (!e) {
        if (all.n) memcpy(bytes, all.p, all.n);
        mem_free(c->bytes);
        mem_free(c->start);
        c->bytes = bytes;
        c->start = start;
    } else
        mem_free(start);
    buf_free(&one);
    buf_free(&all);
    return e;
}

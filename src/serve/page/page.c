/* GET / and the page's files. They hold no data, so they need no key: the page asks for one when an answer says 401. */
#include "serve/page/page.h"

#include "serve/server.h"

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0) return types[i][1];
    return "application/octet-stream";
}

static lorec_err send_file(exchange *x, const char *name)
{
    const embedded_file *f = embedded_find(page_files, page_files_count, name);
    if (!f) return exchange_refuse(x, 404, "the page has no file \"%.80s\"", name);
    TRY(exchange_header(x, "Content-Security-Policy", "%s", policy));
    TRY(exchange_header(x, "Referrer-Policy", "no-referrer"));
    return exchange_text(x, 200, type_of(name), f->bytes, f->n);
}

static lorec_err get_page(server *s, exchange *x)
{
    (void)s;
    return send_file(x, "index.html");
}

static lorec_err get_file(server *s, exchange *x)
{
    (void)s;
    return send_file(x, x->part[0].p);
}

static const route rows[] = {
    {"GET", "/", get_page, ON_HTTP, .open = true, .gives = "text/html", .about = "the page", .tagged = true},
    {"GET", "/page/{file}", get_file, ON_HTTP, .open = true, .gives = "text/javascript",
     .about = "its scripts and style", .tagged = true},
};
const route_table routes_page = {rows, sizeof rows / sizeof *rows};

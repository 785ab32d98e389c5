#include "lm/provider/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/certificates.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/provider/retry.h"

/* ---- the key ------------------------------------------------------------------------------------------------------- */

static bool is_local(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

/* OpenAI's own variable goes to OpenAI only: another server has no business with that key. */
static const char *key_of(const llm_options *o, const char *host, const char **variable)
{
    *variable = o->key_variable ? o->key_variable : "LOREC_API_KEY";
    const char *key = getenv(*variable);
    if (!key && !o->key_variable && strcmp(host, "api.openai.com") == 0) key = getenv(*variable = "OPENAI_API_KEY");
    return key && *key ? key : NULL;
}

static lorec_err find_key(llm_server *s, const llm_options *o, const char *scheme, const char *host)
{
    const char *variable, *key = key_of(o, host, &variable);
    if (!key && o->key_variable) return err_set(LOREC_USAGE, "the variable %s holds no key", variable);
    if (!key) return LOREC_OK;
    for (const char *c = key; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7F)
            return err_set(LOREC_USAGE, "the key in %s holds a blank or another sign that no key has", variable);
    if (strcmp(scheme, "http://") == 0 && !is_local(host))
        log_warn("the key in %s goes to %s unencrypted; https:// would hide it", variable, host);
    return mem_dup(&s->key, key);
}

void llm_server_mask(const llm_server *s, char *text, size_t n)
{
    size_t k = s->key ? strlen(s->key) : 0;
    if (k < 4 || !text) return;
    for (char *at = text; (at = memmem(at, n - (size_t)(at - text), s->key, k)); at += k) memset(at, '*', k);
}

static lorec_err add_header(llm_server *s, const char *line)
{
    struct curl_slist *grown = curl_slist_append(s->headers, line);
    if (!grown) return err_set(LOREC_RESOURCE, "out of memory");
    s->headers = grown;
    return LOREC_OK;
}

static lorec_err headers(llm_server *s)
{
    TRY(add_header(s, "Content-Type: application/json"));
    TRY(add_header(s, "Expect:"));
    if (!s->key) return LOREC_OK;
    buf line = {0};
    lorec_err e = buf_printf(&line, "Authorization: Bearer %s", s->key);
    if (!e) e = add_header(s, line.p);
    if (line.p) explicit_bzero(line.p, line.n);
    buf_free(&line);
    return e;
}

/* ---- the address --------------------------------------------------------------------------------------------------- */

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static lorec_err part(CURLU *u, CURLUPart which, char **out)
{
    char *text = NULL;
    *out = NULL;
    if (curl_url_get(u, which, &text, 0) != CURLUE_OK) return LOREC_OK; /* it is not there */
    lorec_err e = mem_dup(out, text);
    curl_free(text);
    return e;
}

typedef struct address {
    char *host, *port, *path, *query, *model, *user;
} address;

static void address_free(address *a)
{
    mem_free(a->host);
    mem_free(a->port);
    mem_free(a->path);
    mem_free(a->query);
    mem_free(a->model);
    mem_free(a->user);
}

static lorec_err address_parts(address *a, CURLU *u, const char *url)
{
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        return err_set(LOREC_USAGE, "%.200s: not an address; http://HOST[:PORT]/v1#MODEL is needed", url);
    TRY(part(u, CURLUPART_HOST, &a->host));
    TRY(part(u, CURLUPART_PORT, &a->port));
    TRY(part(u, CURLUPART_PATH, &a->path));
    TRY(part(u, CURLUPART_QUERY, &a->query));
    TRY(part(u, CURLUPART_FRAGMENT, &a->model));
    TRY(part(u, CURLUPART_USER, &a->user));
    if (a->user) return err_set(LOREC_USAGE, "a key or password does not belong into an address; see LOREC_API_KEY");
    return LOREC_OK;
}

static lorec_err base_url(llm_server *s, const char *scheme, address *a)
{
    buf b = {0};
    size_t n = a->path ? strlen(a->path) : 0;
    while (n && a->path[n - 1] == '/') n--;
    slice path = {a->path, n};
    static const char *const ends[] = {"/chat/completions", "/completions", "/embeddings"};
    for (size_t i = 0; i < 3; i++) { /* the whole path of a verb was given */
        size_t k = strlen(ends[i]);
        if (path.n >= k && memcmp(path.p + path.n - k, ends[i], k) == 0) path.n -= k;
    }
    if (path.n == 0) path = slice_of("/v1");
    TRY(buf_printf(&b, "%s%s%s%s%.*s", scheme, a->host, a->port ? ":" : "", a->port ? a->port : "", (int)path.n,
                   path.p));
    s->url = b.p;
    return LOREC_OK;
}

static lorec_err query(llm_server *s, const char *text)
{
    if (!text) return LOREC_OK;
    if (strcmp(text, "score=echo") != 0)
        return err_set(LOREC_USAGE, "?%.100s: only ?score=echo means something here", text);
    s->echo = true;
    return LOREC_OK;
}

static lorec_err open_address(llm_server *s, const char *scheme, const char *rest, const llm_options *o, address *a)
{
    buf url = {0};
    CURLU *u = curl_url();
    lorec_err e = u ? buf_printf(&url, "%s%s", scheme, rest) : err_set(LOREC_RESOURCE, "out of memory");
    if (!e) e = address_parts(a, u, url.p);
    if (!e) e = base_url(s, scheme, a);
    if (!e) e = query(s, a->query);
    if (!e) e = find_key(s, o, scheme, a->host);
    if (!e) e = headers(s);
    curl_url_cleanup(u);
    buf_free(&url);
    return e;
}

/* ---- an exchange --------------------------------------------------------------------------------------------------- */

static lorec_err take_event(void *ctx, const char *data, size_t n)
{
    exchange *x = ctx;
    size_t from;
    TRY(openai_event(&x->stream, data, n, &from));
    if (!x->text || x->stream.text.n <= from) return LOREC_OK;
    llm_server_mask(x->server, x->stream.text.p, x->stream.text.n);
    x->text(x->ctx, x->stream.text.p + from, x->stream.text.n - from);
    return LOREC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
    exchange *x = ctx;
    size_t n = size * count;
    long status = 0;
    const char *type = NULL;
    if (x->in.n == 0 && !x->streams) {
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
        x->streams = status == 200 && type && strncasecmp(type, "text/event-stream", 17) == 0;
    }
    if (x->streams)
        x->err = sse_feed(&x->events, bytes, n);
    else if (x->in.n + n > REPLY_MAX)
        x->err = err_set(LOREC_INPUT, "the server's reply is larger than 256 MiB");
    else
        x->err = buf_add(&x->in, bytes, n);
    return x->err ? 0 : n;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *ctx)
{
    exchange *x = ctx;
    static const char name[] = "retry-after:";
    size_t n = size * count, k = sizeof name - 1;
    char value[128];
    if (n > k && strncasecmp(bytes, name, k) == 0) {
        snprintf(value, sizeof value, "%.*s", (int)(n - k < 127 ? n - k : 127), bytes + k);
        x->retry_after = retry_after(value, time(NULL));
    }
    return n;
}

lorec_err exchange_open(exchange *x, const llm_server *s)
{
    *x = (exchange){.server = s, .easy = curl_easy_init()};
    x->events = (sse){.event = take_event, .ctx = x};
    return x->easy ? LOREC_OK : err_set(LOREC_RESOURCE, "libcurl can not start");
}

void exchange_close(exchange *x)
{
    if (x->easy) curl_easy_cleanup(x->easy);
    buf_free(&x->body);
    buf_free(&x->in);
    sse_free(&x->events);
    openai_stream_free(&x->stream);
}

static void settings(exchange *x, const char *url)
{
    CURL *c = x->easy;
    curl_easy_reset(c);
    const char *certificates = certificates_file();
    curl_easy_setopt(c, CURLOPT_URL, url);
    if (certificates) curl_easy_setopt(c, CURLOPT_CAINFO, certificates);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L); /* a key follows nobody */
    curl_easy_setopt(c, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(x->server->connect_timeout * 1000));
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(x->server->timeout * 1000));
    curl_easy_setopt(c, CURLOPT_USERAGENT, "lorec/" LOREC_VERSION);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->server->headers);
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(c, CURLOPT_PRIVATE, x);
}

lorec_err exchange_begin(exchange *x, const char *path, const llm_request *q)
{
    buf url = {0};
    buf_clear(&x->in);
    sse_free(&x->events);
    openai_stream_free(&x->stream);
    x->events = (sse){.event = take_event, .ctx = x};
    x->stream.request = q;
    x->streams = false;
    x->retry_after = -1;
    x->err = LOREC_OK;
    x->why[0] = 0;
    TRY(buf_printf(&url, "%s%s", x->server->url, path));
    settings(x, url.p);
    buf_free(&url);
    if (!q) return LOREC_OK;
    curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, x->body.p);
    curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.n);
    return LOREC_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static lorec_err pick_model(const buf *reply, const char *url, char **model)
{
    json_t *j;
    TRY(json_parse(&j, reply->p ? reply->p : "", reply->n, "the server's list of models"));
    const json_t *data = json_object_get(j, "data");
    const char *id = json_string_value(json_object_get(json_array_get(data, 0), "id"));
    lorec_err e = LOREC_OK;
    buf names = {0};
    if (json_array_size(data) == 1 && id) {
        e = mem_dup(model, id);
    } else {
        for (size_t i = 0; i < json_array_size(data) && i < 12; i++) {
            id = json_string_value(json_object_get(json_array_get(data, i), "id"));
            if (id) (void)buf_printf(&names, "%s%.100s", names.n ? ", " : "", id);
        }
        e = err_set(LOREC_USAGE, "which model of %s? Say %s#MODEL; there are: %s", url, url,
                    names.n ? names.p : "none");
    }
    buf_free(&names);
    json_decref(j);
    return e;
}

/* Without #MODEL: the one that the server has, if it has one. */
static lorec_err ask_for_model(llm_server *s, char **model)
{
    exchange x;
    long status = 0;
    lorec_err e = exchange_open(&x, s);
    if (!e) e = exchange_begin(&x, "/models", NULL);
    CURLcode rc = e ? CURLE_OK : curl_easy_perform(x.easy);
    if (!e) curl_easy_getinfo(x.easy, CURLINFO_RESPONSE_CODE, &status);
    if (!e && rc != CURLE_OK)
        e = err_set(LOREC_FAILED, "%s: can not be asked for its models: %s", s->url,
                    x.why[0] ? x.why : curl_easy_strerror(rc));
    else if (!e && status != 200)
        e = err_set(LOREC_USAGE, "%s does not tell its models (status %ld); say which: %s#MODEL", s->url, status,
                    s->url);
    if (!e) e = pick_model(&x.in, s->url, model);
    exchange_close(&x);
    return e;
}

lorec_err llm_server_open(llm_server **out, const char *scheme, const char *rest, const llm_options *o, char **model)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    address a = {0};
    llm_server *s = NULL;
    *out = NULL;
    TRY(mem_new(&s, 1));
    s->timeout = o->timeout;
    s->connect_timeout = o->connect_timeout;
    s->multi = curl_multi_init();
    lorec_err e = s->multi ? open_address(s, scheme, rest, o, &a) : err_set(LOREC_RESOURCE, "libcurl can not start");
    if (!e && a.model && *a.model)
        e = mem_dup(model, a.model);
    else if (!e)
        e = ask_for_model(s, model);
    address_free(&a);
    if (e) {
        llm_server_close(s);
        return e;
    }
    *out = s;
    return LOREC_OK;
}

void llm_server_close(llm_server *s)
{
    if (s->multi) curl_multi_cleanup(s->multi);
    for (struct curl_slist *h = s->headers; h; h = h->next) explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(s->headers);
    if (s->key) explicit_bzero(s->key, strlen(s->key));
    mem_free(s->key);
    mem_free(s->url);
    mem_free(s);
}

#include "mock_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

enum { REQUESTS_MAX = 4096, HEAD_MAX = 1 << 20 };

struct mock_server {
    int listening, port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    mock_reply queue[REQUESTS_MAX];
    size_t pushed, taken;
    char *request[REQUESTS_MAX];
    size_t requests, open, asked, most; /* asked: requests that wait for the first byte of their reply */
    bool stopping;
    char spec[256];
};

typedef struct connection {
    mock_server *s;
    int fd;
} connection;

static char *copy(const char *p, size_t n)
{
    char *c = malloc(n + 1);
    if (!c) abort();
    if (n) memcpy(c, p, n);
    c[n] = 0;
    return c;
}

static void put(int fd, const char *p, size_t n, size_t piece)
{
    for (size_t i = 0; i < n;) {
        size_t k = piece && piece < n - i ? piece : n - i;
        ssize_t sent = send(fd, p + i, k, MSG_NOSIGNAL);
        if (sent <= 0) return;
        i += (size_t)sent;
        if (piece) usleep(50);
    }
}

/* Head and body of one request, or NULL where the client went away. */
static char *take_request(int fd)
{
    size_t n = 0, cap = 4096;
    char *b = malloc(cap + 1);
    for (;;) {
        if (!b) abort();
        ssize_t got = recv(fd, b + n, cap - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
        b[n] = 0;
        const char *end = strstr(b, "\r\n\r\n"), *length = strcasestr(b, "content-length:");
        if (end) {
            size_t want = (size_t)(end - b) + 4 + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
            if (n >= want) return b;
        }
        if (n == cap && cap < HEAD_MAX) b = realloc(b, (cap *= 2) + 1);
    }
    free(b);
    return NULL;
}

/* The default: the content of the last message, or "ok"; vectors for texts. */
static char *echo(const char *request)
{
    const char *body = strstr(request, "\r\n\r\n");
    json_t *j = json_loads(body ? body + 4 : "", 0, NULL), *messages = json_object_get(j, "messages");
    json_t *input = json_object_get(j, "input"), *out;
    const json_t *content = json_object_get(json_array_get(messages, json_array_size(messages) - 1), "content");
    if (input) {
        out = json_pack("{s:[]}", "data");
        for (size_t i = 0; i < json_array_size(input); i++)
            json_array_append_new(json_object_get(out, "data"),
                                  json_pack("{s:i, s:[f,f]}", "index", (int)i, "embedding", (double)i, 1.0));
    } else
        out = json_pack("{s:[{s:i, s:{s:s, s:s}, s:s, s:s}], s:{s:i, s:i}}", "choices", "index", 0, "message", "role",
                        "assistant", "content", json_is_string(content) ? json_string_value(content) : "ok", "text",
                        "ok", "finish_reason", "stop", "usage", "prompt_tokens", 7, "completion_tokens", 3);
    char *text = json_dumps(out, 0);
    json_decref(out);
    json_decref(j);
    return text;
}

static void reply(int fd, const mock_reply *r, const char *body, size_t n)
{
    char head[1024];
    int k = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nConnection: close\r\n%s",
                     r->status ? r->status : 200, r->type ? r->type : "application/json", r->headers ? r->headers : "");
    k += r->chunked ? snprintf(head + k, sizeof head - (size_t)k, "Transfer-Encoding: chunked\r\n\r\n")
                    : snprintf(head + k, sizeof head - (size_t)k, "Content-Length: %zu\r\n\r\n", n);
    put(fd, head, (size_t)k, 0);
    size_t send_n = r->cut && r->cut < n ? r->cut : n;
    if (!r->chunked) {
        put(fd, body, send_n, r->piece);
        return;
    }
    for (size_t i = 0; i < send_n;) {
        size_t piece = r->piece ? r->piece : send_n, take = piece < send_n - i ? piece : send_n - i;
        k = snprintf(head, sizeof head, "%zx\r\n", take);
        put(fd, head, (size_t)k, 0);
        put(fd, body + i, take, 0);
        put(fd, "\r\n", 2, 0);
        if (r->piece) usleep(50);
        i += take;
    }
    if (!r->cut) put(fd, "0\r\n\r\n", 5, 0);
}

static void *serve(void *ctx)
{
    connection c = *(connection *)ctx;
    mock_server *s = c.s;
    free(ctx);
    char *request = take_request(c.fd), *made = NULL;
    mock_reply r = {0};
    if (request) {
        pthread_mutex_lock(&s->lock);
        bool scripted = s->taken < s->pushed;
        if (scripted) r = s->queue[s->taken++];
        if (s->requests < REQUESTS_MAX) s->request[s->requests++] = request;
        if (++s->asked > s->most) s->most = s->asked;
        pthread_mutex_unlock(&s->lock);
        if (!scripted) made = echo(request);
        const char *body = made ? made : r.body ? r.body : "";
        while (r.silent && !s->stopping) usleep(2000);
        if (r.delay_ms) usleep((useconds_t)r.delay_ms * 1000);
        pthread_mutex_lock(&s->lock);
        s->asked--;
        pthread_mutex_unlock(&s->lock);
        if (!r.drop && !r.silent) reply(c.fd, &r, body, r.n ? r.n : strlen(body));
        free(made);
    }
    shutdown(c.fd, SHUT_RDWR);
    close(c.fd);
    pthread_mutex_lock(&s->lock);
    s->open--;
    pthread_cond_signal(&s->idle);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void *listen_on(void *ctx)
{
    mock_server *s = ctx;
    struct pollfd p = {.fd = s->listening, .events = POLLIN};
    while (!s->stopping) {
        if (poll(&p, 1, 5) <= 0) continue;
        connection *c = malloc(sizeof *c);
        if (!c) abort();
        *c = (connection){s, accept(s->listening, NULL, NULL)};
        pthread_t t;
        pthread_mutex_lock(&s->lock);
        s->open++;
        pthread_mutex_unlock(&s->lock);
        if (pthread_create(&t, NULL, serve, c) != 0) abort();
        pthread_detach(t);
    }
    return NULL;
}

mock_server *mock_start(void)
{
    mock_server *s = calloc(1, sizeof *s);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    if (!s) abort();
    s->listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s->listening, (struct sockaddr *)&at, sizeof at) || listen(s->listening, 128) ||
        getsockname(s->listening, (struct sockaddr *)&at, &size))
        abort();
    s->port = ntohs(at.sin_port);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    if (pthread_create(&s->thread, NULL, listen_on, s) != 0) abort();
    return s;
}

void mock_push(mock_server *s, const mock_reply *r)
{
    pthread_mutex_lock(&s->lock);
    if (s->pushed < REQUESTS_MAX) {
        mock_reply *mine = &s->queue[s->pushed];
        *mine = *r;
        mine->n = r->n ? r->n : r->body ? strlen(r->body) : 0;
        mine->body = copy(r->body ? r->body : "", mine->n);
        s->pushed++;
    }
    pthread_mutex_unlock(&s->lock);
}

const char *mock_spec(const mock_server *s, const char *end)
{
    snprintf(((mock_server *)s)->spec, sizeof s->spec, "http://127.0.0.1:%d/v1%s", s->port, end);
    return s->spec;
}

size_t mock_requests(mock_server *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->requests;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *mock_request(mock_server *s, size_t i)
{
    return i < mock_requests(s) ? s->request[i] : "";
}

size_t mock_most_at_once(mock_server *s)
{
    return s->most;
}

void mock_stop(mock_server *s)
{
    s->stopping = true;
    pthread_join(s->thread, NULL);
    pthread_mutex_lock(&s->lock);
    while (s->open) pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
    close(s->listening);
    for (size_t i = 0; i < s->pushed; i++) free((char *)s->queue[i].body);
    for (size_t i = 0; i < s->requests; i++) free(s->request[i]);
    free(s);
}

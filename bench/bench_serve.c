/* A rate-controlled load on a running `lorec serve`: requests at fixed moments, latencies counted from the moment a request
 * was due (so that a slow server does not thin out its own load).
 *     bench_serve PORT RATE SECONDS PATH-FILE [CONNECTIONS]
 * PATH-FILE holds one request a line, taken in turn: a path to GET (/api/recommend/1?n=10), or "POST PATH BODY". Loopback only.
 * Beside latencies it counts codes, answers that say they are degraded, and answers that are and do not say so (items from the
 * popular list, "degraded":null; the lines should be of people that the model knows). */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATHS = 100000, REPLY = 1 << 18, LINE = 4096 };

typedef struct load {
    int port;
    double rate, began;
    long total;
    _Atomic long next, failed, full, server_error, degraded, unmarked, empty;
    double *latency;
    char **path, *reply[1024];
    int socket[1024];
    _Atomic long clients;
    size_t n_paths;
} load;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sleep_until(double when)
{
    struct timespec t = {(time_t)when, (long)((when - (double)(time_t)when) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
}

static int open_socket(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (s >= 0 && connect(s, (struct sockaddr *)&at, sizeof at) == 0) return s;
    if (s >= 0) close(s);
    return -1;
}

static void look_at(load *l, const char *reply)
{
    const char *body = strstr(reply, "\r\n\r\n");
    int code = atoi(reply + 9);
    if (code == 429) atomic_fetch_add(&l->full, 1);
    if (code >= 500) atomic_fetch_add(&l->server_error, 1);
    if (code != 200 || !body) return;
    bool marked = strcasestr(reply, "x-lorec-degraded:") || strstr(body, "\"degraded\":\"");
    if (marked) atomic_fetch_add(&l->degraded, 1);
    if (!marked && strstr(body, "\"source\":\"popular\"")) atomic_fetch_add(&l->unmarked, 1);
    if (strcmp(body + 4, "[]") == 0 || strstr(body, "\"items\":[]")) atomic_fetch_add(&l->empty, 1);
}

/* One request over a kept connection; false: not a 200, or the connection broke. */
static int ask(load *l, int s, const char *what)
{
    char text[LINE + 256], *reply = l->reply[s];
    const char *body = "";
    int n, path = (int)strlen(what);
    if (strncmp(what, "POST ", 5) == 0) {
        what += 5;
        path = (int)strcspn(what, " ");
        body = what + path + (what[path] == ' ');
        n = snprintf(text, sizeof text, "POST %.*s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%s", path,
                     what, strlen(body), body);
    } else
        n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", what);
    if (write(l->socket[s], text, (size_t)n) != n) return 0;
    size_t got = 0;
    for (;;) {
        ssize_t r = read(l->socket[s], reply + got, REPLY - got - 1);
        if (r <= 0) return 0;
        got += (size_t)r;
        reply[got] = 0;
        char *end = strstr(reply, "\r\n\r\n"), *length = strcasestr(reply, "content-length:");
        if (end && length && got >= (size_t)(end + 4 - reply) + strtoul(length + 15, NULL, 10)) {
            look_at(l, reply);
            return strncmp(reply, "HTTP/1.1 200", 12) == 0;
        }
        if (got + 1 == REPLY) return 0;
    }
}

static void *client(void *ctx)
{
    load *l = ctx;
    int s = (int)atomic_fetch_add(&l->clients, 1);
    l->socket[s] = open_socket(l->port);
    l->reply[s] = malloc(REPLY);
    for (long i; l->reply[s] && (i = atomic_fetch_add(&l->next, 1)) < l->total;) {
        double due = l->began + (double)i / l->rate;
        sleep_until(due);
        if (l->socket[s] < 0 || !ask(l, s, l->path[(size_t)i % l->n_paths])) {
            atomic_fetch_add(&l->failed, 1);
            if (l->socket[s] >= 0) close(l->socket[s]);
            l->socket[s] = open_socket(l->port);
        }
        l->latency[i] = now() - due;
    }
    if (l->socket[s] >= 0) close(l->socket[s]);
    free(l->reply[s]);
    return NULL;
}

static int larger(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    if (argc < 5) return fprintf(stderr, "bench_serve PORT RATE SECONDS PATH-FILE [CONNECTIONS]\n"), 2;
    static load l;
    l = (load){.port = atoi(argv[1]), .rate = atof(argv[2])};
    l.total = (long)(l.rate * atof(argv[3]));
    int connections = argc > 5 ? atoi(argv[5]) : 64;
    FILE *f = fopen(argv[4], "r");
    l.path = calloc(PATHS, sizeof *l.path);
    l.latency = calloc((size_t)l.total + 1, sizeof *l.latency);
    char line[LINE];
    while (f && l.n_paths < PATHS && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0]) l.path[l.n_paths++] = strdup(line);
    }
    if (!l.n_paths || l.total < 1 || connections < 1 || connections > 1024)
        return fprintf(stderr, "nothing to ask\n"), 2;
    pthread_t thread[1024];
    l.began = now() + .1;
    for (int i = 0; i < connections; i++) pthread_create(&thread[i], NULL, client, &l);
    for (int i = 0; i < connections; i++) pthread_join(thread[i], NULL);
    double took = now() - l.began;
    qsort(l.latency, (size_t)l.total, sizeof *l.latency, larger);
    printf("%ld requests at %.0f/s (%.0f/s served), %d connections, %ld failed; ms: p50 %.2f p90 %.2f p99 %.2f p99.9 "
           "%.2f max %.1f\n",
           l.total, l.rate, (double)l.total / took, connections, (long)l.failed, 1e3 * l.latency[l.total / 2],
           1e3 * l.latency[l.total * 9 / 10], 1e3 * l.latency[l.total * 99 / 100],
           1e3 * l.latency[l.total * 999 / 1000], 1e3 * l.latency[l.total - 1]);
    printf("of them %ld with 429, %ld with 5xx; %ld answers say they are degraded, %ld are and do not say so, %ld are "
           "empty\n",
           (long)l.full, (long)l.server_error, (long)l.degraded, (long)l.unmarked, (long)l.empty);
    return l.failed != 0;
}

/* A rate-controlled load on a running `lorec serve`: requests at fixed moments, latencies counted from the moment a request
 * was due (so that a slow server does not thin out its own load).
 *     bench_serve PORT RATE SECONDS PATH-FILE [CONNECTIONS [EVERY]]
 * PATH-FILE holds one request a line, taken in turn: a path to GET (/api/recommend/1?n=10), or "POST PATH BODY". Loopback only.
 * Beside latencies it counts codes, answers that say they are degraded, and answers that are and do not say so (items from the
 * popular list, "degraded":null; the lines should be of people that the model knows). EVERY: a row of a Markdown table for each so many
 * seconds, with the latencies of lists, feedback (and items), and chats by themselves, behind the two lines for all. */
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
enum { KIND_LIST, KIND_WRITE, KIND_CHAT, KINDS };
enum { SAYS_DEGRADED = 1, UNMARKED = 2, EMPTY = 4 };

typedef struct answer {
    float seconds;
    short code; /* 0: none came */
    unsigned char kind, about;
} answer;

typedef struct load {
    int port;
    double rate, began;
    long total;
    _Atomic long next;
    answer *answer; /* [total] */
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

static void look_at(answer *a, const char *reply)
{
    const char *body = strstr(reply, "\r\n\r\n");
    a->code = (short)atoi(reply + 9);
    if (a->code != 200 || !body) return;
    bool marked = strcasestr(reply, "x-lorec-degraded:") || strstr(body, "\"degraded\":\"");
    if (marked) a->about |= SAYS_DEGRADED;
    if (!marked && strstr(body, "\"source\":\"popular\"")) a->about |= UNMARKED;
    if (strcmp(body + 4, "[]") == 0 || strstr(body, "\"items\":[]")) a->about |= EMPTY;
}

static unsigned char kind_of(const char *what)
{
    if (strncmp(what, "POST /v1/chat", 13) == 0) return KIND_CHAT;
    return strncmp(what, "POST /api/feedback", 18) == 0 || strncmp(what, "POST /api/item", 14) == 0 ? KIND_WRITE
                                                                                                    : KIND_LIST;
}

/* One request over a kept connection; false: not a 200, or the connection broke. */
static int ask(load *l, int s, const char *what, answer *a)
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
            look_at(a, reply);
            return a->code == 200;
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
        const char *what = l->path[(size_t)i % l->n_paths];
        l->answer[i].kind = kind_of(what);
        if (l->socket[s] < 0 || !ask(l, s, what, &l->answer[i])) {
            if (l->socket[s] >= 0) close(l->socket[s]);
            l->socket[s] = open_socket(l->port);
        }
        l->answer[i].seconds = (float)(now() - due);
    }
    if (l->socket[s] >= 0) close(l->socket[s]);
    free(l->reply[s]);
    return NULL;
}

static int larger(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* ---- what is told ---- */

typedef struct counts {
    long n, failed, full, server_error, degraded, unmarked, empty;
    float *latency; /* sorted */
} counts;

/* Answers first .. end - 1, of one kind, or of all (KINDS). */
static counts count(const load *l, long first, long end, int kind)
{
    counts c = {.latency = malloc(((size_t)(end - first) + 1) * sizeof *c.latency)};
    for (long i = first; i < end && c.latency; i++) {
        const answer *a = &l->answer[i];
        if (kind != KINDS && a->kind != kind) continue;
        c.latency[c.n++] = a->seconds;
        c.failed += a->code != 200;
        c.full += a->code == 429;
        c.server_error += a->code >= 500 || a->code == 0;
        c.degraded += (a->about & SAYS_DEGRADED) != 0;
        c.unmarked += (a->about & UNMARKED) != 0;
        c.empty += (a->about & EMPTY) != 0;
    }
    if (c.n) qsort(c.latency, (size_t)c.n, sizeof *c.latency, larger);
    return c;
}

static double ms_at(const counts *c, double share)
{
    return c->n ? 1e3 * (double)c->latency[(long)(share * (double)(c->n - 1))] : 0;
}

static void tell_rows(const load *l, double every)
{
    long step = (long)(l->rate * every);
    for (long first = 0, row = 1; step && first < l->total; first += step, row++) {
        long end = first + step < l->total ? first + step : l->total;
        counts all = count(l, first, end, KINDS);
        printf("| %ld | %ld | %ld | %ld | %ld | %ld | %ld |", row, all.n, all.server_error,
               all.failed - all.server_error, all.degraded, all.unmarked, all.empty);
        free(all.latency);
        for (int kind = 0; kind < KINDS; kind++) {
            counts c = count(l, first, end, kind);
            printf(" %.1f | %.1f |", ms_at(&c, .5), ms_at(&c, .99));
            if (kind == KIND_LIST) printf(" %.0f |", ms_at(&c, 1));
            free(c.latency);
        }
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    if (argc < 5) return fprintf(stderr, "bench_serve PORT RATE SECONDS PATH-FILE [CONNECTIONS [EVERY]]\n"), 2;
    static load l;
    l = (load){.port = atoi(argv[1]), .rate = atof(argv[2])};
    l.total = (long)(l.rate * atof(argv[3]));
    int connections = argc > 5 ? atoi(argv[5]) : 64;
    FILE *f = fopen(argv[4], "r");
    l.path = calloc(PATHS, sizeof *l.path);
    l.answer = calloc((size_t)l.total + 1, sizeof *l.answer);
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
    counts all = count(&l, 0, l.total, KINDS);
    printf("%ld requests at %.0f/s (%.0f/s served), %d connections, %ld failed; ms: p50 %.2f p90 %.2f p99 %.2f p99.9 "
           "%.2f max %.1f\n",
           l.total, l.rate, (double)l.total / took, connections, all.failed, ms_at(&all, .5), ms_at(&all, .9),
           ms_at(&all, .99), ms_at(&all, .999), ms_at(&all, 1));
    printf(
        "of them %ld with 429, %ld with 5xx or none; %ld answers say they are degraded, %ld are and do not say so, %ld "
        "are empty\n",
        all.full, all.server_error, all.degraded, all.unmarked, all.empty);
    if (argc > 6) tell_rows(&l, atof(argv[6]));
    return all.failed != 0;
}

/* Clients that no server wants, on a running `lorec serve` on loopback:
 *     bench_bad PORT idle N SECONDS      N connections: a third silent, a third with half a head, a third half closed; meanwhile
 *                                        a good client asks ten times a second
 *     bench_bad PORT noise N SECONDS     N connections at a time send requests with random bytes changed, cut, doubled
 * Prints what happened; exit code 1 where the good client was not answered. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* From one of 127.0.0.1 .. 127.0.0.250, so that there are ports enough. */
static int open_socket(int port, long i)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}, from = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i % 250));
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval limit = {.tv_sec = 5};
    if (s < 0) return -1;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (bind(s, (struct sockaddr *)&from, sizeof from) == 0 && connect(s, (struct sockaddr *)&at, sizeof at) == 0)
        return s;
    close(s);
    return -1;
}

/* A good client's request: seconds until its 200, or -1. */
static double good(int port)
{
    static const char text[] = "GET /api/recommend/somebody?n=3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char reply[4096];
    double from = now();
    int s = open_socket(port, 0);
    if (s < 0) return -1;
    ssize_t n = write(s, text, sizeof text - 1) == sizeof text - 1 ? read(s, reply, sizeof reply - 1) : -1;
    close(s);
    return n > 12 && memcmp(reply, "HTTP/1.1 200", 12) == 0 ? now() - from : -1;
}

static int idle(int port, long n, double seconds)
{
    int *s = calloc((size_t)n, sizeof *s);
    long open = 0, gone = 0, asked = 0, failed = 0;
    double slowest = 0;
    for (long i = 0; s && i < n; i++) {
        s[i] = open_socket(port, i);
        if (s[i] < 0) continue;
        open++;
        static const char half[] = "GET /api/recommend/u HTTP/1.1\r\nHost: ";
        static const char whole[] = "GET /api/health/live HTTP/1.1\r\nHost: a\r\n\r\n";
        if (i % 3 == 1 && write(s[i], half, sizeof half - 1) < 0) gone++;
        if (i % 3 == 2 && write(s[i], whole, sizeof whole - 1) < 0) gone++;
        if (i % 3 == 2) shutdown(s[i], SHUT_WR);
    }
    printf("%ld of %ld connections are open\n", open, n);
    fflush(stdout);
    for (double end = now() + seconds; now() < end; asked++) {
        double took = good(port);
        failed += took < 0;
        if (took > slowest) slowest = took;
        usleep(100000);
    }
    for (long i = 0; s && i < n; i++) {
        char c[512];
        if (s[i] < 0) continue;
        fcntl(s[i], F_SETFL, O_NONBLOCK);
        ssize_t r;
        while ((r = read(s[i], c, sizeof c)) > 0) {
        }
        gone += r == 0 || errno != EAGAIN;
        close(s[i]);
    }
    free(s);
    printf("%ld closed by the server after %.0f s; good client: %ld requests, %ld failed, slowest %.0f ms\n", gone,
           seconds, asked, failed, slowest * 1e3);
    return failed || open < n ? 1 : 0;
}

static const char *const seeds[] = {
    "POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\n{\"user\":\"u1\",\"k\":3,\"exclude\":[]}\n",
    "POST /api/feedback HTTP/1.1\r\nHost: a\r\nContent-Length: "
    "56\r\n\r\n[{\"FeedbackType\":\"a\",\"UserId\":\"noise\",\"ItemId\":\"noise\"}]",
    "GET /api/recommend/u1?n=5&offset=2&category=a HTTP/1.1\r\nHost: a\r\nX-Request-Id: abc\r\n\r\n",
    "POST /api/bulk/items HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nTransfer-Encoding: "
    "chunked\r\n\r\n10\r\nitem_id,title\nx,\r\n0\r\n\r\n",
    "PATCH /api/item/noise HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\n{\"Title\":\"a b c\"}\n",
    "POST /api/session/recommend?n=2 HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n[{\"ItemId\":\"i1\"}]",
};

static uint64_t drawn = 88172645463325252u;
static uint64_t draw(void)
{
    drawn ^= drawn << 13, drawn ^= drawn >> 7, drawn ^= drawn << 17;
    return drawn;
}

static size_t spoil(char *out, size_t room)
{
    const char *seed = seeds[draw() % (sizeof seeds / sizeof *seeds)];
    size_t n = strlen(seed);
    memcpy(out, seed, n);
    for (uint64_t i = draw() % 6; i-- > 0;) {
        size_t at = draw() % n, to = draw() % n;
        switch (draw() % 4) {
        case 0:
            out[at] = (char)draw();
            break;
        case 1:
            n = at + 1;
            break;
        case 2:
            if (to > at && n + (to - at) < room) {
                memmove(out + to + (to - at), out + to, n - to);
                memcpy(out + to, out + at, to - at);
                n += to - at;
            }
            break;
        default:
            out[at] = "{}[]\",:0-9\\\r\n %"[draw() % 15];
        }
    }
    return n;
}

static int noise(int port, long n, double seconds)
{
    char text[8192], reply[4096];
    long sent = 0, answered = 0, fives = 0, failed = 0;
    for (double end = now() + seconds, next = now(); now() < end;) {
        int s[256];
        long m = n < 256 ? n : 256;
        for (long i = 0; i < m; i++) {
            s[i] = open_socket(port, i);
            size_t k = spoil(text, sizeof text);
            if (s[i] >= 0) sent += write(s[i], text, k) == (ssize_t)k;
        }
        for (long i = 0; i < m; i++) {
            struct pollfd p = {s[i], POLLIN, 0};
            if (s[i] < 0) continue;
            ssize_t r = poll(&p, 1, 20) > 0 ? read(s[i], reply, sizeof reply) : 0;
            answered += r > 12;
            fives += r > 12 && (!memcmp(reply + 9, "500", 3) || !memcmp(reply + 9, "503", 3));
            close(s[i]);
        }
        if (now() >= next) {
            failed += good(port) < 0;
            next = now() + 1;
        }
    }
    printf("%ld spoiled requests, %ld answered, %ld with 500 or 503; good client failed %ld times\n", sent, answered,
           fives, failed);
    return failed || fives ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct rlimit r;
    if (argc != 5) {
        fprintf(stderr, "bench_bad PORT idle|noise N SECONDS\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
    int port = atoi(argv[1]);
    long n = atol(argv[3]);
    double seconds = atof(argv[4]);
    return strcmp(argv[2], "idle") == 0 ? idle(port, n, seconds) : noise(port, n, seconds);
}

/* lorec serve: trained runs behind HTTP. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "cli/args.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "serve/server.h"

typedef struct serve_words {
    text_list runs;
    const char *store, *listen, *key_file, *tls_cert, *tls_key, *read_type, *feedback, *access_log, *port_file;
    double keep_records, deadline_ms;
    char host[64];
    int port;
} serve_words;

/* "127.0.0.1:8080", ":8080", "8080", "[::1]:8080". */
static lorec_err read_address(serve_words *w)
{
    const char *text = w->listen, *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
    size_t n = colon ? (size_t)(colon - text) : 0;
    int64_t number;
    if (n > 1 && text[0] == '[' && text[n - 1] == ']') text++, n -= 2;
    if (!slice_to_i64(slice_of(port), &number) || number < 0 || number > 65535 || n >= sizeof w->host)
        return err_set(LOREC_USAGE, "--listen has to be ADDRESS:PORT such as 127.0.0.1:8080, not \"%s\"", w->listen);
    snprintf(w->host, sizeof w->host, "%.*s", (int)n, text);
    if (!n || strcmp(w->host, "localhost") == 0) strcpy(w->host, "127.0.0.1");
    w->port = (int)number;
    return LOREC_OK;
}

static lorec_err read_text_file(const char *path, buf *out)
{
    return path ? file_read(out, path, 1 << 20) : LOREC_OK;
}

/* Each open connection is a descriptor: as many as the system lets us have. */
static void raise_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

static lorec_err write_port(const char *path, int port)
{
    if (!path) return LOREC_OK;
    writer f;
    TRY(writer_open(&f, path));
    writer_printf(&f, "%d\n", port);
    return writer_commit(&f);
}

static void hello(const server *s)
{
    const engine *g = &s->engine;
    for (size_t i = 0; i < g->n; i++)
        log_info("%s: %s, %u users, %u items", g->run[i]->path, g->run[i]->advisor.r->key,
                 g->run[i]->advisor.data.rows.n_users, g->run[i]->advisor.data.rows.n_items);
    const dataset *d = &g->run[0]->advisor.data;
    slice user = d->user_ids.n ? names_at(&d->user_ids, 0) : slice_of("somebody");
    log_info("store %s, %lld events", s->store_url, (long long)s->live.n_events);
    printf("listening on http://%s:%d   (Ctrl-C stops)\n", server_host(s), server_port(s));
    printf("try: curl http://%s:%d/api/recommend/%.*s\n", server_host(s), server_port(s), (int)user.n, user.p);
    fflush(stdout);
}

static lorec_err serve(serve_words *w)
{
    buf key = {0}, cert = {0}, tls_key = {0};
    server *s = NULL;
    lorec_err e;
    TRY_GO(e, read_address(w), done);
    TRY_GO(e, read_text_file(w->key_file, &key), done);
    TRY_GO(e, read_text_file(w->tls_cert, &cert), done);
    TRY_GO(e, read_text_file(w->tls_key, &tls_key), done);
    slice file_key = slice_trim((slice){key.p ? key.p : "", key.n});
    if (key.p) key.p[file_key.n + (size_t)(file_key.p - key.p)] = 0;
    const char *from_env = getenv("LOREC_API_KEY");
    server_options o = {.runs = w->runs.item,
                        .n_runs = w->runs.n,
                        .store = w->store,
                        .host = w->host,
                        .port = w->port,
                        .key = file_key.n              ? file_key.p
                               : from_env && *from_env ? from_env
                                                       : NULL,
                        .tls_cert = cert.p,
                        .tls_key = tls_key.p,
                        .read_type = w->read_type,
                        .unique = strcmp(w->feedback, "unique") == 0,
                        .keep_records_days = w->keep_records,
                        .deadline_seconds = w->deadline_ms / 1e3,
                        .access_log = w->access_log};
    raise_files();
    signals_catch();
    TRY_GO(e, server_open(&s, &o), done);
    hello(s);
    TRY_GO(e, write_port(w->port_file, server_port(s)), done);
    while (cancel_check() == LOREC_OK) nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    log_info("stopping: what is under way is answered first");
done:
    server_close(s);
    buf_free(&key);
    buf_free(&cert);
    buf_free(&tls_key);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_serve = {
    .name = "serve",
    .summary = "answer over HTTP: recommendations from finished runs, feedback that counts at once",
    .usage = "lorec serve RUN [RUN...] [--listen 127.0.0.1:8080] [--store sqlite:FILE|postgresql://...]",
    .details =
        "Each RUN is a folder that `lorec run` made; several are variants, chosen by a hash of the user. Addresses "
        "are\n"
        "Gorse's (/api/recommend/USER, /api/feedback, /api/item ...) and lorec's own (/v1/recommend, /v1/rerank); "
        "health "
        "is\n"
        "at /api/health/live and /api/health/ready, Prometheus' numbers at /metrics. New feedback changes the next "
        "answer\n"
        "without retraining. Every slate is recorded: `lorec why REQUEST_ID` shows how it came about. An address other "
        "than\n"
        "loopback needs a key: LOREC_API_KEY in the environment, or --key-file. SIGTERM and Ctrl-C answer what is "
        "under "
        "way.",
    .examples = "  lorec run sasrec --data sample --out runs/first && lorec serve runs/first\n"
                "  curl http://127.0.0.1:8080/api/recommend/u1?n=5\n"
                "  lorec serve runs/a runs/b --store sqlite:shop.db --access-log access.jsonl\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    serve_words w = {.store = "sqlite:lorec.db",
                     .listen = "127.0.0.1:8080",
                     .read_type = "read",
                     .feedback = "events",
                     .keep_records = 7,
                     .deadline_ms = 1000};
    const arg rows[] = {
        {"run", 'r', ARG_LIST, &w.runs, "RUN", "a run folder; the same as a bare word"},
        {"store", 's', ARG_TEXT, &w.store, "URL", "sqlite:FILE or postgresql://... (default: sqlite:lorec.db)"},
        {"listen", 'l', ARG_TEXT, &w.listen, "ADDRESS:PORT", "where (default: 127.0.0.1:8080); port 0: any free one"},
        {"key-file", 0, ARG_TEXT, &w.key_file, "FILE", "holds the key that clients have to send"},
        {"tls-cert", 0, ARG_TEXT, &w.tls_cert, "FILE", "PEM certificate chain: HTTPS"},
        {"tls-key", 0, ARG_TEXT, &w.tls_key, "FILE", "its private key"},
        {"read-feedback", 0, ARG_TEXT, &w.read_type, "TYPE",
         "feedback that means seen, not liked (default: read); every other type is liked"},
        {"feedback", 0, ARG_TEXT, &w.feedback, "RULE",
         "events: each is one (default); unique: one a type, user and item, as in Gorse"},
        {"keep-records", 0, ARG_REAL, &w.keep_records, "DAYS", "how long slates are kept (default: 7); 0: none are", 0,
         36500},
        {"deadline-ms", 0, ARG_REAL, &w.deadline_ms, "MS",
         "after so long the popular list is given instead, marked as degraded (default: 1000)", 1, 600000},
        {"access-log", 0, ARG_TEXT, &w.access_log, "FILE", "a JSON line for each request; \"-\": on stderr"},
        {"port-file", 0, ARG_TEXT, &w.port_file, "FILE", "gets the port once the server answers"},
    };
    args a = {.command = &command_serve, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    for (size_t i = 0; i < a.n_words && !e && !a.done; i++) {
        e = mem_grow(&w.runs.item, &w.runs.cap, w.runs.n + 1);
        if (!e) w.runs.item[w.runs.n++] = a.word[i];
    }
    if (!e && !a.done && strcmp(w.feedback, "events") != 0 && strcmp(w.feedback, "unique") != 0)
        e = err_set(LOREC_USAGE, "--feedback is events or unique, not \"%s\"", w.feedback);
    if (!e && !a.done) e = serve(&w);
    text_list_free(&w.runs);
    args_free(&a);
    return e;
}

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
#include "runs/machine.h"
#include "serve/server.h"

typedef struct serve_words {
    text_list runs;
    const char *store, *listen, *key_file, *tls_cert, *tls_key, *read_type, *feedback, *access_log, *port_file;
    const char *work;
    double slow_seconds, keep_records, keep_feedback, deadline_ms, train_memory_gb, train_cpu_hours, train_margin;
    int64_t train_threads, new_every, index_from;
    bool first_only;
    const char *llm, *embed;
    double llm_timeout, words_ms, llm_memory;
    int64_t port_alone; /* --port; -1: as --listen says */
    int64_t llm_running, llm_waiting, llm_tokens;
    bool rollback;
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
    w->port = w->port_alone >= 0 ? (int)w->port_alone : (int)number;
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
    puts("that address is a page, too: open it in a browser");
    printf("try: curl http://%s:%d/api/recommend/%.*s\n", server_host(s), server_port(s), (int)user.n, user.p);
    fflush(stdout);
}

/* Where models are kept: beside the store's file, unless --work says where. */
static lorec_err work_folder(const serve_words *w, buf *out)
{
    if (w->work) return buf_puts(out, w->work);
    if (strcmp(w->store, "sqlite::memory:") == 0) return LOREC_OK;
    if (strncmp(w->store, "sqlite:", 7) == 0) return buf_printf(out, "%s.models", w->store + 7);
    return buf_puts(out, "lorec-models");
}

static lorec_err roll_back(const serve_words *w)
{
    buf folder = {0};
    json_t *told = NULL;
    lorec_err e = work_folder(w, &folder);
    if (!e && !w->runs.n) e = err_set(LOREC_USAGE, "which run? lorec serve RUN --rollback");
    if (!e) e = retrain_rollback_outside(folder.p, w->runs.item, w->runs.n, &told);
    for (size_t i = 0; i < json_array_size(told); i++) {
        const json_t *one = json_array_get(told, i);
        printf("%s: %s is in force, %s was before\n", json_string_value(json_object_get(one, "run")),
               json_string_value(json_object_get(one, "in_force")),
               json_string_value(json_object_get(one, "previous")));
    }
    json_decref(told);
    buf_free(&folder);
    return e;
}

/* Half of the machine, unless told otherwise. */
static retrain_options training_of(const serve_words *w, const char *folder)
{
    machine m;
    machine_look(&m);
    double memory = w->train_memory_gb > 0 ? w->train_memory_gb * 1e9 : (double)m.memory_total / 2;
    int threads = w->train_threads > 0 ? (int)w->train_threads : m.cores > 1 ? m.cores / 2 : 1;
    return (retrain_options){
        .folder = folder,
        .limits = {.memory = memory, .cpu_seconds = w->train_cpu_hours * 3600, .threads = threads, .niceness = 10},
        .margin = w->train_margin,
        .keep_days = w->keep_records};
}

/* The key of --key-file, else of the environment; NULL: none. *own holds the file's. */
static lorec_err read_key(const serve_words *w, buf *own, const char **out)
{
    const char *from_env = getenv("LOREC_API_KEY");
    buf_clear(own);
    *out = from_env && *from_env ? from_env : NULL;
    if (!w->key_file) return LOREC_OK;
    TRY(file_read(own, w->key_file, 1 << 20));
    slice key = slice_trim((slice){own->p ? own->p : "", own->n});
    if (!key.n) return err_set(LOREC_INPUT, "%s holds no key", w->key_file);
    own->p[key.n + (size_t)(key.p - own->p)] = 0;
    *out = key.p;
    return LOREC_OK;
}

static volatile sig_atomic_t hung_up;
static void on_hangup(int number)
{
    (void)number;
    hung_up = 1;
}

static void reload(server *s, const serve_words *w)
{
    buf own = {0};
    const char *key = NULL;
    log_info("SIGHUP: keys and runs are read again");
    if (read_key(w, &own, &key) || server_reload(s, w->key_file ? key : NULL))
        log_warn("%s; nothing is changed", lorec_error_message());
    buf_free(&own);
}

static void wait_for_the_end(server *s, const serve_words *w)
{
    while (cancel_check() == LOREC_OK) {
        if (hung_up) {
            hung_up = 0;
            reload(s, w);
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* a signal wakes it */
    }
    cancel_clear(); /* what works for a request goes on: it is answered before the end */
}

/* Signals come to this thread alone: those that the server starts in here are born without them. */
static lorec_err open_quietly(server **s, const server_options *o)
{
    sigset_t ours, before;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    lorec_err e = server_open(s, o);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

static lorec_err serve(serve_words *w)
{
    buf own_key = {0}, cert = {0}, tls_key = {0}, folder = {0};
    const char *key = NULL;
    server *s = NULL;
    lorec_err e;
    TRY_GO(e, read_address(w), done);
    TRY_GO(e, read_key(w, &own_key, &key), done);
    TRY_GO(e, work_folder(w, &folder), done);
    TRY_GO(e, read_text_file(w->tls_cert, &cert), done);
    TRY_GO(e, read_text_file(w->tls_key, &tls_key), done);
    server_options o = {.runs = w->runs.item,
                        .n_runs = w->runs.n,
                        .store = w->store,
                        .host = w->host,
                        .port = w->port,
                        .key = key,
                        .tls_cert = cert.p,
                        .tls_key = tls_key.p,
                        .read_type = w->read_type,
                        .unique = strcmp(w->feedback, "unique") == 0,
                        .keep_records_days = w->keep_records,
                        .keep_feedback_days = w->keep_feedback,
                        .first_only = w->first_only,
                        .new_every = (int)w->new_every,
                        .index_from = (uint64_t)w->index_from,
                        .slow_seconds = w->slow_seconds,
                        .deadline_seconds = w->deadline_ms / 1e3,
                        .llm = {.llm = w->llm,
                                .embed = w->embed,
                                .running = w->llm_running,
                                .waiting = w->llm_waiting,
                                .most_tokens = w->llm_tokens,
                                .memory = (size_t)(w->llm_memory * 1024 * 1024)},
                        .llm_deadline_seconds = w->llm_timeout,
                        .words_deadline_seconds = w->words_ms / 1e3,
                        .access_log = w->access_log,
                        .train = training_of(w, folder.p)};
    raise_files();
    signals_catch();
    signal(SIGHUP, on_hangup);
    TRY_GO(e, open_quietly(&s, &o), done);
    hello(s);
    TRY_GO(e, write_port(w->port_file, server_port(s)), done);
    wait_for_the_end(s, w);
    log_info("stopping: what is under way is answered first");
done:
    server_close(s);
    buf_free(&own_key);
    buf_free(&folder);
    buf_free(&cert);
    buf_free(&tls_key);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_serve = {
    .name = "serve",
    .summary = "answer over HTTP: recommendations from finished runs, feedback that counts at once",
    .usage = "lorec serve RUN [RUN...] [--listen 127.0.0.1:8080] [--store sqlite:FILE|postgresql://...]",
    .details = "Each RUN is a folder that `lorec run` made; several are variants, chosen by a hash of the user. The\n"
               "address itself (http://127.0.0.1:8080/) is a page for people. Others are Gorse's\n"
               "(/api/recommend/USER, /api/feedback, /api/item ...), lorec's own (/v1/recommend, /v1/rerank,\n"
               "/v1/explain) and OpenAI's (/v1/chat/completions, /v1/embeddings ...): model recommend:RUN chats\n"
               "about the catalogue, with --llm in a language model's words; /openapi.json describes all of them.\n"
               "Health is at /api/health/live and /api/health/ready, Prometheus' numbers at /metrics. New feedback\n"
               "changes the next answer without retraining. Every slate is recorded: `lorec why REQUEST_ID` shows\n"
               "how it came about. An address other than loopback needs a key: LOREC_API_KEY in the environment, or\n"
               "--key-file. SIGTERM and Ctrl-C answer what is under way; SIGHUP reads runs and keys again. POST\n"
               "/api/train trains on what is known by now, beside the server and within limits, and switches over\n"
               "when the new model is no worse; the one before is kept for --rollback.",
    .examples = "  lorec run sasrec --data sample --out runs/first && lorec serve runs/first\n"
                "  curl http://127.0.0.1:8080/api/recommend/u1?n=5\n"
                "  lorec serve runs/a runs/b --store sqlite:shop.db --access-log access.jsonl\n"
                "  lorec serve runs/first --llm models/qwen3?weights=q8\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    serve_words w = {.store = "sqlite:lorec.db",
                     .listen = "127.0.0.1:8080",
                     .port_alone = -1,
                     .read_type = "read",
                     .feedback = "events",
                     .keep_records = 7,
                     .new_every = 10,
                     .index_from = 1000000,
                     .deadline_ms = 1000,
                     .train_cpu_hours = 24,
                     .train_margin = .05};
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
        {"keep-feedback", 0, ARG_REAL, &w.keep_feedback, "DAYS",
         "feedback whose time is longer ago is deleted (default: 0, never); what models learned from it stays", 0,
         36500},
        {"first-only", 0, ARG_FLAG, &w.first_only, NULL,
         "of each run its first method; otherwise the others of its command answer who names them"},
        {"new-items", 0, ARG_INT, &w.new_every, "N",
         "each N-th place of a list may go to an item that the model does not know yet, by its text (default: 10); 0: "
         "none",
         0, 1000},
        {"index-from", 0, ARG_INT, &w.index_from, "VALUES",
         "catalogues of more values (items times the width of their vectors) are searched by an index (default: "
         "1000000)",
         1, 1e18},
        {"deadline-ms", 0, ARG_REAL, &w.deadline_ms, "MS",
         "after so long the popular list is given instead, marked as degraded (default: 1000)", 1, 600000},
        {"llm", 0, ARG_TEXT, &w.llm, "MODEL",
         "a language model to talk with: a folder or GGUF here (PATH?chat=NAME&weights=FORM), or http://HOST/v1#NAME"},
        {"embed", 0, ARG_TEXT, &w.embed, "MODEL", "a model for /v1/embeddings (default: the one of --llm)"},
        {"llm-running", 0, ARG_INT, &w.llm_running, "N", "texts that it writes at once (default: 8)", 1, 256},
        {"llm-waiting", 0, ARG_INT, &w.llm_waiting, "N", "texts that may wait before 429 (default: 64)", 1, 100000},
        {"llm-tokens", 0, ARG_INT, &w.llm_tokens, "N", "of an answer that names no max_tokens (default: 1024)", 1,
         1 << 20},
        {"llm-memory", 0, ARG_REAL, &w.llm_memory, "MIB", "for its keys and values (default: 1024, or one context)", 1,
         1 << 24},
        {"llm-timeout", 0, ARG_REAL, &w.llm_timeout, "SECONDS", "for one of its answers (default: 600)", .001, 86400},
        {"words-ms", 0, ARG_REAL, &w.words_ms, "MS",
         "how long a recommendation waits for the language model's words (default: 10000)", 1, 600000},
        {"slow-seconds", 0, ARG_REAL, &w.slow_seconds, "SECONDS",
         "a client has so long for a request's head, and again for its body (default: 30 and 60)", .1, 3600},
        {"access-log", 0, ARG_TEXT, &w.access_log, "FILE", "a JSON line for each request; \"-\": on stderr"},
        {"work", 'w', ARG_TEXT, &w.work, "DIR",
         "where trained models are kept (default: FILE.models beside a SQLite store, otherwise lorec-models)"},
        {"train-memory-gb", 0, ARG_REAL, &w.train_memory_gb, "GB",
         "most memory of a training, POST /api/train (default: half of the machine's)", .001, 1e6},
        {"train-threads", 0, ARG_INT, &w.train_threads, "N", "its threads (default: half of the cores)", 1, 256},
        {"train-cpu-hours", 0, ARG_REAL, &w.train_cpu_hours, "HOURS", "its processor time (default: 24)", .0001, 1e5},
        {"train-margin", 0, ARG_REAL, &w.train_margin, "SHARE",
         "its headline metric may be so much below that of the model in force (default: 0.05)", 0, 1},
        {"rollback", 0, ARG_FLAG, &w.rollback, NULL,
         "go back to the model before, in the server that is running (or for the next start), and end"},
        {"port", 'p', ARG_INT, &w.port_alone, "N", "that port of the address that --listen says", .min = 0,
         .max = 65535},
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
    if (!e && !a.done) e = w.rollback ? roll_back(&w) : serve(&w);
    text_list_free(&w.runs);
    args_free(&a);
    return e;
}

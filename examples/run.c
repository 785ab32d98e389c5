/* run.c: a whole run from a C program: rows in memory, two methods beside the controls, a way to stop, the report as JSON.
 * Build it against an installed lorec:
 *     cc run.c $(pkg-config --cflags --libs lorec) -o run && ./run runs/from-c >report.json */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <lorec/run.h>

static volatile sig_atomic_t stopped;

static void on_interrupt(int number)
{
    (void)number;
    stopped = 1;
}

static int stop(void *ctx)
{
    (void)ctx;
    return stopped;
}

static void progress(void *ctx, const char *what, double done, double total, const char *unit, const char *note)
{
    (void)ctx;
    fprintf(stderr, "%s: %.0f of %.0f %s %s\n", what, done, total, unit, note);
}

int main(int argc, char **argv)
{
    enum { USERS = 60, EACH = 5, ROWS = USERS * EACH };
    static int64_t user[ROWS], item[ROWS], when[ROWS];
    for (int u = 0, r = 0; u < USERS; u++)
        for (int k = 0; k < EACH; k++, r++) user[r] = u, item[r] = (u + k) % 20, when[r] = 1700000000 + r;
    lorec_rows rows = {.size = sizeof rows, .name = "chain", .n = ROWS, .user = user, .item = item, .time = when};

    lorec_dataset *data;
    lorec_report *report;
    if (lorec_dataset_from_rows(&data, &rows)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    signal(SIGINT, on_interrupt); /* the program's own: the library installs no handler */
    lorec_watch_thread(&(lorec_watch){.size = sizeof(lorec_watch), .stop = stop, .progress = progress});
    lorec_run_options o = {.size = sizeof o,
                           .methods = "markov,itemknn",
                           .data = data,
                           .settings = "{\"metrics\": \"ndcg,recall\", \"topk\": [5, 10]}",
                           .out = argc > 1 ? argv[1] : NULL};
    lorec_err e = lorec_run(&report, &o);
    if (e) fprintf(stderr, "%s\n", lorec_error_message());
    if (report) puts(lorec_report_json(report));
    lorec_report_free(report);
    lorec_dataset_free(data);
    return e;
}

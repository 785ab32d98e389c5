/* The public face of runs and reports (include/lorec/run.h) over runs/. */
#include "lorec/run.h"

#include <pthread.h>
#include <time.h>

#include "api/handles.h"
#include "base/threads.h"
#include "methods/describe.h"
#include "runs/advisor.h"
#include "runs/boards.h"
#include "runs/run.h"

struct lorec_report {
    leaderboard board;
    char *json, *folder;
    const char **user; /* [board.n_users] in `strings` */
    arena strings;
};

/* ---- making one -------------------------------------------------------------------------------------------------------------- */

static lorec_err user_names(lorec_report *r)
{
    dataset d;
    buf path = {0};
    lorec_err e = path_join(&path, r->folder, "data");
    if (!e) e = dataset_open(&d, path.p);
    buf_free(&path);
    TRY(e);
    e = mem_new(&r->user, r->board.n_users);
    for (uint32_t i = 0; i < r->board.n_users && !e; i++) {
        if (r->board.user[i] >= d.rows.n_users)
            e = err_set(LOREC_INPUT, "%s: its results speak of user number %u; its data have %u", r->folder,
                        r->board.user[i], d.rows.n_users);
        else if (!(r->user[i] = string_in(&r->strings, names_at(&d.user_ids, r->board.user[i]))))
            e = LOREC_RESOURCE;
    }
    dataset_close(&d);
    return e;
}

/* Takes the board over. */
static lorec_err report_new(lorec_report **out, leaderboard *board, const json_t *json, const char *folder)
{
    lorec_report *r;
    TRY(mem_new(&r, 1));
    r->board = *board;
    *board = (leaderboard){0};
    lorec_err e = mem_dup(&r->folder, folder);
    if (!e && !(r->json = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17))))
        e = err_set(LOREC_RESOURCE, "out of memory while building the report");
    if (!e) e = user_names(r);
    if (e)
        lorec_report_free(r);
    else
        *out = r;
    return e;
}

void lorec_report_free(lorec_report *r)
{
    if (!r) return;
    leaderboard_free(&r->board);
    free(r->json);
    mem_free(r->folder);
    mem_free(r->user);
    arena_free(&r->strings);
    mem_free(r);
}

/* ---- running ----------------------------------------------------------------------------------------------------------------- */

static lorec_err settings_of(settings *s, const lorec_run_options *o)
{
    json_t *words = NULL;
    TRY(settings_default(s));
    if (o->settings) {
        TRY(json_parse(&words, o->settings, strlen(o->settings), "the settings"));
        lorec_err e = config_apply(s, words, true);
        json_decref(words);
        TRY(e);
    }
    return o->methods ? settings_set(s, "methods", o->methods) : LOREC_OK;
}

static pthread_mutex_t running = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool inside; /* a run of this thread: its callbacks can not begin another */

/* One run at a time: its log file is the process's. Who waits can be stopped. */
static lorec_err wait_for_turn(void)
{
    if (inside) return err_set(LOREC_USAGE, "a run can not be begun inside a run, by one of its callbacks");
    while (pthread_mutex_trylock(&running)) {
        TRY(cancel_check());
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return LOREC_OK;
}

/* A failure's message outlives what is made after it. */
static lorec_err run_and_report(lorec_report **out, const run_request *q)
{
    run_result r;
    char *why = NULL;
    lorec_err e = run_make(&r, q), made = LOREC_OK;
    if (e == LOREC_CANCELLED && r.folder)
        e = err_set(e, "stopped; what was finished is kept in %s: resume goes on from there", r.folder);
    if (e) (void)mem_dup(&why, lorec_error_message());
    if (r.json) made = report_new(out, &r.board, r.json, r.folder);
    run_result_free(&r);
    if (e && why) err_set(e, "%s", why);
    mem_free(why);
    return e ? e : made;
}

lorec_err lorec_run(lorec_report **out, const lorec_run_options *options)
{
    lorec_run_options o = {0};
    settings s = {0};
    *out = NULL;
    TRY(struct_given(&o, sizeof o, options, "lorec_run_options"));
    if (o.resume && !o.out) return err_set(LOREC_USAGE, "resume: which run? Name its folder with `out`");
    lorec_err e = settings_of(&s, &o);
    if (!e) e = wait_for_turn();
    if (!e) {
        inside = true;
        e = run_and_report(
            out, &(run_request){
                     .settings = &s, .data = o.data ? &o.data->data : NULL, .out = o.out, .resume = o.resume != 0});
        inside = false;
        pthread_mutex_unlock(&running);
    }
    settings_free(&s);
    return e;
}

/* The object is the file's; the board is there for the users' numbers. */
lorec_err lorec_report_open(lorec_report **out, const char *folder)
{
    boards b = {0};
    json_t *json = NULL;
    buf path = {0};
    *out = NULL;
    lorec_err e = boards_add_run(&b, folder);
    if (!e) e = path_join(&path, folder, "result.json");
    if (!e) e = json_read(&json, path.p);
    if (!e && json_array_size(json_object_get(json, "results")) != b.board.n)
        e = err_set(LOREC_INPUT, "%s: a result is there twice", path.p);
    if (!e) e = report_new(out, &b.board, json, folder);
    json_decref(json);
    buf_free(&path);
    boards_free(&b);
    return e;
}

lorec_err lorec_run_model(lorec_model **out, const char *run, const char *method, int64_t seed)
{
    advisor a;
    *out = NULL;
    TRY(advisor_open(&a, run, method, seed));
    lorec_err e = model_of(out, a.r, a.self, &a.data);
    a.self = NULL;
    a.has_data = false;
    advisor_close(&a);
    return e;
}

/* ---- looking at one ---------------------------------------------------------------------------------------------------------- */

const char *lorec_report_folder(const lorec_report *r)
{
    return r->folder;
}

const char *lorec_report_json(const lorec_report *r)
{
    return r->json;
}

size_t lorec_report_results(const lorec_report *r)
{
    return r->board.n;
}

uint32_t lorec_report_users(const lorec_report *r)
{
    return r->board.n_users;
}

size_t lorec_report_metrics(const lorec_report *r)
{
    return r->board.n_metrics;
}

const char *lorec_report_user(const lorec_report *r, uint32_t i)
{
    return i < r->board.n_users ? r->user[i] : NULL;
}

const float *lorec_report_values(const lorec_report *r, size_t which)
{
    return which < r->board.n ? r->board.row[which].value : NULL;
}

static char *methods_text;

static void describe_methods(void)
{
    json_t *all = methods_json(NULL, 0);
    methods_text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
}

const char *lorec_methods_json(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, describe_methods);
    return methods_text;
}

#include "runs/run.h"

#include <stdio.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "eval/controls.h"
#include "eval/slate.h"
#include "runs/dry_run.h"
#include "runs/entries.h"
#include "runs/run_folder.h"
#include "runs/workbench.h"

typedef struct run_state {
    const settings *s;
    workbench w;
    run_folder folder;
    leaderboard *board; /* the caller's */
    entries list;
    uint64_t *seed;
    size_t n_seeds;
    bool resume, open;
    const char *noting; /* whose validations are being told */
    uint64_t noting_seed;
    int64_t noting_step;
    lorec_err first_failure;
    char *first_why;
} run_state;

static lorec_err plan(run_state *x, const dataset *given)
{
    const recommender **methods;
    TRY(settings_seeds(x->s, &x->seed, &x->n_seeds));
    TRY(entries_plan(&x->list, x->s));
    TRY(entries_methods(&x->list, &methods));
    lorec_err e = workbench_open_on(&x->w, x->s, given, methods, x->list.n);
    x->open = !e;
    mem_free(methods);
    return e;
}

/* The settings as they will be used, all options of all methods included. */
static json_t *resolved(const run_state *x)
{
    json_t *config = settings_json(x->s);
    if (!x->w.has_source)
        json_object_del(config, "data");               /* given in memory: the folder will say where it keeps them */
    for (size_t i = 0; config && i < x->s->n_set; i++) /* bare --set words become each method's own */
        if (!x->s->set[i].method) json_object_del(config, x->s->set[i].name);
    for (size_t i = 0; config && i < x->list.n; i++) {
        const entry *en = &x->list.at[i];
        if (strcmp(en->name, en->r->key) != 0) continue; /* a control made of a method: its card says what it is */
        for (size_t k = 0; k < en->set.n; k++) {
            slice value = slice_of(en->set.item[k]), name = slice_cut(&value, '=');
            char key[160];
            snprintf(key, sizeof key, "%s.%.*s", en->r->key, (int)name.n, name.p);
            json_object_set_new(config, key, json_string(value.p));
        }
    }
    return config;
}

/* runs/DATE-METHOD-DATA-HASH: the hash is of everything that decides the result. */
static void hint(char *out, size_t size, const run_state *x, const json_t *config)
{
    char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t h = text ? XXH3_64bits(text, strlen(text)) ^ XXH3_64bits(x->w.test.id, strlen(x->w.test.id)) : 0;
    free(text);
    char name[40];
    snprintf(name, sizeof name, "%.39s", x->w.data->name);
    for (char *p = name; *p; p++)
        if (strchr("/ \t\n", *p)) *p = '-';
    snprintf(out, size, "%s-%s-%06x", x->list.at[0].r->key, name, (unsigned)(h & 0xffffff));
}

/* ---- one result ------------------------------------------------------------------------------------------------------ */

static void note(void *ctx, const char *metric_name, double value)
{
    run_state *x = ctx;
    (void)run_folder_note(&x->folder, json_pack("{s:s, s:s, s:I, s:I, s:s, s:f}", "event", "validation", "method",
                                                x->noting, "seed", (json_int_t)x->noting_seed, "validation",
                                                (json_int_t)++x->noting_step, "metric", metric_name, "value", value));
}

static lorec_err note_result(const run_state *x, const result *r)
{
    json_t *means = json_object();
    for (size_t j = 0; r->mean && j < x->board->n_metrics; j++) {
        json_t *v = json_real(r->mean[j]); /* NULL for NaN */
        json_object_set_new(means, x->board->metrics[j].name, v ? v : json_null());
    }
    return run_folder_note(&x->folder,
                           json_pack("{s:s, s:s, s:I, s:s, s:o}", "event", "result", "method", r->method, "seed",
                                     (json_int_t)r->seed, "status", trial_status_words[r->status], "metrics", means));
}

static lorec_err remember_failure(run_state *x, const entry *en, const trial *t)
{
    if (t->status == TRIAL_OK) return LOREC_OK;
    log_warn("%s %s: %s", en->name, trial_status_words[t->status], t->why);
    if (en->as == ROLE_CONTROL || x->first_failure) return LOREC_OK;
    x->first_failure = t->err;
    buf why = {0};
    TRY(buf_printf(&why, "%s %s: %s", en->name, trial_status_words[t->status], t->why));
    x->first_why = why.p;
    return LOREC_OK;
}

static lorec_err try_once(run_state *x, const entry *en, uint64_t seed, const char *result_folder)
{
    buf model = {0}, checkpoint = {0};
    trial t = {0};
    lorec_err e = run_path(&model, &x->folder, "models/%s-%llu", en->name, (unsigned long long)seed);
    if (!e) e = run_path(&checkpoint, &x->folder, "checkpoints/%s-%llu", en->name, (unsigned long long)seed);
    if (!e) e = folder_make(checkpoint.p);
    if (!e) unlink(model.p); /* where another seed's model was taken: a link; a folder stays */
    x->noting = en->name;
    x->noting_seed = seed;
    x->noting_step = 0;
    if (!e)
        e = trial_run(&t, &(trial_request){.recommender = en->r,
                                           .set = en->set.item,
                                           .n_set = en->set.n,
                                           .fast = en->fast,
                                           .seed = seed,
                                           .split = &x->w.split,
                                           .protocol = &x->w.test,
                                           .part = PART_TEST,
                                           .valid = workbench_valid(&x->w, en->r),
                                           .valid_users = workbench_valid_users(&x->w, x->s, en->r),
                                           .keep_lists = true,
                                           .checkpoint = checkpoint.p,
                                           .resume = x->resume,
                                           .save_to = model.p,
                                           .note = note,
                                           .note_ctx = x,
                                           .memory = trial_memory_available()});
    if (!e) e = remember_failure(x, en, &t);
    if (!e) e = leaderboard_add(x->board, en->name, en->as, seed, &t);
    const result *r = !e ? &x->board->row[x->board->n - 1] : NULL;
    if (!e && r->status == TRIAL_OK) e = result_save(x->board, r, &t.report, x->w.data, result_folder);
    if (!e) e = note_result(x, r);
    if (!e && r->status == TRIAL_OK && folder_exists(checkpoint.p)) e = folder_remove(checkpoint.p);
    trial_free(&t);
    buf_free(&model);
    buf_free(&checkpoint);
    return e;
}

/* Of a method to which the seed is nothing: the numbers, lists and model of a seed before, or not (`found`). */
static lorec_err repeat(run_state *x, const entry *en, uint64_t seed, const char *folder, bool *found)
{
    size_t row = 0;
    while (row < x->board->n && strcmp(x->board->row[row].method, en->name) != 0) row++;
    *found = en->r->seedless && row < x->board->n && x->board->row[row].status == TRIAL_OK;
    if (!*found) return LOREC_OK;
    uint64_t of = x->board->row[row].seed;
    char name[200], target[200];
    log_info("%s, seed %llu: as with seed %llu", en->name, (unsigned long long)seed, (unsigned long long)of);
    TRY(leaderboard_repeat(x->board, row, seed));
    const result *r = &x->board->row[x->board->n - 1];
    TRY(folder_make(folder));
    snprintf(name, sizeof name, "results/%s-%llu/lists.tsv", en->name, (unsigned long long)seed);
    snprintf(target, sizeof target, "../%s-%llu/lists.tsv", en->name, (unsigned long long)of);
    TRY(run_folder_link(&x->folder, target, name));
    snprintf(name, sizeof name, "models/%s-%llu", en->name, (unsigned long long)seed);
    snprintf(target, sizeof target, "%s-%llu", en->name, (unsigned long long)of);
    TRY(run_folder_link(&x->folder, target, name));
    TRY(result_save(x->board, r, NULL, x->w.data, folder));
    return note_result(x, r);
}

/* A finished result of the same options is kept; one of other options is made again. */
static lorec_err reuse(run_state *x, const entry *en, const char *folder, bool *found)
{
    *found = false;
    if (!x->resume) return LOREC_OK;
    void *self;
    TRY(trial_model(&(trial_request){.recommender = en->r, .set = en->set.item, .n_set = en->set.n, .fast = en->fast},
                    &self));
    json_t *now = options_json(en->r->options, en->r->n_options, self);
    recommender_free(en->r, self);
    buf path = {0};
    json_t *old = NULL;
    lorec_err e = path_join(&path, folder, "result.json");
    if (!e && file_exists(path.p)) {
        e = json_read(&old, path.p);
        if (!e && json_equal(json_object_get(old, "options"), now))
            e = result_load(x->board, folder, en->name, en->as, found);
    }
    json_decref(old);
    json_decref(now);
    buf_free(&path);
    return e;
}

static lorec_err run_entries(run_state *x)
{
    buf folder = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < x->list.n && !e; i++) {
        for (size_t s = 0; s < x->n_seeds && !e; s++) {
            bool found = false;
            const entry *en = &x->list.at[i];
            e = cancel_check();
            if (!e) e = run_path(&folder, &x->folder, "results/%s-%llu", en->name, (unsigned long long)x->seed[s]);
            if (!e) e = reuse(x, en, folder.p, &found);
            if (!e && !found) e = repeat(x, en, x->seed[s], folder.p, &found);
            if (e || found) continue;
            if (s == 0) dry_run_tell(&x->w, en);
            log_info("%s, seed %llu%s", en->name, (unsigned long long)x->seed[s],
                     en->as == ROLE_CONTROL ? " (control)" : "");
            e = try_once(x, en, x->seed[s], folder.p);
        }
        const result *last = x->board->n ? &x->board->row[x->board->n - 1] : NULL;
        bool skipped = last && last->status == TRIAL_SKIPPED && last->as == ROLE_CONTROL;
        const char *key = skipped ? control_instead(last->method) : NULL;
        const recommender *instead = key ? registry_find(key) : NULL;
        if (!e && instead) e = entries_add(&x->list, x->s, instead, ROLE_CONTROL);
    }
    buf_free(&folder);
    return e;
}

/* ---- the end of it --------------------------------------------------------------------------------------------------- */

static lorec_err links(const run_state *x)
{
    static const char *const files[] = {"lists.tsv", "per_user.tsv"};
    char folder[256], target[320];
    buf path = {0};
    lorec_err e = LOREC_OK;
    snprintf(folder, sizeof folder, "results/%s-%llu", x->list.at[0].r->key, (unsigned long long)x->seed[0]);
    for (size_t i = 0; i < 2 && !e; i++) {
        snprintf(target, sizeof target, "%s/%s", folder, files[i]);
        e = run_path(&path, &x->folder, "%s", target);
        if (!e && file_exists(path.p)) e = run_folder_link(&x->folder, target, files[i]);
    }
    buf_free(&path);
    return e;
}

static lorec_err finish(run_state *x, json_t **said)
{
    TRY(leaderboard_finish(x->board));
    json_t *root = leaderboard_json(x->board);
    if (!root) return err_set(LOREC_RESOURCE, "out of memory while building the result");
    json_object_set_new(root, "run", json_string(x->folder.path));
    json_object_set_new(root, "headline", json_string(x->w.headline));
    buf path = {0};
    lorec_err e = run_path(&path, &x->folder, "result.json");
    if (!e) e = json_write(root, path.p);
    if (!e) e = links(x);
    if (!e) e = run_path(&path, &x->folder, "checkpoints");
    if (!e && folder_exists(path.p) && !x->first_failure) e = folder_remove(path.p);
    if (!e)
        *said = root;
    else
        json_decref(root);
    buf_free(&path);
    return e;
}

/* The lists that every method was given, beside the run: for other tools, and to look at. */
static lorec_err keep_slates(run_state *x)
{
    buf path = {0};
    if (x->w.test.kind != CANDIDATES_SLATE) return LOREC_OK;
    lorec_err e = run_path(&path, &x->folder, "slates.tsv");
    if (!e) e = slate_write(&x->w.test, path.p);
    buf_free(&path);
    return e;
}

static lorec_err run_all(run_state *x, run_result *out, const run_request *q)
{
    TRY(plan(x, q->data));
    snprintf(out->headline, sizeof out->headline, "%s", x->w.headline);
    char name[128];
    json_t *config = resolved(x);
    if (!config) return err_set(LOREC_RESOURCE, "out of memory while writing down the settings");
    hint(name, sizeof name, x, config);
    lorec_err e = run_folder_make(&x->folder, q->out, name, x->resume, config);
    json_decref(config);
    TRY(e);
    TRY(mem_dup(&out->folder, x->folder.path));
    TRY(run_folder_data(&x->folder, x->w.data));
    TRY(keep_slates(x));
    TRY(leaderboard_start(x->board, &x->w.split, &x->w.test, PART_TEST));
    if (q->begun) q->begun(q->ctx);
    TRY(run_entries(x));
    TRY(finish(x, &out->json));
    return x->first_failure ? err_set(x->first_failure, "%s", x->first_why ? x->first_why : "a method failed")
                            : LOREC_OK;
}

static void run_state_free(run_state *x)
{
    run_folder_close(&x->folder);
    if (x->open) workbench_close(&x->w);
    entries_free(&x->list);
    mem_free(x->seed);
    mem_free(x->first_why);
}

lorec_err run_make(run_result *out, const run_request *q)
{
    *out = (run_result){0};
    run_state x = {.s = q->settings, .resume = q->resume, .board = &out->board};
    lorec_err e = q->dry_run ? dry_run(q->settings, q->data, &out->dry) : run_all(&x, out, q);
    run_state_free(&x);
    return e;
}

void run_result_free(run_result *r)
{
    leaderboard_free(&r->board);
    json_decref(r->json);
    json_decref(r->dry);
    mem_free(r->folder);
    *r = (run_result){0};
}

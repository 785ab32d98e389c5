#include "runs/boards.h"

#include "base/mem.h"
#include "runs/run_folder.h"

static role role_of(const json_t *entry)
{
    static const char *const yardsticks[] = {"pop", "markov", "repeat", "ease", "itemknn"};
    const char *as = json_string_value(json_object_get(entry, "role"));
    const char *method = json_string_value(json_object_get(entry, "method"));
    if (as && strcmp(as, "control") == 0) return ROLE_CONTROL;
    for (size_t i = 0; method && i < sizeof yardsticks / sizeof *yardsticks; i++)
        if (strcmp(yardsticks[i], method) == 0) return ROLE_BOTH;
    return ROLE_METHOD;
}

static const result *find(const leaderboard *b, const char *method, uint64_t seed)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->row[i].seed == seed && strcmp(b->row[i].method, method) == 0) return &b->row[i];
    return NULL;
}

/* Its name in the table: the key, unless another run has a method of that key with other options. */
static lorec_err name_in_table(const boards *b, const json_t *entry, const char *run, buf *name)
{
    const char *key = json_string_value(json_object_get(entry, "method"));
    const json_t *options = json_object_get(entry, "options");
    TRY(buf_puts(name, key));
    for (size_t i = 0; i < b->board.n; i++) {
        const result *r = &b->board.row[i];
        if (strcmp(r->method, key) != 0 || r->status != TRIAL_OK || !r->options || json_equal(r->options, options))
            continue;
        return buf_printf(name, " (%s)", path_base(run));
    }
    return LOREC_OK;
}

static lorec_err add_missing(leaderboard *b, const char *name, role as, uint64_t seed, const json_t *entry)
{
    const char *status = json_string_value(json_object_get(entry, "status"));
    const char *why = json_string_value(json_object_get(entry, "why"));
    trial t = {.status = status && strcmp(status, "skipped") == 0 ? TRIAL_SKIPPED : TRIAL_FAILED};
    TRY(mem_dup(&t.why, why ? why : "no reason is given"));
    lorec_err e = leaderboard_add(b, name, as, seed, &t);
    trial_free(&t);
    return e;
}

static lorec_err add_entry(boards *b, const run_folder *r, const json_t *entry)
{
    const char *key, *status;
    int64_t seed;
    TRY(json_get_string(entry, "method", &key));
    TRY(json_get_string(entry, "status", &status));
    TRY(json_get_i64(entry, "seed", 0, INT64_MAX, &seed));
    buf name = {0}, folder = {0};
    bool found = false;
    lorec_err e = name_in_table(b, entry, r->path, &name);
    if (!e && find(&b->board, name.p, (uint64_t)seed)) goto done; /* the same result of another run */
    if (!e && strcmp(status, "ok") != 0) {
        e = add_missing(&b->board, name.p, role_of(entry), (uint64_t)seed, entry);
        goto done;
    }
    if (!e) e = run_path(&folder, r, "results/%s-%lld", key, (long long)seed);
    if (!e) e = result_load(&b->board, folder.p, name.p, role_of(entry), &found);
    if (!e && !found) e = err_set(LOREC_INPUT, "%s is missing; the run is not whole", folder.p);
done:
    buf_free(&name);
    buf_free(&folder);
    return e;
}

static lorec_err same_protocol(const boards *b, const json_t *root, const char *run)
{
    const char *mine = json_string_value(json_object_get(b->board.protocol, "id"));
    const char *theirs = json_string_value(json_object_get(json_object_get(root, "protocol"), "id"));
    if (mine && theirs && strcmp(mine, theirs) == 0) return LOREC_OK;
    return err_set(
        LOREC_USAGE,
        "%s was made under the protocol %s, %s under %s: numbers of different protocols do not belong in one table",
        b->first_run, mine ? mine : "(none)", run, theirs ? theirs : "(none)");
}

static lorec_err add_root(boards *b, const run_folder *r, const json_t *root)
{
    if (!b->started) {
        const char *headline;
        TRY(json_get_string_or(root, "headline", "", &headline));
        TRY(mem_dup(&b->headline, headline));
        TRY(leaderboard_start_json(&b->board, root));
        b->started = true;
    } else {
        TRY(same_protocol(b, root, r->path));
    }
    const json_t *results = json_object_get(root, "results");
    for (size_t i = 0; i < json_array_size(results); i++) TRY(add_entry(b, r, json_array_get(results, i)));
    return LOREC_OK;
}

lorec_err boards_add_run(boards *b, const char *path)
{
    run_folder r;
    json_t *root = NULL;
    buf file = {0};
    TRY(run_folder_open(&r, path));
    if (!b->first_run) b->first_run = path;
    lorec_err e = run_path(&file, &r, "result.json");
    if (!e && !file_exists(file.p))
        e = err_set(LOREC_INPUT, "%s is not finished; go on with it by `lorec run ... --out %s --resume`", path, path);
    if (!e) e = json_read(&root, file.p);
    if (!e) e = add_root(b, &r, root);
    if (e == LOREC_INPUT) e = err_context(e, "%s", path);
    json_decref(root);
    buf_free(&file);
    run_folder_close(&r);
    return e;
}

void boards_free(boards *b)
{
    if (b->started) leaderboard_free(&b->board);
    mem_free(b->headline);
    *b = (boards){0};
}

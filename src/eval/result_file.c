/* A result as a folder; result.json comes last and makes it count. */
#include <math.h>

#include "base/mem.h"
#include "eval/leaderboard.h"
#include "eval/report_json.h"
#include "rec/arrays.h"

/* ---- writing --------------------------------------------------------------------------------------------------------- */

/* Ids go out as they are; what would break the table (possible in quoted CSV only) becomes a blank. */
static void put_id(writer *w, slice id)
{
    if (!memchr(id.p, '\t', id.n) && !memchr(id.p, '\n', id.n)) {
        writer_put(w, id.p, id.n);
        return;
    }
    for (size_t i = 0; i < id.n; i++) writer_put(w, id.p[i] == '\t' || id.p[i] == '\n' ? " " : &id.p[i], 1);
}

static lorec_err save_lists(const report *r, const dataset *d, const char *path)
{
    writer w;
    TRY(writer_open(&w, path));
    writer_printf(&w, "user\titem\trank\tscore\n");
    for (uint32_t i = 0; r->list && i < r->n_users; i++) {
        for (uint32_t k = 0; k < r->k; k++) {
            size_t at = (size_t)i * r->k + k;
            if (r->list[at] == UINT32_MAX) break;
            put_id(&w, names_at(&d->user_ids, r->user[i]));
            writer_put(&w, "\t", 1);
            put_id(&w, names_at(&d->item_ids, r->list[at]));
            writer_printf(&w, "\t%u\t%.9g\n", k + 1, (double)r->list_score[at]);
        }
    }
    return writer_commit(&w);
}

static lorec_err save_users(const leaderboard *b, const result *r, const dataset *d, const char *path)
{
    writer w;
    TRY(writer_open(&w, path));
    writer_printf(&w, "user");
    for (size_t j = 0; j < b->n_metrics; j++) writer_printf(&w, "\t%s", b->metrics[j].name);
    for (uint32_t i = 0; i < b->n_users; i++) {
        writer_put(&w, "\n", 1);
        put_id(&w, names_at(&d->user_ids, b->user[i]));
        for (size_t j = 0; j < b->n_metrics; j++) {
            float x = r->value[i * b->n_metrics + j];
            if (isnan(x))
                writer_put(&w, "\t", 1);
            else
                writer_printf(&w, "\t%.7g", (double)x);
        }
    }
    writer_put(&w, "\n", 1);
    return writer_commit(&w);
}

static json_t *head(const leaderboard *b, const result *r)
{
    json_t *names_list = json_array(), *means = json_array(), *cis = json_array();
    for (size_t j = 0; j < b->n_metrics; j++) {
        json_array_append_new(names_list, json_string(b->metrics[j].name));
        json_array_append_new(means, number_json(r->mean[j]));
        json_array_append_new(cis, json_pack("[o, o]", number_json(r->ci95[j].low), number_json(r->ci95[j].high)));
    }
    return json_pack("{s:i, s:s, s:b, s:I, s:O, s:o, s:o, s:o, s:f, s:f, s:f, s:I, s:O, s:O}", "schema", 1, "method",
                     r->method, "control", r->as == ROLE_CONTROL, "seed", (json_int_t)r->seed, "protocol",
                     json_object_get(b->protocol, "id"), "metrics", names_list, "mean", means, "ci95", cis, "train_s",
                     r->train_s, "eval_s", r->eval_s, "rss_mib", r->rss_mib, "llm_tokens", (json_int_t)r->llm_tokens,
                     "counts", r->counts, "options", r->options);
}

lorec_err result_save(const leaderboard *b, const result *r, const report *lists, const dataset *d, const char *folder)
{
    buf path = {0};
    json_t *root = head(b, r);
    lorec_err e = root ? folder_make(folder) : err_set(LOREC_RESOURCE, "out of memory while saving a result");
    if (!e) e = path_join(&path, folder, "lists.tsv");
    if (!e && lists) e = save_lists(lists, d, path.p);
    if (!e) e = path_join(&path, folder, "per_user.tsv");
    if (!e) e = save_users(b, r, d, path.p);
    if (!e) e = array_save(folder, "users", NPY_U32, 1, (int64_t[]){b->n_users}, b->user);
    if (!e) e = array_save(folder, "values", NPY_F32, 2, (int64_t[]){b->n_users, (int64_t)b->n_metrics}, r->value);
    if (!e) e = path_join(&path, folder, "result.json");
    if (!e) e = json_write(root, path.p);
    json_decref(root);
    buf_free(&path);
    return e;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static double real_or_nan(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static lorec_err same_protocol(const leaderboard *b, const json_t *root)
{
    const char *mine = json_string_value(json_object_get(b->protocol, "id")), *theirs;
    TRY(json_get_string(root, "protocol", &theirs));
    if (!mine || strcmp(mine, theirs) != 0)
        return err_set(LOREC_INPUT, "made under the protocol %s, not %s", theirs, mine ? mine : "(none)");
    const json_t *list = json_object_get(root, "metrics");
    bool same = json_array_size(list) == b->n_metrics;
    for (size_t j = 0; same && j < b->n_metrics; j++) {
        const char *name = json_string_value(json_array_get(list, j));
        same = name && strcmp(name, b->metrics[j].name) == 0;
    }
    return same ? LOREC_OK : err_set(LOREC_INPUT, "it holds other metrics than this table");
}

static lorec_err read_numbers(const leaderboard *b, result *r, const json_t *root)
{
    const json_t *mean = json_object_get(root, "mean"), *ci = json_object_get(root, "ci95"), *v;
    int64_t seed, tokens;
    TRY(json_get_i64(root, "seed", 0, INT64_MAX, &seed));
    TRY(json_get_i64_or(root, "llm_tokens", 0, INT64_MAX, 0, &tokens));
    r->seed = (uint64_t)seed;
    r->llm_tokens = (uint64_t)tokens;
    TRY(json_get_f64_or(root, "train_s", 0, &r->train_s));
    TRY(json_get_f64_or(root, "eval_s", 0, &r->eval_s));
    TRY(json_get_f64_or(root, "rss_mib", 0, &r->rss_mib));
    if (json_is_object(v = json_object_get(root, "counts"))) r->counts = json_deep_copy(v);
    if (json_is_object(v = json_object_get(root, "options"))) r->options = json_deep_copy(v);
    TRY(mem_new(&r->mean, b->n_metrics));
    TRY(mem_new(&r->ci95, b->n_metrics));
    for (size_t j = 0; j < b->n_metrics; j++) {
        r->mean[j] = real_or_nan(json_array_get(mean, j));
        v = json_array_get(ci, j);
        r->ci95[j] = (interval){real_or_nan(json_array_get(v, 0)), real_or_nan(json_array_get(v, 1))};
    }
    return LOREC_OK;
}

static lorec_err read_users(leaderboard *b, result *r, const char *folder)
{
    uint32_t *user = NULL, n;
    int64_t shape[2];
    lorec_err e = array_load_count((void **)&user, folder, "users", NPY_U32, &n);
    if (!e && b->started_users && (n != b->n_users || (n && memcmp(user, b->user, n * sizeof *user) != 0)))
        e = err_set(LOREC_INPUT, "users.npy is about other users than the rest of the table");
    if (!e) e = array_load((void **)&r->value, folder, "values", NPY_F32, 2, shape);
    if (!e && (shape[0] != n || shape[1] != (int64_t)b->n_metrics))
        e = err_set(LOREC_INPUT, "values.npy and users.npy do not belong together");
    if (!e && !b->started_users) {
        b->user = user;
        b->n_users = n;
        b->started_users = true;
        user = NULL;
        if (json_object_set_new(b->protocol, "users", json_integer(n)))
            e = err_set(LOREC_RESOURCE, "out of memory while reading a result");
    }
    mem_free(user);
    return e;
}

static lorec_err read_result(leaderboard *b, const json_t *root, const char *folder, const char *method, role as)
{
    TRY(same_protocol(b, root));
    TRY(mem_grow(&b->row, &b->cap, b->n + 1));
    result *r = &b->row[b->n++];
    *r = (result){.as = as, .status = TRIAL_OK};
    lorec_err e = mem_dup(&r->method, method);
    if (!e) e = read_numbers(b, r, root);
    if (!e) e = read_users(b, r, folder);
    return e;
}

lorec_err result_load(leaderboard *b, const char *folder, const char *method, role as, bool *found)
{
    buf path = {0};
    json_t *root = NULL;
    *found = false;
    lorec_err e = path_join(&path, folder, "result.json");
    if (!e && file_exists(path.p)) {
        e = json_read(&root, path.p);
        if (!e) e = read_result(b, root, folder, method, as);
        if (e) e = err_context(e, "%s", folder);
        *found = e == LOREC_OK;
    }
    json_decref(root);
    buf_free(&path);
    return e;
}

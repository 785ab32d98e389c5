#include "tensor/checkpoint.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

enum { VERSION = 1 };

static lorec_err moment_path(buf *out, const char *folder, const char *what, uint64_t step)
{
    buf_clear(out);
    return buf_printf(out, "%s/%s-%" PRIu64 ".safetensors", folder, what, step);
}

static json_t *progress_tree(const checkpoint *c, const training_progress *p)
{
    return json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:f, s:I, s:f, s:b}", "version", VERSION,
                     "settings", c->settings, "step", (json_int_t)p->step, "epoch", (json_int_t)p->epoch, "best_epoch",
                     (json_int_t)p->best_epoch, "best_step", (json_int_t)p->best_step, "since_best",
                     (json_int_t)p->since_best, "best_metric", p->best_epoch ? p->best_metric : 0, "loss_sum",
                     p->loss_sum, "loss_examples", (json_int_t)p->loss_examples, "last_loss", p->last_loss, "examples",
                     (json_int_t)p->examples, "seconds", p->seconds, "done", p->done);
}

/* What earlier moments left behind. A file that can not be removed does no harm. */
static void remove_others(const checkpoint *c, const training_progress *p)
{
    char **names;
    size_t n;
    if (folder_list(c->folder, &names, &n) != LOREC_OK) return;
    char keep[3][64];
    snprintf(keep[0], sizeof keep[0], "params-%" PRIu64 ".safetensors", p->step);
    snprintf(keep[1], sizeof keep[1], "optimizer-%" PRIu64 ".safetensors", p->step);
    snprintf(keep[2], sizeof keep[2], "best-%" PRIu64 ".safetensors", p->best_step);
    buf path = {0};
    for (size_t i = 0; i < n; i++) {
        bool ours = !strncmp(names[i], "params-", 7) || !strncmp(names[i], "optimizer-", 10) ||
                    !strncmp(names[i], "best-", 5);
        bool wanted = !strcmp(names[i], keep[0]) || (!p->done && !strcmp(names[i], keep[1])) ||
                      (!p->done && p->best_epoch && !strcmp(names[i], keep[2]));
        if (ours && !wanted && path_join(&path, c->folder, names[i]) == LOREC_OK) (void)folder_remove(path.p);
    }
    buf_free(&path);
    names_free(names, n);
}

lorec_err checkpoint_save(checkpoint *c, const training_progress *p)
{
    buf path = {0};
    json_t *tree = NULL;
    lorec_err e = folder_make(c->folder);
    if (e == LOREC_OK) e = moment_path(&path, c->folder, "params", p->step);
    if (e == LOREC_OK) e = params_save(c->params, path.p);
    if (e == LOREC_OK && !p->done) {
        e = moment_path(&path, c->folder, "optimizer", p->step);
        if (e == LOREC_OK) e = optimizer_save(c->optimizer, path.p);
        if (e == LOREC_OK && p->best_epoch && c->saved_best != p->best_step + 1) {
            e = moment_path(&path, c->folder, "best", p->best_step);
            if (e == LOREC_OK) e = params_save(c->best, path.p);
            if (e == LOREC_OK) c->saved_best = p->best_step + 1;
        }
    }
    if (e == LOREC_OK && !(tree = progress_tree(c, p))) e = err_set(LOREC_RESOURCE, "out of memory for a checkpoint");
    if (e == LOREC_OK) e = path_join(&path, c->folder, "state.json");
    if (e == LOREC_OK) e = json_write(tree, path.p);
    if (e == LOREC_OK) remove_others(c, p);
    json_decref(tree);
    buf_free(&path);
    return e ? err_context(e, "checkpoint in %s", c->folder) : LOREC_OK;
}

static lorec_err progress_parse(const json_t *tree, training_progress *p)
{
    int64_t step, best_step, loss_examples, examples;
    *p = (training_progress){0};
    TRY(json_get_i64(tree, "step", 0, INT64_MAX, &step));
    TRY(json_get_i64(tree, "epoch", 0, INT64_MAX, &p->epoch));
    TRY(json_get_i64(tree, "best_epoch", 0, INT64_MAX, &p->best_epoch));
    TRY(json_get_i64(tree, "best_step", 0, INT64_MAX, &best_step));
    TRY(json_get_i64(tree, "since_best", 0, INT64_MAX, &p->since_best));
    TRY(json_get_i64(tree, "loss_examples", 0, INT64_MAX, &loss_examples));
    TRY(json_get_i64(tree, "examples", 0, INT64_MAX, &examples));
    TRY(json_get_f64_or(tree, "best_metric", 0, &p->best_metric));
    TRY(json_get_f64_or(tree, "loss_sum", 0, &p->loss_sum));
    TRY(json_get_f64_or(tree, "last_loss", 0, &p->last_loss));
    TRY(json_get_f64_or(tree, "seconds", 0, &p->seconds));
    TRY(json_get_bool_or(tree, "done", false, &p->done));
    p->step = (uint64_t)step;
    p->best_step = (uint64_t)best_step;
    p->loss_examples = (uint64_t)loss_examples;
    p->examples = (uint64_t)examples;
    return LOREC_OK;
}

static lorec_err read_moment(checkpoint *c, const json_t *tree, training_progress *p)
{
    int64_t version;
    const char *settings;
    TRY(json_get_i64(tree, "version", VERSION, VERSION, &version));
    TRY(json_get_string(tree, "settings", &settings));
    if (strcmp(settings, c->settings) != 0)
        return err_set(LOREC_USAGE,
                       "it was made with (%s), this run has (%s); run without resuming, or with its settings", settings,
                       c->settings);
    TRY(progress_parse(tree, p));
    buf path = {0};
    lorec_err e = moment_path(&path, c->folder, "params", p->step);
    if (e == LOREC_OK) e = params_load(c->params, path.p);
    if (e == LOREC_OK && !p->done) {
        e = moment_path(&path, c->folder, "optimizer", p->step);
        if (e == LOREC_OK) e = optimizer_load(c->optimizer, path.p);
        if (e == LOREC_OK && p->best_epoch) {
            e = moment_path(&path, c->folder, "best", p->best_step);
            if (e == LOREC_OK) e = params_load(c->best, path.p);
            if (e == LOREC_OK) c->saved_best = p->best_step + 1;
        }
    }
    buf_free(&path);
    return e;
}

lorec_err checkpoint_load(checkpoint *c, training_progress *p, bool *found)
{
    *found = false;
    buf path = {0};
    json_t *tree = NULL;
    lorec_err e = path_join(&path, c->folder, "state.json");
    if (e == LOREC_OK && file_exists(path.p)) {
        e = json_read(&tree, path.p);
        if (e == LOREC_OK) e = read_moment(c, tree, p);
        if (e == LOREC_OK)
            *found = true;
        else
            e = err_context(e, "checkpoint %s", path.p);
    }
    json_decref(tree);
    buf_free(&path);
    return e;
}

lorec_err checkpoint_discard(const checkpoint *c)
{
    buf path = {0};
    lorec_err e = path_join(&path, c->folder, "state.json");
    if (e == LOREC_OK) e = folder_remove(path.p);
    buf_free(&path);
    return e;
}

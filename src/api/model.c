/* The public face of models (include/lorec/lorec.h) over the floors below: no algorithm here. */
#include <math.h>

#include "api/handles.h"
#include "base/threads.h"
#include "data/filter.h"
#include "eval/evaluate.h"
#include "lorec/run.h"
#include "rec/topk.h"

void lorec_model_free(lorec_model *m)
{
    if (!m) return;
    if (m->self) recommender_free(m->row, m->self);
    dataset_close(&m->catalogue.data);
    arena_free(&m->strings);
    mem_free(m->id);
    mem_free(m->title);
    mem_free(m);
}

const char *lorec_model_method(const lorec_model *m)
{
    return m->row->key;
}

static lorec_err model_new(lorec_model **out, const char *method)
{
    const recommender *row;
    TRY(registry_need(method, &row));
    TRY(mem_new(out, 1));
    (*out)->row = row;
    lorec_err e = recommender_new(row, &(*out)->self);
    if (e) {
        mem_free(*out);
        *out = NULL;
    }
    return e;
}

static lorec_err set_options(const lorec_model *m, const lorec_fit_options *o)
{
    for (size_t i = 0; i < o->n_set; i++) {
        slice value = slice_of(o->set[i]), name = slice_cut(&value, '=');
        char text[128];
        if (name.n == 0 || name.n >= sizeof text || name.n == strlen(o->set[i]))
            return err_set(LOREC_USAGE, "\"%s\": an option is name=value", o->set[i]);
        snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
        TRY(options_set(m->row->options, m->row->n_options, m->self, text, value.p));
    }
    const char *clash = m->row->check ? m->row->check(m->self) : NULL;
    return clash ? err_set(LOREC_USAGE, "%s: %s", m->row->key, clash) : LOREC_OK;
}

typedef struct validation {
    const recommender *row;
    protocol protocol;
} validation;

static lorec_err validate(void *ctx, const void *self, double *value)
{
    validation *v = ctx;
    report r;
    TRY(evaluate(
        &r, &(evaluate_request){
                .recommender = v->row, .self = self, .protocol = &v->protocol, .part = PART_VALID, .quiet = true}));
    *value = r.mean[0];
    report_close(&r);
    return LOREC_OK;
}

static lorec_err fit_on(lorec_model *m, const split *s, const lorec_fit_options *o)
{
    validation v = {.row = m->row};
    fit_context fit = {
        .split = s, .train = o->all_rows ? &s->data->rows : &s->train, .seed = o->seed, .valid_metric = "ndcg@10"};
    bool validates = !o->all_rows && s->valid.n > 0 && (m->row->tasks & (TASK_TOPN | TASK_SEQUENTIAL));
    if (validates) {
        TRY(protocol_make(&v.protocol, s, "full", fit.valid_metric, false, 0));
        fit.validate = validate;
        fit.validate_ctx = &v;
    }
    lorec_err e = m->row->fit(m->self, &fit);
    if (validates) protocol_close(&v.protocol);
    return e;
}

/* Ids and titles lie end to end without NULs in a data set; what the API gives out are C strings, made once a model. */
static lorec_err strings_make(lorec_model *m)
{
    const dataset *d = &m->catalogue.data;
    TRY(mem_new(&m->id, d->rows.n_items));
    TRY(mem_new(&m->title, d->rows.n_items));
    for (uint32_t i = 0; i < d->rows.n_items; i++) {
        m->id[i] = string_in(&m->strings, names_at(&d->item_ids, i));
        m->title[i] = string_in(&m->strings, dataset_title(d, i));
        if (!m->id[i] || !m->title[i]) return LOREC_RESOURCE; /* the arena has set the message */
    }
    return LOREC_OK;
}

/* A data set of the model's own, so that it outlives the caller's. */
static lorec_err catalogue_copy(lorec_model *m, const dataset *d)
{
    TRY(dataset_filter(&m->catalogue.data, d, &(filter_options){0}));
    return strings_make(m);
}

lorec_err lorec_fit(lorec_model **out, const char *method, const lorec_dataset *d, const lorec_fit_options *options)
{
    *out = NULL;
    lorec_fit_options o = {.seed = 1};
    TRY(struct_given(&o, sizeof o, options, "lorec_fit_options"));
    lorec_model *m;
    split s = {0};
    split_options how;
    TRY(model_new(&m, method));
    lorec_err e = set_options(m, &o);
    if (e == LOREC_OK) e = split_parse(&how, o.split ? o.split : "loo");
    if (e == LOREC_OK) e = split_make(&s, &d->data, &how);
    if (e == LOREC_OK) e = fit_on(m, &s, &o);
    if (e == LOREC_OK) e = catalogue_copy(m, &d->data);
    split_close(&s);
    if (e) {
        lorec_model_free(m);
        return e;
    }
    *out = m;
    return LOREC_OK;
}

/* A question in numbers: what the caller named, or what the known user had. */
typedef struct question {
    query query;
    uint32_t *items;
} question;

static lorec_err question_make(question *out, const lorec_model *m, const char *user, const char *const *history,
                               size_t n_history)
{
    const dataset *d = &m->catalogue.data;
    *out = (question){.query = {.user = NO_USER, .now = INT64_MIN}};
    if (!user && n_history == 0) return err_set(LOREC_USAGE, "neither a user nor a history was given");
    if (user && !dataset_find_user(d, slice_of(user), &out->query.user))
        return err_set(LOREC_USAGE, "the user \"%s\" is not in the data this model was trained on", user);
    if (n_history == 0) {
        uint64_t first = d->rows.start[out->query.user];
        out->query.items = d->rows.item + first;
        out->query.times = d->rows.time ? d->rows.time + first : NULL;
        out->query.n = (size_t)(d->rows.start[out->query.user + 1] - first);
        return LOREC_OK;
    }
    TRY(mem_new(&out->items, n_history));
    for (size_t i = 0; i < n_history; i++) {
        lorec_err e = dataset_find_item(d, slice_of(history[i]), &out->items[i]);
        if (e) {
            mem_free(out->items);
            return e;
        }
    }
    out->query.items = out->items;
    out->query.n = n_history;
    return LOREC_OK;
}

lorec_err lorec_recommend(const lorec_model *m, const char *user, const char *const *history, size_t n_history,
                          lorec_item *items, size_t k, size_t *n)
{
    *n = 0;
    question q;
    uint32_t *list = NULL;
    float *best = NULL;
    TRY(question_make(&q, m, user, history, n_history));
    rec_session *session = rec_session_new(0);
    lorec_err e = session ? LOREC_OK : LOREC_RESOURCE;
    if (e == LOREC_OK) e = mem_new(&list, k);
    if (e == LOREC_OK) e = mem_new(&best, k);
    if (e == LOREC_OK)
        e = recommender_list(m->row, m->self, session, m->catalogue.data.rows.n_items, &q.query, 1, k, false, list,
                             best, n);
    for (size_t i = 0; i < *n && e == LOREC_OK; i++)
        items[i] = (lorec_item){m->id[list[i]], m->title[list[i]], best[i]};
    mem_free(best);
    mem_free(list);
    rec_session_free(session);
    mem_free(q.items);
    return e;
}

lorec_err lorec_score(const lorec_model *m, const char *user, const char *const *history, size_t n_history,
                      const char *const *candidates, size_t n_candidates, float *scores)
{
    question q;
    uint32_t *list = NULL;
    TRY(question_make(&q, m, user, history, n_history));
    rec_session *session = rec_session_new(0);
    lorec_err e = session ? LOREC_OK : LOREC_RESOURCE;
    if (e == LOREC_OK) e = mem_new(&list, n_candidates);
    for (size_t i = 0; i < n_candidates && e == LOREC_OK; i++)
        e = dataset_find_item(&m->catalogue.data, slice_of(candidates[i]), &list[i]);
    uint64_t start[2] = {0, n_candidates};
    if (e == LOREC_OK)
        e = recommender_score_items(m->row, m->self, session, m->catalogue.data.rows.n_items, &q.query, 1, start, list,
                                    scores);
    mem_free(list);
    rec_session_free(session);
    mem_free(q.items);
    return e;
}

lorec_err lorec_score_all(const lorec_model *m, const char *user, const char *const *history, size_t n_history,
                          float *scores)
{
    question q;
    TRY(question_make(&q, m, user, history, n_history));
    rec_session *session = rec_session_new(0);
    lorec_err e = session ? LOREC_OK : LOREC_RESOURCE;
    if (e == LOREC_OK && !m->row->score)
        e = err_set(LOREC_USAGE, "%s makes lists and has no scores of all items", m->row->key);
    if (e == LOREC_OK) e = m->row->score(m->self, session, &q.query, 1, scores);
    rec_session_free(session);
    mem_free(q.items);
    return e;
}

/* ---- many known users ------------------------------------------------------------------------------------------------------ */

enum { USERS_AT_ONCE = 512 };

static lorec_err user_question(const lorec_model *m, const uint32_t *users, size_t i, query *out)
{
    const interactions *x = &m->catalogue.data.rows;
    size_t user = users ? users[i] : i;
    if (user >= x->n_users)
        return err_set(LOREC_USAGE, "user %zu of the list is number %zu; the catalogue has %u", i, user, x->n_users);
    uint64_t first = x->start[user];
    *out = (query){.user = (uint32_t)user,
                   .items = x->item + first,
                   .times = x->time ? x->time + first : NULL,
                   .n = (size_t)(x->start[user + 1] - first),
                   .now = INT64_MIN};
    return LOREC_OK;
}

lorec_err lorec_recommend_users(const lorec_model *m, const uint32_t *users, size_t n, size_t k, uint32_t *items,
                                float *scores)
{
    query *q = NULL;
    size_t *found = NULL;
    rec_session *session = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&q, USERS_AT_ONCE), done);
    TRY_GO(e, mem_new(&found, USERS_AT_ONCE), done);
    session = rec_session_new(0);
    if (!session) e = LOREC_RESOURCE;
    for (size_t at = 0; at < n && !e; at += USERS_AT_ONCE) {
        size_t now = n - at < USERS_AT_ONCE ? n - at : USERS_AT_ONCE;
        TRY_GO(e, cancel_check(), done);
        for (size_t i = 0; i < now; i++) TRY_GO(e, user_question(m, users, at + i, &q[i]), done);
        TRY_GO(e,
               recommender_list(m->row, m->self, session, m->catalogue.data.rows.n_items, q, now, k, false,
                                items + at * k, scores + at * k, found),
               done);
        for (size_t i = 0; i < now; i++)
            for (size_t j = found[i]; j < k; j++) {
                items[(at + i) * k + j] = UINT32_MAX;
                scores[(at + i) * k + j] = NAN;
            }
    }
done:
    rec_session_free(session);
    mem_free(found);
    mem_free(q);
    return e;
}

const lorec_dataset *lorec_model_catalogue(const lorec_model *m)
{
    return &m->catalogue;
}

/* ---- folders --------------------------------------------------------------------------------------------------------------- */

lorec_err lorec_model_save(const lorec_model *m, const char *folder)
{
    buf path = {0}, tmp = {0};
    lorec_err e = buf_printf(&tmp, "%s.tmp", folder);
    if (e == LOREC_OK) e = folder_remove(tmp.p);
    if (e == LOREC_OK) e = folder_make(tmp.p);
    if (e == LOREC_OK) e = path_join(&path, tmp.p, "data");
    if (e == LOREC_OK) e = dataset_save(&m->catalogue.data, path.p);
    if (e == LOREC_OK) e = path_join(&path, tmp.p, "model");
    if (e == LOREC_OK) e = recommender_save(m->row, m->self, path.p);
    if (e == LOREC_OK) e = folder_remove(folder);
    if (e == LOREC_OK && rename(tmp.p, folder) != 0) e = err_errno("%s: can not be renamed into place", folder);
    if (e && tmp.p) (void)folder_remove(tmp.p);
    buf_free(&path);
    buf_free(&tmp);
    return e;
}

lorec_err model_of(lorec_model **out, const recommender *row, void *self, dataset *catalogue)
{
    lorec_model *m;
    *out = NULL;
    lorec_err e = mem_new(&m, 1);
    if (e) {
        recommender_free(row, self);
        dataset_close(catalogue);
        return e;
    }
    m->row = row;
    m->self = self;
    m->catalogue.data = *catalogue;
    e = recommender_fits(row, self, catalogue->rows.n_items);
    if (e == LOREC_OK) e = strings_make(m);
    if (e) {
        lorec_model_free(m);
        return e;
    }
    *out = m;
    return LOREC_OK;
}

static lorec_err read_saved(lorec_model **out, const char *folder)
{
    buf path = {0};
    json_t *head = NULL;
    const recommender *row = NULL;
    dataset data;
    void *self = NULL;
    const char *key;
    lorec_err e = path_join(&path, folder, "model/recommender.json");
    if (e == LOREC_OK && !file_exists(path.p))
        e = err_set(LOREC_INPUT, "%s holds neither a model that was saved nor a run", folder);
    if (e == LOREC_OK) e = json_read(&head, path.p);
    if (e == LOREC_OK) e = json_get_string(head, "key", &key);
    if (e == LOREC_OK) e = registry_need(key, &row);
    if (e == LOREC_OK) e = path_join(&path, folder, "model");
    if (e == LOREC_OK) e = recommender_load(row, &self, path.p);
    if (e == LOREC_OK) e = path_join(&path, folder, "data");
    if (e == LOREC_OK) e = dataset_open(&data, path.p);
    json_decref(head);
    buf_free(&path);
    if (e == LOREC_OK) return model_of(out, row, self, &data);
    if (self) recommender_free(row, self);
    return e;
}

lorec_err lorec_model_load(lorec_model **out, const char *folder)
{
    *out = NULL;
    buf config = {0};
    lorec_err e = path_join(&config, folder, "config.json");
    bool is_run = !e && file_exists(config.p);
    buf_free(&config);
    if (e) return e;
    return is_run ? lorec_run_model(out, folder, NULL, -1) : read_saved(out, folder);
}

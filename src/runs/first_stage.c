#include "runs/first_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "eval/questions.h"
#include "eval/trial.h"
#include "rec/topk.h"

enum { LIST_MOST = 10000, AT_ONCE = 256 };

bool first_stage_is(const char *words, const recommender **r, int64_t *n)
{
    slice rest = slice_of(words), name = slice_cut(&rest, '@');
    char key[64];
    if (!rest.n || name.n >= sizeof key || !slice_to_i64(rest, n) || *n < 1 || *n > LIST_MOST) return false;
    if (slice_is(name, "pop")) return false; /* pop@99: the target among so many drawn by popularity, as in RecBole */
    snprintf(key, sizeof key, "%.*s", (int)name.n, name.p);
    *r = registry_find(key);
    return *r != NULL;
}

/* ---- the retriever ----------------------------------------------------------------------------------------------------- */

static lorec_err fit(trial *t, const settings *s, const split *sp, const recommender *r, const protocol *test,
                     const protocol *valid, const char *folder)
{
    text_list set = {0};
    lorec_err e = settings_sets(s, r, false, &set);
    if (!e)
        e = trial_run(t, &(trial_request){.recommender = r,
                                          .set = set.item,
                                          .n_set = set.n,
                                          .fast = s->fast,
                                          .seed = (uint64_t)s->eval_seed,
                                          .split = sp,
                                          .protocol = test,
                                          .part = PART_TEST,
                                          .valid = valid,
                                          .valid_users = (uint32_t)s->valid_users,
                                          .save_to = folder,
                                          .memory = trial_memory_available()});
    settings_sets_free(&set);
    if (!e && t->status != TRIAL_OK) e = err_set(t->err, "--eval %s: the first stage failed: %s", s->eval, t->why);
    return e;
}

/* ---- its lists ----------------------------------------------------------------------------------------------------------- */

static void put_id(writer *w, slice id)
{
    writer_put(w, id.p, id.n);
}

static lorec_err write_lists(const char *path, const protocol *p, const recommender *r, const void *self, size_t k,
                             uint64_t seed)
{
    questions q;
    query_batch b = {0};
    writer w;
    uint32_t *item = NULL;
    float *score = NULL;
    size_t *found = NULL;
    rec_session *session = NULL;
    lorec_err e;
    TRY(questions_make(&q, p, PART_TEST, 0, 0));
    const dataset *d = p->split->data;
    TRY_GO(e, writer_open(&w, path), no_file);
    TRY_GO(e, mem_new(&item, AT_ONCE * k), done);
    TRY_GO(e, mem_new(&score, AT_ONCE * k), done);
    TRY_GO(e, mem_new(&found, AT_ONCE), done);
    session = rec_session_new(seed);
    if (!session) e = err_set(LOREC_RESOURCE, "out of memory for a session");
    for (size_t at = 0; at < q.n && !e; at += AT_ONCE) {
        size_t n = q.n - at < AT_ONCE ? q.n - at : AT_ONCE;
        TRY_GO(e, query_batch_fill(&b, p, PART_TEST, &q, at, n), done);
        TRY_GO(e, recommender_list(r, self, session, d->rows.n_items, b.query, n, k, p->keep_seen, item, score, found),
               done);
        for (size_t i = 0; i < n; i++) {
            if (!found[i]) continue;
            put_id(&w, names_at(&d->user_ids, q.user[at + i]));
            for (size_t j = 0; j < found[i]; j++) {
                writer_put(&w, "\t", 1);
                put_id(&w, names_at(&d->item_ids, item[i * k + j]));
            }
            writer_put(&w, "\n", 1);
        }
    }
done:
    if (e)
        writer_abort(&w);
    else
        e = writer_commit(&w);
no_file:
    rec_session_free(session);
    mem_free(item);
    mem_free(score);
    mem_free(found);
    query_batch_free(&b);
    questions_free(&q);
    return e;
}

static lorec_err retrieve(buf *path, const settings *s, const split *sp, const recommender *r, int64_t n,
                          const char *folder)
{
    protocol test = {0}, valid = {0};
    trial t = {0};
    void *self = NULL;
    buf model = {0};
    lorec_err e = protocol_make(&test, sp, "full", "recall@10", s->keep_seen, 0);
    if (!e) e = protocol_make(&valid, sp, "full", "ndcg@10", s->keep_seen, 0);
    if (!e) e = path_join(&model, folder, "model");
    log_info("%s: the first stage, %lld items for each test user", r->key, (long long)n);
    if (!e) e = fit(&t, s, sp, r, &test, &valid, model.p);
    if (!e) e = recommender_load(r, &self, model.p);
    if (!e) e = write_lists(path->p, &test, r, self, (size_t)n, (uint64_t)s->eval_seed);
    if (self) recommender_free(r, self);
    trial_free(&t);
    buf_free(&model);
    protocol_close(&test);
    protocol_close(&valid);
    return e;
}

lorec_err first_stage_slates(buf *path, const settings *s, const split *sp, const recommender *r, int64_t n)
{
    const char *tmp = getenv("TMPDIR");
    buf folder = {0};
    if (n > sp->train.n_items) n = sp->train.n_items;
    TRY(buf_printf(&folder, "%s/lorec-first-stage-XXXXXX", tmp && *tmp ? tmp : "/tmp"));
    lorec_err e = mkdtemp(folder.p) ? LOREC_OK : err_errno("%s", folder.p);
    if (!e) {
        e = buf_printf(path, "%s.tsv", folder.p);
        if (!e) e = retrieve(path, s, sp, r, n, folder.p);
        if (folder_remove(folder.p)) log_warn("%s", lorec_error_message());
    }
    buf_free(&folder);
    return e;
}

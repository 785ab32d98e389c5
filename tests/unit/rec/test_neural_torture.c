/* Every allocation and every write in turn fails while a model is fitted, saved and loaded: an error each time, never a
 * crash, and afterwards all works as before. */
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "unit/rec/made.h"

extern const recommender recommender_bpr, recommender_lightgcn, recommender_fpmc, recommender_gru4rec,
    recommender_sasrec, recommender_bert4rec;
static const recommender *const all[] = {&recommender_bpr,     &recommender_lightgcn, &recommender_fpmc,
                                         &recommender_gru4rec, &recommender_sasrec,   &recommender_bert4rec};

static made m;

/* new, fit with checkpoints, save, load, score: the first error, or LOREC_OK. */
static lorec_err life(const recommender *r, const char *folder)
{
    void *self, *again;
    TRY(recommender_new(r, &self));
    lorec_err e = options_set(r->options, r->n_options, self, "epochs", "1");
    fit_context fit = {.train = &m.x, .seed = 1, .folder = folder};
    if (!e) e = r->fit(self, &fit);
    buf path = {0};
    if (!e) e = path_join(&path, folder, "model");
    if (!e) e = recommender_save(r, self, path.p);
    recommender_free(r, self);
    if (!e) e = recommender_load(r, &again, path.p);
    if (!e) {
        rec_session *s = rec_session_new(1);
        float scores[2 * 9];
        query q[] = {made_query(&m, 0), {.user = NO_USER}};
        e = s ? r->score(again, s, q, 2, scores) : LOREC_RESOURCE;
        rec_session_free(s);
        recommender_free(r, again);
    }
    buf_free(&path);
    return e;
}

static void memory_runs_out(void **state)
{
    (void)state;
    made_chain(&m, 6, 9, 5);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const char *folder = test_path(all[k]->key);
        mem_fail_at(0, false);
        assert_ok(life(all[k], folder));
        size_t total = mem_fail_at(0, false);
        assert_true(total > 20);
        size_t stride = total / 150 + 1;
        for (size_t n = 1; n <= total; n += stride) {
            mem_fail_at(n, n % 2 == 0);
            lorec_err e = life(all[k], folder);
            mem_fail_at(0, false);
            if (e != LOREC_RESOURCE && e != LOREC_OK)
                fail_msg("%s, allocation %zu of %zu: error %d: %s", all[k]->key, n, total, (int)e,
                         lorec_error_message());
        }
        assert_ok(life(all[k], folder));
    }
}

static void the_disk_is_full(void **state)
{
    (void)state;
    made_chain(&m, 6, 9, 5);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const char *folder = test_path(all[k]->key);
        file_fail_at(0);
        assert_ok(life(all[k], folder));
        size_t total = file_fail_at(0);
        assert_true(total > 8);
        for (size_t n = 1; n <= total; n++) {
            file_fail_at(n);
            lorec_err e = life(all[k], folder);
            file_fail_at(0);
            assert_int_equal(e, LOREC_RESOURCE);
        }
        assert_ok(life(all[k], folder));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(the_disk_is_full),
    };
    log_set_level(LOG_QUIET);
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

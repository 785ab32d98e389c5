#include "base/threads.h"
#include "support/support.h"

typedef struct job {
    int *hits;
    size_t fail_from;
} job;

static lorec_err mark(void *ctx, size_t begin, size_t end, int worker)
{
    job *j = ctx;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        if (i >= j->fail_from) return err_set(LOREC_INPUT, "item %zu", i);
        j->hits[i]++;
    }
    return LOREC_OK;
}

typedef struct outer {
    int hits[2][10];
} outer;

static lorec_err nested(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    for (size_t i = begin; i < end; i++) TRY(par_for(10, 1, mark, &(job){((outer *)ctx)->hits[i], SIZE_MAX}));
    return LOREC_OK;
}

static void covers(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 5; workers++) {
        par_set_workers(workers);
        for (size_t n = 0; n < 70; n++) {
            int hits[70] = {0};
            job j = {hits, SIZE_MAX};
            assert_ok(par_for(n, 3, mark, &j));
            assert_ok(par_each(n, 4, mark, &j));
            for (size_t i = 0; i < 70; i++) assert_int_equal(hits[i], i < n ? 2 : 0);
        }
        int hits[64] = {0};
        job j = {hits, 40};
        assert_fails(par_for(64, 1, mark, &j), LOREC_INPUT, "item");
        assert_fails(par_each(64, 1, mark, &j), LOREC_INPUT, "item");
        outer o = {0};
        assert_ok(par_for(2, 1, nested, &o));
        for (int i = 0; i < 10; i++) assert_true(o.hits[0][i] == 1 && o.hits[1][i] == 1);
    }
}

static void cancels(void **state)
{
    (void)state;
    assert_ok(cancel_check());
    cancel_request();
    assert_fails(cancel_check(), LOREC_CANCELLED, "--resume");
    cancel_clear();
    assert_ok(cancel_check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(covers), cmocka_unit_test(cancels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/threads.h"
#include "support/support.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* Sums per worker: what a worker's share is must not depend on who works on it. */
typedef struct sums {
    double of[8];
} sums;

static lorec_err add_up(void *ctx, size_t begin, size_t end, int worker)
{
    for (size_t i = begin; i < end; i++) ((sums *)ctx)->of[worker] += 1 / (double)(i + 1);
    return LOREC_OK;
}

static void *many_loops(void *due)
{
    for (int i = 0; i < 300; i++) {
        sums got = {0};
        if (par_for(1000, 1, add_up, &got) || memcmp(&got, due, sizeof got) != 0) return due;
        int hits[100] = {0};
        job j = {hits, SIZE_MAX};
        if (par_each(100, 3, mark, &j)) return due;
        for (int k = 0; k < 100; k++)
            if (hits[k] != 1) return due;
    }
    return NULL;
}

static void many_callers(void **state)
{
    (void)state;
    enum { CALLERS = 4 };
    pthread_t caller[CALLERS];
    sums due = {0};
    par_set_workers(3);
    assert_ok(par_for(1000, 1, add_up, &due));
    for (int i = 0; i < CALLERS; i++) assert_int_equal(pthread_create(&caller[i], NULL, many_loops, &due), 0);
    for (int i = 0; i < CALLERS; i++) {
        void *wrong;
        pthread_join(caller[i], &wrong);
        assert_null(wrong);
    }
}

static void after_fork(void **state)
{
    (void)state;
    sums due = {0};
    par_set_workers(3);
    assert_ok(par_for(1000, 1, add_up, &due));
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(many_loops(&due) != NULL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_null(many_loops(&due));
}

/* Where the workers' cores are wanted by others, loops still come to their end soon: idle workers sleep. */
static void idle_workers_sleep(void **state)
{
    (void)state;
    struct timespec pause = {.tv_nsec = 5000000}, before, after;
    sums s = {0};
    par_set_workers(4);
    assert_ok(par_for(1000, 1, add_up, &s));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    for (int i = 0; i < 40; i++) {
        nanosleep(&pause, NULL);
        assert_ok(par_for(1000, 1, add_up, &s));
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double cpu = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
    assert_true(cpu < 0.1); /* three that spun through 200 ms would take up to 0.6 s */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covers),     cmocka_unit_test(many_callers),
        cmocka_unit_test(after_fork), cmocka_unit_test(idle_workers_sleep),
        cmocka_unit_test(cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
